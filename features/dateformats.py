"""Dates as extracts write them."""

from __future__ import annotations

import pandas as pd

FORMATS = ("ISO8601", "%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y")
"""Tried in this order: 2021-09-30 (with or without a time), then day before month."""


def parse_dates(column: pd.Series) -> pd.Series:
    """Read dates; what is no date in any of `FORMATS` becomes NaT.

    Examples
    --------
    >>> parse_dates(pd.Series(["2021-09-30", "30/09/2021", "soon", None])).dt.day.tolist()
    [30.0, 30.0, nan, nan]
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        return column
    texts = column.astype("str").where(column.notna())
    found = pd.Series(pd.NaT, index=column.index, dtype="datetime64[us]")
    if pd.api.types.is_numeric_dtype(column):
        return found
    for written in FORMATS:
        todo = found.isna() & texts.notna()
        read = pd.to_datetime(texts[todo], format=written, errors="coerce")
        found = found.where(~todo, read.astype("datetime64[us]").reindex(found.index))
    return found
