"""How well sites could be placed in types, and what it would take to place them well enough."""

import numpy as np
import pytest

from site_typology.models.mixture import TypeModel, fit_types
from site_typology.models.working import exact_data
from site_typology.placing import expected_agreement, measured_better, relative_entropy


def sites(n, seed, error=0.3, q=4):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, q)) * np.sqrt(1 + error)
    return exact_data(values, np.full((n, 1, 1), error) * np.eye(q))


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


APART = TypeModel(np.array([0.6, 0.4]), np.eye(2, 4) * 6.0, np.eye(4))


def test_more_information_places_sites_better_up_to_what_is_asked_for():
    vague = sites(40, 7, error=8.0)
    given = {"replicates": 30, "seed": 3}
    found = measured_better(APART, vague, 0.99, **given)
    assert [times for times, _ in found] == [2.0, 4.0, 8.0]
    now = expected_agreement(APART, vague, **given).adjusted_rand
    agreements = [now, *(agreement for _, agreement in found)]
    assert agreements == sorted(agreements)
    assert agreements[-1] > now + 0.2
    # It is the agreement with the errors divided, and it ends where that is enough.
    halved = expected_agreement(APART, vague.scaled(0.5), **given).adjusted_rand
    assert found[0] == (2.0, halved)
    assert measured_better(APART, vague, halved, **given) == found[:1]


def test_more_information_is_not_tried_where_every_value_is_exact():
    assert measured_better(APART, exact_data(sites(40, 8).values), 2.0, replicates=5) == ()
