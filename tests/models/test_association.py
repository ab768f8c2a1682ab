"""The permutation test with unsure membership: known values, error rates, power, laws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from site_typology.models.association import association_test, holm


def unsure(rng: np.random.Generator, n: int, k: int = 3) -> np.ndarray:
    return rng.dirichlet(np.full(k, 0.4), n)


def test_sure_types_and_exact_values_give_the_analysis_of_variance():
    rng = np.random.default_rng(1)
    labels = rng.integers(3, size=60)
    values = rng.normal(size=60) + 0.5 * (labels == 1)
    found = association_test(
        values[:, None], np.ones((60, 1)), np.eye(3)[labels], seed=1, permutations=20_000
    )
    f, p = stats.f_oneway(*(values[labels == at] for at in range(3)))
    assert found.share == pytest.approx(f * 2 / (f * 2 + 57))
    assert found.p_value == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / 20_000))


def test_the_share_is_that_of_a_weighted_regression_on_memberships():
    rng = np.random.default_rng(2)
    shares, values = unsure(rng, 50), rng.normal(size=50)
    weights = rng.uniform(0.2, 3.0, 50)
    found = association_test(values[:, None], weights[:, None], shares, seed=1, permutations=9)
    import statsmodels.api as sm

    expected = sm.WLS(values, sm.add_constant(shares[:, 1:]), weights=weights).fit().rsquared
    assert found.share == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["exact", "unlike errors", "two columns"])
def test_unrelated_features_are_called_associated_in_five_of_a_hundred(kind: str):
    rng = np.random.default_rng(3)
    n, repeats, alarms = 30, 600, 0
    for seed in range(repeats):
        shares = unsure(rng, n)
        errors = np.zeros((n, 1))
        if kind == "unlike errors":
            # Sites of the first type are measured three times as badly.
            errors = np.where(shares.argmax(axis=1) == 0, 3.0, 1.0)[:, None]
        true = rng.normal(size=(n, 2 if kind == "two columns" else 1))
        values = true + errors * rng.normal(size=true.shape)
        weights = np.broadcast_to(1 / (1 + errors**2), true.shape)
        found = association_test(values, weights, shares, seed, permutations=99)
        alarms += found.p_value <= 0.05
    # Three Monte Carlo standard errors of 0.009 either way.
    assert 0.023 < alarms / repeats < 0.077


def test_membership_probabilities_find_more_than_the_most_probable_types():
    rng = np.random.default_rng(4)
    ours = usual = 0
    for seed in range(200):
        shares = unsure(rng, 60) * 0.8 + 0.2 / 3
        truth = (rng.random((60, 1)) > shares.cumsum(axis=1)).sum(axis=1)
        values = rng.normal(size=60) + 1.5 * (truth == 0)
        one = np.ones((60, 1))
        for_labels = np.eye(3)[shares.argmax(axis=1)]
        ours += association_test(values[:, None], one, shares, seed, 99).p_value <= 0.05
        usual += association_test(values[:, None], one, for_labels, seed, 99).p_value <= 0.05
    assert ours / 200 > 0.5
    assert ours > usual


def test_laws():
    rng = np.random.default_rng(5)
    shares, values, weights = unsure(rng, 40), rng.normal(size=(40, 1)), np.ones((40, 1))
    found = association_test(values, weights, shares, seed=1)
    assert found == association_test(values, weights, shares, seed=1)
    turned = association_test(values, weights, shares[:, ::-1], seed=1)
    assert (turned.share, turned.p_value) == pytest.approx((found.share, found.p_value))
    scaled = association_test(7 - 2 * values, weights * 5, shares, seed=1)
    assert (scaled.share, scaled.p_value) == pytest.approx((found.share, found.p_value))
    order = rng.permutation(40)
    moved = association_test(values[order], weights, shares[order], seed=1)
    assert moved.share == pytest.approx(found.share)
    assert moved.p_value == pytest.approx(found.p_value, abs=0.05)


def test_memberships_that_tell_no_types_apart_find_nothing():
    values = np.random.default_rng(6).normal(size=(30, 1))
    found = association_test(values, np.ones((30, 1)), np.full((30, 3), 1 / 3), seed=1)
    assert found.share == 0
    assert found.p_value == 1


def test_holm_is_that_of_statsmodels():
    p = np.array([0.04, 0.001, 0.3, 0.02, 0.02, 0.9])
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    with_gap = holm(np.insert(p, 2, np.nan))
    assert np.isnan(with_gap[2])
    assert np.delete(with_gap, 2) == pytest.approx(holm(p))


def test_a_p_value_is_never_zero():
    labels = np.repeat([0, 1], 20)
    values = labels[:, None] * 100.0 + np.random.default_rng(7).normal(size=(40, 1))
    found = association_test(values, np.ones((40, 1)), np.eye(2)[labels], 1, permutations=99)
    assert found.p_value == 1 / 100
