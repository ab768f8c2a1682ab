"""Features that say the same thing twice."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from site_typology.feature_info import FeatureInfo
from site_typology.profiles import SiteProfiles

ALIKE = 0.9
"""Correlation, corrected for error, from which two features are taken to say the same."""
LEAST_ALIKE = 0.7
"""Lower end of its interval: about half of what sets sites apart is then shared (.7² = .49)."""
FEWEST_SITES = 10
FEWEST_IDENTICAL = 3

IDENTICAL, CORRELATED, SOURCE = "same values", "nearly the same", "same source"
SAME_COLUMNS = [
    "feature", "other", "title", "other_title", "why", "both_build", "sites", "correlation",
    "corrected", "low", "high",
]  # fmt: skip


def same_thing_twice(profiles: SiteProfiles) -> pd.DataFrame:
    """Find pairs of features that tell the same about sites.

    The correlation between two features is pulled towards 0 by error; it is corrected by
    (r - mean(r_e SE_x SE_y) / (s_x s_y)) / sqrt(R_x R_y), which is Spearman's (1904) correction
    with the errors' own correlation r_e taken out of the numerator, since features answered by
    the same informants share error. The 95 % interval is Fisher's for r, carried through the same
    formula with the reliabilities R taken as known. A pair is listed where the corrected
    correlation is at least .9 in size and its interval stays above .7; where the values are the
    same but for unit and sign; or where both features come from the same columns by the same
    builder. Parts of one composition are no pair: they add up to 1 and cannot but go together.

    Parameters
    ----------
    profiles : SiteProfiles
        Of one round.

    Returns
    -------
    DataFrame
        Columns `SAME_COLUMNS`; pairs that both build types first.

    Examples
    --------
    >>> values = pd.DataFrame({"a": [1.0, 2, 4, 3], "b": [10.0, 20, 40, 30], "c": [1.0, 3, 2, 1]})
    >>> same_thing_twice(SiteProfiles.from_frame(values))[["feature", "other", "why"]].values
    array([['a', 'b', 'same values']], dtype=object)
    """
    numeric = [info for info in profiles.features if info.kind != "category"]
    arrays = {
        info.name: (
            profiles.values[info.name].to_numpy(dtype=float),
            profiles.standard_errors[info.name].to_numpy(dtype=float),
        )
        for info in numeric
    }
    records = []
    for one, other in combinations(numeric, 2):
        if one.composition and one.composition == other.composition:
            continue
        shared = float(profiles.error_correlation.loc[one.name, other.name])
        record = _compared(one, other, *arrays[one.name], *arrays[other.name], shared)
        if record is not None:
            records.append(record)
    frame = pd.DataFrame(records, columns=SAME_COLUMNS)
    order = np.lexsort((-frame["corrected"].abs().fillna(0).to_numpy(dtype=float),
                        ~frame["both_build"].to_numpy(dtype=bool)))  # fmt: skip
    return frame.iloc[order].reset_index(drop=True)


def _compared(
    one: FeatureInfo,
    other: FeatureInfo,
    x: np.ndarray,
    error_x: np.ndarray,
    y: np.ndarray,
    error_y: np.ndarray,
    shared: float,
) -> dict[str, Any] | None:
    both = ~(np.isnan(x) | np.isnan(y))
    sites = int(both.sum())
    r, corrected, low, high = (float("nan"),) * 4
    why = ""
    if sites >= FEWEST_IDENTICAL and x[both].std() > 0 and y[both].std() > 0:
        r = float(np.corrcoef(x[both], y[both])[0, 1])
        if abs(r) > 1 - 1e-9:
            why, corrected, low, high = IDENTICAL, *(float(np.sign(r)),) * 3
        elif sites >= FEWEST_SITES:
            corrected, low, high = corrected_correlation(
                x[both], error_x[both], y[both], error_y[both], shared
            )
            if abs(corrected) >= ALIKE and min(abs(low), abs(high)) >= LEAST_ALIKE:
                why = CORRELATED if low * high > 0 else ""
    same_builder = one.builder == other.builder and bool(one.source)
    if not why and same_builder and one.source == other.source and not _differ(one, other, r):
        why = SOURCE
    if not why:
        return None
    return {
        "feature": one.name,
        "other": other.name,
        "title": one.title,
        "other_title": other.title,
        "why": why,
        "both_build": one.use == other.use == "build",
        "sites": sites,
        "correlation": r,
        "corrected": min(1.0, max(-1.0, corrected)) if not np.isnan(corrected) else corrected,
        "low": min(1.0, max(-1.0, low)) if not np.isnan(low) else low,
        "high": min(1.0, max(-1.0, high)) if not np.isnan(high) else high,
    }


def _differ(one: FeatureInfo, other: FeatureInfo, r: float) -> bool:
    """Whether features of one source are different figures of it, such as two categories."""
    return bool(one.composition or other.composition) or abs(r) < LEAST_ALIKE


def corrected_correlation(
    x: np.ndarray, error_x: np.ndarray, y: np.ndarray, error_y: np.ndarray, shared: float = 0.0
) -> tuple[float, float, float]:
    """Correlation of two features corrected for error, with a 95 % interval.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        Values at the sites that have both.
    error_x, error_y : ndarray, shape (n,)
        Standard errors, 0 where exact.
    shared : float
        Correlation of their errors.

    Returns
    -------
    corrected, low, high : float
        Not clipped to ±1. NaN where no signal is left, or an error is not known.

    Examples
    --------
    >>> x = np.arange(20.0)
    >>> y = x + np.tile([1.0, -1.0], 10)
    >>> found = corrected_correlation(x, 0 * x, y, np.ones(20))
    >>> [f"{value:.2f}" for value in found]
    ['1.00', '0.98', '1.01']
    """
    spread_x, spread_y = x.std(ddof=1), y.std(ddof=1)
    reliable = 1 - np.mean(error_x**2) / spread_x**2, 1 - np.mean(error_y**2) / spread_y**2
    nothing = float("nan"), float("nan"), float("nan")
    if not all(value > 0 for value in reliable) or len(x) < 4:
        return nothing
    r = float(np.clip(np.corrcoef(x, y)[0, 1], -1 + 1e-12, 1 - 1e-12))
    common = shared * float(np.mean(error_x * error_y)) / (spread_x * spread_y)
    scale = float(np.sqrt(reliable[0] * reliable[1]))
    half = 1.96 / np.sqrt(len(x) - 3)
    ends = np.tanh(np.arctanh(r) + np.array([0.0, -half, half]))
    corrected, low, high = ((float(end) - common) / scale for end in ends)
    return corrected, low, high
