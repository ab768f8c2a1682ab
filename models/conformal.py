"""Sets of types that hold the right one as often as stated: class-conditional conformal sets.

For each type apart, a site is compared with the fitted sites of that type: a type stays in the
set unless hardly any of its own sites has so low a membership probability in it (Vovk, Gammerman
and Shafer 2005, *Algorithmic Learning in a Random World*, Mondrian predictors). Memberships of
fitted sites come from types fitted without them (cross-conformal predictors; Vovk 2015, *Ann.
Math. Artif. Intell.* 74).

Types of fitted sites are not seen but estimated. Each site counts for each type by its membership
probability, so that the sets hold for the types that the typology gives. Tempered memberships
(`site_typology.models.temperature`) let sites between types count for both, which widens the sets.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from site_typology.models.mixture import BUDGET, TypeModel, fit_types
from site_typology.models.plausible import SeenCells

if TYPE_CHECKING:
    from site_typology.models.working import WorkingData

FOLDS = 10
_ROUNDING = 1e-6
"""Allowance for sums of memberships that should be whole numbers of sites."""
MANY_SITES = 2000
"""From this many sites on, one tenth of them is enough where every type has its sites in it."""


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
        Sums of the memberships of the sites left out of a fit.
    counts : ndarray of int, shape (k,)
        Number of these sites whose likeliest type it is.
    """

    folds: tuple[Fold, ...]
    sizes: np.ndarray
    counts: np.ndarray

    def carries(self, level: float) -> bool:
        """Whether every type has the sites that sets at this level take."""
        return bool((self.counts >= least_sites(level)).all())

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


def possible_types(p_values: np.ndarray, memberships: np.ndarray, level: float) -> np.ndarray:
    """Say which types remain at this level, shape (n, k); the likeliest always does.

    Where types lie far apart a tenth of their own sites would otherwise be left without any type,
    only because the others are surer still; a type more never makes a set hold less often.

    Parameters
    ----------
    p_values, memberships : ndarray, shape (n, k)
    level : float
        How often sets are to hold the right type.

    Examples
    --------
    >>> p_values, memberships = np.array([[0.05, 0.04], [0.4, 0.2]]), np.array([[0.9, 0.1]] * 2)
    >>> possible_types(p_values, memberships, 0.9).tolist()
    [[True, False], [True, True]]
    """
    likeliest = memberships.argmax(axis=1)[:, None] == np.arange(memberships.shape[1])
    return np.asarray((p_values > 1 - level + _ROUNDING) | likeliest)


def least_sites(level: float) -> int:
    """Fewest sites of a type with which a set can ever leave it out at this level.

    A p-value is at least ``1 / (n + 1)``, so it takes ``n >= 1 / (1 - level) - 1``.

    Examples
    --------
    >>> least_sites(0.9), least_sites(0.95)
    (9, 19)
    """
    return int(np.ceil(1 / (1 - level) - 1 - 1e-9))


def calibrate(
    model: TypeModel, data: WorkingData, folds: int = FOLDS, level: float = 0.95
) -> Calibration:
    """Fit the types again without each tenth of the sites, and see how these lie.

    From `MANY_SITES` sites on it ends as soon as every type has the sites that sets take, so that
    a small type has all its sites counted before it is said to have too few.

    Parameters
    ----------
    model : TypeModel
        Fitted to all the sites.
    data : WorkingData
        The sites that it was fitted to.
    folds : int
        Parts, at most as many as there are sites; each has its share of every type.
    level : float
        The highest level that sets will be given at.

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
    data = _rows(data, np.argsort(np.array(data.sites, dtype=str), kind="stable"))
    shares = model.memberships(data)
    labels = shares.argmax(axis=1)
    found: list[Fold] = []
    sizes, counts = np.zeros(model.k), np.zeros(model.k, dtype=int)
    for seed, held in enumerate(_parts(labels, min(folds, data.n))):
        if data.n >= MANY_SITES and Calibration(tuple(found), sizes, counts).carries(level):
            break
        sizes = sizes + shares[held].sum(axis=0)
        counts = counts + np.bincount(labels[held], minlength=model.k)
        without = _refitted(model, _rows(data, ~held), seed)
        scores = without.memberships(_rows(data, held)).T
        order = np.argsort(scores, axis=1, kind="stable")
        weights = np.take_along_axis(shares[held].T, order, axis=1)
        sums = np.hstack([np.zeros((model.k, 1)), np.cumsum(weights, axis=1)])
        found.append(Fold(without, np.take_along_axis(scores, order, axis=1), sums))
    return Calibration(tuple(found), sizes, counts)


def _parts(labels: np.ndarray, folds: int) -> Iterator[np.ndarray]:
    """Deal the sites out type by type."""
    part = np.empty(len(labels), dtype=int)
    part[np.argsort(labels, kind="stable")] = np.arange(len(labels)) % folds
    for fold in range(folds):
        yield part == fold


def _refitted(model: TypeModel, data: WorkingData, seed: int) -> TypeModel:
    """Types of fewer sites, looked for afresh, with the numbers of the types they share most with.

    Begun from the types of all sites they would hardly move, and say nothing of how well the
    data determine them.
    """
    found = fit_types(data, model.k, seed, budget=BUDGET)
    found = dataclasses.replace(found, temperature=model.temperature)
    return found.numbered_as(model.memberships(data), data)


def _rows(data: WorkingData, rows: np.ndarray) -> WorkingData:
    """Some sites, by place or by mask."""
    return dataclasses.replace(
        data,
        values=data.values[rows],
        errors=data.errors[rows],
        sites=tuple(np.array(data.sites, dtype=object)[rows]),
    )
