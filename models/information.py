"""What a further measurement is expected to tell of a site's type, before it is made."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

NODES = 24
"""Nodes of the quadrature where one number tells the types apart."""
POINTS = 256
"""Points of the quadrature where it takes several."""


@dataclass(frozen=True)
class Expected:
    """What a measurement is expected to do.

    Parameters
    ----------
    information : float
        Expected fall of the entropy of the membership, in nats.
    confidence : float
        Expected probability of the type that is likeliest afterwards.
    """

    information: float
    confidence: float


def entropy(probabilities: np.ndarray) -> float:
    """Shannon entropy in nats.

    Examples
    --------
    >>> round(entropy(np.array([0.5, 0.5, 0.0])), 4)
    0.6931
    """
    some = probabilities[probabilities > 0]
    return float(-(some * np.log(some)).sum())


def expected_information(
    probabilities: np.ndarray, means: np.ndarray, covariance: np.ndarray
) -> Expected:
    """Work out what a measurement is expected to tell of the type.

    If the type is j the measurement will be ``N(mean_j, covariance)``. The expected fall of
    entropy (Lindley 1956, *Ann. Math. Statist.* 27, 986-1005) is the mean over types and outcomes
    of the log-ratio of the probability after to that before. Since the covariance is the same in
    every type, only the outcome's place in the space that the means span matters (sufficiency of
    the discriminants; Fisher 1936); over that space the mean is taken by Gauss-Hermite quadrature
    in one dimension and by a fixed Sobol sequence in several, so that nothing is random.

    Parameters
    ----------
    probabilities : ndarray, shape (k,)
        Membership before the measurement.
    means : ndarray, shape (k, d)
        Expected measurement by type.
    covariance : ndarray, shape (d, d)
        About that mean, error of the measurement included; positive definite.

    Returns
    -------
    Expected

    Examples
    --------
    >>> far = expected_information(np.array([0.5, 0.5]), np.array([[0.0], [20.0]]), np.eye(1))
    >>> round(float(far.information / np.log(2)), 3), round(far.confidence, 3)
    (1.0, 1.0)
    >>> nothing = expected_information(np.array([0.7, 0.3]), np.zeros((2, 1)), np.eye(1))
    >>> round(nothing.information, 9), round(nothing.confidence, 9)
    (0.0, 0.7)
    """
    places = _discriminants(means, covariance)
    points, weights = _rule(places.shape[1])
    held = probabilities > 0
    places, prior = places[held], probabilities[held]
    # Log-density of each outcome (type j, point t) under each type l, up to a constant.
    outcomes = places[:, None, :] + points[None, :, :]
    squares = ((outcomes[:, :, None, :] - places[None, None, :, :]) ** 2).sum(axis=3)
    logs = np.log(prior) - 0.5 * squares
    top = logs.max(axis=2, keepdims=True)
    after = np.exp(logs - top)
    after /= after.sum(axis=2, keepdims=True)
    chance = prior[:, None] * weights[None, :]
    remaining = -np.where(after > 0, after * np.log(np.where(after > 0, after, 1.0)), 0.0)
    left = float((chance * remaining.sum(axis=2)).sum())
    sure = float((chance * after.max(axis=2)).sum())
    before = entropy(prior)
    # Quadrature errs in the last digits; a measurement never takes knowledge away on average.
    return Expected(min(max(before - left, 0.0), before), max(sure, float(prior.max())))


def _discriminants(means: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Means in the space that they span, where the measurement has unit variance."""
    root = np.linalg.cholesky(covariance)
    whitened = np.linalg.solve(root, (means - means[0]).T).T
    left, sizes, _ = np.linalg.svd(whitened, full_matrices=False)
    kept = max(1, int((sizes > 1e-9 * max(1.0, float(sizes[0]))).sum()))
    return np.asarray((left * sizes)[:, :kept])


@cache
def _rule(dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights of a standard normal."""
    if dimensions == 1:
        nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        return nodes[:, None], weights / weights.sum()
    from scipy.stats import norm, qmc

    sobol = qmc.Sobol(dimensions, scramble=True, rng=np.random.default_rng(1))
    return norm.ppf(sobol.random(POINTS)), np.full(POINTS, 1 / POINTS)
