"""What a run says in MLflow: its name, parameters, metrics and tags (docs/contracts/mlflow.md)."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

import site_typology
from site_typology.experiments.environment import commit_of
from site_typology.experiments.origin import Origin
from site_typology.results import Candidate, Evidence

if TYPE_CHECKING:
    from site_typology.typology import Typology

PROPOSED, NO_STATUS = "proposed", "candidate"
"""Status of a proposal that nobody has decided on, and of the candidates beside it."""

CANDIDATE_METRICS = (
    "n_types",
    "unassigned",
    "stability",
    "min_stability",
    "silhouette",
    "agreement",
    "smallest_type",
)
"""Metrics of every candidate, and of the summary for the proposal; columns of the candidates."""


@dataclass(frozen=True)
class RunRecord:
    """One run before it is logged.

    Parameters
    ----------
    name : str
        As a person reads it in the list.
    parameters : mapping of str to str
    metrics : mapping of str to float
        Finite figures only: one that could not be computed is left out.
    tags : mapping of str to str
    """

    name: str
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


def common_tags(typology: Typology, origin: Origin) -> dict[str, str]:
    """Return the tags that every run of one proposal carries.

    Parameters
    ----------
    typology : Typology
    origin : Origin

    Returns
    -------
    dict of str to str
        Empty ones are left out.
    """
    environment = origin.environment
    tags = {
        "study": origin.study,
        "study_hash": origin.study_hash,
        "data_hash": typology.profiles.hash,
        "code_version": environment.get("site_typology", site_typology.__version__),
        "git_commit": environment.get("git_commit", ""),
        "study_commit": _commit(origin.study_file),
        "specification": origin.specification,
        "verdict": typology.evidence.verdict,
        "seed": str(typology.seed),
        "batch": origin.batch,
        "mlflow.source.name": "site-typology",
        "mlflow.source.type": "LOCAL",
    }
    return {name: value for name, value in tags.items() if value}


def _commit(file: Path | None) -> str:
    return commit_of(file) if file is not None and file.is_file() else ""


def candidate_record(
    candidate: Mapping[str, Any], details: Candidate | None, tags: Mapping[str, str]
) -> RunRecord:
    """Describe the run of one candidate.

    Parameters
    ----------
    candidate : mapping
        A row of ``Evidence.candidates``.
    details : Candidate or None
        The candidate itself, for the stability of each of its types.
    tags : mapping of str to str
        See `common_tags`.

    Returns
    -------
    RunRecord

    Examples
    --------
    >>> row = {"name": "ward/pca/3", "algorithm": "ward", "space": "pca", "k": 3,
    ...        "stability": 0.8, "proposed": False}
    >>> candidate_record(row, None, {"seed": "1"}).name
    'ward / pca / k=3'
    """
    proposed = bool(candidate["proposed"])
    algorithm = str(candidate["algorithm"]).replace("_", " ")
    words = [algorithm, candidate["space"], f"k={candidate['k']}"]
    name = algorithm if candidate["k"] == 1 else " / ".join(words)
    metrics = {metric: candidate.get(metric) for metric in CANDIDATE_METRICS}
    if details is not None:
        stability = details.type_stability
        metrics |= {f"type_stability/{type_}": value for type_, value in stability.items()}
    return RunRecord(
        name=f"PROPOSED: {name}" if proposed else name,
        parameters={key: str(candidate[key]) for key in ("algorithm", "space", "k")},
        metrics=_finite(metrics),
        tags={
            **tags,
            "kind": "candidate",
            "candidate": str(candidate["name"]),
            "family": f"{candidate['algorithm']} / {candidate['space']}",
            "proposed": str(proposed).lower(),
            "status": PROPOSED if proposed else NO_STATUS,
        },
    )


def summary_record(typology: Typology, tags: Mapping[str, str], origin: Origin) -> RunRecord:
    """Describe the summary run of a proposal: the evidence, the settings, the proposal itself."""
    evidence = typology.evidence
    types = f"{evidence.k} types" if evidence.claimed else "no types claimed"
    built = typology.profiles.select(use="build")
    metrics = _evidence_metrics(evidence) | {
        "sites": float(len(typology.profiles.sites)),
        "features": float(len(built.features)),
        "missing_share": float(built.values.isna().to_numpy().mean()),
        "seconds": origin.seconds,
        **origin.explanation,
        **origin.specifications,
    }
    words = [evidence.why, evidence.would_change, *origin.name_notes]
    return RunRecord(
        name=f"SUMMARY: {evidence.verdict}, {types}",
        parameters=_settings(typology) | {"seed": str(typology.seed)},
        metrics=_finite(metrics),
        tags={
            **tags,
            "kind": "summary",
            "k": str(evidence.k),
            "status": PROPOSED,
            "mlflow.note.content": "\n\n".join(words),
        },
    )


def _evidence_metrics(evidence: Evidence) -> dict[str, Any]:
    # The mean agreement of other algorithms is a rule's figure; the proposal's own is 1.
    metrics: dict[str, Any] = dict(evidence.figures)
    metrics.pop("agreement", None)
    proposed = evidence.candidates[evidence.candidates["proposed"].astype(bool)]
    if len(proposed):
        metrics |= {
            name: proposed.iloc[0].get(name) for name in CANDIDATE_METRICS if name != "agreement"
        }
    metrics |= {
        "k": evidence.k,
        "best_k": evidence.best_k,
        "p_value": evidence.p_value,
        "p_value_error": evidence.null_test.monte_carlo_error,
        "standardised_gain": evidence.null_test.observed,
        "rules_held": sum(rule.holds for rule in evidence.rules),
        "rules": len(evidence.rules),
    }
    if evidence.power is not None:
        metrics["smallest_separation"] = evidence.power.smallest_separation
    metrics |= {f"rule/{rule.name}": rule.figure for rule in evidence.rules}
    return metrics | _number_metrics(evidence) | _axis_metrics(evidence)


def _number_metrics(evidence: Evidence) -> dict[str, Any]:
    """How often resamples choose each number of types, and the number chosen here among them."""
    table = evidence.number_of_types.set_index("k")["share"]
    shares = {f"number_share/{k}": share for k, share in table.items()}
    chosen = evidence.best_k if evidence.claimed or evidence.unplaced else 1
    return {**shares, "number_share": table.get(chosen)} if shares else {}


def _axis_metrics(evidence: Evidence) -> dict[str, Any]:
    """Whether sites lie along one axis, and the figure of each rule of that."""
    if evidence.axis is None:
        return {}
    rules = {f"axis/{rule.name}": rule.figure for rule in evidence.axis.rules}
    return {"is_continuum": float(evidence.axis.is_continuum), **rules}


def _settings(typology: Typology) -> dict[str, str]:
    return {
        field.name: _text(getattr(typology.settings, field.name))
        for field in dataclasses.fields(typology.settings)
    }


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _finite(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Keep figures that were computed, under names that MLflow takes."""
    kept = {}
    for name, value in metrics.items():
        if value is not None and not pd.isna(value) and math.isfinite(float(value)):
            kept[re.sub(r"[^\w\-. :/]", "_", name)] = float(value)
    return kept
