"""Power of planted types, and how well sites could be placed."""

import numpy as np
import pytest

from site_typology.models.mixture import TypeModel, fit_types
from site_typology.models.working import exact_data
from site_typology.power import expected_agreement, power, relative_entropy


def sites(n, seed, error=0.3, q=4):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, q)) * np.sqrt(1 + error)
    return exact_data(values, np.full((n, 1, 1), error) * np.eye(q))


def test_power_grows_with_separation_and_reaches_one():
    found = power(
        sites(45, 1, error=0.01), separations=[30.0, 0.0, 60.0], replicates=12, ks=[2, 3], seed=1
    )
    # The search goes upwards and stops where the power asked for is reached.
    assert found.table["separation"].tolist() == [0.0, 30.0]
    assert found.table["power"].iloc[0] <= 0.34
    assert found.table["power"].iloc[1] >= 0.9
    assert found.smallest_separation == 30.0
    assert (found.table["standard_error"] > 0).all()
    # Where none of ten is found, two more could not change the answer.
    assert found.table["replicates"].tolist() == [10, 12]


def test_error_takes_power_away():
    exact, blurred = (
        power(sites(45, 2, error), separations=[12.0], replicates=10, ks=[2, 3]).at(12.0)
        for error in (0.0, 4.0)
    )
    assert exact > blurred


def test_power_is_the_same_for_any_number_of_workers():
    given = {"separations": [6.0], "k": 2, "replicates": 4, "ks": [2], "seed": 3}
    one = power(sites(15, 3), **given)
    two = power(sites(15, 3), **given, workers=2)
    assert one.table.equals(two.table)


def test_far_types_can_be_placed_and_near_ones_cannot():
    data = sites(40, 4)
    far, near = (
        TypeModel(np.array([0.6, 0.4]), np.eye(2, 4) * distance, np.eye(4))
        for distance in (10.0, 1.0)
    )
    told = [expected_agreement(model, data, replicates=6, seed=1) for model in (far, near)]
    assert told[0].adjusted_rand > 0.9
    assert told[1].adjusted_rand < 0.4
    assert told[0].expected_relative_entropy > 0.9
    assert told[0].replicates == 6


def test_agreement_is_the_same_for_any_number_of_workers():
    data = sites(15, 5)
    model = fit_types(data, 2, seed=1)
    one = expected_agreement(model, data, replicates=4, seed=2)
    assert one == expected_agreement(model, data, replicates=4, seed=2, workers=2)


def test_one_type_has_no_agreement():
    data = sites(10, 6)
    found = expected_agreement(fit_types(data, 1, seed=1), data)
    assert np.isnan(found.adjusted_rand)
    assert found.replicates == 0


def test_relative_entropy_by_hand():
    even = np.full((5, 3), 1 / 3)
    assert relative_entropy(even) == pytest.approx(0)
    half = np.array([[0.9, 0.1]])
    expected = 1 + (0.9 * np.log(0.9) + 0.1 * np.log(0.1)) / np.log(2)
    assert relative_entropy(half) == pytest.approx(expected)
