"""One run at a time in a folder: refused while a process holds it, free when it is gone."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading

import pytest

from site_typology.errors import StudyError
from site_typology.experiments import run_lock
from site_typology.experiments.run_lock import LOCK, check_free, only_run
from site_typology.experiments.run_parts import FOLDER, IDENTITY, WORDS, RunParts, has_parts

HOLD = """
import sys, time
from pathlib import Path
from site_typology.experiments.run_lock import only_run
with only_run(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def holder(folder) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout and process.stdout.readline() == "held\n"
    return process


def test_a_killed_process_holds_nothing(tmp_path):
    folder = tmp_path / "out" / FOLDER
    with holder(folder) as process:
        try:
            with pytest.raises(StudyError, match=f"Process {process.pid} on .* since 2"):
                check_free(folder)
            with pytest.raises(StudyError, match=f"Process {process.pid} on"), only_run(folder):
                pass
        finally:
            os.kill(process.pid, signal.SIGKILL)
    assert (folder / LOCK).exists()
    check_free(folder)
    with only_run(folder), pytest.raises(StudyError, match=f"Process {os.getpid()} on"):
        check_free(folder)
    assert folder.parent.exists() and not folder.exists()


def test_a_folder_of_results_that_was_made_for_nothing_goes(tmp_path):
    with only_run(tmp_path / "out" / FOLDER):
        assert (tmp_path / "out" / FOLDER / LOCK).exists()
    assert not list(tmp_path.iterdir())


def test_asking_changes_nothing(tmp_path):
    (tmp_path / LOCK).write_text("of somebody else")
    check_free(tmp_path)
    check_free(tmp_path / "nowhere")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["of somebody else"]


def test_a_lock_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    def full(_) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(run_lock, "_sign", full)
    with pytest.raises(StudyError, match="No space left on device"), only_run(tmp_path):
        pass


def test_a_holder_that_has_not_said_who_it_is_still_holds(tmp_path):
    with only_run(tmp_path):
        (tmp_path / LOCK).write_text("")
        with pytest.raises(StudyError, match="Another process has been running"):
            check_free(tmp_path)


def test_a_lock_that_was_taken_away_while_it_was_asked_for_is_asked_for_again(
    tmp_path, monkeypatch
):
    lock, asked = run_lock._locked, []

    def late(file) -> bool:
        if not asked:
            (tmp_path / LOCK).unlink()  # The run that made this file has just ended.
        asked.append(file)
        return lock(file)

    monkeypatch.setattr(run_lock, "_locked", late)
    with only_run(tmp_path):
        assert len(asked) == 2
        with pytest.raises(StudyError, match=f"Process {os.getpid()} on"):
            check_free(tmp_path)


def test_many_that_come_and_go_are_never_in_it_together(tmp_path):
    inside, most, entered = [0], [0], [0]
    guard = threading.Lock()

    def come_and_go() -> None:
        for _ in range(150):
            try:
                with only_run(tmp_path / FOLDER):
                    with guard:
                        inside[0] += 1
                        entered[0] += 1
                        most[0] = max(most[0], inside[0])
                    with guard:
                        inside[0] -= 1
            except StudyError:
                continue

    threads = [threading.Thread(target=come_and_go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 1 and entered[0] > 4
    assert not (tmp_path / FOLDER).exists()


# --- The folder of parts ---------------------------------------------------------------------


@pytest.fixture
def parts(tmp_path) -> RunParts:
    return RunParts(tmp_path / "out" / FOLDER, dict.fromkeys(WORDS, "1"))


def test_stopped_before_anything_is_finished_it_leaves_nothing(parts):
    with pytest.raises(KeyboardInterrupt), parts.begun(resume=False):
        raise KeyboardInterrupt
    assert not parts.folder.exists()


def test_what_is_finished_stays_and_is_cleared_away_by_a_run_from_the_start(parts):
    with pytest.raises(KeyboardInterrupt), parts.begun(resume=False):
        (parts.folder / "typology").mkdir()
        (parts.folder / "typology" / "model.json").write_text("{}")
        (parts.folder / ".typology-half").mkdir()
        raise KeyboardInterrupt
    assert has_parts(parts.folder) and (parts.folder / IDENTITY).is_file()
    with parts.begun(resume=True):
        assert (parts.folder / "typology" / "model.json").exists()
    with parts.begun(resume=False):
        assert sorted(path.name for path in parts.folder.iterdir()) == [IDENTITY, LOCK]
    assert not parts.folder.exists()


def test_what_a_kill_left_at_the_very_start_stops_no_run(parts):
    parts.folder.mkdir(parents=True)
    for name in (LOCK, f"{IDENTITY}.new"):
        (parts.folder / name).write_text("")
    with parts.begun(resume=True):
        assert (parts.folder / IDENTITY).is_file()
    assert not parts.folder.exists()
