"""Readings of many partitions of the same sites: who stays together, how far they disagree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from site_typology.models.grouping import NO_TYPE

Floats = NDArray[np.float64]
Labels = NDArray[np.integer]

NOT_DRAWN = -1


@dataclass(frozen=True)
class Together:
    """How often pairs of sites fall in one type.

    Parameters
    ----------
    together, both : ndarray of int, shape (n, n)
        Replicates that put both sites in one type, and that drew both at all.
    """

    together: NDArray[np.int64]
    both: NDArray[np.int64]

    @property
    def share(self) -> Floats:
        """Share of the replicates with both sites; NaN where none has; 1 on the diagonal."""
        share = np.full(self.both.shape, np.nan)
        np.divide(self.together, self.both, out=share, where=self.both > 0)
        np.fill_diagonal(share, 1.0)
        return share


def comembership(labels: Labels) -> Together:
    """Count the replicates that put each pair of sites in one type.

    Parameters
    ----------
    labels : ndarray of int, shape (replicates, n)
        Types 1, 2, ...; `NO_TYPE` where a replicate gives none, `NOT_DRAWN` where the site is not
        in it. Numbers need not match between replicates.

    Examples
    --------
    >>> found = comembership(np.array([[1, 1, 2], [2, 2, -1], [1, 2, 2]]))
    >>> found.share.round(2).tolist()
    [[1.0, 0.67, 0.0], [0.67, 1.0, 0.5], [0.0, 0.5, 1.0]]
    """
    drawn = (labels != NOT_DRAWN).astype(float)
    both = drawn.T @ drawn
    together = np.zeros_like(both)
    for label in range(1, int(labels.max(initial=0)) + 1):
        inside = (labels == label).astype(float)
        together += inside.T @ inside
    return Together(together.round().astype(np.int64), both.round().astype(np.int64))


@dataclass(frozen=True)
class Instability:
    """Mean disagreement (1 - adjusted Rand index) of pairs of replicates.

    Parameters
    ----------
    within : float
        Of replicates of one set of plausible values: what drawing sites again changes. NaN where
        no set has two replicates.
    between : float
        Of replicates of different sets: the same, and what measurement error and gaps change.
    """

    within: float
    between: float


def instability(labels: Labels, draw: NDArray[np.integer]) -> Instability:
    """Take apart how far replicates disagree, on the sites that both of a pair drew.

    Instability is the mean distance of pairs of clusterings (Ben-Hur, Elisseeff & Guyon 2002,
    *Pacific Symposium on Biocomputing* 7), here within and between sets of plausible values, as
    variance is taken apart in multiple imputation.

    Parameters
    ----------
    labels : ndarray of int, shape (replicates, n)
        As in `comembership`.
    draw : ndarray of int, shape (replicates,)
        Set of plausible values of each replicate.

    Examples
    --------
    >>> stable, moved = [1, 1, 2, 2], [1, 2, 1, 2]
    >>> found = instability(np.array([stable, stable, moved, moved]), np.array([0, 0, 1, 1]))
    >>> found.within, found.between
    (0.0, 1.5)
    """
    apart: dict[bool, list[float]] = {True: [], False: []}
    for i in range(len(labels)):
        for j in range(i):
            shared = (labels[i] != NOT_DRAWN) & (labels[j] != NOT_DRAWN)
            if shared.sum() > 1:
                same = bool(draw[i] == draw[j])
                apart[same].append(1 - _rand(labels[i, shared], labels[j, shared]))
    within, between = (
        float(np.mean(apart[same])) if apart[same] else np.nan for same in (True, False)
    )
    return Instability(within, between)


def prediction_strength(
    n: int,
    fit: Callable[[NDArray[np.intp], NDArray[np.intp], int], tuple[Labels, Labels]],
    splits: int,
    seed: int,
) -> float:
    """Say how well types found in one half of the sites foretell those of the other half.

    For each type of one half, the share of its pairs of sites that the types of the other half
    put together too; the least of these shares, mean over splits and directions (Tibshirani &
    Walther 2005, *Journal of Computational and Graphical Statistics* 14). They call 0.8 to 0.9
    strong. A type with one site of the half has no pair and does not count.

    Parameters
    ----------
    n : int
        Number of sites.
    fit : callable
        Takes the positions of the half to learn from and of the half to foretell, and a number;
        returns, for the second half, its own types and those foretold.
    splits : int
    seed : int

    Returns
    -------
    float
        NaN where no type of any half has two sites.

    Examples
    --------
    >>> truth = np.repeat([1, 2], 10)
    >>> prediction_strength(20, lambda learn, test, at: (truth[test], truth[test]), 3, seed=1)
    1.0
    """
    random = np.random.default_rng(seed)
    found = []
    for at in range(splits):
        order = random.permutation(n)
        halves = order[: n // 2], order[n // 2 :]
        for way, (learn, test) in enumerate((halves, halves[::-1])):
            own, foretold = fit(np.sort(learn), np.sort(test), 2 * at + way)
            found.append(_weakest_type(own, foretold))
    known = [strength for strength in found if not np.isnan(strength)]
    return float(np.mean(known)) if known else float("nan")


def silhouette(points: Floats, labels: Labels) -> float:
    """Mean silhouette width of the sites that have a type (Rousseeuw 1987); NaN for one type."""
    from sklearn.metrics import silhouette_score

    placed = labels != NO_TYPE
    found = len(np.unique(labels[placed]))
    if found < 2 or found >= placed.sum():
        return float("nan")
    return float(silhouette_score(points[placed], labels[placed]))


def _weakest_type(own: Labels, foretold: Labels) -> float:
    shares = []
    for label in np.unique(own):
        inside = np.bincount(foretold[own == label])
        size = inside.sum()
        if size > 1:
            shares.append((inside * (inside - 1)).sum() / (size * (size - 1)))
    return float(min(shares)) if shares else float("nan")


def _rand(first: Labels, second: Labels) -> float:
    """Adjusted Rand index as `resampling.adjusted_rand`, quick on a few sites."""
    first, second = _own_numbers(first), _own_numbers(second)
    width = int(second.max()) + 1
    pairs = _pairs(np.bincount(first * width + second))
    one, other = _pairs(np.bincount(first)), _pairs(np.bincount(second))
    expected = one * other / _pairs(np.array([len(first)]))
    most = (one + other) / 2
    return 1.0 if most == expected else float((pairs - expected) / (most - expected))


def _pairs(counts: NDArray[np.integer]) -> float:
    wide = counts.astype(float)
    return float((wide * (wide - 1)).sum() / 2)


def _own_numbers(labels: Labels) -> NDArray[np.int64]:
    """Give every site without a type a number of its own."""
    own = labels.astype(np.int64)
    free = own == NO_TYPE
    own[free] = own.max() + 1 + np.arange(free.sum())
    return own
