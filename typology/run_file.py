"""Finished parts of a long run, one a line, so that an interrupted run goes on where it was."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from site_typology.system_errors import told

Result = TypeVar("Result")


class RunFile(Generic[Result]):
    """Finished tasks, one a line, with the key of the run that they belong to.

    Parameters
    ----------
    path : Path or None
        None keeps nothing.
    key : str
        Hash of everything that results depend on beside the task; lines with another are left
        alone.
    to_dict, from_dict : callable
        A result as plain values, and back.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "runs.jsonl"
    >>> RunFile(path, "key", dict, dict).append({"a": {"k": 3}, "b": {"k": 2}})
    >>> RunFile(path, "key", dict, dict).read(["a", "c"])
    {'a': {'k': 3}}
    """

    def __init__(
        self,
        path: Path | None,
        key: str,
        to_dict: Callable[[Result], Mapping[str, Any]],
        from_dict: Callable[[dict[str, Any]], Result],
    ) -> None:
        self.path = path
        self.key = key
        self.to_dict = to_dict
        self.from_dict = from_dict

    def read(self, wanted: Collection[str] | None = None) -> dict[str, Result]:
        """Read the results of tasks by name, or of all; a half-written last line is cut off.

        A line that says nothing that can be read is passed over: its task is done again.
        """
        if self.path is None or not self.path.exists():
            return {}
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            with self.path.open("r+b") as file:
                file.truncate(len(whole))
        names = None if wanted is None else frozenset(wanted)
        done = {}
        for line in whole.splitlines():
            found = self._parsed(line)
            if found is not None and (names is None or found[0] in names):
                done[found[0]] = found[1]
        return done

    def append(self, found: Mapping[str, Result]) -> None:
        """Write results down by the name of their task, on the disk before this returns."""
        if self.path is None or not found:
            return
        lines = [
            json.dumps({"key": self.key, "task": name, **self.to_dict(result)}, allow_nan=False)
            for name, result in found.items()
        ]
        with told(str(self.path), "finished parts of the run were kept"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                file.write(("\n".join(lines) + "\n").encode())
                file.flush()
                os.fsync(file.fileno())

    def _parsed(self, line: bytes) -> tuple[str, Result] | None:
        try:
            content = json.loads(line)
            if content.pop("key") != self.key:
                return None
            return content.pop("task"), self.from_dict(content)
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
