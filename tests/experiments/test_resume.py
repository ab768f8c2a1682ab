"""A run that is interrupted, or killed, and taken up again: the same result, or a refusal."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from site_typology import cli
from site_typology.errors import StudyError
from site_typology.experiments.run_parts import FOLDER
from site_typology.experiments.runner import run_study
from site_typology.experiments.spec import read_whole_spec
from site_typology.experiments.store import open_store
from site_typology.study import Study

SPEC = """
algorithms = ["ward"]
spaces = ["features"]
draws = 3
bootstraps = 10
reference_draws = 19
number_resamples = 10
agreement_replicates = 10
power_replicates = 10
separations = [6.0]

[grid]
features = ["all", "without:each"]
links = ["working", "plain"]
weights = ["declared", "none"]
missing = ["plausible", "mean", "complete"]
algorithms = ["mixture", "kmeans", "ward"]
k = [2, 3]
draws = 3
bootstraps = 4
"""
FEATURES = {"wsa": "survey", "activity": "records", "need": "survey", "reach": "records"}
KINDS = {"need": "share", "activity": "rate"}
SAME = (
    "specifications.csv", "specification_sites.csv", "specifications.json", "evidence.json",
    "memberships.csv", "candidates.csv", "figures/specifications.svg",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """24 sites of three kinds in one table."""
    made = tmp_path_factory.mktemp("study")
    rng = np.random.default_rng(1)
    centres = np.array([[2.0, 3.0, 0.1, 5.0], [5.0, 3.0, 0.5, 6.0], [2.0, 9.0, 0.9, 5.5]])
    table = centres[np.arange(24) % 3] + rng.normal(scale=[0.2, 0.3, 0.02, 0.4], size=(24, 4))
    frame = pd.DataFrame(table, columns=list(FEATURES))
    frame.insert(0, "site", [f"T{at:02d}" for at in range(24)])
    frame.loc[3, "activity"] = np.nan
    frame.to_csv(made / "sites.csv", index=False)
    features = "".join(
        f'[[features]]\nname = "{name}"\nbuilder = "column"\nfamily = "{family}"\n'
        f'kind = "{KINDS.get(name, "continuous")}"\n'
        f'args = {{ table = "sites", column = "{name}" }}\n'
        for name, family in FEATURES.items()
    )
    (made / "study.toml").write_text(
        '[study]\nname = "Three kinds"\nsites = "sites"\n'
        '[tables.sites]\npath = "sites.csv"\nrole = "sites"\nsite = "site"\n' + features
    )
    (made / "spec.toml").write_text(SPEC)
    return made


def run(folder: Path, out: Path, spec: str = "spec.toml", **options):
    study = Study.load(folder / "study.toml")
    settings, grid = read_whole_spec(folder / spec, study.declaration)
    return run_study(
        study, out=out, settings=settings, grid=grid, **{"seed": 1, "workers": 1, **options}
    )


@pytest.fixture(scope="module")
def whole(folder, tmp_path_factory):
    """One run in one go."""
    return run(folder, tmp_path_factory.mktemp("whole") / "out")


def words(folder: Path, out: Path, *more: str) -> list[str]:
    return ["run", str(folder / "study.toml"), "--out", str(out), "--spec",
            str(folder / "spec.toml"), "--seed", "1", "--workers", "1", *more]  # fmt: skip


def assert_same(out: Path, whole) -> None:
    for name in SAME:
        assert (out / name).read_bytes() == (whole.out / name).read_bytes(), name
    assert not (out / FOLDER).exists()


def test_a_run_writes_the_specifications_and_logs_their_figures(whole):
    table = pd.read_csv(whole.out / "specifications.csv")
    assert len(table) == (3 * 3 - 1) * 2 * 3 * 2
    content = json.loads((whole.out / "specifications.json").read_text())
    assert content["left_out"] == {
        "weights = none: the study has no response weights": 108,
        # Its records have a gap, its survey has none.
        "complete cases of without:records: there are no gaps, so it is the same as mean": 12,
    }
    run_ = open_store(whole.tracked.store).get_run(whole.run_id)
    assert run_.data.metrics["specifications"] == len(table)
    assert run_.data.metrics["specification_agreement_median"] == content["median_agreement"]
    assert run_.data.metrics["specification_agreement_lowest"] == content["lowest_agreement"]
    logged = {item.path for item in open_store(whole.tracked.store).list_artifacts(whole.run_id)}
    assert {"specifications.csv", "specification_sites.csv", "specifications.json"} <= logged


def test_killed_in_the_grid_it_goes_on_to_the_same_bytes(folder, whole, tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-c", "from site_typology.cli import main; main()"]
    lines = out / FOLDER / "grid-runs.jsonl"
    with subprocess.Popen(
        [*command, *words(folder, out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        until = time.monotonic() + 300
        while not lines.exists() or lines.read_bytes().count(b"\n") < 12:
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not (out / "specifications.csv").exists()
    kept = lines.read_bytes()
    assert 12 <= kept.count(b"\n") < 96
    steps: list[str] = []
    run(folder, out, resume=True, progress=lambda step, _: steps.append(step))
    assert_same(out, whole)
    # The proposal was finished, and no step of it is done again.
    assert steps[0].startswith(f"specifications {kept.count(bytes([10]))} of 96")


def test_an_interrupt_keeps_what_is_finished_and_says_how_to_go_on(
    folder, whole, tmp_path, capsys, monkeypatch
):
    out = tmp_path / "out"
    from site_typology import grid_runs

    fit, seen = grid_runs.fit_one, []

    def interrupted(*arguments):
        seen.append(arguments)
        if len(seen) > 40:
            raise KeyboardInterrupt
        return fit(*arguments)

    monkeypatch.setattr(grid_runs, "fit_one", interrupted)
    assert command(*words(folder, out)) == 130
    told = capsys.readouterr().err
    assert "Specifications to fit: 96, about" in told and "Evidence for the proposal: 19" in told
    assert "108 × weights = none: the study has no response weights" in told
    assert "--resume goes on from there" in " ".join(told.split())
    monkeypatch.undo()
    assert command(*words(folder, out, "--resume")) == 0
    assert_same(out, whole)


def command(*arguments: str) -> object:
    with pytest.raises(SystemExit) as left:
        cli.main(list(arguments))
    return left.value.code


def test_a_proposal_that_is_finished_is_not_made_again_when_writing_fails(
    folder, whole, tmp_path, monkeypatch
):
    from site_typology import figure_canvas

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(figure_canvas, "render", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(folder, out)
    steps: list[str] = []
    run(folder, out, resume=True, progress=lambda step, _: steps.append(step))
    assert steps[0] == "specifications 96 of 96" and steps[1] == "explaining"
    assert_same(out, whole)


@pytest.fixture(scope="module")
def stopped(folder, tmp_path_factory) -> Path:
    """Results of a run that was stopped in the grid."""
    out = tmp_path_factory.mktemp("stopped") / "out"

    def stop(step: str, done: float) -> None:
        if step.startswith("specifications") and done > 0.1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(folder, out, progress=stop)
    return out


@pytest.fixture
def interrupted(stopped, tmp_path) -> Path:
    """Copy it, for a test to go on with."""
    return Path(shutil.copytree(stopped, tmp_path / "out"))


@pytest.mark.parametrize("changed", ["study", "data", "spec", "seed", "code", "numpy"])
def test_a_resume_that_does_not_belong_is_refused(folder, interrupted, changed, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("study.toml", "sites.csv", "spec.toml"):
        (copy / name).write_bytes((folder / name).read_bytes())
    options = {"seed": 2} if changed == "seed" else {}
    if changed == "study":
        study = copy / "study.toml"
        study.write_text(study.read_text().replace("Three kinds", "Other kinds"))
    elif changed == "data":
        table = pd.read_csv(copy / "sites.csv")
        table.assign(wsa=table["wsa"] + 0.01).to_csv(copy / "sites.csv", index=False)
    elif changed == "spec":
        (copy / "spec.toml").write_text(SPEC.replace("k = [2, 3]", "k = [2]"))
    elif changed == "code":
        identity = interrupted / FOLDER / "identity.json"
        identity.write_text(identity.read_text().replace('"code": "', '"code": "0.0.9 '))
    elif changed == "numpy":
        identity = interrupted / FOLDER / "identity.json"
        identity.write_text(identity.read_text().replace('"numpy": "', '"numpy": "1.'))
    before = (interrupted / FOLDER / "grid-runs.jsonl").read_bytes()
    with pytest.raises(StudyError) as caught:
        run(copy, interrupted, resume=True, **options)
    names = {problem.where for problem in caught.value.problems}
    expected = {
        "study": {"study", "study_hash"}, "data": {"data_hash"}, "spec": {"spec_hash"},
        "seed": {"seed"}, "code": {"code"}, "numpy": {"numpy"},
    }[changed]  # fmt: skip
    assert names == expected | {"remedy"}
    assert "when the run was interrupted" in str(caught.value)
    assert (interrupted / FOLDER / "grid-runs.jsonl").read_bytes() == before


def test_without_resume_a_run_starts_anew(folder, interrupted, whole):
    steps: list[str] = []
    run(folder, interrupted, progress=lambda step, _: steps.append(step))
    assert steps[0].startswith("null test")
    assert_same(interrupted, whole)


def test_nothing_to_resume_is_a_run_from_the_start(folder, whole, tmp_path):
    run(folder, tmp_path / "out", resume=True)
    assert_same(tmp_path / "out", whole)


@pytest.mark.parametrize("resume", [False, True])
def test_a_resume_says_before_any_work_that_there_is_nothing_to_go_on_from(
    folder, tmp_path, capsys, monkeypatch, resume
):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("site_typology.experiments.run_plan.expected_words", stopped)
    out = tmp_path / "out"
    assert command(*words(folder, out, *["--resume"] * resume)) == 130
    told = " ".join(capsys.readouterr().err.split())
    said = f"Nothing to go on from in {out}; starting from the beginning. Was"
    assert (said in told) is resume


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_of_that_name_with_other_files_is_left_alone(study, tmp_path, resume):
    mine = tmp_path / "out" / FOLDER / "draft.docx"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(StudyError, match=f"{FOLDER}  Is not of a run"):
        run_study(study, out=tmp_path / "out", seed=1, resume=resume)
    assert mine.read_text() == "mine"
    assert [path.name for path in (tmp_path / "out").iterdir()] == [FOLDER]
