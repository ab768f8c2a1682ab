"""Planning: laws of the simulation, resuming, refusals, and the command from end to end."""

import dataclasses
import json
import subprocess
import sys
import tomllib

import numpy as np
import pandas as pd
import pytest

import site_typology as st
from site_typology import cli
from site_typology.planning_material import Design, assumed_material
from site_typology.planning_profiles import declared_counts
from site_typology.planning_runs import RUNS, run_file, run_key
from site_typology.planning_simulation import Task
from site_typology.planning_table import (
    COLUMNS,
)

TINY = st.PlanSettings(
    sites=(9, 18), informants=(4, 40), separations=(3.0, 20.0), matters=20.0, k=2, replicates=10,
    reference_draws=4, response=(1.0,), seed=7,
)  # fmt: skip
THREE = st.Assumptions(features=3, icc1=0.3, missing=0.0)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    out = tmp_path_factory.mktemp("plan") / "out"
    return st.plan(THREE, TINY, out=out), out


# --- Laws ----------------------------------------------------------------------------------------


def test_one_row_for_each_combination_with_the_documented_columns(tiny):
    table = tiny[0].table
    assert tuple(table) == COLUMNS
    assert len(table) == 8
    assert not table[["sites", "informants", "response", "separation"]].duplicated().any()
    shares = table[["power", "false_alarms", "placed", "rightly", "reliability", "apart"]]
    assert shares.ge(0).all(axis=None) and shares.le(1).all(axis=None)
    errors = ["power_error", "false_alarms_error"]
    assert (table[errors] > 0).all(axis=None)
    assert (table["rightly"] <= table["placed"]).all()


@pytest.mark.parametrize("more", ["sites", "informants", "separation"])
def test_more_never_finds_less_beyond_monte_carlo_error(tiny, more):
    table = tiny[0].table
    others = [name for name in ("sites", "informants", "separation") if name != more]
    for _, pair in table.sort_values(more).groupby(others):
        low, high = pair.iloc[0], pair.iloc[-1]
        assert low[more] < high[more]
        assert high["power"] >= low["power"] - 3 * np.hypot(low["power_error"], high["power_error"])
        assert high["agreement"] >= low["agreement"] - 0.25
    best, worst = table["power"].max(), table["power"].min()
    assert best >= 0.8 and worst <= 0.4


def test_false_alarms_keep_to_the_level(tiny):
    alarms = tiny[0].table.drop_duplicates(["sites", "informants"])
    share, count = alarms["false_alarms"].mean(), alarms["replicates"].sum()
    assert share <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / count)


# --- Going on, and any number of workers ---------------------------------------------------------


