"""Where more returns would help most: a ranked list of sites and tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from site_typology.features.missingcells import NOTHING, REMEDIES
from site_typology.features.precision import signal_share
from site_typology.features.returns import in_round, source_table
from site_typology.profiles import SiteProfiles

NEXT_RETURNS = 3
"""Further returns that sites are compared by: what a morning of calls may bring."""
LEAST_SIGNAL = 0.1
"""Share of the spread taken as signal where none is seen, so that poor features count too."""

CHASE_COLUMNS = [
    "rank", "site", "table", "use", "eligible", "responded", "left", "features", "known",
    "known_next", "known_all", "gain",
]  # fmt: skip


@dataclass(frozen=True)
class Prospect:
    """What one feature would gain from more returns.

    Parameters
    ----------
    table : str
        Table of its informants.
    known, known_next, known_all : ndarray, shape (n_sites,)
        Share of the site's figure that is known, signal / (signal + SE²), now, after
        `NEXT_RETURNS` more returns (or all that are left), and when everybody has answered;
        NaN at sites where the feature cannot exist or whose numbers are not known.
    reliability_next : float
        Reliability of the feature after `NEXT_RETURNS` more returns at each site.
    """

    table: str
    known: np.ndarray
    known_next: np.ndarray
    known_all: np.ndarray
    reliability_next: float


def prospects(profiles: SiteProfiles, response: pd.DataFrame) -> dict[str, Prospect]:
    """Work out for each feature what more returns would do.

    The error of a mean of n of N people falls as (1 - n/N) / n (Cochran 1977, equation 2.20). A
    missing value counts as not known at all. A return is taken to answer the feature.

    Parameters
    ----------
    profiles : SiteProfiles
        Of one round.
    response : DataFrame
        From `site_typology.features.returns.response_map`.

    Returns
    -------
    dict of str to Prospect
        Features of tables whose eligible numbers are known, where the errors are known too.
    """
    round_ = profiles.rounds[0] if profiles.rounds else ""
    own = in_round(response, round_)
    tables = [str(name) for name in own.loc[own["eligible"].notna(), "table"].unique()]
    found = {}
    for info in profiles.features:
        table = source_table(info.source, tables)
        if info.kind == "category" or not table:
            continue
        answers = own[own["table"] == table].set_index("site")
        prospect = _prospect(profiles, info.name, table, answers)
        if prospect is not None:
            found[info.name] = prospect
    return found


def _prospect(
    profiles: SiteProfiles, name: str, table: str, answers: pd.DataFrame
) -> Prospect | None:
    sites = profiles.values.index.get_level_values("site")
    eligible = answers["eligible"].reindex(sites).to_numpy(dtype=float)
    left = answers["left"].reindex(sites).to_numpy(dtype=float)
    values = profiles.values[name].to_numpy(dtype=float)
    errors = profiles.standard_errors[name].to_numpy(dtype=float)
    n = profiles.counts[name].to_numpy(dtype=float)
    there = ~np.isnan(values)
    usable = there & (errors > 0) & (n > 0)
    if usable.sum() < 3 or np.isnan(errors[there]).any():
        return None
    spread = float(values[there].var(ddof=1))
    if not spread > 0:
        return None
    signal = spread * max(LEAST_SIGNAL, signal_share(values[there], errors[there]))
    one = np.median((n * errors**2 / _unasked(n, eligible))[usable])
    fillable = [REMEDIES.get(reason, NOTHING) != NOTHING for reason in profiles.reasons[name]]
    can_come = np.array(fillable, dtype=bool)
    before = np.where(there, n, 0.0)
    error_now = np.where(there, errors**2, np.inf)

    def error_after(more: np.ndarray) -> np.ndarray:
        after = before + more
        with np.errstate(divide="ignore", invalid="ignore"):
            fresh = np.where(after > 0, one / after * _unasked(after, eligible), np.inf)
            shrink = before / after * _unasked(after, eligible) / _unasked(before, eligible)
            shrunk = np.where(more > 0, error_now * shrink, error_now)
        return np.where(there, shrunk, fresh)

    concerned = np.isfinite(left) & (there & (n > 0) | ~there & can_come)
    more = np.minimum(left, NEXT_RETURNS)
    known, known_next, known_all = (
        np.where(concerned, signal / (signal + error), np.nan)
        for error in (error_now, error_after(more), error_after(left))
    )
    # Sites that cannot be chased keep their error; sites still without a value are left out.
    later = np.where(concerned, error_after(np.nan_to_num(more)), error_now)
    later = later[np.isfinite(later)]
    return Prospect(table, known, known_next, known_all, float(signal / (signal + later.mean())))


def _unasked(n: np.ndarray, eligible: np.ndarray) -> np.ndarray:
    """Factor 1 - n/N of the variance, and 1 where N is not known or cannot be right."""
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = 1 - n / eligible
    return np.where(np.isfinite(factor) & (factor >= 0), np.maximum(factor, 1e-9), 1.0)


def chase_list(
    profiles: SiteProfiles, response: pd.DataFrame, found: dict[str, Prospect]
) -> pd.DataFrame:
    """Rank sites and tables by what a few more returns would add.

    Parameters
    ----------
    profiles : SiteProfiles
        Of one round.
    response : DataFrame
        From `site_typology.features.returns.response_map`.
    found : dict of str to Prospect
        From `prospects`.

    Returns
    -------
    DataFrame
        Columns `CHASE_COLUMNS`. Tables with features that build types (`use` is "build") come
        before those whose features only describe them, the largest gain first in either; `known`
        and the like are means over the features of that use, `gain` is ``known_next - known``.
        Only where somebody is left to answer.
    """
    round_ = profiles.rounds[0] if profiles.rounds else ""
    own = in_round(response, round_)
    uses = {info.name: info.use for info in profiles.features}
    sites = [str(site) for site in profiles.values.index.get_level_values("site")]
    parts = []
    for table in dict.fromkeys(prospect.table for prospect in found.values()):
        names = [name for name, prospect in found.items() if prospect.table == table]
        building = [name for name in names if uses[name] == "build"]
        names = building or names
        stacked = {
            key: np.stack([getattr(found[name], key) for name in names])
            for key in ("known", "known_next", "known_all")
        }
        counted = np.isfinite(stacked["known"]).sum(axis=0)
        use = "build" if building else "evaluate"
        part = pd.DataFrame({"site": sites, "table": table, "use": use, "features": counted})
        for key, values in stacked.items():
            part[key] = np.nansum(values, axis=0) / np.where(counted > 0, counted, np.nan)
        answers = own[own["table"] == table].set_index("site")
        for key in ("eligible", "responded", "left"):
            part[key] = answers[key].reindex(sites).to_numpy(dtype=float)
        parts.append(part[(part["left"] > 0) & (part["features"] > 0)])
    if not parts:
        return pd.DataFrame(columns=CHASE_COLUMNS)
    chase = pd.concat(parts, ignore_index=True)
    chase["gain"] = chase["known_next"] - chase["known"]
    order = np.lexsort((-chase["gain"].round(12).to_numpy(), chase["use"] != "build"))
    chase = chase.iloc[order]
    chase["rank"] = range(1, len(chase) + 1)
    return chase[CHASE_COLUMNS].reset_index(drop=True)
