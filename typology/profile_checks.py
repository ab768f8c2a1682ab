"""Refusal of profiles that do not fit together or break the promise of their kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from site_typology.declaration import KINDS
from site_typology.errors import Problems
from site_typology.feature_info import FeatureInfo

if TYPE_CHECKING:
    from site_typology.profiles import SiteProfiles

INDEX = ["site", "round"]
PARTS_SUM_TOLERANCE = 0.01


def check_profiles(profiles: SiteProfiles) -> None:
    """Raise `StudyError` with everything that is wrong with `profiles`."""
    found = Problems("profiles")
    values = profiles.values
    names = [info.name for info in profiles.features]
    if list(values.columns) != names:
        found.add("features", f"Columns {list(values.columns)} are not the features {names}.")
        found.raise_if_any()
    if list(values.index.names) != INDEX:
        found.add("index", "Profiles are indexed by site and round.")
    for site, round_ in values.index[values.index.duplicated()].unique():
        found.add(f"site {site}", f"Stands twice in round {round_}. Give one row a site and round.")
    for part in ("standard_errors", "counts", "reasons"):
        frame = getattr(profiles, part)
        if not (frame.index.equals(values.index) and list(frame.columns) == names):
            found.add(part, "Rows or columns differ from those of the values.")
    found.raise_if_any()
    for info in profiles.features:
        _check_feature(profiles, info, found)
    _check_compositions(profiles, found)
    found.raise_if_any()


def _check_feature(profiles: SiteProfiles, info: FeatureInfo, found: Problems) -> None:
    column = profiles.values[info.name]
    if info.kind not in KINDS:
        found.add(info.name, f"Kind {info.kind!r} is none of: {', '.join(KINDS)}.")
        return
    if (info.kind == "composition") != bool(info.composition):
        found.add(info.name, "A part of a composition needs the kind 'composition:NAME'.")
    if info.kind == "category":
        return
    if not pd.api.types.is_numeric_dtype(column):
        examples = ", ".join(map(repr, column.dropna().unique()[:3]))
        found.add(info.name, f"Kind {info.kind!r} needs numbers; found {examples}.")
        return
    number = column.to_numpy(dtype=float, na_value=np.nan)
    limits = {"share": (0.0, 1.0), "composition": (0.0, 1.0)}.get(info.kind, info.range)
    bad = np.isinf(number)
    if limits is not None:
        bad |= (number < limits[0] - 1e-9) | (number > limits[1] + 1e-9)
    if bad.any():
        shown = ", ".join(
            f"{site} ({number[at]:g})" for at, (site, _) in enumerate(column.index) if bad[at]
        )
        expected = "finite numbers" if limits is None else f"{limits[0]:g} to {limits[1]:g}"
        found.add(info.name, f"Expected {expected}; found otherwise at {shown}.")
    errors = profiles.standard_errors[info.name].to_numpy(dtype=float, na_value=np.nan)
    if ((errors < 0) | np.isinf(errors)).any():
        found.add(info.name, "A standard error is negative or infinite. Leave unknown errors out.")
    unexplained = column.isna() & (profiles.reasons[info.name] == "")
    if unexplained.any():
        sites = ", ".join(str(site) for site, _ in column.index[unexplained])
        found.add(info.name, f"Missing without a reason at {sites}.")


def _check_compositions(profiles: SiteProfiles, found: Problems) -> None:
    for name in dict.fromkeys(info.composition for info in profiles.features if info.composition):
        parts = [info.name for info in profiles.features if info.composition == name]
        if len(parts) < 2:
            found.add(name, "A composition needs two parts or more.")
            continue
        if not all(pd.api.types.is_numeric_dtype(profiles.values[part]) for part in parts):
            continue
        total = profiles.values[parts].sum(axis=1, min_count=len(parts))
        off = total[(total - 1).abs() > PARTS_SUM_TOLERANCE]
        if len(off):
            shown = ", ".join(f"{site} ({value:.3f})" for (site, _), value in off.items())
            found.add(name, f"Parts of a composition add up to 1; found otherwise at {shown}.")
