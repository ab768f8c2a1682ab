"""Results of a benchmark that can be stopped at any time: one JSON row a line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

Row = dict[str, object]
Key = tuple[str, str, int]


class Results:
    """Rows with a cell, a method and a seed in a file, to which rows are only added.

    A last line that a stopped run left unfinished is taken off; any other line that cannot be read
    is an error.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        content = path.read_bytes() if path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            path.write_bytes(whole)

    def rows(self) -> list[Row]:
        """Everything in the file, in the order it came."""
        if not self.path.exists():
            return []
        lines = self.path.read_text("utf-8").splitlines()
        found = []
        for at, line in enumerate(lines, 1):
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError as error:
                raise ValueError(
                    f"{self.path}, line {at}: is no JSON. Mend or remove it."
                ) from error
        return found

    def keys(self) -> set[Key]:
        """Cell, method and seed of every row."""
        return {
            (str(row["cell"]), str(row["method"]), int(str(row["seed"]))) for row in self.rows()
        }

    def add(self, rows: Sequence[Row]) -> None:
        """Add rows; each is on disk when this returns."""
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
