"""Read one cell of a file of new sites as a number, or say in words why it is none."""

from __future__ import annotations

import datetime
import math
import re

NO_NUMBER = "not a number"
REMEDIES = {
    NO_NUMBER: "Give a number, or leave the cell blank where it is not known.",
    "a decimal comma": "Write decimals with a point, such as 1.5.",
    "a percentage": "Give the number itself: 45 % of a whole is 0.45.",
    "a date": "A spreadsheet took the number for a date. Format the column as numbers, type again.",
    "true or false": "Give a number, or leave the cell blank where it is not known.",
    "infinite": "Give a finite number, or leave the cell blank where it is not known.",
    "an error of the spreadsheet": "Mend the formula, or paste its value.",
    "a formula without a result": "Open and save the file in a spreadsheet, or paste the value.",
    "out of range": "Correct the value, its unit or a code for missing; leave unknown ones blank.",
    "negative": "Give 0 or more, or leave the cell blank where it is not known.",
    "too large": "Correct the error or its unit, or leave the cell blank where it is not known.",
}
"""What to do, by what was found."""


class UnsavedFormula:
    """Stands for a formula whose result the file does not hold."""

    def __str__(self) -> str:
        return "a formula"


def read_number(raw: object) -> tuple[float, str]:
    """Read a cell as a number.

    Parameters
    ----------
    raw : object
        Text of a CSV file, or what a spreadsheet or a request holds; None is blank.

    Returns
    -------
    float
        NaN where the cell is blank or no number.
    str
        ``""``, or what was found instead, a key of `REMEDIES`.

    Examples
    --------
    >>> [read_number(raw) for raw in ("1.5", " ", "1,5", "45%", True)]
    [(1.5, ''), (nan, ''), (nan, 'a decimal comma'), (nan, 'a percentage'), (nan, 'true or false')]
    """
    if raw is None:
        return math.nan, ""
    if isinstance(raw, str):
        return _read_text(raw.strip())
    if isinstance(raw, bool):
        return math.nan, "true or false"
    if isinstance(raw, int | float):
        return _finite(raw)
    if isinstance(raw, datetime.date | datetime.time | datetime.timedelta):
        return math.nan, "a date"
    if isinstance(raw, UnsavedFormula):
        return math.nan, "a formula without a result"
    return math.nan, NO_NUMBER


def _finite(number: float) -> tuple[float, str]:
    try:
        value = float(number)
    except OverflowError:
        return math.nan, "infinite"
    return (math.nan, "infinite") if math.isinf(value) else (value, "")


def _read_text(text: str) -> tuple[float, str]:
    if not text:
        return math.nan, ""
    if re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", text):
        return _finite(float(text))
    if re.fullmatch(r"[+-]?inf(inity)?", text, re.IGNORECASE):
        return math.nan, "infinite"
    if re.fullmatch(r"[+-]?\d*,\d+", text):
        return math.nan, "a decimal comma"
    if re.fullmatch(r"[+-]?[\d.,]+\s*%", text):
        return math.nan, "a percentage"
    if re.fullmatch(r"#[A-Z0-9/!?]+[!?]?|#N/A", text):
        return math.nan, "an error of the spreadsheet"
    return math.nan, NO_NUMBER
