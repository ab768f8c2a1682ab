"""Typologies as files: everything that assignment, evidence and reports need, never a pickle."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from site_typology import __version__
from site_typology.assign import Assigner
from site_typology.errors import Problem, StudyError
from site_typology.feature_info import FeatureInfo
from site_typology.models.bundle import MANIFEST, Bundle, read_bundle, write_bundle
from site_typology.models.mixture import TypeModel
from site_typology.models.plausible import Population
from site_typology.models.working import WorkingScale
from site_typology.profiles import SiteProfiles
from site_typology.replicates import REPLICATES, Replicates
from site_typology.results import Candidate, Evidence
from site_typology.settings import ProposeSettings
from site_typology.typical_errors import TypicalError
from site_typology.typology import Typology

KIND = "typology"
PROFILES = "profiles"
MEMBERSHIPS = "memberships.parquet"
CANDIDATES = "candidates.parquet"
NEEDED = (
    MEMBERSHIPS,
    CANDIDATES,
    *(f"{PROFILES}/{name}.parquet" for name in ("profiles", "ledger", "response")),
    f"{PROFILES}/features.json",
)
"""Files that a typology cannot be read without, beside those of every bundle."""


def check_saved(folder: Path, given: str | Path, remedy: str) -> None:
    """Refuse a folder that no typology was saved in, by the name that somebody gave.

    Examples
    --------
    >>> check_saved(Path("nowhere"), "nowhere", "Give the folder of a run.")
    Traceback (most recent call last):
    ...
    site_typology.errors.StudyError: nowhere: 1 problem
      folder  No typology in nowhere. Give the folder of a run.
    """
    if not (folder / MANIFEST).is_file():
        problem = Problem("folder", f"No typology in {given}. {remedy}")
        raise StudyError(str(given), [problem])


def save_typology(typology: Typology, folder: str | Path) -> Path:
    """Write a typology, whole or not at all.

    Parameters
    ----------
    typology : Typology
    folder : str or Path
        Made if needed; an earlier typology there is replaced.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    StudyError
        The folder holds something else, or cannot be written.
    """

    def fill(staging: Path) -> None:
        typology.profiles.save(staging / PROFILES)
        typology.memberships.to_parquet(staging / MEMBERSHIPS, index=False)
        _candidate_rows(typology.candidates).to_parquet(staging / CANDIDATES, index=False)

    arrays = {
        "population_mean": typology.population.mean,
        "population_covariance": typology.population.covariance,
        "posterior_means": typology.posterior_means.to_numpy(),
        "reference_maxima": typology.evidence.null_test.reference_maxima,
        **(typology.evidence.replicates.to_arrays() if typology.evidence.replicates else {}),
    }
    return write_bundle(folder, KIND, _content(typology), arrays, fill)


def load_typology(folder: str | Path) -> Typology:
    """Read what `save_typology` wrote.

    Raises
    ------
    StudyError
        No typology there, of another format version, or damaged.
    """
    bundle = read_bundle(folder, KIND, needed=NEEDED)
    try:
        return _typology(bundle)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        message = f"Cannot be understood ({error}). Save the typology again from its study."
        raise StudyError(str(folder), [Problem("content.json", message)]) from error


def _content(typology: Typology) -> dict[str, Any]:
    assigner = typology.assigner
    return {
        "name": typology.name,
        "site_typology": __version__,
        "seed": int(typology.seed),
        "settings": typology.settings.to_dict(),
        "features": [info.to_dict() for info in assigner.features],
        "scale": assigner.scale.to_dict(),
        "model": assigner.model.to_dict(),
        "names": {str(number): name for number, name in assigner.names.items()},
        "min_observed": assigner.min_observed,
        "reach": assigner.reach,
        "errors": {name: typical.to_dict() for name, typical in assigner.errors.items()},
        "no_claim": assigner.no_claim,
        "evidence": typology.evidence.to_dict(),
        "candidates": [_candidate_content(candidate) for candidate in typology.candidates],
        "sites": [str(site) for site in typology.posterior_means.index],
    }


def _typology(bundle: Bundle) -> Typology:
    content = bundle.content
    assigner = Assigner(
        features=tuple(FeatureInfo.from_dict(info) for info in content["features"]),
        scale=WorkingScale.from_dict(content["scale"]),
        model=TypeModel.from_dict(content["model"]),
        names={int(number): name for number, name in content["names"].items()},
        min_observed=content["min_observed"],
        reach=content["reach"],
        errors={name: TypicalError.from_dict(own) for name, own in content["errors"].items()},
        no_claim=content["no_claim"],
        sites=len(content["sites"]),
    )
    means = pd.DataFrame(
        bundle.arrays["posterior_means"],
        index=pd.Index(content["sites"], name="site", dtype="str"),
        columns=list(assigner.scale.columns),
    )
    memberships = pd.read_parquet(bundle.folder / MEMBERSHIPS)
    return Typology(
        name=content["name"],
        profiles=SiteProfiles.load(bundle.folder / PROFILES),
        assigner=assigner,
        population=Population(
            bundle.arrays["population_mean"], bundle.arrays["population_covariance"]
        ),
        evidence=_evidence(bundle),
        candidates=_candidates(bundle),
        memberships=memberships,
        posterior_means=means,
        settings=ProposeSettings.from_dict(content["settings"]),
        seed=content["seed"],
    )


def _evidence(bundle: Bundle) -> Evidence:
    evidence = Evidence.from_dict(bundle.content["evidence"])
    test = dataclasses.replace(
        evidence.null_test, reference_maxima=bundle.arrays["reference_maxima"]
    )
    kept = any(name.startswith(REPLICATES) for name in bundle.arrays)
    replicates = Replicates.from_arrays(bundle.arrays) if kept else None
    return dataclasses.replace(evidence, null_test=test, replicates=replicates)


def _candidate_rows(candidates: tuple[Candidate, ...]) -> pd.DataFrame:
    rows = [
        pd.DataFrame(
            {
                "name": candidate.name,
                "site": candidate.labels.index.astype("str"),
                "type": candidate.labels.array,
                "reason": candidate.reasons.array,
            }
        )
        for candidate in candidates
    ]
    return pd.concat(rows, ignore_index=True)


def _candidate_content(candidate: Candidate) -> dict[str, Any]:
    return {
        "name": candidate.name,
        "algorithm": candidate.algorithm,
        "space": candidate.space,
        "k": int(candidate.k),
        "stability": _or_none(candidate.stability),
        "type_stability": [_or_none(value) for value in candidate.type_stability],
        "metrics": {name: _or_none(value) for name, value in candidate.metrics.items()},
    }


def _candidates(bundle: Bundle) -> tuple[Candidate, ...]:
    rows = pd.read_parquet(bundle.folder / CANDIDATES)
    found = []
    for content in bundle.content["candidates"]:
        own = rows[rows["name"] == content["name"]].set_index("site").rename_axis(None)
        found.append(_candidate(content, own))
    return tuple(found)


def _candidate(content: Mapping[str, Any], rows: pd.DataFrame) -> Candidate:
    stability = [_or_nan(value) for value in content["type_stability"]]
    types = pd.Index(range(1, len(stability) + 1), name="type")
    return Candidate(
        name=content["name"],
        algorithm=content["algorithm"],
        space=content["space"],
        k=content["k"],
        labels=rows["type"].astype("Int64"),
        reasons=rows["reason"].astype("str"),
        stability=_or_nan(content["stability"]),
        type_stability=pd.Series(stability, index=types, name="stability", dtype=float),
        metrics={name: _or_nan(value) for name, value in content["metrics"].items()},
    )


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else float(value)
