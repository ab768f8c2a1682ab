"""Tracking on a real MLflow server, and what happens when it goes away."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from site_typology.experiments.profile_rows import wide_rows
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


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Start a server on a free port of loopback; return its process and address."""
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    words += ["--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/runs.db"]
    words += ["--artifacts-destination", str(folder / "artifacts")]
    environment = {
        **os.environ,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(words, cwd=folder, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(address, process, folder / "log.txt")
        yield process, address
    finally:
        _stop(process)


def _wait(address, process, log, seconds=90):
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
        process.kill()
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

    _stop(process)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(TrackingError, match="does not answer") as caught:
        log_typology(typology, origin, store, folder=outputs)
    assert address in str(caught.value)
    assert (outputs / "report.html").is_file()


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
