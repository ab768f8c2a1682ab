"""What the covariances of a scale's items say: alpha, omega, item-rest correlations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SMALLEST_UNIQUENESS = 0.005
"""Bound of a uniqueness, as in R's ``factanal``: below it one item is taken for the factor."""
FEWEST_ROWS = 3


@dataclass(frozen=True)
class ItemCovariances:
    """Items of one scale, keyed in one direction, over the informants who answered all of them.

    Parameters
    ----------
    items : tuple of str, length k
    covariance : ndarray, shape (k, k)
        With n - 1 in the denominator.
    rows : int
        Informants behind it.
    mean : ndarray, shape (k,), optional
        Means of the items.
    """

    items: tuple[str, ...]
    covariance: np.ndarray
    rows: int
    mean: np.ndarray | None = None

    @classmethod
    def of(cls, answers: np.ndarray, items: Sequence[str] | None = None) -> ItemCovariances:
        """Take them from answers of shape (n, k), NaN where there is none."""
        whole = answers[~np.isnan(answers).any(axis=1)]
        rows, k = whole.shape
        names = tuple(items) if items is not None else tuple(f"item{at + 1}" for at in range(k))
        if rows < 2:
            return cls(names, np.full((k, k), np.nan), rows, np.full(k, np.nan))
        covariance = np.cov(whole, rowvar=False, ddof=1).reshape(k, k)
        return cls(names, covariance, rows, whole.mean(axis=0))


def alpha_of(covariance: np.ndarray) -> float:
    """Cronbach's alpha: k / (k - 1) (1 - Σ var(item) / var(sum)) (Cronbach 1951, equation 2).

    Parameters
    ----------
    covariance : ndarray, shape (k, k)

    Returns
    -------
    float
        NaN with fewer than two items, or where the sum does not vary.

    Examples
    --------
    >>> round(alpha_of(np.array([[1.0, 0.5], [0.5, 1.0]])), 6)
    0.666667
    """
    k = len(covariance)
    total = float(covariance.sum())
    if k < 2 or not total > 0:
        return float("nan")
    return k / (k - 1) * (1 - float(np.trace(covariance)) / total)


def omega_of(covariance: np.ndarray) -> float:
    """McDonald's omega of the sum of the items, one factor: 1 - Σ ψ / var(sum).

    ψ are the unique variances of a one-factor model by maximum likelihood (`one_factor`); the
    share of the variance of the sum that they leave is that of the common factor (McDonald 1999,
    equation 6.20; Revelle & Zinbarg 2009, equation 5). On a correlation matrix it is ``omega.tot``
    of R's ``psych::omega(nfactors = 1, fm = "ml")``.

    Parameters
    ----------
    covariance : ndarray, shape (k, k)

    Returns
    -------
    float
        NaN with fewer than three items, where the model is not identified, or where an item does
        not vary.

    Examples
    --------
    Items that all measure one thing equally well: omega is alpha.

    >>> even = np.full((4, 4), 0.5) + 0.5 * np.eye(4)
    >>> round(omega_of(even), 5), round(alpha_of(even), 5)
    (0.8, 0.8)
    """
    total = float(covariance.sum())
    if len(covariance) < 3 or not (np.diag(covariance) > 0).all() or not total > 0:
        return float("nan")
    unique = one_factor(covariance)[1]
    return 1 - float(unique.sum()) / total


def one_factor(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit one common factor by maximum likelihood (Jöreskog 1967).

    Given uniquenesses ψ of the correlations R, the loadings follow from the largest root of
    ψ^-½ R ψ^-½, and the discrepancy is the sum of θ - log θ - 1 over its other roots (equations
    15 to 20); ψ minimises it from `SMALLEST_UNIQUENESS` to 1.

    Parameters
    ----------
    covariance : ndarray, shape (k, k)
        k of 3 or more, positive diagonal.

    Returns
    -------
    loadings, unique : ndarray, shape (k,)
        In units of the covariances; most loadings positive.
    """
    from scipy.optimize import minimize

    scale = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(scale, scale)

    def roots(psi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        root = np.sqrt(psi)
        values, vectors = np.linalg.eigh(correlation / np.outer(root, root))
        return values, vectors

    def discrepancy(psi: np.ndarray) -> tuple[float, np.ndarray]:
        values, vectors = roots(psi)
        # Items that determine one another leave roots of 0, whose logarithm has no end.
        rest = np.maximum(values[:-1], 1e-12)
        first = vectors[:, -1] * np.sqrt(max(values[-1] - 1, 0.0)) * np.sqrt(psi)
        fitted = first**2 + psi - np.diag(correlation)
        return float((rest - np.log(rest) - 1).sum()), fitted / psi**2

    inverse = np.linalg.pinv(correlation)
    start = np.clip((1 - 0.5 / len(scale)) / np.diag(inverse), SMALLEST_UNIQUENESS, 1.0)
    bounds = [(SMALLEST_UNIQUENESS, 1.0)] * len(scale)
    options = {"ftol": 1e-15, "gtol": 1e-9, "maxiter": 2000}
    found = minimize(
        discrepancy, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options
    )
    values, vectors = roots(found.x)
    loadings = vectors[:, -1] * np.sqrt(max(values[-1] - 1, 0.0)) * np.sqrt(found.x)
    if (loadings < 0).sum() * 2 > len(loadings):
        loadings = -loadings
    return loadings * scale, found.x * scale**2


def item_rest_of(covariance: np.ndarray) -> np.ndarray:
    """Correlation of each item with the sum of the others, shape (k,).

    NaN with one item, or where an item or the rest does not vary.

    Examples
    --------
    >>> item_rest_of(np.array([[1.0, 0.5], [0.5, 1.0]]))
    array([0.5, 0.5])
    """
    own = np.diag(covariance)
    with_rest = covariance.sum(axis=0) - own
    rest = covariance.sum() - 2 * covariance.sum(axis=0) + own
    product = own * rest
    # A rest of equal and opposite items leaves a variance that is rounding alone.
    vary = (own > 0) & (rest > 1e-12 * np.trace(covariance))
    blank = np.full(len(own), np.nan)
    size = np.sqrt(np.maximum(product, 0.0))
    return np.asarray(np.divide(with_rest, size, out=blank, where=vary))
