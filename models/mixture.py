"""Types as an errors-in-variables Gaussian mixture: the means differ, the covariance does not.

The true profile of a site of type j is ``N(mean_j, covariance)``; what is seen of it carries the
site's known error and gaps. One covariance for all types and its shrinkage follow Friedman (1989,
*JASA* 84, regularised discriminant analysis) and Fraley and Raftery (2007, *J. Classif.* 24).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from site_typology.models.mixture_starts import (
    FEW_SITES,
    OnePopulation,
    one_population,
    starts_of,
    state_of,
)
from site_typology.models.plausible import SeenCells, climb
from site_typology.models.temperature import tempered

if TYPE_CHECKING:
    from site_typology.models.working import WorkingData

FIRST_TOLERANCE = 1e-3
TYPE_PRIOR = 20.0
"""Weight, in sites, of the diagonal that the within-type covariance is shrunk to."""


@dataclass(frozen=True)
class Budget:
    """How hard to look; always the same for the data and for what they are compared with.

    Parameters
    ----------
    population_steps : int
        EM steps of one population.
    kmeans_runs : int
        k-means runs a space; the best of them is one start.
        0 for no start but those given.
    first_steps, last_steps : int
        EM steps of every start, and further ones of the finalists.
    finalists : int
        Likeliest starts after the first steps, which take the last ones too; 2 where sites are
        many.
    population_tolerance, last_tolerance : float
        Gain in log-likelihood below which the steps of one population, and the last ones, end.
    calm : int
        Steps in a row that have to change less than that; 0 ends at the first that gains less,
        also where shrinkage lowers the log-likelihood on the way.
    """

    population_steps: int = 40
    kmeans_runs: int = 8
    first_steps: int = 6
    last_steps: int = 30
    population_tolerance: float = 1e-4
    last_tolerance: float = 1e-3
    calm: int = 0
    finalists: int = 4


BUDGET = Budget()

THOROUGH = Budget(200, 20, 20, 300)


@dataclass(frozen=True)
class TypeModel:
    """Types of true profiles, from the largest to the smallest.

    Parameters
    ----------
    weights : ndarray, shape (k,)
        Share of sites of each type.
    means : ndarray, shape (k, q)
        On the working scale.
    covariance : ndarray, shape (q, q)
        Within-type covariance of the true profiles, the same in every type.
    temperature : float
        By how much memberships are less sure than if the types were known, from 1; see
        `site_typology.models.temperature`. Densities and distances do not depend on it.

    Examples
    --------
    >>> from site_typology.models.working import exact_data
    >>> model = TypeModel(np.array([0.6, 0.4]), np.array([[0.0], [4.0]]), np.eye(1))
    >>> new = exact_data(np.array([[0.0], [4.0], [np.nan]]))
    >>> model.memberships(new).round(2).tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.6, 0.4]]
    >>> model.distances(new).round(2).tolist()
    [[0.0, 16.0], [16.0, 0.0], [0.0, 0.0]]
    """

    weights: np.ndarray
    means: np.ndarray
    covariance: np.ndarray
    temperature: float = 1.0

    @property
    def k(self) -> int:
        """Number of types."""
        return len(self.weights)

    def log_likelihood(self, data: WorkingData) -> float:
        """Log-likelihood of the observed cells, all sites together."""
        return float(self.site_log_likelihoods(data).sum())

    def site_log_likelihoods(self, data: WorkingData) -> np.ndarray:
        """Log-likelihood of the observed cells of each site, shape (n,)."""
        return np.asarray(np.logaddexp.reduce(self.log_joint(SeenCells.of(data)), axis=1))

    def memberships(self, data: WorkingData) -> np.ndarray:
        """Membership probabilities, shape (n, k); of a site without values the tempered weights."""
        return self.memberships_of(SeenCells.of(data))

    def memberships_of(self, seen: SeenCells) -> np.ndarray:
        """Membership probabilities for cells laid out."""
        return tempered(self.log_joint(seen), self.temperature)

    def distances(self, data: WorkingData) -> np.ndarray:
        """Squared Mahalanobis distance of each site to each type, shape (n, k).

        Over the observed cells, and in units of within-type spread and the site's own error
        together: chi-square with `observed` degrees of freedom for a member.
        """
        return self._squares(SeenCells.of(data))[0]

    def observed(self, data: WorkingData) -> np.ndarray:
        """Count the working columns observed at each site, shape (n,)."""
        return np.asarray(data.observed.sum(axis=1))

    def columns(self, at: np.ndarray) -> TypeModel:
        """Give the same types as some of the working columns show them."""
        means, covariance = self.means[:, at], self.covariance[np.ix_(at, at)]
        return dataclasses.replace(self, means=means, covariance=covariance)

    def numbered_as(self, memberships: np.ndarray, data: WorkingData) -> TypeModel:
        """Give the same types the numbers of those that they share most sites of the data with.

        Parameters
        ----------
        memberships : ndarray, shape (n, k)
            Of the sites of `data`, in as many other types.
        data : WorkingData
        """
        from scipy.optimize import linear_sum_assignment

        order = linear_sum_assignment(-(memberships.T @ self.memberships(data)))[1]
        return dataclasses.replace(self, weights=self.weights[order], means=self.means[order])

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "weights": self.weights.tolist(),
            "means": self.means.tolist(),
            "covariance": self.covariance.tolist(),
            "temperature": self.temperature,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> TypeModel:
        """Make a model from `to_dict` output."""
        arrays = {
            name: np.array(content[name], float) for name in ("weights", "means", "covariance")
        }
        return cls(**arrays, temperature=float(content["temperature"]))

    def _squares(self, seen: SeenCells) -> tuple[np.ndarray, np.ndarray]:
        from site_typology.models import kernels

        squares, log_determinants = kernels.squared_distances(
            *seen.arguments,
            np.ascontiguousarray(self.means),
            np.ascontiguousarray(self.covariance),
        )
        return squares, log_determinants

    def log_joint(self, seen: SeenCells) -> np.ndarray:
        """Log joint density of each type and the observed cells of each site, shape (n, k)."""
        squares, log_determinants = self._squares(seen)
        constant = log_determinants + seen.counts * np.log(2 * np.pi)
        return np.asarray(np.log(self.weights) - 0.5 * (constant[:, None] + squares))


@dataclass(frozen=True)
class FittedTypes:
    """Types and how they were come by.

    Parameters
    ----------
    model : TypeModel
    path : ndarray
        Log-likelihood of the start, and after each EM step from there.
    """

    model: TypeModel
    path: np.ndarray


def fit_types(
    data: WorkingData,
    k: int,
    seed: int,
    starts: Sequence[np.ndarray] | None = None,
    *,
    shrink: float = TYPE_PRIOR,
    budget: Budget = THOROUGH,
    least: int = 0,
) -> TypeModel:
    """Fit k types to true profiles, given each site's error and gaps.

    Parameters
    ----------
    data : WorkingData
    k : int
        1 is one population.
    seed : int
        For the k-means runs that give the starts.
    starts : sequence of ndarray of int, shape (n,), optional
        Labels 0 to k - 1 to start from, tried beside the usual starts.
    shrink : float
        Weight, in sites, of the diagonal that the within-type covariance is shrunk to.
    budget : Budget
        How hard to look.
    least : int
        Sites that each type should have; the likeliest types at all where none of those looked at
        have so many.

    Returns
    -------
    TypeModel
        The start that ended with the highest log-likelihood.

    Raises
    ------
    ValueError
        More types than sites.

    Examples
    --------
    >>> from site_typology.models.working import exact_data
    >>> rng = np.random.default_rng(1)
    >>> rows = np.vstack([rng.normal(0, 1, (40, 2)), rng.normal(8, 1, (20, 2))])
    >>> model = fit_types(exact_data(rows), 2, seed=1)
    >>> model.weights.round(2).tolist()
    [0.67, 0.33]
    """
    return search_types(data, k, seed, starts, shrink=shrink, budget=budget, least=least).model


def search_types(
    data: WorkingData,
    k: int,
    seed: int,
    starts: Sequence[np.ndarray] | None = None,
    *,
    shrink: float = TYPE_PRIOR,
    budget: Budget = THOROUGH,
    least: int = 0,
) -> FittedTypes:
    """As `fit_types`, with the log-likelihood on the way."""
    if not 1 <= k <= data.n:
        raise ValueError(f"Expected 1 to {data.n} types, as many as there are sites; found {k}.")
    one = one_population(SeenCells.of(data), shrink, budget)
    given = list(starts or [])
    found = likeliest(one, k, seed, given, shrink, budget, least) if least else None
    found = found or likeliest(one, k, seed, given, shrink, budget)
    if found is None:
        raise AssertionError("types of any size are always found")
    return found


def finalists(
    one: OnePopulation,
    k: int,
    seed: int,
    given: Sequence[np.ndarray],
    shrink: float,
    budget: Budget,
) -> Iterator[FittedTypes]:
    """Improve every start a little and then, from the likeliest on, each a lot."""
    if k == 1:
        yield FittedTypes(TypeModel(np.ones(1), one.mean[None, :], one.covariance), one.path)
        return
    anchor = np.ascontiguousarray(np.diag(one.covariance))
    begun = []
    for labels in [*given, *starts_of(one, k, seed, budget.kmeans_runs)]:
        state = state_of(one, labels, k, shrink)
        steps, enough = budget.first_steps, FIRST_TOLERANCE
        begun.append((climb(one.seen, state, anchor, shrink, steps, enough, budget.calm), state))
    if not begun:
        raise ValueError("Expected at least one start, from k-means or given; found none.")
    for first, state in sorted(begun, key=lambda each: -each[0][-1]):
        steps, enough = budget.last_steps, budget.last_tolerance
        last = climb(one.seen, state, anchor, shrink, steps, enough, budget.calm)
        weights, means, covariance = state
        order = np.lexsort((means[:, 0], -weights.round(9)))
        share = weights[order] / weights.sum()
        model = TypeModel(share, means[order], covariance)
        yield FittedTypes(model, np.concatenate([first[:-1], last]))


def likeliest(
    one: OnePopulation,
    k: int,
    seed: int,
    given: Sequence[np.ndarray],
    shrink: float,
    budget: Budget,
    least: int = 0,
) -> FittedTypes | None:
    """The likeliest finalist whose types have `least` sites each; None if none has."""
    best: FittedTypes | None = None
    several = budget.finalists if len(one.blups) <= FEW_SITES else 2
    found = islice(finalists(one, k, seed, given, shrink, budget), 2 * several)
    for at, fit in enumerate(found):
        if at >= several and best is not None:
            break
        if smallest(fit.model, one.seen) >= least and (
            best is None or fit.path[-1] > best.path[-1]
        ):
            best = fit
    return best


def smallest(model: TypeModel, seen: SeenCells) -> int:
    """Sites of the type that has fewest."""
    labels = model.memberships_of(seen).argmax(axis=1)
    return int(np.bincount(labels, minlength=model.k).min())
