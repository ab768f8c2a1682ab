"""Reliability figures against published data and an analysis of variance by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from site_typology.features.aggregate import moments
from site_typology.features.measurement import (
    cronbach_alpha,
    half_count_variance,
    intraclass,
    item_rest,
    pooled_variance,
    reliability,
)
from site_typology.features.selection import WEIGHT
from site_typology.features.tables import ROUND, SITE

# Shrout & Fleiss (1979), table 2: six targets rated by four judges. Their table 4 gives
# ICC(1,1) = .17 and ICC(1,4) = .44 for these ratings.
RATINGS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
)


def grouped(values: np.ndarray, sites: np.ndarray, weight: float | np.ndarray = 1.0):
    rows = pd.DataFrame({SITE: sites.astype(str), ROUND: "all", WEIGHT: weight, "y": values})
    return moments(rows, ["y"])


def test_intraclass_correlations_of_shrout_and_fleiss():
    sums = grouped(RATINGS.ravel(), np.repeat(np.arange(6), 4))
    icc1, icc2 = intraclass(sums)
    assert icc1[0] == pytest.approx(0.17, abs=0.005)
    assert icc2[0] == pytest.approx(0.44, abs=0.005)
    assert pooled_variance(sums)[0] == pytest.approx(6.26, abs=0.005)  # their table 3: WMS


def test_intraclass_with_unequal_numbers_is_the_analysis_of_variance():
    rng = np.random.default_rng(3)
    sites = np.repeat(np.arange(12), rng.integers(1, 9, size=12))
    values = rng.normal(size=12)[sites] * 0.5 + rng.normal(size=len(sites)) + 1e4
    groups = [values[sites == site] for site in range(12)]
    n = np.array([len(group) for group in groups])
    between = sum(len(g) * (g.mean() - values.mean()) ** 2 for g in groups) / 11
    within = sum(((g - g.mean()) ** 2).sum() for g in groups) / (len(values) - 12)
    k = (n.sum() - (n**2).sum() / n.sum()) / 11
    icc1, icc2 = intraclass(grouped(values, sites))
    assert icc1[0] == pytest.approx((between - within) / (between + (k - 1) * within), rel=1e-9)
    assert icc2[0] == pytest.approx((between - within) / between, rel=1e-9)


def test_degrees_of_freedom_are_0_where_no_weight_stands():
    sums = grouped(np.arange(5.0), np.array([0, 0, 0, 1, 1]), np.array([1.0, 2, 3, 0, 0]))
    # W - Σw²/W = 6 - 14/6, and nothing at the second site.
    assert sums.freedom.ravel() == pytest.approx([6 - 14 / 6, 0.0])
    assert pooled_variance(sums)[0] == pytest.approx((1 * 16 + 2 * 1 + 3 * 4) / 9 / (6 - 14 / 6))


def test_no_reliability_without_replicates_or_sites():
    assert np.isnan(intraclass(grouped(np.arange(4.0), np.arange(4)))[0]).all()
    assert np.isnan(intraclass(grouped(np.arange(4.0), np.zeros(4)))[0]).all()


def test_equal_weights_change_nothing():
    sites = np.repeat(np.arange(6), 4)
    one, two = grouped(RATINGS.ravel(), sites), grouped(RATINGS.ravel(), sites, 7.0)
    np.testing.assert_allclose(one.effective, two.effective)
    np.testing.assert_allclose(pooled_variance(one), pooled_variance(two))
    np.testing.assert_allclose(intraclass(one), intraclass(two))


def test_alpha_is_the_anova_of_rows_and_columns():
    # Hoyt (1941): alpha = (MS rows - MS residual) / MS rows of the two-way layout.
    rows, k = RATINGS.shape
    grand = RATINGS.mean()
    of_rows = k * ((RATINGS.mean(axis=1) - grand) ** 2).sum() / (rows - 1)
    residual = RATINGS - RATINGS.mean(axis=1, keepdims=True) - RATINGS.mean(axis=0) + grand
    left = (residual**2).sum() / ((rows - 1) * (k - 1))
    assert cronbach_alpha(RATINGS) == pytest.approx((of_rows - left) / of_rows)
    assert cronbach_alpha(RATINGS) == pytest.approx(0.91, abs=0.005)  # their ICC(3,4)


def test_alpha_leaves_incomplete_rows_out():
    with_gap = np.vstack([RATINGS, [1.0, np.nan, 2, 3]])
    assert cronbach_alpha(with_gap) == pytest.approx(cronbach_alpha(RATINGS))
    assert np.isnan(cronbach_alpha(RATINGS[:, :1]))


def test_an_item_keyed_the_wrong_way_shows():
    turned = RATINGS.copy()
    turned[:, 3] = 10 - turned[:, 3]
    assert item_rest(RATINGS).min() > 0.5
    assert item_rest(turned)[3] < -0.5


@pytest.mark.parametrize(("n", "p"), [(8, 0.1), (8, 0.4), (30, 0.05), (30, 0.5)])
def test_half_count_variance_is_that_of_the_share(n, p):
    """Mean over all counts, by their exact probabilities; without half counts it is too small."""
    counts = np.arange(n + 1)
    chance = scipy.stats.binom.pmf(counts, n, p)
    stated = half_count_variance(counts / n, np.full(n + 1, float(n)))
    true = p * (1 - p) / n
    assert stated.min() > 0
    assert 0.9 < chance @ stated / true < 1.45
    assert chance @ (counts / n * (1 - counts / n) / n) < true


def test_reliability_is_the_share_of_signal():
    rng = np.random.default_rng(6)
    truth = rng.normal(0, 2, size=5000)
    observed = truth + rng.normal(0, 1, size=5000)
    assert reliability(observed, np.ones(5000)) == pytest.approx(0.8, abs=0.02)
    assert reliability(observed, np.full(5000, 9.0)) == 0.0


def test_reliability_is_unknown_where_an_error_is():
    observed = np.random.default_rng(3).normal(size=20)
    errors = np.full(20, 0.1)
    errors[4] = np.nan
    assert np.isnan(reliability(observed, errors))
    assert np.isnan(reliability(observed, np.full(20, np.nan)))
    # The error of a site without a value says nothing about the others.
    observed[4] = np.nan
    assert reliability(observed, errors) > 0.9
