"""Values far from those of other sites, measurement error taken into account."""

from __future__ import annotations

import numpy as np
import pandas as pd

from site_typology.feature_info import FeatureInfo
from site_typology.profiles import SiteProfiles

CUTOFF = 3.5
"""Robust z beyond which a value is looked at (Iglewicz & Hoaglin 1993, chapter 3)."""
FEWEST_SITES = 8
TAIL_SHARE, TAIL_SITES = 0.05, 2
"""More sites than this beyond the cutoff are the tail of a skewed feature, not single oddities."""
LEAST_SKEW = 0.2
MAD_TO_SD, MEAN_TO_SD = 1.4826, 1.2533
"""Standard deviation of a normal distribution over its median and mean absolute deviation."""

EXTREME_COLUMNS = [
    "feature", "title", "use", "site", "round", "value", "standard_error", "n", "median", "low",
    "high", "z", "scale", "beyond", "tail",
]  # fmt: skip


def extreme_values(profiles: SiteProfiles) -> pd.DataFrame:
    """Find values that lie far from those of the other sites.

    A robust z, (x - median) / sqrt(b + SE²), where b is the squared 1.4826 median absolute
    deviation less the median SE² (SE brought down where that is negative), beyond ±3.5. With one
    error for all sites it is the modified z of Iglewicz & Hoaglin (1993). One slip swells the error
    of its own site, which would excuse it; so no SE is taken larger than the informants of a
    typical site would give it, sqrt(median(n SE²) / n). Shares stand on the arcsine root scale,
    rates on the square root, other figures that are never negative on the log or, where there are
    zeros, the square root if that makes their octiles more symmetric, so that a skewed feature is
    not full of extremes. Errors are carried to that scale by the delta method.

    Parameters
    ----------
    profiles : SiteProfiles
        Of one round, at least `FEWEST_SITES` sites with a value.

    Returns
    -------
    DataFrame
        Columns `EXTREME_COLUMNS`, furthest first; `median`, `low` and `high` are the median and
        quartiles of all sites in natural units, `beyond` counts the feature's sites beyond the
        cutoff and `tail` says that they are more than 2 and more than 5 % of its sites.

    Examples
    --------
    >>> values = pd.DataFrame({"reach": [5.0, 6, 4, 5, 7, 6, 5, 60]}, index=list("ABCDEFGH"))
    >>> extreme_values(SiteProfiles.from_frame(values))["site"].tolist()
    ['H']
    """
    index = profiles.values.index
    parts = []
    for info in profiles.features:
        if info.kind == "category":
            continue
        values = profiles.values[info.name].to_numpy(dtype=float)
        errors = profiles.standard_errors[info.name].to_numpy(dtype=float)
        there = ~np.isnan(values)
        if there.sum() < FEWEST_SITES:
            continue
        scale = scale_of(info, values[there])
        points, noise = on_scale(scale, values, errors)
        counts = profiles.counts[info.name].to_numpy(dtype=float)
        z = robust_z(points, at_most_typical(noise, counts))
        far = np.flatnonzero(np.abs(z) > CUTOFF)
        low, median, high = np.quantile(values[there], [0.25, 0.5, 0.75])
        parts.append(
            pd.DataFrame(
                {
                    "feature": info.name,
                    "title": info.title,
                    "use": info.use,
                    "site": index.get_level_values("site")[far].astype(str),
                    "round": index.get_level_values("round")[far].astype(str),
                    "value": values[far],
                    "standard_error": errors[far],
                    "n": counts[far],
                    "median": median,
                    "low": low,
                    "high": high,
                    "z": z[far],
                    "scale": scale,
                    "beyond": len(far),
                    "tail": len(far) > max(TAIL_SITES, TAIL_SHARE * there.sum()),
                }
            )
        )
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame(columns=EXTREME_COLUMNS)
    found = pd.concat(parts, ignore_index=True)
    order = np.argsort(-found["z"].abs().to_numpy(), kind="stable")
    return found.iloc[order][EXTREME_COLUMNS].reset_index(drop=True)


