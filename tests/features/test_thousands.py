"""Numbers written with grouping commas, as in the class sizes of New York City."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from site_typology.errors import Problems, StudyError
from site_typology.features.columns import cells, explain_missing, settle
from site_typology.features.linking import read_tables
from site_typology.features.profiler import build_profiles
from site_typology.study_file import parse_declaration


def settled(texts: list[str], *, decimal_comma: bool = False) -> list[object]:
    column = explain_missing(pd.Series(texts), {}, {})
    return list(cells(*settle(column, decimal_comma=decimal_comma)))


def test_a_comma_groups_thousands_where_hundreds_show_it() -> None:
    assert settled(["1,013", "999", "12"]) == [1013.0, 999.0, 12.0]
    assert settled(["1,234,567.5", "250"]) == [1234567.5, 250.0]


@pytest.mark.parametrize(
    "texts",
    [
        ["1,013", "3"],  # may as well be a decimal comma
        ["1,013", "1200", "100"],  # thousands are written without it
        ["1,013", "3,5", "200"],
        ["1,013"],
    ],
)
def test_a_comma_that_may_mean_something_else_is_left_alone(texts: list[str]) -> None:
    assert settled(texts) == texts


def test_a_decimal_comma_stays_one() -> None:
    assert settled(["1,013", "500"], decimal_comma=True) == [1.013, 500.0]


def test_points_beside_decimal_commas_may_group_thousands_so_that_all_stays_text() -> None:
    assert settled(["1.234", "2,5"], decimal_comma=True) == ["1.234", "2,5"]
    assert settled(["1.5", "2"], decimal_comma=True) == [1.5, 2.0]


@pytest.mark.parametrize("engine", [None, "duckdb"])
def test_only_the_cells_that_are_no_numbers_are_named(tmp_path: Path, engine: str | None) -> None:
    (tmp_path / "sites.csv").write_text("site;fte;posts\nA;1,5;1.234\nB;full;2,5\nC;NA;3\n")
    features = [
        {"name": name, "builder": "column", "args": {"table": "sites", "column": name}}
        for name in ("fte", "posts")
    ]
    content = {
        "study": {"name": "t", "sites": "sites"},
        "tables": {"sites": {"path": "sites.csv", "site": "site"}},
        "features": features,
    }
    found = Problems("study.toml")
    tables = read_tables(parse_declaration(content), tmp_path, found, engine)
    found.raise_if_any()
    with pytest.raises(StudyError) as caught:
        build_profiles(tables)
    assert "must hold numbers; found 'full' in row 2." in str(caught.value)
    # One of the two ways to write a number is meant, and commas are for decimals here.
    assert "must hold numbers; found '1.234' in row 1." in str(caught.value)
