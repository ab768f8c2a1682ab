"""Two reviewers at once, and decisions that were cut off."""

import dataclasses
import time
from datetime import UTC, datetime

import pytest

from site_typology.experiments.decision import Decision, history, new_key
from site_typology.experiments.registry import aliases
from site_typology.experiments.review_steps import UNDER_WAY, claim, read_state
from site_typology.experiments.store import TrackingError, open_store


@pytest.fixture(scope="module")
def store(registry):
    return registry


@pytest.fixture(scope="module")
def client(store):
    return open_store(store)


def known(client, model):
    return aliases(client.get_registered_model(model))


def decision_on(model, reviewer, at="2026-01-01T10:00:00.000+00:00"):
    return Decision(new_key(at), model, "1", "approved", reviewer, "r", at, "supported")


def test_who_looked_before_another_decided_is_told_so(logged, decided, client, store):
    model = logged()
    seen = read_state(client, model, "1")
    decided(model, approve=False, reviewer="First")
    with pytest.raises(TrackingError, match="First has rejected version 1"):
        claim(client, seen, decision_on(model, "Second"), store)
    assert [one.reviewer for one in history(client.get_registered_model(model).tags)] == ["First"]


def test_of_two_at_the_same_moment_one_goes_on_at_most_and_both_are_kept(
    logged, client, store, monkeypatch
):
    model = logged()
    seen = read_state(client, model, "1")
    write = type(client).set_registered_model_tag
    inside = []

    def slow(self, name, key, value):
        """Let the second reviewer announce a decision right before the first does."""
        if not inside and key.startswith("decision."):
            inside.append(key)
            claim(client, seen, decision_on(model, "Second"), store)
        write(self, name, key, value)

    monkeypatch.setattr(type(client), "set_registered_model_tag", slow)
    with pytest.raises(TrackingError, match="Second has approved"):
        claim(client, seen, decision_on(model, "First"), store)
    outcomes = {
        one.reviewer: one.outcome for one in history(client.get_registered_model(model).tags)
    }
    assert outcomes == {"First": "withdrawn", "Second": ""}


def test_a_decision_under_way_blocks_and_one_that_was_cut_off_does_not(
    logged, decided, client, store
):
    model = logged()
    running = decision_on(model, "Running", datetime.now(UTC).isoformat(timespec="milliseconds"))
    client.set_registered_model_tag(model, f"decision.{running.key}", running.to_text())
    with pytest.raises(TrackingError, match=r"Running has approved version 1 at .*, or is"):
        decided(model)
    late = (datetime.now(UTC) - UNDER_WAY).isoformat(timespec="milliseconds")
    stale = dataclasses.replace(running, time=late)
    client.set_registered_model_tag(model, f"decision.{running.key}", stale.to_text())
    decided(model)
    assert known(client, model) == {"approved": "1"}


def test_a_decision_that_fails_on_the_way_is_marked_and_can_be_made_again(
    logged, decided, client, monkeypatch
):
    model = logged()

    def broken(*given):
        raise OSError("no more room")

    with monkeypatch.context() as patch:
        patch.setattr(type(client), "log_text", broken)
        with pytest.raises(TrackingError, match="no more room"):
            decided(model)
    assert [one.outcome for one in history(client.get_registered_model(model).tags)] == ["failed"]
    again = decided(model, approve=False)
    assert known(client, model) == {}
    assert "Took no effect: the store failed, or it was stopped, before it could." in again.report


def announced(client, model, reviewer, action):
    """Announce a decision right now, and no more."""
    made = decision_on(model, reviewer, datetime.now(UTC).isoformat(timespec="milliseconds"))
    made = dataclasses.replace(made, action=action)
    client.set_registered_model_tag(model, f"decision.{made.key}", made.to_text())
    time.sleep(0.002)  # Keys sort by the millisecond.
    return made


@pytest.mark.parametrize("again", ["First", "Second"])
def test_of_two_cut_off_together_none_is_carried_on(again, logged, decided, client):
    model = logged()
    announced(client, model, "First", "rejected")
    announced(client, model, "Second", "approved")
    with pytest.raises(TrackingError, match=r"First has rejected .* Second has approved"):
        decided(model, approve=again == "Second", reviewer=again, reason="r")
    decisions = history(client.get_registered_model(model).tags)
    assert [(one.reviewer, one.outcome) for one in decisions] == [("First", ""), ("Second", "")]
    assert known(client, model) == {"proposed": "1"}


def test_a_rejection_that_was_cut_off_is_not_carried_on_after_an_approval(logged, decided, client):
    model = logged()
    decided(model, reviewer="First")
    announced(client, model, "Second", "rejected")
    with pytest.raises(TrackingError, match="Second has rejected"):
        decided(model, "1", approve=False, reviewer="Second", reason="r")
    assert client.get_model_version(model, "1").tags["status"] == "approved"


def test_an_earlier_decision_that_was_cut_off_is_said_to_have_had_no_effect(
    logged, decided, client
):
    model = logged()
    stale = decision_on(model, "First")
    client.set_registered_model_tag(model, f"decision.{stale.key}", stale.to_text())
    assert "Took no effect: it was cut off." in decided(model).report
