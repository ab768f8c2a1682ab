"""Where runs are tracked: a local database next to the output, or a tracking server."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import re
import sqlite3
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from site_typology.errors import Problem, StudyError
from site_typology.system_errors import is_about_file, system_problem

if TYPE_CHECKING:
    from mlflow import MlflowClient

DATABASE = "mlflow.db"
ARTIFACTS = "mlartifacts"

# Each only where the user said nothing: MLflow itself would report usage to its makers, try a
# dead server for minutes, and write links and progress bars between ours.
_DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
_QUIET_LOGGERS = ("mlflow", "alembic")
_WARNING_PACKAGES = ("mlflow", "alembic", "sqlalchemy", "pydantic")


class TrackingError(StudyError):
    """Runs could not be tracked; the message names the store and what to do.

    Examples
    --------
    >>> from site_typology.errors import Problem
    >>> print(TrackingError("MLflow at http://host", [Problem("tracking", "No answer.")]))
    MLflow at http://host: 1 problem
      tracking  No answer.
    """


@dataclass(frozen=True)
class Store:
    """A tracking store.

    Parameters
    ----------
    uri : str
        What MLflow calls the tracking URI.
    artifacts : Path or None
        Folder for the files of new experiments; None where the server decides.

    Examples
    --------
    >>> Store("https://user:secret@host/mlflow", None).shown
    'https://host/mlflow'
    """

    uri: str
    artifacts: Path | None

    @property
    def database(self) -> Path | None:
        """The file of a SQLite store; None for any other.

        Examples
        --------
        >>> Store("sqlite:////srv/runs.db", None).database.name
        'runs.db'
        """
        if not self.uri.startswith("sqlite:///"):
            return None
        return Path(self.uri.removeprefix("sqlite:///").partition("?")[0])

    @property
    def shown(self) -> str:
        """The URI without a user name or password, fit for a message."""
        return without_credentials(self.uri)


def without_credentials(text: str) -> str:
    """Leave the user name and password out of a URI, or of every URI in a text.

    Examples
    --------
    >>> without_credentials("postgresql://user:secret@host/runs")
    'postgresql://host/runs'
    """
    return re.sub(r"(?<=://)[^/@\s]+@", "", text)


def choose_store(out: str | Path, tracking_uri: str | None = None) -> Store:
    """Say where the runs of an output folder are tracked; nothing is opened or written.

    Parameters
    ----------
    out : str or Path
        The output folder.
    tracking_uri : str, optional
        A tracking server (``http://...``) or a database (``sqlite:///...``). By default the
        environment variable ``MLFLOW_TRACKING_URI``, and without it ``OUT/mlflow.db``.

    Returns
    -------
    Store

    Raises
    ------
    TrackingError
        The URI names a folder: MLflow keeps runs in a database or on a server.

    Examples
    --------
    >>> choose_store("results").uri.endswith("results/mlflow.db")
    True
    """
    out = Path(out).absolute()
    uri = given_uri(tracking_uri)
    if not uri:
        return Store(f"sqlite:///{(out / DATABASE).as_posix()}", out / ARTIFACTS)
    scheme = urlsplit(uri).scheme
    if scheme in ("", "file") or len(scheme) == 1:
        remedy = f"Give http://HOST:PORT, sqlite:///FILE.db, or nothing for {out / DATABASE}."
        raise TrackingError(f"MLflow at {uri}", [Problem("tracking", f"Is a folder. {remedy}")])
    if scheme.startswith("sqlite"):
        database = Path(uri.partition("///")[2]).absolute()
        return Store(f"sqlite:///{database.as_posix()}", database.parent / ARTIFACTS)
    if scheme in ("http", "https", "databricks", "databricks-uc", "uc"):
        return Store(uri, None)
    return Store(uri, out / ARTIFACTS)


def given_uri(tracking_uri: str | None = None) -> str | None:
    """Say which store was asked for, here or in the environment; None leaves the default."""
    return tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or None


def open_store(store: Store) -> MlflowClient:
    """Connect to a store, and make its database where there is none.

    Parameters
    ----------
    store : Store

    Returns
    -------
    mlflow.MlflowClient

    Raises
    ------
    TrackingError
        The server does not answer, or the database cannot be opened.
    """
    if store.database is not None:
        _check_database(store.database, store)
    with tracking(store):
        from mlflow import MlflowClient

        client = MlflowClient(store.uri)
        client.search_experiments(max_results=1)
        return client


def _check_database(path: Path, store: Store) -> None:
    """Refuse a file that SQLite cannot use, on which MLflow would try for minutes."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("pragma schema_version").fetchall()
    except (OSError, sqlite3.Error) as error:
        text = f"{path} cannot be used as a database: {error}. Move it away or name another."
        raise TrackingError(f"MLflow at {store.shown}", [Problem("tracking", text)]) from error


@contextlib.contextmanager
def tracking(store: Store) -> Iterator[None]:
    """Speak to a store quietly, and turn its failures into `TrackingError`.

    Parameters
    ----------
    store : Store
        MLflow's own functions use it inside the block, and what the user had set after it.

    Raises
    ------
    TrackingError
    """
    from requests.exceptions import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    with quiet_mlflow():
        import mlflow
        from mlflow.exceptions import MlflowException

        # MLflow has one setting in the environment and another in memory; both come back.
        named = os.environ.pop("MLFLOW_TRACKING_URI", None)
        before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
        try:
            mlflow.set_tracking_uri(store.uri)
            yield
        except (MlflowException, RequestException, SQLAlchemyError, OSError) as error:
            if isinstance(error, OSError) and is_about_file(error):
                # A file on this machine, such as a temporary one, and not the store's answer.
                problem = system_problem(error, "MLflow was at work", "tracking")
            else:
                problem = Problem("tracking", _what_failed(store, error))
            raise TrackingError(f"MLflow at {store.shown}", [problem]) from error
        finally:
            mlflow.set_tracking_uri(before)
            os.environ.pop("MLFLOW_TRACKING_URI", None)
            if named is not None:
                os.environ["MLFLOW_TRACKING_URI"] = named


@contextlib.contextmanager
def quiet_mlflow() -> Iterator[None]:
    """Keep MLflow from reporting usage and from writing notices among the user's own output.

    Examples
    --------
    >>> with quiet_mlflow():
    ...     os.environ["MLFLOW_DISABLE_TELEMETRY"]
    'true'
    """
    # Stays set: MLflow reads it at import and again from threads that outlive this block.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    added = {name: value for name, value in _DEFAULTS.items() if name not in os.environ}
    os.environ.update(added)
    levels = {name: logging.getLogger(name).level for name in _QUIET_LOGGERS}
    try:
        with warnings.catch_warnings():
            _import_mlflow_quietly()
            # Notices to MLflow's developers, which nobody here can act on; ours are still heard.
            for name in _WARNING_PACKAGES:
                warnings.filterwarnings("ignore", module=rf"{name}(\.|$)")
            for name in _QUIET_LOGGERS:
                logging.getLogger(name).setLevel(logging.ERROR)
            yield
    finally:
        for name in added:
            os.environ.pop(name, None)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def _import_mlflow_quietly() -> None:
    """Import MLflow, whose packages warn each other while they load."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module("mlflow")


def _what_failed(store: Store, error: Exception, limit: int = 300) -> str:
    """Say what a person can do; MLflow's own words only where they may help."""
    reason = " ".join(without_credentials(str(error)).split())
    if store.artifacts is None and re.search(r"refused|Max retries|timed out|resolve", reason):
        return (
            "The server does not answer. Start it or correct the URI; without a URI, runs go to "
            f"{DATABASE} in the output folder."
        )
    if store.artifacts is None and re.search(r"\b40[13]\b|Unauthorized|Permission", reason):
        return (
            "The server does not let you in, or not do this. Set MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, or ask who runs it for the right."
        )
    shown = reason if len(reason) <= limit else f"{reason[:limit]}..."
    return f"MLflow could not go on: {shown}"
