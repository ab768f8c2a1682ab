"""Means of types with measurement error: Paule and Mandel's equation, and what must not matter."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from site_typology.feature_info import FeatureInfo
from site_typology.type_means import between_sites, group_means, within_limits

BCG = np.array(
    [
        (4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619),
        (33, 5036, 47, 5761), (180, 1361, 372, 1079), (8, 2537, 10, 619), (505, 87886, 499, 87892),
        (29, 7470, 45, 7232), (17, 1699, 65, 1600), (186, 50448, 141, 27197), (5, 2493, 3, 2338),
        (27, 16886, 29, 17825),
    ],
    dtype=float,
)  # fmt: skip
"""Thirteen trials of the BCG vaccine (Colditz et al. 1994): cases and others, treated, control."""


def log_risk_ratios() -> tuple[np.ndarray, np.ndarray]:
    treated, others, cases, rest = BCG.T
    effect = np.log(treated / (treated + others)) - np.log(cases / (cases + rest))
    variance = 1 / treated - 1 / (treated + others) + 1 / cases - 1 / (cases + rest)
    return effect, np.sqrt(variance)


def test_between_site_variance_is_the_published_one_of_the_bcg_trials():
    effect, errors = log_risk_ratios()
    group = np.ones(len(effect), dtype=int)
    # 0.3181 is what the R package metafor gives for these trials (Paule-Mandel, empirical Bayes).
    assert between_sites(effect, errors**2, group) == pytest.approx(0.3181, abs=1e-4)
    assert group_means(effect, errors, group).loc[1, "mean"] == pytest.approx(-0.715, abs=1e-3)


def test_without_error_the_interval_is_students_with_pooled_variance():
    random = np.random.default_rng(2)
    groups = np.array([1] * 7 + [2] * 4)
    values = random.normal(size=11) + 3 * groups
    found = group_means(values, np.zeros(11), groups)
    squares = sum(((values[groups == g] - values[groups == g].mean()) ** 2).sum() for g in (1, 2))
    for group, n in ((1, 7), (2, 4)):
        half = stats.t.ppf(0.975, 9) * np.sqrt(squares / 9 / n)
        assert found.loc[group, "mean"] == pytest.approx(values[groups == group].mean())
        assert found.loc[group, "high"] - found.loc[group, "mean"] == pytest.approx(half, rel=1e-6)


def test_order_units_and_numbering_do_not_matter():
    random = np.random.default_rng(3)
    values, errors = random.normal(size=20), random.uniform(0.1, 1, 20)
    groups = random.integers(1, 4, 20)
    found = group_means(values, errors, groups)
    order = random.permutation(20)
    again = group_means(values[order], errors[order], groups[order])
    np.testing.assert_allclose(again, found, rtol=1e-8)
    tenfold = group_means(10 * values + 7, 10 * errors, groups)
    np.testing.assert_allclose(tenfold["mean"], 10 * found["mean"] + 7, rtol=1e-6)
    np.testing.assert_allclose(group_means(values, errors, 9 - groups)[::-1], found, rtol=1e-8)


def test_intervals_cover_the_true_mean_where_errors_differ():
    random = np.random.default_rng(5)
    covered = []
    for _ in range(300):
        errors = random.uniform(0.2, 2.0, 12)
        groups = np.repeat([1, 2], 6)
        values = groups + random.normal(0, 0.7, 12) + random.normal(0, errors)
        found = group_means(values, errors, groups)
        covered += [found.loc[g, "low"] <= g <= found.loc[g, "high"] for g in (1, 2)]
    assert 0.92 <= np.mean(covered) <= 0.98


def test_gaps_single_sites_and_constant_values():
    values = np.array([1.0, 1.0, np.nan, 5.0])
    found = group_means(values, np.array([0.0, 0.0, np.nan, 0.0]), np.array([1, 1, 2, 3]))
    assert found["n"].tolist() == [2, 0, 1]
    assert np.isnan(found.loc[2, "mean"])
    assert found.loc[1, ["low", "high"]].tolist() == pytest.approx([1.0, 1.0], abs=1e-3)
    alone = group_means(np.array([2.0]), np.array([0.1]), np.array([1]))
    assert alone.loc[1, "mean"] == 2.0
    assert np.isnan(alone.loc[1, "low"])


def test_a_value_of_unknown_error_never_counts_as_exact():
    values = np.array([1.0, 2.0, 3.0, 5.0, 9.0, 4.0])
    errors = np.array([0.5, 0.5, 0.5, 0.2, 0.3, np.nan])
    groups = np.array([1, 1, 1, 2, 2, 2])
    found = group_means(values, errors, groups)
    assert found.loc[2, "mean"] == pytest.approx(6.0)
    assert found.loc[2, ["low", "high"]].isna().all()
    assert found["n"].tolist() == [3, 3]
    others = group_means(values[:5], errors[:5], groups[:5])
    pd.testing.assert_series_equal(found.loc[1], others.loc[1])
    none = group_means(values, errors * np.nan, groups)
    assert none[["low", "high"]].isna().all(axis=None)
    assert none["mean"].tolist() == pytest.approx([2.0, 6.0])


def test_intervals_stay_within_what_the_feature_can_be():
    means = group_means(np.array([0.01, 0.3, 0.02]), np.zeros(3), np.ones(3, dtype=int))
    assert means.loc[1, "low"] < 0
    assert within_limits(means, FeatureInfo("s", kind="share")).loc[1, "low"] == 0
    assert within_limits(means, FeatureInfo("c")).loc[1, "low"] < 0
    assert within_limits(means, FeatureInfo("c", range=(0.0, 0.2))).loc[1, "high"] == 0.2
