"""A decision that fails at any call to MLflow: what shows then, and what the same command does."""

from __future__ import annotations

import dataclasses

import pytest

from site_typology.cli import main
from site_typology.errors import StudyError
from site_typology.experiments.carried import earlier_names
from site_typology.experiments.decision import history
from site_typology.experiments.logged_model import fetch_typology
from site_typology.experiments.registry import aliases
from site_typology.experiments.review import awaiting, look_at
from site_typology.experiments.store import TrackingError, open_store

WRITES = (
    "set_registered_model_tag", "set_registered_model_alias", "delete_registered_model_alias",
    "set_model_version_tag", "set_tag", "log_text",
)  # fmt: skip
READS = (
    "get_registered_model", "get_model_version", "get_run", "search_runs",
    "search_model_versions", "download_artifacts",
)  # fmt: skip


class Server:
    """Stands before a real store and fails at one call that writes.

    ``dies``: from that call on, which does not reach the store, nothing is answered. ``loses``:
    the call reaches the store and only its answer is lost; later calls are answered.
    """

    def __init__(self, monkeypatch, client):
        self.fails_at, self.way, self.calls, self.dead = None, "", 0, False
        for name in (*WRITES, *READS):
            real = getattr(type(client), name)
            monkeypatch.setattr(type(client), name, self.wrapped(name, real))

    def wrapped(self, name, real):
        def call(client, *given, **more):
            if self.dead:
                raise OSError("no answer")
            if name not in WRITES:
                return real(client, *given, **more)
            self.calls += 1
            if self.calls - 1 != self.fails_at:
                return real(client, *given, **more)
            if self.way == "loses":
                real(client, *given, **more)
            self.dead = self.way == "dies"
            raise OSError(f"no answer to {name}")

        return call

    def fail(self, at, way):
        self.fails_at, self.way, self.calls, self.dead = at, way, 0, False

    def recover(self):
        self.fail(None, "")


@pytest.fixture
def server(monkeypatch, registry, result):
    """Models need not be read again and again: all versions here are of one typology."""
    made = result.typology
    for module in ("review", "review_again", "logged_model", "carried"):
        place = f"site_typology.experiments.{module}.typology_at"
        monkeypatch.setattr(place, lambda uri, store: made)
    return Server(monkeypatch, open_store(registry))


def shown(model, other, store):
    """What people and commands are told of the model: status, names, what is used, what waits."""
    looks = [look_at(model, version, store.uri) for version in ("1", other)]
    used = open_store(store).get_registered_model(model)
    names = None
    if "approved" in aliases(used):
        names = dict(fetch_typology(f"models:/{model}", store.uri).names)
    waits = model in {proposal.model for proposal in awaiting(store.uri)}
    return [one.status for one in looks], [dict(one.names) for one in looks], names, waits


def written(model, other, store):
    """Every tag and alias that a decision writes, on the model, its versions and their runs."""
    client = open_store(store)
    found = {"aliases": aliases(client.get_registered_model(model))}
    for place, number in enumerate(("1", other)):
        version = client.get_model_version(model, number)
        found[place] = {key: version.tags.get(key) for key in ("status", "reviewer", "name.1")}
        run = client.get_run(version.run_id)
        proposed = client.search_runs([run.info.experiment_id], "tags.proposed = 'true'")
        found[f"runs of {place}"] = {
            (one.data.tags["status"], one.data.tags.get("reviewer"))
            for one in (run, *proposed)
            if one.data.tags["batch"] == version.tags["batch"]
        }
    return found


DECISIONS = {
    "approve": {"version": "2", "names": {1: "Whole school"}},
    "retire": {"version": "1", "approve": False},
    "reject": {"approve": False},
}
"""Decisions where version 1 is approved; the last is on the latest proposal."""


@pytest.mark.parametrize(
    ("action", "way"),
    [("approve", "dies"), ("retire", "loses"), ("reject", "dies")],
)
def test_a_decision_that_fails_at_any_call(action, way, logged, decided, server, registry):
    """It stands or it does not, whole both times, and the same command completes it."""
    model, versions = logged(), 1
    made = {"reviewer": "S. Okafor", "reason": "Fits.", **DECISIONS[action]}

    def prepare():
        """Lead to where the decision can be made; give the version other than the first."""
        nonlocal versions
        if versions == 1 or action == "reject":
            logged()
            versions += 1
        if look_at(model, "1", registry.uri).status != "approved":
            decided(model, "1")
        return str(versions)

    def told(other):
        return repr((shown(model, other, registry), written(model, other, registry)))

    # Without a failure, to know what it should come to; the first time versions are new.
    for _ in range(2):
        other = prepare()
        decided(model, **made)
    whole, steps = told(other), 0
    while True:
        other = prepare()
        before, done = repr(shown(model, other, registry)), finished(model, registry)
        name = f"Name {steps}"
        if "names" in made:
            made["names"] = {1: name}
        expected = whole.replace("Whole school", name)
        server.fail(steps, way)
        try:
            decided(model, **made)
        except TrackingError as error:
            said = (steps, str(error))
        else:
            assert server.calls == steps, "no call is left to fail"
            break
        server.recover()
        now = repr(shown(model, other, registry))
        assert now == before or expected.startswith(f"({now}, "), said
        if finished(model, registry) == done:
            decided(model, **made)
        else:  # Only the last answer was lost; who gives the decision again is told so.
            with pytest.raises(StudyError, match="already"):
                decided(model, **made)
        assert told(other) == expected, said
        assert finished(model, registry) == done + 1, said
        steps += 1
    assert steps >= 8


