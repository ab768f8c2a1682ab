"""Two rules: sites grouped by two features cut at their medians, where types are not found.

A fallback for teams that need groups: it makes four groups out of any sites, and says nothing about
whether there are types. Grouping by declared rules on two variables has been used where clustering
was not possible (Hospice at Home, Butler and others 2022, *Health and Social Care Delivery
Research* 10: 70 of 128 services, four groups).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from site_typology.describe import as_inside_sentence
from site_typology.feature_info import FeatureInfo
from site_typology.features.measurement import reliability

if TYPE_CHECKING:
    from site_typology.profiles import SiteProfiles
    from site_typology.typology import Typology

SURE = 1.96
"""Standard errors from the cut at which the side of a site is sure: a 95 % interval."""
GROUP_COLUMNS = ("site", "group", "sure", "reason")
AXIS_COLUMNS = ("site", "score", "low", "high", "group", "sure", "reason")
LEAST_KNOWN = 0.5
"""Share of sites of which a feature must be known to cut by it."""


@dataclass(frozen=True)
class TwoRules:
    """Two features, where they are cut, and the group of each site.

    Parameters
    ----------
    features : tuple of FeatureInfo
        The first goes along with the axis most; of the others, the second is the most reliable
        that the first says little about. Features known of more sites go first.
    cuts : tuple of float
        Medians of the sites, natural units.
    groups : DataFrame
        One row a site, columns `GROUP_COLUMNS`: the group in words, whether both sides are sure,
        and why there is no group.
    """

    features: tuple[FeatureInfo, FeatureInfo]
    cuts: tuple[float, float]
    groups: pd.DataFrame


def two_rules(typology: Typology) -> TwoRules | None:
    """Group sites by two rules; None where no two features can be cut.

    Parameters
    ----------
    typology : Typology
        With an axis.

    Returns
    -------
    TwoRules or None
    """
    axis = typology.evidence.axis
    if axis is None:
        return None
    profiles = typology.profiles
    scores = axis.scores.set_index("site")["score"].reindex(profiles.sites).to_numpy(dtype=float)
    chosen = _choose(profiles, scores)
    if chosen is None:
        return None
    cuts = tuple(float(np.nanmedian(_numbers(profiles, info.name))) for info in chosen)
    return TwoRules(chosen, (cuts[0], cuts[1]), _groups(profiles, chosen, (cuts[0], cuts[1])))


def _numbers(profiles: SiteProfiles, name: str) -> np.ndarray:
    values: np.ndarray = profiles.values[name].to_numpy(dtype=float, na_value=np.nan)
    return values


def _errors(profiles: SiteProfiles, name: str) -> np.ndarray:
    errors: np.ndarray = profiles.standard_errors[name].to_numpy(dtype=float, na_value=np.nan)
    return errors


def _choose(profiles: SiteProfiles, scores: np.ndarray) -> tuple[FeatureInfo, FeatureInfo] | None:
    """The feature closest to the axis, and the most reliable that it leaves open."""
    able = [
        info
        for info in profiles.features
        if info.builds and info.kind != "category" and _can_be_cut(_numbers(profiles, info.name))
    ]
    if len(able) < 2:
        return None
    values = {info.name: _numbers(profiles, info.name) for info in able}
    known = {name: float((~np.isnan(own)).mean()) for name, own in values.items()}
    first = max(able, key=lambda info: known[info.name] * _shared(values[info.name], scores))

    def worth(info: FeatureInfo) -> float:
        signal = np.nan_to_num(reliability(values[info.name], _errors(profiles, info.name)))
        own = 1 - _shared(values[info.name], values[first.name])
        return float(known[info.name] * signal * own)

    second = max((info for info in able if info is not first), key=worth)
    return first, second


def _can_be_cut(values: np.ndarray) -> bool:
    known = values[~np.isnan(values)]
    if len(known) < LEAST_KNOWN * len(values):
        return False
    cut = np.median(known)
    return bool((known > cut).any() and (known <= cut).any())


def _shared(one: np.ndarray, other: np.ndarray) -> float:
    """Squared rank correlation over the sites of which both are known; 0 where there is none."""
    from scipy.stats import rankdata

    both = ~np.isnan(one) & ~np.isnan(other)
    if both.sum() < 3 or np.ptp(one[both]) == 0 or np.ptp(other[both]) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(one[both]), rankdata(other[both]))[0, 1] ** 2)


def axis_table(typology: Typology, grouped: TwoRules | None) -> pd.DataFrame:
    """Place and group of every site, the frame behind ``axis.csv``.

    Parameters
    ----------
    typology : Typology
    grouped : TwoRules, optional
        From `two_rules`.

    Returns
    -------
    DataFrame
        Columns `AXIS_COLUMNS`, one row a site; no row where sites do not lie along one axis. A
        site with too little data has no score and no group, and its `reason` says so.
    """
    axis = typology.evidence.axis
    if axis is None or not axis.is_continuum:
        return pd.DataFrame(columns=list(AXIS_COLUMNS))
    every = pd.DataFrame({"site": pd.Series(typology.profiles.sites, dtype="str")})
    table = every.merge(axis.scores, on="site", how="left")
    if grouped is None:
        table = table.assign(group="", sure=False, reason="")
    else:
        table = table.merge(grouped.groups, on="site")
    apart = table["score"].isna()
    why = typology.memberships.set_index("site")["reason"]
    table.loc[apart, "reason"] = why.loc[table["site"][apart]].to_numpy()
    table.loc[apart, ["group", "sure"]] = ["", False]
    return table[list(AXIS_COLUMNS)]


def _groups(
    profiles: SiteProfiles,
    chosen: tuple[FeatureInfo, FeatureInfo],
    cuts: tuple[float, float],
) -> pd.DataFrame:
    sides, sure, reasons = [], [], []
    for info, cut in zip(chosen, cuts, strict=True):
        values, errors = _numbers(profiles, info.name), _errors(profiles, info.name)
        title = as_inside_sentence(info.title)
        sides.append(np.where(values > cut, f"higher {title}", f"lower {title}"))
        sure.append(np.abs(values - cut) > SURE * np.nan_to_num(errors, nan=np.inf))
        reasons.append(np.where(np.isnan(values), info.title, ""))
    lacking = ["; ".join(filter(None, pair)) for pair in zip(*reasons, strict=True)]
    whole = np.array([not words for words in lacking])
    pairs = [", ".join(pair) for pair in zip(*sides, strict=True)]
    return pd.DataFrame(
        {
            "site": pd.Series(profiles.sites, dtype="str"),
            "group": pd.Series(np.where(whole, pairs, ""), dtype="str"),
            "sure": np.all(sure, axis=0) & whole,
            "reason": pd.Series(
                [f"not enough data: no value of {words}" if words else "" for words in lacking],
                dtype="str",
            ),
        }
    )
