"""Log rounds to MLflow, linked with the run of their typology and with runs of other rounds."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import site_typology
from site_typology.experiments.registry import model_name
from site_typology.experiments.store import Store, choose_store, given_uri, open_store, tracking

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from site_typology.rounds import Rounds
    from site_typology.typology import Typology

KIND = "rounds"


def store_of(model: str, out: str | Path, tracking_uri: str | None = None) -> Store:
    """Say where rounds are tracked: with the model's own run where that is a folder's database.

    Parameters
    ----------
    model : str
        Folder of a run or of a typology, or a model URI.
    out : str or Path
        Folder of the results, whose database is the store where the model has none.
    tracking_uri : str, optional
        Another store; see `choose_store`.
    """
    if given_uri(tracking_uri) or ":/" in model:
        return choose_store(out, tracking_uri)
    folder = Path(model)
    for place in (folder, folder.parent):
        store = choose_store(place)
        if store.database is not None and store.database.is_file():
            return store
    return choose_store(out)


def log_rounds(
    found: Rounds, typology: Typology, study: str, store: Store, *, folder: str | Path
) -> str:
    """Log rounds as one run of the study's experiment.

    Its tags ``typology_run`` (the summary run of the same typology, by the hash of its profiles,
    its seed and its number of types), ``earlier_rounds_run`` (the rounds logged before for that
    typology) and ``rounds`` link the runs of one study across rounds.

    Parameters
    ----------
    found : Rounds
    typology : Typology
    study : str
        Names the experiment.
    store : Store
        See `store_of`.
    folder : str or Path
        Folder that `found` was written to; its files are logged.

    Returns
    -------
    str
        Run id.

    Raises
    ------
    TrackingError
        The store does not answer, or refused something.
    """
    client = open_store(store)
    data_hash = typology.profiles.hash
    with tracking(store):
        from mlflow.entities import Metric

        experiment = _experiment(client, study, store)
        tags = {
            "kind": KIND,
            "study": study,
            "data_hash": data_hash,
            "seed": str(typology.seed),
            "k": str(typology.k),
            "verdict": typology.verdict,
            "code_version": site_typology.__version__,
            "rounds": ", ".join(found.rounds),
            "base_round": found.base,
            "advice": found.advice.counsel,
            "typology_run": _latest(client, typology, "summary"),
            "earlier_rounds_run": _latest(client, typology, KIND),
            "mlflow.note.content": f"{found.advice.why}\n\n{found.advice.would_change}",
            "mlflow.source.name": "site-typology",
            "mlflow.source.type": "LOCAL",
        }
        run = client.create_run(
            experiment,
            tags={name: value for name, value in tags.items() if value},
            run_name=f"ROUNDS: {', '.join(found.rounds)}: {found.advice.counsel}",
        ).info.run_id
        try:
            now = int(time.time() * 1000)
            figures = [Metric(name, value, now, 0) for name, value in metrics_of(found).items()]
            client.log_batch(run, metrics=figures)
            for path in sorted(Path(folder).iterdir()):
                if path.is_file() and path.suffix in (".json", ".html", ".csv", ".svg"):
                    client.log_artifact(run, str(path))
        except BaseException:  # An interrupt too must not leave the run open; raised again below.
            client.set_terminated(run, "FAILED")
            raise
        client.set_terminated(run)
    return str(run)


def metrics_of(found: Rounds) -> dict[str, float]:
    """Finite figures by name: those of each step and round, and of the rules."""
    metrics: dict[str, float] = {}
    for row in found.steps.to_dict("records"):
        step = f"{row['from_round']}-{row['to_round']}"
        for name in ("followed", "movers", "naive_movers", "called", "unclear", "p_movers"):
            metrics[f"{name}/{step}"] = float(row[name])
    for test in found.fit:
        for name in ("p_types", "p_shares", "none_of_these", "power"):
            metrics[f"{name}/{test.round}"] = float(getattr(test, name))
    metrics |= {f"rule/{rule.name}": rule.figure for rule in found.advice.rules}
    metrics["drifted_features"] = float((found.drift["p_holm"] <= 0.05).sum())
    return {
        re.sub(r"[^\w\-. :/]", "_", name): value
        for name, value in metrics.items()
        if np.isfinite(value)
    }


def _experiment(client: MlflowClient, name: str, store: Store) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    place = (store.artifacts / model_name(name)).as_uri() if store.artifacts else None
    return str(client.create_experiment(name, artifact_location=place))


def _latest(client: MlflowClient, typology: Typology, kind: str) -> str:
    """Run id of the latest run of a kind for the same typology; ``""`` where there is none."""
    experiments = [item.experiment_id for item in client.search_experiments()]
    same = {
        "kind": kind,
        "data_hash": typology.profiles.hash,
        "seed": str(typology.seed),
        "k": str(typology.k),
    }
    asked = " and ".join(f"tags.{name} = '{value}'" for name, value in same.items())
    runs = client.search_runs(experiments, asked, max_results=1, order_by=["start_time DESC"])
    return str(runs[0].info.run_id) if runs else ""