def test_a_run_cut_in_the_middle_of_a_line_goes_on_to_the_same_table(tiny, tmp_path):
    found, out = tiny
    content = (out / RUNS).read_bytes()
    lines = content.splitlines(keepends=True)
    cut = b"".join(lines[:40]) + lines[40][: len(lines[40]) // 2]
    (tmp_path / RUNS).write_bytes(cut)
    simulated = []
    again = st.plan(THREE, TINY, out=tmp_path, progress=lambda stage, done: simulated.append(done))
    pd.testing.assert_frame_equal(again.table, found.table, check_exact=True)
    assert simulated[0] == pytest.approx(40 / len(lines))
    assert sorted((tmp_path / RUNS).read_bytes().splitlines()) == sorted(content.splitlines())


def test_a_finished_plan_is_read_and_a_line_that_says_nothing_done_again(tiny, tmp_path):
    found, out = tiny
    lines = (out / RUNS).read_text().splitlines()
    (tmp_path / RUNS).write_text("\n".join([*lines[:5], "{}", "null", "\x00", *lines[6:]]) + "\n")
    again = st.plan(THREE, TINY, out=tmp_path)
    pd.testing.assert_frame_equal(again.table, found.table, check_exact=True)
    assert len((tmp_path / RUNS).read_text().splitlines()) == len(lines) + 3


def test_two_workers_give_the_same_table(tiny):
    two = st.plan(THREE, TINY, workers=2)
    pd.testing.assert_frame_equal(two.table, tiny[0].table, check_exact=True)


def test_other_material_or_seed_shares_nothing_and_a_larger_plan_all(tiny):
    out = tiny[1]
    made = assumed_material(THREE, TINY.informants, TINY.response)
    settled = TINY.about(None)
    task = Task(Design(9, 4, 1.0), 0.0, 0)
    names = {task.name: task}

    def known(material, **changed):
        settings = dataclasses.replace(settled, **changed)
        return len(run_file(out / RUNS, run_key(material, settings)).read(names))

    assert known(made) == 1
    assert known(made, replicates=99, sites=(9, 18, 60), alpha=0.1) == 1
    assert known(made, seed=8) == known(made, k=3) == known(made, reference_draws=5) == 0
    assert known(assumed_material(st.Assumptions(features=3, icc1=0.31), (4,), (1.0,))) == 0


# --- The command ---------------------------------------------------------------------------------


def run(*words):
    with pytest.raises(SystemExit) as left:
        cli.main(["plan", *map(str, words)])
    return left.value.code


@pytest.fixture(scope="module")
def trailblazer(tmp_path_factory):
    return st.simulate(tmp_path_factory.mktemp("study") / "study", sites=25, seed=2)


SMALL = (
    "--sites", "9", "--informants", "15,60", "--response", ".6", "--separation", "12",
    "--types", "2", "--replicates", "2", "--survey", "key_informants", "--workers", "1",
)  # fmt: skip


def test_a_simulated_trailblazer_study_from_end_to_end(trailblazer, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(trailblazer, *SMALL, "--out", out) == 0
    shown = capsys.readouterr().out
    assert "Survey key_informants" in shown and "wsa_support" in shown
    table = pd.read_csv(out / "plan.csv")
    # The separation that the study declares to matter is tried as well.
    assert sorted(table["separation"].unique()) == [6.0, 12.0]
    few, many = (table[table["informants"] == n]["reliability"].mean() for n in (15, 60))
    assert few < many
    content = json.loads((out / "plan.json").read_text())
    assert content["sentence"] in shown and content["settings"]["matters"] == 6.0
    assert len(content["table"]) == len(table) == 4
    svg = (out / "plan.svg").read_text()
    assert "Types 6 SD apart" in svg and "with 60 informants and 60% answering" in svg
    before = (out / RUNS).read_bytes()
    assert run(trailblazer, *SMALL, "--out", out, "--json") == 0
    assert json.loads(capsys.readouterr().out)["table"] == content["table"]
    assert (out / RUNS).read_bytes() == before


def test_a_study_that_is_only_declared(trailblazer, tmp_path, capsys):
    file = tmp_path / "declared" / "study.toml"
    file.parent.mkdir()
    file.write_text(trailblazer.read_text())
    known = declared_counts(st.Study.load(trailblazer).declaration)
    features = tomllib.loads(file.read_text())["features"]
    build = [one for one in features if one.get("use", "build") == "build"]
    assert known["features"] == len(build) and 0 < known["records"] < len(build)
    words = ["plan", str(file), "--sites", "9", "--types", "2", "--separation", "6",
             "--replicates", "4", "--icc1", ".2", "--out", str(tmp_path / "out"),
             "--workers", "1"]  # fmt: skip
    with pytest.raises(SystemExit) as left:
        cli.main(words)
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert f"{known['features']} features" in shown
    assert f"{known['records']} come from records" in shown
    assert "0.2 of the variance between informants" in shown


def test_the_command_lists_every_problem_and_writes_nothing(trailblazer, tmp_path, capsys):
    target = tmp_path / "out"
    target.write_text("kept")
    with pytest.raises(SystemExit) as left:
        cli.main(["plan", str(trailblazer), "--sites", "4,x", "--informants", "0", "--response",
                  "60%", "--icc1", "3", "--out", str(target)])  # fmt: skip
    assert left.value.code == 2
    text = capsys.readouterr().err
    for words in ("'x'", "found 4", "informants  ", "'60%'", "Is known from the study's data",
                  "from 0.001 to 0.999", "Is a file"):  # fmt: skip
        assert words in text
    assert target.read_text() == "kept"


def test_help_stays_light():
    code = (
        "import sys\nfrom site_typology import cli\n"
        "try:\n    cli.main(['plan', '--help'])\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('matplotlib', 'mlflow', 'numba', 'pandas') "
        "if name in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout
