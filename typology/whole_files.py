"""Files that are there whole or not at all, also when their writing is interrupted."""

from __future__ import annotations

import contextlib
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

from site_typology.errors import Problems
from site_typology.system_errors import told


@contextlib.contextmanager
def whole_files(
    files: Mapping[str, Path | None], sources: Sequence[Path] = (), command: str = "assign"
) -> Iterator[dict[str, Path]]:
    """Let files be written apart, then put all of them in place.

    Parameters
    ----------
    files : mapping of str to Path or None
        Where each is to stand, by the option that names it; None for one that is not asked for.
    sources : sequence of Path
        Files that are read meanwhile, which none of them may be.
    command : str
        What writes them.

    Yields
    ------
    dict of str to Path
        Where to write each file that is asked for.

    Raises
    ------
    StudyError
        A place that cannot be written to, said before anything is written; or whatever else the
        system refuses meanwhile, by its own name.

    Examples
    --------
    >>> out = Path(tempfile.mkdtemp()) / "a.txt"
    >>> with whole_files({"--out": out}) as places:
    ...     _ = places["--out"].write_text("all of it")
    >>> out.read_text(), [path.name for path in out.parent.iterdir()]
    ('all of it', ['a.txt'])
    """
    wanted = {name: path for name, path in files.items() if path is not None}
    check_files(wanted, sources, command)
    shown = " and ".join(str(path) for path in wanted.values())
    apart: dict[Path, Path] = {}
    with contextlib.ExitStack() as stack:
        stack.enter_context(_ended_by_signal())
        stack.enter_context(told(command, f"{shown} was made", apart, shown))
        places = {}
        for name, path in wanted.items():
            folder = tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent)
            places[name] = Path(stack.enter_context(folder)) / path.name
            apart[places[name].parent] = path.parent
        yield dict(places)
        for name, place in places.items():
            place.replace(wanted[name])


def check_files(
    files: Mapping[str, Path], sources: Sequence[Path] = (), command: str = "assign"
) -> None:
    """Raise `StudyError` where a file cannot be written, or only over another; lists every one."""
    found = Problems(command)
    before: dict[str, Path] = {}
    for name, path in files.items():
        same = [other for other, taken in before.items() if _is_same(path, taken)]
        before[name] = path
        if same:
            found.add(name, f"{path}: Is the file of {same[0]} too. Name another.")
        elif any(_is_same(path, source) for source in sources):
            found.add(name, f"{path}: Is the file that is read. Name another.")
        elif path.is_dir():
            found.add(name, f"{path}: Is a folder. Name a file.")
        elif not path.parent.is_dir():
            found.add(name, f"{path}: There is no folder {path.parent}. Make it, or name another.")
        else:
            try:
                tempfile.TemporaryDirectory(dir=path.parent).cleanup()
            except OSError as error:
                found.add(name, f"{path}: Cannot be written: {error.strerror or error}.")
    found.raise_if_any()


def _is_same(one: Path, other: Path) -> bool:
    """Whether two names lead to one file, that is there or will be."""
    there = one.exists() and other.exists()
    return one.samefile(other) if there else one.resolve() == other.resolve()


@contextlib.contextmanager
def _ended_by_signal() -> Iterator[None]:
    """Let a request to end unwind like an exception, so that what was begun is cleared away."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
