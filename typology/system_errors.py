"""What the system refuses: which file it was about and what was being done, in plain words."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from site_typology.errors import Problem, StudyError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Numbers of the errors that say that nothing more can be written; they name no file."""


@contextlib.contextmanager
def told(
    source: str, doing: str, places: Mapping[Path, Path] | None = None, where: str = ""
) -> Iterator[None]:
    """Turn what the system refuses within a block into an error that a person can act on.

    Parameters
    ----------
    source : str
        What the block is about: a folder, a file, a command.
    doing : str
        What was being done: ``"the results were written"``.
    places : mapping of Path to Path, optional
        Where files that are written apart are to stand in the end.
    where : str
        What to name where the system names no file; by default the source.

    Raises
    ------
    StudyError

    Examples
    --------
    >>> with told("results", "the notes were read"):
    ...     _ = Path("nowhere.txt").read_text()
    Traceback (most recent call last):
    ...
    site_typology.errors.StudyError: results: 1 problem
      nowhere.txt  No such file or directory, while the notes were read.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:  # It is not the system that refuses something.
            raise
        raise StudyError(source, [system_problem(error, doing, where or source, places)]) from error
    except StudyError as error:
        text = _in_place(str(error), places or {})
        if text == str(error):
            raise
        problems = [
            Problem(_in_place(one.where, places or {}), _in_place(one.message, places or {}))
            for one in error.problems
        ]
        raise StudyError(_in_place(error.source, places or {}), problems) from error


def system_problem(
    error: OSError, doing: str, where: str, places: Mapping[Path, Path] | None = None
) -> Problem:
    """Say which file an error is about, what was being done and what can be done.

    Parameters
    ----------
    error : OSError
    doing : str
    where : str
    places : mapping of Path to Path, optional
        All as for `told`.

    Examples
    --------
    >>> error = PermissionError(errno.EACCES, "Permission denied", "/out/.new-1/types.csv")
    >>> problem = system_problem(error, "it was written", "out", {Path("/out/.new-1"): Path("out")})
    >>> problem.where, problem.message
    ('out/types.csv', 'Permission denied, while it was written.')
    """
    reason = (error.strerror or str(error)).strip().rstrip(".")
    if isinstance(error, FileExistsError):
        reason = "Is a file where a folder is needed"
    if inner := re.search(r"\[errno \d+\] (.+)$", reason, re.IGNORECASE):
        reason = inner[1]  # Arrow tells its own part of it first.
    named = [os.fsdecode(one) for one in (error.filename, error.filename2) if _is_name(one)]
    shown = [_final(Path(one), places or {}) for one in named]
    where = " to ".join(str(path) for path in shown) or where
    said = f"{reason}, while {doing}."
    if error.errno in FULL and not named:
        said += (
            " The system does not name the file: make room where results, temporary files "
            f"({_temporary()}) and this package stand."
        )
    elif "temporary directory" in reason or any(_is_temporary(Path(one)) for one in named):
        said += " Temporary files go there: set TMPDIR to a folder that can be written to."
    return Problem(where, said)


def no_file(path: Path, remedy: str) -> StudyError:
    """Say that a path is no file, by its whole name: another of that name may be elsewhere.

    Examples
    --------
    >>> print(no_file(Path("results/study.toml"), "Give the path of a study file."))
    results/study.toml: 1 problem
      file  Not found. Give the path of a study file.
    """
    reason = "Is a folder." if path.is_dir() else "Not found."
    return StudyError(str(path), [Problem("file", f"{reason} {remedy}")])


def is_about_file(error: OSError) -> bool:
    """Whether an error is about a file or folder of this machine, and not about a connection.

    Examples
    --------
    >>> is_about_file(OSError(errno.ENOSPC, "No space left on device"))
    True
    >>> is_about_file(ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"))
    False
    """
    return error.filename is not None or error.errno in (*FULL, errno.ENOENT)


def _is_name(one: object) -> bool:
    return isinstance(one, str | bytes | os.PathLike) and bool(one)


def _final(path: Path, places: Mapping[Path, Path]) -> Path:
    for apart, place in places.items():
        if path.is_relative_to(apart):
            return place / path.relative_to(apart)
    return path


def _in_place(text: str, places: Mapping[Path, Path]) -> str:
    for apart, place in places.items():
        text = text.replace(str(apart), str(place))
    return text


def _temporary() -> str:
    try:
        return tempfile.gettempdir()
    except OSError:
        return "the folder that TMPDIR names"


def _is_temporary(path: Path) -> bool:
    """Whether a path lies where temporary files go, and none can be made there."""
    folder = _temporary()
    return path.is_relative_to(folder) and not os.access(folder, os.W_OK)
