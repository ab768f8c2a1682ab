"""How a file of new sites differs from what a typology was fitted on, as a table and as errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from site_typology.errors import Problem, StudyError

MOST_CELLS = 1000
"""Cells that one difference names; of more, their number is told."""


@dataclass(frozen=True)
class Difference:
    """One thing that differs.

    Parameters
    ----------
    column : str
        As the file calls it, or as it should be called where it is missing.
    expected, remedy : str
        What the typology was fitted on, and what to do.
    what : str
        What was found, without the values.
    cells : tuple of tuple of str
        Place and value of every cell concerned, `MOST_CELLS` at most.
    more : int
        Cells beyond those.
    stops : bool
        Whether sites cannot be assigned before it is mended.

    Examples
    --------
    >>> odd = Difference("turnover", "0 to 1", "out of range", "Give shares.", (("B3", "45"),))
    >>> odd.found, odd.without_values
    ('out of range: 45 in B3', 'Out of range in B3. Expected 0 to 1. Give shares.')
    """

    column: str
    expected: str
    what: str
    remedy: str
    cells: tuple[tuple[str, str], ...] = ()
    more: int = 0
    stops: bool = True

    @property
    def found(self) -> str:
        """What was found, every cell named with its value."""
        listed = ", ".join(f"{value} in {place}" if value else place for place, value in self.cells)
        return f"{self.what}: {listed}{self._rest}" if listed else self.what

    @property
    def message(self) -> str:
        """All of it in words."""
        return f"Expected {self.expected}; found {self.found}. {self.remedy}"

    @property
    def without_values(self) -> str:
        """All of it, but for the values found; for answers that others may keep."""
        places = ", ".join(place for place, _ in self.cells)
        where = f" in {places}{self._rest}" if places else ""
        what = self.what[:1].upper() + self.what[1:]
        return f"{what}{where}. Expected {self.expected}. {self.remedy}"

    @property
    def _rest(self) -> str:
        return f" and {self.more} more" if self.more else ""


class MismatchError(StudyError):
    """New sites do not fit the typology; holds every difference.

    Parameters
    ----------
    source : str
        What was read.
    differences : sequence of Difference
    """

    def __init__(self, source: str, differences: Sequence[Difference]) -> None:
        self.differences = tuple(differences)
        stopping = [own for own in self.differences if own.stops]
        super().__init__(source, [Problem(own.column, own.message) for own in stopping])

    def __reduce__(self) -> tuple[type[MismatchError], tuple[str, tuple[Difference, ...]]]:  # type: ignore[override]  # other arguments than the base class
        return type(self), (self.source, self.differences)


class CellList:
    """Collects cells of one kind, the first `MOST_CELLS` by name."""

    def __init__(self) -> None:
        self.cells: list[tuple[str, str]] = []
        self.more = 0

    def add(self, place: str, value: object = "") -> None:
        """Note one cell."""
        if len(self.cells) < MOST_CELLS:
            text = "".join(sign if sign.isprintable() else " " for sign in str(value))
            self.cells.append((place, text if len(text) <= 40 else f"{text[:37]}..."))
        else:
            self.more += 1
