"""Ranges and windows of dates among conditions, alike in every engine and counted by hand."""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import site_typology as st
from site_typology.errors import StudyError
from site_typology.features.builders import BUILDERS
from site_typology.features.profiler import build_profiles
from site_typology.features.tables import Table

HAS_SPARK = importlib.util.find_spec("pyspark") is not None
NEEDS_SPARK = pytest.mark.skipif(not HAS_SPARK, reason="pyspark is absent")
ENGINES = ["pandas", "polars", "duckdb", pytest.param("spark", marks=NEEDS_SPARK)]

VISITS = pd.DataFrame(
    [
        ("A", "2020-12-31", "31/12/2020", 10.0, "pupil"),
        ("A", "2021-01-01T09:30", "01/01/2021", 20.0, "pupil"),
        ("A", "2021-06-30", "30/06/2021", 30.0, "staff"),
        ("A", "2021-12-31 23:59", "31/12/2021", 60.0, "pupil"),
        ("A", None, None, 90.0, "staff"),
        ("B", "2021-03-01", "01/03/2021", 40.0, "staff"),
        ("B", "2022-01-01", "01/01/2022", 50.0, "pupil"),
        ("C", "2022-05-05", "05/05/2022", 5.0, "pupil"),
    ],
    columns=["site", "seen", "day", "minutes", "with"],
)
SIZE = pd.DataFrame({"site": list("ABC"), "teams": [2.0, 1.0, 1.0]})
YEAR = ["2021-01-01", "2021-12-31"]
# The second window overlaps the first by half a year.
WINDOWS = {"1": YEAR, "2": ["2021-07-01", "2022-06-30"]}


def per_team(name: str, *where: dict, **more: Any) -> dict:
    args = {
        "numerator": {"table": "visits", "where": list(where), **more},
        "denominator": {"table": "size", "column": "teams"},
    }
    return {"name": name, "builder": "rate", "args": args}


def median(name: str, *where: dict) -> dict:
    args = {"table": "visits", "column": "minutes", "where": list(where)}
    return {"name": name, "builder": "median", "args": args}


def in_window(column: str, window: Any, **more: Any) -> dict:
    return {"column": column, "window": window, **more}


@pytest.fixture
def built(study, request):
    def of(features: list[dict], engine: Any = "pandas", rounds: list[str] | None = None):
        if engine == "spark":
            request.getfixturevalue("spark")
        tables = study({"visits": VISITS, "size": SIZE}, features, rounds=rounds)
        moved = {
            name: Table.of(name, each.declaration, each.collect(), engine=engine)
            for name, each in tables.tables.items()
        }
        return build_profiles(dataclasses.replace(tables, tables=moved))

    return of


@pytest.mark.parametrize("engine", ENGINES)
def test_windows_and_ranges_choose_rows_in_every_engine(built, engine):
    features = [
        per_team("iso", in_window("seen", YEAR)),
        per_team("written", in_window("day", YEAR)),
        per_team("outside", in_window("seen", YEAR, negate=True)),
        per_team("middling", {"column": "minutes", "range": [20, 60]}),
        per_team("minutes", in_window("seen", YEAR), column="minutes"),
        median("median", in_window("day", YEAR), {"column": "minutes", "range": [0, 30]}),
        {
            "name": "mean",
            "builder": "mean",
            "args": {
                "table": "visits",
                "column": "minutes",
                "where": [in_window("seen", YEAR)],
            },
        },
    ]
    found = built(features, engine).values.droplevel("round")
    assert found["iso"].tolist() == found["written"].tolist() == [1.5, 1.0, 0.0]
    # A row without a date is in no window, and so outside.
    assert found["outside"].tolist() == [1.0, 1.0, 1.0]
    assert found["middling"].tolist() == [1.5, 2.0, 0.0]
    assert found["minutes"].tolist() == [55.0, 40.0, 0.0]
    assert found["median"].tolist()[:1] == [25.0]
    assert found["mean"].tolist()[:2] == pytest.approx([110 / 3, 40.0])
    assert found[["median", "mean"]].loc["C"].isna().all()


@pytest.mark.parametrize("engine", ENGINES)
def test_windows_of_rounds_give_each_round_its_rows(built, engine):
    kinds = {"pupil": ["pupil"], "staff": ["staff"]}
    whole = {"table": "visits", "category": "with", "parts": kinds}
    by_round = in_window("seen", WINDOWS)
    features = [
        per_team("visits", by_round),
        per_team("minutes", by_round, column="minutes"),
        median("median", in_window("day", WINDOWS)),
        {"name": "mix", "builder": "composition", "args": {**whole, "where": [by_round]}},
        {
            "name": "most",
            "builder": "category",
            "use": "evaluate",
            "args": {"table": "visits", "column": "with", "where": [by_round]},
        },
    ]
    profiles = built(features, engine, rounds=["1", "2"])
    found = profiles.values.unstack("round")
    assert found["visits"].to_numpy().tolist() == [[1.5, 0.5], [1.0, 1.0], [0.0, 1.0]]
    assert found["minutes"].to_numpy().tolist() == [[55.0, 30.0], [40.0, 50.0], [0.0, 5.0]]
    assert found["median"].loc["A"].tolist() == [30.0, 60.0]
    assert found["mix.pupil"].loc["A"].tolist() == pytest.approx([2 / 3, 1.0])
    assert found["most"].loc["B"].tolist() == ["staff", "pupil"]
    assert profiles.counts["median"].loc[("A", "1")] == 3
    assert profiles.reasons["median"].loc[("C", "1")] == "not answered"


