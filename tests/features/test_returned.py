"""Rows that are no return of their own: exported twice, without an answer, repeated exactly."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from site_typology.errors import Problems
from site_typology.features.coverage import empty_returns
from site_typology.features.linking import read_tables
from site_typology.features.quality import print_check
from site_typology.features.scaffold import write_study
from site_typology.features.tables import StudyTables
from site_typology.study_file import parse_declaration, read_declaration

NAMES = "ResponseId,Progress,Finished,team,Q1,Q2,mail"
IDS = ",".join(
    f'"{{""ImportId"":""{name}""}}"'
    for name in ("_recordId", "progress", "finished", "team", "QID1", "QID2", "QID3")
)
HEAD = f"{NAMES}\n{NAMES}\n{IDS}\n"
ROWS = "R_1,100,True,A,1,2,\nR_2,100,True,B,2,,\n"


def read(
    folder: Path, rows: str, found: Problems, *, head: str = HEAD, **declared: Any
) -> StudyTables:
    (folder / "sites.csv").write_text("site\nA\nB\n")
    (folder / "q.csv").write_text(f"{head}{rows}")
    survey = {
        "path": "q.csv", "role": "survey", "site": "team", "format": "qualtrics", **declared,
    }  # fmt: skip
    content = {
        "study": {"name": "made", "sites": "sites"},
        "tables": {"sites": {"path": "sites.csv", "site": "site"}, "q": survey},
        "features": [{"name": "a", "builder": "mean", "args": {"table": "q", "column": "Q1"}}],
    }
    return read_tables(parse_declaration(content), folder, found)


def set_aside(tables: StudyTables) -> dict[str, int]:
    ledger = tables.ledger
    rows = ledger[(ledger["entry"] == "rows") & (ledger["reason"] != "")]
    return rows.groupby("reason")["n"].sum().to_dict()


def notes(tables: StudyTables) -> list[str]:
    ledger = tables.ledger
    return list(ledger.loc[ledger["entry"] == "file", "reason"])


def test_a_return_without_an_answer_is_none_and_a_partial_one_is_kept(tmp_path: Path) -> None:
    found = Problems("study.toml")
    rows = f"{ROWS}R_3,5,False,A,,,me@x.org\nR_4,5,False,A,-99,,\nR_5,60,False,B,3,,\n"
    tables = read(tmp_path, rows, found, missing={"-99": "skipped"}, personal=["mail"])
    found.raise_if_any()
    assert set_aside(tables) == {"no question answered": 2}
    assert tables.response["responded"].tolist() == [1, 2]
    assert notes(tables) == [
        "1 of 3 returns is partial (Finished is False); kept, and counted as returns."
    ]


@pytest.mark.parametrize("head", [f"{NAMES}\n{NAMES}\n", f"{NAMES}\n"], ids=["legacy", "plain"])
def test_without_import_ids_questions_are_what_qualtrics_does_not_add(
    tmp_path: Path, head: str
) -> None:
    found = Problems("study.toml")
    rows = f"{ROWS}R_3,5,0,A,,,\n"
    tables = read(tmp_path, rows, found, head=head)
    found.raise_if_any()
    assert set_aside(tables) == {"no question answered": 1}


def test_embedded_data_are_no_answer(tmp_path: Path) -> None:
    found = Problems("study.toml")
    head = HEAD.replace("QID2", "region")
    tables = read(tmp_path, f"{ROWS}R_3,5,False,A,,North,\n", found, head=head)
    assert set_aside(tables) == {"no question answered": 1}


def test_the_same_response_again_is_set_aside(tmp_path: Path) -> None:
    found = Problems("study.toml")
    tables = read(tmp_path, f"{ROWS}R_1,100,True,A,1,2,\n", found)
    found.raise_if_any()
    assert set_aside(tables) == {"same response again": 1}
    assert not notes(tables)


def test_one_number_with_other_answers_is_refused_unless_the_study_says_what_is_unique(
    tmp_path: Path,
) -> None:
    found = Problems("study.toml")
    rows = f"{ROWS}R_1,100,True,A,5,2,\n"
    read(tmp_path, rows, found)
    assert [problem.message for problem in found] == [
        "ResponseId: 1 key stands more than once: R_1 (rows 1, 3). Remove repeats, or correct "
        "unique."
    ]
    found = Problems("study.toml")
    read(tmp_path, rows, found, unique=["ResponseId", "Q1"])
    assert not found


def test_rows_repeated_exactly_are_named(tmp_path: Path) -> None:
    found = Problems("study.toml")
    rows = "A,1,p\nA,2,q\nA,1,p\nB,1,p\nA,1,p\n"
    tables = read(tmp_path, rows, found, head="team,Q1,who\n", format="csv", personal=["who"])
    assert notes(tables) == [
        "Rows 3, 5 repeat an earlier row in every cell. If entered twice, remove the repeats: each "
        "row counts."
    ]
    found = Problems("study.toml")
    rows = "A,1,p\nA,1,r\nB,1,p\n"
    tables = read(tmp_path, rows, found, head="team,Q1,who\n", format="csv", personal=["who"])
    assert not notes(tables), "the two are other people"


@pytest.mark.parametrize("engine", [None, "duckdb"])
def test_check_counts_returns_that_answer_nothing_a_feature_takes(
    tmp_path: Path, engine: str | None
) -> None:
    found = Problems("study.toml")
    rows = "A,,1\nA,2,\nB,,\n"
    tables = read(tmp_path, rows, found, head="team,Q1,Q2\n", format="csv", engine=engine)
    found.raise_if_any()
    assert empty_returns(tables).values.tolist() == [["q", 3, 2]]
    written = io.StringIO()
    print_check(Console(file=written, width=200), tables)
    assert "q: 2 of 3 returns have no answer in any column that a scale" in written.getvalue()


def test_init_names_the_responses(tmp_path: Path) -> None:
    (tmp_path / "sites.csv").write_text("site,beds\nA,1\nB,2\nC,3\nD,4\n")
    (tmp_path / "q.csv").write_text(f"{HEAD}{ROWS}R_3,100,True,A,1,3,\nR_1,100,True,A,1,2,\n")
    study = read_declaration(write_study(tmp_path))
    assert study.tables["q"].unique == ("ResponseId",)
