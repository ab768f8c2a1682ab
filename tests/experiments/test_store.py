"""Where runs go, and what is said when they cannot go there."""

import os
import socket
import subprocess
import sys
import warnings

import pytest

from site_typology.experiments.store import (
    Store,
    TrackingError,
    choose_store,
    open_store,
    quiet_mlflow,
    tracking,
)


@pytest.fixture(autouse=True)
def no_uri(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_default_store_is_a_database_in_the_output_folder(tmp_path):
    store = choose_store(tmp_path)
    assert store.uri == f"sqlite:///{tmp_path}/mlflow.db"
    assert store.artifacts == tmp_path / "mlartifacts"
    assert not list(tmp_path.iterdir())


def test_explicit_uri_goes_before_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://from.environment:5000")
    assert choose_store(tmp_path).uri == "http://from.environment:5000"
    assert choose_store(tmp_path, "http://given:5000").uri == "http://given:5000"
    assert choose_store(tmp_path, "http://given:5000").artifacts is None


def test_artifacts_of_a_named_database_stand_beside_it_whatever_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = choose_store("out", "sqlite:///team/runs.db")
    assert store == Store(f"sqlite:///{tmp_path}/team/runs.db", tmp_path / "team" / "mlartifacts")
    assert choose_store("out", "postgresql://host/runs").artifacts == tmp_path / "out/mlartifacts"


@pytest.mark.parametrize("uri", ["file:///srv/mlruns", "./mlruns", "C:\\runs"])
def test_a_folder_is_refused(tmp_path, uri):
    with pytest.raises(TrackingError, match="Is a folder"):
        choose_store(tmp_path, uri)


def test_a_server_that_does_not_answer_is_named_without_its_password(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        uri = f"http://user:secret@127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(TrackingError) as caught:
            open_store(Store(uri, None))
    assert "127.0.0.1" in str(caught.value) and "does not answer" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path):
    path = tmp_path / "mlflow.db"
    path.write_text("site,type\n" * 200)
    with pytest.raises(TrackingError, match="cannot be used as a database"):
        open_store(choose_store(tmp_path))
    assert path.read_text().startswith("site,type")


@pytest.mark.parametrize("in_environment", [None, "http://from.environment:5000"])
@pytest.mark.parametrize("in_memory", [None, "http://set.by.user:5000"])
def test_the_users_own_settings_come_back(tmp_path, monkeypatch, in_environment, in_memory):
    import mlflow

    try:
        if in_memory is not None:
            mlflow.set_tracking_uri(in_memory)
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        if in_environment is not None:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", in_environment)
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "9")
        before = dict(os.environ)
        store = Store(f"sqlite:///{tmp_path}/mlflow.db", tmp_path)
        with tracking(store):
            assert mlflow.get_tracking_uri() == store.uri
            assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "9"
            assert os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] == "false"
        names = {*os.environ, *before} - {"MLFLOW_DISABLE_TELEMETRY"}
        assert not [name for name in names if os.environ.get(name) != before.get(name)]
        assert mlflow.is_tracking_uri_set() == bool(in_memory or in_environment)
        if in_memory or in_environment:
            assert mlflow.get_tracking_uri() == (in_memory or in_environment)
    finally:
        mlflow.set_tracking_uri(None)


@pytest.mark.parametrize(("given", "expected"), [(None, "true"), ("false", "false")])
def test_telemetry_is_off_unless_the_user_says_otherwise(monkeypatch, given, expected):
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
    if given is not None:
        monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", given)
    with quiet_mlflow():
        assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == expected


def test_only_mlflows_own_warnings_are_hidden(tmp_path):
    # Warnings are errors in tests: one that is heard is raised.
    with tracking(choose_store(tmp_path)), pytest.raises(UserWarning, match="of ours"):
        warnings.warn("of ours", UserWarning, stacklevel=1)
    with quiet_mlflow():
        told = {"__name__": "mlflow.pyfunc", "warnings": warnings}
        exec("warnings.warn('theirs', FutureWarning)", told)  # noqa: S102 - as if in that module


def test_specifications_and_stores_load_no_mlflow():
    code = (
        "import sys; import site_typology.experiments.spec, site_typology.experiments.store; "
        "from site_typology.experiments.store import choose_store; choose_store('x'); "
        "sys.exit('mlflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
