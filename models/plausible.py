"""One population of true profiles behind noisy, gappy ones, and plausible values drawn from it.

A missing cell and a measurement error are one thing: a missing cell has infinite error. The
observed profile of site i is ``y_i = x_i + e_i`` with ``x_i ~ N(mean, covariance)`` and
``e_i ~ N(0, E_i)``, ``E_i`` known: the area-level model of Fay and Herriot (1979, *JASA* 74) for
vectors, fitted by EM with missing cells (Little and Rubin 2002, *Statistical Analysis with
Missing Data*, chapter 11).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from site_typology.models.working import WorkingData

POPULATION_PRIOR = 5.0
"""Weight, in sites, of a diagonal covariance in the population that is reported and drawn from."""
POPULATION_STEPS = 200
TOLERANCE = 1e-4
_NO_ANCHOR = np.zeros(0)


@dataclass(frozen=True)
class Population:
    """Mean and covariance of the true profiles, on the working scale.

    Parameters
    ----------
    mean : ndarray, shape (q,)
    covariance : ndarray, shape (q, q)
    """

    mean: np.ndarray
    covariance: np.ndarray


@dataclass(frozen=True)
class SeenCells:
    """Working data as the compiled loops take them: contiguous, gaps by index.

    Parameters
    ----------
    values : ndarray, shape (n, q)
        Gaps hold 0 and are never read.
    errors : ndarray, shape (n, q, q)
    cells : ndarray of int, shape (n, q)
        The first ``counts[i]`` entries of row i are the columns seen at site i.
    counts : ndarray of int, shape (n,)
    """

    values: np.ndarray
    errors: np.ndarray
    cells: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, data: WorkingData) -> SeenCells:
        """Lay out working data."""
        seen = data.observed
        cells = np.argsort(~seen, axis=1, kind="stable")
        return cls(
            np.ascontiguousarray(np.where(seen, data.values, 0.0)),
            np.ascontiguousarray(data.errors),
            np.ascontiguousarray(cells),
            seen.sum(axis=1),
        )

    @property
    def arguments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The four arrays in the order of the compiled loops."""
        return self.values, self.errors, self.cells, self.counts

    @cached_property
    def blocks(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        """The same sites side by side, as the E-step takes them, and how many there are."""
        from site_typology.models.expectation import lay_out

        return *lay_out(*self.arguments), len(self.values)


def fit_population(
    data: WorkingData, *, shrink: float = POPULATION_PRIOR, steps: int = POPULATION_STEPS
) -> Population:
    """Fit mean and covariance of the true profiles by EM, given each site's error and gaps.

    Parameters
    ----------
    data : WorkingData
    shrink : float
        Weight, in sites, with which the covariance is drawn to its diagonal.
    steps : int
        EM steps at most; fewer when the log-likelihood gains less than 1e-4.

    Returns
    -------
    Population

    Examples
    --------
    >>> from site_typology.models.working import exact_data
    >>> rows = np.random.default_rng(1).normal(size=(200, 2))
    >>> population = fit_population(exact_data(rows), shrink=0)
    >>> bool(np.allclose(population.covariance, np.cov(rows.T, bias=True), atol=1e-4))
    True
    """
    return population_of(SeenCells.of(data), shrink, steps)[0]


def population_of(
    seen: SeenCells, shrink: float, steps: int, tolerance: float = TOLERANCE, calm: int = 0
) -> tuple[Population, np.ndarray]:
    """Fit a population to cells laid out; give it and the log-likelihood before each EM step."""
    mean, covariance = _first_guess(seen)
    means = mean[None, :].copy()
    state = np.ones(1), means, covariance
    path = climb(seen, state, _NO_ANCHOR, shrink, steps, tolerance, calm)
    return Population(means[0], covariance), path


def climb(
    seen: SeenCells,
    state: tuple[np.ndarray, np.ndarray, np.ndarray],
    anchor: np.ndarray,
    shrink: float,
    steps: int,
    tolerance: float,
    calm: int,
) -> np.ndarray:
    """Improve weights, means and covariance in place by EM; give the log-likelihoods on the way.

    The first is that of the state given, the last that of the state left behind; steps end as
    `kernels.expectation_maximisation` says.
    """
    from site_typology.models import kernels

    path = np.empty(steps + 1)
    taken = kernels.expectation_maximisation(
        *seen.blocks, *state, anchor, shrink, tolerance, calm, path
    )
    return path[: taken + 1]


def _first_guess(seen: SeenCells) -> tuple[np.ndarray, np.ndarray]:
    """Mean and diagonal covariance of the seen values, mean error taken away; 0 and 1 if unseen."""
    n, q = seen.values.shape
    known = np.zeros((n, q), dtype=bool)
    np.put_along_axis(known, seen.cells, np.arange(q) < seen.counts[:, None], axis=1)
    count = np.maximum(known.sum(axis=0), 1)
    mean = seen.values.sum(axis=0) / count
    spread = (np.where(known, seen.values - mean, 0.0) ** 2).sum(axis=0) / count
    error = np.where(known, np.einsum("ijj->ij", seen.errors), 0.0).sum(axis=0) / count
    unseen = (known.sum(axis=0) == 0) | (spread <= 0)
    variance = np.maximum(spread - error, 0.2 * spread)
    return mean, np.diag(np.where(unseen, 1.0, variance))


def posterior(population: Population, data: WorkingData) -> tuple[np.ndarray, np.ndarray]:
    """Say what is known of each site's true profile: posterior mean (BLUP) and covariance.

    Parameters
    ----------
    population : Population
    data : WorkingData

    Returns
    -------
    means : ndarray, shape (n, q)
    covariances : ndarray, shape (n, q, q)
        0 where a value is exact, the population's (conditional) covariance in gaps.

    Examples
    --------
    >>> from site_typology.models.working import exact_data
    >>> one = exact_data(np.array([[2.0]]), errors=np.array([[[1.0]]]))
    >>> means, covariances = posterior(Population(np.zeros(1), np.eye(1)), one)
    >>> means.round(4).tolist(), covariances.round(4).tolist()
    ([[1.0]], [[[0.5]]])
    """
    return posterior_of(population, SeenCells.of(data))


def posterior_of(population: Population, seen: SeenCells) -> tuple[np.ndarray, np.ndarray]:
    """Posterior means and covariances for cells laid out."""
    from site_typology.models import kernels

    means, covariances = kernels.posteriors(
        *seen.arguments,
        np.ascontiguousarray(population.mean),
        np.ascontiguousarray(population.covariance),
    )
    return means, covariances


def plausible_values(
    population: Population, data: WorkingData, draws: int, seed: int
) -> np.ndarray:
    """Draw true profiles that the data leave possible (multiple imputation of error and gaps).

    Parameters
    ----------
    population : Population
    data : WorkingData
    draws : int
    seed : int

    Returns
    -------
    ndarray, shape (draws, n, q)
        The first draws are the same however many are asked for.

    Examples
    --------
    >>> from site_typology.models.working import exact_data
    >>> gap = exact_data(np.array([[1.0, np.nan]]))
    >>> two = Population(np.zeros(2), np.array([[1.0, 0.8], [0.8, 1.0]]))
    >>> values = plausible_values(two, gap, draws=500, seed=1)
    >>> bool(abs(values[:, 0, 0] - 1).max() < 0.01), bool(abs(values[:, 0, 1].mean() - 0.8) < 0.1)
    (True, True)
    """
    means, covariances = posterior(population, data)
    roots = matrix_roots(covariances)
    streams = np.random.SeedSequence(seed).spawn(draws)
    noise = np.stack([np.random.default_rng(stream).normal(size=means.shape) for stream in streams])
    return np.asarray(means + np.einsum("nab,dnb->dna", roots, noise))


def matrix_roots(covariances: np.ndarray) -> np.ndarray:
    """Symmetric roots (n, q, q) of covariances that may be singular."""
    values, vectors = np.linalg.eigh(covariances)
    return np.asarray((vectors * np.sqrt(np.clip(values, 0, None))[:, None, :]) @ vectors.mT)
