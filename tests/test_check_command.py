"""``site-typology check``: what it prints, what it writes, and its exit status."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from site_typology import cli
from site_typology.quality_files import TABLES


@pytest.fixture(scope="module")
def study_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    rows = ["site,q,asked"] + [f"{site},{at % 5 + 1},4" for at, site in enumerate("ABCDEFGH" * 3)]
    (folder / "answers.csv").write_text("\n".join([*rows, "=1+1,5,4", "=1+1,1,4"]) + "\n")
    (folder / "sites.csv").write_text(
        "site,asked,size\n"
        + "".join(f"{s},4,{at + 10}\n" for at, s in enumerate([*"ABCDEFGH", "=1+1"]))
    )
    (folder / "study.toml").write_text(
        """
[study]
name = "made"
sites = "sites"
[tables.sites]
path = "sites.csv"
role = "sites"
site = "site"
[tables.answers]
path = "answers.csv"
role = "survey"
site = "site"
eligible = { table = "sites", column = "asked" }
[[features]]
name = "view"
builder = "mean"
args = { table = "answers", column = "q" }
[[features]]
name = "size"
builder = "column"
args = { table = "sites", column = "size" }
"""
    )
    return folder / "study.toml"


def command(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main(list(arguments))
    return int(left.value.code or 0)


def test_check_prints_what_was_found(study_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("check", str(study_file)) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "How good the data are" in printed and "Ready to look for types." in printed


def test_check_writes_the_page_and_its_tables_whole(study_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("stays")
    for _ in range(2):
        assert command("check", str(study_file), "--out", str(out)) == 0
    written = sorted(path.name for path in out.iterdir())
    assert written == ["ledger.csv", "mine.txt", "quality", "quality.html"]
    ledger = pd.read_csv(out / "ledger.csv", keep_default_na=False)
    columns = ["table", "entry", "site", "round", "outcome", "reason", "n"]
    assert list(ledger.columns) == columns
    assert set(ledger["entry"]) >= {"rows", "site"}
    assert {path.stem for path in (out / "quality").iterdir()} == set(TABLES)
    response = pd.read_csv(out / "quality" / "response.csv")
    assert "'=1+1" in set(response["site"])
    page = (out / "quality.html").read_text(encoding="utf-8")
    assert "3 of 4" in page and "2 of 4" in page


def test_check_prints_one_record_for_machines(
    study_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("check", str(study_file), "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["study"] == "made" and record["ready"] is True and record["page"] == ""


def test_an_unreadable_study_is_a_record_too(
    study_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(study_file.parent / "sites.csv", tmp_path)
    shutil.copy(study_file, tmp_path / "mine.toml")
    assert command("check", str(tmp_path / "mine.toml"), "--json") == 2
    record = json.loads(capsys.readouterr().out)
    assert record["ready"] is False and record["source"] == "mine.toml"
    assert [problem["where"] for problem in record["problems"]][:1] == ["tables.answers"]


def test_a_study_may_be_named_by_its_folder(
    study_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert study_file.name == "study.toml"
    assert command("check", str(study_file.parent)) == 0
    assert "How good the data are" in capsys.readouterr().out


def test_strict_tells_studies_apart_that_are_not_ready(
    study_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("answers.csv", "sites.csv"):
        (tmp_path / name).write_text((study_file.parent / name).read_text())
    declared = study_file.read_text().replace('column = "size" }', 'column = "asked" }')
    (tmp_path / "study.toml").write_text(declared)
    assert command("check", str(study_file), "--strict") == 0
    assert command("check", str(tmp_path / "study.toml")) == 0
    assert "Not ready to look for types." in capsys.readouterr().out
    assert command("check", str(tmp_path / "study.toml"), "--strict") == 1


def test_a_page_that_cannot_be_written_is_an_error_in_words(
    study_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("a file")
    assert command("check", str(study_file), "--out", str(tmp_path / "out")) == 2
    assert "Is a file. Name a folder" in capsys.readouterr().err
