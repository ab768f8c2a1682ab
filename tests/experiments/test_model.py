"""The typology as an MLflow model: loaded without pickle, checked before it answers."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from site_typology.errors import StudyError
from site_typology.experiments.logged_model import fetch_typology, requirements
from site_typology.experiments.origin import Origin
from site_typology.experiments.profile_rows import wide_rows
from site_typology.experiments.store import TrackingError, open_store, quiet_mlflow, tracking
from site_typology.experiments.tracking import log_typology
from site_typology.profiles import SiteProfiles
from site_typology.proposal import propose


@pytest.fixture(scope="module")
def rows(typology):
    return wide_rows(typology.profiles.select(use="build")).reset_index(drop=True)


@pytest.fixture(scope="module")
def model(tracked):
    with tracking(tracked.store):
        import mlflow

        return mlflow.pyfunc.load_model(tracked.model_uri)


@pytest.fixture(scope="module")
def saved(tracked, tmp_path_factory):
    with tracking(tracked.store):
        import mlflow

        folder = tmp_path_factory.mktemp("model")
        return Path(mlflow.artifacts.download_artifacts(tracked.model_uri, dst_path=str(folder)))


def test_fitted_sites_get_their_own_types_and_confidence(typology, model, rows):
    answer = model.predict(rows)
    assert list(answer) == ["type", "confidence", "next_type", "distance", "reason"]
    own = typology.memberships
    np.testing.assert_array_equal(answer["type"], own["type"])
    np.testing.assert_allclose(answer["confidence"], own["confidence"], atol=1e-9)
    np.testing.assert_allclose(answer["distance"], own["distance"], atol=1e-9)


def test_one_site_alone_gets_the_same_answer(model, rows):
    together = model.predict(rows)
    alone = pd.concat([model.predict(rows.iloc[[at]]) for at in range(3)])
    pd.testing.assert_frame_equal(alone, together.head(3))


def test_it_holds_code_json_and_tables_but_no_pickle(saved):
    files = [path for path in saved.rglob("*") if path.is_file()]
    # Python itself keeps what it compiled beside the code when a test loads the model.
    endings = {path.suffix for path in files if path.parent.name != "__pycache__"}
    assert endings <= {".py", ".json", ".parquet", ".npz", ".npy", ".txt", ".yaml", ".whl", ""}
    assert [path.name for path in saved.rglob("*.py")] == ["pyfunc.py"]


def test_it_states_what_it_takes_and_needs(model, saved):
    takes = {spec.name: spec.required for spec in model.metadata.get_input_schema()}
    assert takes["wsa"] and not takes["wsa__se"] and not takes["wsa__n"]
    assert "lead" not in takes  # an evaluation feature describes types, it does not make them
    example = json.loads((saved / "input_example.json").read_text())
    assert example["columns"][:3] == ["wsa", "activity", "leavers"]
    assert set(requirements()) <= set((saved / "requirements.txt").read_text().split())


def test_a_gap_and_a_stranger_get_a_reason(model, rows):
    strange = rows.iloc[[0, 1]].copy()
    strange.loc[0, ["wsa", "activity"]] = [400.0, -900.0]
    strange.loc[1, ["wsa", "activity", "leavers"]] = np.nan
    answer = model.predict(strange)
    assert answer["type"].isna().all()
    assert answer.loc[0, "reason"].startswith("none of these")
    assert answer.loc[1, "reason"].startswith("not enough data")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"wsa": np.inf}, "An infinite number at row 1"),
        ({"leavers": 3.0}, "Expected 0 to 1"),
        ({"wsa__se": -1.0}, "negative"),
    ],
)
def test_bad_numbers_are_refused(model, rows, change, message):
    with pytest.raises(StudyError, match=message):
        model.predict(rows.head(2).assign(**change))


def test_wrong_types_and_missing_columns_are_refused_by_the_signature(model, rows):
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match="missing inputs"):
        model.predict(rows.drop(columns="wsa"))
    with pytest.raises(MlflowException, match="Incompatible input types"):
        model.predict(rows.assign(wsa="high"))


def test_unknown_columns_are_refused_where_mlflow_does_not_drop_them(model, rows):
    bare = model.unwrap_python_model()
    with pytest.raises(StudyError, match="Unknown column"):
        bare.predict(None, rows.assign(wsa__SE=0.1))


def test_answers_can_be_served_as_json(model, rows):
    import io

    with quiet_mlflow():
        from mlflow.pyfunc.scoring_server import predictions_to_json
    text = io.StringIO()
    rows = rows.head(2).copy()
    rows.loc[1, ["wsa", "activity", "leavers"]] = np.nan
    predictions_to_json(model.predict(rows), text)
    first, second = json.loads(text.getvalue())["predictions"]
    assert first["type"] in (1, 2, 3) and second["type"] is None


def test_fetched_back_it_is_the_same_typology(tracked, typology):
    back = fetch_typology(tracked.model_uri, tracked.store.uri)
    assert back.labels.equals(typology.labels)
    assert back.profiles.hash == typology.profiles.hash


def test_a_model_that_is_not_there_is_named(tracked):
    with pytest.raises(TrackingError, match="Nowhere"):
        fetch_typology("models:/Nowhere@proposed", tracked.store.uri)


@pytest.mark.parametrize("uri", [None, "sqlite:///team/runs.db"])
def test_a_database_that_is_not_there_is_not_made_to_read_from(uri, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TrackingError, match=r"--tracking-uri.*MLFLOW_TRACKING_URI"):
        fetch_typology("models:/X@proposed", uri)
    assert not list(tmp_path.iterdir())


def test_a_typology_that_cannot_be_read_is_not_blamed_on_mlflow(tracked, monkeypatch):
    def unreadable(folder):
        raise OSError("no such disk")

    monkeypatch.setattr("site_typology.typology.load", unreadable)
    with pytest.raises(OSError, match="no such disk"):
        fetch_typology(tracked.model_uri, tracked.store.uri)


def test_where_no_typology_is_claimed_the_model_says_so(tracked, small):
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(rng.normal(size=(12, 3)), columns=["wsa", "activity", "need"])
    cloud = SiteProfiles.from_frame(frame)
    nothing = propose(cloud, seed=1, settings=small, name="One cloud")
    assert not nothing.evidence.claimed
    logged = log_typology(nothing, Origin("One cloud"), tracked.store)
    run = open_store(tracked.store).get_run(logged.summary_run)
    assert run.info.run_name == f"SUMMARY: {nothing.verdict}, no types claimed"
    assert run.data.tags["k"] == "1"
    assert "smallest_separation" in run.data.metrics or np.isnan(
        nothing.evidence.power.smallest_separation
    )
    with tracking(tracked.store):
        import mlflow

        answer = mlflow.pyfunc.load_model(logged.model_uri).predict(frame)
    assert answer["type"].isna().all()
    assert answer["reason"].str.startswith("no typology claimed").all()
