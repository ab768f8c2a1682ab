"""Review: what awaits a decision, how it is decided, and what is refused."""

import dataclasses
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from site_typology.assigning import assign_sites
from site_typology.errors import StudyError
from site_typology.experiments.carried import earlier_names
from site_typology.experiments.decision import Decision, history, new_key
from site_typology.experiments.logged_model import fetch_typology
from site_typology.experiments.origin import Origin
from site_typology.experiments.registry import aliases, given_names
from site_typology.experiments.review import awaiting, decide, look_at
from site_typology.experiments.review_steps import UNDER_WAY, claim, read_state
from site_typology.experiments.store import TrackingError, choose_store, open_store
from site_typology.experiments.tracking import log_typology
from site_typology.explain import explain
from site_typology.output import write_outputs
from site_typology.profile_files import write_wide
from site_typology.profiles import SiteProfiles
from site_typology.proposal import propose
from site_typology.report import report_html
from site_typology.type_naming import carry_names

WHO = {"reviewer": "R. Lee", "reason": "Fits what site leads say."}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return choose_store(tmp_path_factory.mktemp("registry"))


@pytest.fixture(scope="module")
def client(store):
    return open_store(store)


@pytest.fixture(scope="module")
def unclaimed(small, tmp_path_factory):
    """A proposal without types, and its output folder."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(rng.normal(size=(12, 3)), columns=["wsa", "activity", "need"])
    nothing = propose(SiteProfiles.from_frame(frame), seed=1, settings=small, name="Cloud")
    assert not nothing.evidence.claimed
    report = report_html(nothing, explain(nothing, seed=1))
    out = tmp_path_factory.mktemp("unclaimed") / "out"
    return nothing, write_outputs(out, nothing, nothing.profiles, report, {})


@pytest.fixture
def logged(result, unclaimed, store, request):
    """Log a proposal under a study of this test's own; return the name of its model."""

    def log(claimed=True, typology=None):
        made, folder = (result.typology, result.out) if claimed else unclaimed
        name = request.node.name[:60].replace("[", " ").replace("]", "")
        return log_typology(typology or made, Origin(name), store, folder=folder).model

    return log


@pytest.fixture
def decided(store):
    def call(model, version="", *, approve=True, **more):
        given = {**WHO, **more}
        return decide(model, version, approve=approve, tracking_uri=store.uri, **given)

    return call


def tags_of(client, model, version):
    return client.get_model_version(model, version).tags


def known(client, model):
    return aliases(client.get_registered_model(model))


def test_a_proposal_awaits_a_decision_with_its_evidence_until_one_is_made(
    logged, decided, store, result
):
    model = logged()
    logged()
    found = {proposal.model: proposal for proposal in awaiting(store.uri)}[model]
    assert (found.version, found.status, found.undecided) == ("2", "proposed", ("1",))
    assert found.verdict == "supported" and found.sites == 24
    assert found.evidence == json.loads((result.out / "evidence.json").read_text())
    decided(model)
    assert model not in {proposal.model for proposal in awaiting(store.uri)}
    assert look_at(model, "1", store.uri).status == "proposed"


def test_approval_moves_aliases_and_is_written_to_version_and_runs(logged, decided, client):
    model = logged()
    decided(model)
    assert known(client, model) == {"approved": "1"}
    tags = tags_of(client, model, "1")
    assert (tags["status"], tags["reviewer"]) == ("approved", "R. Lee")
    run = client.get_run(client.get_model_version(model, "1").run_id)
    marked = client.search_runs(
        [run.info.experiment_id], "tags.status = 'approved' and tags.reviewer = 'R. Lee'"
    )
    assert [one.data.tags["kind"] for one in marked] == ["summary", "candidate"]
    assert marked[1].data.tags["proposed"] == "true"


def test_a_later_approval_retires_the_earlier_and_going_back_is_possible(
    logged, decided, client, store
):
    model = logged()
    decided(model)
    logged()
    assert known(client, model) == {"approved": "1", "proposed": "2"}
    assert decided(model, reviewer="S. Okafor").decision.retires == "1"
    assert known(client, model) == {"approved": "2", "retired": "1"}
    assert tags_of(client, model, "1")["status"] == "retired"
    decided(model, "1")
    assert known(client, model) == {"approved": "1", "retired": "2"}
    found = look_at(model, tracking_uri=store.uri)
    assert [(one.version, one.action, one.retires) for one in found.decisions] == [
        ("1", "approved", ""),
        ("2", "approved", "1"),
        ("1", "approved", "2"),
    ]
    assert {one.outcome for one in found.decisions} == {"done"}


