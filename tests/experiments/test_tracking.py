"""What stands in MLflow after a typology was logged, in a real local database."""

import json
import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from site_typology.experiments.environment import commit_of
from site_typology.experiments.origin import Origin
from site_typology.experiments.records import CANDIDATE_METRICS
from site_typology.experiments.store import TrackingError, choose_store, open_store
from site_typology.experiments.tracking import log_typology


@pytest.fixture(scope="module")
def client(tracked):
    return open_store(tracked.store)


@pytest.fixture(scope="module")
def runs(tracked, client):
    return client.search_runs([tracked.experiment_id])


@pytest.fixture(scope="module")
def summary(tracked, client):
    return client.get_run(tracked.summary_run)


def test_one_flat_finished_run_a_candidate_and_one_summary_listed_first(typology, runs):
    names = [run.info.run_name for run in runs]
    assert names[0] == "SUMMARY: supported, 3 types"
    assert names[1] == "one population"
    assert "ward / features / k=2" in names and "PROPOSED: mixture / features / k=3" in names
    assert len(names) == len(typology.evidence.candidates) + 1
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert not [run for run in runs if "mlflow.parentRunId" in run.data.tags]


def test_metrics_of_each_candidate_are_those_of_the_comparison_table(typology, tracked, client):
    for row in typology.evidence.candidates.to_dict("records"):
        run = client.get_run(tracked.candidate_runs[row["name"]])
        expected = {
            name: float(row[name])
            for name in CANDIDATE_METRICS
            if not pd.isna(row[name]) and math.isfinite(row[name])
        }
        found = {k: v for k, v in run.data.metrics.items() if not k.startswith("type_stability/")}
        assert found == pytest.approx(expected)
        assert run.data.params == {key: str(row[key]) for key in ("algorithm", "space", "k")}


def test_type_stability_stands_with_the_candidate(typology, tracked, client):
    candidate = next(item for item in typology.candidates if item.name == "ward/features/3")
    metrics = client.get_run(tracked.candidate_runs[candidate.name]).data.metrics
    assert {name for name in metrics if name.startswith("type_stability/")} == {
        f"type_stability/{number}" for number in (1, 2, 3)
    }


def test_summary_carries_the_evidence(typology, summary):
    metrics, evidence = summary.data.metrics, typology.evidence
    assert metrics["p_value"] == evidence.p_value
    assert metrics["k"] == 3 and metrics["sites"] == 24 and metrics["features"] == 3
    assert metrics["missing_share"] == pytest.approx(1 / 72)
    for rule in evidence.rules:
        assert metrics[f"rule/{rule.name}"] == pytest.approx(rule.figure)
    assert "agreement" not in metrics
    assert summary.data.params["reference_draws"] == "19"
    assert summary.data.params["algorithms"] == "ward"


def test_tags_say_where_it_comes_from(typology, origin, runs, summary):
    for run in runs:
        tags = run.data.tags
        assert tags["study"] == origin.study and tags["study_hash"] == origin.study_hash
        assert tags["data_hash"] == typology.profiles.hash
        assert (tags["verdict"], tags["seed"], tags["code_version"]) == ("supported", "3", "0.1.0")
        assert tags["batch"] == summary.data.tags["batch"]
    kinds = [run.data.tags["kind"] for run in runs]
    assert kinds == ["summary"] + ["candidate"] * (len(runs) - 1)
    assert [run.data.tags.get("proposed") for run in runs].count("true") == 1
    assert typology.evidence.why in summary.data.tags["mlflow.note.content"]


def test_datasets_name_the_profiles_and_the_study_by_their_digests(typology, origin, runs):
    for run in runs:
        used = {item.dataset.name: item.dataset for item in run.inputs.dataset_inputs}
        assert {name: dataset.digest for name, dataset in used.items()} == {
            "profiles": typology.profiles.hash[:32],
            "study": origin.study_hash[:32],
        }
        assert "wsa__se" in used["profiles"].schema


def test_artifacts_of_the_summary(typology, tracked, client, outputs, tmp_path):
    def listed(folder=None):
        return {item.path for item in client.list_artifacts(tracked.summary_run, folder)}

    assert {"report.html", "figures", "tables"} <= listed()
    assert listed("figures") == {"figures/map.svg"}
    report = client.download_artifacts(tracked.summary_run, "report.html", str(tmp_path))
    assert Path(report).read_bytes() == (outputs / "report.html").read_bytes()
    tables = Path(client.download_artifacts(tracked.summary_run, "tables", str(tmp_path)))
    candidates, rules = (
        pd.read_json(tables / f"{name}.json", orient="split") for name in ("candidates", "rules")
    )
    assert list(candidates["name"]) == list(typology.evidence.candidates["name"])
    assert list(rules["name"]) == [rule.name for rule in typology.evidence.rules]
    labels = pd.read_csv(tables / "candidate_labels.csv").set_index("site")
    np.testing.assert_array_equal(labels["mixture/features/3"], typology.labels)


def test_a_second_proposal_is_logged_quietly_and_moves_the_alias(
    typology, tracked, client, tmp_path, capfd
):
    import mlflow

    again = log_typology(typology, Origin(tracked.experiment), tracked.store)
    assert capfd.readouterr() == ("", "")
    assert mlflow.active_run() is None
    assert "MLFLOW_TRACKING_URI" not in os.environ and not mlflow.is_tracking_uri_set()
    assert (again.model, again.model_version) == ("Trailblazer- wave 1", "2")
    found = client.get_model_version_by_alias(again.model, "proposed")
    assert (str(found.version), found.run_id) == ("2", again.summary_run)
    assert found.tags["verdict"] == "supported"
    assert client.get_model_version(again.model, "1").run_id == tracked.summary_run
    # No study file and no output folder: the evidence is there all the same.
    assert "study_hash" not in client.get_run(again.summary_run).data.tags
    evidence = client.download_artifacts(again.summary_run, "evidence.json", str(tmp_path))
    assert json.loads(Path(evidence).read_text(encoding="utf-8"))["verdict"] == "supported"


def test_a_failure_in_the_middle_leaves_no_run_open(typology, origin, tracked, client, monkeypatch):
    broken = replace(typology)
    monkeypatch.setattr(
        type(typology), "save", lambda self, folder: (_ for _ in ()).throw(OSError("disk full"))
    )
    with pytest.raises(TrackingError, match="disk full"):
        log_typology(broken, Origin("Broken"), tracked.store)
    experiment = client.get_experiment_by_name("Broken")
    states = {
        run.info.run_name: run.info.status for run in client.search_runs([experiment.experiment_id])
    }
    assert states.pop("SUMMARY: supported, 3 types") == "FAILED"
    assert set(states.values()) == {"FINISHED"}


def test_a_deleted_experiment_is_named_with_the_remedy(typology, tracked, client):
    client.delete_experiment(client.create_experiment("Gone"))
    with pytest.raises(TrackingError, match="mlflow experiments restore"):
        log_typology(typology, Origin("Gone"), tracked.store)


def test_how_to_open(tracked):
    assert tracked.command.startswith("mlflow ui --backend-store-uri sqlite:////")
    assert tracked.page.startswith("http://127.0.0.1:5000/#/experiments/")
    served = replace(tracked, store=choose_store("out", "http://user:secret@host:5000/"))
    assert served.command == "" and served.page.startswith("http://host:5000/#/experiments/")


def test_commit_of_a_file_that_git_does_not_keep(tmp_path):
    (tmp_path / "study.toml").touch()
    assert commit_of(tmp_path / "study.toml") == ""
