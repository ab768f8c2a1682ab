"""Review: which proposals await a decision, and carrying a decision out in the registry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from site_typology.errors import Problem, Problems
from site_typology.experiments.agreement import EVIDENCE
from site_typology.experiments.decision import Action, Decision, check_decision, history, new_key
from site_typology.experiments.logged_model import check_there, typology_at
from site_typology.experiments.origin import now
from site_typology.experiments.registry import (
    APPROVED,
    PROPOSED,
    RETIRED,
    aliases,
    find_model,
    versions,
)
from site_typology.experiments.review_again import REPORT, begun_before, download, go_on
from site_typology.experiments.review_report import reviewed_report
from site_typology.experiments.review_steps import (
    Reviewed,
    State,
    carry_out,
    claim,
    complete,
    read_state,
    under_way,
)
from site_typology.experiments.standing import standing
from site_typology.experiments.store import Store, TrackingError, choose_store, open_store, tracking
from site_typology.type_naming import check_names

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

    from site_typology.typology import Typology


@dataclass(frozen=True)
class Proposal:
    """A version of a study's model with what a reviewer needs to know.

    Parameters
    ----------
    model, version, status : str
    aliases : tuple of str
        That point at the version.
    run_id : str
        Its summary run, with report and figures.
    sites : int
        Of the profiles.
    evidence : mapping
        Content of ``evidence.json``.
    names : mapping of int to str
        That people gave.
    decisions : tuple of Decision
        On every version of the model, oldest first.
    undecided : tuple of str
        Other versions that nobody has decided on, newest first.
    unfinished : str
        Key of a decision that took effect and is not written everywhere; ``""`` mostly.
    """

    model: str
    version: str
    status: str
    aliases: tuple[str, ...]
    run_id: str
    sites: int
    evidence: Mapping[str, Any]
    names: Mapping[int, str]
    decisions: tuple[Decision, ...]
    undecided: tuple[str, ...]
    unfinished: str = ""

    @property
    def verdict(self) -> str:
        """Verdict of the evidence."""
        return str(self.evidence["verdict"])


def awaiting(tracking_uri: str | None = None) -> tuple[Proposal, ...]:
    """Find the latest proposal of each study that nobody has decided on.

    Parameters
    ----------
    tracking_uri : str, optional
        MLflow store; see `choose_store`.

    Returns
    -------
    tuple of Proposal
        By name of the model.
    """
    store, client = _opened(tracking_uri)
    found = []
    with tracking(store):
        for name in _model_names(client):
            stands = standing(client, client.get_registered_model(name))
            latest = stands.aliases.get(PROPOSED)
            version = client.get_model_version(name, latest) if latest else None
            if version is None or "batch" not in version.tags:
                continue  # Another tool's, or nothing proposed.
            if stands.status(str(version.version), version.tags) == PROPOSED:
                found.append(_proposal(client, version))
    return tuple(found)


def look_at(model: str, version: str = "", tracking_uri: str | None = None) -> Proposal:
    """Look at one version of a model, whatever its status.

    Parameters
    ----------
    model : str
        Name of the registered model: the study's.
    version : str
        By default the latest proposal, or else the approved version, or else the newest.
    tracking_uri : str, optional
        MLflow store; see `choose_store`.

    Returns
    -------
    Proposal

    Raises
    ------
    TrackingError
        There is no such model or version.
    """
    store, client = _opened(tracking_uri)
    with tracking(store):
        known = aliases(find_model(client, model, store))
        version = version or known.get(PROPOSED) or known.get(APPROVED) or ""
        return _proposal(client, _version(client, model, version, store))


def decide(
    model: str,
    version: str = "",
    *,
    approve: bool,
    reviewer: str,
    reason: str,
    names: Mapping[int, str] | None = None,
    override: bool = False,
    tracking_uri: str | None = None,
) -> Reviewed:
    """Approve or reject a version of a model, and say so where everybody looks.

    Parameters
    ----------
    model : str
        Name of the registered model: the study's.
    version : str
        By default the latest proposal.
    approve : bool
        False rejects; a version that is approved is retired by it.
    reviewer, reason : str
        Who, and why; both are kept, and stand on the first page of the report.
    names : mapping of int to str, optional
        Names for types, on approval.
    override : bool
        Approve though no typology is claimed.
    tracking_uri : str, optional
        MLflow store; see `choose_store`.

    Returns
    -------
    Reviewed

    Raises
    ------
    TrackingError
        There is no such version, something keeps the decision from being made (lists everything),
        or somebody else has decided in the meantime. Nothing is changed then. Or the store failed
        on the way: given again, the same decision goes on from there.
    """
    store, client = _opened(tracking_uri)
    reviewer, reason = reviewer.strip(), reason.strip()
    names = {number: name.strip() for number, name in (names or {}).items()}
    with tracking(store):
        begun = begun_before(client, find_model(client, model, store), version, approve)
        if begun and (begun.reviewer, begun.reason, begun.names, begun.override) == (
            reviewer, reason, names, override,
        ):  # fmt: skip
            return go_on(client, begun, store)
        stands = standing(client, find_model(client, model, store))
        if stands.unfinished is not None and not under_way(stands.unfinished):
            complete(client, stands.unfinished)
        known = aliases(find_model(client, model, store))
        if not version and PROPOSED not in known:
            said = f"No proposal of {model!r} awaits a decision. Name a version."
            raise TrackingError(f"MLflow at {store.shown}", [Problem("version", said)])
        chosen = _version(client, model, version or known[PROPOSED], store)
        state = read_state(client, model, str(chosen.version))
    typology = typology_at(f"models:/{model}/{chosen.version}", store)
    action = _action(approve, state, reviewer, reason)
    _check(typology, names, action, state.status, reviewer, reason, override)
    time = now()
    decision = Decision(
        key=new_key(time),
        model=model,
        version=str(chosen.version),
        action=action,
        reviewer=reviewer,
        reason=reason,
        time=time,
        verdict=typology.verdict,
        override=override,
        names=names,
        retires=_retires(action, state.aliases, str(chosen.version)),
    )
    with tracking(store):
        report = download(client, chosen.run_id, REPORT)
        page = reviewed_report(report, decision, state.decisions, typology.names)
        claim(client, state, decision, store)
        return carry_out(client, decision, chosen, page)


def _action(approve: bool, state: State, reviewer: str, reason: str) -> Action:
    if approve:
        return "approved"
    last = next(iter(reversed(state.decisions)), None)
    # The same command again, whose answer was lost, takes back no more than it did.
    repeated = (
        last is not None
        and (last.action, last.version) == (RETIRED, state.version)
        and (last.reviewer, last.reason) == (reviewer, reason)
    )
    return "retired" if state.status == APPROVED or repeated else "rejected"


def _retires(action: Action, known: Mapping[str, str], version: str) -> str:
    approved = known.get(APPROVED, "")
    return approved if action == "approved" and approved != version else ""


def _check(
    typology: Typology,
    names: Mapping[int, str],
    action: Action,
    status: str,
    reviewer: str,
    reason: str,
    override: bool,
) -> None:
    found = Problems("review")
    check_decision(
        action=action,
        verdict=typology.verdict,
        status=status,
        reviewer=reviewer,
        reason=reason,
        override=override,
        found=found,
    )
    if names and action != "approved":
        found.add("--name", "Names are given to types that are approved. Leave --name out.")
    check_names(names, typology.names, found)
    found.raise_if_any()


def _opened(tracking_uri: str | None) -> tuple[Store, MlflowClient]:
    store = choose_store(".", tracking_uri)
    check_there(store)
    return store, open_store(store)


def _model_names(client: MlflowClient) -> list[str]:
    """Names of the models that hold typologies; a store may hold others."""
    names: list[str] = []
    token: str | None = None
    while True:
        page = client.search_registered_models(max_results=100, page_token=token)
        names += [model.name for model in page if PROPOSED in aliases(model)]
        token = page.token
        if not token:
            return sorted(names)


def _version(client: MlflowClient, model: str, version: str, store: Store) -> ModelVersion:
    """Fetch a version that site-typology has registered; the newest by default."""
    every = {str(one.version): one for one in versions(client, model)}
    chosen = every.get(version) if version else next(iter(every.values()), None)
    if chosen is None:
        known = ", ".join(every) or "none"
        said = f"{model!r} has no version {version or 'at all'}. Versions: {known}."
        raise TrackingError(f"MLflow at {store.shown}", [Problem("version", said)])
    if "batch" not in chosen.tags:
        said = f"Version {version} of {model!r} was not registered by site-typology."
        raise TrackingError(f"MLflow at {store.shown}", [Problem("version", said)])
    return chosen


def _proposal(client: MlflowClient, version: ModelVersion) -> Proposal:
    registered = client.get_registered_model(version.name)
    stands = standing(client, registered)
    run = client.get_run(version.run_id)
    number = str(version.version)
    return Proposal(
        model=version.name,
        version=number,
        status=stands.status(number, version.tags),
        aliases=tuple(key for key, at in stands.aliases.items() if at == number),
        run_id=version.run_id,
        sites=int(run.data.metrics["sites"]),
        evidence=json.loads(download(client, version.run_id, EVIDENCE)),
        names=stands.names(number, version.tags),
        decisions=history(registered.tags),
        undecided=tuple(
            str(other.version)
            for other in versions(client, version.name)
            if stands.status(str(other.version), other.tags) == PROPOSED
            and str(other.version) != number
        ),
        unfinished=stands.unfinished.key if stands.unfinished else "",
    )
