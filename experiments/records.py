"""What a run says in MLflow: its name, parameters, metrics and tags (docs/contracts/mlflow.md)."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import site_typology
from site_typology.results import Candidate, Evidence

if TYPE_CHECKING:
    from site_typology.explain import Explanation
    from site_typology.typology import Typology

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


@dataclass(frozen=True)
class Origin:
    """Where a typology comes from, for its tags.

    Parameters
    ----------
    study : str
        Name of the study; names the experiment and the registered model too.
    study_hash : str
        SHA-256 of the study file; ``""`` where there is none.
    study_file : Path, optional
        Looked up in git, where it is kept there.
    """

    study: str
    study_hash: str = ""
    study_file: Path | None = None


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
    data_hash = typology.profiles.hash
    settings = json.dumps(_settings(typology), sort_keys=True)
    same = hashlib.sha256(f"{data_hash} {settings} {typology.seed}".encode()).hexdigest()
    tags = {
        "study": origin.study,
        "study_hash": origin.study_hash,
        "data_hash": data_hash,
        "code_version": site_typology.__version__,
        "git_commit": commit_of(Path(site_typology.__file__)),
        "study_commit": commit_of(origin.study_file) if origin.study_file else "",
        "verdict": typology.evidence.verdict,
        "seed": str(typology.seed),
        "batch": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {same[:8]}",
        "mlflow.source.name": "site-typology",
        "mlflow.source.type": "LOCAL",
    }
    return {name: value for name, value in tags.items() if value}


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
        tags={**tags, "kind": "candidate", "proposed": str(proposed).lower()},
    )


def summary_record(
    typology: Typology,
    tags: Mapping[str, str],
    explanation: Explanation | None = None,
    further: Mapping[str, float] | None = None,
) -> RunRecord:
    """Describe the summary run of a proposal: the evidence, the settings, the proposal itself."""
    evidence = typology.evidence
    types = f"{evidence.k} types" if evidence.claimed else "no types claimed"
    built = typology.profiles.select(use="build")
    metrics = _evidence_metrics(evidence) | {
        "sites": float(len(typology.profiles.sites)),
        "features": float(len(built.features)),
        "missing_share": float(built.values.isna().to_numpy().mean()),
    }
    if explanation is not None:
        metrics |= {
            "fidelity": explanation.fidelity,
            "fidelity_sd": explanation.fidelity_sd,
            "fidelity_chance": explanation.chance,
        }
    return RunRecord(
        name=f"SUMMARY: {evidence.verdict}, {types}",
        parameters=_settings(typology) | {"seed": str(typology.seed)},
        metrics=_finite({**metrics, **(further or {})}),
        tags={
            **tags,
            "kind": "summary",
            "k": str(evidence.k),
            "mlflow.note.content": f"{evidence.why}\n\n{evidence.would_change}",
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
    return metrics | {f"rule/{rule.name}": rule.figure for rule in evidence.rules}


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
        if value is not None and not _missing(value) and math.isfinite(float(value)):
            kept[re.sub(r"[^\w\-. :/]", "_", name)] = float(value)
    return kept


def _missing(value: Any) -> bool:
    import pandas as pd

    return bool(pd.isna(value))


def commit_of(file: Path) -> str:
    """Return the git commit that `file` is kept in, with ``-dirty`` where anything has changed.

    Returns
    -------
    str
        ``""`` where git does not keep the file, or is not installed.
    """
    known = ["ls-files", "--error-unmatch", file.name]
    described = ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    return _git(described, file.parent) if _git(known, file.parent) else ""


def _git(arguments: Iterable[str], folder: Path) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - a fixed list of words and a file name, no shell
            ["git", *arguments],  # noqa: S607 - git stands elsewhere on every machine
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
