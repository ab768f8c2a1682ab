"""What the system refuses is told by its path and by what was being done, and leaves nothing."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import resource
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from site_typology.cli import main
from site_typology.errors import StudyError
from site_typology.experiments.store import choose_store, tracking
from site_typology.features.readers import UnreadableTableError
from site_typology.features.scaffold import write_study
from site_typology.features.scanning import scan_parquet
from site_typology.output import check_writable, write_profiles
from site_typology.system_errors import told
from site_typology.whole_files import whole_files

NOBODY = 65534


@contextlib.contextmanager
def full_disk(room: int = 100) -> Iterator[None]:
    """Let no file grow beyond some bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def without_rights(folder: Path) -> Iterator[None]:
    """Take the right to write to a folder away, from the user root too."""
    folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)


@pytest.fixture
def model(typed, tmp_path):
    folder = tmp_path / "model"
    typed.save(folder)
    sites = "site,wsa,clinical,need,advice,reach,lead\nNorth,8,0,1,0,1,NHS\n"
    (tmp_path / "sites.csv").write_text(sites)
    return folder


def refused(capsys, *words) -> str:
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize("name", ["answer.csv", "answer.parquet", "answer.xlsx"])
def test_a_full_disk_is_told_and_no_half_answer_left(name, model, capsys, tmp_path):
    before = sorted(tmp_path.iterdir())
    words = ("assign", "--model", model, "--profiles", tmp_path / "sites.csv")
    with pytest.raises(SystemExit) as done:  # What is compiled is kept in files too.
        main([*map(str, words), "--out", str(tmp_path / f"first-{name}")])
    assert done.value.code == 0
    (tmp_path / f"first-{name}").unlink()
    with full_disk():
        said = refused(capsys, *words, "--out", tmp_path / name)
    assert f"{tmp_path / name}  " in said and f"while {tmp_path / name} was made" in said
    assert "File too large" in said or "temporary file cannot be written" in said
    assert "make room" in said
    assert sorted(tmp_path.iterdir()) == before


def test_a_full_disk_leaves_no_half_results(typed, tmp_path):
    with full_disk(), pytest.raises(StudyError, match="too large, while the results were written"):
        write_profiles(tmp_path / "out", typed.profiles)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_no_half_study(capsys, tmp_path):
    with full_disk(3000):
        said = refused(capsys, "simulate", tmp_path / "study", "--sites", "8")
    assert str(tmp_path / "study") in said and "while the simulated study was written" in said
    assert list(tmp_path.iterdir()) == []


def test_a_model_within_results_is_named_where_it_was_to_stand(typed, tmp_path):
    from site_typology.output import write_whole

    with full_disk(), pytest.raises(StudyError) as caught:
        write_whole(tmp_path / "out", lambda folder: typed.save(folder / "typology"))
    assert str(tmp_path / "out" / "typology") in str(caught.value)
    assert not re.search(r"\.out-|/new", str(caught.value))


def test_a_file_that_is_read_meanwhile_is_not_told_as_the_output(tmp_path):
    out, lost = tmp_path / "out.csv", tmp_path / "lost.txt"
    with pytest.raises(StudyError) as caught, whole_files({"--out": out}):
        lost.read_text()
    (problem,) = caught.value.problems
    assert problem.where == str(lost)
    assert problem.message == f"No such file or directory, while {out} was made."


def test_a_folder_for_temporary_files_is_named(model, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    words = ("assign", "--model", model, "--profiles", tmp_path / "sites.csv")
    said = refused(capsys, *words, "--out", tmp_path / "answer.xlsx")
    assert f"{tmp_path / 'nowhere'}{os.sep}" in said
    assert "set TMPDIR to a folder that can be written to" in said


def test_results_in_a_folder_without_rights_are_refused_before_the_work():
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "out").mkdir()
        folder.chmod(0o777)
        with without_rights(folder / "out"), pytest.raises(StudyError) as caught:
            check_writable(folder / "out")
        assert f"{folder / 'out'} cannot be written to: Permission denied" in str(caught.value)
    finally:
        shutil.rmtree(folder)


def test_a_study_file_in_a_folder_without_rights_is_named():
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "sites.csv").write_text("site,beds\nA,3\nB,4\nC,9\n")
        with without_rights(folder), pytest.raises(StudyError) as caught:
            write_study(folder)
        assert f"{folder / 'study.toml'}  Permission denied, while the study" in str(caught.value)
    finally:
        shutil.rmtree(folder)


def test_a_parquet_file_without_rights_is_not_called_damaged(typed):
    folder = Path(tempfile.mkdtemp())
    try:
        path = folder / "sites.parquet"
        typed.profiles.values.to_parquet(path)
        folder.chmod(0o755)
        path.chmod(0)
        with without_rights(folder), pytest.raises(UnreadableTableError, match="cannot be opened"):
            scan_parquet(path, "duckdb")
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("assign", "--model", "M", "--profiles", "no.csv"),
            "no.csv: 1 problem\n  file  Not found",
        ),
        (("assign", "--model", "M", "--profiles", "M"), "file  Is a folder. Give the path of a"),
        (("assign", "--model", "M", "--study", "M"), "M/study.toml: 1 problem\n  file  Not found"),
        (
            ("assign", "--model", "no", "--study", "x"),
            "no: 1 problem\n  folder  No typology in no. ",
        ),
        (("check", "M"), "M/study.toml: 1 problem\n  file  Not found"),
        (
            ("rounds", "M", "--model", "M", "--out", "sites.csv/a/b"),
            "sites.csv is a file. Name another folder",
        ),
        (("simulate", "sites.csv/a"), "sites.csv  Is a file where a folder is needed, while the"),
        (("assign", "--model", "M", "--study", "x", "--out", "M"), "M: Is a folder. Name a file."),
    ],
)
def test_what_is_not_there_or_of_the_wrong_kind_is_named(
    words, told, model, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    model.rename("M")
    assert told in refused(capsys, *words)


def test_a_server_is_not_blamed_for_a_file_of_this_machine():
    store = choose_store(".", "http://127.0.0.1:9")
    error = PermissionError(errno.EACCES, "Permission denied", "/nowhere/tmp1")
    with pytest.raises(StudyError) as caught, tracking(store):
        raise error
    assert "/nowhere/tmp1  Permission denied, while MLflow was at work" in str(caught.value)
    assert "server" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "where", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "out", "does not name the file"),
        (OSError(errno.EIO, "Bad", b"/a/b"), "/a/b", "Bad, while it ran."),
        (OSError(errno.EXDEV, "Cross", "/a", None, "/b"), "/a to /b", "Cross, while it ran."),
        (FileNotFoundError(errno.ENOENT, "No usable temporary directory"), "out", "set TMPDIR"),
    ],
)
def test_every_shape_of_error_is_told(error, where, message):
    with pytest.raises(StudyError) as caught, told("out", "it ran"):
        raise error
    (problem,) = caught.value.problems
    assert problem.where == where and message in problem.message


def test_a_failure_that_is_not_of_the_system_keeps_its_traceback(monkeypatch, tmp_path):
    def broken(*given, **named):
        raise OSError("not of the system")

    with pytest.raises(OSError, match="not of the system"), told("out", "it ran"):
        broken()
    monkeypatch.setattr("site_typology.simulation.simulate", broken)
    with pytest.raises(OSError, match="not of the system"):
        main(["simulate", str(tmp_path / "study")])
