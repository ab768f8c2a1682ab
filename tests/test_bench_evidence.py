"""The benchmark of evidence: its arithmetic by hand, its file, its peers on plain data."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import adjusted_rand_score

from site_typology.models.unimodal import UnimodalPopulation

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
MODULES = (
    "best_placing",
    "cells",
    "engine",
    "evidence",
    "evidence_table",
    "evidence_tasks",
    "peers",
    "peers_r",
    "results_file",
    "scoring",
)


@pytest.fixture(scope="module")
def bench() -> Iterator[SimpleNamespace]:
    """The modules of the benchmark, which is no package and not installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield SimpleNamespace(**{name: __import__(name) for name in MODULES})
        for name in (*MODULES, "worlds"):
            sys.modules.pop(name, None)


def blobs(apart: float, n: int = 40, q: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Two round groups `apart` standard deviations apart in each column, or one cloud at 0."""
    labels = np.repeat([0, 1], [n // 2, n - n // 2])
    rows = np.random.default_rng(7).normal(size=(n, q)) + apart * labels[:, None]
    return rows, labels


# --- Arithmetic ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("successes", "trials", "expected"),
    [
        # Newcombe (1998), Statistics in Medicine 17, table I, method 3.
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ],
)
def test_wilson_intervals_are_those_published(bench, successes, trials, expected):
    assert bench.scoring.wilson(successes, trials) == pytest.approx(expected, abs=5e-5)


def test_calibration_error_by_hand(bench):
    # Bin .9 to 1: three sites, mean confidence .95, 2 of 3 right. Bin .5 to .6: one, .5, right.
    confidence = np.array([0.90, 0.95, 1.00, 0.50])
    right = np.array([True, False, True, True])
    bins = bench.scoring.calibration_bins(confidence, right)
    assert bins[9].tolist() == pytest.approx([3, 2.85, 2])
    assert bins[5].tolist() == pytest.approx([1, 0.5, 1])
    expected = 3 / 4 * (0.95 - 2 / 3) + 1 / 4 * 0.5
    assert bench.scoring.expected_calibration_error(bins) == pytest.approx(expected)


def test_types_are_matched_one_to_one(bench):
    truth = np.array([0, 0, 0, 0, 1, 1])
    # Type 7 is true type 0; type 3 is true type 1; type 5 has no partner.
    labels = np.array([7, 7, 7, 5, 3, 7])
    assert bench.scoring.matched(truth, labels).tolist() == [1, 1, 1, 0, 1, 0]


def test_a_score_counts_sites_that_have_a_type(bench):
    labels = np.array([2, 2, 1, 1, -1])
    answer = bench.scoring.Answer(True, 2, labels, np.array([1, 1, 1, 1, np.nan]))
    row = bench.scoring.score(answer, np.array([0, 0, 1, 1, 1]))
    assert (row["right_k"], row["ari"], row["placed"]) == (True, 1.0, 0.8)
    assert np.sum(row["bins"], axis=0).tolist() == [4, 4, 4]
    untyped = bench.scoring.score(answer, np.zeros(5, dtype=int))
    assert untyped == {"claims": True, "k": 2}


# --- Cells -----------------------------------------------------------------------------------


def test_default_cells_can_be_read_and_simulated_alike_twice(bench):
    names = bench.cells.default_cells()
    assert len(names) == len(set(names)) and all(bench.cells.parse(name) for name in names)
    cell = bench.cells.parse("types:25:3:8,informants=3,missing=0.4,noise=6")
    (one, types), (other, _) = cell.simulate(1), cell.simulate(1)
    assert one.values.equals(other.values) and np.bincount(types).tolist() == [13, 7, 5]
    assert "climate14" in one.values and "climate15" not in one.values
    assert cell.options == {"informants": 3.0, "missing": 0.4, "noise": 6}


@pytest.mark.parametrize("name", ["clouds:25", "types:25", "cloud:25:3:8", "cloud:25,gaps=1"])
def test_a_cell_that_is_none_is_refused(bench, name):
    with pytest.raises(ValueError, match=name):
        bench.cells.parse(name)


def test_discrete_answers_lie_between_floor_and_ceiling(bench):
    profiles, labels = bench.cells.parse("discrete:60").simulate(3)
    asked = profiles.values[[f"climate{at}" for at in range(1, 9)]]
    assert asked.min().min() == 1 and asked.max().max() == 5 and not labels.any()
    assert (asked["climate1"] == 1).sum() > 5 and (asked["climate8"] == 5).sum() > 5


# --- Peers -----------------------------------------------------------------------------------


@pytest.fixture
def few_starts(bench, monkeypatch):
    monkeypatch.setattr(bench.peers, "SLOW_STARTS", 1)
    monkeypatch.setattr(bench.peers, "MOST_TYPES", 3)


@pytest.mark.parametrize("name", ["kmeans", "gmm", "stepmix", "hdbscan"])
def test_peers_find_two_blobs(bench, few_starts, name):
    rows, truth = blobs(8.0, n=80, q=2)
    if name == "stepmix":
        rows[3, 0] = np.nan
    answer = bench.peers.ask(name, rows, 1)
    row = bench.scoring.score(answer, truth)
    assert answer.claims and answer.k == 2 and row["ari"] > 0.9


@pytest.mark.parametrize(
    # k-means cannot say that there is one.
    ("name", "claims"),
    [("kmeans", True), ("gmm", False), ("stepmix", False), ("hdbscan", False)],
)
def test_peers_on_one_cloud(bench, few_starts, name, claims):
    size = {"n": 40, "q": 3} if name == "hdbscan" else {"n": 80, "q": 2}
    answer = bench.peers.ask(name, blobs(0.0, **size)[0], 1)
    assert answer.claims == claims and answer.k > claims


def test_peers_in_r_on_two_blobs_and_one_cloud(bench):
    missing = bench.peers_r.left_out()
    there = [name for name in bench.peers_r.R_PEERS if name not in missing]
    if not there:
        pytest.skip(f"no peer in R: {missing}")
    (typed, truth), (cloud, _) = blobs(8.0, n=24), blobs(0.0)
    # The other two take their time, and a cut through one cloud can be stable.
    quick = [name for name in there if name in ("gap", "mclust", "consensus")]
    jobs = [(1, name) for name in there] + [(2, name) for name in quick]
    found = {(one.seed, one.method): one for one in bench.peers_r.ask_r(jobs, {1: typed, 2: cloud})}
    assert set(found) == set(jobs) and not [one.error for one in found.values() if one.error]
    for name in there:
        row = bench.scoring.score(found[1, name].answer, truth)
        assert row["claims"] and row["k"] == 2 and row["ari"] == 1, name
    # Consensus cannot say that there is one.
    claims = {name for name in quick if found[2, name].answer.claims}
    assert claims == {"consensus"} & set(quick)


def test_without_r_its_peers_are_left_out(bench, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert bench.peers_r.left_out() == dict.fromkeys(bench.peers_r.R_PEERS, "there is no Rscript")


def test_a_peer_whose_package_is_missing_is_left_out(bench, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: name)
    said = "gap;cluster;TRUE\nmclust;mclust;FALSE\n"
    monkeypatch.setattr(bench.peers_r, "_rscript", lambda: said)
    assert bench.peers_r.left_out() == {"mclust": "R has no package mclust"}


# --- Runs ------------------------------------------------------------------------------------


def test_a_run_that_was_stopped_goes_on(bench, tmp_path):
    plan = {"kmeans": 3, "hdbscan": 2}
    path = tmp_path / "out" / "results.jsonl"

    def run() -> int:
        results = bench.results_file.Results(path)
        tasks = list(bench.evidence_tasks.planned(["cloud:25"], plan, 5, results.keys()))
        bench.evidence.run(tasks, results, say=lambda text: None)
        return len(tasks)

    assert run() == 3
    whole = path.read_text("utf-8").splitlines()
    assert len(whole) == 5
    path.write_text("\n".join(whole[:3]) + "\n" + whole[3][:20], "utf-8")
    assert run() == 2 and run() == 0

    def settled(lines: list[str]) -> list[dict]:
        rows = [{**json.loads(line), "seconds": 0} for line in lines]
        return sorted(rows, key=lambda row: (row["method"], row["seed"]))

    assert settled(path.read_text("utf-8").splitlines()) == settled(whole)


def test_data_that_are_refused_are_no_claim(bench):
    cell = "cloud:8,missing=0.8"
    rows = bench.evidence_tasks.carried_out(
        bench.evidence_tasks.Task(cell, ((1, "kmeans"), (1, "hdbscan")))
    )
    assert [(row["method"], row["claims"]) for row in rows] == [
        ("kmeans", False),
        ("hdbscan", False),
    ]
    assert all("at least 3 are needed" in row["error"] for row in rows)


def test_a_damaged_line_is_not_passed_over(bench, tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text('{"cell": "x"\n{"cell": "y"}\n', "utf-8")
    with pytest.raises(ValueError, match="line 1"):
        bench.results_file.Results(path).rows()


def test_tasks_go_block_by_block_and_r_gets_a_whole_one(bench):
    tasks = list(
        bench.evidence_tasks.planned(["cloud:25", "line:25"], {"gap": 12, "kmeans": 1}, 0, set())
    )
    sizes = [(task.cell, len(task.jobs), task.jobs[0][1]) for task in tasks]
    assert sizes == [
        ("cloud:25", 10, "gap"),
        ("cloud:25", 1, "kmeans"),
        ("line:25", 10, "gap"),
        ("line:25", 1, "kmeans"),
        ("cloud:25", 2, "gap"),
        ("line:25", 2, "gap"),
    ]


def test_replicates_by_method(bench):
    read = bench.evidence.replicates_of
    assert read(["20", "gap=3"], ["kmeans", "gap"]) == {"kmeans": 20, "gap": 3}
    assert read([], ["kmeans", "stepmix"]) == {"kmeans": 100, "stepmix": 20}
    with pytest.raises(ValueError, match="stepmix"):
        read(["stepmix=3"], ["kmeans"])


def test_the_table_says_what_the_rows_say(bench):
    common = {"cell": "types:25:3:8", "code": "a", "seconds": 2.0}
    rows = [
        {
            **common,
            "method": "kmeans",
            "seed": 1,
            "claims": True,
            "k": 3,
            "right_k": True,
            "ari": 1,
        },
        {
            **common,
            "method": "kmeans",
            "seed": 2,
            "claims": True,
            "k": 2,
            "right_k": False,
            "ari": 0,
        },
        {**common, "method": "site-typology", "seed": 1, "claims": True, "k": 3, "ari": 0.9}
        | {"verdict": "tentative", "figures": {"expected_agreement": 0.8, "p_value": 0.05}},
        {**common, "method": "claim-only", "seed": 1, "claims": True, "k": 3}
        | {"verdict": "tentative"},
        {**common, "method": "claim-only", "seed": 2, "claims": False, "k": 1}
        | {"verdict": "insufficient", "figures": {"p_value": 0.01}},
        {**common, "method": "claim-only", "seed": 3, "claims": False, "k": 1}
        | {"verdict": "not claimed", "figures": {"p_value": 0.06}},
        {**common, "method": "gap", "seed": 1, "claims": False, "k": 1, "error": "boom"},
    ]
    text = bench.evidence_table.tables(rows)
    assert "| types:25:3:8 | 1.00 | 0.33 | 1.00 | 0.00 |" in text
    assert "| k-means, silhouette | 2 | 1.00 (0.34 to 1.00) | - | - | 1 of 2 |" in text
    assert "| site-typology | 1 | 1.00 (0.21 to 1.00) | 0.00 | 1.00 | - | 0.90 | 0.80 |" in text
    assert "| site-typology (claim only) | 3 | 0.33 (0.06 to 0.79) | 0.00 | 0.50 | - |" in text
    assert "in 1 of 1, of which 1 claimed" in text and "gap statistic: boom" in text
    assert "versions" not in text
    other = [{**rows[0], "code": "b"}, *rows[1:]]
    assert "2 versions of the code" in bench.evidence_table.tables(other)


def assert_null_test_is_not_made_again(steps, its, finished, nothing, monkeypatch):
    """`propose` looks for finished tasks by stage and number; nothing is simulated for them."""

    def simulated(*_):
        raise AssertionError("a reference data set was drawn")

    monkeypatch.setattr(UnimodalPopulation, "simulate", simulated)
    with pytest.raises(AssertionError, match="was drawn"):
        replace(steps, kept=nothing).null_test()
    assert replace(steps, kept=finished).null_test().p_value == its.p_value


def test_a_claim_is_ruled_out_by_the_steps_of_the_whole(bench, quick, typed, monkeypatch):
    monkeypatch.setattr(bench.engine, "SETTINGS", quick)
    steps, its = bench.engine.its_steps(typed.profiles, 5), typed.evidence.null_test
    mine = bench.engine.its_null_test(steps)
    assert (mine.p_value, mine.observed, mine.draws) == (its.p_value, its.observed, its.draws)
    agreement = bench.engine.its_agreement(steps, mine)
    assert agreement == typed.evidence.figures["expected_agreement"] >= 0.8
    whole, given = bench.scoring.Answer(True, 3, np.arange(3)), []
    monkeypatch.setattr(
        bench.engine, "whole", lambda profiles, seed, finished: given.append(finished) or whole
    )
    assert bench.engine.claim_only(typed.profiles, 5) is whole
    untyped, _ = bench.cells.parse("cloud:12").simulate(2)
    answer = bench.engine.claim_only(untyped, 1)
    assert (answer.claims, answer.k, answer.verdict) == (False, 1, "not claimed")
    monkeypatch.setattr(bench.engine, "its_agreement", lambda steps, test: 0.79)
    answer = bench.engine.claim_only(typed.profiles, 5)
    assert (answer.claims, answer.k, answer.verdict) == (False, 1, "insufficient")
    assert answer.figures["expected_agreement"] == 0.79
    assert_null_test_is_not_made_again(steps, its, given[0], bench.engine.InMemory(), monkeypatch)
    many, _ = bench.cells.parse("cloud:600").simulate(2)
    with pytest.raises(ValueError, match="at most 400 sites; found"):
        bench.engine.claim_only(many, 1)


def test_the_whole_engine_answers_as_its_typology(bench, typed, monkeypatch):
    finished, given = bench.engine.InMemory(), []
    monkeypatch.setattr(
        bench.engine.st, "propose", lambda *_, kept, **more: given.append(kept) or typed
    )
    answer = bench.engine.whole(typed.profiles, 5, finished)
    assert given[0] is finished
    # One site has too little data, and is no part of what methods are asked about.
    named = typed.memberships.set_index("site").drop("Site 07")
    assert answer.claims and answer.k == 3 and answer.verdict == typed.verdict
    assert answer.labels.tolist() == named["type"].fillna(-1).tolist()
    assert answer.confidence == pytest.approx(named["confidence"].to_numpy(dtype=float))


@pytest.mark.parametrize(("apart", "low", "high"), [(4, 0.5, 0.7), (10, 0.9, 1.0)])
def test_the_best_placing_is_a_little_better_than_a_rule_without_errors(
    bench, apart, low, high, monkeypatch
):
    cell = bench.cells.parse(f"types:1000:3:{apart}")
    study = bench.evidence_tasks.study_of(cell, 1)
    fit, begun = bench.best_placing.fit_types, []

    def noted(data, k, seed, starts, **more):
        begun.extend(starts)
        return fit(data, k, seed, starts, **more)

    monkeypatch.setattr(bench.best_placing, "fit_types", noted)
    rows = bench.peers.filled(study.data.values)
    told = LinearDiscriminantAnalysis().fit(rows, study.truth)
    without_errors = adjusted_rand_score(study.truth, told.predict(rows))
    best = bench.best_placing.placed_rightly(cell, 1)
    assert np.array_equal(begun, [study.truth])
    assert low < best < high
    assert without_errors < best < without_errors + 0.1
