"""What changed from one round to the next, beyond what error alone would bring."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from site_typology.features.extremes import CUTOFF, FEWEST_SITES, robust_z
from site_typology.profiles import SiteProfiles

FALSE_SHARE = 0.05
"""Share of the flagged changes that may be false on average (Benjamini & Hochberg 1995)."""

SAME_IN_BOTH = "the same in both rounds: one table serves both"
BEYOND_ERROR, UNLIKE_OTHERS = "beyond error", "unlike other sites"
CHANGE_COLUMNS = [
    "feature", "title", "use", "site", "earlier", "later", "before", "after", "change",
    "standard_error", "z", "p", "flag",
]  # fmt: skip
SUMMARY_COLUMNS = [
    "feature", "title", "use", "earlier", "later", "sites", "mean_change", "low", "high",
    "flagged", "came", "went", "note",
]  # fmt: skip


def round_changes(profiles: SiteProfiles) -> pd.DataFrame:
    """Compare each site with itself one round earlier.

    A change is divided by sqrt(SE₁² + SE₂²), the error of a difference of independent figures;
    where the same people answered twice this is rather too large. All changes whose error is
    known are tested together, and those flagged ``beyond error`` of which at most 5 % are false on
    average (Benjamini & Hochberg 1995). Figures without error change as they change; they are
    flagged ``unlike other sites`` where the change is more than 3.5 robust SDs from the median.

    Parameters
    ----------
    profiles : SiteProfiles
        Of every round.

    Returns
    -------
    DataFrame
        Columns `CHANGE_COLUMNS`, one row a site and feature with a value in two rounds one after
        the other; features that are the same in both rounds at every site are left out.

    Examples
    --------
    >>> index = pd.MultiIndex.from_product([["A", "B"], ["1", "2"]], names=["site", "round"])
    >>> values = pd.DataFrame({"wsa": [1.0, 1.2, 2.0, 4.0]}, index)
    >>> found = round_changes(SiteProfiles.from_frame(values, values * 0 + 0.3))
    >>> found[["site", "flag"]].values.tolist()
    [['A', ''], ['B', 'beyond error']]
    """
    values = {round_: _one_round(profiles.values, round_) for round_ in profiles.rounds}
    errors = {round_: _one_round(profiles.standard_errors, round_) for round_ in profiles.rounds}
    parts = []
    for earlier, later in pairwise(profiles.rounds):
        for info in profiles.features:
            if info.kind == "category":
                continue
            first, second = (
                pd.DataFrame(
                    {
                        "value": values[round_][info.name].astype(float),
                        "error": errors[round_][info.name].astype(float),
                    }
                )
                for round_ in (earlier, later)
            )
            part = _differences(first, second)
            if part is not None:
                parts.append(part.assign(feature=info.name, earlier=earlier, later=later))
    if not parts:
        return pd.DataFrame(columns=CHANGE_COLUMNS)
    changes = pd.concat(parts, ignore_index=True)
    titles = {info.name: (info.title, info.use) for info in profiles.features}
    changes["title"] = [titles[name][0] for name in changes["feature"]]
    changes["use"] = [titles[name][1] for name in changes["feature"]]
    discovered = discoveries(changes["p"].to_numpy(dtype=float), FALSE_SHARE)
    changes["flag"] = changes["flag"].mask(discovered, BEYOND_ERROR)
    return changes[CHANGE_COLUMNS]


def _one_round(frame: pd.DataFrame, round_: str) -> pd.DataFrame:
    """Rows of one round by site."""
    return frame[frame.index.get_level_values("round") == round_].droplevel("round")


def _differences(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame | None:
    """One feature in two rounds; None where it stands still because one table serves both."""
    from scipy.stats import norm

    joined = first.add_suffix("_1").join(second.add_suffix("_2"), how="inner")
    both = joined.dropna(subset=["value_1", "value_2"])
    change = (both["value_2"] - both["value_1"]).to_numpy(dtype=float)
    if not len(change) or not change.any():
        return None
    error = np.sqrt(both["error_1"] ** 2 + both["error_2"] ** 2).to_numpy(dtype=float)
    tested = error > 0
    z = np.divide(change, error, out=np.full(len(change), np.nan), where=tested)
    exact = bool((error == 0).all())
    flag = np.full(len(change), "", dtype=object)
    if exact and len(change) >= FEWEST_SITES:
        z = robust_z(change, np.zeros(len(change)))
        flag[np.abs(z) > CUTOFF] = UNLIKE_OTHERS
    return pd.DataFrame(
        {
            "site": both.index.astype(str),
            "before": both["value_1"].to_numpy(dtype=float),
            "after": both["value_2"].to_numpy(dtype=float),
            "change": change,
            "standard_error": error,
            "z": z,
            "p": np.where(tested, 2 * norm.sf(np.abs(z)), np.nan),
            "flag": flag,
        }
    )


def discoveries(p: np.ndarray, share: float) -> np.ndarray:
    """Which p-values to call discoveries, at most `share` of them false on average.

    The step-up procedure of Benjamini & Hochberg (1995, equation 1).

    Parameters
    ----------
    p : ndarray, shape (n,)
        NaN where nothing was tested.
    share : float

    Examples
    --------
    >>> discoveries(np.array([0.001, 0.04, 0.03, np.nan, 0.9]), 0.05).tolist()
    [True, False, False, False, False]
    """
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    within = p[order] <= share * np.arange(1, len(order) + 1) / max(len(order), 1)
    found = np.zeros(len(p), dtype=bool)
    if within.any():
        found[order[: np.flatnonzero(within)[-1] + 1]] = True
    return found


def changes_by_feature(profiles: SiteProfiles, changes: pd.DataFrame) -> pd.DataFrame:
    """Summarise changes feature by feature: the mean site, sites that came and went.

    Parameters
    ----------
    profiles : SiteProfiles
        Of every round.
    changes : DataFrame
        From `round_changes`.

    Returns
    -------
    DataFrame
        Columns `SUMMARY_COLUMNS`; `low` and `high` are the 95 % interval of the mean change over
        sites (Student's t), `came` and `went` count sites with a value in one of the rounds only,
        `note` says why nothing could be compared.
    """
    values = {round_: _one_round(profiles.values, round_) for round_ in profiles.rounds}
    own = dict(list(changes.groupby(["feature", "earlier", "later"], sort=False)))
    nothing = changes.iloc[:0]
    records = [
        {
            "feature": info.name,
            "title": info.title,
            "use": info.use,
            "earlier": earlier,
            "later": later,
            **_summary(
                info.kind,
                values[earlier][info.name].dropna(),
                values[later][info.name].dropna(),
                own.get((info.name, earlier, later), nothing),
                (earlier, later),
            ),
        }
        for earlier, later in pairwise(profiles.rounds)
        for info in profiles.features
    ]
    return pd.DataFrame(records, columns=SUMMARY_COLUMNS)


def _summary(
    kind: str,
    first: pd.Series,
    second: pd.Series,
    changes: pd.DataFrame,
    rounds: tuple[str, str],
) -> dict[str, Any]:
    mean, half = _mean_and_half(changes["change"].to_numpy(dtype=float))
    return {
        "sites": len(changes),
        "mean_change": mean,
        "low": mean - half,
        "high": mean + half,
        "flagged": int((changes["flag"] != "").sum()),
        "came": len(second.index.difference(first.index)),
        "went": len(first.index.difference(second.index)),
        "note": _note(kind, first, second, len(changes), *rounds),
    }


def _mean_and_half(change: np.ndarray) -> tuple[float, float]:
    from scipy.stats import t

    if len(change) == 0:
        return float("nan"), float("nan")
    if len(change) < 3:
        return float(change.mean()), float("nan")
    error = change.std(ddof=1) / np.sqrt(len(change))
    return float(change.mean()), float(t.ppf(0.975, len(change) - 1) * error)


def _note(
    kind: str, first: pd.Series, second: pd.Series, compared: int, earlier: str, later: str
) -> str:
    if compared:
        return ""
    if first.empty and second.empty:
        return "no value in either round"
    if first.empty:
        return f"no value in round {earlier}"
    if second.empty:
        return f"no value in round {later}"
    if kind == "category":
        shared = first.index.intersection(second.index)
        changed = int((first[shared] != second[shared]).sum())
        return f"a category; another one at {changed} of {len(shared)} sites"
    if first.index.intersection(second.index).empty:
        return "no site has a value in both rounds"
    return SAME_IN_BOTH


def sites_that_moved(profiles: SiteProfiles) -> pd.DataFrame:
    """Sites with a value of any feature that depends on the round in one of two rounds only.

    Returns
    -------
    DataFrame
        ``site, earlier, later, moved``; `moved` is ``came`` or ``went``.
    """
    records = []
    for earlier, later in pairwise(profiles.rounds):
        first, second = (_one_round(profiles.values, round_) for round_ in (earlier, later))
        order = first.index.union(second.index, sort=False)
        first, second = first.reindex(order), second.reindex(order)
        same = ((first == second) | (first.isna() & second.isna())).all()
        dated = [name for name in first.columns if not same[name]]
        had, has = first[dated].notna().any(axis=1), second[dated].notna().any(axis=1)
        for site in order:
            if had[site] != has[site]:
                moved = "came" if has[site] else "went"
                records.append((str(site), earlier, later, moved))
    return pd.DataFrame(records, columns=["site", "earlier", "later", "moved"])
