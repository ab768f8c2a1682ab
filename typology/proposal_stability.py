"""Stability of the proposal: every replicate, and how the same indices look without types."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from site_typology.candidate_material import (
    ALL_FEATURES,
    PROPOSAL,
    Labels,
    Specification,
    material_of,
    types_of,
)
from site_typology.candidates import candidate_stability, rows_of
from site_typology.models.mixture import BUDGET, fit_types
from site_typology.models.parallel import Kept, Progress, run_tasks
from site_typology.models.plausible import fit_population
from site_typology.models.resampling import Stability, derived_seed
from site_typology.models.stability import comembership, instability, prediction_strength
from site_typology.models.unimodal import UnimodalPopulation
from site_typology.models.working import WorkingData
from site_typology.replicates import MOST_SITES, Replicates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from site_typology.settings import ProposeSettings

SPLITS = 10
"""Halvings of the sites behind the prediction strength of the data."""
REFERENCE_SPLITS = 1
REFERENCE_BOOTSTRAPS = 10
"""Fewer for each reference data set: what counts is their mean, and there are several."""


@dataclass(frozen=True)
class ProposalStability:
    """Replicates of the proposal's stability, and figures drawn from them.

    Parameters
    ----------
    replicates : Replicates
    figures : mapping of str to float
        ``instability_within``, ``instability_between``, ``prediction_strength`` and
        ``reference_prediction_strength``.
    """

    replicates: Replicates
    figures: Mapping[str, float]


def proposal_stability(
    data: WorkingData,
    k: int,
    stability: Stability,
    settings: ProposeSettings,
    seed: int,
    *,
    workers: int = 1,
    progress: Progress | None = None,
    kept: Kept | None = None,
) -> ProposalStability:
    """Take the proposal's replicates apart and run the same procedure on data without types.

    An index of stability means little by itself: a cut through one cloud can be stable (Hennig
    2007, section 1). So sites are drawn from the unimodal population of the null test with the
    errors and gaps of the data, k types are fitted to them, and their stability is measured alike.

    Parameters
    ----------
    data : WorkingData
    k : int
        Number of types of the proposal.
    stability : Stability
        Of the proposal.
    settings : ProposeSettings
        ``stability_references`` data sets without types are drawn.
    seed : int
    workers, progress, kept
        As in `run_tasks`.

    Returns
    -------
    ProposalStability
    """
    tasks = [derived_seed(seed, f"reference {at}") for at in range(settings.stability_references)]
    task = partial(_without_types, data, UnimodalPopulation.fit(data), k, settings.min_sites)
    found = run_tasks(task, tasks, workers=workers, progress=progress, stage="stability", kept=kept)
    strengths = np.array([strength for _, strength in found])
    draw = np.arange(len(stability.labels)) % settings.draws
    apart = instability(stability.labels, draw)
    small = stability.labels.shape[1] <= MOST_SITES
    pairs = comembership(stability.labels if small else stability.labels[:, :0])
    replicates = Replicates(
        stability.jaccard, draw, np.array([own for own, _ in found]), pairs.together, pairs.both
    )
    figures = {
        "instability_within": apart.within,
        "instability_between": apart.between,
        "prediction_strength": strength_of(data, k, SPLITS, derived_seed(seed, "halves")),
        "reference_prediction_strength": float(np.mean(strengths)),
    }
    return ProposalStability(replicates, figures)


def strength_of(data: WorkingData, k: int, splits: int, seed: int) -> float:
    """Prediction strength of k types of the mixture; NaN for fewer sites than two a type twice.

    Parameters
    ----------
    data : WorkingData
    k : int
    splits : int
    seed : int
    """

    def fit(learn: NDArray[np.intp], test: NDArray[np.intp], at: int) -> tuple[Labels, Labels]:
        learned, own = (
            fit_types(rows_of(data, half), k, derived_seed(seed, f"half {at}"), budget=BUDGET)
            for half in (learn, test)
        )
        rest = rows_of(data, test)
        found = (model.memberships(rest).argmax(axis=1) for model in (own, learned))
        return next(found), next(found)

    if data.n < 4 * k:
        return float("nan")
    return prediction_strength(data.n, fit, splits, seed)


def _without_types(
    data: WorkingData, population: UnimodalPopulation, k: int, least: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Stability of k types in one reference data set: mean Jaccard of each, and strength."""
    drawn = population.simulate(data, np.random.default_rng(derived_seed(seed, "sites")))
    one = fit_population(drawn)
    material = material_of(drawn, one, REFERENCE_BOOTSTRAPS, seed)
    _, labels = types_of(material, k, seed, least)
    specification = Specification(PROPOSAL, ALL_FEATURES, k)
    stability = candidate_stability(specification, labels, material, REFERENCE_BOOTSTRAPS, seed)
    per_type = np.full(k, np.nan)
    per_type[: len(stability.per_type)] = stability.per_type
    strength = strength_of(drawn, k, REFERENCE_SPLITS, derived_seed(seed, "halves"))
    return per_type, np.array(strength)
