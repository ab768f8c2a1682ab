"""Rows of site profiles as a spreadsheet has them: one row a site, one column a feature."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from site_typology.declaration import ONE_ROUND
from site_typology.errors import Problems
from site_typology.profile_checks import INDEX, PARTS_SUM_TOLERANCE
from site_typology.profile_files import COUNT, ERROR, profiles_of_wide
from site_typology.profiles import SiteProfiles


def wide_rows(profiles: SiteProfiles) -> pd.DataFrame:
    """Lay profiles out wide: the features, then their standard errors, then their n.

    Parameters
    ----------
    profiles : SiteProfiles
        Numeric features only.

    Returns
    -------
    DataFrame, shape (n_profiles, 3 * n_features)
        ``FEATURE``, ``FEATURE__se`` and ``FEATURE__n``, float, in natural units; NaN where a
        value, or an n, is not known.

    Examples
    --------
    >>> profiles = SiteProfiles.from_frame(pd.DataFrame({"wsa": [2.0, 3.5]}, index=["A", "B"]))
    >>> wide_rows(profiles).to_dict("list")
    {'wsa': [2.0, 3.5], 'wsa__se': [0.0, 0.0], 'wsa__n': [nan, nan]}
    """
    tables = (
        profiles.values,
        profiles.standard_errors.add_suffix(ERROR),
        profiles.counts.add_suffix(COUNT),
    )
    return pd.concat(tables, axis=1).astype(float)


def profiles_from_rows(rows: pd.DataFrame, like: SiteProfiles) -> SiteProfiles:
    """Make profiles from wide rows, after checking them.

    Parameters
    ----------
    rows : DataFrame
        Every feature, in natural units, and for any of them ``FEATURE__se`` and ``FEATURE__n``.
        A feature without the first is taken as known exactly; where it is there, NaN beside a
        value is an error that is not known. Sites are named by their place.
    like : SiteProfiles
        Profiles with the features expected; the correlation of their errors is taken over.

    Returns
    -------
    SiteProfiles
        In the order of the rows.

    Raises
    ------
    StudyError
        A column is missing, unknown or named twice, holds no numbers or an infinite one, or has
        a value that its kind does not allow; lists every problem, and repeats no value.

    Examples
    --------
    >>> like = SiteProfiles.from_frame(pd.DataFrame({"wsa": [2.0]}, index=["A"]))
    >>> profiles_from_rows(pd.DataFrame({"was": [2.0]}), like)
    Traceback (most recent call last):
    ...
    site_typology.errors.StudyError: profile rows: 2 problems
      was  Unknown column. Expected wsa, and their '__se' and '__n'. Remove or rename it.
      wsa  Missing column. Add it, empty where the value is not known.
    """
    names = [info.name for info in like.features]
    found = Problems("profile rows")
    known = _known_columns(rows, names, found)
    numbers = {column: _numbers(rows[column], found) for column in known}
    _check_ranges(numbers, like, found)
    found.raise_if_any()
    places = [str(place) for place in range(1, len(rows) + 1)]
    index = pd.MultiIndex.from_product([places, [ONE_ROUND]], names=INDEX)
    made = profiles_of_wide(pd.DataFrame(numbers, index=index), like.features)
    return SiteProfiles(
        made.values,
        made.standard_errors,
        made.counts,
        made.reasons,
        like.features,
        error_correlation=like.error_correlation,
    )


def _known_columns(rows: pd.DataFrame, names: Sequence[str], found: Problems) -> list[str]:
    known = {f"{name}{ending}" for name in names for ending in ("", ERROR, COUNT)}
    for column in dict.fromkeys(rows.columns):
        if column not in known:
            found.add(
                str(column),
                f"Unknown column. Expected {', '.join(names)}, and their '{ERROR}' and "
                f"'{COUNT}'. Remove or rename it.",
            )
        elif list(rows.columns).count(column) > 1:
            found.add(str(column), "The column is there twice. Keep one.")
    for name in names:
        if name not in rows.columns:
            found.add(name, "Missing column. Add it, empty where the value is not known.")
    if rows.empty:
        found.add("rows", "There are none. Give one row a site.")
    return [str(column) for column in dict.fromkeys(rows.columns) if column in known]


def _numbers(column: pd.Series | pd.DataFrame, found: Problems) -> np.ndarray:
    """Return the column as floats; what is not a finite number becomes a problem."""
    if isinstance(column, pd.DataFrame):
        column = column.iloc[:, 0]
    coerced = pd.to_numeric(column, errors="coerce")
    number = np.asarray(coerced.to_numpy(dtype=float, na_value=np.nan))
    text = np.isnan(number) & column.notna().to_numpy()
    for wrong, what in ((text, "No number"), (np.isinf(number), "An infinite number")):
        if wrong.any():
            said = f"{what} at row {_places(wrong)}. Give a number, or leave the cell empty."
            found.add(str(column.name), said)
    return number


def _check_ranges(numbers: Mapping[str, np.ndarray], like: SiteProfiles, found: Problems) -> None:
    """Refuse what kinds do not allow, without the values: a server repeats what is said here."""
    wholes: dict[str, list[np.ndarray]] = defaultdict(list)
    for info in like.features:
        if info.name not in numbers:
            continue
        unit_range = (0.0, 1.0) if info.kind in ("share", "composition") else info.range
        number = np.where(np.isinf(numbers[info.name]), np.nan, numbers[info.name])
        if unit_range is not None:
            low, high = unit_range
            wrong = (number < low - 1e-9) | (number > high + 1e-9)
            if wrong.any():
                found.add(info.name, f"Expected {low:g} to {high:g} at row {_places(wrong)}.")
        if info.composition:
            wholes[info.composition].append(number)
    for name, parts in wholes.items():
        wrong = np.abs(np.sum(parts, axis=0) - 1) > PARTS_SUM_TOLERANCE
        if wrong.any():
            found.add(name, f"Parts do not add up to 1 at row {_places(wrong)}.")


def _places(rows: np.ndarray, most: int = 5) -> str:
    places = [str(place + 1) for place in np.flatnonzero(rows)]
    more = f" and {len(places) - most} more" if len(places) > most else ""
    return ", ".join(places[:most]) + more
