"""The model on MLflow's own server, in a process of its own."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from site_typology.experiments.profile_rows import wide_rows

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def server(tracked, tmp_path_factory):
    """Start ``mlflow models serve`` with this environment on a free port of loopback."""
    folder = tmp_path_factory.mktemp("served")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "mlflow", "models", "serve", "-m", tracked.model_uri]
    words += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    environment = {
        **os.environ,
        "MLFLOW_TRACKING_URI": tracked.store.uri,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "PATH": f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}",  # noqa: PTH120
    }
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(words, cwd=folder, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 120
        while True:
            try:
                with urllib.request.urlopen(f"{address}/ping", timeout=5):  # noqa: S310 - our own
                    break
            except OSError:
                alive = process.poll() is None and time.monotonic() < until
                assert alive, (folder / "log.txt").read_text()
                time.sleep(0.5)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


def invoke(address, content):
    body = json.dumps(content).encode()
    headers = {"Content-Type": "application/json"}
    asked = urllib.request.Request(f"{address}/invocations", body, headers)  # noqa: S310 - our own
    with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310 - our own
        return json.loads(answer.read())


def test_it_gives_fitted_sites_their_types_and_refuses_other_columns(server, typology):
    rows = wide_rows(typology.profiles.select(use="build")).reset_index(drop=True)
    content = {"dataframe_split": json.loads(rows.to_json(orient="split"))}
    found = invoke(server, content)["predictions"]
    assert [row["type"] for row in found] == typology.labels.tolist()
    columns, row = ["wsa", "activity"], [2.0, 3.0]
    with pytest.raises(urllib.error.HTTPError) as refused:
        invoke(server, {"dataframe_split": {"columns": columns, "data": [row]}})
    assert refused.value.code == 400
    refused.value.close()
