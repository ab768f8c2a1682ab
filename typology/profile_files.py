"""Profiles as spreadsheet files: the wide CSV of a run, and reading one back for assignment."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from site_typology.declaration import ONE_ROUND
from site_typology.errors import Problem, Problems, StudyError
from site_typology.feature_info import FeatureInfo
from site_typology.profile_checks import INDEX
from site_typology.profiles import LONG_COLUMNS, SiteProfiles
from site_typology.spreadsheet import neutralise, restore
from site_typology.system_errors import no_file

ERROR, COUNT = "__se", "__n"
"""Endings of the columns with a feature's standard error and its n."""


def write_wide(profiles: SiteProfiles, path: Path) -> None:
    """Write one row a site and round: values in natural units, then errors and n.

    Parameters
    ----------
    profiles : SiteProfiles
    path : Path
        A CSV file; columns ``site, round, FEATURE..., FEATURE__se..., FEATURE__n...``.
    """
    categories = [info.name for info in profiles.features if info.kind == "category"]
    errors = profiles.standard_errors.drop(columns=categories).add_suffix(ERROR)
    wide = pd.concat([profiles.values, errors, profiles.counts.add_suffix(COUNT)], axis=1)
    neutralise(wide.reset_index()).to_csv(path, index=False)


def read_profiles_file(path: str | Path, features: Sequence[FeatureInfo]) -> SiteProfiles:
    """Read profiles from a wide CSV or a long Parquet file.

    Parameters
    ----------
    path : str or Path
        As `write_wide` or ``profiles.parquet`` of a run has it. A wide file needs ``site`` and a
        column a feature; ``round``, ``FEATURE__se`` and ``FEATURE__n`` may be left out. A feature
        without a column ``FEATURE__se`` is known exactly; where there is one, a blank beside a
        value is an error that is not known.
    features : sequence of FeatureInfo
        The features that are known; other columns are reported as problems.

    Returns
    -------
    SiteProfiles
        With the known features that the file has.

    Raises
    ------
    StudyError
        With every problem found.
    """
    path = Path(path)
    if not path.is_file():
        raise no_file(path, "Give the path of a profiles file.")
    if path.suffix == ".parquet":
        return _from_long(path, features)
    if path.suffix == ".csv":
        return _from_wide(path, features)
    raise StudyError(path.name, [Problem("file", "Expected .csv (wide) or .parquet (long).")])


def _from_wide(path: Path, features: Sequence[FeatureInfo]) -> SiteProfiles:
    try:
        frame = pd.read_csv(path, dtype="str", encoding="utf-8-sig", keep_default_na=False)
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise StudyError(
            path.name, [Problem("file", f"Not a CSV file in UTF-8: {error}.")]
        ) from error
    frame = frame.map(str.strip).rename(columns=str.strip)
    found = Problems(path.name)
    _check_lengths(path, found)
    if "site" not in frame:
        found.add("site", f"No such column; found {', '.join(frame.columns[:8])}. Name the sites.")
        found.raise_if_any()
    known = {info.name: info for info in features}
    allowed = {*INDEX, *known, *(n + ERROR for n in known), *(n + COUNT for n in known)}
    for name in frame.columns.difference(sorted(allowed)):
        found.add(str(name), "Not a feature of the typology. Remove or rename the column.")
    infos = [info for name, info in known.items() if name in frame]
    if not infos:
        found.add("file", f"None of the features is there: {', '.join(known)}.")
    round_ = frame["round"] if "round" in frame else pd.Series(ONE_ROUND, index=frame.index)
    site = frame["site"].map(restore)
    if (site == "").any():
        rows = ", ".join(str(at + 1) for at in np.flatnonzero(site == ""))
        found.add("site", f"Blank in row {rows}. Name every site.")
    index = pd.MultiIndex.from_arrays([site, round_], names=INDEX)
    cells = {
        info.name + ending: _cells(info, frame[info.name + ending], ending, found)
        for info in infos
        for ending in ("", ERROR, COUNT)
        if info.name + ending in frame
    }
    found.raise_if_any()
    return profiles_of_wide(pd.DataFrame(cells).set_axis(index, axis=0), infos)


