"""A folder without a typology is refused by the name that was given, with what to give."""

from __future__ import annotations

from pathlib import Path

import pytest

from site_typology import Typology, cli
from site_typology.assigning import typology_of

GIVE = "Give the folder of a run (it holds typology/), that folder itself, or models:/NAME."
COMMANDS = {
    "assign": ["--profiles", "new.csv", "--model", "FOLDER"],
    "compare": ["FOLDER", "FOLDER"],
    "page": ["--model", "FOLDER"],
    "rounds": ["study.toml", "--out", "followed", "--model", "FOLDER"],
    "serve": ["--model", "FOLDER"],
    "short-form": ["--out", "form", "--model", "FOLDER"],
    "template": ["--out", "new.csv", "--model", "FOLDER"],
}


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as left:
        cli.main(list(arguments))
    assert left.value.code == 2
    return capsys.readouterr().err.strip()


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_without_a_typology(
    command: str,
    there: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    if there:
        Path("other").mkdir()
    given = [part.replace("FOLDER", "other") for part in COMMANDS[command]]
    expected = f"other: 1 problem\n  folder  No typology in other. {GIVE}"
    assert refused(capsys, command, *given) == expected


def test_share_takes_the_folder_of_a_run_only(
    typed: Typology, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed.save(tmp_path / "results" / "typology")
    for given in (tmp_path / "results" / "typology", tmp_path / "nothere"):
        said = refused(capsys, "share", str(given), "--to", str(tmp_path / "shared"))
        remedy = "Give the folder of a run; it holds typology/."
        assert said == f"{given}: 1 problem\n  folder  No typology in {given}. {remedy}"
    assert not (tmp_path / "shared").exists()


def test_both_folders_that_are_named_are_taken(typed: Typology, tmp_path: Path) -> None:
    typed.save(tmp_path / "typology")
    for given in (tmp_path, tmp_path / "typology"):
        assert typology_of(str(given), None).names == typed.names
