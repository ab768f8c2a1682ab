"""The steps of a decision in MLflow, in an order in which two reviewers cannot both go on.

MLflow has no transactions. A decision is first announced, as a tag that no other writes, and then
the tags are read again: of two who announce at once, the later to read sees the other's and
withdraws. Then one call decides (see `site_typology.experiments.standing`), and all that follows
repeats what the decision says and can be done again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from site_typology.errors import Problem
from site_typology.experiments.decision import (
    DECISION_TAG,
    DONE,
    FAILED,
    OUTCOME_TAG,
    WITHDRAWN,
    Decision,
    history,
)
from site_typology.experiments.registry import (
    APPROVED,
    NAME_TAG,
    PROPOSED,
    RETIRED,
    STATUS_TAG,
    aliases,
)
from site_typology.experiments.standing import standing
from site_typology.experiments.store import Store, TrackingError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

UNDER_WAY = timedelta(minutes=10)
"""A decision without an outcome is taken to be under way for so long, and then to be cut off."""
FOLDER = "review"
"""Folder of the summary run's artifacts with a folder for each decision."""


@dataclass(frozen=True)
class State:
    """What a reviewer saw of a model.

    Parameters
    ----------
    model, version, status : str
    aliases : mapping of str to str
        Version by alias.
    decisions : tuple of Decision
    """

    model: str
    version: str
    status: str
    aliases: Mapping[str, str]
    decisions: tuple[Decision, ...]

    def decided_since(self, earlier: State) -> list[Decision]:
        """Decisions that are new."""
        known = {decision.key for decision in earlier.decisions}
        return [decision for decision in self.decisions if decision.key not in known]


@dataclass(frozen=True)
class Reviewed:
    """A decision that was carried out.

    Parameters
    ----------
    decision : Decision
    run_id : str
        The summary run, whose artifacts have the decision and the report.
    folder : str
        Of these artifacts.
    report : str
        The report with the decision on its first page.
    """

    decision: Decision
    run_id: str
    folder: str
    report: str


def read_state(client: MlflowClient, model: str, version: str) -> State:
    """Read aliases, decisions and status."""
    registered = client.get_registered_model(model)
    stands = standing(client, registered)
    status = stands.status(version, client.get_model_version(model, version).tags)
    return State(model, version, status, stands.aliases, history(registered.tags))


def claim(client: MlflowClient, seen: State, decision: Decision, store: Store) -> None:
    """Announce a decision, or refuse because somebody else decides or has decided.

    Parameters
    ----------
    client : MlflowClient
    seen : State
        What the decision was made on.
    decision : Decision
    store : Store

    Raises
    ------
    TrackingError
        The model has changed since, or another decision is under way; nothing is changed but
        that the decision stands in the history as withdrawn, where it was announced.
    """
    current = read_state(client, seen.model, seen.version)
    others = current.decided_since(seen)
    others += [one for one in seen.decisions if under_way(one)]
    moved = current.aliases.get(APPROVED) != seen.aliases.get(APPROVED)
    if others or moved or current.status != seen.status:
        raise _taken(others, store)
    client.set_registered_model_tag(seen.model, f"{DECISION_TAG}{decision.key}", decision.to_text())
    after = read_state(client, seen.model, seen.version).decided_since(seen)
    rivals = [one for one in after if one.key != decision.key]
    if rivals:
        _conclude(client, decision, WITHDRAWN)
        raise _taken(rivals, store)


def _taken(others: list[Decision], store: Store) -> TrackingError:
    who = [
        f"{one.reviewer} has {one.action} version {one.version} at {one.time}, or is about to."
        for one in others
    ]
    remedy = "Look at the model again, then decide."
    problem = Problem("version", " ".join([*(who or ["The model has changed."]), remedy]))
    return TrackingError(f"MLflow at {store.shown}", [problem])


def under_way(decision: Decision) -> bool:
    """Whether somebody may be carrying a decision out."""
    recent = datetime.now(UTC) - UNDER_WAY
    return not decision.outcome and datetime.fromisoformat(decision.time) > recent


def carry_out(
    client: MlflowClient, decision: Decision, version: ModelVersion, report: str
) -> Reviewed:
    """Write an announced decision to the run, let it take effect, and write it everywhere.

    Where a step before the one that decides fails, the history says that the decision was not
    carried out. Where that one fails, only the store can tell whether it took effect, maybe later:
    nothing is said. Where a later one fails, the decision stands. It is open until `complete` has
    been through.
    """
    folder = f"{FOLDER}/{decision.key}"
    try:
        client.log_text(version.run_id, decision.to_text() + "\n", f"{folder}/decision.json")
        client.log_text(version.run_id, report, f"{folder}/report.html")
    except BaseException:  # An interrupt too is a decision that was not carried out; raised below.
        _conclude(client, decision, FAILED)
        raise
    _take_effect(client, decision)
    complete(client, decision)
    return Reviewed(decision, version.run_id, folder, report)


def _take_effect(client: MlflowClient, decision: Decision) -> None:
    """Make the one call that decides."""
    model, version = decision.model, decision.version
    if decision.action == APPROVED:
        client.set_registered_model_alias(model, APPROVED, version)
    elif decision.action == RETIRED:
        client.delete_registered_model_alias(model, APPROVED)
    else:
        client.set_model_version_tag(model, version, STATUS_TAG, decision.action)


def complete(client: MlflowClient, decision: Decision) -> None:
    """Write a decision that took effect everywhere; what is written already, again."""
    for number, name in decision.names.items():
        client.set_model_version_tag(decision.model, decision.version, f"{NAME_TAG}{number}", name)
    version = client.get_model_version(decision.model, decision.version)
    _mark(client, version, decision.action, decision.reviewer)
    if decision.retires:
        retired = client.get_model_version(decision.model, decision.retires)
        _mark(client, retired, RETIRED, decision.reviewer)
    _move_aliases(client, decision)
    _conclude(client, decision, DONE)


def _conclude(client: MlflowClient, decision: Decision, outcome: str) -> None:
    client.set_registered_model_tag(decision.model, f"{OUTCOME_TAG}{decision.key}", outcome)


def _mark(client: MlflowClient, version: ModelVersion, status: str, reviewer: str) -> None:
    """Set status and reviewer on a version, its summary run and the run of its candidate."""
    for tag, value in ((STATUS_TAG, status), ("reviewer", reviewer)):
        client.set_model_version_tag(version.name, version.version, tag, value)
    run = client.get_run(version.run_id)
    batch = version.tags.get("batch", "")  # None where another tool registered the version.
    wanted = f"tags.batch = '{batch}' and tags.proposed = 'true'"
    runs = [run, *(client.search_runs([run.info.experiment_id], wanted) if batch else ())]
    for one in runs:
        client.set_tag(one.info.run_id, STATUS_TAG, status)
        client.set_tag(one.info.run_id, "reviewer", reviewer)


def _move_aliases(client: MlflowClient, decision: Decision) -> None:
    """Let ``retired`` point where it belongs, and ``proposed`` at nothing decided."""
    model, version = decision.model, decision.version
    known = aliases(client.get_registered_model(model))
    retired = version if decision.action == RETIRED else decision.retires
    if retired:
        client.set_registered_model_alias(model, RETIRED, retired)
    elif decision.action == APPROVED and known.get(RETIRED) == version:
        client.delete_registered_model_alias(model, RETIRED)
    if known.get(PROPOSED) == version:
        client.delete_registered_model_alias(model, PROPOSED)
