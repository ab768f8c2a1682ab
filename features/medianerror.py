"""How far the median of a few draws is from that of all."""

from __future__ import annotations

import numpy as np
import pandas as pd

_MOST_POINTS = 2000


def pooled_residuals(values: pd.Series, group: pd.Series) -> np.ndarray:
    """Departures of the rows from their group's mean, as wide as those of the population.

    A group of n rows is short of spread by (n - 1)/n, so departures are widened by
    sqrt(n / (n - 1)); groups of one say nothing.

    Parameters
    ----------
    values, group : Series, shape (n_rows,)

    Returns
    -------
    ndarray
        Sorted; empty where no group has two rows.
    """
    grouped = values.groupby(group.to_numpy())
    n = grouped.transform("size").to_numpy(dtype=float)
    apart = (values - grouped.transform("mean")).to_numpy(dtype=float)
    several = n > 1
    return np.sort(apart[several] * np.sqrt(n[several] / (n[several] - 1)))


def variance_of_medians(residuals: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Variance of the median of n draws from a distribution known by its residuals.

    The chance that the median is the i-th of the sorted residuals is a difference of binomial
    tails, so that the variance is exact and needs no simulation (Maritz & Jarrett 1978, Journal of
    the American Statistical Association 73: 194, equation 1). Theirs is a sample's own; here the
    residuals of all sites stand for the distribution, since three rows tell little of it. An even
    n, whose median is the mean of two draws, does as well as the odd number after it (for the
    normal .168 with 8 draws, .166 with 9).

    Parameters
    ----------
    residuals : ndarray, sorted
    n : ndarray, shape (g,)
        Draws; effective numbers need not be whole.

    Returns
    -------
    ndarray, shape (g,)
        NaN where there are no residuals.

    Examples
    --------
    >>> normal = np.sort(np.random.default_rng(1).normal(size=4000))
    >>> np.sqrt(variance_of_medians(normal, np.array([1.0, 101.0]))).round(1)
    array([1. , 0.1])
    """
    if not len(residuals):
        return np.full(len(n), np.nan)
    residuals = thinned(residuals)
    odd = np.maximum(n - 1, 0) / 2
    low = 2 * np.floor(odd) + 1
    known = {size: _exact(residuals, size) for size in np.unique(np.r_[low, low + 2])}
    lower = np.array([known[size] for size in low])
    upper = np.array([known[size + 2] for size in low])
    return np.asarray(lower + np.minimum(n - low, 1.0) * (upper - lower))


def thinned(residuals: np.ndarray) -> np.ndarray:
    """Residuals, or as many of their quantiles as a distribution needs."""
    if len(residuals) <= _MOST_POINTS:
        return residuals
    at = (np.arange(_MOST_POINTS) + 0.5) / _MOST_POINTS
    return np.asarray(np.quantile(residuals, at))


def _exact(residuals: np.ndarray, size: float) -> float:
    """Variance of the median of an odd number of draws with replacement."""
    from scipy.special import betainc

    share = np.arange(len(residuals) + 1) / len(residuals)
    # At or below a point when more than half of the draws are: a binomial tail, as a beta function.
    chance = np.diff(betainc((size + 1) / 2, (size + 1) / 2, share))
    mean = float(chance @ residuals)
    return float(chance @ (residuals - mean) ** 2)
