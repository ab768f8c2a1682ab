"""Coverage and laws of the intervals of site values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from site_typology.feature_info import FeatureInfo
from site_typology.features.measurement import half_count_variance, population_factor
from site_typology.intervals import (
    effective_number,
    effective_units,
    exposure_of,
    feature_interval,
    mean_interval,
    rate_interval,
    share_interval,
)
from site_typology.profiles import SiteProfiles

NUMBERS = (3, 8, 30)
SHARES = (0.02, 0.05, 0.5, 0.95, 0.98)


def of_counts(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every share of n with its limits, from the error alone."""
    value = np.arange(n + 1) / n
    low, high = share_interval(value, np.sqrt(half_count_variance(value, np.full(n + 1, n))))
    return value, low, high


@pytest.mark.parametrize("n", NUMBERS)
@pytest.mark.parametrize("mean", SHARES)
def test_shares_are_covered_over_sites(mean, n):
    """Exact over counts; over true shares of 4,000 sites, Beta with 20 units (MC error < .001).

    None of few is covered by design wherever the truth is small, so shares about .02 and .98 are
    covered a little more often than 97 %.
    """
    rng = np.random.default_rng(n)
    truth = rng.beta(20 * mean, 20 * (1 - mean), 4000)
    _, low, high = of_counts(n)
    chance = stats.binom.pmf(np.arange(n + 1), n, truth[:, None])
    covered = (chance * ((low <= truth[:, None]) & (truth[:, None] <= high))).sum(axis=1)
    most = 0.97 if 0.02 < mean < 0.98 else 0.985
    assert 0.93 <= covered.mean() <= most


@pytest.mark.parametrize("n", NUMBERS)
@pytest.mark.parametrize("p", SHARES)
def test_shares_are_covered_at_one_true_share(p, n):
    """With few informants a count is too coarse for 95 % at each share; none falls below 92 %."""
    _, low, high = of_counts(n)
    chance = stats.binom.pmf(np.arange(n + 1), n, p)
    assert chance @ ((low <= p) & (p <= high)) > 0.92


@pytest.mark.parametrize("n", NUMBERS)
@pytest.mark.parametrize("mean", [0.2, 2.0])
def test_rates_of_counts_are_covered_over_sites(mean, n):
    """Exact over counts; over 2,000 true rates, a gamma of shape 8."""
    truth = np.random.default_rng(n).gamma(8, mean / 8, 2000)
    counts = np.arange(int(mean * n * 6) + 30)
    low, high = rate_interval(counts / n, np.sqrt(counts + 0.5) / n)
    chance = stats.poisson.pmf(counts, n * truth[:, None])
    covered = (chance * ((low <= truth[:, None]) & (truth[:, None] <= high))).sum(axis=1)
    assert 0.93 <= covered.mean() <= 0.975


def test_limits_of_jeffreys_intervals():
    # Brown, Cai & DasGupta (2001): Beta(x + 1/2, n - x + 1/2), 0 and 1 at the ends.
    value, low, high = of_counts(8)
    assert low[0] == 0 and high[8] == 1
    assert low[3] == pytest.approx(stats.beta.ppf(0.025, 3.5, 5.5), abs=1e-9)
    assert high[3] == pytest.approx(stats.beta.ppf(0.975, 3.5, 5.5), abs=1e-9)
    np.testing.assert_allclose(low, 1 - high[::-1])
    assert ((low <= value) & (value <= high)).all()


def test_the_number_behind_an_error_is_found_again():
    n = np.array([1.0, 3, 8, 30, 5000])
    for p in (0.0, 0.02, 0.5, 1.0):
        share = np.full(5, p)
        np.testing.assert_allclose(
            effective_number(share, np.sqrt(half_count_variance(share, n))), n, rtol=1e-6
        )
        np.testing.assert_allclose(exposure_of(share, np.sqrt(share * n + 0.5) / n), n)
    parts = np.array([[0.5, 0.3, 0.2]])
    smooth = (8 * parts + 0.5) / (8 + 1.5)
    assert effective_units(parts, (smooth * (1 - smooth) / 8).sum(axis=1)) == pytest.approx(8)


