"""Consensus over plausible values, and stability over bootstraps of the sites."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from site_typology.models.distance import NaturalProfiles
from site_typology.models.grouping import NO_TYPE, Clusterer, Partition, View
from site_typology.models.reducers import Space
from site_typology.models.stability import NOT_DRAWN
from site_typology.models.working import WorkingData

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

CONSENSUS_ROUNDS = 20
SHIFTING = "no type: it falls in one and the same type in fewer than half of the plausible values"


@dataclass(frozen=True)
class Stability:
    """What the replicates of one candidate say; every replicate is kept.

    Parameters
    ----------
    jaccard : ndarray, shape (replicates, k)
        Per replicate and type, the Jaccard similarity with its nearest match; NaN where the
        replicate drew no site of the type.
    kept : ndarray, shape (replicates, n_sites)
        1 where the replicate puts the site in its own type, 0 where in another or none, NaN
        where the replicate did not draw the site or the site has no type.
    labels : ndarray of int, shape (replicates, n_sites)
        Types of each replicate, matched to those of the reference; 0 for none, `NOT_DRAWN` for a
        site that it did not draw.
    """

    jaccard: Floats
    kept: Floats
    labels: NDArray[np.int32]

    @property
    def per_type(self) -> Floats:
        """Mean Jaccard of each type, shape (k,); NaN where no replicate drew it."""
        return _mean_over_replicates(self.jaccard)

    @property
    def per_site(self) -> Floats:
        """Share of the replicates with a site that keep it in its type, shape (n_sites,)."""
        return _mean_over_replicates(self.kept)


def derived_seed(seed: int, purpose: str) -> int:
    """Make a seed for one purpose, independent of those for others.

    Parameters
    ----------
    seed : int
        Not negative.
    purpose : str
        A name; the same seed and name give the same result.

    Examples
    --------
    >>> derived_seed(1, "power") == derived_seed(1, "power") != derived_seed(1, "null test")
    True
    """
    spread = np.random.SeedSequence([seed, zlib.crc32(purpose.encode())])
    return int(spread.generate_state(1)[0])


def align_labels(labels: Labels, reference: Labels) -> Labels:
    """Renumber types so that they match those of a reference as well as can be.

    Optimal one-to-one matching by shared sites (linear assignment, Kuhn 1955). Where there are
    more types than in the reference, those left over get numbers beyond it.

    Parameters
    ----------
    labels, reference : ndarray of int, shape (n_sites,)
        1, 2, ...; 0 where a site has no type.

    Returns
    -------
    ndarray of int, shape (n_sites,)

    Examples
    --------
    >>> align_labels(np.array([2, 2, 1, 3]), np.array([1, 1, 2, 2])).tolist()
    [1, 1, 2, 3]
    """
    from scipy.optimize import linear_sum_assignment

    shared = _shared(labels, reference)
    rows, columns = linear_sum_assignment(-shared)
    target = np.zeros(shared.shape[0] + 1, dtype=np.int64)
    target[rows + 1] = columns + 1
    left = np.setdiff1d(np.arange(shared.shape[0]), rows)
    target[left + 1] = shared.shape[1] + 1 + np.arange(len(left))
    return target[labels]


def nearest_jaccard(reference: Labels, labels: Labels, k: int) -> Floats:
    """Jaccard similarity of each reference type with the type nearest to it.

    Hennig (2007), *Computational Statistics and Data Analysis* 52, section 2: for each type, the
    largest Jaccard coefficient with any type of the other partition of the same sites.

    Parameters
    ----------
    reference, labels : ndarray of int, shape (n_sites,)
        Two partitions of the same sites; 0 where a site has no type.
    k : int
        Number of reference types.

    Returns
    -------
    ndarray, shape (k,)
        NaN for a reference type without a site here.

    Examples
    --------
    >>> nearest_jaccard(np.array([1, 1, 1, 2, 2]), np.array([1, 1, 2, 2, 2]), 2).round(3).tolist()
    [0.667, 0.667]
    """
    similar = np.full(k, np.nan)
    shared = _shared(labels, reference)
    sizes = np.bincount(labels, minlength=shared.shape[0] + 1)[1:]
    for at in range(k):
        members = int((reference == at + 1).sum())
        if members:
            overlap = shared[:, at] if at < shared.shape[1] else np.zeros(len(sizes))
            union = members + sizes - overlap
            similar[at] = (overlap / union).max() if len(sizes) else 0.0
    return similar


def consensus(partitions: Sequence[Partition], anchor: Partition) -> Partition:
    """One partition that most plausible values agree on, by voting.

    Every partition is renumbered to match the consensus so far, every site then goes to the type
    with most votes, and so on until nothing changes (Dimitriadou, Weingessel & Hornik 2002,
    *Int. J. Pattern Recognition and AI* 16, voting). Voting is linear in the number of sites,
    where a co-membership matrix is quadratic, and a site without a type is a vote like another.

    Parameters
    ----------
    partitions : sequence of Partition
        One a set of plausible values.
    anchor : Partition
        Where to start. Its number of types is kept, unless no site votes for one of them.

    Returns
    -------
    Partition
    """
    current = anchor.labels
    k = int(current.max(initial=0))
    for _ in range(CONSENSUS_ROUNDS):
        votes = np.zeros((len(current), k + 1))
        for partition in partitions:
            aligned = align_labels(partition.labels, current)
            votes[np.arange(len(current)), np.where(aligned > k, NO_TYPE, aligned)] += 1
        # Ties go to a type before none, and to the lower number among types.
        order = np.roll(np.arange(k + 1), -1)
        chosen = order[votes[:, order].argmax(axis=1)]
        if np.array_equal(chosen, current):
            break
        current = chosen
    numbers = np.unique(current[current != NO_TYPE])
    current = np.where(current == NO_TYPE, NO_TYPE, np.searchsorted(numbers, current) + 1)
    if not (current == NO_TYPE).any():
        return Partition(current)
    return Partition(current, _why_untyped(partitions))


def _why_untyped(partitions: Sequence[Partition]) -> NDArray[np.str_]:
    """Reason of the clusterer for sites to which it gave none in half of the partitions."""
    given = np.stack([partition.reasons for partition in partitions])
    often = (given != "").sum(axis=0) >= len(given) / 2
    first = given[(given != "").argmax(axis=0), np.arange(given.shape[1])]
    return np.where(often, first, SHIFTING)


def draws_consensus(
    clusterer: Clusterer,
    k: int,
    space: Space,
    data: WorkingData,
    means: Floats,
    draws: Floats,
    seed: int,
    natural: Callable[[Floats], NaturalProfiles] | None = None,
) -> Partition:
    """Consensus of a clusterer over sets of plausible values.

    It starts from the partition of the posterior means, or, where the clusterer chooses the
    number of types, from a partition with the median number.

    Parameters
    ----------
    clusterer : Clusterer
    k : int
    space : Space
    data : WorkingData
        Measured profiles, n sites.
    means : ndarray, shape (n, q)
        Posterior means of the true profiles.
    draws : ndarray, shape (m, n, q)
        Plausible values.
    seed : int
    natural : callable, optional
        Lays out values on the working scale for clusterers that read natural units.
    """

    def fit(values: Floats) -> Partition:
        laid_out = natural(values) if natural and clusterer.natural else None
        return clusterer.fit(View(space.transform(values), data, laid_out), k, seed)

    if not clusterer.over_draws:
        return fit(means)
    fits = [fit(draw) for draw in draws]
    if not clusterer.chooses_k:
        return consensus(fits, fit(means))
    by_number = sorted(fits, key=lambda partition: partition.n_types)
    return consensus(fits, by_number[(len(fits) - 1) // 2])


def bootstrap_stability(
    fit: Callable[[NDArray[np.intp], int], Partition],
    reference: Labels,
    replicates: int,
    seed: int,
) -> Stability:
    """Refit on bootstraps of the sites and compare with a reference partition.

    A replicate keeps the distinct sites of a bootstrap draw (about 63 %), as the R package fpc
    does by default, since a site drawn twice is a type of its own to a density clusterer.

    Parameters
    ----------
    fit : callable
        Takes the positions of the drawn sites and the number of the replicate, and returns
        their partition.
    reference : ndarray of int, shape (n_sites,)
        Types 1 to k; 0 where a site has none.
    replicates : int
    seed : int

    Returns
    -------
    Stability
    """
    k = int(reference.max(initial=0))
    n = len(reference)
    random = np.random.default_rng(derived_seed(seed, "bootstrap"))
    jaccard = np.full((replicates, k), np.nan)
    kept = np.full((replicates, n), np.nan)
    every = np.full((replicates, n), NOT_DRAWN, dtype=np.int32)
    for at in range(replicates):
        drawn = np.unique(random.integers(n, size=n))
        here = reference[drawn]
        # One site drawn again and again is one type, which not every clusterer can say.
        labels = fit(drawn, at).labels if len(drawn) > 1 else np.ones(1, dtype=np.int64)
        jaccard[at] = nearest_jaccard(here, labels, k)
        every[at, drawn] = align_labels(labels, here)
        same = (every[at, drawn] == here).astype(float)
        kept[at, drawn] = np.where(here == NO_TYPE, np.nan, same)
    return Stability(jaccard, kept, every)


def kmeans_stability(
    points: Floats, k: int, reference: Labels, replicates: int, seed: int
) -> Stability:
    """`bootstrap_stability` of k-means, with all replicates in one compiled loop.

    Parameters
    ----------
    points : ndarray, shape (m, n_sites, n_coordinates)
        Sets of plausible values; replicate r is of set ``r % m``.
    k : int
        Number of types to look for.
    reference : ndarray of int, shape (n_sites,)
        Types 1 to k; 0 where a site has none.
    replicates : int
    seed : int

    Returns
    -------
    Stability

    Examples
    --------
    >>> rows = np.repeat([[0.0], [9.0]], 20, axis=0) + np.linspace(-1, 1, 40)[:, None]
    >>> kmeans_stability(rows[None], 2, np.repeat([1, 2], 20), 10, seed=1).per_type.tolist()
    [1.0, 1.0]
    """
    from site_typology.models.clusterers import KMeans
    from site_typology.models.kmeans import kmeans_of_resamples

    n = len(reference)
    random = np.random.default_rng(derived_seed(seed, "bootstrap"))
    drawn = np.zeros((replicates, n), dtype=bool)
    np.put_along_axis(drawn, random.integers(n, size=(replicates, n)), True, axis=1)
    uniforms = random.random((replicates, KMeans.starts, k))
    found = kmeans_of_resamples(
        np.ascontiguousarray(points), k, drawn, uniforms, KMeans.steps, KMeans.trials
    )
    here = np.where(drawn, reference, 0)
    shared = _shared_of_each(found, here, k, int(reference.max(initial=0)))
    members, sizes = _sizes(here, shared.shape[2]), _sizes(found, k)
    union = members[:, None, :] + sizes[:, :, None] - shared
    jaccard = (shared / np.maximum(union, 1)).max(axis=1)
    jaccard[members == 0] = np.nan
    aligned = np.take_along_axis(_matched(shared), found, axis=1)
    every = np.where(drawn, aligned, NOT_DRAWN).astype(np.int32)
    kept = np.where(drawn & (reference != NO_TYPE), every == reference, np.nan)
    return Stability(jaccard, kept, every)


def _shared_of_each(found: Labels, here: Labels, k: int, types: int) -> Floats:
    """Sites shared by each found type and each type of the reference, a table a replicate."""
    width = types + 1
    place = found * width + here + np.arange(len(found))[:, None] * (k + 1) * width
    counts = np.bincount(place.ravel(), minlength=len(found) * (k + 1) * width)
    return counts.reshape(len(found), k + 1, width)[:, 1:, 1:].astype(float)


def _sizes(labels: Labels, k: int) -> Floats:
    """Sites of the types 1 to k, a row a replicate."""
    return np.stack([(labels == at + 1).sum(axis=1) for at in range(k)], axis=1).astype(float)


def _matched(shared: Floats) -> Labels:
    """Numbers of the found types in the reference, a row a replicate, as in `align_labels`."""
    from scipy.optimize import linear_sum_assignment

    replicates, k, types = shared.shape
    target = np.zeros((replicates, k + 1), dtype=np.int64)
    likely = shared.argmax(axis=2)
    # Where every found type has a nearest type of its own, that is the best matching there is.
    clear = (np.sort(likely, axis=1)[:, 1:] > np.sort(likely, axis=1)[:, :-1]).all(axis=1)
    target[:, 1:] = likely + 1
    for at in np.flatnonzero(~clear):
        rows, columns = linear_sum_assignment(-shared[at])
        target[at, rows + 1] = columns + 1
        left = np.setdiff1d(np.arange(k), rows)
        target[at, left + 1] = types + 1 + np.arange(len(left))
    return target


def adjusted_rand(first: Labels, second: Labels) -> float:
    """Adjusted Rand index of two partitions (Hubert & Arabie 1985, equation 5).

    A site without a type counts as a type of its own, so that leaving sites out is no way to
    agree.

    Examples
    --------
    >>> adjusted_rand(np.array([1, 1, 2, 2]), np.array([2, 2, 1, 1]))
    1.0
    """
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(_singletons(first), _singletons(second)))


def _shared(labels: Labels, reference: Labels) -> Floats:
    """Count the sites shared by each type of `labels` (rows) and of `reference` (columns)."""
    table = np.zeros((int(labels.max(initial=0)) + 1, int(reference.max(initial=0)) + 1))
    np.add.at(table, (labels, reference), 1)
    return table[1:, 1:]


def _singletons(labels: Labels) -> Labels:
    free = labels == NO_TYPE
    own = labels.copy()
    own[free] = labels.max(initial=0) + 1 + np.arange(free.sum())
    return own


def _mean_over_replicates(table: Floats) -> Floats:
    counted = ~np.isnan(table)
    total = np.where(counted, table, 0.0).sum(axis=0)
    number = counted.sum(axis=0)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)
