"""One run at a time in an output folder: a lock that goes when its process does."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from site_typology.errors import Problem, StudyError
from site_typology.system_errors import told

LOCK = "lock.json"
TRIES = 50
"""Times that a lock is asked for again which a run that ended took away with it."""
WITHOUT_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)
"""What file systems that know of no locks answer; runs there are not guarded."""


@contextlib.contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder of unfinished parts; the system lets go of it on any death.

    The lock is on an open file and not the file's being there, so that what a killed process
    leaves stops nobody. Windows has no such lock, and runs there are not guarded.

    Parameters
    ----------
    folder : Path
        Made if needed, and removed in the end where nothing stands in it.

    Raises
    ------
    StudyError
        Another process holds it, with its number, machine and beginning.
    """
    made = not folder.parent.exists()
    file = _taken(folder)
    try:
        yield
    finally:
        if sys.platform == "win32":  # Open files cannot be removed there.
            file.close()
        # Gone before it is let go: whoever waits for it sees that, and makes a new one.
        (folder / LOCK).unlink(missing_ok=True)
        file.close()
        with contextlib.suppress(OSError):  # Parts are in it, or another run has come.
            folder.rmdir()
            if made:
                folder.parent.rmdir()


def check_free(folder: Path) -> None:
    """Raise `StudyError` where a process runs into the folder just now; nothing is changed."""
    try:
        file = (folder / LOCK).open(encoding="utf-8")
    except OSError:  # No run is there; what else is wrong, the run itself says.
        return
    with file:
        if not _locked(file):
            raise _refused(folder, file)


def _taken(folder: Path) -> IO[str]:
    with told(str(folder.parent), "parts of the run were kept", where=str(folder)):
        for _ in range(TRIES):
            try:
                folder.mkdir(parents=True, exist_ok=True)
                file = (folder / LOCK).open("a+", encoding="utf-8")
            except (FileNotFoundError, FileExistsError):  # A run has just ended and removed it.
                continue
            with contextlib.ExitStack() as opened:
                opened.enter_context(file)
                if not _locked(file):
                    raise _refused(folder, file)
                if _is_still(folder / LOCK, file):
                    _sign(file)
                    opened.pop_all()
                    return file
    message = "Other runs come and go in it without end. Name another folder."
    raise StudyError(str(folder.parent), [Problem(folder.name, message)])


def _sign(file: IO[str]) -> None:
    """Write who holds the lock."""
    holder = {
        "process": os.getpid(),
        "machine": platform.node(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }
    file.truncate(0)
    file.write(json.dumps(holder) + "\n")
    file.flush()


def _locked(file: IO[str]) -> bool:
    """Try to lock an open file; False where another has it."""
    if sys.platform != "win32":
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in WITHOUT_LOCKS:
                raise
    return True


def _is_still(path: Path, file: IO[str]) -> bool:
    """Whether the file that was locked is the one that stands there."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _refused(folder: Path, file: IO[str]) -> StudyError:
    file.seek(0)
    try:
        content = json.loads(file.read())
        holder = "Process {process} on {machine}".format(**content)
        since = f" since {content['since']}"
    except (ValueError, KeyError):  # It holds the lock and has not yet said who it is.
        holder, since = "Another process", ""
    message = (
        f"{holder} has been running a study into this folder{since}. Let it end, stop it, or name "
        "another folder."
    )
    return StudyError(str(folder.parent), [Problem("out", message)])
