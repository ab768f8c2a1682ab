"""The null test: honest without types, sure of clear ones, and repeatable."""

import numpy as np
import pytest

from site_typology.models.working import exact_data
from site_typology.nulltest import CLEAR, LOWEST, judge, null_test, types_to_try
from site_typology.number_of_types import NumberRule, chosen_number, nearest_number


def cloud(n, seed, types=1, separation=0.0, q=4):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % types
    means = np.eye(types, q) * separation / np.sqrt(2)
    errors = rng.uniform(0.1, 1.0, size=n)[:, None, None] * np.eye(q)
    noise = np.sqrt(errors[:, 0, :1]) * rng.normal(size=(n, q))
    values = means[labels] + rng.normal(size=(n, q)) + noise
    values[rng.random((n, q)) < 0.1] = np.nan
    return exact_data(values, errors)


def test_p_value_by_hand():
    # With the data, 5, the reference has mean 2.75 and SD 1.708: the data stand at 1.317.
    reference = np.array([[1.0], [2.0], [3.0]])
    found = judge({2: 5.0}, reference, "one population")
    assert found.p_value == 1 / 4
    assert found.observed == pytest.approx(1.3175, abs=1e-4)
    assert judge({2: 2.0}, reference, "one population").p_value == 3 / 4
    row = found.gains.iloc[0].to_dict()
    assert row == pytest.approx(
        {
            "k": 2,
            "gain": 5.0,
            "reference_mean": 2.0,
            "reference_sd": 1.0,
            "standardised": 3.0,
        }
    )


def test_the_search_over_numbers_of_types_is_inside_the_test():
    reference = np.array([[0.0, 2.0], [1.0, 1.0], [2.0, 0.0], [1.0, 1.0]])
    found = judge({2: 1.0, 3: 2.0}, reference, "a continuum")
    assert found.exceeding == 2


def test_clear_types_are_found_and_their_number_told():
    found = null_test(cloud(36, 1, types=3, separation=9), draws=39, seed=1)
    assert found.p_value == 1 / 40
    assert found.gains.loc[found.gains["standardised"].idxmax(), "k"] == 3


def test_no_types_are_seldom_claimed():
    values = [null_test(cloud(24, seed), ks=[2, 3], draws=19, seed=seed) for seed in range(20)]
    p_values = np.array([found.p_value for found in values])
    assert (p_values <= 0.05).sum() <= 3
    assert 0.25 < p_values.mean() < 0.85


def test_skewed_sites_are_no_types():
    p_values = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        rows = rng.gamma(2.0, size=(40, 1)) * np.ones(3) + 0.4 * rng.normal(size=(40, 3))
        p_values.append(null_test(exact_data(rows), ks=[2, 3], draws=19, seed=seed).p_value)
    assert (np.array(p_values) <= 0.05).sum() <= 3


def test_same_seed_same_result_for_any_number_of_workers():
    data = cloud(20, 3)
    one = null_test(data, ks=[2], draws=21, seed=5)
    two = null_test(data, ks=[2], draws=21, seed=5, workers=2)
    np.testing.assert_array_equal(one.reference_maxima, two.reference_maxima)
    assert one.p_value == two.p_value
    other = null_test(data, ks=[2], draws=21, seed=6)
    assert not np.array_equal(one.reference_maxima, other.reference_maxima)


def test_units_of_columns_do_not_matter_for_the_gain():
    data = cloud(30, 4, types=2, separation=5)
    scale = np.array([1.0, 2.0, 0.5, 1.0])
    scaled = exact_data(data.values * scale, data.errors * np.multiply.outer(scale, scale))
    one, two = (null_test(d, ks=[2], draws=2, seed=1).gains["gain"][0] for d in (data, scaled))
    assert one == pytest.approx(two, rel=0.15)


@pytest.mark.parametrize("shape", [(6, 2), (6, 10)])
def test_very_few_sites(shape):
    values = np.random.default_rng(7).normal(size=shape)
    values[0] = np.nan
    found = null_test(exact_data(values), draws=9, seed=1)
    assert found.gains["k"].tolist() == [2]
    assert 0 < found.p_value <= 1


def test_data_sets_without_types_of_enough_sites_rank_lowest():
    reference = np.array([[1.0, np.nan], [2.0, 3.0], [np.nan, np.nan], [3.0, 5.0]])
    found = judge({2: 2.5, 3: np.nan}, reference, "one population")
    assert found.reference_maxima[2] == LOWEST
    assert found.gains["standardised"].notna().tolist() == [True, False]
    assert judge({2: np.nan, 3: np.nan}, reference, "one population").p_value == 1.0


@pytest.mark.parametrize(
    ("draws", "known", "told"), [(99, 10, True), (99, 9, False), (18, 9, True), (18, 8, False)]
)
def test_nothing_is_said_of_a_number_that_the_reference_hardly_has(draws, known, told):
    reference = np.random.default_rng(8).normal(size=(draws, 2))
    reference[known:, 1] = np.nan
    found = judge({2: 20.0, 3: 40.0}, reference, "one population")
    columns = ["reference_mean", "reference_sd", "standardised"]
    assert found.gains[columns].notna().all(axis=1).tolist() == [True, told]
    assert nearest_number(found) == NumberRule.of(found, 3).nearest({2: 20.0, 3: 40.0})
    assert nearest_number(found) == (3 if told else 2)
    chosen = chosen_number(np.array([20.0, 40.0]), (2, 3), [reference], 0.1)
    assert chosen == nearest_number(found)


def bent(n, seed, noise=0.3):
    """Sites along a bent line, with errors."""
    rng = np.random.default_rng(seed)
    along = rng.uniform(-1, 1, n)
    truth = np.column_stack([4 * along, 5 * (along**2 - 1 / 3), *np.zeros((2, n))])
    values = truth + noise * rng.normal(size=(n, 4)) + 0.5 * rng.normal(size=(n, 4))
    return exact_data(values, np.broadcast_to(0.25 * np.eye(4), (n, 4, 4)).copy())


def test_sites_along_a_bent_line_are_no_types():
    """30 data sets; with every rejection rate up to .05 more than 4 come up once in 300 times."""
    found = [null_test(bent(40, seed), ks=[2, 3], draws=19, seed=seed) for seed in range(30)]
    assert sum(test.p_value <= 0.05 for test in found) <= 4


def test_drawing_ends_when_the_answer_is_clear():
    found = null_test(cloud(24, 5), ks=[2], draws=200, seed=2)
    assert found.p_value > 0.05
    assert found.draws < 200
    assert found.exceeding >= CLEAR


def test_progress_is_told():
    told = []
    null_test(
        cloud(12, 8), ks=[2], draws=9, progress=lambda stage, share: told.append((stage, share))
    )
    assert told[0] == ("null test, one population", 1.0)
    assert {stage for stage, _ in told} <= {
        "null test, one population",
        "null test, a continuum",
    }


def test_numbers_of_types_to_try():
    assert types_to_try(150) == (2, 3, 4, 5)
    assert types_to_try(9) == (2, 3)
    assert types_to_try(3) == (2,)
    assert types_to_try(100, max_types=3) == (2, 3)


def test_strongly_correlated_features_of_one_population_are_no_types():
    """With a reference rounder than the data, nearly all of these were rejected."""
    p_values = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        shared, own = rng.normal(size=(50, 1)), rng.normal(size=(50, 5))
        data = exact_data(np.sqrt(0.97) * shared + np.sqrt(0.03) * own)
        p_values.append(null_test(data, draws=19, seed=seed).p_value)
    assert np.mean(np.array(p_values) <= 0.05) <= 0.25
