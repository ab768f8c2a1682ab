"""A finished folder is logged from what stands in it, once, however often it is tried."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from site_typology.cli import main
from site_typology.errors import StudyError
from site_typology.experiments.registry import aliases
from site_typology.experiments.runner import log_results
from site_typology.experiments.store import TrackingError, choose_store, open_store
from site_typology.output import CONTRACT


@pytest.fixture
def folder(result, tmp_path):
    """The results of a run moved elsewhere, without their store."""
    out = tmp_path / "moved"
    shutil.copytree(result.out, out, ignore=shutil.ignore_patterns("mlflow.db", "mlartifacts"))
    return out


@pytest.fixture
def uri(tmp_path):
    return f"sqlite:///{tmp_path}/team.db"


def everything(tracked):
    """Runs by name with status, metrics, parameters and tags; and the list of artifacts."""
    client = open_store(tracked.store)
    runs = client.search_runs([tracked.experiment_id])
    found = [
        (run.info.run_name, run.info.status, run.data.metrics, run.data.params, run.data.tags)
        for run in runs
    ]
    return found, sorted(item.path for item in client.list_artifacts(tracked.summary_run))


def own(run):
    """Without what MLflow adds of its own for each store."""
    name, status, metrics, params, tags = run
    return name, status, metrics, params, {k: v for k, v in tags.items() if k[:7] != "mlflow."}


def test_the_folder_alone_gives_the_same_runs_as_the_run_itself(result, folder, uri):
    logged, files = everything(log_results(folder, uri))
    first, first_files = everything(result.tracked)
    assert [own(run) for run in logged] == [own(run) for run in first]
    assert files == first_files == sorted({*CONTRACT, "tables"} - {"typology"})


def test_a_second_time_nothing_is_doubled(folder, uri, tmp_path):
    once = log_results(folder, uri)
    before = everything(once)
    twice = log_results(folder, uri)
    assert everything(twice) == before
    assert (twice.summary_run, twice.candidate_runs) == (once.summary_run, once.candidate_runs)
    assert (once.model_version, twice.model_version) == ("1", "1")
    client = open_store(once.store)
    table = client.download_artifacts(once.summary_run, "tables/candidates.json", str(tmp_path))
    rows = pd.read_json(Path(table), orient="split")
    assert len(rows) == len(once.candidate_runs)
    for name in ("stability", "agreement"):
        run = client.get_run(once.candidate_runs["mixture/features/3"])
        assert rows.set_index("name")[name]["mixture/features/3"] == run.data.metrics[name]


@pytest.mark.parametrize("cut", [1, 3])
def test_cut_off_in_the_middle_it_goes_on_where_it_was(folder, uri, cut):
    calls = []

    def stop(step, done):
        calls.append(done)
        if len(calls) == cut:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        log_results(folder, uri, stop)
    client = open_store(choose_store(folder, uri))
    experiment = client.get_experiment_by_name("Three kinds")
    first = {run.info.run_id for run in client.search_runs([experiment.experiment_id])}
    assert len(first) == cut
    tracked = log_results(folder, uri)
    runs = client.search_runs([experiment.experiment_id])
    assert len(runs) == len(tracked.candidate_runs) + 1
    assert first < {run.info.run_id for run in runs}
    assert runs[0].info.run_name == "SUMMARY: supported, 3 types"
    table = pd.read_csv(folder / "candidates.csv")
    assert [run.data.tags["candidate"] for run in runs[1:]] == list(table["name"])
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_a_model_that_was_logged_but_not_registered_is_not_logged_again(folder, uri, monkeypatch):
    def broken(*given):
        raise OSError("no more room")

    with monkeypatch.context() as patch:
        patch.setattr("site_typology.experiments.tracking.register", broken)
        with pytest.raises(TrackingError, match="no more room"):
            log_results(folder, uri)
    tracked = log_results(folder, uri)
    client = open_store(tracked.store)
    assert len(client.search_logged_models([tracked.experiment_id])) == 1
    assert aliases(client.get_registered_model(tracked.model)) == {"proposed": "1"}
    assert client.get_run(tracked.summary_run).info.status == "FINISHED"


def test_a_folder_without_results_is_refused(tmp_path, folder):
    with pytest.raises(StudyError, match=r"run\.json"):
        log_results(tmp_path / "nothing")
    (folder / "run.json").write_text('{"study": 1}')
    with pytest.raises(StudyError, match="Cannot be understood"):
        log_results(folder)
    assert not (folder / "mlflow.db").exists()


def test_a_typology_of_other_data_is_refused(folder):
    content = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**content, "data_hash": "0" * 64}))
    with pytest.raises(StudyError, match="other data"):
        log_results(folder)


def test_from_the_command_line(folder, uri, capsys):
    with pytest.raises(SystemExit) as left:
        main(["log", str(folder), "--tracking-uri", uri])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert "Three kinds, version 1" in shown and "mlflow ui" in shown
