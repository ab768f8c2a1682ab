"""Where the search for types starts: partitions of what one population makes of the sites."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from site_typology.models.plausible import SeenCells, population_of, posterior_of

if TYPE_CHECKING:
    from site_typology.models.mixture import Budget

FEW_SITES = 100
"""Sites up to which the search is wide: with more, one start finds what another does."""
SINGLES = 2
"""Single k-means a space, for few sites."""


@dataclass(frozen=True)
class OnePopulation:
    """One population with the mixture's prior, and what starts need of it.

    Parameters
    ----------
    seen : SeenCells
    mean, covariance : ndarray
        Of the population.
    path : ndarray
        Log-likelihood before each EM step and at the end.
    blups, spreads : ndarray, shapes (n, q) and (n, q, q)
        Posterior means and covariances of the true profiles.
    components : ndarray, shape (n, min(n, q))
        Principal components of the posterior means.
    trees : dict of str to ndarray
        Ward's hierarchies by space, kept for the next number of types.
    """

    seen: SeenCells
    mean: np.ndarray
    covariance: np.ndarray
    path: np.ndarray
    blups: np.ndarray
    spreads: np.ndarray
    components: np.ndarray
    trees: dict[str, np.ndarray] = field(default_factory=dict, compare=False)


def one_population(seen: SeenCells, shrink: float, budget: Budget) -> OnePopulation:
    """Fit one population, with the components of its posterior means."""
    population, path = population_of(
        seen, shrink, budget.population_steps, budget.population_tolerance, budget.calm
    )
    blups, spreads = posterior_of(population, seen)
    centred = blups - blups.mean(axis=0)
    directions = np.linalg.svd(centred, full_matrices=False)[2]
    # The sign of a direction is arbitrary; fixing it keeps starts the same on every machine.
    largest = np.abs(directions).argmax(axis=1)
    signs = np.sign(directions[np.arange(len(directions)), largest])
    return OnePopulation(
        seen,
        population.mean,
        population.covariance,
        path,
        blups,
        spreads,
        centred @ (directions * np.where(signs == 0, 1, signs)[:, None]).T,
    )


def starts_of(one: OnePopulation, k: int, seed: int, runs: int) -> Iterator[np.ndarray]:
    """Labels to start from, each partition once; none without runs.

    In every space of `_spaces`: the best of `runs` k-means and, for few sites, Ward's groups and
    single k-means. One space alone misses types: with four types 8 SDs apart at 25 sites, k-means
    on principal components left the likeliest types unfound in a third of the data sets.
    """
    from site_typology.models.kernels import cut
    from site_typology.models.kmeans import kmeans

    if runs == 0:
        return
    n = len(one.blups)
    rng = np.random.default_rng([seed, k])
    tried: set[bytes] = set()
    for name, space in _spaces(one, k):
        points = np.ascontiguousarray(space)
        found = [kmeans(points, k, rng.random((runs, k)), 50, 1)]
        if k <= n <= FEW_SITES:
            found.append(cut(_ward(one, name, points), k))
        for _ in range(SINGLES if n <= FEW_SITES else 0):
            found.append(kmeans(points, k, rng.random((1, k)), 50, 1))
        for labels in found:
            ordered = _in_order(labels)
            if ordered.tobytes() not in tried:
                tried.add(ordered.tobytes())
                yield ordered


def _ward(one: OnePopulation, name: str, points: np.ndarray) -> np.ndarray:
    """Ward's hierarchy of the sites in a space, built once."""
    from scipy.cluster.hierarchy import linkage

    if name not in one.trees:
        one.trees[name] = linkage(points, "ward")
    return one.trees[name]


def _spaces(one: OnePopulation, k: int) -> Iterator[tuple[str, np.ndarray]]:
    """Coordinates of the sites: principal components, standardised, and in units of spread."""
    width = one.components.shape[1]
    for size in sorted({min(size, width) for size in (k - 1, 3, 5, width)}):
        yield f"components {size}", one.components[:, :size]
    centred = one.blups - one.mean
    yield "standardised", centred / np.sqrt(np.diag(one.covariance))
    values, vectors = np.linalg.eigh(one.covariance)
    even = centred @ vectors[:, ::-1] / np.sqrt(np.clip(values[::-1], 1e-9, None))
    for size in sorted({min(size, even.shape[1]) for size in (3, 5, 8)}):
        yield f"even {size}", even[:, :size]


def _in_order(labels: np.ndarray) -> np.ndarray:
    """Number the groups by the first site of each, so that equal partitions look alike."""
    there, first, at = np.unique(labels, return_index=True, return_inverse=True)
    place = np.empty(len(there), dtype=np.int64)
    place[np.argsort(first)] = np.arange(len(there))
    return np.asarray(place[at])


def state_of(
    one: OnePopulation, labels: np.ndarray, k: int, shrink: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, means and covariance from labels: one M-step from the one-population posterior."""
    n = len(labels)
    shares = (labels[:, None] == np.arange(k)).astype(float)
    sizes = shares.sum(axis=0)
    means = shares.T @ one.blups / np.maximum(sizes, 1)[:, None]
    means[sizes == 0] = one.mean
    inner = one.blups - means[labels]
    within = (inner.T @ inner + one.spreads.sum(axis=0)) / n
    weights = np.maximum(sizes, 0.5) / np.maximum(sizes, 0.5).sum()
    centre = weights @ means
    between = weights @ (means - centre) ** 2
    variance = np.diag(one.covariance)
    target = np.diag(np.maximum(variance - between, 0.05 * variance))
    return weights, means, (n * within + shrink * target) / (n + shrink)
