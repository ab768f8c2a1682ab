"""Measurement: variance within sites, intraclass correlations, alpha, finite populations."""

from __future__ import annotations

import numpy as np

from site_typology.features.aggregate import Moments
from site_typology.features.scalestats import ItemCovariances, alpha_of, item_rest_of

SITES_FOR_SPREAD = 10
"""Sites with two answers from which it can be told whether they differ in variance."""


def pooled_variance(sums: Moments) -> np.ndarray:
    """Variance between informants of one site, pooled over sites and rounds.

    A site's own variance is worthless with three informants; the pooled one is the maximum
    likelihood answer when the sites share it (the within mean square of Shrout & Fleiss 1979,
    table 1, and with weights Σw(y - ȳ)² / Σ(W - Σw²/W), unbiased when errors have one variance).

    Returns
    -------
    ndarray, shape (q,)
        NaN where no site has two answers.
    """
    freedom = sums.freedom.sum(axis=0)
    squares = sums.squares_within.sum(axis=0)
    blank = np.full(len(freedom), np.nan)
    return np.asarray(np.divide(squares, freedom, out=blank, where=freedom > 1e-9))


def site_variance(sums: Moments) -> np.ndarray:
    """Variance between informants of each site: its own drawn towards the pooled one, shape (g, q).

    Sites do not share one variance, and a site's own says little with three informants. The best
    linear compromise (Bühlmann 1967, theorem 2) gives the site's own the weight d / (d + 2 + 2/C),
    with d its degrees of freedom and C the squared coefficient of variation of the true variances
    over sites, by moments as if answers were normal: the mean of s⁴ d/(d + 2) over the squared
    pooled variance, less 1. It is also the posterior mean under Smyth's (2004) prior, without
    logarithms of the zeros that few answers on few steps give. C of 0 or less means one variance
    for all, as do fewer than `SITES_FOR_SPREAD` sites with two answers.

    Returns
    -------
    ndarray, shape (g, q)
        NaN where no site has two answers.
    """
    pooled = pooled_variance(sums)
    with np.errstate(invalid="ignore", divide="ignore"):
        own = sums.squares_within / sums.freedom
        freedom = np.maximum(np.nan_to_num(sums.effective) - 1, 0.0)
        usable = (freedom > 1e-9) & np.isfinite(own)
        freedom, own = np.where(usable, freedom, 0.0), np.where(usable, own, 0.0)
        total = freedom.sum(axis=0)
        fourth = (freedom * own**2 * freedom / (freedom + 2)).sum(axis=0) / total
        spread = fourth / (pooled**2 * total / (total + 2)) - 1
        few = usable.sum(axis=0) < SITES_FOR_SPREAD
        prior = np.where((spread > 0) & ~few, 2 + 2 / spread, np.inf)
        weight = np.where(np.isinf(prior), 0.0, freedom / (freedom + prior))
    return np.asarray(weight * own + (1 - weight) * pooled)


def variance_freedom(sums: Moments) -> np.ndarray:
    """Degrees of freedom of the pooled variance, shape (q,): Σ (n - 1), n the effective number."""
    return np.asarray(np.maximum(np.nan_to_num(sums.effective) - 1, 0.0).sum(axis=0))


def intraclass(sums: Moments) -> tuple[np.ndarray, np.ndarray]:
    """ICC(1), the reliability of one informant, and ICC(2), that of a site's mean.

    From the one-way random-effects analysis of variance: ICC(1) = (MSB - MSW) /
    (MSB + (k - 1) MSW) and ICC(2) = (MSB - MSW) / MSB (Shrout & Fleiss 1979; Bliese 2000,
    equations 8.1 and 8.3), with k = (N - Σn²/N) / (J - 1) for unequal numbers. With weights the
    same moments are taken with w for 1. Negative values stand as they are.

    Returns
    -------
    icc1, icc2 : ndarray, shape (q,)
        NaN with fewer than two sites or no site with two answers.
    """
    within = pooled_variance(sums)
    weight = sums.w.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        grand = sums.wy.sum(axis=0) / weight
        departures = np.nan_to_num(sums.mean - sums.center - grand)
        between_squares = (sums.w * departures**2).sum(axis=0)
        size = weight - (sums.w**2).sum(axis=0) / weight
        noise = np.nan_to_num(sums.ww / sums.w).sum(axis=0) - sums.ww.sum(axis=0) / weight
        between = (between_squares - within * noise) / size
        k = size / noise
        several = (sums.n > 0).sum(axis=0) > 1
        total = np.where(several, between + within, np.nan)
        icc1 = between / total
        icc2 = between / np.where(several, between + within / k, np.nan)
    return icc1, icc2


