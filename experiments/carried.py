"""Names that people gave the types of earlier versions, for the types of a new run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from site_typology.errors import StudyError
from site_typology.experiments.logged_model import typology_at
from site_typology.experiments.registry import APPROVED, model_name, versions
from site_typology.experiments.standing import Standing, standing
from site_typology.experiments.store import Store, open_store, tracking
from site_typology.type_naming import CarriedNames, carry_names

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from site_typology.typology import Typology

NOTHING = CarriedNames({}, ())


def earlier_names(typology: Typology, study: str, store: Store) -> CarriedNames:
    """Carry names over from the approved version of a study, or the last one with names.

    Parameters
    ----------
    typology : Typology
        The new proposal.
    study : str
    store : Store
        A database that does not exist yet has no names, and is not made.

    Returns
    -------
    CarriedNames
        Without names, and with a note that says so, where the store does not answer or the
        earlier typology cannot be read: no result is lost for it.
    """
    if not typology.evidence.claimed or (store.database and not store.database.is_file()):
        return NOTHING
    try:
        client = open_store(store)
        with tracking(store):
            registered = versions(client, model_name(study))
            if not registered:
                return NOTHING
            stands = standing(client, client.get_registered_model(registered[0].name))
        named = _with_names(registered, stands)
        if named is None:
            return NOTHING
        known, names = named
        before = typology_at(f"models:/{known.name}/{known.version}", store)
    except StudyError as error:  # The store, or a typology of an older format: no reason to stop.
        said = " ".join(problem.message for problem in error.problems)
        return CarriedNames({}, (f"Names given to earlier types were not looked up: {said}",))
    found = carry_names(names, before.labels, typology.labels)
    return CarriedNames(
        found.names, tuple(f"{note} (From version {known.version}.)" for note in found.notes)
    )


def _with_names(
    found: list[ModelVersion], stands: Standing
) -> tuple[ModelVersion, dict[int, str]] | None:
    """Of the versions with names, the approved one, else the newest, and these names."""
    named = [
        (version, names)
        for version in found
        if (names := stands.names(str(version.version), version.tags))
    ]
    approved = [one for one in named if stands.aliases.get(APPROVED) == str(one[0].version)]
    return next(iter([*approved, *named]), None)
