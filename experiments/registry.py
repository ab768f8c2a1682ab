"""Versions of a study's registered model: their status, aliases, names and decisions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from site_typology.errors import Problem
from site_typology.experiments.store import Store, TrackingError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

PROPOSED, APPROVED, REJECTED, RETIRED = "proposed", "approved", "rejected", "retired"
STATUS_TAG, NAME_TAG = "status", "name."


def model_name(study: str) -> str:
    """Name of a study's registered model: the study's, without what MLflow does not allow.

    Examples
    --------
    >>> model_name("Trailblazer: wave 1/2")
    'Trailblazer- wave 1-2'
    """
    return re.sub(r"[/:\\@?#%]", "-", study).replace('"', "'").strip() or "typology"


def register(
    client: MlflowClient, name: str, model: Any, run_id: str, why: str, tags: Mapping[str, str]
) -> str:
    """Register a logged model, once, and point the alias ``proposed`` at it.

    Parameters
    ----------
    client : MlflowClient
    name : str
        Of the registered model; made if needed.
    model : ModelInfo or LoggedModel
    run_id : str
        The summary run.
    why : str
        Description of the version.
    tags : mapping of str to str

    Returns
    -------
    str
        The version. The alias is not moved back from a later version, nor given to one that was
        decided on.
    """
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    known = version_of_run(client, name, run_id)
    if known is None:
        known = client.create_model_version(
            name,
            model.model_uri,
            run_id,
            {**tags, STATUS_TAG: PROPOSED},
            description=why,
            model_id=model.model_id,
        )
    version = str(known.version)
    latest = int(aliases(client.get_registered_model(name)).get(PROPOSED, 0))
    if known.tags.get(STATUS_TAG) == PROPOSED and latest < int(version):
        client.set_registered_model_alias(name, PROPOSED, version)
    return version


def version_of_run(client: MlflowClient, name: str, run_id: str) -> ModelVersion | None:
    """Find the version that a run was registered as; None where it was not."""
    found = client.search_model_versions(f"run_id = '{run_id}'")
    return next((version for version in found if version.name == name), None)


def versions(client: MlflowClient, name: str) -> list[ModelVersion]:
    """Every version of a registered model, newest first."""
    found: list[ModelVersion] = []
    token: str | None = None
    while True:
        page = client.search_model_versions(f'name = "{name}"', max_results=1000, page_token=token)
        found += page
        token = page.token
        if not token:
            return sorted(found, key=lambda version: -int(version.version))


def aliases(model: RegisteredModel) -> dict[str, str]:
    """Version by alias."""
    return {str(alias): str(version) for alias, version in dict(model.aliases).items()}


def given_names(tags: Mapping[str, str]) -> dict[int, str]:
    """Names that people gave the types of a version, from its tags.

    Examples
    --------
    >>> given_names({"name.2": "Whole school", "status": "approved"})
    {2: 'Whole school'}
    """
    numbered = {
        tag.removeprefix(NAME_TAG): name for tag, name in tags.items() if tag.startswith(NAME_TAG)
    }
    return {int(number): numbered[number] for number in sorted(numbered) if number.isdecimal()}


def find_model(client: MlflowClient, name: str, store: Store) -> RegisteredModel:
    """Fetch a registered model.

    Raises
    ------
    TrackingError
        There is none of that name; names those that there are.
    """
    from mlflow.exceptions import MlflowException

    try:
        return client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
    known = sorted(model.name for model in client.search_registered_models(max_results=50))
    said = f"There is no registered model {name!r}. Models: {', '.join(known) or 'none'}."
    raise TrackingError(f"MLflow at {store.shown}", [Problem("model", said)])
