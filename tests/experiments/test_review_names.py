"""Names that people gave, in later runs too, and the model that is used unasked."""

import json
import shutil

import pytest

from site_typology.assigning import assign_sites
from site_typology.errors import Problem, StudyError
from site_typology.experiments.carried import earlier_names
from site_typology.experiments.origin import Origin
from site_typology.experiments.registry import given_names
from site_typology.experiments.review import decide
from site_typology.experiments.runner import run_study
from site_typology.experiments.store import TrackingError, choose_store, open_store
from site_typology.experiments.tracking import log_typology
from site_typology.profile_files import write_wide
from site_typology.type_naming import carry_names


@pytest.fixture(scope="module")
def store(registry):
    return registry


@pytest.fixture(scope="module")
def client(store):
    return open_store(store)


def tags_of(client, model, version):
    return client.get_model_version(model, version).tags


def test_names_go_with_the_version_and_over_to_later_runs(logged, decided, client, store, result):
    model = logged()
    decided(model, names={1: "Whole school", 3: "Clinic"})
    assert given_names(tags_of(client, model, "1")) == {1: "Whole school", 3: "Clinic"}
    carried = earlier_names(result.typology, model, store)
    assert carried.names == {1: "Whole school", 3: "Clinic"}
    assert "From version 1." in carried.notes[0]
    # An approved version goes before a later one with other names.
    logged()
    client.set_model_version_tag(model, "2", "name.1", "Something else")
    assert earlier_names(result.typology, model, store).names[1] == "Whole school"


def test_a_store_that_fails_costs_the_names_and_nothing_else(result, tmp_path):
    (tmp_path / "mlflow.db").write_text("no database " * 200)
    found = earlier_names(result.typology, "X", choose_store(tmp_path))
    assert not found.names and "were not looked up" in found.notes[0]
    assert earlier_names(result.typology, "X", choose_store(tmp_path / "new")).notes == ()
    assert not (tmp_path / "new").exists()


def test_a_typology_of_an_older_format_costs_the_names_and_nothing_else(
    logged, decided, store, result, monkeypatch
):
    model = logged()
    decided(model, names={1: "Whole school"})

    def older(uri, store):
        raise StudyError("typology", [Problem("manifest.json", "Is of format version 1.")])

    monkeypatch.setattr("site_typology.experiments.carried.typology_at", older)
    found = earlier_names(result.typology, model, store)
    assert not found.names and "format version 1" in found.notes[0]


def test_only_an_approved_model_is_used_unasked(logged, decided, store, result, tmp_path):
    model = logged()
    write_wide(result.typology.profiles, tmp_path / "new.csv")

    def assigned(uri):
        return assign_sites(
            uri, study=None, profiles=tmp_path / "new.csv", tracking_uri=store.uri
        ).assignment.frame

    with pytest.raises(TrackingError) as caught:
        assigned(f"models:/{model}")
    assert f"--model models:/{model}@proposed" in str(caught.value)
    assert assigned(f"models:/{model}@proposed")["type"].notna().all()
    decided(model, names={1: "Whole school"})
    frame = assigned(f"models:/{model}")
    assert set(frame.loc[frame["type"] == 1, "name"]) == {"Whole school"}
    with pytest.raises(TrackingError, match=r"has no version 'proposed'\. It has: approved"):
        assigned(f"models:/{model}@proposed")


def test_a_run_of_the_same_study_takes_names_over_and_its_report_says_them(
    result, study, settings, tmp_path
):
    store = result.tracked.store
    shutil.copytree(result.out, tmp_path / "out")
    uri = f"sqlite:///{tmp_path}/out/names.db"
    log_typology(result.typology, Origin(study.name), choose_store(".", uri), folder=result.out)
    decide(
        study.name,
        approve=True,
        names={2: "Clinic first"},
        tracking_uri=uri,
        reviewer="R. Lee",
        reason="Fits.",
    )
    again = run_study(study, out=tmp_path / "out", settings=settings, seed=2, tracking_uri=uri)
    both = carry_names({2: "Clinic first"}, result.typology.labels, again.typology.labels)
    (number,) = both.names
    assert again.typology.names[number] == "Clinic first"
    assert "Clinic first" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    version = open_store(choose_store(".", uri)).get_model_version(study.name, "2")
    assert given_names(version.tags) == {number: "Clinic first"}
    made = json.loads((tmp_path / "out" / "run.json").read_text())
    assert made["names"] == {str(number): "Clinic first"} and made["name_notes"]
    assert store.uri != uri
