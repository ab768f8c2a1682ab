"""The benchmark of assignment: its worlds and scores, and a light version of what it measures."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
MODULES = ("assignment_tasks", "assignment", "scoring")


@pytest.fixture(scope="module")
def bench() -> Iterator[SimpleNamespace]:
    """The modules of the benchmark, which is no package and not installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield SimpleNamespace(**{name: __import__(name) for name in MODULES})
        for name in (*MODULES, "worlds"):
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def rows(bench: SimpleNamespace) -> list[dict]:
    """Six studies of 60 sites, types 6 SDs apart, as they would stand in the file."""
    found = [bench.assignment_tasks.one(60, 6.0, seed, 150) for seed in range(6)]
    return json.loads(json.dumps(found))


def test_new_sites_have_the_truth_of_the_fitted_ones_and_strangers_are_as_far_as_stated(bench):
    made = bench.assignment_tasks.world(60, 6.0, 1, 400)
    assert len(made.fitted.sites) == len(made.fitted_truth) == 60
    assert {name: len(own.sites) for name, own in made.new.items()} == {
        "complete": 400,
        "partly missing": 400,
    }
    assert made.new["complete"].values["team"].notna().all()
    assert 0.25 < made.new["partly missing"].values["team"].isna().mean() < 0.55
    shares = np.bincount(made.new_truth) / 400
    np.testing.assert_allclose(shares, [0.5, 0.3, 0.2], atol=0.07)
    same = bench.assignment_tasks.world(60, 6.0, 1, 400)
    assert made.fitted.hash == same.fitted.hash


def test_members_are_seldom_outside_and_far_strangers_mostly(bench, rows):
    members = sum(row[gaps]["enough"] for row in rows for gaps in bench.assignment_tasks.GAPS)
    false = sum(row[gaps]["none"]["rule"] for row in rows for gaps in bench.assignment_tasks.GAPS)
    low, _ = bench.scoring.wilson(false, members)
    assert low < 0.001 and false / members < 0.004
    shares = {apart: np.mean([row["strangers"][apart] for row in rows]) for apart in ("4", "12")}
    assert shares["12"] > 0.6 and shares["4"] < 0.2


def test_memberships_are_right_about_as_often_as_stated_and_no_classifier_is_righter(bench, rows):
    ours = bench.assignment_tasks.OURS
    for gaps, least, error in (("complete", 0.8, 0.12), ("partly missing", 0.75, 0.12)):
        accuracy = {
            name: np.mean([row[gaps][name]["accuracy"] for row in rows])
            for name in (ours, *bench.assignment_tasks.baselines(0))
        }
        assert accuracy[ours] > least
        assert accuracy[ours] >= max(accuracy.values()) - 0.01
        bins = bench.assignment.pooled(rows, gaps, ours)
        assert bench.scoring.expected_calibration_error(bins) < error


def test_tables_and_picture_hold_every_study(bench, rows):
    table = bench.assignment.accuracy_table(rows)
    assert table.count("| 60 | 6 | 6 |") == 2
    assert len(bench.assignment.none_table(rows).splitlines()) == 4
    assert len(bench.assignment.stranger_table(rows).splitlines()) == 3
    assert " of 6 |" in bench.assignment.set_table(rows)
    found = bench.assignment.found_table(rows)
    assert sum(int(line.split("|")[3]) for line in found.splitlines()[2:]) == 12
    picture = bench.assignment.reliability(rows)
    assert picture.count("expected calibration error") == len(found.splitlines()) - 2


def test_seeds_that_are_there_are_not_measured_again(bench, rows, tmp_path, monkeypatch):
    measured = []

    def one(sites: int, separation: float, seed: int, new: int) -> dict:
        measured.append((sites, separation, seed))
        return {"sites": sites, "separation": separation, "seed": seed}

    monkeypatch.setattr(bench.assignment, "one", one)
    path = tmp_path / "results.jsonl"
    bench.assignment.measure(path, 1, 10)
    assert len(measured) == 12
    bench.assignment.measure(path, 2, 10)
    assert len(measured) == len(set(measured)) == 24
