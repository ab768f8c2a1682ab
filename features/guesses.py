"""Guesses about the tables in a folder: format, role, answer scales, codes that mean missing."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from site_typology.declaration import TableDeclaration
from site_typology.features.columns import cells, explain_missing, settle
from site_typology.features.personal import is_personal
from site_typology.features.qualtrics import RESPONSE_ID, header_rows
from site_typology.features.rawtable import RawTable, UnreadableTableError
from site_typology.features.readers import ENDINGS, read_raw
from site_typology.features.text import TextReader
from site_typology.features.workbook import title_rows
from site_typology.personal_patterns import personal_kind

MARKS = {
    "s": "suppressed",
    "*": "suppressed",
    "c": "suppressed",
    "z": "not applicable",
    "x": "unavailable",
    "low": "rounds to zero",
    "k": "rounds to zero",
    "u": "low reliability",
}
"""Marks of public statistics for a cell without a figure (education statistics in England)."""

ROUND_NAMES = frozenset({"round", "wave", "surveyround", "surveywave", "timepoint"})
MOST_ROUNDS = 10
_DETACHED_CODES = frozenset({-99, -98, -97, -9, -8, -7, 8, 9, 77, 88, 97, 98, 99, 997, 998, 999})
_ITEM = re.compile(r"(.+?)_?\d+[a-z]?")
_PERSONAL_WORDS = re.compile(r"e-?mail|phone|mobile|surname|(first|last|full|fore)[ _]?name", re.I)
_LONGEST_LABEL = 6
_HIGHEST_ANSWER = 10
_FEWEST_ITEMS = 3
_CLEAR_LOADING = 0.3


@dataclass(frozen=True)
class FoundTable:
    """A file that could be read, and its columns as they would be without any declaration.

    Parameters
    ----------
    name : str
        Name for the study file.
    file, format : str
    raw : RawTable
    frame : DataFrame
        Rows that the reader does not set aside.
    codes : dict of frozenset of str
        Different codes of each column, as text.
    skip_rows : int
        Rows above the header that look like a title.
    sheets : tuple of str
        Sheets of the workbook that are not read.
    """

    name: str
    file: str
    format: str
    raw: RawTable
    frame: pd.DataFrame
    codes: dict[str, frozenset[str]]
    skip_rows: int = 0
    sheets: tuple[str, ...] = ()

    @cached_property
    def unique(self) -> list[str]:
        """Columns that name every row once; decimal numbers do not."""
        rows = len(self.frame)
        return [c for c in self.frame if len(self.codes[c]) == rows and not _decimal(self.frame[c])]

    @property
    def personal(self) -> list[str]:
        """Columns that seem to name a person and are not dropped anyway."""
        return [c for c in self.frame if not is_personal(c) and self._seems_personal(c)]

    def _seems_personal(self, column: str) -> bool:
        """By the heading, what the cells look like, or the label of a column without numbers."""
        label = self.raw.titles.get(column, "")
        if _PERSONAL_WORDS.search(column) or personal_kind(self.codes[column]):
            return True
        # A long text asks about e-mail rather than for an address.
        asked = len(label.split()) <= _LONGEST_LABEL and _PERSONAL_WORDS.search(label)
        return bool(asked) and not pd.api.types.is_numeric_dtype(self.frame[column])

    @property
    def response_id(self) -> str:
        """Column with the number that survey software gives each response; ``""`` without one."""
        numbered = (name for name, own in self.raw.software.items() if own == RESPONSE_ID)
        return next(numbered, "")

    @property
    def round(self) -> str | None:
        """Column that seems to hold the round."""
        for column in self.frame:
            if plain_name(column) in ROUND_NAMES and 1 <= len(self.codes[column]) <= MOST_ROUNDS:
                return str(column)
        return None


@dataclass(frozen=True)
class Items:
    """Columns that look like items of one answer scale.

    Parameters
    ----------
    stem : str
        What their names share.
    columns : list of str
    reverse : list of str
        Those that correlate negatively with what they have in common.
    range : tuple of int
    missing : list of str
        Codes apart from the scale that the file does not declare missing.
    """

    stem: str
    columns: list[str]
    reverse: list[str]
    range: tuple[int, int]
    missing: list[str]


def plain_name(name: str) -> str:
    """Reduce a name to its letters and digits.

    Examples
    --------
    >>> plain_name("School ID")
    'schoolid'
    """
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def find_tables(folder: Path) -> tuple[list[FoundTable], dict[str, str]]:
    """Read every table in a folder.

    Returns
    -------
    list of FoundTable
    dict of str
        File, and why it could not be read.
    """
    found: list[FoundTable] = []
    failed: dict[str, str] = {}
    for path in sorted(folder.iterdir()):
        hidden = path.name.startswith((".", "~"))
        if hidden or not path.is_file() or path.suffix.lower() not in ENDINGS:
            continue
        try:
            table = _read(path, {each.name for each in found})
        except UnreadableTableError as error:
            failed[path.name] = str(error)
            continue
        if table.frame.empty:
            failed[path.name] = "It has no rows."
        else:
            found.append(table)
    return found, failed


def _read(path: Path, taken: set[str]) -> FoundTable:
    format_ = guess_format(path)
    skip, sheets = title_rows(path) if format_ == "xlsx" and path.stat().st_size else (0, [])
    declared = {"path": path.name, "format": format_, "site": "?", "skip_rows": skip or None}
    raw = read_raw(TableDeclaration.model_validate(declared), path.parent)
    kept = (raw.aside == "").to_numpy()
    values, codes = {}, {}
    for column in raw.frame.columns:
        explained = explain_missing(raw.frame[column], raw.missing.get(column, {}), {})
        settled, numeric = settle(explained.rows(kept), decimal_comma=raw.decimal_comma)
        values[column] = cells(settled, numeric)
        codes[column] = settled.codes()
    name = re.sub(r"\W+", "_", path.stem).strip("_").lower() or "table"
    while name in taken:
        name += "_2"
    frame = pd.DataFrame(values)
    return FoundTable(name, path.name, format_, raw, frame, codes, skip, tuple(sheets))


def guess_format(path: Path) -> str:
    """Guess the format of a file from its ending and, for text, its header."""
    format_ = ENDINGS[path.suffix.lower()]
    if format_ not in ("csv", "tsv"):
        return format_
    records = TextReader().records(path, TableDeclaration(path=path.name, site="?"))
    header = {name.strip() for name in records.cells[0]}
    if header_rows(records.cells) > 1 or {"ResponseId", "RecordedDate"} <= header:
        return "qualtrics"
    if "URN" in header and sum(name.endswith("(code)") for name in header) >= 3:
        return "gias"
    return format_


def guess_role(table: FoundTable, items: list[Items]) -> str:
    """Guess what a table is from its format, its name and the names of its columns."""
    names = " ".join(plain_name(column) for column in table.frame)
    if table.format == "gias":
        return "settings"
    dated = "start" in names and re.search(r"end|leav|terminat", names)
    if dated and re.search(r"employee|staff|fte|band", names):
        return "workforce"
    if "funded" in names:
        return "establishment"
    if items or table.format in ("qualtrics", "sav", "dta"):
        return "survey"
    if "activity" in table.name or re.search(r"contacts|minutes|sessions", names):
        return "activity"
    return "other"


def guess_marks(table: FoundTable) -> dict[str, str]:
    """Guess which marks mean missing, from columns that would be numbers without them."""
    marks: dict[str, str] = {}
    for column in table.frame:
        codes = table.codes[column]
        known = codes.intersection(MARKS)
        if known and len(known) < len(codes) and _all_numbers(codes - known):
            marks.update({mark: MARKS[mark] for mark in sorted(known)})
    return marks


def guess_items(table: FoundTable, not_items: set[str]) -> list[Items]:
    """Guess which columns are items of one answer scale, from names and whole-number answers."""
    groups: dict[str, list[str]] = defaultdict(list)
    for column in table.frame:
        match = _ITEM.fullmatch(str(column))
        if match and column not in not_items and _answers(table.frame[column]):
            groups[match[1]].append(str(column))
    guessed = (_items(table, stem, columns) for stem, columns in groups.items())
    return [items for items in guessed if items is not None]


def _items(table: FoundTable, stem: str, columns: list[str]) -> Items | None:
    answers = {column: _answers(table.frame[column]) for column in columns}
    highest = max(max(each) for each in answers.values())
    columns = [column for column in columns if max(answers[column]) >= highest - 1]
    if len(columns) < _FEWEST_ITEMS:
        return None
    lowest = min(min(answers[column]) for column in columns)
    given = {int(v) for column in columns for v in table.frame[column].dropna().unique()}
    limits = (min(lowest, 1), highest)
    inside = table.frame[columns].where(lambda cell: (cell >= limits[0]) & (cell <= limits[1]))
    apart = [code for code in given if not limits[0] <= code <= limits[1]]
    missing = [str(code) for code in sorted(apart)]
    return Items(stem, columns, reversed_items(inside), limits, missing)


def _answers(column: pd.Series) -> set[int]:
    """Answers of an item without codes that stand apart; empty if it is no item."""
    if not pd.api.types.is_numeric_dtype(column):
        return set()
    values = column.dropna().unique()
    if len(values) == 0 or len(values) > 2 * _HIGHEST_ANSWER or (values % 1 != 0).any():
        return set()
    core = sorted(int(value) for value in values)
    while core and core[0] < 0 and core[0] in _DETACHED_CODES:
        core.pop(0)
    for at in range(len(core) - 1, 0, -1):
        # 8 and 9 beside answers up to 5 or 6 stand apart; beside answers up to 7 they do not.
        if core[at] - core[at - 1] >= 2 and set(core[at:]) <= _DETACHED_CODES:
            core = core[:at]
    fits = len(core) >= 3 and core[0] in (0, 1, 2) and core[-1] <= _HIGHEST_ANSWER
    return set(core) if fits else set()


def reversed_items(answers: pd.DataFrame) -> list[str]:
    """Guess which items are worded the other way round.

    The sign of each item's loading on the first principal component of the correlations, where
    the loading is clear; the larger group is taken as worded the right way.

    Examples
    --------
    >>> rise = pd.Series(range(1, 6))
    >>> reversed_items(pd.DataFrame({"a": rise, "b": rise, "c": 6 - rise}))
    ['c']
    """
    varied = answers.loc[:, answers.std() > 0]
    if varied.shape[1] < 2:
        return []
    correlations = varied.corr(min_periods=5).fillna(0).to_numpy()
    values, vectors = np.linalg.eigh(correlations)
    loadings = vectors[:, -1] * np.sqrt(max(values[-1], 0))
    if (loadings < 0).sum() * 2 > len(loadings):
        loadings = -loadings
    return [str(c) for c, each in zip(varied, loadings, strict=True) if each < -_CLEAR_LOADING]


def _decimal(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column) and (column.dropna() % 1 != 0).any())


def _all_numbers(codes: frozenset[str]) -> bool:
    return bool(pd.to_numeric(pd.Series(sorted(codes)), errors="coerce").notna().all())
