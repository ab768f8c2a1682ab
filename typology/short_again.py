"""What a short form would give if types and features had to be found anew.

The types of a typology are estimates, and the features of its short form were chosen by these
estimates: taken for the truth, they make a short form look better than it is. So studies like the
fitted one are drawn from the types (the parametric bootstrap; Efron and Tibshirani 1993, *An
Introduction to the Bootstrap*, chapters 6 and 17), types are estimated and features chosen in each,
and what comes of it is held against the types that were drawn from.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from site_typology.models.plausible import matrix_roots
from site_typology.short_search import Drawn, search

if TYPE_CHECKING:
    from site_typology.models.mixture import TypeModel
    from site_typology.models.working import WorkingData
    from site_typology.short_rule import ShortRule

SEARCHED, JUDGED = 1_000, 4_000
"""Sites simulated in each study for the search, and for the figures."""


@dataclass(frozen=True)
class Again:
    """Accuracy in studies drawn again.

    Parameters
    ----------
    right : ndarray, shape (studies, sizes)
        Share of new sites that get their true type, by number of features.
    """

    right: np.ndarray

    @property
    def accuracy(self) -> np.ndarray:
        """Mean over the studies, shape (sizes,)."""
        return np.asarray(self.right.mean(axis=0))

    @property
    def accuracy_error(self) -> np.ndarray:
        """Monte Carlo standard error of `accuracy`."""
        return self._error(self.right)

    @property
    def loss(self) -> np.ndarray:
        """Mean of what is lost against all features, shape (sizes,)."""
        return np.asarray(self._lost.mean(axis=0))

    @property
    def loss_error(self) -> np.ndarray:
        """Monte Carlo standard error of `loss`."""
        return self._error(self._lost)

    @property
    def _lost(self) -> np.ndarray:
        return np.asarray(self.right[:, -1:] - self.right)

    def _error(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(values.std(axis=0, ddof=1) / np.sqrt(len(values)))


def again(full: ShortRule, data: WorkingData, studies: int, seed: int) -> Again:
    """Draw studies like the fitted one and choose short forms in each.

    Parameters
    ----------
    full : ShortRule
        Of all features; its types are the truth.
    data : WorkingData
        The fitted sites, whose errors, gaps and types the drawn ones have.
    studies, seed : int

    Returns
    -------
    Again
    """
    labels = full.model.memberships(data).argmax(axis=1)
    rows = []
    for stream in np.random.SeedSequence(seed).spawn(studies):
        random = np.random.default_rng(stream)
        found = _refitted(full, data, labels, random)
        own = dataclasses.replace(full, model=found)
        sets = search(own, Drawn.of(own, SEARCHED, random))
        new = Drawn.of(full, JUDGED, random)
        said = [new.chances(found, full.columns_of(chosen)).argmax(axis=1) for chosen in sets]
        rows.append([float((kinds == new.truth).mean()) for kinds in said])
    return Again(np.array(rows))


def _refitted(
    full: ShortRule, data: WorkingData, labels: np.ndarray, random: np.random.Generator
) -> TypeModel:
    """Types estimated from sites drawn anew, numbered as the types that they were drawn from."""
    from site_typology.models.mixture import BUDGET, fit_types

    model = full.model
    shape = (data.n, data.q)
    within = random.normal(size=shape) @ np.linalg.cholesky(model.covariance).T
    errors = data.errors.copy()
    for own in data.levels:
        errors[:, own.column, :] = errors[:, :, own.column] = 0.0
    noise = np.einsum("nab,nb->na", matrix_roots(errors), random.normal(size=shape))
    drawn = data.measured(model.means[labels] + within + noise)
    seed = int(random.integers(2**31))
    found = fit_types(drawn, model.k, seed, [labels], budget=BUDGET)
    found = dataclasses.replace(found, temperature=model.temperature)
    return found.numbered_as(np.eye(model.k)[labels], drawn)
