"""Partially pooled values: published data, laws, recovery of known truths, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from site_typology.estimates import ESTIMATE_COLUMNS, site_estimates
from site_typology.feature_info import FeatureInfo
from site_typology.pooling import between_variance, pool, pool_feature, pool_shares, pooled_interval
from site_typology.profiles import SiteProfiles

# Effects of coaching in eight schools (Rubin 1981), with their standard errors.
EFFECTS = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
ERRORS = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])


def test_schools_that_errors_explain_are_drawn_together():
    # Q = 4.4 on 7 degrees of freedom (Rubin 1981): nothing between schools; mean 7.7, SE 4.1.
    found = pool(EFFECTS[:, None], ERRORS**2)
    assert found.between == 0
    np.testing.assert_allclose(found.value, 7.686, atol=1e-3)
    assert (found.standard_error > 4.07).all()


def test_the_equation_of_paule_and_mandel_holds():
    rng = np.random.default_rng(2)
    value, variance = rng.normal(0, 3, (20, 1)), rng.uniform(0.5, 2, 20)
    tau2 = between_variance(value, variance)
    weight = 1 / (tau2 + variance)
    mean = np.average(value[:, 0], weights=weight)
    assert weight @ (value[:, 0] - mean) ** 2 == pytest.approx(19)


@pytest.mark.parametrize("last", [1.0, 2.0])
def test_exact_values_that_are_alike_are_their_own(last):
    # Their weights are so large that the square of the sum is no float.
    value = np.array([1.0, 1.0, 1.0, last])[:, None]
    found = pool(value, np.array([0.0, 0.0, 0.0, 0.5 if last > 1 else 0.0]))
    np.testing.assert_allclose(found.value[:3], 1.0)
    np.testing.assert_allclose(found.standard_error[:3], 0.0, atol=1e-9)


def test_units_and_order_change_nothing():
    rng = np.random.default_rng(3)
    value, error = rng.normal(5, 2, 12), rng.uniform(0.5, 2, 12)
    info, n = FeatureInfo("a"), np.full(12, 4.0)
    one = pool_feature(info, value, error, n)
    ten = pool_feature(info, 10 * value + 7, 10 * error, n)
    np.testing.assert_allclose(ten.value, 10 * one.value + 7)
    np.testing.assert_allclose(ten.standard_error, 10 * one.standard_error)
    back = pool_feature(info, value[::-1], error[::-1], n)
    np.testing.assert_allclose(back.value[::-1], one.value)


@pytest.mark.parametrize("kind", ["continuous", "share", "rate"])
def test_pooled_values_are_nearer_the_truth_and_covered(kind):
    """60 runs of 25 sites; Monte Carlo error of a coverage about .006."""
    rng = np.random.default_rng(8)
    info = FeatureInfo("a", kind=kind)
    n = np.full(25, 8.0)
    raw, drawn, covered = [], [], []
    for _ in range(60):
        if kind == "continuous":
            truth = rng.normal(3, 0.3, 25)
            value, error = rng.normal(truth, 0.4), np.full(25, 0.4)
        elif kind == "share":
            truth = rng.beta(4, 12, 25)
            value = rng.binomial(8, truth) / 8
            smooth = (8 * value + 0.5) / 9
            error = np.sqrt(smooth * (1 - smooth) / 8)
        else:
            truth = rng.gamma(6, 0.3 / 6, 25)
            count = rng.poisson(8 * truth)
            value, error = count / 8, np.sqrt(count + 0.5) / 8
        found = pool_feature(info, value, error, n)
        low, high = pooled_interval(info, found.value[:, 0], found.standard_error[:, 0], value)
        covered.append(((low <= truth) & (truth <= high)).mean())
        raw.append(np.mean((value - truth) ** 2))
        drawn.append(np.mean((found.value[:, 0] - truth) ** 2))
    assert np.mean(drawn) < 0.75 * np.mean(raw)
    assert 0.91 < np.mean(covered) < 0.98


def test_pooled_parts_add_up_and_are_drawn_alike():
    rng = np.random.default_rng(4)
    truth = rng.dirichlet([10.0, 6, 4], 20)
    parts = np.stack([rng.multinomial(12, row) / 12 for row in truth])
    found = pool_shares(parts, np.full(20, 12.0))
    np.testing.assert_allclose(found.value.sum(axis=1), 1.0)
    assert np.ptp(found.weight) < 1e-12
    assert 0 < found.weight[0] < 1


def test_a_site_of_known_value_keeps_it_and_one_of_unknown_error_has_none():
    value, error = np.array([1.0, 5.0, 3.0, 4.0, 8.0]), np.array([0.0, 1.0, 1.0, np.nan, 1.0])
    for kind in ("continuous", "rate"):
        found = pool_feature(FeatureInfo("a", kind=kind), value, error, np.full(5, 4.0))
        assert found.value[0, 0] == pytest.approx(1.0)
        assert found.standard_error[0, 0] == pytest.approx(0.0, abs=1e-12)
        assert np.isnan(found.value[3, 0])
        assert not np.isnan(found.value[[1, 2, 4], 0]).any()


def test_two_sites_are_not_pooled():
    found = pool(np.array([[1.0], [2.0]]), np.ones(2))
    assert np.isnan(found.value).all() and np.isnan(found.standard_error).all()


def test_estimates_stand_beside_the_raw_values_of_each_round():
    index = pd.MultiIndex.from_product([list("ABCD"), ["1", "2"]], names=["site", "round"])
    rng = np.random.default_rng(1)
    share = rng.uniform(0.2, 0.4, 8)
    values = pd.DataFrame(
        {"a": rng.normal(size=8), "t.x": share, "t.y": 1 - share, "c": list("uvuvuvuv")}, index
    )
    errors = pd.DataFrame({"a": 0.5, "t.x": 0.05, "t.y": 0.05}, index)
    kinds = {"t.x": "composition:t", "t.y": "composition:t"}
    profiles = SiteProfiles.from_frame(values, errors, kinds=kinds)
    found = site_estimates(profiles)
    assert list(found) == ESTIMATE_COLUMNS
    assert found["value"].tolist() == profiles.to_long()["value"].tolist()
    assert found.loc[found["feature"] == "c", "pooled"].isna().all()
    wide = found.set_index(["site", "round", "feature"])["pooled"].unstack("feature")
    np.testing.assert_allclose(wide["t.x"] + wide["t.y"], 1.0)
    # A round says nothing about another.
    alone = site_estimates(profiles.select(round="2"))
    both = found[found["round"] == "2"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, both)
