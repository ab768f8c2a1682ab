"""Which sites and features can take part: what is refused, and what is set apart with a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from site_typology.errors import Problems
from site_typology.feature_info import FeatureInfo, fewest_features, usable_cells
from site_typology.profiles import SiteProfiles

FEWEST_SITES = 6
FEWEST_VALUES = 3
NAMED_GAPS = 4
NAMED_SITES = 5
FEWEST_LEVELS = 5
COARSE_FROM_SITES = 12
"""From this many sites on, exact values on fewer levels than `FEWEST_LEVELS` are refused."""


@dataclass(frozen=True)
class Screened:
    """Sites that types can be looked for in, and those that cannot be placed.

    Parameters
    ----------
    profiles : SiteProfiles
        Features with use ``"build"`` of the sites with enough data, sites and features in order
        of name, so that no result depends on the order in which they were given.
    apart : mapping of str to str
        Reason by site for those with too little data.
    """

    profiles: SiteProfiles
    apart: Mapping[str, str]


def screen(profiles: SiteProfiles, min_observed: float) -> Screened:
    """Check profiles of one round and set sites with too little data apart.

    Parameters
    ----------
    profiles : SiteProfiles
        One row a site.
    min_observed : float
        Share of the build features that a site needs.

    Returns
    -------
    Screened

    Raises
    ------
    StudyError
        Fewer than two build features, fewer than six sites with enough data, or a feature that
        cannot tell sites apart; lists every problem.

    Examples
    --------
    >>> values = pd.DataFrame({"wsa": [1.0, 2.0], "need": [3.0, 5.0]}, index=["A", "B"])
    >>> screen(SiteProfiles.from_frame(values), 1 / 3)
    Traceback (most recent call last):
    ...
    site_typology.errors.StudyError: profiles: 1 problem
      sites  2 sites have enough data; at least 6 are needed to look for types. Add sites.
    """
    found = Problems("profiles")
    build = [info for info in profiles.features if info.builds]
    _check_dimensions(build, found)
    found.raise_if_any()
    names = [info.name for info in build]
    empty = bool(profiles.values[names].isna().to_numpy().all())
    if empty:
        found.add("values", _all_missing(profiles, names))
        found.raise_if_any()
    shortfall = data_shortfall(profiles, names, min_observed)
    # The index is long where sites are many, so that rounds are not asked for site by site.
    round = profiles.rounds[0]
    enough = [site for site in profiles.sites if not shortfall[(site, round)]]
    if len(enough) < FEWEST_SITES:
        found.add("sites", _too_few_sites(len(profiles.sites), len(enough), min_observed))
    found.raise_if_any()
    kept = profiles.select(use="build", sites=sorted(enough))
    for info in build:
        _check_varies(info, kept, found)
    for info in profiles.features:
        if info.kind == "category" and info.use == "build":
            _check_category(info, profiles.select(sites=enough), found)
    found.raise_if_any()
    apart = {site: reason for (site, _), reason in shortfall.items() if reason}
    return Screened(in_order(kept), apart)


def data_shortfall(profiles: SiteProfiles, names: Sequence[str], min_observed: float) -> pd.Series:
    """Say why a profile has too little data to be placed; ``""`` where it has enough.

    Parameters
    ----------
    profiles : SiteProfiles
    names : sequence of str
        Features that count; parts of a composition where all of them are known.
    min_observed : float
        Share of them that a profile needs.

    Returns
    -------
    Series of str
        Index as that of the profiles.
    """
    columns = list(names)
    missing = profiles.values[columns].isna().to_numpy()
    infos = {info.name: info for info in profiles.features}
    usable = usable_cells(profiles.values, [infos[name] for name in columns])
    observed = usable.sum(axis=1)
    short = np.flatnonzero(observed < fewest_features(min_observed, len(columns)))
    said = profiles.reasons[columns].iloc[short].to_numpy(dtype=object)
    reasons = np.full(len(missing), "", dtype=object)
    for row, why in zip(short, said, strict=True):
        gaps = [(columns[at], why[at]) for at in np.flatnonzero(missing[row])]
        reasons[row] = (
            f"not enough data: {observed[row]} of {len(columns)} features observed; "
            f"missing {_listed(gaps)}"
        )
    return pd.Series(reasons, index=profiles.values.index, dtype="str")


def in_order(profiles: SiteProfiles) -> SiteProfiles:
    """Sort the features of profiles by name."""
    infos = sorted(profiles.features, key=lambda info: info.name)
    names = [info.name for info in infos]
    return SiteProfiles(
        profiles.values[names],
        profiles.standard_errors[names],
        profiles.counts[names],
        profiles.reasons[names],
        infos,
        profiles.ledger,
        profiles.error_correlation.loc[names, names],
        profiles.response,
    )


def _check_dimensions(build: Sequence[FeatureInfo], found: Problems) -> None:
    compositions = {info.composition for info in build if info.composition}
    dimensions = len(build) - len(compositions)
    if dimensions < 2:
        listed = ", ".join(info.name for info in build) or "none"
        found.add(
            "features",
            f"Types need at least two features with use = 'build'; found: {listed}. "
            "Two parts of one composition count as one. Declare more.",
        )


def _check_varies(info: FeatureInfo, profiles: SiteProfiles, found: Problems) -> None:
    known = profiles.values[info.name].dropna().to_numpy(dtype=float)
    fewest = max(1, min(FEWEST_VALUES, len(profiles)))
    if len(known) < fewest:
        where = f"{len(known)} of {len(profiles)} sites with enough data"
        if len(known) == 0:
            reasons = ", ".join(sorted(set(profiles.reasons[info.name])))
            where += f" (missing: {reasons})"
        found.add(
            f"features.{info.name}",
            f"Has a value at {where}; at least {fewest} are needed. "
            "Leave it out, or find out why it is missing.",
        )
    elif np.ptp(known) <= 1e-12 * max(1.0, float(np.abs(known).max())):
        found.add(
            f"features.{info.name}",
            f"Has the same value ({known[0]:g}) at all {len(known)} sites that have one, so it "
            "cannot tell sites apart. It is constant: leave it out, or set use = 'evaluate'.",
        )
    elif _is_coarse(info, profiles):
        values = np.unique(known)
        found.add(
            f"features.{info.name}",
            f"Has only {len(values)} different values ({', '.join(f'{v:g}' for v in values)}) and "
            "no error: a category in numbers, which looks like clumps where there are none. Set "
            "kind = 'ordinal' if the values have an order, or use = 'evaluate'.",
        )
    elif unknown := _of_unknown_error(info, profiles):
        found.add(f"features.{info.name}", _unknown_errors(unknown, len(known)))


def _check_category(info: FeatureInfo, profiles: SiteProfiles, found: Problems) -> None:
    known = profiles.values[info.name].dropna().astype(str)
    if known.nunique() < 2:
        shown = f"the same value ({known.iloc[0]}) at all {len(known)} sites" if len(known) else ""
        found.add(
            f"features.{info.name}",
            f"Has {shown or 'no value at any site'}, so it cannot tell sites apart. Leave it out, "
            "or set use = 'evaluate'.",
        )


def _of_unknown_error(info: FeatureInfo, profiles: SiteProfiles) -> list[str]:
    """Sites whose value has no standard error."""
    unknown = profiles.values[info.name].notna() & profiles.standard_errors[info.name].isna()
    return [str(site) for site in unknown.index[unknown].get_level_values("site")]


def _unknown_errors(sites: Sequence[str], known: int) -> str:
    if len(sites) == known:
        where = f"at all {known} sites that have one; a survey needs two informants at some site"
    else:
        more = len(sites) - NAMED_SITES
        shown = ", ".join(sites[:NAMED_SITES]) + (f" and {more} more" if more > 0 else "")
        where = f"at {len(sites)} of the {known} sites that have one: {shown}"
    return (
        f"Has a value whose error is not known {where}. Give its standard error (0 where the "
        "figure is exact), or set use = 'evaluate'."
    )


def _is_coarse(info: FeatureInfo, profiles: SiteProfiles) -> bool:
    """Whether exact values take so few levels that their steps would pass for types."""
    if info.composition or info.kind == "ordinal" or len(profiles) < COARSE_FROM_SITES:
        return False
    known = profiles.values[info.name].dropna()
    exact = (profiles.standard_errors[info.name][known.index] == 0).all()
    return bool(exact) and known.nunique() < FEWEST_LEVELS


def _all_missing(profiles: SiteProfiles, names: Sequence[str]) -> str:
    cells = profiles.reasons[list(names)].to_numpy().ravel()
    numbers = pd.Series(cells).value_counts()
    counts = ", ".join(f"{reason} ({n})" for reason, n in numbers.items())
    return (
        f"All {len(cells)} cells of the features to build types from are missing: {counts}. "
        "Check that the tables link to the sites and name the right columns and round."
    )


def _too_few_sites(total: int, enough: int, min_observed: float) -> str:
    needed = f"at least {FEWEST_SITES} are needed to look for types. Add sites"
    number = f"{enough} site{' has' if enough == 1 else 's have'}"
    if enough == total:
        return f"{number} enough data; {needed}."
    return (
        f"{number} enough data out of {total}, with {min_observed:.0%} of the features observed; "
        f"{needed}, or lower min_observed."
    )


def _listed(gaps: Sequence[tuple[str, str]]) -> str:
    shown = [f"{name} ({reason})" for name, reason in gaps[:NAMED_GAPS]]
    more = len(gaps) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
