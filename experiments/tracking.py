"""Log a finished typology to MLflow: a flat run for each candidate, one summary, one model."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from site_typology.errors import Problem
from site_typology.experiments.batch import SUMMARY, Batch, Told
from site_typology.experiments.logged_model import log_model, ready_model
from site_typology.experiments.origin import Origin
from site_typology.experiments.profile_rows import wide_rows
from site_typology.experiments.records import candidate_record, common_tags, summary_record
from site_typology.experiments.registry import NAME_TAG, PROPOSED, model_name, register
from site_typology.experiments.store import Store, TrackingError, open_store, tracking
from site_typology.output import CONTRACT, RUN_FILE
from site_typology.spreadsheet import neutralise

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput

    from site_typology.typology import Typology

LOCAL_PAGE = "http://127.0.0.1:5000"
"""Where ``mlflow ui`` shows itself."""

DIGEST_LENGTH = 32
"""Characters of the data hash that stand as the digest of the dataset (MLflow keeps 36)."""

VIEW = "site-typology"
COLUMNS = (
    "attributes.`Created`",
    *(f"tags.`{name}`" for name in ("verdict", "status", "reviewer")),
    *(
        f"metrics.`{name}`"
        for name in ("agreement", "is_continuum", "k", "min_stability", "number_share", "p_value")
    ),
)
"""Columns of the list of runs that the link leads to; all others are a click away."""
TABLES = ("tables/candidates.json", "tables/rules.json")

# MLflow shows runs and models instead of its pages for language models, and keeps shared views as
# tags. It shows JSON as a table where a tag of the run says that it is one.
_EXPERIMENT_TAGS = {
    "mlflow.experimentKind": "custom_model_development",
    f"mlflow.sharedViewState.{VIEW}": json.dumps({"selectedColumns": COLUMNS}),
}
_TABLES_TAG = {
    "mlflow.loggedArtifacts": json.dumps([{"path": name, "type": "table"} for name in TABLES])
}


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
        runs = f"{server}/#/experiments/{self.experiment_id}/runs"
        return f"{runs}?workflowType=machine_learning&viewStateShareKey={VIEW}"


def log_typology(
    typology: Typology,
    origin: Origin,
    store: Store,
    *,
    folder: str | Path | None = None,
    progress: Told | None = None,
) -> Tracked:
    """Log a typology with its evidence, its candidates and its files.

    What an earlier attempt has logged of the same batch is kept, and the rest added.

    Parameters
    ----------
    typology : Typology
    origin : Origin
        The study it belongs to, and how it was made.
    store : Store
        See `choose_store`.
    folder : str or Path, optional
        Output folder of the run; its files are logged with the summary.
    progress : callable, optional
        Called with ``"tracking"`` and the share that is logged.

    Returns
    -------
    Tracked

    Raises
    ------
    TrackingError
        The store does not answer, or refused something. What stands in `folder` is kept.
    """
    client = open_store(store)
    origin = origin.settled(typology)
    tags = common_tags(typology, origin)
    with tracking(store):
        experiment_id = _experiment(client, origin.study, store)
        datasets = _datasets(typology, origin)
        batch = Batch(client, experiment_id, origin.batch, origin.milliseconds, datasets).look_up()
        runs = _log_candidates(batch, typology, tags, progress or (lambda step, done: None))
        record = summary_record(typology, {**tags, **_TABLES_TAG}, origin)
        whole = batch.is_finished(SUMMARY)
        summary = batch.start(SUMMARY, record, 0)
        try:
            if not whole:
                _log_files(client, summary, typology, Path(folder) if folder else None)
                _log_json(client, summary, origin.to_dict(typology), RUN_FILE)
            version = _registered(client, typology, origin, tags, summary, experiment_id)
        except BaseException:  # An interrupt too must not leave the run open; raised again below.
            batch.finish(summary, "FAILED")
            raise
        batch.finish(summary)
    name = model_name(origin.study)
    return Tracked(store, origin.study, experiment_id, summary, runs, name, version)


def _log_candidates(
    batch: Batch, typology: Typology, tags: Mapping[str, str], told: Told
) -> dict[str, str]:
    details = {candidate.name: candidate for candidate in typology.candidates}
    rows = typology.evidence.candidates.to_dict("records")
    runs: dict[str, str] = {}
    for place, row in enumerate(rows, start=1):
        name = str(row["name"])
        record = candidate_record(
            {str(key): value for key, value in row.items()}, details.get(name), tags
        )
        runs[name] = batch.log(name, record, place)
        told("tracking", place / (len(rows) + 1))
    return runs


def _registered(
    client: MlflowClient,
    typology: Typology,
    origin: Origin,
    tags: Mapping[str, str],
    run_id: str,
    experiment_id: str,
) -> str:
    """Log and register the model, unless an earlier attempt has; return its version."""
    kept = ("study", "study_hash", "data_hash", "code_version", "verdict", "batch")
    names = {f"{NAME_TAG}{number}": name for number, name in origin.names.items()}
    known = ready_model(client, experiment_id, run_id)
    return register(
        client,
        model_name(origin.study),
        known or log_model(typology, run_id),
        run_id,
        typology.evidence.why,
        {name: tags[name] for name in kept if name in tags} | names,
    )


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
    for tag, value in _EXPERIMENT_TAGS.items():
        if tag not in found.tags:
            client.set_experiment_tag(found.experiment_id, tag, value)
    return str(found.experiment_id)


def _datasets(typology: Typology, origin: Origin) -> list[DatasetInput]:
    """Describe profiles and study file as MLflow's datasets: size and digest, not the data."""
    import mlflow
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.dataset_source_registry import resolve_dataset_source
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.entities import DatasetInput, InputTag

    source = str(origin.study_file) if origin.study_file else None
    numeric = wide_rows(typology.profiles.select(use="build")).reset_index()
    digest = typology.profiles.hash[:DIGEST_LENGTH]
    found = [mlflow.data.from_pandas(numeric, source=source, name="profiles", digest=digest)]
    if origin.study_hash:
        place = resolve_dataset_source(source) if source else CodeDatasetSource({})
        digest = origin.study_hash[:DIGEST_LENGTH]
        found.append(MetaDataset(place, name="study", digest=digest))
    return [
        DatasetInput(one._to_mlflow_entity(), [InputTag("mlflow.data.context", one.name)])
        for one in found
    ]


def _log_json(client: MlflowClient, run_id: str, content: dict[str, Any], name: str) -> None:
    client.log_text(run_id, json.dumps(content, indent=1) + "\n", name)


def _log_files(client: MlflowClient, run_id: str, typology: Typology, folder: Path | None) -> None:
    candidates = typology.evidence.candidates
    for name, table in zip(TABLES, (candidates, _rules(typology)), strict=True):
        # MLflow's own log_table would add the rows again where logging is tried again.
        client.log_text(
            run_id, table.to_json(orient="split", index=False, double_precision=15), name
        )
    client.log_text(run_id, _labels(typology).to_csv(index=False), "tables/candidate_labels.csv")
    if folder is None:
        client.log_text(run_id, neutralise(candidates).to_csv(index=False), "candidates.csv")
        client.log_dict(run_id, typology.evidence.to_dict(), "evidence.json")
        return
    for name in CONTRACT:
        path = folder / name
        if name == RUN_FILE:  # Written from what was logged, and there without a folder too.
            continue
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
