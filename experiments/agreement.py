"""Whether two sets of result files say the same, figure by figure."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TABLES = ("candidates.csv", "memberships.csv", "types.csv", "axis.csv", "comembership.csv")
"""Tables of a run that are compared, cell by cell."""
EXPLANATION = ("drivers.csv", "explanation.csv", "rules.csv", "evaluation.csv")
SPECIFICATIONS = ("specifications.csv", "specification_sites.csv")
"""Those of the grid, where it was tried again."""
EVIDENCE = "evidence.json"
CLOSE = 1e-9
"""Relative difference below which two figures agree: another processor rounds the last digits."""
ABSENT = "(absent)"


@dataclass(frozen=True)
class Difference:
    """A figure or a text that is not the same.

    Parameters
    ----------
    file, place : str
        Where it stands.
    before, now : str
        What it was, and is.
    """

    file: str
    place: str
    before: str
    now: str


@dataclass(frozen=True)
class Agreement:
    """What a comparison found.

    Parameters
    ----------
    figures : int
        Numbers compared.
    texts : int
        Everything else compared.
    identical : int
        Numbers that are the same to the last digit.
    differences : tuple of Difference
    """

    figures: int
    texts: int
    identical: int
    differences: tuple[Difference, ...]

    @property
    def holds(self) -> bool:
        """Whether all agree, and there was something to compare."""
        return not self.differences and self.figures > 0


def compare_folders(
    before: Path, now: Path, close: float = CLOSE, tables: Sequence[str] = TABLES
) -> Agreement:
    """Compare the results in two folders, by the names of the output contract.

    Parameters
    ----------
    before, now : Path
        Each with `EVIDENCE` and `tables`; a file that only one of them has is a difference.
    close : float
        Numbers agree where they differ by this share of the larger one at most.
    tables : sequence of str

    Returns
    -------
    Agreement
    """
    cells = [
        (name, *cell)
        for name in (EVIDENCE, *tables)
        for cell in _pairs(_content(before / name), _content(now / name))
    ]
    return compare_values(cells, close)


def compare_values(cells: list[tuple[str, str, Any, Any]], close: float = CLOSE) -> Agreement:
    """Compare pairs of values, each with its file and place.

    Examples
    --------
    >>> found = compare_values([("a.csv", "x", "1.0", "1"), ("a.csv", "y", "2", "3")])
    >>> found.figures, found.identical, [one.place for one in found.differences]
    (2, 1, ['y'])
    """
    figures = identical = 0
    different = []
    for file, place, old, new in cells:
        numbers = _number(old), _number(new)
        if None not in numbers:
            figures += 1
            identical += numbers[0] == numbers[1]
        if not _same(old, new, numbers, close):
            different.append(Difference(file, place, _shown(old), _shown(new)))
    return Agreement(figures, len(cells) - figures, identical, tuple(different))


def _same(old: Any, new: Any, numbers: tuple[float | None, float | None], close: float) -> bool:
    before, now = numbers
    if before is None or now is None:
        return bool(old == new)
    return math.isclose(before, now, rel_tol=close, abs_tol=close * 1e-3)


def _number(value: Any) -> float | None:
    """Read a number, of JSON or of a cell; None where it is none, or not finite."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _shown(value: Any) -> str:
    return "" if value is None else str(value)


def _pairs(
    before: Mapping[str, Any] | None, now: Mapping[str, Any] | None
) -> Iterator[tuple[str, Any, Any]]:
    """Each place with what stands there in the one and in the other."""
    if before is None or now is None:
        if before is not now:
            there, gone = "(the file)", ABSENT
            yield "", there if before is not None else gone, there if now is not None else gone
        return
    for place in {**before, **now}:
        yield place, before.get(place, ABSENT), now.get(place, ABSENT)


def _content(path: Path) -> dict[str, Any] | None:
    """Values of a file by place; None where there is none."""
    if not path.is_file():
        return None
    if path.suffix == ".json":
        return dict(_leaves(json.loads(path.read_text(encoding="utf-8")), ""))
    with path.open(encoding="utf-8", newline="") as file:
        return dict(_cells(csv.DictReader(file)))


def _leaves(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list):
        yield f"{place} (length)", len(value)
        for at, item in enumerate(value):
            yield from _leaves(item, f"{place}[{at}]")
    else:
        yield place, value


def _cells(rows: csv.DictReader[str]) -> Iterator[tuple[str, Any]]:
    """Cells by row and column; a row is named by its place and its first cell."""
    names = list(rows.fieldnames or [])
    yield "(columns)", ", ".join(names)
    for at, row in enumerate(rows, start=1):
        for name in names:
            yield f"row {at} ({row[names[0]]}), {name}", row[name]
    yield "(rows)", rows.line_num
