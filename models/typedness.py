"""How typed sites look: what types explain that one population or a continuum does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from site_typology.models.continuum import Continuum, fit_continuum
from site_typology.models.mixture import BUDGET, TYPE_PRIOR, Budget, TypeModel, likeliest
from site_typology.models.mixture_starts import OnePopulation, one_population
from site_typology.models.plausible import SeenCells

if TYPE_CHECKING:
    from site_typology.models.working import WorkingData

LEAST_SITES = 3
"""Sites that a type needs to count: outliers of a heavy-tailed population are no types."""


@dataclass(frozen=True)
class Typedness:
    """How much better types explain the sites than a continuum and one population do.

    Parameters
    ----------
    gains : dict of int to float
        Per number of types: classification log-likelihood of the types, less the log-likelihood
        of the better of one population and a continuum. NaN where no types of enough sites each
        were found.
    continuum : Continuum
    one_log_likelihood : float
        Log-likelihood of one population.
    """

    gains: dict[int, float]
    continuum: Continuum
    one_log_likelihood: float


def typedness(
    data: WorkingData,
    ks: Sequence[int],
    seed: int,
    *,
    least: int = LEAST_SITES,
    shrink: float = TYPE_PRIOR,
    budget: Budget = BUDGET,
) -> Typedness:
    """Fit types, a continuum and one population on one budget, and compare them.

    The classification log-likelihood (Biernacki, Celeux and Govaert 2000, *IEEE Trans. PAMI* 22)
    is the log-likelihood less the entropy of the memberships: it asks for types that sites belong
    to clearly, which pieces cut from a continuum are not. All models shrink their covariance
    alike.

    Parameters
    ----------
    data : WorkingData
    ks : sequence of int
        Numbers of types, each 2 or more.
    seed : int
        For the starts.
    least : int
        Sites that every type needs.
    shrink : float
        Weight, in sites, of the diagonal that covariances are shrunk to.
    budget : Budget

    Returns
    -------
    Typedness

    Examples
    --------
    >>> from site_typology.models.working import exact_data
    >>> rng = np.random.default_rng(1)
    >>> rows = np.vstack([rng.normal(0, 1, (40, 2)), rng.normal(8, 1, (20, 2))])
    >>> found = typedness(exact_data(rows), [2, 3], seed=1).gains
    >>> found[2] > 5 > found[3] - found[2]
    True
    """
    one = one_population(SeenCells.of(data), shrink, budget)
    fits = {k: _typed(one, k, seed, least, shrink, budget) for k in ks}
    three = fits.get(3)
    continuum = fit_continuum(one, shrink, three[0] if three else None)
    alone = float(one.path[-1])
    base = max(alone, continuum.log_likelihood)
    gains = {k: fit[1] - base if fit else float("nan") for k, fit in fits.items()}
    return Typedness(gains, continuum, alone)


def _typed(
    one: OnePopulation, k: int, seed: int, least: int, shrink: float, budget: Budget
) -> tuple[TypeModel, float] | None:
    """The likeliest types with enough sites each, and their classification log-likelihood."""
    fit = likeliest(one, k, seed, [], shrink, budget, least)
    if fit is None:
        return None
    chances = fit.model.memberships_of(one.seen)
    entropy = -float((chances * np.log(np.clip(chances, 1e-300, 1))).sum())
    return fit.model, float(fit.path[-1]) - entropy
