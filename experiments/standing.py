"""What stands of a model: which decision took effect, and so status, names and version in use.

The steps of a decision are many calls to MLflow, and any can be the last that its server answers.
One of them decides: for an approval, and for taking one back, the alias ``approved``; for a
rejection the status of the version. Before that call nothing of the decision shows. After it the
decision stands, though tags that repeat it may be missing yet: they are read from the decision.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from site_typology.errors import Problem
from site_typology.experiments.decision import (
    DECISION_TAG,
    DONE,
    FAILED,
    OUTCOME_TAG,
    WITHDRAWN,
    Decision,
)
from site_typology.experiments.registry import (
    APPROVED,
    PROPOSED,
    REJECTED,
    RETIRED,
    STATUS_TAG,
    aliases,
    find_model,
    given_names,
)
from site_typology.experiments.store import Store, TrackingError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import RegisteredModel

_MODEL_ID = re.compile(r"m-[0-9a-f]{32}")


@dataclass(frozen=True)
class Standing:
    """What stands of a registered model.

    Parameters
    ----------
    aliases : mapping of str to str
        Version by alias.
    unfinished : Decision or None
        The last one, where it took effect and has not been written everywhere.
    """

    aliases: Mapping[str, str]
    unfinished: Decision | None

    def status(self, version: str, tags: Mapping[str, str]) -> str:
        """Status of a version, whose tags can lag behind.

        The alias says what is used, so it says what is approved: an alias moved by hand can leave
        a tag that does not fit.
        """
        if self.aliases.get(APPROVED) == version:
            return APPROVED
        last = self.unfinished
        if last is not None and version in (last.version, last.retires):
            return RETIRED if version == last.retires else last.action
        status = tags.get(STATUS_TAG, "")
        return PROPOSED if status == APPROVED else status

    def names(self, version: str, tags: Mapping[str, str]) -> dict[int, str]:
        """Names that people gave the types of a version."""
        last = self.unfinished
        new = last.names if last is not None and last.version == version else {}
        return dict(sorted({**given_names(tags), **new}.items()))


def standing(client: MlflowClient, model: RegisteredModel) -> Standing:
    """Find out what stands of a registered model."""
    known, last = aliases(model), last_open(model.tags)
    took_effect = last is not None and _took_effect(client, last, known)
    return Standing(known, last if took_effect else None)


def last_open(tags: Mapping[str, str]) -> Decision | None:
    """Read the last decision of a model that may have taken effect, unless it is done.

    One that was withdrawn, or failed, ended before the call that decides: where the store shows
    what it would have come to, that is somebody else's doing.

    Examples
    --------
    >>> last_open({"decision.1": "whatever", "outcome.1": "done"}) is None
    True
    """
    for key in sorted((key for key in tags if key.startswith(DECISION_TAG)), reverse=True):
        outcome = tags.get(OUTCOME_TAG + key.removeprefix(DECISION_TAG), "")
        if outcome == DONE:
            return None
        if outcome not in (WITHDRAWN, FAILED):
            return Decision.from_text(tags[key], outcome)
    return None


def _took_effect(client: MlflowClient, last: Decision, known: Mapping[str, str]) -> bool:
    """Whether the call that decides has reached the store."""
    if last.action == REJECTED:
        tags = client.get_model_version(last.model, last.version).tags
        return bool(tags.get(STATUS_TAG) == REJECTED)
    return (known.get(APPROVED) == last.version) == (last.action == APPROVED)


def pinned(client: MlflowClient, uri: str, store: Store) -> tuple[str, Mapping[int, str]]:
    """Say which version a model URI means; a bare name means the approved one.

    Parameters
    ----------
    client : MlflowClient
    uri : str
        ``models:/NAME``, ``models:/NAME/VERSION``, ``models:/NAME@ALIAS``, or any other URI.
    store : Store

    Returns
    -------
    str
        URI of one version; an URI of another kind as it is.
    mapping of int to str
        Names that people gave the types of the version; empty where the URI names none.

    Raises
    ------
    TrackingError
        There is no such model or version, or no version is approved.
    """
    named = uri.removeprefix("models:/").strip("/")
    if not uri.startswith("models:/") or _MODEL_ID.fullmatch(named):
        return uri, {}
    name, at, alias = named.partition("@")
    name, slash, version = name.partition("/")
    model = find_model(client, name, store)
    if not slash:
        version = aliases(model).get(alias or APPROVED, "")
    if not version:
        raise TrackingError(f"MLflow at {store.shown}", [_no_version(model, alias if at else "")])
    tags = client.get_model_version(name, version).tags
    return f"models:/{name}/{version}", standing(client, model).names(version, tags)


def _no_version(model: RegisteredModel, alias: str) -> Problem:
    name, known = model.name, aliases(model)
    if alias:
        there = ", ".join(f"{key} (version {value})" for key, value in known.items())
        return Problem("model", f"{name!r} has no version {alias!r}. It has: {there or 'none'}.")
    said = f"No version of {name!r} is approved, and only an approved one is used unasked. "
    if PROPOSED in known:
        said += f"To use the proposal all the same: --model models:/{name}@{PROPOSED}. "
    return Problem("model", said + f'To decide on it: site-typology review "{name}".')
