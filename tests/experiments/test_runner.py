"""A study from its tables to MLflow, and what is left when tracking fails."""

import json
import shutil
import socket

import pytest

from site_typology.experiments.origin import Origin
from site_typology.experiments.run_parts import EVIDENCE, FOLDER, IDENTITY
from site_typology.experiments.run_plan import expected_words
from site_typology.experiments.runner import run_study, track_results
from site_typology.experiments.store import Store, TrackingError, open_store
from site_typology.grid import Grid
from site_typology.output import CONTRACT
from site_typology.sharing import share_results
from site_typology.typology import load


def test_everything_stands_in_the_folder_and_in_mlflow(study, result):
    assert {path.name for path in result.out.iterdir()} == {*CONTRACT, "mlflow.db", "mlartifacts"}
    evidence = json.loads((result.out / "evidence.json").read_text(encoding="utf-8"))
    assert (evidence["verdict"], evidence["k"]) == ("supported", 3)
    client = open_store(result.tracked.store)
    run = client.get_run(result.run_id)
    assert run.data.tags["study_hash"] == study.hash
    assert run.data.metrics["fidelity"] == pytest.approx(result.explanation.fidelity)
    logged = {item.path for item in client.list_artifacts(result.run_id)}
    assert logged == {*CONTRACT, "tables"} - {"typology"}
    assert result.tracking_uri == f"sqlite:///{result.out}/mlflow.db"
    assert load(result.out / "typology").labels.equals(result.typology.labels)


def test_what_a_run_will_do_names_the_null_tests_of_specifications_too(study, settings):
    grid = Grid(algorithms=["mixture"], k=[2, 3], seeds=[1, 2], draws=2, bootstraps=2)
    asked = grid.model_copy(update={"null_draws": 19})
    without, lines = (expected_words(study, settings, one, 1, 1) for one in (grid, asked))
    assert [line.split(":")[0] for line in without] == [
        "Evidence for the proposal", "Specifications to fit"]  # fmt: skip
    assert lines[-1].startswith("Null tests of specifications: 2, each with up to 19 data sets")
    assert len(lines) == 3


def test_what_a_run_wrote_can_be_shared(study, result, tmp_path):
    record = json.loads((result.out / "report.json").read_text("utf-8"))
    assert record["internal"] is True
    assert record["disclosure"] == study.declaration.study.disclosure.model_dump()
    assert "name sites" in (result.out / "INTERNAL.txt").read_text("utf-8")
    typology = result.out / "typology"
    shutil.copytree(typology, tmp_path / "results" / "typology")
    shutil.copy(result.out / "report.json", tmp_path / "results")
    share = share_results(tmp_path / "results", tmp_path / "partner")
    page = (share.folder / "report.html").read_text("utf-8")
    assert study.title in page
    assert not [site for site in result.typology.profiles.sites if f">{site}<" in page]


def test_a_store_that_fails_after_the_work_leaves_the_results(study, result, tmp_path):
    (tmp_path / "runs.db").mkdir()
    broken = Store(f"sqlite:///{tmp_path}/runs.db", tmp_path)
    with pytest.raises(TrackingError) as caught:
        track_results(result.typology, Origin(study.name), out=result.out, store=broken)
    assert "runs.db" in str(caught.value)
    assert f"Complete in {result.out}" in str(caught.value)


def steps_before_failure(study, settings, out, tracking_uri=None) -> list[str]:
    steps: list[str] = []
    with pytest.raises(TrackingError, match="cannot be used as a database"):
        run_study(
            study,
            out=out,
            settings=settings,
            tracking_uri=tracking_uri,
            progress=lambda step, done: steps.append(step),
        )
    return steps


def test_a_database_that_cannot_be_used_is_told_before_the_work(
    study, settings, tmp_path, monkeypatch
):
    (tmp_path / "runs.db").mkdir()
    uri = f"sqlite:///{tmp_path}/runs.db"
    assert steps_before_failure(study, settings, tmp_path / "out", uri) == []
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert steps_before_failure(study, settings, tmp_path / "out") == []
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "mlflow.db").write_text("site,type\n" * 200)
    assert steps_before_failure(study, settings, tmp_path / "old") == []
    assert not (tmp_path / "out").exists()


def test_a_run_that_fails_early_leaves_no_default_store(study, settings, tmp_path):
    def stop(step: str, done: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(study, out=tmp_path / "out", settings=settings, progress=stop)
    files = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {tmp_path / "out" / FOLDER / name for name in (IDENTITY, EVIDENCE)}


def test_a_server_that_does_not_answer_is_told_before_the_work(
    study, settings, tmp_path, monkeypatch
):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{taken.getsockname()[1]}"
        steps = []
        with pytest.raises(TrackingError, match="does not answer"):
            run_study(
                study,
                out=tmp_path / "out",
                settings=settings,
                tracking_uri=uri,
                progress=lambda step, done: steps.append(step),
            )
    assert steps == [] and not (tmp_path / "out").exists()
