"""A table from several files: read one below the other, or refused with what is amiss."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from site_typology import Study
from site_typology.declaration import TableDeclaration
from site_typology.errors import StudyError
from site_typology.features.rawtable import UnreadableTableError
from site_typology.features.readers import read_raw

STUDY = """\
[study]
name = "waves"
sites = "sites"
rounds = ["2021", "2022"]

[tables.sites]
path = "sites.csv"
site = "site"

[tables.survey]
path = "survey-*.csv"
site = "site"
round = "file"

[tables.survey.columns.file.values]
"survey-2021.csv" = "2021"
"survey-2022.csv" = "2022"

[tables.survey.columns.q]
range = [1, 5]

[[features]]
name = "q"
builder = "mean"
args = { table = "survey", column = "q" }
"""


def read(folder: Path, path: str, **declared: object) -> pd.DataFrame:
    return read_raw(
        TableDeclaration.model_validate({"path": path, "site": "site", **declared}), folder
    ).frame


@pytest.fixture
def waves(tmp_path: Path) -> Path:
    (tmp_path / "sites.csv").write_text("site\nA\nB\n")
    (tmp_path / "survey-2021.csv").write_text("site,q\nA,1\nA,3\nB,4\n")
    (tmp_path / "survey-2022.csv").write_text("q;site\n5;A\n2;B\n".replace(";", ","))
    (tmp_path / ".survey-9.csv").write_text("x\n1\n")
    (tmp_path / "~$survey-9.csv").write_text("x\n1\n")
    (tmp_path / "study.toml").write_text(STUDY)
    return tmp_path


def test_one_file_a_wave_gives_one_table_with_its_rounds(waves):
    profiles = Study.load(waves / "study.toml").profiles()
    assert profiles.values["q"].to_dict() == {
        ("A", "2021"): 2.0, ("B", "2021"): 4.0, ("A", "2022"): 5.0, ("B", "2022"): 2.0,
    }  # fmt: skip
    ledger = profiles.ledger[profiles.ledger["table"] == "survey"]
    assert ledger.loc[ledger["entry"] == "rows", "n"].sum() == 5
    assert ledger.loc[ledger["entry"] == "file", "reason"].tolist() == [
        "Rows 1 to 3 stand in survey-2021.csv.",
        "Rows 4 to 5 stand in survey-2022.csv.",
    ]


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_an_engine_for_the_study_leaves_several_files_in_memory(waves, engine):
    memory = Study.load(waves / "study.toml").profiles()
    pd.testing.assert_frame_equal(
        Study.load(waves / "study.toml", engine).profiles().values, memory.values
    )


def test_rows_are_numbered_through(waves):
    (waves / "survey-2022.csv").write_text("site,q\nA,5\nB,9\n")
    with pytest.raises(StudyError, match="found 9 in row 5"):
        Study.load(waves / "study.toml")


def test_workbooks_and_parquet_files_stack_as_well(tmp_path):
    one, two = pd.DataFrame({"s": ["A"], "n": [1]}), pd.DataFrame({"s": ["B"], "n": [2]})
    for at, frame in enumerate([one, two]):
        frame.to_parquet(tmp_path / f"t{at}.parquet")
        frame.to_excel(tmp_path / f"t{at}.xlsx", index=False)
    for ending in ("parquet", "xlsx"):
        found = read(tmp_path, f"t?.{ending}")
        assert found.to_numpy().tolist() == [
            ["A", 1.0, f"t0.{ending}"], ["B", 2.0, f"t1.{ending}"],
        ]  # fmt: skip


def test_every_file_that_does_not_fit_is_named(waves):
    (waves / "survey-2022.csv").write_text("site,q\nA,5,6\nB,4\n")
    (waves / "survey-2023.csv").write_text("")
    with pytest.raises(UnreadableTableError) as refused:
        read(waves, "survey-*.csv")
    first, second = refused.value.messages
    assert first.startswith("survey-2022.csv: Expected 2 fields as in the header")
    assert second == "survey-2023.csv: The file is empty. Give a file with a header and rows."


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("site,r\nA,1\n", "File 'survey-2022.csv' has other columns than 'survey-2021.csv': lacks"),
        ("site;q\nA;1,5\n", "'survey-2022.csv' and 'survey-2021.csv' write decimals differently"),
    ],
)
def test_files_that_differ_are_refused(waves, content, message):
    (waves / "survey-2022.csv").write_text(content)
    with pytest.raises(UnreadableTableError, match=message):
        read(waves, "survey-*.csv")


def test_a_column_named_file_and_an_engine_of_the_table_are_refused(waves):
    with pytest.raises(UnreadableTableError, match="Several files are read into memory"):
        read(waves, "survey-*.csv", engine="duckdb")
    for year in (2021, 2022):
        (waves / f"survey-{year}.csv").write_text("site,file\nA,1\n")
    with pytest.raises(UnreadableTableError, match="'file' is the place for the name of a row's"):
        read(waves, "survey-*.csv")


def test_a_database_needs_a_query(tmp_path):
    (tmp_path / "t.duckdb").write_bytes(b"x")
    with pytest.raises(UnreadableTableError, match="or to sql, with a query, for a database"):
        read(tmp_path, "t.duckdb")


def test_no_file_that_matches_is_no_file(waves):
    with pytest.raises(UnreadableTableError, match=r"wave-\*.csv is not found; "):
        read(waves, "wave-*.csv")


def test_codes_with_two_labels_are_refused(tmp_path):
    import pyreadstat

    frame = pd.DataFrame({"site": ["A"], "q": [1.0]})
    for at, label in enumerate(["yes", "no"]):
        pyreadstat.write_sav(
            frame, tmp_path / f"t{at}.sav", variable_value_labels={"q": {1: label}}
        )
    with pytest.raises(UnreadableTableError, match="says 'no' of code '1' of column 'q'"):
        read(tmp_path, "t*.sav")
