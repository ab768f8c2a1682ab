"""Tracking on a real MLflow server, and what happens when it goes away."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from site_typology.experiments.carried import earlier_names
from site_typology.experiments.logged_model import fetch_typology
from site_typology.experiments.profile_rows import wide_rows
from site_typology.experiments.rerun import rerun
from site_typology.experiments.review import awaiting, decide
from site_typology.experiments.runner import log_results
from site_typology.experiments.store import TrackingError, choose_store, open_store
from site_typology.experiments.tracking import log_typology

pytestmark = pytest.mark.server

FRESH = """
import sys, warnings
import pandas as pd
warnings.simplefilter("ignore")
import mlflow
model = mlflow.pyfunc.load_model(sys.argv[1])
model.predict(pd.read_parquet("rows.parquet")).to_parquet("answer.parquet")
"""


def _free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _start(folder, port, *more, **variables):
    """Start a server on loopback over the database in a folder, and wait until it answers."""
    words = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    words += ["--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/runs.db"]
    words += ["--artifacts-destination", str(folder / "artifacts"), *more]
    environment = {
        **os.environ,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        **variables,
    }
    environment.pop("MLFLOW_TRACKING_URI", None)
    with (folder / "log.txt").open("a") as log:
        process = subprocess.Popen(
            words, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait(f"http://127.0.0.1:{port}", process, folder / "log.txt")
    except BaseException:  # An interrupt too must not leave a server behind; raised again below.
        _stop(process)
        raise
    return process


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Start a server on a free port of loopback; return its process and address."""
    port = _free_port()
    process = _start(tmp_path_factory.mktemp("server"), port)
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        _stop(process)


def _wait(address, process, log, seconds=240):
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5):  # noqa: S310 - our own server
                return
        except OSError:
            time.sleep(0.25)
    raise AssertionError(f"The server did not start:\n{log.read_text()}")


def _stop(process):
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        _kill(process)


def _kill(process):
    """Kill a server at once, and the workers that it started."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_the_whole_way_through_a_server(
    server, typology, origin, outputs, tmp_path, monkeypatch, capfd
):
    process, address = server
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    store = choose_store(outputs)
    tracked = log_typology(typology, origin, store, folder=outputs)
    assert capfd.readouterr() == ("", "")
    assert tracked.page.startswith(f"{address}/#/experiments/")

    client = open_store(store)
    runs = client.search_runs([tracked.experiment_id])
    assert len(runs) == len(typology.evidence.candidates) + 1
    assert runs[0].info.run_name == "SUMMARY: supported, 3 types"
    assert runs[0].data.metrics["p_value"] == typology.evidence.p_value
    proposed = [run for run in runs if run.data.tags.get("proposed") == "true"]
    assert [run.info.run_name for run in proposed] == ["PROPOSED: mixture / features / k=3"]
    assert proposed[0].inputs.dataset_inputs
    report = client.download_artifacts(tracked.summary_run, "report.html", str(tmp_path))
    assert Path(report).read_bytes() == (outputs / "report.html").read_bytes()

    _assign_in_a_fresh_process(tracked, typology, address, tmp_path)

    _review_and_rerun_over_the_server(tracked, typology, address)

    _stop(process)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(TrackingError, match="does not answer") as caught:
        log_typology(typology, origin, store, folder=outputs)
    assert address in str(caught.value)
    assert (outputs / "report.html").is_file()


def _review_and_rerun_over_the_server(tracked, typology, address):
    assert tracked.model in {proposal.model for proposal in awaiting(address)}
    decide(
        tracked.model,
        approve=True,
        reviewer="R. Lee",
        reason="Fits.",
        names={2: "Whole school"},
        tracking_uri=address,
    )
    named = fetch_typology(f"models:/{tracked.model}", address)
    assert named.names[2] == "Whole school"
    assert earlier_names(typology, "Trailblazer: wave 1", tracked.store).names == {
        2: "Whole school"
    }
    found = rerun(tracked.summary_run, tracking_uri=address)
    assert not found.agreement.differences and found.agreement.figures > 200


def _assign_in_a_fresh_process(tracked, typology, address, folder):
    for name in ("features", "models", "typology", "experiments"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("raise RuntimeError('a decoy was imported')")
    wide_rows(typology.profiles.select(use="build")).to_parquet(
        folder / "rows.parquet", index=False
    )
    done = subprocess.run(
        [sys.executable, "-c", FRESH, tracked.model_uri],
        cwd=folder,
        env={
            **os.environ,
            "MLFLOW_TRACKING_URI": address,
            "PYTHONPATH": str(folder),
            "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = pd.read_parquet(folder / "answer.parquet")
    np.testing.assert_array_equal(answer["type"], typology.labels)


def test_a_server_killed_in_the_middle_loses_nothing(result, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    out = tmp_path / "out"
    shutil.copytree(result.out, out, ignore=shutil.ignore_patterns("mlflow.db", "mlartifacts"))
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    process = _start(tmp_path, port)
    seen = []

    def kill_at_the_third(step, done):
        seen.append(done)
        if len(seen) == 3:
            _kill(process)

    try:
        with pytest.raises(TrackingError, match="does not answer") as caught:
            log_results(out, address, kill_at_the_third)
    finally:
        if process.poll() is None:
            _stop(process)
    assert f"site-typology log {out}" in str(caught.value)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before

    process = _start(tmp_path, port)
    try:
        client = open_store(choose_store(out, address))
        experiment = client.get_experiment_by_name("Three kinds").experiment_id
        left = {run.info.run_id for run in client.search_runs([experiment])}
        assert len(left) == 3
        for _ in range(2):  # A third attempt adds nothing.
            tracked = log_results(out, address)
            runs = client.search_runs([experiment])
            names = [run.data.tags.get("candidate", "summary") for run in runs]
            assert names == ["summary", *pd.read_csv(out / "candidates.csv")["name"]]
            assert left < {run.info.run_id for run in runs}
            assert {run.info.status for run in runs} == {"FINISHED"}
            assert tracked.model_version == "1"
            assert len(client.search_logged_models([experiment])) == 1
    finally:
        _stop(process)


def test_authentication_by_mlflows_own_variables(typology, origin, outputs, tmp_path, monkeypatch):
    password = secrets.token_hex(12)
    given = {"MLFLOW_AUTH_ADMIN_PASSWORD": password, "MLFLOW_FLASK_SERVER_SECRET_KEY": "for a test"}
    port = _free_port()
    store = choose_store(outputs, f"http://127.0.0.1:{port}")
    process = _start(tmp_path, port, "--app-name", "basic-auth", **given)
    try:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "wrong password")
        with pytest.raises(TrackingError, match="MLFLOW_TRACKING_PASSWORD") as caught:
            log_typology(typology, origin, store, folder=outputs)
        assert "wrong password" not in str(caught.value)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
        tracked = log_typology(typology, origin, store, folder=outputs)
        assert tracked.model in {proposal.model for proposal in awaiting(store.uri)}
        monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD")
        monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
        with pytest.raises(TrackingError, match="does not let you in"):
            awaiting(store.uri)
    finally:
        _stop(process)
