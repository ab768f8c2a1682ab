"""One column after reading: missing codes with their reasons, recoding, numbers, ranges."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from site_typology.features.rawtable import listed
from site_typology.features.tables import code_text

UNEXPLAINED = "not answered"
"""Reason of a blank cell about which nothing is declared."""

MISSING_MARKS = frozenset({"NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "None", "."})
"""What programs write for a missing number; in a column of text these are values."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
_PADDED = re.compile(r"[+-]?0\d+")
_LONGEST_EXACT = 15


@dataclass(frozen=True)
class Column:
    """Values of a column and, where cells are missing, the reasons.

    Parameters
    ----------
    values : Series
        Numbers, text, or a mix of both where the file has a mix; NaN where missing.
    reasons : Series of str
        ``""`` where there is a value.
    """

    values: pd.Series
    reasons: pd.Series

    def rows(self, keep: pd.Series) -> Column:
        """Keep some rows."""
        return Column(self.values[keep], self.reasons[keep])


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
    >>> column.values.tolist(), column.reasons.tolist()
    ([2.5, nan, nan], ['', 'refused', 'not answered'])
    """
    missing = {code_text(code): reason for code, reason in missing.items()}
    recode = {code_text(code): value for code, value in recode.items()}
    blank = missing.get("", UNEXPLAINED)
    positions, found = pd.factorize(raw)
    values: list[object] = []
    reasons: list[str] = []
    for value in found:
        code = code_text(value)
        reason = missing.get(code, blank if code == "" else "")
        reasons.append(reason)
        values.append(np.nan if reason else recode.get(code, value))
    numeric = pd.api.types.is_numeric_dtype(raw) and not recode
    table = np.array([*values, np.nan], dtype=float if numeric else object)
    return Column(
        pd.Series(table[positions], index=raw.index, name=raw.name),
        pd.Series(
            np.array([*reasons, blank], dtype=object)[positions],
            index=raw.index,
            name=raw.name,
            dtype="str",
        ),
    )


def settle(column: Column, *, decimal_comma: bool = False) -> Column:
    """Turn a column into floats where every value is a number, else into text.

    Codes padded with zeros and numbers too long for a float stay text. Marks such as ``NA``
    count as missing where all other values are numbers. A comma groups thousands, as in
    ``1,013``, where other numbers of the column have three digits and none has more without it.

    Examples
    --------
    >>> raw = explain_missing(pd.Series(["1", "NA", "2.5"]), {}, {})
    >>> settle(raw).values.tolist()
    [1.0, nan, 2.5]
    """
    values = column.values
    if pd.api.types.is_numeric_dtype(values):
        return Column(values.astype(float), column.reasons)
    positions, found = pd.factorize(values)
    texts = [code_text(value) if isinstance(value, float) else str(value) for value in found]
    numbers = _numbers(texts, decimal_comma)
    if numbers is None:
        table = np.array([*texts, np.nan], dtype=object)
        settled = pd.Series(table[positions], index=values.index, name=values.name, dtype="str")
        return Column(settled, column.reasons)
    table = np.array([*numbers, np.nan], dtype=float)
    settled = pd.Series(table[positions], index=values.index, name=values.name)
    marks = settled.isna() & (column.reasons == "")
    return Column(settled, column.reasons.mask(marks, UNEXPLAINED))


def _numbers(texts: list[str], decimal_comma: bool) -> list[float] | None:
    """All texts as numbers, missing marks as NaN; None if any is neither."""
    if not decimal_comma:
        texts = _without_thousands(texts)
    numbers = []
    for text in texts:
        if text in MISSING_MARKS:
            numbers.append(np.nan)
            continue
        if decimal_comma:
            text = text.replace(",", ".")
        if not _NUMBER.fullmatch(text) or _PADDED.fullmatch(text):
            return None
        if len(text) > _LONGEST_EXACT and text.isdigit():
            return None
        numbers.append(float(text))
    return numbers


def _without_thousands(texts: list[str]) -> list[str]:
    """Take grouping commas out where the other numbers show that they group thousands."""
    grouped = [_THOUSANDS.fullmatch(text) is not None for text in texts]
    if not any(grouped):
        return texts
    plain = [abs(float(text)) for text in texts if _NUMBER.fullmatch(text)]
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
        shown = code_text(value) if isinstance(value, float) else repr(value)
        found.append(f"{shown} in row{'' if len(places) == 1 else 's'} {listed(places, 5)}")
    return f"expected {limits[0]:g} to {limits[1]:g}; found {listed(found, 5, 'more values')}"


def _outside(text: str, limits: tuple[float, float]) -> bool:
    return not _NUMBER.fullmatch(text) or not limits[0] <= float(text) <= limits[1]
