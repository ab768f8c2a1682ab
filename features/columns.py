"""One column after reading: missing codes with their reasons, recoding, numbers, ranges."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from site_typology.features.rawtable import cell_text, listed
from site_typology.features.tables import code_text

UNEXPLAINED = "not answered"
"""Reason of a blank cell about which nothing is declared."""

MISSING_MARKS = frozenset({"NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "None", "."})
"""What programs write for a missing number; in a column of text these are values."""

NUMBER = re.compile(r"[+-]?(?:\d{1,50}(?:\.\d*)?|\.\d+)(?:[eE](?:-\d+|\+?0*\d{1,2}))?")
"""Not more than 50 digits or an exponent of two, so that squares and their sums can be held."""

TOO_LARGE = 1e149
"""No number of `NUMBER` is as large."""

THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
PADDED = re.compile(r"[+-]?0\d+")
LONGEST_EXACT = 15


@dataclass(frozen=True)
class Column:
    """A column as the values that it holds and where each stands.

    Codes are looked at once a value and not once a cell, which wide survey files need.

    Parameters
    ----------
    positions : ndarray of int, shape (n_rows,)
        Position of each row's value in `values`; -1, the last one, where the cell is empty.
    values : list
        Different values, NaN for those that mean missing; the last is NaN.
    reasons : list of str
        Why a value is missing, ``""`` where it is not.
    """

    positions: np.ndarray
    values: list[Any]
    reasons: list[str]

    def rows(self, keep: np.ndarray) -> Column:
        """Keep some rows."""
        return replace(self, positions=self.positions[keep])

    def text(self, index: pd.Index) -> pd.Series:
        """Write the values as text, see `code_text`; NaN where missing."""
        texts = [
            np.nan if reason else code_text(value)
            for value, reason in zip(self.values, self.reasons, strict=True)
        ]
        return pd.Series(_spread(texts, self.positions), index=index, dtype="str")

    def codes(self) -> frozenset[str]:
        """Different values that stand in a row, as text."""
        standing = np.unique(self.positions).tolist()
        return frozenset(code_text(self.values[at]) for at in standing if not self.reasons[at])

    def missing_reasons(self) -> np.ndarray | None:
        """Reason of each row, ``""`` where there is a value; None if no cell is missing."""
        reasons = _spread(self.reasons, self.positions)
        return reasons if (reasons != "").any() else None


def explain_missing(
    raw: pd.Series, missing: Mapping[str, str], recode: Mapping[str, float | str]
) -> Column:
    """Take missing codes out of a column, with their reasons, and recode the others.

    Parameters
    ----------
    raw : Series
        As the file has it.
    missing : mapping of str to str
        Code as text, reason; the code ``""`` gives the reason of blank cells.
    recode : mapping of str to float or str
        Code as text, new value.

    Returns
    -------
    Column

    Examples
    --------
    >>> column = explain_missing(pd.Series(["1", "9", ""]), {"9": "refused"}, {"1": 2.5})
    >>> column.values, column.reasons
    ([2.5, nan, nan, nan], ['', 'refused', 'not answered', 'not answered'])
    """
    missing = {code_text(code): reason for code, reason in missing.items()}
    recode = {code_text(code): value for code, value in recode.items()}
    blank = missing.get("", UNEXPLAINED)
    positions, found = pd.factorize(raw.to_numpy())
    if found.dtype.kind == "f" and not missing and not recode:
        return Column(positions, [*found.tolist(), np.nan], [""] * len(found) + [blank])
    values: list[Any] = []
    reasons: list[str] = []
    for value in found.tolist():
        code = code_text(value)
        reason = missing.get(code, blank if code == "" else "")
        reasons.append(reason)
        values.append(np.nan if reason else recode.get(code, value))
    return Column(positions, [*values, np.nan], [*reasons, blank])


def settle(column: Column, *, decimal_comma: bool = False) -> tuple[Column, bool]:
    """Turn a column into floats where every value is a number, else into text.

    Codes padded with zeros, numbers too long for a float and those too large to calculate with
    (`NUMBER`), such as ``1e999``, stay text. Marks such as ``NA`` count as missing where all other
    values are numbers. A comma groups thousands, as in ``1,013``, where other numbers of the column
    have three digits and none has more without it. With decimal commas, a column that has points as
    well stays text.

    Returns
    -------
    Column
        Only the values that stand in a row decide, and only they are turned.
    bool
        Whether it holds numbers.

    Examples
    --------
    >>> column, numeric = settle(explain_missing(pd.Series(["1", "NA", "2.5"]), {}, {}))
    >>> column.values, column.reasons
    ([1.0, nan, 2.5, nan], ['', 'not answered', '', 'not answered'])
    """
    if all(isinstance(value, float) for value in column.values):
        return column, True
    standing = set(np.unique(column.positions).tolist())
    last = len(column.values) - 1
    given = [
        at
        for at, reason in enumerate(column.reasons)
        if not reason and at in standing and at < last
    ]
    values: list[Any] = [np.nan] * (last + 1)
    reasons = list(column.reasons)
    numbers = _numbers([column.values[at] for at in given], decimal_comma)
    for number, at in zip(numbers or [], given, strict=False):
        values[at] = number
        if np.isnan(number):
            reasons[at] = UNEXPLAINED
    if numbers is None:
        for at in given:
            values[at] = code_text(column.values[at])
    return Column(column.positions, values, reasons), numbers is not None


def cells(column: Column, numeric: bool) -> np.ndarray | pd.api.extensions.ExtensionArray:
    """Spread a settled column over its rows: floats, or text."""
    if numeric:
        return np.array(column.values, dtype=float)[column.positions]
    return pd.array(_spread(column.values, column.positions), dtype="str")


def _spread(items: Sequence[object], positions: np.ndarray) -> np.ndarray:
    table = np.empty(len(items), dtype=object)
    table[:] = items
    spread: np.ndarray = table[positions]
    return spread


def _numbers(values: list[Any], decimal_comma: bool) -> list[float] | None:
    """All values as numbers, missing marks as NaN; None if any is neither."""
    texts = [code_text(value) for value in values]
    plain = _written_plainly(texts, decimal_comma)
    if next(_not_numbers(texts, plain, decimal_comma), None) is not None:
        return None
    return [np.nan if text in MISSING_MARKS else float(text) for text in plain]


def not_numbers(texts: list[str], *, decimal_comma: bool = False) -> list[str]:
    """Those of a column's texts that keep it from being read as numbers.

    Parameters
    ----------
    texts : list of str
        All texts of the column, since a comma means what it does in the others.
    decimal_comma : bool
        Whether the file's numbers have a comma for a decimal point. Where one has, a point may
        group thousands, which none can tell.

    Examples
    --------
    >>> not_numbers(["1,0", "0,6", "NA", "full time"], decimal_comma=True)
    ['full time']
    >>> not_numbers(["1,0", "0.6"], decimal_comma=True)
    ['0.6']
    """
    return list(_not_numbers(texts, _written_plainly(texts, decimal_comma), decimal_comma))


def _not_numbers(texts: list[str], plain: list[str], decimal_comma: bool) -> Iterator[str]:
    told = (text for text in texts if text not in MISSING_MARKS)
    points = decimal_comma and any("," in text for text in told)
    for text, written in zip(texts, plain, strict=True):
        if text in MISSING_MARKS:
            continue
        if not is_plain_number(written) or (points and "." in text):
            yield text


def _written_plainly(texts: list[str], decimal_comma: bool) -> list[str]:
    if decimal_comma:
        return [text.replace(",", ".") for text in texts]
    return _without_thousands(texts)


def is_plain_number(text: str) -> bool:
    """Whether a text is a number that stays the same as a float, and that can be calculated with.

    Examples
    --------
    >>> is_plain_number("2.50"), is_plain_number("007"), is_plain_number("1e999")
    (True, False, False)
    """
    if not NUMBER.fullmatch(text) or PADDED.fullmatch(text):
        return False
    return len(text) <= LONGEST_EXACT or not text.isdigit()


def _without_thousands(texts: list[str]) -> list[str]:
    """Take grouping commas out where the other numbers show that they group thousands."""
    grouped = [THOUSANDS.fullmatch(text) is not None for text in texts]
    if not any(grouped):
        return texts
    plain = [abs(float(text)) for text in texts if NUMBER.fullmatch(text)]
    if not plain or not 100 <= max(plain) < 1000:
        return texts
    pairs = zip(texts, grouped, strict=True)
    return [text.replace(",", "") if group else text for text, group in pairs]


def range_problem(values: pd.Series, rows: pd.Series, limits: tuple[float, float]) -> str:
    """Say which values are no numbers in a range; ``""`` if all are.

    Parameters
    ----------
    values : Series
        Settled values.
    rows : Series of int
        Data row of each value in the file.
    limits : tuple of float
        Lowest and highest value.

    Examples
    --------
    >>> range_problem(pd.Series([1.0, 7.0]), pd.Series([1, 2]), (1, 5))
    'expected 1 to 5; found 7 in row 2'
    """
    if pd.api.types.is_numeric_dtype(values):
        bad = values[(values < limits[0]) | (values > limits[1])]
    else:
        given = values.dropna()
        bad = given[[_outside(text, limits) for text in given]]
    if bad.empty:
        return ""
    found = []
    for value, group in bad.groupby(bad, sort=True):
        places = [str(row) for row in rows[group.index]]
        shown = code_text(value) if isinstance(value, float) else repr(cell_text(value))
        found.append(f"{shown} in row{'' if len(places) == 1 else 's'} {listed(places, 5)}")
    return f"expected {limits[0]:g} to {limits[1]:g}; found {listed(found, 5, 'more values')}"


def _outside(text: str, limits: tuple[float, float]) -> bool:
    return not NUMBER.fullmatch(text) or not limits[0] <= float(text) <= limits[1]