def test_everyone_asked_is_known_and_most_asked_nearly():
    value, n = np.array([0.25, 0.25, 0.25]), np.full(3, 8.0)
    factor = population_factor(n, np.array([8.0, 10.0, np.nan]))
    error = np.sqrt(half_count_variance(value, n) * factor)
    low, high = share_interval(value, error)
    assert low[0] == high[0] == 0.25
    assert high[1] - low[1] < 0.6 * (high[2] - low[2])


def test_kinds_have_their_intervals():
    value, error = np.array([0.0, 4.5, np.nan, 2.0]), np.array([0.1, 1.0, np.nan, np.nan])
    n = np.full(4, 5.0)
    info = FeatureInfo("a", range=(0.0, 5.0), measurement={"error_df": 10.0})
    low, high = feature_interval(info, value, error, n)
    assert low[0] == 0 and high[1] == 5
    assert low[1] == pytest.approx(4.5 - stats.t.ppf(0.975, 10))
    assert np.isnan(low[2:]).all() and np.isnan(high[2:]).all()
    assert np.isnan(feature_interval(FeatureInfo("a", kind="category"), value, error, n)[0]).all()
    below = np.array([-0.5, 0.2])
    change = feature_interval(FeatureInfo("a", kind="rate"), below, np.full(2, 0.1), n[:2])
    np.testing.assert_allclose(change, mean_interval(below, np.full(2, 0.1)))


def test_counts_take_the_place_of_errors_pooled_over_sites():
    info = FeatureInfo("a", kind="share", measurement={"from_counts": 1.0})
    value, n = np.array([1.0, 0.5]), np.array([3.0, 30.0])
    low, high = feature_interval(info, value, np.array([0.07, 0.09]), n)
    np.testing.assert_allclose(low, stats.beta.ppf(0.025, value * n + 0.5, n * (1 - value) + 0.5))
    rate = FeatureInfo("a", kind="rate", measurement={"from_counts": 1.0})
    low, high = feature_interval(rate, value, np.array([0.07, 0.09]), n)
    np.testing.assert_allclose(high, stats.gamma.ppf(0.975, value * n + 0.5) / n)


def test_a_vacancy_rate_has_the_interval_of_its_posts_and_may_be_negative():
    info = FeatureInfo("a", kind="continuous", measurement={"from_counts": 1.0})
    value, n = np.array([0.25, 0.0, -0.5]), np.array([8.0, 8.0, 8.0])
    low, high = feature_interval(info, value, np.full(3, 0.1), n)
    np.testing.assert_allclose(high[0], stats.beta.ppf(0.975, 2.5, 6.5))
    assert low.tolist()[1:] == [0.0, -0.5]
    assert high[1] == high[2] == pytest.approx(stats.beta.ppf(0.975, 0.5, 8.5))
    hundred = FeatureInfo("a", kind="rate", measurement={"from_counts": 0.01})
    per_100 = feature_interval(hundred, np.array([25.0]), np.array([9.0]), n[:1])[1]
    np.testing.assert_allclose(per_100, 100 * stats.gamma.ppf(0.975, 2.5) / 8)


def test_profiles_give_intervals_that_widen_with_the_level():
    values = pd.DataFrame({"a": [1.0, 2.0], "b": [0.0, 0.4], "c": ["x", "y"]}, index=["A", "B"])
    errors = pd.DataFrame({"a": [0.5, 0.0], "b": [0.1, 0.1]}, index=["A", "B"])
    profiles = SiteProfiles.from_frame(values, errors, kinds={"b": "share"})
    low, high = profiles.intervals()
    assert low.loc[("B", "all"), "a"] == high.loc[("B", "all"), "a"] == 2.0
    assert low["c"].isna().all()
    wider = profiles.intervals(0.99)[1]
    assert (wider["b"] > high["b"]).all()
