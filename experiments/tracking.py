"""Log a finished typology to MLflow: a flat run for each candidate, one summary, one model."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from site_typology.errors import Problem
from site_typology.experiments.logged_model import PROPOSED, log_model, model_name, register
from site_typology.experiments.profile_rows import wide_rows
from site_typology.experiments.records import (
    Origin,
    RunRecord,
    candidate_record,
    common_tags,
    summary_record,
)
from site_typology.experiments.store import Store, TrackingError, open_store, tracking
from site_typology.output import CONTRACT
from site_typology.spreadsheet import neutralise

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput

    from site_typology.explain import Explanation
    from site_typology.typology import Typology

LOCAL_PAGE = "http://127.0.0.1:5000"
"""Where ``mlflow ui`` shows itself."""

DIGEST_LENGTH = 32
"""Characters of the data hash that stand as the digest of the dataset (MLflow keeps 36)."""

# MLflow shows runs and models instead of its pages for language models.
_EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}


@dataclass(frozen=True)
class Tracked:
    """Where a typology stands in MLflow.

    Parameters
    ----------
    store : Store
    experiment, experiment_id : str
    summary_run : str
        Run id.
    candidate_runs : mapping of str to str
        Run id of each candidate.
    model, model_version : str
        Registered model.
    """

    store: Store
    experiment: str
    experiment_id: str
    summary_run: str
    candidate_runs: Mapping[str, str]
    model: str
    model_version: str

    @property
    def model_uri(self) -> str:
        """URI that always leads to the study's latest proposal."""
        return f"models:/{self.model}@{PROPOSED}"

    @property
    def command(self) -> str:
        """The command that opens a local store; ``""`` for a server."""
        if self.store.artifacts is None:
            return ""
        return f"mlflow ui --backend-store-uri {shlex.quote(self.store.shown)}"

    @property
    def page(self) -> str:
        """Address of the list of runs, once the server or the command runs."""
        server = LOCAL_PAGE if self.store.artifacts else self.store.shown.rstrip("/")
        return f"{server}/#/experiments/{self.experiment_id}/runs?workflowType=machine_learning"


def log_typology(
    typology: Typology,
    origin: Origin,
    store: Store,
    *,
    folder: str | Path | None = None,
    explanation: Explanation | None = None,
    further: Mapping[str, float] | None = None,
) -> Tracked:
    """Log a typology with its evidence, its candidates and its files.

    Parameters
    ----------
    typology : Typology
    origin : Origin
        The study it belongs to.
    store : Store
        See `choose_store`.
    folder : str or Path, optional
        Output folder of the run; its files are logged with the summary.
    explanation : Explanation, optional
        Gives the fidelity of the explanation as a metric.
    further : mapping of str to float, optional
        More metrics of the summary.

    Returns
    -------
    Tracked

    Raises
    ------
    TrackingError
        The store does not answer, or refused something. What stands in `folder` is kept.
    """
    client = open_store(store)
    tags = common_tags(typology, origin)
    details = {candidate.name: candidate for candidate in typology.candidates}
    with tracking(store):
        experiment_id = _experiment(client, origin.study, store)
        dataset = _dataset(typology, tags["data_hash"], origin)
        runs: dict[str, str] = {}
        # MLflow lists the newest first: logged backwards, the list reads as the table does.
        for row in reversed(typology.evidence.candidates.to_dict("records")):
            name = str(row["name"])
            record = candidate_record(
                {str(key): value for key, value in row.items()}, details.get(name), tags
            )
            runs[name] = _log_run(client, experiment_id, record, dataset)
        record = summary_record(typology, tags, explanation, further)
        summary = _start(client, experiment_id, record, dataset)
        try:
            _log_files(client, summary, typology, Path(folder) if folder else None)
            info = log_model(typology, summary)
            kept = ("study", "study_hash", "data_hash", "code_version", "verdict", "batch")
            version = register(
                client,
                model_name(origin.study),
                info,
                summary,
                typology.evidence.why,
                {name: tags[name] for name in kept if name in tags},
            )
        except BaseException:  # An interrupt too must not leave the run open; raised again below.
            client.set_terminated(summary, "FAILED")
            raise
    name = model_name(origin.study)
    return Tracked(store, origin.study, experiment_id, summary, runs, name, version)


