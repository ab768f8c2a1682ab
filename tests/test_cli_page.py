"""The command that serves the page: what it refuses before it listens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from site_typology import cli
from site_typology.typology import Typology


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as left:
        cli.main(["page", *arguments])
    assert left.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org"])  # noqa: S104
def test_another_host_is_refused_and_says_what_it_would_mean(
    host: str, capsys: pytest.CaptureFixture[str]
):
    told = refused(capsys, "--model", "nowhere", "--host", host)
    for words in ("other machines", "no users and no encryption", "--allow-host NAME"):
        assert words in told


def test_a_model_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]):
    assert "nowhere" in refused(capsys, "--model", "nowhere")


def test_without_a_model_or_a_store_it_says_what_to_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert "--tracking-uri" in refused(capsys)
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_named(
    typed: Typology, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    import socket

    typed.save(tmp_path / "typed")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        told = refused(capsys, "--model", str(tmp_path / "typed"), "--port", port)
    assert f"port {port}" in told


def test_help_loads_no_server():
    code = (
        "import sys\n"
        "from site_typology import cli\n"
        "try: cli.main(['page', '--help'])\n"
        "except SystemExit: pass\n"
        "loaded = {'starlette', 'uvicorn', 'mlflow', 'matplotlib', 'jinja2'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
