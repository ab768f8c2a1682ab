"""``site-typology plan`` from the command line: what it takes, and what its refusals name."""

from __future__ import annotations

from pathlib import Path

import pytest

from site_typology import cli

STUDY = """
[study]
name = "small"
sites = "sites"
[tables.sites]
path = "sites.csv"
site = "site"
[[features]]
name = "need"
builder = "column"
args = { table = "sites", column = "need" }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "study.toml").write_text(STUDY)
    (tmp_path / "study" / "sites.csv").write_text("site,need\nA,1\nB,2\nC,3\n")
    return tmp_path / "study"


def refused(capsys: pytest.CaptureFixture[str], folder: Path, *more: str) -> list[str]:
    out = folder.parent / "out"
    with pytest.raises(SystemExit) as left:
        cli.main(["plan", *more, "--out", str(out)])
    assert left.value.code == 2
    assert not out.exists()
    return [line.strip() for line in capsys.readouterr().err.strip().splitlines()]


@pytest.mark.parametrize("given", ["study", "study/study.toml"])
def test_a_study_is_named_by_its_file_or_its_folder(
    folder: Path, given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only a study that was read with its tables knows its features."""
    told = refused(capsys, folder, str(folder.parent / given), "--features", "3")
    assert told[0] == "plan: 1 problem"
    assert told[1].startswith("features  Is known from the study's data.")


def test_a_file_that_is_not_there_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "study.toml").unlink()
    remedy = "Not found. Give the path of a study file."
    for given, named in ((folder, folder / "study.toml"), (folder / "no.toml",) * 2):
        assert refused(capsys, folder, str(given)) == ["plan: 1 problem", f"{named}  {remedy}"]


def test_a_problem_in_the_study_names_its_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "study.toml").write_text(STUDY.replace('site = "site"', 'site = "place"'))
    told = refused(capsys, folder, str(folder))
    assert told[0] == "plan: 1 problem"
    assert told[1].startswith("study.toml: tables.sites  ")
    (folder / "study.toml").write_text("[study")
    assert refused(capsys, folder, str(folder))[1].startswith("study.toml  Not valid TOML")


def test_numbers_that_cannot_be_read_have_one_problem_each(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "Expected whole numbers separated by commas, found 'abc'."
    assert refused(capsys, folder, "--sites", "abc") == ["plan: 1 problem", f"sites  {words}"]
    told = refused(capsys, folder, "--sites", "abc,2", "--separation", "x")
    assert [line.split()[0] for line in told[1:]] == ["sites", "separation", "sites"]
    assert told[3].endswith("found 2.")


def test_a_study_that_is_only_declared_has_its_own_typology_settings(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "sites.csv").unlink()
    (folder / "study.toml").write_text(f"{STUDY}[typology]\nmin_sites = 12\nmax_types = 2\n")
    given = (str(folder), "--features", "6", "--sites")
    told = refused(capsys, folder, *given, "25")
    assert told[1] == "sites  Expected 36 or more, 12 for each of 3 types; found 25."
    told = refused(capsys, folder, *given, "40")
    assert told[1].startswith("types  With 40 sites up to 2 types are looked for, so that 3 would")