def test_rejection_and_taking_an_approval_back(logged, decided, client):
    model = logged()
    decided(model, approve=False)
    assert known(client, model) == {} and tags_of(client, model, "1")["status"] == "rejected"
    with pytest.raises(TrackingError, match=r"No proposal of .* awaits"):
        decided(model)
    with pytest.raises(StudyError, match="Is rejected already"):
        decided(model, "1", approve=False)
    decided(model, "1")
    assert known(client, model) == {"approved": "1"}
    assert decided(model, "1", approve=False).decision.action == "retired"
    assert known(client, model) == {"retired": "1"}


def test_no_typology_is_approved_unless_the_verdict_is_overridden_with_a_reason(
    logged, decided, client
):
    model = logged(claimed=False)
    with pytest.raises(StudyError, match="--override") as caught:
        decided(model)
    assert "insufficient" in str(caught.value) or "not supported" in str(caught.value)
    with pytest.raises(StudyError, match=r"--reason +Is missing"):
        decided(model, override=True, reason=" ")
    assert known(client, model) == {"proposed": "1"}
    assert not history(client.get_registered_model(model).tags)
    done = decided(model, override=True, reason="Needed to plan round 2.")
    first = done.report.index("Approved against the evidence")
    assert first < done.report.index('id="verdict"')
    assert "Needed to plan round 2." in done.report[first : done.report.index('id="verdict"')]
    assert known(client, model) == {"approved": "1"}


def test_everything_that_keeps_a_decision_from_being_made_is_listed_at_once(logged, decided):
    model = logged()
    with pytest.raises(StudyError) as caught:
        decided(model, reviewer="", reason="x" * 2001, override=True, names={9: "A", 1: "\x1b"})
    assert [problem.where for problem in caught.value.problems] == [
        "--reviewer",
        "--reason",
        "--override",
        "--name",
        "--name",
    ]
    with pytest.raises(StudyError, match="Names are given to types that are approved"):
        decided(model, approve=False, names={1: "A"})
    with pytest.raises(TrackingError, match=r"no version 7\. Versions: 1"):
        decided(model, "7")
    with pytest.raises(TrackingError, match="There is no registered model 'Nowhere'"):
        decided("Nowhere")


HOSTILE = "<script>alert('x')</script> & \"=1+1\" {{ 7*7 }} $x^2$"


def test_what_reviewers_write_is_shown_and_never_run(logged, decided, store, client, result):
    model = logged()
    done = decided(model, reviewer=f"R {HOSTILE}", reason=HOSTILE, names={1: f"=N {HOSTILE}"})
    decided(model, "1", approve=False, reason=f"second {HOSTILE}")
    assert "<script" not in done.report and "{{ 7*7 }}" in done.report
    place = f"{done.folder}/report.html"
    last = history(client.get_registered_model(model).tags)[-1]
    second = client.download_artifacts(done.run_id, f"review/{last.key}/report.html")
    text = Path(second).read_text(encoding="utf-8")
    assert "<script" not in text and "Earlier decisions" in text and "second &lt;script" in text
    assert client.list_artifacts(done.run_id, done.folder)[1].path == place
    named = fetch_typology(f"models:/{model}/1", store.uri)
    assert named.names[1] == f"=N {HOSTILE}"
    out = result.out.parent / "hostile"
    explanation = explain(named, seed=1)
    report = report_html(named, explanation)
    assert "<script" not in report and "=N &lt;script&gt;" in report
    write_outputs(out, named, named.profiles, report, {})
    cells = pd.read_csv(out / "types.csv")["name"]
    assert cells[0].startswith("'=N ")


def test_the_report_is_otherwise_as_it_was_reviewed(logged, decided, result):
    done = decided(logged(), names={2: "Whole school"})
    original = (result.out / "report.html").read_text(encoding="utf-8")
    _, tail = original.split("<main>\n", 1)
    assert done.report.endswith(tail.lstrip())
    assert '<a href="#review">Review</a>' in done.report.split("<main>")[0]
    section = done.report.split("<main>")[1].split('<section id="verdict"')[0]
    assert "Whole school" in section and result.typology.names[2].split(";")[0] in section
    assert "Fits what site leads say." in section and "R. Lee" in section