def test_a_round_without_a_window_was_not_asked_about(built):
    """A count of 0 would say that all sites stood still in it."""
    first = in_window("seen", {"1": YEAR})
    kinds = {"pupil": ["pupil"], "staff": ["staff"]}
    mix = {"table": "visits", "category": "with", "parts": kinds, "where": [first]}
    features = [
        per_team("visits", first),
        median("median", first),
        {"name": "mix", "builder": "composition", "args": mix},
    ]
    profiles = built(features, rounds=["1", "2"])
    assert profiles.values["visits"].unstack("round")["1"].tolist() == [1.5, 1.0, 0.0]
    second = profiles.select(round="2")
    assert second.values.isna().all(axis=None)
    assert set(second.reasons.to_numpy().ravel()) == {"not asked"}


def test_what_cannot_be_a_window_or_range_is_refused(built):
    mean = {"table": "visits", "column": "minutes", "where": [in_window("seen", WINDOWS)]}
    staff = {"table": "size", "column": "teams"}
    features = [
        per_team("words", in_window("with", YEAR)),
        per_team("number", {"column": "with", "range": [1, 2]}),
        per_team("strange", in_window("seen", {"3": YEAR})),
        {"name": "mean", "builder": "mean", "args": mean},
        per_team("apart", in_window("seen", {"1": YEAR}), in_window("day", {"2": YEAR})),
        per_team("both", {"column": "with", "values": ["staff"], "range": [1, 2]}),
        per_team("none", {"column": "with"}),
        per_team("turned", in_window("seen", YEAR[::-1])),
        per_team("low", {"column": "minutes", "range": [3, 1]}),
        {"name": "gone", "builder": "column", "args": staff, "absent": in_window("x", WINDOWS)},
    ]
    with pytest.raises(StudyError) as caught:
        built(features, rounds=["1", "2"])
    text = " ".join(str(caught.value).split())
    assert "A window needs dates such as 2021-09-30 in column 'with' in table 'visits'" in text
    assert "A range needs numbers in column 'with' in table 'visits'; found 'pupil'" in text
    assert "'3' in the window of 'seen' is no round of the study. Rounds: 1, 2." in text
    assert "features.mean.where The window of 'seen' differs by round" in text
    assert "features.apart.where The windows of 'seen', 'day' have no round in common" in text
    assert text.count("Give one of 'values', 'range' and 'window'") == 2
    assert "must be [first day, last day]" in text
    assert "must be [low, high]" in text
    assert "features.gone.absent Give one window" in text


def test_builders_that_take_windows_of_rounds_are_the_generic_ones():
    taken = {name for name, builder in BUILDERS.items() if builder.takes_windows}
    generic = {"median", "composition", "diversity", "rate", "category", "column"}
    assert taken == {*generic, "orientation_time", "activity_mix", "activity_mechanism"}


STUDY = """
[study]
name = "windows"
sites = "size"
[tables.size]
path = "size.csv"
site = "site"
[tables.visits]
path = "visits.csv"
site = "site"
where = [{ column = "seen", window = [2021-01-01, 2021-12-31] }, { column = "minutes", range = [0, 30] }]
[[features]]
name = "visits"
builder = "rate"
args = { numerator = { table = "visits" }, denominator = { table = "size", column = "teams" } }
"""  # noqa: E501


@pytest.mark.parametrize("engine", [None, *ENGINES])
def test_a_table_keeps_the_rows_of_a_window(tmp_path: Path, engine, request):
    if engine == "spark":
        request.getfixturevalue("spark")
    VISITS.to_csv(tmp_path / "visits.csv", index=False)
    SIZE.to_csv(tmp_path / "size.csv", index=False)
    path = tmp_path / "study.toml"
    path.write_text(STUDY, encoding="utf-8")
    study = st.Study.load(path, engine=engine)
    ledger = study.tables.ledger
    aside = ledger[ledger["reason"].str.startswith("left out by where")]
    assert aside.groupby("reason")["n"].sum().to_dict() == {
        "left out by where: minutes": 2,
        "left out by where: seen": 4,
    }
    assert study.tables.tables["visits"].n_rows == 2
    path.write_text(STUDY.replace("[2021-01-01, 2021-12-31]", '{ "1" = [2021-01-01, 2021-12-31] }'))
    with pytest.raises(StudyError, match="A table takes one window"):
        st.Study.load(path, engine=engine)