def cronbach_alpha(items: np.ndarray) -> float:
    """Cronbach's alpha over the rows that answered every item; see `scalestats.alpha_of`.

    Parameters
    ----------
    items : ndarray, shape (n, k)
        Items already keyed in one direction; NaN where not answered.

    Returns
    -------
    float
        NaN with fewer than two items or three rows.

    Examples
    --------
    >>> round(cronbach_alpha(np.array([[1.0, 2], [2, 3], [3, 4], [4, 4]])), 3)
    0.949
    """
    found = ItemCovariances.of(items)
    return alpha_of(found.covariance) if found.rows > 2 else float("nan")


def item_rest(items: np.ndarray) -> np.ndarray:
    """Correlation of each item with the sum of the others, shape (k,).

    A negative one points at an item that was keyed the wrong way round (Nunnally & Bernstein
    1994, chapter 8). NaN where an item or the rest does not vary.
    """
    found = ItemCovariances.of(items)
    return item_rest_of(found.covariance) if found.rows > 2 else np.full(items.shape[1], np.nan)


def population_factor(
    answered: np.ndarray, eligible: np.ndarray, effective: np.ndarray | None = None
) -> np.ndarray:
    """Finite population correction 1 - n/N of a variance (Cochran 1977, equation 2.20).

    With weights w = 1/π that undo unequal chances π to answer, the variance of a weighted mean is
    σ² Σ w (w - 1) / (Σ w)² = σ²/m (1 - m/N) with Σ w = N and m = (Σ w)²/Σ w² (Särndal, Swensson &
    Wretman 1992, result 3.2.2, for independent answers), so that the effective number takes the
    place of n: who stands for many is known as little as before, however many others answered.

    1 where the eligible number is unknown or smaller than the number that answered, since it
    cannot be right then; 0 where everybody answered.

    Parameters
    ----------
    answered, eligible : ndarray, shape (g,)
    effective : ndarray, shape (g,), optional
        Effective number of those who answered; `answered` by default.

    Examples
    --------
    >>> population_factor(np.array([5.0, 8, 9, 3]), np.array([10.0, 8, 8, np.nan]))
    array([0.5, 0. , 1. , 1. ])
    >>> population_factor(np.array([5.0, 8]), np.array([10.0, 8]), np.array([4.0, 4]))
    array([0.6, 0. ])
    """
    known = ~np.isnan(eligible) & (eligible >= answered) & (eligible > 0)
    behind = answered if effective is None else np.where(answered < eligible, effective, answered)
    share = np.divide(behind, eligible, out=np.zeros(len(answered)), where=known)
    return np.asarray(1.0 - np.nan_to_num(share))


def half_count_variance(share: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Binomial variance of a share, with half a count added on both sides.

    p(1 - p)/n is 0 at 0 of 8, as if it were exact. With (k + 1/2)/(n + 1) for p, the mean of
    Jeffreys' posterior (Brown, Cai & DasGupta 2001, section 3.1.2), it is not.

    Examples
    --------
    >>> np.sqrt(half_count_variance(np.array([0.0, 0.5]), np.array([8.0, 8.0]))).round(3)
    array([0.081, 0.177])
    """
    smoothed = (share * n + 0.5) / (n + 1.0)
    return np.asarray(smoothed * (1 - smoothed) / n)


def reliability(values: np.ndarray, standard_errors: np.ndarray) -> float:
    """Share of the variance between sites that is signal: 1 - mean(SE²) / var(values).

    Floored at 0; NaN with fewer than three sites, no variance, or an error that is not known.

    Examples
    --------
    >>> reliability(np.array([1.0, 2, 3]), np.array([0.5, np.nan, 0.5]))
    nan
    """
    there = ~np.isnan(values)
    spread = values[there].var(ddof=1) if there.sum() > 2 else 0.0
    if spread <= 0:
        return float("nan")
    noise = float(np.mean(standard_errors[there] ** 2))
    signal = 1.0 - noise / float(spread)
    return float("nan") if np.isnan(signal) else max(0.0, signal)


def known(figures: dict[str, float]) -> dict[str, float]:
    """The figures that are numbers."""
    return {name: float(value) for name, value in figures.items() if np.isfinite(value)}
