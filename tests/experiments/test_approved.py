"""Typologies that the page finds by itself: those that were approved."""

import pytest
from mlflow import MlflowClient

from site_typology.experiments.approved import approved_models
from site_typology.experiments.logged_model import fetch_typology
from site_typology.experiments.store import TrackingError, choose_store


def test_only_approved_models_are_found_and_they_load(tracked, outputs, typology):
    uri = choose_store(outputs).uri
    assert approved_models(uri) == [], "a proposal is not approved"
    client = MlflowClient(uri)
    name = tracked.model
    client.create_registered_model("another")
    client.set_registered_model_alias(name, "approved", "1")
    try:
        assert approved_models(uri) == [f"models:/{name}@approved"]
        found = fetch_typology(approved_models(uri)[0], uri)
        assert found.labels.equals(typology.labels)
    finally:
        client.delete_registered_model_alias(name, "approved")
        client.delete_registered_model("another")


def test_a_store_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(TrackingError, match="There is no database"):
        approved_models(f"sqlite:///{tmp_path}/none.db")
    assert list(tmp_path.iterdir()) == []
