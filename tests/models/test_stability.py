"""Readings of replicates: co-membership by hand, laws of instability, prediction strength."""

from __future__ import annotations

import numpy as np
import pytest

from site_typology.models.resampling import adjusted_rand
from site_typology.models.stability import (
    comembership,
    instability,
    prediction_strength,
)


def test_comembership_counts_pairs_drawn_together_and_no_others():
    labels = np.array([[1, 1, 2, -1], [2, 2, 2, 0], [-1, 1, 1, 1], [1, 2, 1, 0]])
    found = comembership(labels)
    assert found.both.tolist() == [[3, 3, 3, 2], [3, 4, 4, 3], [3, 4, 4, 3], [2, 3, 3, 3]]
    assert found.together[0].tolist() == [3, 2, 2, 0]
    assert found.share[0, 1] == pytest.approx(2 / 3)
    assert found.share[2, 3] == pytest.approx(1 / 3)
    assert np.diag(found.share).tolist() == [1.0] * 4, "a site is with itself, typed or not"


def test_pairs_never_drawn_together_have_no_share():
    assert np.isnan(comembership(np.array([[1, -1], [-1, 1]])).share[0, 1])


def test_comembership_does_not_depend_on_numbers_of_types():
    random = np.random.default_rng(1)
    labels = random.integers(1, 4, size=(20, 9))
    swapped = np.array([0, 3, 1, 2])[labels]
    np.testing.assert_array_equal(comembership(labels).share, comembership(swapped).share)


def test_instability_is_the_mean_of_one_less_the_adjusted_rand_index():
    random = np.random.default_rng(2)
    labels = random.integers(0, 4, size=(6, 20))
    labels[random.random(labels.shape) < 0.3] = -1
    draw = np.array([0, 1, 2, 0, 1, 2])
    expected: dict[bool, list[float]] = {True: [], False: []}
    for i in range(6):
        for j in range(i):
            both = (labels[i] >= 0) & (labels[j] >= 0)
            index = adjusted_rand(labels[i, both], labels[j, both])
            expected[bool(draw[i] == draw[j])].append(1 - index)
    found = instability(labels, draw)
    assert found.within == pytest.approx(np.mean(expected[True]))
    assert found.between == pytest.approx(np.mean(expected[False]))


def test_instability_of_equal_replicates_is_none_and_of_single_draws_unknown():
    labels = np.tile([1, 1, 2, 2, 3, 3], (4, 1))
    assert instability(labels, np.array([0, 0, 1, 1])).between == 0.0
    assert np.isnan(instability(labels, np.arange(4)).within)


def test_prediction_strength_worked_by_hand():
    # The second half's types {a, b, c} and {d, e}; the first half foretells a, b | c and d, e.
    own, foretold = np.array([1, 1, 1, 2, 2]), np.array([1, 1, 2, 2, 2])
    found = prediction_strength(10, lambda learn, test, at: (own, foretold), 1, seed=0)
    assert found == pytest.approx(1 / 3)


def test_halves_are_apart_and_cover_the_sites():
    seen = []

    def fit(learn, test, at):
        seen.append(at)
        assert not set(learn) & set(test)
        assert sorted([*learn, *test]) == list(range(11))
        return np.ones(len(test), dtype=int), np.ones(len(test), dtype=int)

    assert prediction_strength(11, fit, 4, seed=1) == 1.0
    assert seen == list(range(8))


def test_types_of_one_site_say_nothing():
    labels = np.arange(1, 4)
    assert np.isnan(prediction_strength(6, lambda *_: (labels, labels), 1, seed=0))
