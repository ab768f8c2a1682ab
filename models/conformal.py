"""Sets of types that hold the right one as often as stated: class-conditional conformal sets.

For each type apart, a site is compared with the fitted sites of that type: a type stays in the
set unless hardly any of its own sites has so low a membership probability in it (Vovk, Gammerman
and Shafer 2005, *Algorithmic Learning in a Random World*, Mondrian predictors). Memberships of
fitted sites come from types fitted without them (cross-conformal predictors; Vovk 2015, *Ann.
Math. Artif. Intell.* 74).

Types of fitted sites are not seen but estimated. Each site counts for each type by its membership
probability, so that the sets hold for the types that the typology gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from site_typology.models.mixture import THOROUGH, TYPE_PRIOR, TypeModel
from site_typology.models.mixture_starts import one_population
from site_typology.models.plausible import SeenCells, climb

if TYPE_CHECKING:
    from site_typology.models.working import WorkingData

FOLDS = 10
MANY_SITES = 2000
"""From this many sites on, one tenth of them is enough and the types are fitted again once."""


@dataclass(frozen=True)
class Fold:
    """Types fitted without some sites, and how these sites then lie.

    Parameters
    ----------
    model : TypeModel
    scores : ndarray, shape (k, m)
        Membership probabilities in each type of the m sites left out, ascending.
    weights : ndarray, shape (k, m + 1)
        Sums of how much these sites count for the type, from the lowest score on, 0 first.
    """

    model: TypeModel
    scores: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class Calibration:
    """What the fitted sites say of how far memberships can be trusted.

    Parameters
    ----------
    folds : tuple of Fold
    sizes : ndarray, shape (k,)
        Sites that count for each type.
    """

    folds: tuple[Fold, ...]
    sizes: np.ndarray

    def p_values(self, data: WorkingData) -> np.ndarray:
        """Share of a type's sites with no higher a membership in it, shape (n, k).

        The site itself is counted among them, so that no p-value is below ``1 / (size + 1)``.
        """
        seen = SeenCells.of(data)
        below = np.zeros((data.n, len(self.sizes)))
        for fold in self.folds:
            found = fold.model.memberships_of(seen)
            for kind, scores in enumerate(fold.scores):
                at = np.searchsorted(scores, found[:, kind], side="right")
                below[:, kind] += fold.weights[kind][at]
        return np.asarray((below + 1) / (self.sizes + 1))


def least_sites(level: float) -> int:
    """Fewest sites of a type with which a set can ever leave it out at this level.

    A p-value is at least ``1 / (n + 1)``, so it takes ``n >= 1 / (1 - level) - 1``.

    Examples
    --------
    >>> least_sites(0.9), least_sites(0.95)
    (9, 19)
    """
    return int(np.ceil(1 / (1 - level) - 1 - 1e-9))


def calibrate(model: TypeModel, data: WorkingData, folds: int = FOLDS) -> Calibration:
    """Fit the types again without each tenth of the sites, and see how these lie.

    Parameters
    ----------
    model : TypeModel
        Fitted to all the sites.
    data : WorkingData
        The sites that it was fitted to.
    folds : int
        Parts, at most as many as there are sites; each has its share of every type.

    Returns
    -------
    Calibration

    Examples
    --------
    >>> from site_typology.models.mixture import fit_types
    >>> from site_typology.models.working import exact_data
    >>> rng = np.random.default_rng(1)
    >>> rows = np.vstack([rng.normal(0, 1, (40, 2)), rng.normal(6, 1, (40, 2))])
    >>> found = calibrate(fit_types(exact_data(rows), 2, seed=1), exact_data(rows))
    >>> found.sizes.round(2).tolist()
    [40.0, 40.0]
    """
    shares = model.memberships(data)
    anchor = np.ascontiguousarray(
        np.diag(one_population(SeenCells.of(data), TYPE_PRIOR, THOROUGH).covariance)
    )
    found = []
    counted = np.zeros(data.n, dtype=bool)
    parts = _parts(shares.argmax(axis=1), data.sites, min(folds, data.n))
    for held in islice(parts, 1 if data.n >= MANY_SITES else None):
        counted |= held
        without = _refitted(model, _rows(data, ~held), anchor)
        scores = without.memberships(_rows(data, held)).T
        order = np.argsort(scores, axis=1, kind="stable")
        weights = np.take_along_axis(shares[held].T, order, axis=1)
        sums = np.hstack([np.zeros((model.k, 1)), np.cumsum(weights, axis=1)])
        found.append(Fold(without, np.take_along_axis(scores, order, axis=1), sums))
    return Calibration(tuple(found), shares[counted].sum(axis=0))


def _parts(labels: np.ndarray, sites: tuple[str, ...], folds: int) -> Iterator[np.ndarray]:
    """Deal the sites out type by type and in order of name, whatever order they come in."""
    order = sorted(range(len(sites)), key=lambda at: (labels[at], str(sites[at])))
    part = np.empty(len(sites), dtype=int)
    part[order] = np.arange(len(sites)) % folds
    for fold in range(folds):
        yield part == fold


def _refitted(model: TypeModel, data: WorkingData, anchor: np.ndarray) -> TypeModel:
    """Types of fewer sites, from the types of all on, so that they keep their numbers."""
    state = model.weights.copy(), model.means.copy(), model.covariance.copy()
    steps, enough = THOROUGH.last_steps, THOROUGH.last_tolerance
    climb(SeenCells.of(data), state, anchor, TYPE_PRIOR, steps, enough, THOROUGH.calm)
    weights, means, covariance = state
    return TypeModel(weights / weights.sum(), means, covariance)


def _rows(data: WorkingData, rows: np.ndarray) -> WorkingData:
    from site_typology.models.working import WorkingData

    return WorkingData(
        data.values[rows],
        data.errors[rows],
        tuple(site for site, kept in zip(data.sites, rows, strict=True) if kept),
        data.columns,
        data.natural,
        data.levels,
    )