def test_others_are_told_and_complete_it_before_they_decide(
    logged, decided, server, registry, capsys
):
    model, client = logged(), open_store(registry)
    server.fail(4, "dies")  # The call after the one that decides: the name.
    with pytest.raises(TrackingError, match="no answer to set_model_version_tag"):
        decided(model, names={1: "Whole school"})
    server.recover()
    with pytest.raises(SystemExit) as left:
        main(["review", model, "--tracking-uri", registry.uri])
    assert not left.value.code
    said = " ".join(capsys.readouterr().out.split())
    assert "version 1 (approved)" in said and "called 'Whole school'" in said
    assert "approved, which stands and is not written everywhere: give it again, by R. Lee" in said
    with pytest.raises(TrackingError, match=r"R\. Lee has approved version 1"):
        decided(model, "1", approve=False, reviewer="S. Okafor")

    (begun,) = history(client.get_registered_model(model).tags)
    old = dataclasses.replace(begun, time="2026-01-01T10:00:00.000+00:00")
    client.set_registered_model_tag(model, f"decision.{begun.key}", old.to_text())
    decided(model, "1", approve=False, reviewer="S. Okafor")
    decisions = history(client.get_registered_model(model).tags)
    assert [(one.action, one.outcome) for one in decisions] == [
        ("approved", "done"),
        ("retired", "done"),
    ]
    tags = client.get_model_version(model, "1").tags
    assert (tags["name.1"], tags["status"]) == ("Whole school", "retired")


def test_another_decision_is_not_taken_for_a_repetition(logged, decided, server, registry):
    """What was announced and had no effect yet blocks others, and their reasons are their own."""
    model = logged()
    server.fail(1, "dies")  # The call after the announcement.
    with pytest.raises(TrackingError):
        decided(model)
    server.recover()
    assert look_at(model, "1", registry.uri).status == "proposed"
    with pytest.raises(TrackingError, match="or is about to"):
        decided(model, reason="Another one.")
    assert decided(model).decision.reason == "Fits what site leads say."
    assert finished(model, registry) == 1


def test_names_for_a_new_run_are_those_of_an_approval_that_was_cut_off(
    logged, decided, server, registry, result
):
    model = logged()
    decided(model, names={1: "Old name"})
    logged()
    server.fail(4, "dies")  # The call after the one that decides: the name.
    with pytest.raises(TrackingError, match="no answer to set_model_version_tag"):
        decided(model, "2", names={1: "New name"})
    server.recover()
    carried = earlier_names(result.typology, model, registry)
    assert carried.names == {1: "New name"}
    assert "From version 2." in carried.notes[0]


def test_a_decision_that_failed_does_not_stand_when_its_alias_is_set_by_hand(
    logged, decided, server, registry
):
    model, client = logged(), open_store(registry)
    server.fail(1, "loses")  # The copy in the run, before the call that decides.
    with pytest.raises(TrackingError, match="no answer to log_text"):
        decided(model, names={1: "Failed name"})
    server.recover()
    client.set_registered_model_alias(model, "approved", "1")
    seen = look_at(model, "1", registry.uri)
    assert (seen.status, dict(seen.names), seen.unfinished) == ("approved", {}, "")
    decided(model, "1", approve=False)
    decisions = history(client.get_registered_model(model).tags)
    assert [one.outcome for one in decisions] == ["failed", "done"]
    assert "name.1" not in client.get_model_version(model, "1").tags


def test_a_deciding_call_without_an_answer_is_not_said_to_have_failed(
    logged, decided, server, registry
):
    model, client = logged(), open_store(registry)
    server.fail(3, "loses")  # The call that decides.
    with pytest.raises(TrackingError, match="no answer to set_registered_model_alias"):
        decided(model, names={1: "Whole school"})
    server.recover()
    (begun,) = history(client.get_registered_model(model).tags)
    seen = look_at(model, "1", registry.uri)
    assert (begun.outcome, seen.status, seen.unfinished) == ("", "approved", begun.key)
    assert dict(seen.names) == {1: "Whole school"}
    decided(model, names={1: "Whole school"})
    assert finished(model, registry) == 1


def finished(model, store):
    """How many decisions the history has as done."""
    decisions = history(open_store(store).get_registered_model(model).tags)
    return sum(decision.outcome == "done" for decision in decisions)
