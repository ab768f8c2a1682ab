"""Candidates: every algorithm, space and number of types, tried beside the proposal."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from site_typology.candidate_material import Material, Specification, by_size
from site_typology.models.clusterers import CLUSTERERS, NO_TYPE, Partition, View
from site_typology.models.parallel import Kept, Progress, run_tasks
from site_typology.models.resampling import (
    Stability,
    adjusted_rand,
    bootstrap_stability,
    derived_seed,
    draws_consensus,
    kmeans_stability,
)
from site_typology.models.stability import silhouette
from site_typology.models.unimodal import add_errors
from site_typology.models.working import WorkingData
from site_typology.results import Candidate

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

ONE_POPULATION: Final = "one_population"
COLUMNS: Final = (
    "name",
    "algorithm",
    "space",
    "k",
    "n_types",
    "unassigned",
    "stability",
    "min_stability",
    "silhouette",
    "agreement",
    "smallest_type",
    "proposed",
)
"""Columns of the table of candidates."""


@dataclass(frozen=True)
class Tried:
    """What came of one specification.

    Parameters
    ----------
    labels : ndarray of int, shape (n_sites,)
        Types 1, 2, ... from the largest to the smallest; 0 where a site has none.
    reasons : ndarray of str, shape (n_sites,)
        Why sites have none; ``""`` where they have one.
    stability : Stability
    silhouette : float
    """

    specification: Specification
    labels: Labels
    reasons: NDArray[np.str_]
    stability: Stability
    silhouette: float

    @classmethod
    def of(cls, specification: Specification, arrays: tuple[np.ndarray, ...]) -> Tried:
        """Make it from the arrays that a task gives, in order of the fields."""
        labels, reasons, *stability, value = arrays
        return cls(specification, labels, reasons, Stability(*stability), float(value))


def try_candidates(
    listed: Sequence[Specification],
    material: Material,
    bootstraps: int,
    seed: int,
    *,
    given: Mapping[str, Labels] | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    kept: Kept | None = None,
) -> list[Tried]:
    """Fit every candidate to the plausible values and to bootstraps of the sites.

    Parameters
    ----------
    listed : sequence of Specification
    material : Material
    bootstraps : int
        Replicates a candidate; each goes with the next set of plausible values, so that their
        spread holds both sources.
    seed : int
        Each candidate has its own stream by its name: leaving one out changes no other.
    given : mapping of str to ndarray, optional
        Labels by name of a candidate that was fitted before.
    workers, progress, kept
        As in `run_tasks`.
    """
    task = partial(_try, material=material, bootstraps=bootstraps, seed=seed, given=given or {})
    found = run_tasks(
        task, listed, workers=workers, progress=progress, stage="candidates", kept=kept
    )
    return [Tried.of(one, arrays) for one, arrays in zip(listed, found, strict=True)]


def as_candidates(
    tried: Sequence[Tried], proposal: Labels, sites: Sequence[str], apart: Mapping[str, str]
) -> tuple[Candidate, ...]:
    """Turn what was tried into candidates, after one with a single type.

    Parameters
    ----------
    tried : sequence of Tried
    proposal : ndarray of int, shape (n_sites,)
        Labels to agree with.
    sites : sequence of str
        Sites of the labels.
    apart : mapping of str to str
        Reason by site for those with too little data; they stand in every candidate.
    """
    one = Partition(np.ones(len(sites), dtype=np.int64))
    unseen = np.full((0, len(sites)), np.nan)
    nothing = Stability(np.full((0, 1), np.nan), unseen, unseen.astype(np.int32))
    named = Specification(ONE_POPULATION, "features", 1)
    single = Tried(named, one.labels, one.reasons, nothing, float("nan"))
    return tuple(_candidate(item, proposal, sites, apart) for item in (single, *tried))


def candidate_table(candidates: Sequence[Candidate], proposed: str) -> pd.DataFrame:
    """One row a candidate; columns `COLUMNS`."""
    rows = []
    for candidate in candidates:
        metrics = dict(candidate.metrics)
        rows.append(
            {
                "name": candidate.name,
                "algorithm": candidate.algorithm,
                "space": candidate.space,
                "k": candidate.k,
                "n_types": int(metrics["n_types"]),
                "unassigned": int(metrics["unassigned"]),
                "stability": candidate.stability,
                "min_stability": metrics["min_stability"],
                "silhouette": metrics["silhouette"],
                "agreement": metrics["agreement"],
                "smallest_type": int(metrics["smallest_type"]),
                "proposed": candidate.name == proposed,
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _try(
    specification: Specification,
    *,
    material: Material,
    bootstraps: int,
    seed: int,
    given: Mapping[str, Labels],
) -> tuple[np.ndarray, ...]:
    """Fit one candidate: what `Tried.of` takes."""
    clusterer = CLUSTERERS[specification.algorithm]
    space = material.space(specification.space)
    own = derived_seed(seed, specification.name)
    points = space.transform(material.means)
    if specification.name in given:
        found = Partition(given[specification.name])
    else:
        found = draws_consensus(
            clusterer,
            specification.k,
            space,
            material.data,
            material.means,
            material.draws,
            own,
            None if material.natural is None else material.natural.at,
        )
    labels, _ = by_size(found.labels, points)
    stability = candidate_stability(specification, labels, material, bootstraps, own)
    value = np.array(silhouette(points, labels))
    replicates = stability.jaccard, stability.kept, stability.labels
    return labels, found.reasons, *replicates, value


def candidate_stability(
    specification: Specification, labels: Labels, material: Material, bootstraps: int, seed: int
) -> Stability:
    """Refit one candidate on bootstraps of the sites, each with the next plausible values.

    Parameters
    ----------
    specification : Specification
    labels : ndarray of int, shape (n_sites,)
        Its types, to compare with.
    material : Material
    bootstraps : int
    seed : int
        Of the candidate alone.
    """
    clusterer = CLUSTERERS[specification.algorithm]
    draws = material.space(specification.space).transform(material.draws)
    if specification.algorithm == "kmeans":
        return kmeans_stability(draws, specification.k, labels, bootstraps, seed)
    natural = [material.laid_out(draw) for draw in material.draws] if clusterer.natural else []

    def fit(drawn: NDArray[np.intp], replicate: int) -> Partition:
        at = replicate % len(draws)
        measured = material.data
        if not clusterer.over_draws:
            # It knows of errors and sees the sites measured again, the others their true values.
            rng = np.random.default_rng(derived_seed(seed, f"errors of replicate {replicate}"))
            measured = add_errors(material.draws[at], material.data, rng)
        own = natural[at] if natural else None
        laid_out = None if own is None else own.rows(drawn)
        view = View(draws[at, drawn], rows_of(measured, drawn), laid_out)
        return clusterer.fit(view, specification.k, derived_seed(seed, f"replicate {replicate}"))

    return bootstrap_stability(fit, labels, bootstraps, seed)


def rows_of(data: WorkingData, at: NDArray[np.intp]) -> WorkingData:
    """Keep some sites."""
    return dataclasses.replace(
        data,
        values=data.values[at],
        errors=data.errors[at],
        sites=tuple(data.sites[place] for place in at),
    )


def _candidate(
    tried: Tried, proposal: Labels, sites: Sequence[str], apart: Mapping[str, str]
) -> Candidate:
    specification, labels = tried.specification, tried.labels
    numbers, sizes = np.unique(labels[labels != NO_TYPE], return_counts=True)
    per_type = tried.stability.per_type
    types = pd.Index(range(1, len(per_type) + 1), name="type")
    metrics = {
        "n_types": float(len(numbers)),
        "unassigned": float((labels == NO_TYPE).sum()),
        "min_stability": float(per_type.min()) if len(per_type) else float("nan"),
        "silhouette": tried.silhouette,
        "agreement": adjusted_rand(labels, proposal) if len(numbers) > 1 else float("nan"),
        "smallest_type": float(sizes.min()) if len(sizes) else 0.0,
    }
    every = [*sites, *apart]
    numbered = [None if label == NO_TYPE else int(label) for label in labels]
    return Candidate(
        name=specification.name,
        algorithm=specification.algorithm,
        space=specification.space,
        k=specification.k or len(numbers),
        labels=pd.Series(
            pd.array([*numbered, *[None] * len(apart)], "Int64"),
            index=every,
            name="type",
        ),
        reasons=pd.Series(
            [*tried.reasons, *apart.values()], index=every, name="reason", dtype="str"
        ),
        stability=float(per_type.mean()) if len(per_type) else float("nan"),
        type_stability=pd.Series(per_type, index=types, name="stability"),
        metrics=metrics,
    )
