"""The typology as a registered MLflow model: logging it, and fetching it back."""

from __future__ import annotations

import tempfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from site_typology.errors import Problem
from site_typology.experiments.own_wheel import wheel_name, write_own_wheel
from site_typology.experiments.profile_rows import wide_rows
from site_typology.experiments.standing import pinned
from site_typology.experiments.store import (
    Store,
    TrackingError,
    choose_store,
    open_store,
    tracking,
)
from site_typology.profile_files import COUNT, ERROR

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.models import ModelSignature

    from site_typology.typology import Typology

ARTIFACT = "typology"
PINNED = ("mlflow", "numba", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy")
_OUTPUT_TYPES = {
    "type": "long",
    "confidence": "double",
    "next_type": "long",
    "distance": "double",
    "reason": "string",
}


def model_signature(typology: Typology) -> ModelSignature:
    """Say what the model takes and gives: every build feature, and optionally its error and n."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    names = [info.name for info in typology.profiles.select(use="build").features]
    takes = [ColSpec("double", name) for name in names]
    for ending in (ERROR, COUNT):
        takes += [ColSpec("double", f"{name}{ending}", required=False) for name in names]
    gives = [ColSpec(kind, name, required=name == "reason") for name, kind in _OUTPUT_TYPES.items()]
    return ModelSignature(Schema(takes), Schema(gives))


def requirements() -> list[str]:
    """Packages that the model needs, at the versions installed here.

    This package itself is on no index: its wheel lies in the model, and is named by its place
    from the model's folder, where MLflow and ``pip install -r requirements.txt`` look for it.
    """
    return [f"artifacts/{wheel_name()}", *(f"{name}=={metadata.version(name)}" for name in PINNED)]


def log_model(typology: Typology, run_id: str) -> Any:
    """Log the typology with a run of the store that MLflow points at, see `tracking`.

    Parameters
    ----------
    typology : Typology
    run_id : str
        A run of that store; it is left finished.

    Returns
    -------
    mlflow.models.model.ModelInfo
    """
    import mlflow

    example = wide_rows(typology.profiles.select(use="build")).head(3).reset_index(drop=True)
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / ARTIFACT
        typology.save(saved)
        with mlflow.start_run(run_id=run_id, nested=True):
            return mlflow.pyfunc.log_model(
                name=ARTIFACT,
                python_model=str(Path(__file__).with_name("pyfunc.py")),
                artifacts={ARTIFACT: str(saved), "wheel": str(write_own_wheel(Path(folder)))},
                signature=model_signature(typology),
                input_example=example,
                pip_requirements=requirements(),
            )


def ready_model(client: MlflowClient, experiment_id: str, run_id: str) -> Any:
    """Find the model that was logged with a run to its end; None where there is none."""
    found = client.search_logged_models([experiment_id], filter_string=f"source_run_id='{run_id}'")
    ready = [model for model in found if str(model.status) == "READY"]
    return ready[0] if ready else None


def fetch_typology(uri: str, tracking_uri: str | None = None, out: str | Path = ".") -> Typology:
    """Load a typology from an MLflow model, with the names that people gave its types.

    Parameters
    ----------
    uri : str
        A model URI: ``models:/STUDY`` for the approved version and no other,
        ``models:/STUDY@proposed``, ``models:/STUDY/3``, ``runs:/...``.
    tracking_uri : str, optional
        The store; see `choose_store`.
    out : str or Path
        Output folder whose database is the default store.

    Returns
    -------
    Typology
        Read from its data files; no code of the model is run.

    Raises
    ------
    TrackingError
        There is no such model or none is approved, or the store does not answer or is a database
        that is not there; none is made.
    StudyError
        The typology is damaged, or of another format version.
    """
    store = choose_store(out, tracking_uri)
    check_there(store)
    client = open_store(store)
    with tracking(store):
        version, given = pinned(client, uri, store)
    typology = typology_at(version, store)
    return typology.named({key: name for key, name in given.items() if key in typology.names})


def typology_at(uri: str, store: Store) -> Typology:
    """Load the typology of one model of a store, as it was logged.

    Raises
    ------
    TrackingError
        There is no such model, or it holds no typology.
    StudyError
        The typology is damaged, or of another format version.
    """
    from site_typology.typology import load

    with tempfile.TemporaryDirectory() as folder:
        with tracking(store):
            import mlflow

            local = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=folder))
        saved = local / "artifacts" / ARTIFACT
        if not saved.is_dir():
            remedy = "Give the URI of a model that site-typology logged."
            raise TrackingError(uri, [Problem("model", f"Holds no typology. {remedy}")])
        return load(saved)


def check_there(store: Store) -> None:
    """Refuse a database that does not exist, where MLflow would make an empty one to read from."""
    if store.database is not None and not store.database.is_file():
        remedy = (
            "Name the store of the model with --tracking-uri (sqlite:///OUT/mlflow.db or "
            "http://HOST:PORT), or in MLFLOW_TRACKING_URI."
        )
        text = f"There is no database {store.database}. {remedy}"
        raise TrackingError(f"MLflow at {store.shown}", [Problem("tracking", text)])
