"""A tracked run made again: what agrees, what differs, and when it is not tried."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from site_typology.cli import main
from site_typology.experiments.environment import environment
from site_typology.experiments.registry import NAME_TAG
from site_typology.experiments.rerun import rerun
from site_typology.experiments.runner import log_results
from site_typology.experiments.store import TrackingError, open_store


@pytest.fixture
def uri(result):
    return result.tracked.store.uri


@pytest.fixture
def edited(result, tmp_path):
    """Log the results once more, as if run.json had said something else."""

    def edit(rewrite=lambda out: None, **changed):
        out = tmp_path / "edited"
        shutil.copytree(result.out, out, ignore=shutil.ignore_patterns("mlflow.db", "mlartifacts"))
        content = json.loads((out / "run.json").read_text())
        (out / "run.json").write_text(json.dumps({**content, **changed}))
        rewrite(out)
        return log_results(out, f"sqlite:///{tmp_path}/edited.db")

    return edit


def command(*arguments):
    with pytest.raises(SystemExit) as left:
        main(["rerun", *arguments])
    return left.value.code or 0


def test_every_figure_agrees_to_the_last_digit(result, uri, study):
    found = rerun(result.run_id, tracking_uri=uri, workers=1)
    assert found.agreement.holds and not found.unlike
    assert found.agreement.identical == found.agreement.figures > 400
    assert str(study.path) in found.source


@pytest.mark.parametrize(
    ("name", "column"), [("specifications.csv", "stability"), ("explanation.csv", "shap")]
)
def test_a_specification_or_an_explanation_that_was_changed_is_found(edited, name, column):
    def rewrite(out):
        rows = pd.read_csv(out / name, dtype=str, keep_default_na=False)
        assert len(rows) >= 2
        rows.loc[1, column] = "0.123"
        rows.to_csv(out / name, index=False)

    tracked = edited(rewrite)
    found = rerun(tracked.summary_run, tracking_uri=tracked.store.uri)
    (one,) = found.agreement.differences
    assert (one.file, one.before) == (name, "0.123")


def test_a_candidate_leads_to_its_summary_and_profiles_stand_in_for_the_tables(
    result, edited, capsys
):
    tracked = edited(study_file="/gone/study.toml", study_hash="0" * 64)
    # A name that people gave later is no difference.
    open_store(tracked.store).set_model_version_tag(tracked.model, "1", f"{NAME_TAG}1", "Whole")
    run = tracked.candidate_runs["ward/features/2"]
    assert command(run, "--tracking-uri", tracked.store.uri, "--workers", "1", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["agrees"] and found["run_id"] == tracked.summary_run
    assert found["source"] == "the profiles logged with the run"


def test_other_data_or_another_study_file_is_refused_and_told_apart_when_gone_on_with(
    result, uri, study, tmp_path, capsys
):
    other = tmp_path / "other"
    shutil.copytree(study.path.parent, other)
    table = (other / "sites.csv").read_text().splitlines()
    cells = table[1].split(",")
    table[1] = ",".join([cells[0], "2.71828", *cells[2:]])
    (other / "sites.csv").write_text("\n".join(table) + "\n")
    study_file = other / "study.toml"
    study_file.write_text(study_file.read_text() + "# edited\n")
    given = (result.run_id, "--tracking-uri", uri, "--study", str(study_file), "--workers", "1")
    assert command(*given) == 2
    said = capsys.readouterr().err
    assert "The study file " in said and "The data " in said and "--anyway" in said
    assert command(*given, "--anyway") == 1
    shown = capsys.readouterr().out
    assert "Differs here: the data" in shown and "evidence.json  p_value" not in shown
    assert " differ: " in shown and "memberships.csv  row 1 (T00)" in shown


def test_other_versions_are_refused_by_name_and_another_machine_is_only_noted(edited):
    here = environment()
    there = {**here, "packages": {**here["packages"], "scipy": "0.1"}}
    there["platform"] = {**here["platform"], "machine": "abacus"}
    tracked = edited(environment=there)
    with pytest.raises(TrackingError, match=r"Scipy 0\.1, here") as caught:
        rerun(tracked.summary_run, tracking_uri=tracked.store.uri)
    assert "abacus" not in str(caught.value)
    found = rerun(tracked.summary_run, tracking_uri=tracked.store.uri, anyway=True)
    assert found.agreement.holds
    assert [one.split()[0] for one in found.unlike] == ["scipy", "machine"]


def test_a_figure_that_was_changed_is_found(edited, tmp_path, capsys):
    tracked = edited(explanation={"fidelity": 0.123})
    client = open_store(tracked.store)
    place = client.download_artifacts(tracked.summary_run, "evidence.json", str(tmp_path))
    evidence = json.loads(Path(place).read_text())
    evidence["p_value"] = 0.5
    client.log_text(tracked.summary_run, json.dumps(evidence), "evidence.json")
    assert command(tracked.summary_run, "--tracking-uri", tracked.store.uri) == 1
    shown = capsys.readouterr().out
    assert shown.count("->") == 2
    assert "evidence.json  p_value: 0.5 -> 0.05" in shown
    assert "run.json  explanation.fidelity: 0.123 ->" in shown


def test_a_run_that_is_not_there_or_of_another_kind_is_named(result, uri):
    with pytest.raises(TrackingError, match="nowhere"):
        rerun("nowhere", tracking_uri=uri)
    client = open_store(result.tracked.store)
    other = client.create_run(result.tracked.experiment_id).info.run_id
    with pytest.raises(TrackingError, match="no summary of site-typology"):
        rerun(other, tracking_uri=uri)
    client.delete_run(other)
