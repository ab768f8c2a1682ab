from pathlib import Path

import pytest

from site_typology.errors import StudyError
from site_typology.output import write_whole


def fill_with(text, *names):
    def fill(folder):
        for name in names:
            (folder / name).write_text(text)

    return fill


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_later_run_replaces_its_own_files_and_leaves_others(tmp_path):
    out = tmp_path / "deep" / "out"
    write_whole(out, fill_with("1", "a.txt", "b.txt"))
    (out / "note.txt").write_text("mine")
    write_whole(out, fill_with("2", "a.txt", "b.txt"))
    assert contents(out) == {"a.txt": "2", "b.txt": "2", "note.txt": "mine"}
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_nothing_is_left_when_writing_fails(tmp_path):
    def fail(folder):
        (folder / "a.txt").write_text("half")
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        write_whole(tmp_path / "out", fail)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_while_moving_restores_what_was_there(tmp_path, monkeypatch):
    out = write_whole(tmp_path / "out", fill_with("1", "a.txt", "b.txt"))
    really = Path.replace

    def stubborn(self, target):
        if self.name == "b.txt" and self.parent.name == "new":
            raise OSError("disk full")
        return really(self, target)

    monkeypatch.setattr(Path, "replace", stubborn)
    with pytest.raises(OSError, match="disk full"):
        write_whole(out, fill_with("2", "a.txt", "b.txt"))
    assert contents(out) == {"a.txt": "1", "b.txt": "1"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_file_in_the_way_is_refused_and_kept(tmp_path):
    (tmp_path / "out").write_text("kept")
    with pytest.raises(StudyError, match="Is a file"):
        write_whole(tmp_path / "out", fill_with("1", "a.txt"))
    assert (tmp_path / "out").read_text() == "kept"
