"""Typologies that were approved: the registered models that have the alias ``approved``."""

from __future__ import annotations

from site_typology.experiments.logged_model import check_there
from site_typology.experiments.registry import APPROVED, aliases
from site_typology.experiments.store import choose_store, open_store, tracking


def approved_models(tracking_uri: str | None = None) -> list[str]:
    """Find every approved typology of a store.

    Parameters
    ----------
    tracking_uri : str, optional
        MLflow store; see `choose_store`.

    Returns
    -------
    list of str
        Model URIs ``models:/NAME@approved``, by name.

    Raises
    ------
    TrackingError
        The store does not answer, or is a database that is not there.
    """
    store = choose_store(".", tracking_uri)
    check_there(store)
    client = open_store(store)
    names: list[str] = []
    token: str | None = None
    with tracking(store):
        while True:
            found = client.search_registered_models(max_results=100, page_token=token)
            names += [model.name for model in found if APPROVED in aliases(model)]
            token = found.token
            if not token:
                return [f"models:/{name}@{APPROVED}" for name in sorted(names)]
