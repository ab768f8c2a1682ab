"""The law of the engines: a study read into memory and one whose rows stay in an engine agree."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from site_typology.errors import Problem, Problems
from site_typology.features import lazyloading
from site_typology.features.engines import collected
from site_typology.features.linking import read_tables
from site_typology.features.tables import ROW, StudyTables, Table
from site_typology.study_file import parse_declaration

HAS_SPARK = importlib.util.find_spec("pyspark") is not None
NEEDS_SPARK = pytest.mark.skipif(not HAS_SPARK, reason="pyspark is absent")
ENGINES = ["pandas", "polars", "duckdb", pytest.param("spark", marks=NEEDS_SPARK)]

FILES = {
    "sites.csv": "id,region,invited\nA1, north ,10\nB2,south,8\nC3,north,\nD4,east,5\n",
    "schools.csv": "urn,site\n0101,A1\n0102,A1\n0201,B2\n0301,C3\n0999,Z9\n",
    "survey.csv": (
        "site;round;Q1;q2;size;income;grade;pupils;kind;e-mail;weight;when\n"
        "A1;1;1;5;03;1.000,5;A;1,013;x;a@b.c;1;2021-01-01\n"
        "A1;1;2,0;97;04;NA;B;512;x;a@b.c;2;\n"
        "A1;2;99;3;05;2,5;;230;y;;0,5;2021-03-01\n"
        " B2 ;1;3;;06;3,5;A;999;x;;1;2021-01-01\n"
        "B2;2;4;4;07;.;C;101;;;1;2021-01-02\n"
        ";1;4;4;07;4;C;101;x;;1;2021-01-02\n"
        "C3;;4;4;07;4;C;101;x;;1;2021-01-02\n"
        "Q9;1;4;4;07;4;C;101;x;;1;2021-01-02\n"
        "Q9;1;4;4;07;4;C;101;x;;1;2021-01-02\n"
        ";;;;;;;;;;;\n"
        "D4;1;4.0;96;007;4e2;C;1,101;x;;3;2021-01-02\n"
        "D4;2;5;4;07;4;C;101;left;;1;2021-01-02\n"
        "D4;2;5;4;07\n"
    ),
    "visits.csv": (
        "school,year,minutes,note\n0101,2021,30,good\n0101,2022,1.013,\n0102,2021,-9,fine\n"
        "0201,2021,12,bad\n0301,2022,1013,\n0777,2021,5,ok\n,2021,6,ok\n0999,2021,7,ok\n"
    ),
}  # fmt: skip

STUDY: dict[str, Any] = {
    "study": {"name": "law", "sites": "sites", "rounds": ["1", "2"], "unknown_sites": "drop"},
    "tables": {
        "sites": {"path": "sites.csv", "site": "id", "role": "sites"},
        "schools": {"path": "schools.csv", "site": "site"},
        "survey": {
            "path": "survey.csv",
            "role": "survey",
            "site": "site",
            "round": "round",
            "rename": {"q1": "Q1"},
            "missing": {"97": "don't know", "99": "refused"},
            "columns": {
                "q2": {"missing": {"96": "routed", "": "skipped"}, "range": [1, 5]},
                "grade": {"values": {"A": 1, "B": 2.5, "C": 3}},
                "kind": {"values": {"y": "x"}},
            },
            "where": [{"column": "kind", "values": ["left"], "negate": True}],
            "weight": "weight",
            "personal": ["e-mail"],
            "eligible": {"table": "sites", "column": "invited"},
            "unique": ["site", "round", "Q1x"],
        },
        "visits": {
            "path": "visits.csv",
            "link": {"table": "schools", "on": "school", "key": "urn"},
            "columns": {
                "year": {"values": {"2021": "1", "2022": "2"}},
                "minutes": {"missing": {"-9": "not applicable"}},
            },
            "round": "year",
        },
    },
    "features": [{"name": "size", "builder": "column", "args": {"table": "sites"}}],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path


def study(**changes: dict[str, Any]) -> dict[str, Any]:
    """The study, with changed tables."""
    tables = {name: dict(table) for name, table in STUDY["tables"].items()}
    tables["survey"].pop("unique")
    for name, change in changes.items():
        tables[name].update(change)
    return {**STUDY, "tables": tables}


def read(
    content: dict[str, Any], folder: Path, engine: Any = None
) -> tuple[StudyTables, list[Problem]]:
    found = Problems("study")
    tables = read_tables(parse_declaration(content), folder, found, engine)
    return tables, list(found)


def assert_same(lazy: StudyTables, memory: StudyTables) -> None:
    assert lazy.sites == memory.sites
    # Rows that repeat another in every cell are looked for in memory only: see the study-file page.
    repeats = memory.ledger["reason"].str.contains("an earlier row in every cell", regex=False)
    expected = memory.ledger[~repeats].reset_index(drop=True)
    pd.testing.assert_frame_equal(lazy.ledger, expected)
    pd.testing.assert_frame_equal(lazy.response, memory.response)
    assert list(lazy.tables) == list(memory.tables)
    for name, table in memory.tables.items():
        assert_same_table(lazy.tables[name], table)


def assert_same_table(lazy: Table, memory: Table) -> None:
    assert lazy.columns == memory.columns
    assert lazy.numbers == memory.numbers
    assert lazy.titles == memory.titles
    pd.testing.assert_frame_equal(lazy.collect(), memory.collect(), check_dtype=False)
    assert lazy.n_rows == memory.n_rows
    pd.testing.assert_series_equal(lazy.rows_by_site, memory.rows_by_site, check_names=False)
    reasons, expected = lazy.collect_reasons(), memory.collect_reasons()
    for column in lazy.columns:
        blank = pd.Series("", index=expected.index, name=column, dtype="str")
        want = expected.get(column, blank)
        found = reasons.get(column, blank)
        pd.testing.assert_series_equal(found, want, check_dtype=False)
        for reason in lazy.explained.get(column, ()):
            met = collected(lazy.rows.filter(lazy.missing_because(column, reason)).select(ROW))
            assert len(met) == (want == reason).sum()


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_gives_the_same_tables_as_memory(folder: Path, engine: str) -> None:
    memory, none = read(study(), folder)
    lazy, problems = read(study(), folder, engine)
    assert none == problems == []
    assert_same(lazy, memory)


FAULTS: dict[str, dict[str, Any]] = {
    "rows of unknown sites": {"survey": {"unknown_sites": "error"}},
    "a key that stands twice": {"survey": {"unique": ["site", "kind"]}},
    "a personal key that stands twice": {"survey": {"unique": ["e-mail"]}},
    "numbers out of range": {"survey": {"columns": {"pupils": {"range": [200, 600]}}}},
    "text out of range": {"survey": {"columns": {"income": {"range": [1, 3]}}}},
    "weights that are text": {"survey": {"weight": "kind"}},
    "a value that is nearly there": {"survey": {"where": [{"column": "kind", "values": ["lef"]}]}},
    "a condition that leaves no row": {"survey": {"where": [{"column": "q2", "values": ["96"]}]}},
    "a link that finds nothing": {
        "visits": {"link": {"table": "schools", "on": "minutes", "key": "urn"}}
    },
    "unknown rounds": {"survey": {"columns": {"round": {"values": {"2": "3"}}}}},
    "sites that stand twice": {"sites": {"columns": {"id": {"values": {"B2": "A1"}}}}},
    "keys of two sites": {"schools": {"columns": {"urn": {"values": {"0201": "0101"}}}}},
    "columns that are not there": {"survey": {"rename": {"q1": "Q11"}, "unique": ["nobody"]}},
    "a separator that is not there": {"survey": {"separator": "|"}},
    "an encoding that is not known": {"survey": {"encoding": "utf-9"}},
    "no file": {"visits": {"path": "visit.csv"}},
    "an option of another format": {"visits": {"sheet": "first"}},
    "a pattern that cannot be filled": {"survey": {"site": "{site:d}"}},
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("engine", ["pandas", "polars", "duckdb"])
def test_an_engine_finds_the_same_problems_as_memory(folder: Path, engine: str, fault: str) -> None:
    _, expected = read(study(**FAULTS[fault]), folder)
    _, problems = read(study(**FAULTS[fault]), folder, engine)
    assert expected
    assert problems == expected


DAMAGED = {
    "fields too many": "id,x\nA,1\nB,2,3\nC,4,5\n",
    "fields too few": "id,x,y\nA,1,2\nB\nC,4,5\n",
    "a quotation mark that is not closed": 'id,x\nA,1\nB,"2\nC,3\n',
    "no header": "",
    "only a header": "id,x\n",
    "a column twice": "id,x,x\nA,1,2\n",
    "an export of Qualtrics": 'id,x\nWho,How\n"{""ImportId"":""a""}","{""ImportId"":""b""}"\nA,1\n',
    "another kind of file": "PK\x03\x04",
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_text_is_refused_in_the_same_words(tmp_path: Path, damage: str) -> None:
    (tmp_path / "sites.csv").write_text(DAMAGED[damage])
    _, expected = read(SMALL, tmp_path)
    _, problems = read(SMALL, tmp_path, "duckdb")
    assert expected
    assert problems == expected


SMALL: dict[str, Any] = {
    "study": {"name": "small", "sites": "sites"},
    "tables": {"sites": {"path": "sites.csv", "site": "id"}},
    "features": [{"name": "x", "builder": "column", "args": {"table": "sites"}}],
}

MENDED = {
    "separators at the end": b"id,x,\nA,1,\nB,2,\n",
    "blank rows and lines": b"id,x\nA,1\n\n,\nB,2\n",
    "a cut last row": b"id,x,y\nA,1,2\nB,2",
    "a mark of byte order": "\ufeffid,x\nA,é\nB,2\n".encode(),
    "cp1252": "id,x\nA,é\nB,2\n".encode("cp1252"),
    "utf-16": "id,x\nA,é\nB,2\n".encode("utf-16"),
    "tabs": b"id\tx\nA\t1,5\nB\t2\n",
    "quotation marks": b'id,x\nA,"1\n2"\nB,"a ""b"" c"\n"C",3 "d" e\n',
    "lines of Windows": b'id,x\r\nA,"1\r\n2"\r\nB,2\r\n',
    "blanks that are no blanks": "id,x\n\u00a0A ,\u2003 1\nB\t,2\n".encode(),
    "numbers in many forms": b"id,a,b,c,d,e,f\nA,1.0,-0,1e3,00,.5,123456789012345678\n"
    b"B,2.50,0.0,5.,1,-1,2\n",
    "grouped thousands": b'id,a,b,c\nA,"1,013","1,013","0,123"\nB,999,5,999\n',
    "a line that names the separator": b"sep=;\r\nid;x\r\nA;1,5\r\nB;2\r\n",
    "decimal commas and points": b"id;a;b;c\nA;1.234;1,5;1.5\nB;2,5;.;2.5\n",
    "unnamed columns": b"id,,x,\nA,1,2,\nB,,3,\n",
}  # fmt: skip


@pytest.mark.parametrize("case", MENDED)
def test_text_is_mended_as_in_memory(tmp_path: Path, case: str) -> None:
    (tmp_path / "sites.csv").write_bytes(MENDED[case])
    memory, expected = read(SMALL, tmp_path)
    lazy, problems = read(SMALL, tmp_path, "duckdb")
    assert problems == expected == []
    assert_same(lazy, memory)


def typed_frame() -> pd.DataFrame:
    days = pd.to_datetime(
        ["2021-01-31", None, "2021-03-01 10:30:00", "2021-03-01 10:30:00.25"], format="ISO8601"
    )
    return pd.DataFrame(
        {
            "id": ["A", " B ", "C", "D"],
            "whole": pd.array([1, None, -9, 4], dtype="Int16"),
            "large": [2**53, 1, 2, 3],
            "small": [2**52, 1, 2, 3],
            "yes": pd.array([True, None, False, True], dtype="boolean"),
            "part": [0.5, np.nan, -9.0, 1000.0],
            "open": [0.5, np.nan, -9.0, np.inf],
            "day": days,
            "date": [each.date() if pd.notna(each) else None for each in days],
            "kind": pd.Categorical(["x", None, "y", "x"]),
            "level": pd.Categorical([1, None, 2, 1]),
            "zoned": days.tz_localize("Europe/London"),
            "bytes": [b"1", None, "caf\u00e9".encode(), b"-9"],
            "text": ["1", "", " 3.0", "-9"],
            "long": ["1234567890123456", "1", "2", "3"],
        }
    )


@pytest.mark.parametrize(
    ("engine", "index"),
    [
        *((engine, None) for engine in ("pandas", "polars", "duckdb")),
        ("duckdb", "where"),
        ("pandas", "unnamed"),
        pytest.param("spark", "where", marks=NEEDS_SPARK),
    ],
)
def test_types_of_a_parquet_file_mean_the_same(
    tmp_path: Path, engine: str, index: str | None
) -> None:
    frame = typed_frame()
    if index:
        frame.index = pd.Index([7, 3, 5, 6], name=None if index == "unnamed" else index)
    frame.to_parquet(tmp_path / "sites.parquet")
    rules = {"part": {"values": {"0.5": "2"}}, "whole": {"values": {"4": "four"}}}
    content = {
        **SMALL,
        "tables": {
            "sites": {
                "path": "sites.parquet",
                "site": "id",
                "missing": {"-9": "refused"},
                "columns": rules,
            }
        },
    }
    memory, expected = read(content, tmp_path)
    lazy, problems = read(content, tmp_path, engine)
    assert problems == expected == []
    assert_same(lazy, memory)


def test_a_file_that_only_looks_like_parquet(tmp_path: Path) -> None:
    (tmp_path / "sites.parquet").write_bytes(b"PAR1 no")
    tables = {"sites": {"path": "sites.parquet", "site": "id"}}
    _, expected = read({**SMALL, "tables": tables}, tmp_path)
    _, problems = read({**SMALL, "tables": tables}, tmp_path, "duckdb")
    assert problems[0].message.startswith("It cannot be read as Parquet")
    assert [each.where for each in problems] == [each.where for each in expected]


def test_large_files_stay_in_duckdb_and_small_ones_in_memory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = parse_declaration(study()).tables
    assert lazyloading.engine_of(tables["survey"], folder) is None
    monkeypatch.setattr(lazyloading, "LARGE_FILE", (folder / "survey.csv").stat().st_size)
    assert lazyloading.engine_of(tables["survey"], folder) == "duckdb"
    assert lazyloading.engine_of(tables["sites"], folder) is None
    own = parse_declaration(study(survey={"engine": "polars"})).tables["survey"]
    assert lazyloading.engine_of(own, folder, "duckdb") == "polars"


def test_names_that_an_engine_does_not_take(tmp_path: Path) -> None:
    (tmp_path / "sites.csv").write_text("id,x.y,Size,size\nA,1,2,3\n")
    _, problems = read(SMALL, tmp_path, "duckdb")
    assert [each.where for each in problems] == ["tables.sites"]
    assert "'x.y', 'Size', 'size'. Rename the columns (rename.NEW = \"x.y\")" in problems[0].message
    assert read(SMALL, tmp_path, "polars")[1] == []
    sites = {**SMALL["tables"]["sites"], "rename": {"x": "x.y", "large": "Size"}}
    memory, _ = read({**SMALL, "tables": {"sites": sites}}, tmp_path)
    lazy, problems = read({**SMALL, "tables": {"sites": sites}}, tmp_path, "duckdb")
    assert problems == []
    assert_same(lazy, memory)
