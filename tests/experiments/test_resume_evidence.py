"""A run that is stopped while evidence is collected goes on from each finished task of it."""

from __future__ import annotations

import json
import os
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
from site_typology.experiments.run_lock import LOCK
from site_typology.experiments.run_parts import EVIDENCE, FOLDER
from site_typology.experiments.runner import run_study
from site_typology.experiments.spec import read_whole_spec
from site_typology.kept_tasks import KeptTasks
from site_typology.study import Study

SPEC = """
algorithms = ["ward", "kmeans"]
spaces = ["features"]
draws = 3
bootstraps = 10
stability_references = 5
reference_draws = 39
number_resamples = 10
agreement_replicates = 10
power_replicates = 11
separations = [9.0]
"""
NOT_SAME = {"mlflow.db", "mlartifacts", "run.json", "report.docx", "report.xlsx"}
"""What says when it was made."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Write a study of 14 sites without types, so that power is looked for, and a gap."""
    made = tmp_path_factory.mktemp("study")
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.normal(size=(14, 3)), columns=["wsa", "activity", "need"])
    frame.insert(0, "site", [f"T{at:02d}" for at in range(14)])
    frame.loc[3, "activity"] = np.nan
    frame.to_csv(made / "sites.csv", index=False)
    features = "".join(
        f'[[features]]\nname = "{name}"\nbuilder = "column"\n'
        f'args = {{ table = "sites", column = "{name}" }}\n'
        for name in frame.columns[1:]
    )
    (made / "study.toml").write_text(
        '[study]\nname = "Cloud"\nsites = "sites"\n[typology]\nmax_types = 3\n'
        '[tables.sites]\npath = "sites.csv"\nrole = "sites"\nsite = "site"\n' + features
    )
    (made / "spec.toml").write_text(SPEC)
    return made


def run(folder: Path, out: Path, **options):
    study = Study.load(folder / "study.toml")
    settings, grid = read_whole_spec(folder / "spec.toml", study.declaration)
    return run_study(
        study, out=out, settings=settings, grid=grid, seed=1, **{"workers": 1, **options}
    )


@pytest.fixture
def computed(monkeypatch) -> list[str]:
    """Names of tasks in the order in which they are computed in this process."""
    names: list[str] = []
    append = KeptTasks.append

    def noted(self, found):
        names.extend(found)
        append(self, found)

    monkeypatch.setattr(KeptTasks, "append", noted)
    return names


@pytest.fixture(scope="module")
def whole(folder, tmp_path_factory):
    """One run in one go, and the names of its tasks."""
    names: list[str] = []
    append = KeptTasks.append
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            KeptTasks, "append", lambda self, found: (names.extend(found), append(self, found))
        )
        made = run(folder, tmp_path_factory.mktemp("whole") / "out")
    assert not made.typology.evidence.claimed
    assert "power at 6 10" in names
    return made.out, names


def kept(out: Path) -> list[str]:
    """Names of the tasks whose whole line stands in the file."""
    content = (out / FOLDER / EVIDENCE).read_bytes()
    return [json.loads(line)["task"] for line in content[: content.rfind(b"\n") + 1].splitlines()]


def assert_same(out: Path, whole: Path) -> None:
    for base in (whole, out):
        names = {path.name for path in base.iterdir()} - NOT_SAME
        files = {
            path.relative_to(base): path.read_bytes()
            for name in names
            for path in [base / name, *(base / name).rglob("*")]
            if path.is_file()
        }
        if base is whole:
            expected = files
    assert files.keys() == expected.keys()
    assert [name for name in files if files[name] != expected[name]] == []


def started(folder: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    """Start the command in a process group of its own, as a terminal does."""
    program = [sys.executable, "-c", "from site_typology.cli import main; main()"]
    return subprocess.Popen(
        [*program, *words(folder, out, *more)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip


def words(folder: Path, out: Path, *more: str) -> list[str]:
    return ["run", str(folder / "study.toml"), "--out", str(out), "--spec",
            str(folder / "spec.toml"), "--seed", "1", *more]  # fmt: skip


def wait_for(process: subprocess.Popen[str], path: Path, content: str) -> None:
    until = time.monotonic() + 300
    while not path.exists() or content not in path.read_text():
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < until
        time.sleep(0.01)


def test_killed_and_interrupted_in_the_evidence_it_ends_in_the_same_bytes(
    folder, whole, computed, tmp_path
):
    out = tmp_path / "out"
    with started(folder, out, "--workers", "2") as process:
        wait_for(process, out / FOLDER / EVIDENCE, '"candidates 2"')
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    before = kept(out)
    assert (out / FOLDER / LOCK).exists()  # A lock that nobody holds stops nobody.

    with started(folder, out, "--workers", "2", "--resume") as process:
        wait_for(process, out / FOLDER / EVIDENCE, '"power at 6 9"')
        os.killpg(process.pid, signal.SIGINT)  # As a terminal does: to its workers too.
        told = process.communicate()[1]
    assert process.returncode == 130
    assert "--resume goes on from there" in " ".join(told.split())
    assert "KeyboardInterrupt" not in told
    assert "Going on from what is finished" in told
    after = kept(out)
    assert after[: len(before)] == before and len(before) < len(after) < len(whole[1])

    run(folder, out, resume=True)
    assert after + computed == whole[1]
    assert_same(out, whole[0])


def test_a_second_run_into_the_folder_is_refused_and_the_first_goes_on(folder, tmp_path, capsys):
    out = tmp_path / "out"
    with started(folder, out, "--workers", "1") as process:
        try:
            wait_for(process, out / FOLDER / EVIDENCE, '"null test, one population 0"')
            os.kill(process.pid, signal.SIGSTOP)
            before = {path.name: path.read_bytes() for path in (out / FOLDER).iterdir()}
            for more in ([], ["--resume"]):
                with pytest.raises(SystemExit) as left:
                    cli.main(words(folder, out, *more))
                told = " ".join(capsys.readouterr().err.split())
                assert left.value.code == 2
                assert f"out Process {process.pid} on" in told
                assert "timing" not in told and "Starting anew" not in told
            with pytest.raises(StudyError, match=f"Process {process.pid} on"):
                run(folder, out)
            assert before == {path.name: path.read_bytes() for path in (out / FOLDER).iterdir()}
            os.kill(process.pid, signal.SIGCONT)
            wait_for(process, out / FOLDER / EVIDENCE, '"number of types, resamples 0"')
        finally:
            process.kill()
