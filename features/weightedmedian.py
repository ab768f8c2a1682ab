"""How far the weighted median of a few draws is from that of all."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from site_typology.features.medianerror import thinned, variance_of_medians

MOST = 30
"""Draws up to which the variance is exact; Kish's effective number does as well with more."""
LEVELS = 200
"""Steps of the largest weight that others are rounded to, unless all are whole hundredths."""
HUNDREDTHS = 100


def variance_of_weighted_medians(
    residuals: np.ndarray, weights: Sequence[np.ndarray]
) -> np.ndarray:
    """Variance of medians of draws that carry weights, the draws being known by their residuals.

    Where weights have nothing to do with the values, the weighted median of n draws is their k-th
    smallest with the chance that the first k of a random order of the weights pass half of the
    total and the first k - 1 do not; subsets of weights are counted by their sums. Moments of the
    k-th smallest are exact as in `variance_of_medians` (Maritz & Jarrett 1978, equation 1). Where
    k weights are just half, the mean of the k-th and the next stands for the (k + 1)-th of n + 1
    draws, as there. So equal weights have the error of no weights; with 1 and .9 the median is
    one of the two draws, of which Kish's number, 1.99, knows nothing.

    Parameters
    ----------
    residuals : ndarray, sorted
    weights : sequence of ndarray
        Weights above 0 of the draws behind each median.

    Returns
    -------
    ndarray, shape (g,)
        NaN where there are no residuals.

    Examples
    --------
    >>> normal = np.sort(np.random.default_rng(1).normal(size=4000))
    >>> weights = [np.array([1.0]), np.array([1.0, 0.9]), np.array([0.5, 0.5, 0.5])]
    >>> variance_of_weighted_medians(normal, weights).round(1)
    array([1. , 1. , 0.4])
    """
    sizes = np.array([len(each) for each in weights])
    effective = np.array([each.sum() ** 2 / (each**2).sum() for each in weights])
    found = variance_of_medians(residuals, effective)
    if not len(residuals):
        return found
    points = thinned(residuals)
    moments: dict[tuple[int, int], np.ndarray] = {}
    known: dict[tuple[int, ...], float] = {}
    for at in np.flatnonzero((sizes <= MOST) & (effective < sizes * (1 - 1e-9))).tolist():
        whole = _whole(weights[at])
        if whole not in known:
            known[whole] = _variance(points, whole, moments)
        found[at] = known[whole]
    return found


def _whole(weights: np.ndarray) -> tuple[int, ...]:
    """Weights as whole numbers, as small as they can be, sorted."""
    hundred = weights * HUNDREDTHS
    small = weights.max() <= LEVELS / HUNDREDTHS
    if not (small and np.allclose(hundred, np.round(hundred), rtol=0, atol=1e-6)):
        hundred = np.maximum(weights * LEVELS / weights.max(), 1.0)
    whole = sorted(round(float(each)) for each in hundred)
    shared = math.gcd(*whole)
    return tuple(each // shared for each in whole)


def _variance(
    points: np.ndarray, whole: tuple[int, ...], moments: dict[tuple[int, int], np.ndarray]
) -> float:
    """Variance over the order statistics that the weighted median may be."""
    n = len(whole)
    below, half = _below_half(whole)
    # Chances of the k-th of n, then of the mean of the k-th and the next, k from 1 to n.
    single = below[:-1] - below[1:] - half[1:]
    total = np.zeros(2)
    for k in range(1, n + 1):
        for chance, order in ((single[k - 1], (k, n)), (half[k], (k + 1, n + 1))):
            if chance > 1e-12:
                if order not in moments:
                    moments[order] = _moments(points, *order)
                total += chance * moments[order]
    return float(total[1] - total[0] ** 2)


def _below_half(whole: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Chance that j weights drawn add up to less than half of all, and to just half; (n + 1,)."""
    from scipy.special import gammaln

    n, most = len(whole), sum(whole)
    ways = np.zeros((n + 1, most + 1))
    ways[0, 0] = 1.0
    for weight in whole:
        # The right side is a copy made before any row changes.
        ways[1:, weight:] += ways[:-1, : most + 1 - weight].copy()
    j = np.arange(n + 1)
    choices = np.exp(gammaln(n + 1) - gammaln(j + 1) - gammaln(n - j + 1))
    sums = 2 * np.arange(most + 1)
    return ways[:, sums < most].sum(axis=1) / choices, ways[:, sums == most].sum(axis=1) / choices


def _moments(points: np.ndarray, k: int, n: int) -> np.ndarray:
    """Mean and mean square of the k-th smallest of n draws with replacement."""
    from scipy.special import betainc

    share = np.arange(len(points) + 1) / len(points)
    # At or below a point when k draws or more are: a binomial tail, as a beta function.
    chance = np.diff(betainc(k, n - k + 1, share))
    return np.array([chance @ points, chance @ points**2])
