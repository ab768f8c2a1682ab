"""Where the search for types starts: k-means on what one population makes of the sites."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from site_typology.models.plausible import SeenCells, population_of, posterior_of

if TYPE_CHECKING:
    from site_typology.models.mixture import Budget


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
    """

    seen: SeenCells
    mean: np.ndarray
    covariance: np.ndarray
    path: np.ndarray
    blups: np.ndarray
    spreads: np.ndarray
    components: np.ndarray


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
    """Labels from k-means on the first k - 1, 3 and 5 principal components, and on all.

    None without runs.
    """
    from site_typology.models import kernels

    if runs == 0:
        return
    width = one.components.shape[1]
    sizes = sorted({min(size, width) for size in (k - 1, 3, 5, width)})
    rng = np.random.default_rng([seed, k])
    tried: set[bytes] = set()
    for size in sizes:
        points = np.ascontiguousarray(one.components[:, :size])
        labels = kernels.kmeans(points, k, rng.random((runs, k)), 50)
        first = np.unique(labels, return_index=True)[1]
        place = np.empty(k, dtype=np.int64)
        place[labels[np.sort(first)]] = np.arange(len(first))
        ordered = place[labels]
        if ordered.tobytes() not in tried:
            tried.add(ordered.tobytes())
            yield ordered


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