def _experiment(client: MlflowClient, name: str, store: Store) -> str:
    found = client.get_experiment_by_name(name)
    if found is None:
        place = (store.artifacts / model_name(name)).as_uri() if store.artifacts else None
        return str(client.create_experiment(name, artifact_location=place, tags=_EXPERIMENT_TAGS))
    if found.lifecycle_stage == "deleted":
        remedy = f"Restore it: mlflow experiments restore -x {found.experiment_id}"
        raise TrackingError(
            f"MLflow at {store.shown}",
            [Problem("tracking", f"Experiment {name!r} was deleted. {remedy}")],
        )
    return str(found.experiment_id)


def _dataset(typology: Typology, data_hash: str, origin: Origin) -> DatasetInput:
    """Describe the profiles as MLflow's dataset: columns, size and a digest, not the data."""
    import mlflow
    from mlflow.entities import DatasetInput, InputTag

    numeric = typology.profiles.select(use="build")
    dataset = mlflow.data.from_pandas(
        wide_rows(numeric).reset_index(),
        source=str(origin.study_file) if origin.study_file else None,
        name="profiles",
        digest=data_hash[:DIGEST_LENGTH],
    )
    return DatasetInput(dataset._to_mlflow_entity(), [InputTag("mlflow.data.context", "profiles")])


def _start(
    client: MlflowClient, experiment_id: str, record: RunRecord, dataset: DatasetInput
) -> str:
    """Open a run with all its figures in one batch; several times faster than call by call."""
    from mlflow.entities import Metric, Param

    run = client.create_run(experiment_id, tags=dict(record.tags), run_name=record.name)
    run_id = str(run.info.run_id)
    now = int(time.time() * 1000)
    client.log_batch(
        run_id,
        metrics=[Metric(name, value, now, 0) for name, value in record.metrics.items()],
        params=[Param(name, value) for name, value in record.parameters.items()],
    )
    client.log_inputs(run_id, [dataset])
    return run_id


def _log_run(
    client: MlflowClient, experiment_id: str, record: RunRecord, dataset: DatasetInput
) -> str:
    run_id = _start(client, experiment_id, record, dataset)
    client.set_terminated(run_id)
    return run_id


def _log_files(client: MlflowClient, run_id: str, typology: Typology, folder: Path | None) -> None:
    candidates = typology.evidence.candidates
    client.log_table(run_id, candidates.astype(object), "tables/candidates.json")
    client.log_table(run_id, _rules(typology), "tables/rules.json")
    client.log_text(run_id, _labels(typology).to_csv(index=False), "tables/candidate_labels.csv")
    if folder is None:
        client.log_text(run_id, neutralise(candidates).to_csv(index=False), "candidates.csv")
        client.log_dict(run_id, typology.evidence.to_dict(), "evidence.json")
        return
    for name in CONTRACT:
        path = folder / name
        if path.is_dir() and name != "typology":
            client.log_artifacts(run_id, str(path), name)
        elif path.is_file():
            client.log_artifact(run_id, str(path))


def _rules(typology: Typology) -> pd.DataFrame:
    rules: list[dict[str, Any]] = [rule.to_dict() for rule in typology.evidence.rules]
    columns = ["name", "figure", "relation", "threshold", "holds", "meaning"]
    return pd.DataFrame(rules, columns=columns).astype(object)


def _labels(typology: Typology) -> pd.DataFrame:
    """One row a site, one column a candidate: who is with whom under each choice."""
    labels = {candidate.name: candidate.labels for candidate in typology.candidates}
    return neutralise(pd.DataFrame(labels).rename_axis("site").reset_index())
