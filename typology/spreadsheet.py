"""Cells that a spreadsheet would run as a formula, made harmless."""

from __future__ import annotations

from typing import TypeVar

import pandas as pd

Value = TypeVar("Value")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def neutralise(frame: pd.DataFrame) -> pd.DataFrame:
    r"""Put an apostrophe before text that a spreadsheet would run as a formula.

    Parameters
    ----------
    frame : DataFrame
        Any table; numbers are left as they are.

    Returns
    -------
    DataFrame
        A copy with the same index; column names are treated alike.

    Notes
    -----
    Follows the OWASP advice on CSV injection: the first character decides.

    Examples
    --------
    >>> neutralise(pd.DataFrame({"site": ["=1+1", "North"], "n": [-1, 2]})).to_csv(index=False)
    "site,n\n'=1+1,-1\nNorth,2\n"
    """
    safe = frame.rename(columns=lambda name: harmless(str(name)))
    for position, dtype in enumerate(safe.dtypes):
        if pd.api.types.is_string_dtype(dtype) or pd.api.types.is_object_dtype(dtype):
            safe.isetitem(position, safe.iloc[:, position].map(harmless))
    return safe


def restore(value: str) -> str:
    """Take the apostrophe of `neutralise` away again.

    Examples
    --------
    >>> restore("'=1+1"), restore("O'Neill")
    ('=1+1', "O'Neill")
    """
    return value[1:] if value[:1] == "'" and value[1:].startswith(FORMULA_STARTS) else value


def harmless(value: Value) -> Value | str:
    """Put an apostrophe before a text that a spreadsheet would run; leave anything else.

    Examples
    --------
    >>> harmless("=1+1"), harmless("1+1"), harmless(-1)
    ("'=1+1", '1+1', -1)
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value
