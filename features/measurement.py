"""Measurement: variance within sites, intraclass correlations, alpha, finite populations."""

from __future__ import annotations

import numpy as np

from site_typology.features.aggregate import Moments


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
    spare = _spare(sums)
    freedom = spare.sum(axis=0)
    squares = sums.squares_within.sum(axis=0)
    blank = np.full(len(freedom), np.nan)
    return np.asarray(np.divide(squares, freedom, out=blank, where=freedom > 1e-9))


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
    """Cronbach's alpha over the rows that answered every item (Cronbach 1951, equation 2).

    Parameters
    ----------
    items : ndarray, shape (n, k)
        Items already keyed in one direction; NaN where not answered.

    Returns
    -------
    float
        k / (k - 1) (1 - Σ var(item) / var(sum)); NaN with fewer than two items or three rows.

    Examples
    --------
    >>> round(cronbach_alpha(np.array([[1.0, 2], [2, 3], [3, 4], [4, 4]])), 3)
    0.949
    """
    whole = items[~np.isnan(items).any(axis=1)]
    rows, k = whole.shape
    if k < 2 or rows < 3:
        return float("nan")
    total = whole.sum(axis=1).var(ddof=1)
    if total <= 0:
        return float("nan")
    return float(k / (k - 1) * (1 - whole.var(axis=0, ddof=1).sum() / total))


def item_rest(items: np.ndarray) -> np.ndarray:
    """Correlation of each item with the sum of the others, shape (k,).

    A negative one points at an item that was keyed the wrong way round (Nunnally & Bernstein
    1994, chapter 8). NaN where an item or the rest does not vary.
    """
    whole = items[~np.isnan(items).any(axis=1)]
    found = np.full(items.shape[1], np.nan)
    if len(whole) < 3 or items.shape[1] < 2:
        return found
    rest = whole.sum(axis=1, keepdims=True) - whole
    for at in range(items.shape[1]):
        if whole[:, at].std() > 0 and rest[:, at].std() > 0:
            found[at] = np.corrcoef(whole[:, at], rest[:, at])[0, 1]
    return found


def population_factor(answered: np.ndarray, eligible: np.ndarray) -> np.ndarray:
    """Finite population correction 1 - n/N of a variance (Cochran 1977, equation 2.20).

    1 where the eligible number is unknown or smaller than the number that answered, since it
    cannot be right then.

    Examples
    --------
    >>> population_factor(np.array([5.0, 8, 9, 3]), np.array([10.0, 8, 8, np.nan]))
    array([0.5, 0. , 1. , 1. ])
    """
    known = ~np.isnan(eligible) & (eligible >= answered) & (eligible > 0)
    share = np.divide(answered, eligible, out=np.zeros(len(answered)), where=known)
    return np.asarray(1.0 - share)


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


def _spare(sums: Moments) -> np.ndarray:
    """Degrees of freedom of each group: n - 1, with weights W - Σw²/W; shape (g, q)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.nan_to_num(sums.w - sums.ww / sums.w))
