"""How far many partitions of the same sites agree, over the sites that two of them place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


def pairwise_agreement(first: Labels, second: Labels) -> Floats:
    """Adjusted Rand index of every partition of one list with every one of another.

    Over the sites that both place (Hubert and Arabie 1985, *Journal of Classification* 2, equation
    5, in counts of pairs). NaN with fewer than two such sites; 1 where the two are trivial alike.

    Parameters
    ----------
    first, second : ndarray of int, shape (n, n_sites) and (m, n_sites)
        0 where a site has no type.

    Returns
    -------
    ndarray, shape (n, m)

    Examples
    --------
    >>> others = np.array([[2, 2, 1, 1, 1], [1, 2, 1, 2, 2]])
    >>> pairwise_agreement(np.array([[1, 1, 2, 2, 0]]), others).round(3).tolist()
    [[1.0, -0.5]]
    """
    together = np.zeros((len(first), len(second)))
    one, other, both = (np.zeros_like(together) for _ in range(3))
    for at in range(first.shape[1] - 1):
        a, b = first[:, at + 1 :], second[:, at + 1 :]
        here_a = ((a > 0) & (first[:, [at]] > 0)).astype(float)
        here_b = ((b > 0) & (second[:, [at]] > 0)).astype(float)
        same_a = here_a * (a == first[:, [at]])
        same_b = here_b * (b == second[:, [at]])
        together += same_a @ same_b.T
        one += same_a @ here_b.T
        other += here_a @ same_b.T
        both += here_a @ here_b.T
    expected = np.divide(one * other, both, out=np.zeros_like(both), where=both > 0)
    most = (one + other) / 2 - expected
    trivial = np.where(both > 0, 1.0, np.nan)
    clear = (both > 0) & (most != 0)
    return np.asarray(np.divide(together - expected, most, out=trivial, where=clear))


def kept_companions(first: Labels, second: Labels, at: int) -> Floats:
    """Jaccard similarity of one site's companions in partitions of two lists, shape (n, m).

    Companions are the other sites of its type, among the sites that both partitions place; a site
    alone in both keeps all it has (1). NaN where one of the two gives the site no type.
    """
    a = (first == first[:, [at]]) & (first > 0)
    b = (second == second[:, [at]]) & (second > 0)
    a[:, at] = b[:, at] = False
    there_a, there_b = (first > 0).astype(float), (second > 0).astype(float)
    shared = a.astype(float) @ b.T.astype(float)
    union = a @ there_b.T + there_a @ b.T - shared
    similar = np.divide(shared, union, out=np.ones_like(shared), where=union > 0)
    placed = (first[:, [at]] > 0) & (second[:, at] > 0)
    return np.where(placed, similar, np.nan)


def mean_with_others(pairs: Floats) -> Floats:
    """Mean agreement of each specification with the others that it can be compared with."""
    others = pairs.copy()
    np.fill_diagonal(others, np.nan)
    known = ~np.isnan(others)
    total = np.where(known, others, 0.0).sum(axis=1)
    count = known.sum(axis=1)
    mean = np.full(len(pairs), np.nan)
    return np.asarray(np.divide(total, count, out=mean, where=count > 0))
