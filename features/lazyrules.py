"""The rules for one column as expressions, for rows that stay in an engine.

They say what `site_typology.features.columns` does to rows in memory: codes that mean missing with
their reasons, recodings, and whether a column holds numbers. A column of text goes through two
steps, its codes and then, where they all are numbers, the numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_

import narwhals as nw

from site_typology.declaration import REASONS
from site_typology.features.columns import (
    LONGEST_EXACT,
    MISSING_MARKS,
    NUMBER,
    PADDED,
    THOUSANDS,
    UNEXPLAINED,
)
from site_typology.features.conditions import is_number
from site_typology.features.engines import Rows, one_row
from site_typology.features.tables import code_text

_RAW = "__raw__"
_WHOLE = r"^[+-]?\d+\.0+$"


def _all(pattern: re.Pattern[str]) -> str:
    return f"^(?:{pattern.pattern})$"


@dataclass(frozen=True)
class LazyColumn:
    """A column of a scan and what a study says about it.

    Parameters
    ----------
    name : str
        New name.
    raw : str
        Name in the scan.
    is_text, is_float : bool
        What the scan holds: text, or numbers, of which some may be NaN.
    missing : mapping of str to str
        Code as text, reason; ``""`` for blank cells.
    recode : mapping of str to float or str
        Code as text, new value.
    decimal_comma : bool
    coded : bool
        Look at codes as text even of numbers.
    """

    name: str
    raw: str
    is_text: bool
    is_float: bool
    missing: Mapping[str, str]
    recode: Mapping[str, float | str]
    decimal_comma: bool = False
    coded: bool = False

    @property
    def by_code(self) -> bool:
        """Whether its codes are looked at as text, as where a recoding gives text."""
        text = any(isinstance(new, str) for new in self.recode.values())
        return self.is_text or self.coded or text

    @property
    def blank(self) -> str:
        """Reason of a blank cell."""
        return self.missing.get("", UNEXPLAINED)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Reasons why a cell may be missing."""
        marks = {UNEXPLAINED} if self.by_code else set()
        told = {self.blank, *marks, *self.missing.values()}
        return tuple(reason for reason in REASONS if reason in told)

    def tests(self) -> dict[str, nw.Expr]:
        """Reason, and whether a cell of the scan is missing for it; perhaps null elsewhere."""
        cell = self._cell()
        tests: dict[str, nw.Expr] = {}
        for reason in dict.fromkeys([self.blank, *self.missing.values()]):
            codes = [code for code, why in self.missing.items() if why == reason and code]
            met = self._is_among(cell, codes)
            if reason == self.blank:
                empty = self._is_blank(cell)
                met = empty if met is None else empty | met
            if met is not None:
                tests[reason] = met
        return tests

    def why(self) -> nw.Expr:
        """Reason why the cell is missing, ``""`` where it is not."""
        found = nw.lit("")
        for reason, met in self.tests().items():
            found = nw.when(met).then(nw.lit(reason)).otherwise(found)
        return found

    def value(self) -> nw.Expr:
        """The recoded number or, of a column looked at by its codes, the code; null if missing."""
        cell = self._cell()
        codes = [code for code in self.missing if code]
        if not self.by_code:
            return self._number(cell, codes)
        new = cell
        for code, value in self.recode.items():
            new = nw.when(cell == code).then(nw.lit(code_text(value))).otherwise(new)
        given = ~self._is_blank(cell)
        among = self._is_among(cell, codes)
        # A row that is no code of a missing reason is null in `among` where it is blank only.
        return nw.when(given if among is None else given & ~among).then(new)

    def _number(self, cell: nw.Expr, codes: Sequence[str]) -> nw.Expr:
        new = cell
        for code, value in self.recode.items():
            if _stands_for_number(code):
                new = nw.when(cell == float(code)).then(nw.lit(float(value))).otherwise(new)
        stored = nw.col(self.raw)
        others = [stored != _whole(float(code)) for code in codes if _stands_for_number(code)]
        # One test after the other, of which DuckDB asks the next only where the last was met.
        return nw.when(reduce(and_, others)).then(new) if others else new

    def _cell(self) -> nw.Expr:
        """The cell as a number, or its code as text."""
        cell = nw.col(self.raw)
        if self.is_text:
            return _code(cell.cast(nw.String).str.strip_chars())
        number = cell.cast(nw.Float64)
        if self.is_float:
            number = nw.when(~cell.is_nan()).then(number)
        if not self.by_code:
            return number
        return _code(nw.when(~number.is_null()).then(number.cast(nw.String)))

    def _is_blank(self, cell: nw.Expr) -> nw.Expr:
        return cell.is_null() | (cell == "") if self.is_text else cell.is_null()

    def _is_among(self, cell: nw.Expr, codes: Sequence[str]) -> nw.Expr | None:
        if self.by_code:
            return cell.is_in(list(codes)) if codes else None
        numbers = [float(code) for code in codes if _stands_for_number(code)]
        if not numbers:
            return None
        # The cells as they stand, compared one code after the other: DuckDB looks a value up in
        # a list several times more slowly.
        stored = nw.col(self.raw)
        return reduce(or_, (stored == _whole(each) for each in numbers))


