"""Rows of site profiles as a spreadsheet has them: one row a site, one column a feature."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from site_typology.errors import Problems
from site_typology.profile_files import ERROR
from site_typology.profiles import FeatureInfo, SiteProfiles


def wide_rows(profiles: SiteProfiles) -> pd.DataFrame:
    """Lay profiles out wide: each feature, then its standard error as ``FEATURE__se``.

    Parameters
    ----------
    profiles : SiteProfiles

    Returns
    -------
    DataFrame, shape (n_profiles, 2 * n_features)
        Natural units, float; NaN where a value is missing.

    Examples
    --------
    >>> profiles = SiteProfiles.from_frame(pd.DataFrame({"wsa": [2.0, 3.5]}, index=["A", "B"]))
    >>> wide_rows(profiles).to_dict("list")
    {'wsa': [2.0, 3.5], 'wsa__se': [0.0, 0.0]}
    """
    columns = {
        f"{info.name}{suffix}": table[info.name].astype(float)
        for info in profiles.features
        for suffix, table in (("", profiles.values), (ERROR, profiles.standard_errors))
    }
    return pd.DataFrame(columns, index=profiles.values.index)


def profiles_from_rows(rows: pd.DataFrame, features: Sequence[FeatureInfo]) -> SiteProfiles:
    """Make profiles from wide rows, after checking them.

    Parameters
    ----------
    rows : DataFrame
        Every feature, in natural units, and for any of them ``FEATURE__se``. A feature without
        that column is taken as known exactly. Sites are named by their place, from 1.
    features : sequence of FeatureInfo
        The features expected.

    Returns
    -------
    SiteProfiles
        In the order of the rows.

    Raises
    ------
    StudyError
        A column is missing, unknown or named twice, holds no numbers or an infinite one, or has
        a value that its kind does not allow; lists every problem.

    Examples
    --------
    >>> profiles_from_rows(pd.DataFrame({"was": [2.0]}), [FeatureInfo("wsa")])
    Traceback (most recent call last):
    ...
    site_typology.errors.StudyError: profile rows: 2 problems
      was  Unknown column. Expected features and their '__se': wsa. Remove or rename it.
      wsa  Missing column. Add it, empty where the value is not known.
    """
    names = [info.name for info in features]
    found = Problems("profile rows")
    _check_columns(rows, names, found)
    numbers = {str(column): _numbers(rows[column], found) for column in dict.fromkeys(rows)}
    found.raise_if_any()
    index = pd.Index([str(place) for place in range(1, len(rows) + 1)], dtype="str")
    frame = pd.DataFrame(numbers, index=index)
    given = [name for name in names if f"{name}{ERROR}" in frame]
    errors = frame[[f"{name}{ERROR}" for name in given]].set_axis(given, axis=1)
    for name in given:
        unknown = errors[name].isna() & frame[name].notna()
        if unknown.any():
            found.add(
                f"{name}{ERROR}",
                f"Empty at row {_places(unknown.to_numpy())}, where '{name}' has a value. "
                "Give the standard error, or 0 where the value is known exactly.",
            )
    found.raise_if_any()
    kinds: dict[str, str | FeatureInfo] = {info.name: info for info in features}
    return SiteProfiles.from_frame(frame[names], errors, kinds=kinds)


def _check_columns(rows: pd.DataFrame, names: Sequence[str], found: Problems) -> None:
    known = {*names, *(f"{name}{ERROR}" for name in names)}
    for column in dict.fromkeys(rows.columns):
        if column not in known:
            found.add(
                str(column),
                f"Unknown column. Expected features and their '{ERROR}': "
                f"{', '.join(names)}. Remove or rename it.",
            )
        elif list(rows.columns).count(column) > 1:
            found.add(str(column), "The column is there twice. Keep one.")
    for name in names:
        if name not in rows.columns:
            found.add(name, "Missing column. Add it, empty where the value is not known.")
    if rows.empty:
        found.add("rows", "There are none. Give one row a site.")


def _numbers(column: pd.Series | pd.DataFrame, found: Problems) -> np.ndarray:
    """Return the column as floats; what is not a finite number becomes a problem."""
    if isinstance(column, pd.DataFrame):
        column = column.iloc[:, 0]
    number = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    text = np.isnan(number) & column.notna().to_numpy()
    for wrong, what in ((text, "No number"), (np.isinf(number), "An infinite number")):
        if wrong.any():
            example = column.to_numpy()[wrong][0]
            found.add(
                str(column.name),
                f"{what} at row {_places(wrong)}; found {example!r}. "
                "Give a number, or leave the cell empty.",
            )
    return number


def _places(rows: np.ndarray, most: int = 5) -> str:
    places = [str(place + 1) for place in np.flatnonzero(rows)]
    more = f" and {len(places) - most} more" if len(places) > most else ""
    return ", ".join(places[:most]) + more
