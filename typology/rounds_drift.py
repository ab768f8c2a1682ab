"""Drift of profiles from round to round, feature by feature, over the sites that are in both."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from site_typology.features.roundchanges import changes_by_feature, round_changes
from site_typology.profiles import SiteProfiles
from site_typology.type_means import between_sites, group_means

DRIFT_COLUMNS = [
    "feature", "title", "from_round", "to_round", "sites", "before", "change", "low", "high",
    "change_sd", "p", "p_holm", "error_share", "p_alike", "level", "composition", "level_sd",
    "note",
]  # fmt: skip
FEWEST = 3


def drift_table(
    profiles: SiteProfiles, parts: Mapping[tuple[str, str], pd.DataFrame] | None = None
) -> pd.DataFrame:
    """Mean change of every feature over the sites with a value in both rounds.

    The mean weighs sites by their measurement error and how much sites truly differ in their
    change (Paule and Mandel 1982), and its interval has both. ``p`` is the t test of no change,
    ``p_holm`` adjusted for all features of a step (Holm 1979, *Scandinavian Journal of Statistics*
    6). ``p_alike`` is Cochran's (1954, *Biometrics* 10) test that all sites changed alike, their
    errors taken as known. Errors of two rounds are taken to be independent: where the same people
    answer twice, intervals are rather too wide.

    Parameters
    ----------
    profiles : SiteProfiles
        Of every round, in order of time.
    parts : mapping of (str, str) to DataFrame, optional
        By step, natural units by feature: ``level`` (all sites moved alike) and ``composition``
        (sites moved from type to type).

    Returns
    -------
    DataFrame
        Columns `DRIFT_COLUMNS`, a row a step and feature that is not a category. ``change_sd``
        and ``level_sd`` are in SDs between sites in the earlier round; ``error_share`` is the
        share of the variance of changes that is measurement error.

    Examples
    --------
    >>> index = pd.MultiIndex.from_product([["A", "B", "C", "D"], ["1", "2"]])
    >>> values = pd.DataFrame({"wsa": [1.0, 2.1, 2.0, 2.9, 4.0, 5.0, 3.0, 4.0]}, index)
    >>> row = drift_table(SiteProfiles.from_frame(values, values * 0 + 0.1)).iloc[0]
    >>> float(row["change"].round(2)), bool(row["p"] < 0.001), float(row["p_alike"].round(1))
    (1.0, True, 0.8)
    """
    from site_typology.models.association import holm

    changes = round_changes(profiles)
    notes = changes_by_feature(profiles, changes).set_index(["feature", "earlier", "later"])["note"]
    grouped = dict(list(changes.groupby(["feature", "earlier", "later"], sort=False)))
    kinds = {info.name: info.kind for info in profiles.features}
    rows = []
    for (feature, earlier, later), note in notes.items():
        if kinds[feature] == "category":
            continue
        own = grouped.get((feature, earlier, later))
        figures = _figures(own) if own is not None else {"sites": 0}
        part = (parts or {}).get((earlier, later), pd.DataFrame(columns=["level", "composition"]))
        level, moves = part.reindex([feature]).astype(float).iloc[0]
        rows.append(
            {
                "feature": feature,
                "title": profiles.info(feature).title,
                "from_round": earlier,
                "to_round": later,
                **figures,
                "level": level,
                "composition": moves,
                "level_sd": _in_sds(level, own),
                "note": note,
            }
        )
    table = pd.DataFrame(rows)
    adjusted = pd.Series(np.nan, index=table.index)
    for _, own in table.reindex(columns=DRIFT_COLUMNS).groupby(["from_round", "to_round"]):
        adjusted[own.index] = holm(own["p"].to_numpy(dtype=float))
    return table.assign(p_holm=adjusted).reindex(columns=DRIFT_COLUMNS)


def _in_sds(level: float, changes: pd.DataFrame | None) -> float:
    if changes is None or len(changes) < FEWEST:
        return float("nan")
    spread = changes["before"].astype(float).std(ddof=1)
    return float(level / spread) if spread > 0 else float("nan")


def _figures(changes: pd.DataFrame) -> dict[str, float]:
    from scipy import stats

    change = changes["change"].to_numpy(dtype=float)
    error = changes["standard_error"].to_numpy(dtype=float)
    before = changes["before"].to_numpy(dtype=float)
    n = len(change)
    found: dict[str, float] = {"sites": n, "before": float(before.mean())}
    if n < FEWEST:
        return found | {"change": float(change.mean())}
    mean = group_means(change, error, np.zeros(n, dtype=int)).loc[0]
    spread = before.std(ddof=1)
    found |= {
        "change": float(mean["mean"]),
        "low": float(mean["low"]),
        "high": float(mean["high"]),
        "change_sd": float(mean["mean"] / spread) if spread > 0 else np.nan,
    }
    if np.isnan(error).any():
        return found
    half = (found["high"] - found["low"]) / 2
    deviation = half / stats.t.ppf(0.975, n - 1)
    if deviation > 0:
        found["p"] = float(2 * stats.t.sf(abs(found["change"]) / deviation, n - 1))
    elif deviation == 0:
        # Every site changed by the same amount; it is not 0, since what stands still is left out.
        found["p"] = 0.0
    tau2 = between_sites(change, error**2, np.zeros(n, dtype=int))
    if (error > 0).all():
        weights = error**-2
        fixed = np.average(change, weights=weights)
        found["p_alike"] = float(stats.chi2.sf(weights @ (change - fixed) ** 2, n - 1))
        found["error_share"] = float((error**2).mean() / ((error**2).mean() + tau2))
    return found