def at_most_typical(errors: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Bring errors down to what the informants of a typical site would give.

    Parameters
    ----------
    errors, n : ndarray, shape (n_sites,)
        Standard errors and the numbers behind them; where a number is not known the error stays.

    Returns
    -------
    ndarray, shape (n_sites,)

    Examples
    --------
    >>> at_most_typical(np.array([1.0, 1, 1, 9]), np.array([4.0, 4, 4, 4])).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    counted = (errors > 0) & (n > 0)
    if not counted.any():
        return errors
    one = float(np.median(n[counted] * errors[counted] ** 2))
    typical = np.sqrt(one / np.where(counted, n, 1.0))
    return np.where(counted, np.minimum(errors, typical), errors)


def robust_z(points: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Distance from the median in robust SDs, each value's own error added.

    Parameters
    ----------
    points, errors : ndarray, shape (n,)
        NaN where missing; an error that is not known counts as the median one.

    Returns
    -------
    ndarray, shape (n,)
        0 everywhere where nothing varies. Where more than half of the values are the same, 1.2533
        times the mean absolute deviation stands in for the median one (Iglewicz & Hoaglin 1993).

    Examples
    --------
    >>> robust_z(np.array([1.0, 2, 3, 4, 50]), np.zeros(5)).round(2).tolist()
    [-1.35, -0.67, 0.0, 0.67, 31.7]
    """
    median = np.nanmedian(points)
    away = np.abs(points - median)
    spread = MAD_TO_SD * float(np.nanmedian(away)) or MEAN_TO_SD * float(np.nanmean(away))
    if not spread > 0:
        return np.where(np.isnan(points), np.nan, 0.0)
    squares = errors[~np.isnan(points)] ** 2
    typical = float(np.nanmedian(squares)) if np.isfinite(squares).any() else 0.0
    between = max(spread**2 - typical, 0.0)
    # One slip swells an error that is pooled over sites, and would hide behind it: errors larger
    # than the spread that they are said to explain are brought down to it.
    fair = min(1.0, spread**2 / typical) if typical > 0 else 1.0
    own = fair * np.where(np.isnan(errors), typical, errors**2)
    return np.asarray((points - median) / np.sqrt(np.maximum(between + own, 1e-300)))


def scale_of(info: FeatureInfo, values: np.ndarray) -> str:
    """Scale that a feature's values are compared on: arcsine root, square root, log or as it is."""
    if info.kind in ("share", "composition"):
        return "arcsine root"
    if info.kind == "rate" and (values >= 0).all():
        return "square root"
    if (values >= 0).all() and abs(_skew(values)) > LEAST_SKEW:
        scale = "log" if (values > 0).all() else "square root"
        turned = np.log(values) if scale == "log" else np.sqrt(values)
        if abs(_skew(turned)) < abs(_skew(values)):
            return scale
    return "natural"


def _skew(values: np.ndarray) -> float:
    """Octile skewness, which one value in eight cannot move (Hinkley 1975)."""
    low, median, high = np.quantile(values, [0.125, 0.5, 0.875])
    return float((high + low - 2 * median) / (high - low)) if high > low else 0.0


def on_scale(scale: str, values: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bring values and their errors to a scale named by `scale_of`."""
    if scale == "arcsine root":
        inside = np.clip(values, 0.01, 0.99)
        return np.arcsin(np.sqrt(np.clip(values, 0, 1))), errors / (
            2 * np.sqrt(inside * (1 - inside))
        )
    if scale == "square root":
        # At a rate of 0 the slope has no end; a rate of one standard error has a sensible one.
        at = np.maximum(np.maximum(values, np.nan_to_num(errors)), 1e-12)
        return np.sqrt(values), errors / (2 * np.sqrt(at))
    if scale == "log":
        return np.log(values), errors / values
    return values, errors
