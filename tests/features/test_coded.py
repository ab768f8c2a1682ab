"""Answers that are looked up by code are those that are computed row by row."""

from __future__ import annotations

from pathlib import Path

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from site_typology.features import aggregate
from site_typology.features.coded import CodedColumn, Codes, extremes
from site_typology.features.profiler import build_profiles
from site_typology.profiles import SiteProfiles
from site_typology.study import Study

N = 3_000
STUDY = """\
[study]
name = "codes"
sites = "sites"
[tables.sites]
path = "sites.csv"
site = "site"
[tables.survey]
path = "survey.parquet"
role = "survey"
site = "site"
weight = "weight"
missing = { "-9" = "refused" }
[tables.survey.columns.a]
missing = { "-8" = "don't know", "99" = "not applicable" }
[tables.survey.columns.b]
missing = { "" = "routed" }
values = { "1" = 10, "2" = 2.5 }
"""
FEATURES = {
    "a": 'builder = "mean"\nargs = { table = "survey", column = "a" }',
    "b": 'builder = "mean"\nargs = { table = "survey", column = "b" }',
    "large": 'builder = "mean"\nargs = { table = "survey", column = "large" }',
    "own": (
        'builder = "mean"\n'
        'args = { table = "survey", column = "a", '
        'where = [{ column = "a", values = ["2", "3", "4"] }] }'
    ),
    "chosen": (
        'builder = "share"\nargs = { table = "survey", column = "b", values = [10], '
        'where = [{ column = "role", values = ["lead"] }] }'
    ),
    "missing": 'builder = "missing_rate"\nargs = { table = "survey", columns = ["a"] }',
    "both": 'builder = "missing_rate"\nargs = { table = "survey", columns = ["a", "b"] }',
}


def survey(seed: int = 8) -> pa.Table:
    rng = np.random.default_rng(seed)
    blank = rng.random((4, N)) < 0.1
    a = rng.choice([-9, -8, 1, 2, 3, 4, 5, 99], N)
    return pa.table(
        {
            "site": rng.choice([f"S{at}" for at in range(9)], N),
            "role": pa.array(rng.choice(["lead", "other"], N), mask=blank[0]),
            "weight": rng.choice([0.0, 0.5, 2.0], N),
            "a": pa.array(a, pa.int8(), mask=blank[1]),
            "b": pa.array(rng.choice([-9, 1, 2, 3, 300], N), pa.int64(), mask=blank[2]),
            "large": pa.array(rng.integers(0, 10**6, N), pa.int32(), mask=blank[3]),
        }
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sites = "\n".join(f"S{at}" for at in range(9))
    (tmp_path / "sites.csv").write_text(f"site\n{sites}\n")
    pq.write_table(survey(), tmp_path / "survey.parquet", row_group_size=700)
    features = "\n".join(f'[[features]]\nname = "{name}"\n{FEATURES[name]}' for name in FEATURES)
    (tmp_path / "study.toml").write_text(f"{STUDY}{features}\n")
    return tmp_path


def profiles(folder: Path, engine: str | None) -> SiteProfiles:
    return Study.load(folder / "study.toml", engine=engine).profiles()


def test_answers_looked_up_by_code_give_the_same_profiles(folder: Path) -> None:
    expected, found = profiles(folder, "pandas"), profiles(folder, "duckdb")
    for part in ("values", "standard_errors", "counts", "reasons"):
        pd.testing.assert_frame_equal(
            getattr(found, part), getattr(expected, part), rtol=1e-9, check_dtype=False
        )


def test_features_of_one_coded_column_are_looked_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, aggregate.Lookup] = {}
    streamed = aggregate.streamed

    def watched(rows, values, weight, tallies, lookups):
        asked.update(lookups)
        return streamed(rows, values, weight, tallies, lookups)

    monkeypatch.setattr(aggregate, "streamed", watched)
    tables = Study.load(folder / "study.toml", engine="duckdb").tables
    assert set(tables.tables["survey"].coded) == {"a", "b"}
    build_profiles(tables)
    numbers = [name for name in asked if name.startswith("y_")]
    assert len(numbers) == len(FEATURES) - 2
    assert {asked[name].chosen is None for name in numbers} == {True, False}


def column() -> CodedColumn:
    score = nw.when(nw.col("c") != -1).then(nw.col("c") * 2.0).alias("score")
    return CodedColumn("stored", "c", Codes(-1, 2, pa.int8()), (score,))


def test_a_table_has_an_entry_for_each_code_and_for_null() -> None:
    coded = column()
    table = coded.tables({"half": nw.col("score") / 4})["half"]
    np.testing.assert_array_equal(table, [np.nan, 0.0, 0.5, 1.0, np.nan])
    entries = coded.codes.entries(pa.array([2, None, -1, 0], pa.int8()))
    np.testing.assert_array_equal(entries, [3, 4, 0, 1])


def test_what_needs_another_column_has_no_table() -> None:
    assert column().tables({"both": nw.col("score") + nw.col("other")}) == {}


@pytest.mark.parametrize("value", [3, -2])
def test_a_number_that_the_file_denies_is_refused(value: int) -> None:
    with pytest.raises(ValueError, match="statistics of its file say -1 to 1"):
        Codes(-1, 1, pa.int8()).entries(pa.array([0, value, None], pa.int8()))


def test_extremes_are_those_of_all_parts_and_only_where_told(tmp_path: Path) -> None:
    path = tmp_path / "some.parquet"
    known = pa.array([3, -5, None, None, 7, 1])
    content = pa.table({"known": known, "untold": known, "text": ["a"] * 6, "real": [0.5] * 6})
    pq.write_table(content, path, row_group_size=2, write_statistics=["known", "text", "real"])
    assert extremes(pq.read_metadata(path)) == {"known": (-5, 7)}