def settle_text(
    rows: Rows, columns: Sequence[LazyColumn]
) -> tuple[dict[str, bool], frozenset[str]]:
    """Find out which columns of codes hold numbers, as `columns.settle` does.

    Parameters
    ----------
    rows : narwhals.LazyFrame
        The rows in use, with the codes of `columns` under their new names.
    columns : sequence of LazyColumn

    Returns
    -------
    numeric : dict of str to bool
    thousands : frozenset of str
        Columns of numbers where a comma groups thousands.
    """
    if not columns:
        return {}, frozenset()
    names = [column.name for column in columns]
    codes = rows.select(
        *(_point(column).alias(column.name) for column in columns),
        *(nw.col(each.name).alias(f"{_RAW}{each.name}") for each in columns if each.decimal_comma),
    )
    asked = []
    for at, (name, column) in enumerate(zip(names, columns, strict=True)):
        cell = nw.col(name)
        if column.decimal_comma:
            raw = nw.col(f"{_RAW}{name}")
            dotted = raw.str.contains(".", literal=True) & ~raw.is_in(sorted(MISSING_MARKS))
            asked += [
                _count(raw.str.contains(",", literal=True)).alias(f"comma{at}"),
                _count(dotted).alias(f"dot{at}"),
            ]
        grouped = cell.str.contains(_all(THOUSANDS))
        asked += [
            _count(_no_number(cell) & ~grouped).alias(f"no{at}"),
            _count(grouped).alias(f"grouped{at}"),
        ]
    answer = one_row(codes.select(*asked))
    numeric = {
        name: not answer[f"no{at}"]
        and not (answer.get(f"comma{at}", 0) and answer.get(f"dot{at}", 0))
        for at, name in enumerate(names)
    }
    maybe = [
        column
        for at, column in enumerate(columns)
        if answer[f"grouped{at}"] and numeric[column.name]
    ]
    thousands = set()
    for column in maybe:
        groups = not column.decimal_comma and _groups_thousands(codes, column.name)
        numeric[column.name] = groups
        thousands |= {column.name} if groups else set()
    return numeric, frozenset(thousands)


def number(column: LazyColumn, thousands: bool) -> nw.Expr:
    """Number of a code where every code of a column is a number or a mark for a missing one."""
    text = _point(column)
    text = text.str.replace_all(",", "", literal=True) if thousands else text
    return nw.when(~_is_mark(column)).then(text).cast(nw.Float64)


def why_number(column: LazyColumn, why: str) -> nw.Expr:
    """Reason why a number is missing: as `why` says, or for a mark that means missing."""
    return nw.when(_is_mark(column)).then(nw.lit(UNEXPLAINED)).otherwise(nw.col(why))


def _is_mark(column: LazyColumn) -> nw.Expr:
    return nw.col(column.name).is_in(sorted(MISSING_MARKS))


def _point(column: LazyColumn) -> nw.Expr:
    cell = nw.col(column.name)
    return cell.str.replace_all(",", ".", literal=True) if column.decimal_comma else cell


def _groups_thousands(codes: Rows, name: str) -> bool:
    """Whether the other numbers of a column show that its commas group thousands."""
    number = nw.when(nw.col(name).str.contains(_all(NUMBER))).then(nw.col(name))
    bare = nw.col(name).str.replace_all(",", "", literal=True)
    others = _count(_no_number(bare)).alias("others")
    answer = one_row(codes.select(number.cast(nw.Float64).abs().max().alias("number"), others))
    largest = answer["number"]
    if largest is None or not 100 <= largest < 1000:
        return False
    return not answer["others"]


def _no_number(cell: nw.Expr) -> nw.Expr:
    """Whether there is a code that is no number, would change as one, and is no mark either."""
    long = cell.str.contains(rf"^\d{{{LONGEST_EXACT + 1},}}$")
    plain = cell.str.contains(_all(NUMBER)) & ~cell.str.contains(_all(PADDED)) & ~long
    # Some engines say false of a missing cell and others nothing, so it is asked apart.
    return ~cell.is_null() & ~plain & ~cell.is_in(sorted(MISSING_MARKS))


def _code(text: nw.Expr) -> nw.Expr:
    whole = text.str.contains(_WHOLE)
    return nw.when(whole).then(text.str.replace_all(r"\.0+$", "")).otherwise(text)


def _count(met: nw.Expr) -> nw.Expr:
    return nw.when(met).then(nw.lit(1)).otherwise(nw.lit(0)).sum()


def _whole(value: float) -> float | int:
    """A whole number as such, so that whole numbers are compared without being turned."""
    return int(value) if value.is_integer() else value


def _stands_for_number(code: str) -> bool:
    """Whether a number may have this code."""
    return is_number(code) and code.lower() not in ("nan", "") and code_text(float(code)) == code
