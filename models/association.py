"""Does a feature go with types that it did not build? A permutation test with unsure membership."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PERMUTATIONS = 1999
CELLS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Association:
    """Outcome of the test.

    Parameters
    ----------
    share : float
        Share of the weighted variation between sites that lies between types, mean over columns.
    p_value : float
        ``(b + 1) / (B + 1)``.
    """

    share: float
    p_value: float


def association_test(
    values: np.ndarray,
    weights: np.ndarray,
    memberships: np.ndarray,
    seed: int,
    permutations: int = PERMUTATIONS,
) -> Association:
    """Test whether values differ between types, given each site's membership probabilities.

    If a value depends on the type, and on nothing else that membership was judged from, its mean
    at site i is ``sum_j p_ij theta_j``: the regression on membership probabilities is that of the
    types, not watered down by sites of unsure type (Bakk, Tekle & Vermunt 2013, *Sociological
    Methodology* 43, on steps that follow classification). The statistic is the share of the
    weighted sum of squares that this regression explains beyond one mean. What the mean leaves of
    each site, times the root of its weight, has the same variance at all sites and is permuted
    over sites (Freedman & Lane 1983, *J Bus Econ Stat* 1), memberships and weights staying where
    they are, so that types of few informants are no reason for a small p-value. ``p = (b + 1) /
    (B + 1)`` (Phipson & Smyth 2010, *Stat Appl Genet Mol Biol* 9).

    Parameters
    ----------
    values : ndarray, shape (n, c)
        Without gaps; several columns are permuted together and tested as one.
    weights : ndarray, shape (n, c)
        One over the variance of a value about its mean, the site's own error included.
    memberships : ndarray, shape (n, k)
        Rows add up to 1.
    seed : int
    permutations : int
        B.

    Returns
    -------
    Association

    Examples
    --------
    >>> values, types = np.arange(12.0)[:, None], np.repeat(np.eye(2), 6, axis=0)
    >>> found = association_test(values, np.ones((12, 1)), types, seed=1)
    >>> round(found.share, 2), found.p_value < 0.01
    (0.76, True)
    """
    n, columns = values.shape
    rng = np.random.default_rng(seed)
    parts = [
        _residuals_and_space(values[:, at], weights[:, at], memberships) for at in range(columns)
    ]
    observed = sum(_explained(left[None], *space)[0] for left, *space in parts)
    exceeding, done = 0, 0
    while done < permutations:
        now = min(permutations - done, max(1, CELLS_AT_ONCE // n))
        order = rng.permuted(np.tile(np.arange(n), (now, 1)), axis=1)
        found = sum(_explained(left[order], *space) for left, *space in parts)
        # Rounding must not make a tie a win.
        exceeding += int((found >= observed - 1e-10).sum())
        done += now
    return Association(float(observed / columns), (exceeding + 1) / (permutations + 1))


def _residuals_and_space(
    values: np.ndarray, weights: np.ndarray, memberships: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Standardised residuals of one mean, its direction, and the directions between types."""
    root = np.sqrt(weights / weights.mean())
    mean = np.average(values, weights=weights)
    one = root / np.linalg.norm(root)
    design = root[:, None] * memberships
    design = design - np.outer(one, one @ design)
    left, size, _ = np.linalg.svd(design, full_matrices=False)
    between = left[:, size > 1e-9 * max(float(np.sqrt(len(values))), 1e-300)]
    return root * (values - mean), one, between


def _explained(left: np.ndarray, one: np.ndarray, between: np.ndarray) -> np.ndarray:
    """Share of the sum of squares about the mean that lies between types, for rows of residuals."""
    total = (left**2).sum(axis=1) - (left @ one) ** 2
    explained = ((left @ between) ** 2).sum(axis=1)
    found = np.divide(explained, total, out=np.zeros_like(total), where=total > 0)
    return np.asarray(found)


def holm(p_values: np.ndarray) -> np.ndarray:
    """Adjust p-values for their number (Holm 1979, *Scand J Stat* 6); NaN stays, uncounted.

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.03, np.nan])).tolist()
    [0.03, 0.06, 0.06, nan]
    """
    adjusted = np.full(len(p_values), np.nan)
    tested = np.flatnonzero(~np.isnan(p_values))
    order = tested[np.argsort(p_values[tested], kind="stable")]
    steps = p_values[order] * (len(order) - np.arange(len(order)))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