def test_history_is_only_added_to(logged, decided, client):
    model = logged()
    seen = {}
    for approve, reviewer in ((True, "A"), (False, "B"), (True, "C")):
        decided(model, "1", approve=approve, reviewer=reviewer)
        now = dict(client.get_registered_model(model).tags)
        assert seen.items() <= now.items()
        seen = now
    run = client.get_model_version(model, "1").run_id
    folders = [item.path for item in client.list_artifacts(run, "review")]
    decisions = history(seen)
    assert folders == [f"review/{one.key}" for one in decisions]
    assert [one.reviewer for one in decisions] == ["A", "B", "C"]
    kept = client.download_artifacts(run, f"{folders[0]}/decision.json")
    assert Decision.from_text(Path(kept).read_text(), "done") == decisions[0]


# --- Two reviewers at once -------------------------------------------------------------------


def decision_on(model, reviewer, time="2026-01-01T10:00:00.000+00:00"):
    return Decision(new_key(time), model, "1", "approved", reviewer, "r", time, "supported")


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
        patch.setattr("site_typology.experiments.review_steps._move_aliases", broken)
        with pytest.raises(TrackingError, match="no more room"):
            decided(model)
    assert [one.outcome for one in history(client.get_registered_model(model).tags)] == ["failed"]
    decided(model, approve=False)
    assert known(client, model) == {}


# --- Names, and the model that is used unasked -----------------------------------------------


def test_names_go_with_the_version_and_over_to_later_runs(logged, decided, client, store, result):
    model = logged()
    decided(model, names={1: "Whole school", 3: "Clinic"})
    assert given_names(tags_of(client, model, "1")) == {1: "Whole school", 3: "Clinic"}
    carried = earlier_names(result.typology, model, store)
    assert carried.names == {1: "Whole school", 3: "Clinic"}
    assert "From version 1." in carried.notes[0]
    # An approved version goes before a later one with other names.
    logged()
    client.set_model_version_tag(model, "2", "name.1", "Something else")
    assert earlier_names(result.typology, model, store).names[1] == "Whole school"


def test_a_store_that_fails_costs_the_names_and_nothing_else(result, tmp_path):
    (tmp_path / "mlflow.db").write_text("no database " * 200)
    found = earlier_names(result.typology, "X", choose_store(tmp_path))
    assert not found.names and "were not looked up" in found.notes[0]
    assert earlier_names(result.typology, "X", choose_store(tmp_path / "new")).notes == ()
    assert not (tmp_path / "new").exists()


def test_only_an_approved_model_is_used_unasked(logged, decided, store, result, tmp_path):
    model = logged()
    write_wide(result.typology.profiles, tmp_path / "new.csv")

    def assigned(uri):
        return assign_sites(
            uri, study=None, profiles=tmp_path / "new.csv", tracking_uri=store.uri
        ).frame

    with pytest.raises(TrackingError) as caught:
        assigned(f"models:/{model}")
    assert f"--model models:/{model}@proposed" in str(caught.value)
    assert assigned(f"models:/{model}@proposed")["type"].notna().all()
    decided(model, names={1: "Whole school"})
    frame = assigned(f"models:/{model}")
    assert set(frame.loc[frame["type"] == 1, "name"]) == {"Whole school"}
    with pytest.raises(TrackingError, match=r"has no version 'proposed'\. It has: approved"):
        assigned(f"models:/{model}@proposed")


def test_a_run_of_the_same_study_takes_names_over_and_its_report_says_them(
    result, study, settings, tmp_path
):
    from site_typology.experiments.runner import run_study

    store = result.tracked.store
    shutil.copytree(result.out, tmp_path / "out")
    uri = f"sqlite:///{tmp_path}/out/names.db"
    log_typology(result.typology, Origin(study.name), choose_store(".", uri), folder=result.out)
    decide(study.name, approve=True, names={2: "Clinic first"}, tracking_uri=uri, **WHO)
    again = run_study(study, out=tmp_path / "out", settings=settings, seed=2, tracking_uri=uri)
    both = carry_names({2: "Clinic first"}, result.typology.labels, again.typology.labels)
    (number,) = both.names
    assert again.typology.names[number] == "Clinic first"
    assert "Clinic first" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    version = open_store(choose_store(".", uri)).get_model_version(study.name, "2")
    assert given_names(version.tags) == {number: "Clinic first"}
    made = json.loads((tmp_path / "out" / "run.json").read_text())
    assert made["names"] == {str(number): "Clinic first"} and made["name_notes"]
    assert store.uri != uri
