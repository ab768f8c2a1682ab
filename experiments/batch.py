"""The runs of one proposal in MLflow: each logged once, however often logging is tried."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from site_typology.experiments.records import RunRecord

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, Run

SUMMARY = "summary"
MOST_METRICS = 1000
"""Metrics that MLflow takes in one call."""


@dataclass(frozen=True)
class Batch:
    """Runs that carry one ``batch`` tag.

    Parameters
    ----------
    client : MlflowClient
    experiment_id : str
    name : str
        The tag.
    finished : int
        When the proposal was made, in milliseconds; a run logged again later bears the same time.
    datasets : sequence of DatasetInput
        Of every run.
    there : mapping of str to Run
        Runs found in the store, by candidate; `SUMMARY` for the summary.
    """

    client: MlflowClient
    experiment_id: str
    name: str
    finished: int
    datasets: Sequence[DatasetInput]
    there: dict[str, Run] = field(default_factory=dict)

    def look_up(self) -> Batch:
        """Find the runs that an earlier attempt has logged."""
        for run in runs_tagged(self.client, self.experiment_id, f"tags.batch = '{self.name}'"):
            key = run.data.tags.get("candidate", SUMMARY)
            self.there.setdefault(key, run)
        return self

    def start(self, key: str, record: RunRecord, place: int) -> str:
        """Make a run, or go on with the one that is there, and log all its figures at once.

        Parameters
        ----------
        key : str
            Name of the candidate, or `SUMMARY`.
        record : RunRecord
        place : int
            Place in the list of runs, from the top, which MLflow sorts by time.

        Returns
        -------
        str
            Run id; the run is open.
        """
        from mlflow.entities import Metric, Param

        there = self.there.get(key)
        if there is None:
            there = self.client.create_run(
                self.experiment_id,
                start_time=self.finished - place,
                tags=dict(record.tags),
                run_name=record.name,
            )
        run_id = str(there.info.run_id)
        metrics = [Metric(name, value, self.finished, 0) for name, value in record.metrics.items()]
        params = [Param(name, value) for name, value in record.parameters.items()]
        self.client.log_batch(run_id, metrics=metrics[:MOST_METRICS], params=params)
        for at in range(MOST_METRICS, len(metrics), MOST_METRICS):
            self.client.log_batch(run_id, metrics=metrics[at : at + MOST_METRICS])
        self.client.log_inputs(run_id, self.datasets)
        return run_id

    def log(self, key: str, record: RunRecord, place: int) -> str:
        """Log a finished run, unless it is there; return its id."""
        if self.is_finished(key):
            return str(self.there[key].info.run_id)
        run_id = self.start(key, record, place)
        self.finish(run_id)
        return run_id

    def is_finished(self, key: str) -> bool:
        """Whether a run was logged to its end."""
        there = self.there.get(key)
        return there is not None and there.info.status == "FINISHED"

    def finish(self, run_id: str, status: str = "FINISHED") -> None:
        """Close a run; it bears the time of the proposal, not of its logging."""
        self.client.set_terminated(run_id, status, end_time=self.finished)


def runs_tagged(client: MlflowClient, experiment_id: str, wanted: str) -> list[Run]:
    """Find every run of an experiment that a filter lets through, however many."""
    found: list[Run] = []
    token: str | None = None
    while True:
        page = client.search_runs([experiment_id], wanted, max_results=1000, page_token=token)
        found += page
        token = page.token
        if not token:
            return found


Told = Callable[[str, float], None]
"""Called with a step and the share of it that is done, from 0 to 1."""
