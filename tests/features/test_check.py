"""What ``check`` counts and prints."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from site_typology.errors import Problems
from site_typology.feature_info import FeatureInfo
from site_typology.features.coverage import (
    features_by_round,
    missing_by_column,
    response_by_site,
    rows_by_table,
    rows_set_aside,
    stray_marks,
)
from site_typology.features.linking import read_tables
from site_typology.features.quality import print_check
from site_typology.features.tables import StudyTables
from site_typology.profiles import SiteProfiles
from site_typology.study_file import parse_declaration


@pytest.fixture
def tables(tmp_path: Path) -> StudyTables:
    (tmp_path / "sites.csv").write_text("site,asked\n[bold]A,4\nB,1\nC,2\nD,0\n")
    (tmp_path / "q.csv").write_text(
        "site ,IPAddress,a,b\n[bold]A,1,9,1\n[bold]A,1,2,3\nB,1,,4\nB,1,1,5\n"
        "Z,1,1,1\nB,1,1,s\nB,1,1,7\nB,1"
    )
    content = {
        "study": {"name": "made", "sites": "sites", "unknown_sites": "drop"},
        "tables": {
            "sites": {"path": "sites.csv", "site": "site"},
            "q": {
                "path": "q.csv",
                "site": "site",
                "role": "survey",
                "eligible": {"table": "sites", "column": "asked"},
                "missing": {"9": "refused"},
            },
        },
        "features": [{"name": "a", "builder": "mean", "args": {"table": "q", "column": "a"}}],
    }
    found = Problems("study.toml")
    result = read_tables(parse_declaration(content), tmp_path, found)
    found.raise_if_any()
    return result


def test_rows_sites_and_reasons_are_counted(tables: StudyTables) -> None:
    rows = rows_by_table(tables).set_index("table").loc["q"]
    assert rows[["rows", "used", "set_aside", "sites", "sites_without_rows"]].tolist() == [
        8,
        6,
        2,
        2,
        2,
    ]
    aside = rows_set_aside(tables)
    assert aside[["reason", "n", "sites"]].values.tolist() == [
        ["cut row", 1, ["B"]],
        ["site not in the sites table", 1, ["Z"]],
    ]


def test_missing_cells_are_counted_by_reason(tables: StudyTables) -> None:
    missing = missing_by_column(tables)
    assert missing["reason"].tolist() == ["refused", "not answered"]
    assert missing["share"].tolist() == pytest.approx([1 / 6, 1 / 6])
    assert missing["in_study"].all()


def test_marks_in_a_column_of_numbers_are_found(tables: StudyTables) -> None:
    assert stray_marks(tables).values.tolist() == [["q", "b", "s", 1]]


def test_response_rates_are_shares_of_those_asked(tables: StudyTables) -> None:
    rates = response_by_site(tables).set_index("site")["rate"]
    assert rates.tolist() == pytest.approx([0.5, 4.0, 0.0, np.nan], nan_ok=True)


def test_the_reliability_of_informants_stands_in_its_round_alone(tables: StudyTables) -> None:
    index = pd.MultiIndex.from_product([["A", "B"], ["1", "2"]], names=["site", "round"])
    values = pd.DataFrame({"a": [2.0, 1.0, 3.0, 4.0]}, index=index)
    info = FeatureInfo("a", measurement={"icc1": 0.25})
    profiles = SiteProfiles.from_frame(values, kinds={"a": info})
    shown = features_by_round(profiles, "2").set_index("round")["icc1"]
    assert np.isnan(shown["1"]) and shown["2"] == 0.25


def test_everything_is_printed_and_nothing_is_markup(tables: StudyTables) -> None:
    written = io.StringIO()
    values = pd.DataFrame({"a": [2.0, 1.0, None]}, index=["[bold]A", "B", "C"])
    print_check(Console(file=written, width=120), tables, SiteProfiles.from_frame(values))
    text = written.getvalue()
    for words in (
        "made: 4 sites",
        "Sites without rows in q: C, D.",
        "cut row",
        "Personal columns of q, dropped: IPAddress.",
        "Blanks around the name of a column were removed: 'site '.",
        "refused 1, not answered 1",
        "'b' is read as text because of 's' (1).",
        "2 of 4 (50%)",
        "0 of 0",
        "more answered than were asked at B.",
        "2 of 3",
        "[bold]A",
    ):
        assert words in text


def test_numbers_of_answers_that_are_withheld_are_not_known(tmp_path: Path) -> None:
    """A: 5 of 10; B's answers are withheld, as is the number that C asked; D: 3 of 10."""
    (tmp_path / "counts.csv").write_text(
        "site,asked,answered,q\nA,10,5,1\nB,20,s,2\nC,s,9,3\nD,10,3,4\n"
    )
    eligible = {"table": "counts", "column": "asked", "answered": "answered"}
    counts = {"path": "counts.csv", "site": "site", "eligible": eligible}
    content = {
        "study": {"name": "made", "sites": "counts"},
        "tables": {"counts": {**counts, "role": "survey", "missing": {"s": "suppressed"}}},
        "features": [
            {"name": "q", "builder": "column", "args": {"table": "counts", "column": "q"}}
        ],
    }
    found = Problems("study.toml")
    tables = read_tables(parse_declaration(content), tmp_path, found)
    found.raise_if_any()
    page = io.StringIO()
    print_check(Console(file=page, width=120), tables)
    lines = [line.split() for line in page.getvalue().partition("Response:")[2].splitlines()]
    rows = {line[0]: " ".join(line[1:]) for line in lines if line}
    assert rows["all"] == "8 of 20 (40%)"
    assert (rows["A"], rows["B"], rows["C"]) == ("5 of 10 (50%)", "not known", "9")
