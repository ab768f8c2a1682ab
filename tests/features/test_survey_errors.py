"""Coverage of the intervals of informants' means and shares, and what weights do to them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from site_typology.features.aggregate import Moments, moments
from site_typology.features.measurement import (
    pooled_variance,
    population_factor,
    site_variance,
    variance_freedom,
)
from site_typology.features.measurementtable import MEASUREMENT_COLUMNS, measurement_table
from site_typology.features.profiler import build_profiles
from site_typology.features.selection import WEIGHT
from site_typology.features.shares import USED, informant_shares
from site_typology.features.tables import ROUND, SITE
from site_typology.intervals import mean_interval, share_interval

SITES = 25
MEAN = {"name": "m", "builder": "mean", "args": {"table": "survey", "column": "y"}}


def informants(site: np.ndarray, weight: float | np.ndarray = 1.0, **columns: np.ndarray):
    named = [f"{at:03d}" for at in site]
    return pd.DataFrame({SITE: named, ROUND: "all", WEIGHT: weight, USED: True, **columns})


def covered(truth: np.ndarray, sums: Moments, factor: float | np.ndarray = 1.0) -> np.ndarray:
    error = np.sqrt(site_variance(sums)[:, 0] / sums.effective[:, 0] * factor)
    low, high = mean_interval(sums.mean[:, 0], error, float(variance_freedom(sums)[0]))
    return (low <= truth) & (truth <= high)


@pytest.mark.parametrize("n", [3, 8, 30])
@pytest.mark.parametrize("case", ["normal", "few steps", "weighted"])
def test_means_of_informants_are_covered(case, n):
    """40 runs of 25 sites: Monte Carlo error about .007, so 93-97 % with room of two of them."""
    rng = np.random.default_rng([n, 1])
    found = []
    for _ in range(40):
        site = np.repeat(np.arange(SITES), np.maximum(rng.poisson(n, SITES), 1))
        truth = rng.normal(3, 0.4, SITES)
        weight = np.exp(rng.normal(0, 0.5, len(site))) if case == "weighted" else 1.0
        if case == "few steps":
            # Whole numbers whose mean is the truth: the next below or above it, and noise of ±1.
            whole = np.floor(truth[site] + rng.random(len(site)))
            answers = whole + rng.choice([-1.0, 0, 1], len(site))
        else:
            answers = rng.normal(truth[site], 1.0)
        found.append(covered(truth, moments(informants(site, weight, y=answers), ["y"])).mean())
    assert 0.916 < np.mean(found) < 0.984


def test_sites_that_differ_in_variance_are_covered_alike():
    """30 informants, the third of the sites with the largest variance: .93, where pooling has .88.

    60 runs, Monte Carlo error .012.
    """
    rng = np.random.default_rng(4)
    own, pooled = [], []
    for _ in range(60):
        site = np.repeat(np.arange(SITES), 30)
        spread = np.exp(rng.normal(0, 0.4, SITES))
        truth = rng.normal(0, 0.5, SITES)
        sums = moments(informants(site, y=rng.normal(truth[site], spread[site])), ["y"])
        wide = spread >= np.quantile(spread, 2 / 3)
        own.append(covered(truth, sums)[wide].mean())
        error = np.sqrt(pooled_variance(sums)[0] / 30)
        pooled.append((np.abs(sums.mean[:, 0] - truth) < 1.96 * error)[wide].mean())
    assert np.mean(own) > 0.9
    assert np.mean(own) > np.mean(pooled) + 0.02


def test_one_variance_for_all_stays_one_variance():
    site = np.repeat(np.arange(30), 10)
    # The same spread at every site, so that sites differ less than chance would have them.
    answers = np.tile(np.linspace(-1, 1, 10), 30) + site
    sums = moments(informants(site, y=answers), ["y"])
    np.testing.assert_allclose(site_variance(sums), pooled_variance(sums)[0])


def test_a_variance_of_few_sites_or_single_informants_is_the_pooled_one():
    rng = np.random.default_rng(5)
    site = np.array([0, 0, 0, 1, 1, 1, 2])
    sums = moments(informants(site, y=rng.normal(size=7)), ["y"])
    np.testing.assert_allclose(site_variance(sums), pooled_variance(sums)[0])
    site = np.concatenate([np.repeat(np.arange(20), 6), [20]])
    spread = np.where(site < 10, 1.0, 5.0)
    sums = moments(informants(site, y=rng.normal(size=len(site)) * spread), ["y"])
    found = site_variance(sums)[:, 0]
    assert found[20] == pytest.approx(pooled_variance(sums)[0])
    assert found[:10].mean() < pooled_variance(sums)[0] < found[10:20].mean()


def test_eligible_people_of_whom_most_answered_are_covered():
    """8 of 12 eligible; the target is the mean of the twelve. 50 runs, MC error .006."""
    rng = np.random.default_rng(6)
    found = []
    for _ in range(50):
        people = rng.normal(rng.normal(0, 0.5, (SITES, 1)), 1.0, (SITES, 12))
        sums = moments(informants(np.repeat(np.arange(SITES), 8), y=people[:, :8].ravel()), ["y"])
        factor = population_factor(np.array([8.0]), np.array([12.0]))[0]
        found.append(covered(people.mean(axis=1), sums, factor).mean())
    assert 0.92 < np.mean(found) < 0.98


def test_who_stands_for_many_is_not_known_the_better_for_the_others():
    """Half of 40 eligible are nearly certain to answer; weights are one over the chance.

    60 runs of 25 sites, Monte Carlo error .006; with 1 - n/N for the factor .89 are covered.
    """
    rng = np.random.default_rng(8)
    chance = np.tile(np.repeat([0.95, 0.2], 20), SITES)
    site = np.repeat(np.arange(SITES), 40)
    found, plain = [], []
    for _ in range(60):
        people = rng.normal(size=len(site))
        here = rng.random(len(site)) < chance
        truth = people.reshape(SITES, 40).mean(axis=1)
        sums = moments(informants(site[here], 1 / chance[here], y=people[here]), ["y"])
        eligible = np.full(SITES, 40.0)
        factor = population_factor(sums.n[:, 0], eligible, sums.effective[:, 0])
        found.append(covered(truth, sums, factor).mean())
        plain.append(covered(truth, sums, population_factor(sums.n[:, 0], eligible)).mean())
    assert 0.93 < np.mean(found) < 0.97
    assert np.mean(plain) < 0.92


def test_weights_reach_the_finite_population(study):
    rows = pd.DataFrame(
        {"site": np.repeat(list("ABC"), 4), "y": np.tile([1.0, 2, 4, 7], 3), "w": [1, 1, 1, 3] * 3}
    )
    eligible = pd.DataFrame({"site": list("ABC"), "eligible": [8.0, 4.0, np.nan]}).assign(
        table="survey", round="all", responded=4
    )
    tables = study(
        {"survey": rows}, [MEAN], eligible=eligible,
        declared={"survey": {"weight": "w", "role": "survey"}},
    )  # fmt: skip
    errors = build_profiles(tables).standard_errors["m"].droplevel("round")
    effective = 6**2 / 12
    assert errors["A"] == pytest.approx(errors["C"] * np.sqrt(1 - effective / 8))
    assert errors["B"] == 0


@pytest.mark.parametrize("n", [3, 8, 30])
def test_informants_shares_are_covered_part_by_part(n):
    """25 runs of 25 sites whose mixes differ, the smallest part about 8 % (MC error .009)."""
    rng = np.random.default_rng(n)
    parts = ["a", "b", "c"]
    found = []
    for _ in range(25):
        truth = rng.dirichlet([12.0, 6.4, 1.6], SITES) + 1e-4
        truth /= truth.sum(axis=1, keepdims=True)
        site = np.repeat(np.arange(SITES), np.maximum(rng.poisson(n, SITES), 1))
        each = np.stack([rng.dirichlet(6 * truth[at]) for at in site])
        rows = informants(site, **dict(zip(parts, each.T, strict=True)))
        shares = informant_shares(rows, parts, np.ones(SITES))
        low, high = share_interval(shares.value, shares.standard_error)
        found.append(((low <= truth) & (truth <= high)).mean(axis=0))
        np.testing.assert_allclose(shares.covariance.sum(axis=2), 0.0, atol=1e-12)
    assert (np.abs(np.mean(found, axis=0) - 0.95) < 0.035).all()


def test_weight_two_is_a_row_twice_but_not_two_people(study):
    """The estimate is the same; the error is of the effective number (Σw)²/Σw² (Kish 1965)."""
    rng = np.random.default_rng(7)
    rows = pd.DataFrame({"site": np.repeat(list("ABCDEF"), 4), "y": rng.normal(size=24)})
    rows["w"] = np.tile([2.0, 1, 1, 1], 6)
    twice = pd.concat([rows, rows[rows["w"] == 2]], ignore_index=True).drop(columns="w")
    declared = {"survey": {"role": "survey", "weight": "w"}}
    weighed = build_profiles(study({"survey": rows}, [MEAN], declared=declared))
    repeated = build_profiles(study({"survey": twice}, [MEAN]))
    pd.testing.assert_frame_equal(weighed.values, repeated.values)
    ten = build_profiles(
        study({"survey": rows.assign(w=rows["w"] * 10)}, [MEAN], declared=declared)
    )
    pd.testing.assert_frame_equal(ten.standard_errors, weighed.standard_errors)
    sums = moments(informants(np.zeros(4, int), np.array([2.0, 1, 1, 1]), y=np.arange(4.0)), ["y"])
    assert sums.effective[0, 0] == pytest.approx(25 / 7)


def scaled(study, wrong: bool):
    rng = np.random.default_rng(9)
    site = np.repeat([f"S{at:02d}" for at in range(20)], 6)
    person = np.repeat(rng.normal(0, 0.5, 20), 6) + rng.normal(size=120)
    noise = rng.normal(0, 0.7, (120, 4))
    items = np.clip(np.round(3 + person[:, None] + noise), 1, 5)
    items[:, 3] = 6 - items[:, 3]
    rows = pd.DataFrame(items, columns=["q1", "q2", "q3", "q4"]).assign(site=site)
    scale = {"name": "s", "table": "survey", "items": ["q1", "q2", "q3", "q4"], "range": [1, 5]}
    if not wrong:
        scale["reverse"] = ["q4"]
    feature = {"name": "climate", "builder": "scale", "args": {"scale": "s"}}
    declared = {"survey": {"role": "survey"}}
    return build_profiles(study({"survey": rows}, [feature], scales=[scale], declared=declared))


def test_the_measurement_table_shows_a_scale_and_names_its_wrong_key(study, tmp_path):
    right = measurement_table(scaled(study, wrong=False))
    assert list(right) == MEASUREMENT_COLUMNS
    row = right.iloc[0]
    assert (row["sites"], row["n"], row["informants_per_site"]) == (20, 120, 6)
    assert row["alpha"] > 0.8 and row["omega"] > 0.8 and row["lowest_item_rest"] > 0.5
    assert 0 < row["icc1"] < row["icc2"] < 1
    assert 0 <= row["rwg_agreeing"] <= 1 and 0 < row["rwg_median"] < 1 and 0 < row["ad_median"] < 2
    assert row["flags"] == ""
    profiles = scaled(study, wrong=True)
    wrong = measurement_table(profiles).iloc[0]
    assert wrong["flags"].startswith("'q4' runs against") and wrong["lowest_item_rest"] < 0
    # Keys do not change how far the answers of one site are apart.
    assert wrong["rwg_median"] == pytest.approx(row["rwg_median"])
    profiles.save(tmp_path)
    again = type(profiles).load(tmp_path)
    assert again.info("climate") == profiles.info("climate")
    pd.testing.assert_frame_equal(measurement_table(again), measurement_table(profiles))
