"""Collect the evidence: null test, candidates, stability, agreement and power, then the verdict."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from site_typology.axis import axis_words, find_axis
from site_typology.candidate_material import (
    ALL_FEATURES,
    PROPOSAL,
    Labels,
    Specification,
    material_of,
    types_of,
)
from site_typology.candidates import (
    ONE_POPULATION,
    Tried,
    as_candidates,
    candidate_table,
    rows_of,
)
from site_typology.evidence_steps import EvidenceSteps
from site_typology.models.mixture import TypeModel
from site_typology.models.natural import NaturalSites
from site_typology.models.plausible import Population, posterior
from site_typology.models.reducers import FAMILY
from site_typology.models.resampling import Stability, adjusted_rand, derived_seed
from site_typology.models.working import WorkingData
from site_typology.number_of_types import nearest_number
from site_typology.placing import at_times
from site_typology.replicates import Replicates, stability_table
from site_typology.results import Candidate, Evidence, NullTest
from site_typology.sub_sample import SPARED, drawn_sites, sub_sample_words, types_of_all
from site_typology.verdict import Figures, Thresholds, judge

if TYPE_CHECKING:
    from site_typology.models.parallel import Kept, Progress
    from site_typology.settings import ProposeSettings


@dataclass(frozen=True)
class Findings:
    """The evidence and what it was collected from.

    Parameters
    ----------
    evidence : Evidence
    candidates : tuple of Candidate
    model : TypeModel
        Types at the number that the data come nearest to, from the largest to the smallest.
    means : ndarray, shape (n, q)
        Posterior means of the true profiles.
    """

    evidence: Evidence
    candidates: tuple[Candidate, ...]
    model: TypeModel
    means: np.ndarray


def collect(
    data: WorkingData,
    population: Population,
    settings: ProposeSettings,
    seed: int,
    *,
    apart: Mapping[str, str] | None = None,
    natural: NaturalSites | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    kept: Kept | None = None,
) -> Findings:
    """Look for types, and for everything that speaks for or against them.

    Parameters
    ----------
    data : WorkingData
        Sites with enough data.
    population : Population
        One population fitted to them.
    settings : ProposeSettings
    seed : int
        Each step has its own stream, so that one does not change another.
    apart : mapping of str to str, optional
        Reason by site for those with too little data.
    natural : NaturalSites, optional
        The same sites in natural units, for candidates that read kinds, categories and families.
    workers, progress, kept
        As in `site_typology.propose`.

    Returns
    -------
    Findings
        Of more sites than ``settings.subsample``, the evidence rests on as many drawn at random,
        and the types found there are fitted to all.
    """
    every = data
    at = drawn_sites(every.n, settings.subsample, derived_seed(seed, "sub-sample"))
    if len(at) < every.n:
        data = rows_of(every, at)
        natural = natural and natural.rows(at)
        apart = {**(apart or {}), **_spared(every, data)}
    steps = EvidenceSteps(data, population, settings, seed, workers, progress, kept)
    material = material_of(
        data, population, settings.draws, seed, spaces=settings.spaces, natural=natural
    )
    test = steps.null_test()
    best_k = nearest_number(test)
    numbers = steps.number_shares()
    model, labels = types_of(material, best_k, seed, settings.min_sites)
    placed = labels
    if data is not every:
        model = types_of_all(model, every, data, seed, settings.min_sites)
        placed = model.memberships(every).argmax(axis=1) + 1
    proposed = Specification(PROPOSAL, ALL_FEATURES, best_k)
    tried = steps.candidates(material, proposed, labels)
    stability = next(item.stability for item in tried if item.specification == proposed)
    steady = steps.stability(best_k, stability)
    rejected = test.p_value <= settings.alpha
    agreement, better = steps.placing(model, test if rejected else None)
    figures = Figures(
        sites=every.n,
        best_k=best_k,
        p_value=test.p_value,
        p_error=test.monte_carlo_error,
        expected_agreement=agreement.adjusted_rand,
        relative_entropy=agreement.relative_entropy,
        stability=float(stability.per_type.min()),
        smallest_type=int(np.bincount(placed, minlength=best_k + 1)[1:].min()),
        agreement=_agreement_between(tried, labels, best_k),
        separation=settings.separation,
        against=test.against,
        planted=steps.planted,
        power=None if rejected else steps.power(),
        measured_better=better,
    )
    candidates = as_candidates(tried, labels, data.sites, apart or {})
    further = {
        "expected_agreement_error": agreement.adjusted_rand_error,
        "expected_relative_entropy": agreement.expected_relative_entropy,
        "temperature": agreement.temperature,
        "temperature_error": agreement.temperature_error,
        "sites_used": float(data.n),
        **{at_times(times): value for times, value in better or ()},
        **steady.figures,
    }
    evidence = _evidence(
        figures, settings, test, stability, steady.replicates, candidates, data.sites, further
    )
    if not evidence.claimed and not evidence.unplaced:
        axis = find_axis(every)
        why = f"{evidence.why} {axis_words(axis)}".rstrip()
        evidence = dataclasses.replace(evidence, axis=axis, why=why)
    evidence = dataclasses.replace(evidence, number_of_types=numbers)
    means = material.means if data is every else posterior(population, every)[0]
    sure = dataclasses.replace(model, temperature=agreement.temperature)
    return Findings(evidence, candidates, sure, means)


def _spared(every: WorkingData, part: WorkingData) -> dict[str, str]:
    """Why candidates give the sites outside a sub-sample no type."""
    reason = SPARED.format(part=f"{part.n:,}", whole=f"{every.n:,}")
    return dict.fromkeys(sorted(set(every.sites) - set(part.sites)), reason)


def _agreement_between(tried: Sequence[Tried], labels: Labels, k: int) -> float:
    """Median adjusted Rand index of the other algorithms' k types with the proposal.

    Of those found on all features: one family cannot be expected to tell all types apart.
    """
    others = [
        adjusted_rand(item.labels, labels)
        for item in tried
        if item.specification.algorithm != PROPOSAL
        and not item.specification.space.startswith(FAMILY)
        and item.labels.max() == k
    ]
    return float(np.median(others)) if others else float("nan")


def _evidence(
    figures: Figures,
    settings: ProposeSettings,
    test: NullTest,
    stability: Stability,
    replicates: Replicates,
    candidates: Sequence[Candidate],
    sites: Sequence[str],
    further: Mapping[str, float],
) -> Evidence:
    thresholds: Thresholds = settings.thresholds
    judgement = judge(figures, thresholds)
    claimed = judgement.verdict in ("supported", "tentative")
    best_k = figures.best_k
    rests_on = sub_sample_words(len(sites), figures.sites, claimed=claimed)
    name = f"{PROPOSAL}/features/{best_k}" if claimed else f"{ONE_POPULATION}/features/1"
    named = ("expected_agreement", "relative_entropy", "stability", "agreement", "separation")
    return Evidence(
        verdict=judgement.verdict,
        k=best_k if claimed else 1,
        best_k=best_k,
        rules=judgement.rules,
        null_test=test,
        power=figures.power,
        why=" ".join(filter(None, (judgement.why, rests_on))),
        would_change=judgement.would_change,
        type_stability=stability_table(stability.jaccard, replicates.reference),
        site_stability=pd.Series(stability.per_site, index=list(sites), name="stability"),
        candidates=candidate_table(candidates, name),
        figures={
            **{which: float(getattr(figures, which)) for which in named},
            "sites": float(figures.sites),
            "smallest_type": float(figures.smallest_type),
            **further,
        },
        replicates=replicates,
    )
