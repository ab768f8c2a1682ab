"""Cells of typed files as plain numbers and text."""

from __future__ import annotations

import datetime
import decimal

import numpy as np
import pandas as pd

_LARGEST_EXACT = 2**53


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn booleans into 0 and 1, numbers into floats, dates into ISO text, and strip text.

    Parameters
    ----------
    frame : DataFrame
        Names of columns may repeat.

    Returns
    -------
    DataFrame
        Whole numbers too large for a float become text.

    Examples
    --------
    >>> plain(pd.DataFrame({"on": [True, False], "day": pd.to_datetime(["2021-01-31"] * 2)}))
        on         day
    0  1.0  2021-01-31
    1  0.0  2021-01-31
    """
    columns = [_plain_column(frame.iloc[:, at]) for at in range(frame.shape[1])]
    result = pd.concat(columns, axis=1) if columns else pd.DataFrame(index=frame.index)
    return result.set_axis(frame.columns, axis=1)


def _plain_column(column: pd.Series) -> pd.Series:
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if pd.api.types.is_numeric_dtype(column):
        if pd.api.types.is_integer_dtype(column) and column.abs().max() >= _LARGEST_EXACT:
            return column.astype("str")
        return column.astype(float)
    if pd.api.types.is_datetime64_any_dtype(column):
        column = column.astype(object)
    if isinstance(column.dtype, pd.StringDtype):
        return column.str.strip()
    return column.map(_plain_cell)


def _plain_cell(cell: object) -> object:
    if cell is None or cell is pd.NaT:
        return np.nan
    if isinstance(cell, bool | np.bool_ | int | np.integer | decimal.Decimal):
        return float(cell)
    if isinstance(cell, bytes):
        return cell.decode("utf-8", errors="backslashreplace").strip()
    if isinstance(cell, datetime.datetime):
        # The time on the clock of its zone, as other files have it.
        cell = cell.replace(tzinfo=None)
        return cell.date().isoformat() if cell.time() == datetime.time() else cell.isoformat(" ")
    if isinstance(cell, datetime.date | datetime.time):
        return cell.isoformat()
    return cell if isinstance(cell, float) else str(cell).strip()