def _check_lengths(path: Path, found: Problems) -> None:
    """Refuse rows that are cut short: what they lack would pass for missing values."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        width = len(next(rows, []))
        for at, row in enumerate(filter(None, rows), start=1):
            if len(row) < width:
                found.add("file", f"Row {at} has {len(row)} of {width} fields. Is the file cut?")


def profiles_of_wide(wide: pd.DataFrame, features: Sequence[FeatureInfo]) -> SiteProfiles:
    """Make profiles of a wide table: the one meaning of its columns wherever it comes from.

    Parameters
    ----------
    wide : DataFrame
        Index levels ``site`` and ``round``. A column for each feature, and for any of them
        ``FEATURE__se`` and ``FEATURE__n``. A feature without the first is known exactly; where
        there is one, NaN beside a value is an error that is not known.
    features : sequence of FeatureInfo

    Returns
    -------
    SiteProfiles

    Raises
    ------
    StudyError
        With every problem found.

    Examples
    --------
    >>> index = pd.MultiIndex.from_tuples([("A", "all"), ("B", "all")], names=["site", "round"])
    >>> wide = pd.DataFrame({"a": [1.0, 2.0], "b": 3.0, "b__se": [0.5, None]}, index=index)
    >>> made = profiles_of_wide(wide, [FeatureInfo("a"), FeatureInfo("b")])
    >>> made.standard_errors.to_dict("list")
    {'a': [0.0, 0.0], 'b': [0.5, nan]}
    """
    names = [info.name for info in features]
    values = wide[names]

    def beside(ending: str, default: float) -> pd.DataFrame:
        columns = {name: wide.get(name + ending, default) for name in names}
        return pd.DataFrame(columns, index=wide.index, columns=names).astype(float)

    errors = beside(ERROR, 0.0).mask(values.isna())
    return SiteProfiles(values, errors, beside(COUNT, np.nan), features=features)


def _cells(info: FeatureInfo, cells: pd.Series, ending: str, found: Problems) -> pd.Series:
    if info.kind == "category" and ending == "":
        return cells.map(restore).mask(cells == "")
    numbers = pd.to_numeric(cells.mask(cells == ""), errors="coerce").astype(float)
    for row in np.flatnonzero(numbers.isna() & (cells != "")):
        found.add(info.name + ending, f"Row {row + 1}: {cells.iloc[row]!r} is not a number.")
    return numbers


def _from_long(path: Path, features: Sequence[FeatureInfo]) -> SiteProfiles:
    try:
        long = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise StudyError(path.name, [Problem("file", f"Not a Parquet file: {error}.")]) from error
    if missing := [name for name in LONG_COLUMNS if name not in long]:
        raise StudyError(path.name, [Problem("columns", f"Not there: {', '.join(missing)}.")])
    known = {info.name: info for info in features}
    found = Problems(path.name)
    for name in sorted(set(long["feature"]) - set(known)):
        found.add(str(name), "Not a feature of the typology. Leave it out of the file.")
    if long.duplicated([*INDEX, "feature"]).any():
        found.add("rows", "A site, round and feature stands twice. Give each once.")
    infos = [info for name, info in known.items() if name in set(long["feature"])]
    categories = long["feature"].isin([info.name for info in infos if info.kind == "category"])
    for column in ("value", "standard_error", "n"):
        told = long[column].notna() & ~(categories & (column == "value"))
        wrong = told & pd.to_numeric(long[column].where(told), errors="coerce").isna()
        for at in np.flatnonzero(wrong):
            found.add(column, f"Row {at + 1}: {long[column].iloc[at]!r} is not a number.")
    found.raise_if_any()
    return SiteProfiles.from_long(long, infos)
