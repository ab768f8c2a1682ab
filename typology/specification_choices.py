"""Which choice moves the answer: the share of the variation that each choice explains."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def explained_shares(gram: Floats, choices: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Share of the variation between specifications that each choice explains.

    The R² of a linear model in the main effects of all choices is taken apart by the order in which
    choices enter, averaged over all orders: Lindeman, Merenda and Gold (1980), *Introduction to
    Bivariate and Multivariate Analysis*, p. 119; Kruskal (1987), *American Statistician* 41; the
    measure *lmg* of Grömping (2007), *American Statistician* 61, the Shapley value of R². In a
    grid where every combination occurs as often, the orders agree and the shares are the main
    effects of an analysis of variance.

    Parameters
    ----------
    gram : ndarray, shape (n, n)
        Inner products of the specifications about their mean: ``outer(y - mean, y - mean)`` for
        one figure y, or what `centred_agreement` makes of agreements in pairs (the distance-based
        R² of McArdle and Anderson 2001, *Ecology* 82).
    choices : mapping of str to sequence of str
        Level of each specification, by choice.

    Returns
    -------
    dict of str to float
        They add up to the R² of all main effects; the rest is how choices act together. NaN where
        nothing varies; 0 for a choice with one level.

    Examples
    --------
    >>> y = np.array([0.0, 1.0, 2.0, 3.0]) - 1.5
    >>> explained_shares(np.outer(y, y), {"a": ["x", "x", "y", "y"], "b": ["u", "v", "u", "v"]})
    {'a': 0.8, 'b': 0.2}
    """
    total = float(np.trace(gram))
    if not total > 1e-12:
        return dict.fromkeys(choices, float("nan"))
    columns = {name: _indicators(levels) for name, levels in choices.items()}
    varied = [name for name, made in columns.items() if made.shape[1]]
    fit: dict[frozenset[str], float] = {}
    for size in range(len(varied) + 1):
        for chosen in itertools.combinations(varied, size):
            fit[frozenset(chosen)] = _fit([columns[name] for name in chosen], gram) / total
    shares = dict.fromkeys(choices, 0.0)
    for name in varied:
        others = [other for other in varied if other != name]
        for size in range(len(varied)):
            weight = 1 / (len(varied) * math.comb(len(others), size))
            for chosen in itertools.combinations(others, size):
                before = frozenset(chosen)
                shares[name] += weight * (fit[before | {name}] - fit[before])
    return {name: round(share, 12) + 0.0 for name, share in shares.items()}


def centred_agreement(agreement: Floats) -> Floats:
    """Inner products of specifications from their agreements (n, n) in pairs, 1 on the diagonal.

    Gower's (1966) centring of squared distances ``1 - agreement``.

    Examples
    --------
    >>> centred_agreement(np.array([[1.0, 0.0], [0.0, 1.0]])).tolist()
    [[0.25, -0.25], [-0.25, 0.25]]
    """
    half = agreement / 2
    rows = half.mean(axis=1, keepdims=True)
    return np.asarray(half - rows - rows.T + half.mean())


def comparable(pairs: Floats) -> NDArray[np.int64]:
    """Choose specifications (n, n) that can all be compared with each other.

    Distances need every pair. What has the most gaps is left out until none is left, of equals
    the last, so that a pair that cannot be compared costs one of the two.

    Examples
    --------
    >>> comparable(np.array([[1.0, np.nan, 0.5], [np.nan, 1.0, 0.2], [0.5, 0.2, 1.0]])).tolist()
    [0, 2]
    """
    kept = np.arange(len(pairs))
    while len(kept):
        gaps = np.isnan(pairs[np.ix_(kept, kept)]).sum(axis=1)
        if not gaps.any():
            break
        kept = np.delete(kept, len(kept) - 1 - gaps[::-1].argmax())
    return kept


def _indicators(levels: Sequence[str]) -> Floats:
    """Centred indicators of all levels but one, shape (n, levels - 1)."""
    known = sorted(set(levels))
    table = np.array([[level == each for each in known[1:]] for level in levels], dtype=float)
    table = table.reshape(len(levels), len(known) - 1)
    return np.asarray(table - table.mean(axis=0))


def _fit(parts: Sequence[Floats], gram: Floats) -> float:
    """Sum of squares that columns explain; columns that repeat others add nothing."""
    if not parts:
        return 0.0
    left, values, _ = np.linalg.svd(np.column_stack(parts), full_matrices=False)
    basis = left[:, values > 1e-9 * values[0]]
    return float(np.einsum("ij,ij->", basis, gram @ basis))
