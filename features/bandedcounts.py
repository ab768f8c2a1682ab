"""Counts that are known by their band only: how large they are likely to be, and how sure that is.

Counts of sites follow a Poisson distribution about a rate that differs between sites by a gamma
distribution, whose mean and shape are found from all bands by maximum likelihood (grouped data:
Heitjan 1989, Statistical Science 4: 164, section 2).
"""

from __future__ import annotations

import numpy as np

from site_typology.features.pooledcounts import FEWEST, MOST

ENOUGH_SITES = 3
LEAST_SHARE = 0.1


def expected_counts(
    low: np.ndarray, high: np.ndarray, exposure: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count expected in each band, and the variance of it about exposure times the true rate.

    With the gamma's shape a and mean R, s = E / (E + a / R), m the expected count in the band and
    W its variance there, the variance is s (m + a) + (2 s - 1) W: that of a Poisson count at the
    partially pooled rate, and of the place in the band. Where rates differ much (s near 1) the
    place adds to it, as in Sheppard's correction; where all sites share one rate (s near 0) it
    takes off, since an expected count varies less than a count.

    Parameters
    ----------
    low, high : ndarray, shape (g,)
        Whole numbers of 0 or more.
    exposure : ndarray, shape (g,)
        Above 0.

    Returns
    -------
    count, variance : ndarray, shape (g,)
    place : ndarray, shape (g,)
        What the place in the band adds to the variance, 0 where it takes off.

    Examples
    --------
    >>> low, high = np.array([0.0, 1, 1, 6]), np.array([0.0, 5, 5, 10])
    >>> count, _, _ = expected_counts(low, high, np.array([20.0, 20, 60, 60]))
    >>> count.round(1).tolist()
    [0.0, 2.0, 3.3, 7.2]
    """
    rate, shape = fitted_rates(low, high, exposure)
    span = np.arange(int((high - low).max()) + 1)
    counts = low[:, None] + span
    log_chance = _log_chance(counts, exposure[:, None], rate, shape)
    log_chance = np.where(counts <= high[:, None], log_chance, -np.inf)
    chance = np.exp(log_chance - log_chance.max(axis=1, keepdims=True))
    chance /= chance.sum(axis=1, keepdims=True)
    count = (chance * counts).sum(axis=1)
    within = (chance * (counts - count[:, None]) ** 2).sum(axis=1)
    own = exposure / (exposure + shape / rate)
    poisson = own * (count + shape)
    place = (2 * own - 1) * within
    return count, np.maximum(poisson + place, LEAST_SHARE * poisson), np.maximum(place, 0.0)


def worth_of_exposure(count: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Share of its exposure that a count is worth whose place in the band is not known.

    Jeffreys' posterior of the rate of a count m over an exposure E has the variance (m + 1/2)/E²;
    with the place W in the band it is (m + 1/2 + W)/E². A count of the same rate, known exactly,
    over s E has (s m + 1/2)/(s E)², and s makes both the same. One with its count known is worth
    itself.

    Parameters
    ----------
    count, place : ndarray, shape (g,)
        As `expected_counts` gives them.

    Returns
    -------
    ndarray, shape (g,)
        Above 0, at most 1.

    Examples
    --------
    >>> worth_of_exposure(np.array([0.0, 8.0, 8.0]), np.array([0.0, 0.0, 2.0])).round(3)
    array([1.  , 1.  , 0.82])
    """
    variance = count + 0.5 + place
    # Rounding alone could take it above 1.
    share = (count + np.sqrt(count**2 + 2 * variance)) / (2 * variance)
    return np.asarray(np.minimum(share, 1.0))


def fitted_rates(low: np.ndarray, high: np.ndarray, exposure: np.ndarray) -> tuple[float, float]:
    """Mean and shape of the gamma distribution of rates, by maximum likelihood.

    Parameters
    ----------
    low, high, exposure : ndarray, shape (g,)
        As for `expected_counts`.

    Returns
    -------
    mean, shape : float

    Examples
    --------
    >>> low, high = np.array([0.0, 1, 1, 6]), np.array([0.0, 5, 5, 10])
    >>> mean, _ = fitted_rates(low, high, np.array([20.0, 20, 60, 60]))
    >>> round(mean, 2)
    0.08
    """
    from scipy.optimize import minimize

    middle = float(((low + high) / 2).sum() + 0.5) / float(exposure.sum())
    if len(low) < ENOUGH_SITES:
        return middle, FEWEST
    span = np.arange(int((high - low).max()) + 1)
    counts = low[:, None] + span
    inside = counts <= high[:, None]

    # Rates stand as multiples of the middle one, so that the search takes the same steps whatever
    # unit the exposure is in.
    def unlikely(at: np.ndarray) -> float:
        rate, shape = middle * float(np.exp(at[0])), float(np.exp(at[1]))
        each = _log_chance(counts, exposure[:, None], rate, shape)
        return -float(np.logaddexp.reduce(np.where(inside, each, -np.inf), axis=1).sum())

    # No count at all is half a count, as elsewhere.
    least = np.log(0.5 / exposure.sum() / middle)
    limits = [(least, 3.0), (np.log(FEWEST / 4), np.log(MOST))]
    start = np.array([0.0, np.log(2 * FEWEST)])
    best = minimize(unlikely, start, bounds=limits, method="L-BFGS-B")
    return middle * float(np.exp(best.x[0])), float(np.exp(best.x[1]))


def _log_chance(counts: np.ndarray, exposure: np.ndarray, rate: float, shape: float) -> np.ndarray:
    """Log of the negative binomial probability of counts with mean rate times exposure."""
    from scipy.special import gammaln

    mean = rate * exposure
    return np.asarray(
        gammaln(counts + shape)
        - gammaln(shape)
        - gammaln(counts + 1)
        + shape * np.log(shape / (shape + mean))
        + counts * np.log(mean / (shape + mean))
    )
