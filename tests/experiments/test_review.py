"""Review: what awaits a decision, how it is decided, and what is refused."""

import json
from pathlib import Path

import pandas as pd
import pytest

from site_typology.errors import StudyError
from site_typology.experiments.decision import Decision, history
from site_typology.experiments.logged_model import fetch_typology
from site_typology.experiments.registry import aliases
from site_typology.experiments.review import awaiting, look_at
from site_typology.experiments.store import TrackingError, open_store
from site_typology.explain import explain
from site_typology.output import write_outputs
from site_typology.report import report_html


@pytest.fixture(scope="module")
def store(registry):
    return registry


@pytest.fixture(scope="module")
def client(store):
    return open_store(store)


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
    write_outputs(out, named, named.profiles, report, {}, explanation)
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


def test_a_model_of_another_tool_does_not_stand_in_the_way(logged, store, client):
    model = logged()
    run = client.create_run("0")
    client.create_registered_model("foreign")
    other = client.create_model_version("foreign", "file:///nowhere", run.info.run_id)
    client.set_model_version_tag("foreign", other.version, "status", "proposed")
    client.set_registered_model_alias("foreign", "proposed", other.version)
    models = {proposal.model for proposal in awaiting(store.uri)}
    assert model in models and "foreign" not in models


@pytest.mark.parametrize("text", ["not json", "[]", '{"names": {}}', '{"names": 3}'])
def test_a_decision_that_somebody_else_wrote_is_named(text):
    with pytest.raises(StudyError, match="Was not written by site-typology"):
        history({"decision.20260301T102030456-aa": text})
