"""How well sites could be placed in types, and what it would take to place them well enough."""

import numpy as np
import pytest

from site_typology.models.mixture import TypeModel, fit_types
from site_typology.models.temperature import tempered
from site_typology.models.working import exact_data
from site_typology.number_of_types import NumberRule
from site_typology.placing import (
    _refit,
    _true_first,
    expected_agreement,
    measured_better,
    relative_entropy,
)


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


# --- The number of types chosen anew -------------------------------------------------------------

THREE = TypeModel(np.array([0.4, 0.3, 0.3]), np.eye(3, 4) * 4, np.eye(4))


def of_three(n=24):
    """Sites near the means of three types, and which type each is of."""
    labels = np.repeat([0, 1, 2], n // 3)
    noise = np.random.default_rng(1).normal(size=(n, 4)) / 5
    return exact_data(THREE.means[labels] + noise), labels


def found_by(means):
    means = np.array(means, float)
    return TypeModel(np.full(len(means), 1 / len(means)), means, np.eye(4) / 10)


def test_a_type_that_was_missed_is_nowhere():
    data, labels = of_three()
    model = found_by([[2, 2, 0, 0], [0, 0, 4, 0]])
    found = _true_first(model, labels, 3, data, 4)
    right = tempered(found, 1.0).argmax(axis=1) == 0
    (lost,) = np.unique(labels[np.isneginf(found[:, 0])])
    assert lost in (0, 1)
    assert (right == (labels != lost)).all()
    sure = np.sort(tempered(found, 1.0), axis=1)[:, ::-1]
    np.testing.assert_allclose(sure[:, :2], np.sort(model.memberships(data), axis=1)[:, ::-1])
    assert (sure[:, 2:] == 0).all()


def test_of_a_type_found_in_two_parts_one_is_right():
    data, labels = of_three()
    model = found_by([[4, 0, 0, 0], [0, 4, 0, 0], [0, 0, 4, 0.3], [0, 0, 4, -0.3]])
    found = _true_first(model, labels, 3, data, 5)
    right = tempered(found, 1.0).argmax(axis=1) == 0
    parts = np.bincount(model.memberships(data).argmax(axis=1)[labels == 2], minlength=4)[2:]
    assert 0 < parts.min() < parts.max()
    assert right[labels < 2].all()
    assert right[labels == 2].sum() == parts.max()
    assert np.isfinite(found).sum(axis=1).tolist() == [4] * 24


def test_a_type_missed_makes_sites_less_sure_and_leaves_the_agreement():
    data = sites(30, 8)
    two = NumberRule((2,), np.zeros(1), np.ones(1), 99, 3)
    told, anew = (
        expected_agreement(THREE, data, rule=rule, replicates=20, seed=3) for rule in (None, two)
    )
    assert told.adjusted_rand == anew.adjusted_rand
    assert told.expected_relative_entropy == anew.expected_relative_entropy
    assert anew.temperature > 2 * told.temperature


def test_sites_are_as_sure_as_they_are_right_where_the_number_is_chosen_too():
    """New simulated studies, not those that the temperature was learnt from."""
    data = sites(30, 9)
    rule = NumberRule((2, 3, 4), np.array([-10.0, 6.0, 14.0]), np.full(3, 3.0), 99, 3)
    temperature = expected_agreement(THREE, data, rule=rule, replicates=60, seed=1).temperature
    streams = np.random.SeedSequence(2).spawn(60)
    others = [one for s in streams if len(one := _refit(THREE, data, rule, s)[1])]
    assert len({int(np.isfinite(one).any(axis=0).sum()) for one in others}) > 1
    right = np.array([(one.argmax(axis=1) == 0).mean() for one in others])
    sure = np.array([tempered(one, temperature).max(axis=1).mean() for one in others])
    error = np.std(sure - right, ddof=1) / np.sqrt(len(right))
    assert abs((sure - right).mean()) < 3 * np.sqrt(2) * error


def test_studies_with_a_type_too_small_to_be_found_say_nothing_of_confidence():
    data = sites(30, 9)
    streams = np.random.SeedSequence(2).spawn(20)
    for least, told in ((1, 20), (31, 0)):
        rule = NumberRule((2, 3), np.zeros(2), np.ones(2), 99, least)
        assert sum(len(_refit(THREE, data, rule, one)[1]) > 0 for one in streams) == told
