"""A decision that was cut off, made again: it goes on from where it was."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from site_typology.experiments.decision import Decision, history
from site_typology.experiments.logged_model import typology_at
from site_typology.experiments.registry import APPROVED, PROPOSED, REJECTED, RETIRED
from site_typology.experiments.review_report import reviewed_report
from site_typology.experiments.review_steps import FOLDER, Reviewed, carry_out, complete, under_way
from site_typology.experiments.standing import last_open, standing
from site_typology.experiments.store import Store

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import RegisteredModel

REPORT = "report.html"


def begun_before(
    client: MlflowClient, model: RegisteredModel, version: str, approve: bool
) -> Decision | None:
    """Find a decision that was cut off, and that the one to make may repeat.

    Parameters
    ----------
    client : MlflowClient
    model : RegisteredModel
    version : str
        As it was named; ``""`` for the latest proposal.
    approve : bool
        Whether the one to make approves.
    """
    stands, last = standing(client, model), last_open(model.tags)
    if last is None or (last.action == APPROVED) != approve:
        return None
    if version != last.version and (
        version or stands.aliases.get(PROPOSED, last.version) != last.version
    ):
        return None
    if stands.unfinished is not None:
        return last
    # Before it took effect nothing may have moved, and nobody else may have begun.
    meant = last.version if last.action == RETIRED else last.retires
    approved = stands.aliases.get(APPROVED, "")
    same = approved != last.version if last.action == REJECTED else approved == meant
    rivals = [one for one in history(model.tags) if one.key != last.key and under_way(one)]
    return last if under_way(last) and same and not rivals else None


def go_on(client: MlflowClient, decision: Decision, store: Store) -> Reviewed:
    """Carry a decision out that was cut off."""
    registered = client.get_registered_model(decision.model)
    version = client.get_model_version(decision.model, decision.version)
    folder = f"{FOLDER}/{decision.key}"
    if standing(client, registered).unfinished is not None:
        complete(client, decision)
        page = download(client, version.run_id, f"{folder}/{REPORT}")
        return Reviewed(decision, version.run_id, folder, page)
    typology = typology_at(f"models:/{decision.model}/{decision.version}", store)
    earlier = [one for one in history(registered.tags) if one.key != decision.key]
    report = download(client, version.run_id, REPORT)
    page = reviewed_report(report, decision, earlier, typology.names)
    return carry_out(client, decision, version, page)


def download(client: MlflowClient, run_id: str, name: str) -> str:
    """Read an artifact of a run as text."""
    with tempfile.TemporaryDirectory() as folder:
        return Path(client.download_artifacts(run_id, name, folder)).read_text(encoding="utf-8")
