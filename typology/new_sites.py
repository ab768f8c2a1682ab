"""Check new sites against what a typology was fitted on, cell by cell, every problem at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from site_typology.cell_values import REMEDIES, read_number
from site_typology.declaration import ONE_ROUND
from site_typology.differences import CellList, Difference, MismatchError
from site_typology.form import Field, Form, shown_list
from site_typology.headings import check_headings
from site_typology.profile_checks import INDEX, PARTS_SUM_TOLERANCE
from site_typology.profile_files import ERROR, profiles_of_wide
from site_typology.profiles import SiteProfiles
from site_typology.range_tally import RangeTally
from site_typology.spreadsheet import restore

CHUNK = 4096
EDGE = 1e-9
"""What a value may be beyond a limit for rounding, as profiles are checked."""

_OF_ROWS = {
    "blank": ("a name for every site", "Name the site."),
    "named twice in a round": (
        "one row a site and round",
        "Leave one of them, or tell rounds apart.",
    ),
    "cut or too long": ("as many fields as headings", "Is the file cut, or a comma not quoted?"),
    "parts with another sum": ("parts that add up to 1", "Correct the parts of the composition."),
}
"""What is expected and what to do, by what was found of a whole row."""


@dataclass(frozen=True)
class RawTable:
    """A table as it was read, nothing made of its cells yet.

    Parameters
    ----------
    source : str
        What to call it.
    headings : sequence of str
    rows : iterator of tuple of int and sequence
        Number of the row and its cells, None where blank.
    place : callable
        Says where a cell is, given the number of its row and its column from 0.
    """

    source: str
    headings: Sequence[str]
    rows: Iterator[tuple[int, Sequence[object]]]
    place: Callable[[int, int], str]


@dataclass(frozen=True)
class Chunk:
    """Some new sites whose cells have been read.

    Parameters
    ----------
    sites, rounds : ndarray of str, shape (n,)
    numbers : mapping of str to ndarray, shape (n,)
        By column (``FEATURE``, ``FEATURE__se``, ``FEATURE__n``); NaN where blank.
    categories : mapping of str to ndarray, shape (n,)
        None where blank.
    """

    sites: np.ndarray
    rounds: np.ndarray
    numbers: Mapping[str, np.ndarray]
    categories: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.sites)

    @classmethod
    def joined(cls, chunks: Sequence[Chunk]) -> Chunk:
        """Put chunks of one table together."""
        first = chunks[0]
        return cls(
            np.concatenate([one.sites for one in chunks]),
            np.concatenate([one.rounds for one in chunks]),
            {name: np.concatenate([one.numbers[name] for one in chunks]) for name in first.numbers},
            {
                name: np.concatenate([one.categories[name] for one in chunks])
                for name in first.categories
            },
        )

    def profiles(self, form: Form) -> SiteProfiles:
        """Make profiles of the fields that the sites have."""
        columns = {**self.numbers, **self.categories}
        index = pd.MultiIndex.from_arrays([self.sites, self.rounds], names=INDEX)
        infos = [field.info for field in form.fields if field.name in columns]
        return profiles_of_wide(pd.DataFrame(columns, index=index), infos)


class Checker:
    """Reads the cells of a table and collects everything that does not fit.

    Parameters
    ----------
    form : Form
    table : RawTable
    named : bool
        Whether rows name their site; they are numbered otherwise.
    whole : bool
        Whether every part of a composition needs its column.
    """

    def __init__(
        self, form: Form, table: RawTable, *, named: bool = True, whole: bool = False
    ) -> None:
        self.form = form
        self.table = table
        self.named = named
        self.found: list[Difference] = []
        self.at = check_headings(form, table.headings, self.found, named=named, whole=whole)
        self.tally = RangeTally(form)
        self._cells: dict[tuple[str, str], CellList] = defaultdict(CellList)
        self._hashes: list[np.ndarray] = []
        self._places: list[int] = []

    def chunks(self, rows: int = CHUNK) -> Iterator[Chunk]:
        """Read the table some rows at a time; `finish` says what was wrong."""
        waiting: list[tuple[int, Sequence[object]]] = []
        for number, cells in self.table.rows:
            if self.named and all(cell is None or cell == "" for cell in cells):
                continue
            waiting.append((number, cells))
            if len(waiting) == rows:
                yield self._read(waiting)
                waiting = []
        if waiting:
            yield self._read(waiting)

    @property
    def wrong(self) -> bool:
        """Whether anything that stops was found so far."""
        stopping = any(own.stops for own in self.found)
        return stopping or any(self._expectation(name, what)[2] for name, what in self._cells)

    def finish(self) -> tuple[Difference, ...]:
        """Give the differences that do not stop, or raise `MismatchError` with all of them."""
        self._check_twice()
        for (name, what), cells in self._cells.items():
            self.found.append(self._difference(name, what, cells))
        if not self._places and not self.found:
            self.found.append(
                Difference("sites", "one row a site", "no site", "Fill in one row or more.")
            )
        self.found.extend(self.tally.notes())
        if any(own.stops for own in self.found):
            raise MismatchError(self.table.source, self.found)
        return tuple(self.found)

    def _read(self, rows: Sequence[tuple[int, Sequence[object]]]) -> Chunk:
        numbered = [number for number, _ in rows]
        columns: dict[str, list[object]] = {
            name: [cells[at] if at < len(cells) else None for _, cells in rows]
            for name, at in self.at.items()
        }
        self._check_lengths(rows)
        sites, rounds = self._names(columns, numbered)
        numbers, categories = {}, {}
        for name in self.at:
            if name in INDEX:
                continue
            field, ending = self.form.known[name]
            if field.category and not ending:
                categories[name] = self._codes(field, columns[name], numbered)
            else:
                numbers[name] = self._numbers(field, ending, columns[name], numbered)
        self._check_sums(numbers, numbered)
        self.tally.add(numbers)
        self._hashes.append(hashes(sites, rounds))
        self._places += numbered
        return Chunk(sites, rounds, numbers, categories)

    def _check_lengths(self, rows: Sequence[tuple[int, Sequence[object]]]) -> None:
        width = len(self.table.headings)
        for number, cells in rows:
            if len(cells) != width:
                told = f"{len(cells)} of {width} fields"
                self._cells["rows", "cut or too long"].add(self.table.place(number, 0), told)

    def _names(
        self, columns: Mapping[str, Sequence[object]], rows: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray]:
        if not self.named:
            numbered = np.array([str(row) for row in rows], dtype=object)
            return numbered, np.full(len(rows), ONE_ROUND, dtype=object)
        blank = [None] * len(rows)
        sites = [_text(cell) for cell in columns.get("site", blank)]
        for row, site in zip(rows, sites, strict=True):
            if not site and "site" in self.at:
                self._note("site", "blank", row)
        rounds = [_text(cell) or ONE_ROUND for cell in columns.get("round", blank)]
        return np.array(sites, dtype=object), np.array(rounds, dtype=object)

    def _numbers(
        self, field: Field, ending: str, cells: Sequence[object], rows: Sequence[int]
    ) -> np.ndarray:
        name = field.name + ending
        numbers = np.full(len(cells), np.nan)
        low, high = field.limits_of(ending)
        for at, raw in enumerate(cells):
            value, what = read_number(raw)
            if not what and (value < low - EDGE or value > high + EDGE):
                what = ("negative" if value < low else "too large") if ending else "out of range"
            if not what and not ending and self.tally.stops(field, value):
                what = "not in the code frame"
            if what:
                self._note(name, what, rows[at], raw)
            else:
                numbers[at] = value
        return numbers

    def _codes(self, field: Field, cells: Sequence[object], rows: Sequence[int]) -> np.ndarray:
        codes = [_text(cell) for cell in cells]
        for row, code in zip(rows, codes, strict=True):
            if code and code not in field.codes:
                self._note(field.name, "not in the code frame", row, code)
        return np.array([code or None for code in codes], dtype=object)

    def _check_sums(self, numbers: Mapping[str, np.ndarray], rows: Sequence[int]) -> None:
        for name, parts in compositions(self.form).items():
            if not all(part in numbers for part in parts):
                continue
            total = np.sum([numbers[part] for part in parts], axis=0)
            for at in map(int, np.flatnonzero(np.abs(total - 1) > PARTS_SUM_TOLERANCE)):
                place = self.table.place(rows[at], self.at[parts[0]])
                self._cells[name, "parts with another sum"].add(place, f"{total[at]:.3f}")

    def _check_twice(self) -> None:
        if "site" not in self.at or not self._hashes:
            return
        every = np.concatenate(self._hashes)
        _, first, counts = np.unique(every, return_index=True, return_counts=True)
        if len(first) == len(every):
            return
        twice = np.isin(every, every[first[counts > 1]])
        for at in np.flatnonzero(twice):
            self._note("site", "named twice in a round", self._places[at])

    def _note(self, name: str, what: str, row: int, value: object = "") -> None:
        self._cells[name, what].add(self.table.place(row, self.at.get(name, 0)), value)

    def _difference(self, name: str, what: str, cells: CellList) -> Difference:
        expected, remedy, stops = self._expectation(name, what)
        return Difference(name, expected, what, remedy, tuple(cells.cells), cells.more, stops)

    def _expectation(self, name: str, what: str) -> tuple[str, str, bool]:
        if what in _OF_ROWS:
            return *_OF_ROWS[what], True
        field, ending = self.form.known[name]
        if what == "not in the code frame":
            frame = shown_list(field.codes)
            if field.category:
                return frame, "Check the spelling; no site is placed by it.", False
            return frame, "Give a level of the scale; leave unknown ones blank.", True
        if what == "too large":
            most = f"a standard error of {field.limits_of(ending)[1]:g} at most"
            return most, REMEDIES[what], True
        return expected_number(field, ending), REMEDIES[what], True


def expected_number(field: Field, ending: str) -> str:
    """Say which numbers a column takes."""
    if ending:
        return "a standard error of 0 or more" if ending == ERROR else "a number of 0 or more"
    unit = f" ({field.info.unit})" if field.info.unit else ""
    if field.limits is None:
        return f"a number{unit}"
    low, high = (format(limit, "g") for limit in field.limits)
    if np.isinf(field.limits[1]):
        return f"{low} or more{unit}"
    return f"{low} to {high}{unit}"


def compositions(form: Form) -> dict[str, list[str]]:
    """Parts of each composition that sites are placed by or described by."""
    parts: dict[str, list[str]] = defaultdict(list)
    for field in form.fields:
        if field.info.composition:
            parts[field.info.composition].append(field.name)
    return dict(parts)


def hashes(sites: np.ndarray, rounds: np.ndarray) -> np.ndarray:
    """Give every site and round a number; two of a million share one by chance once in 10^7."""
    own = pd.util.hash_array(sites, categorize=False)
    if len(rounds) and (rounds == rounds[0]).all():
        other = pd.util.hash_array(rounds[:1], categorize=False)
    else:
        other = pd.util.hash_array(rounds, categorize=False)
    return np.asarray(own * np.uint64(0x9E3779B97F4A7C15) + other)


def _text(cell: object) -> str:
    """A name or code as text: a spreadsheet turns the name 12 into a number."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return restore(str(cell).strip())
