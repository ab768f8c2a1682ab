"""k-medoids: never dearer than any choice of medoids on small cases."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from site_typology.models.clusterers import CLUSTERERS, View
from site_typology.models.distance import NaturalProfiles, gower
from site_typology.models.medoids import build, swap
from site_typology.models.working import exact_data


def cost(distances: np.ndarray, labels: np.ndarray) -> float:
    """Sum of distances to the best medoid of each type."""
    types = [labels == label for label in np.unique(labels)]
    return sum(distances[np.ix_(own, own)].sum(axis=1).min() for own in types)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_no_choice_of_medoids_is_cheaper(k):
    for seed in range(25):
        values = np.random.default_rng(seed).normal(size=(11, 3))
        values[0, 1] = np.nan
        distances = gower(NaturalProfiles.of_numbers(values))
        least = min(
            distances[list(medoids)].min(axis=0).sum() for medoids in combinations(range(11), k)
        )
        view = View(np.nan_to_num(values), exact_data(values))
        labels = CLUSTERERS["kmedoids"].fit(view, k, seed).labels
        assert cost(distances, labels) == pytest.approx(least), seed


def test_no_single_swap_lowers_the_cost_further():
    points = np.random.default_rng(3).normal(size=(40, 2))
    distances = gower(NaturalProfiles.of_numbers(points))
    medoids, labels = build(distances, 4), np.zeros(40, dtype=np.int64)
    before = distances[medoids].min(axis=0).sum()
    after = swap(distances, medoids, labels)
    assert after <= before
    assert after == pytest.approx(distances[medoids].min(axis=0).sum())
    for at in range(4):
        for site in range(40):
            tried = medoids.copy()
            tried[at] = site
            assert distances[tried].min(axis=0).sum() >= after - 1e-9


def test_the_distance_is_that_of_natural_profiles_when_they_are_given():
    random = np.random.default_rng(1)
    values = random.normal(size=(20, 2))
    lead = np.arange(20) % 2
    halves = np.where(lead[:, None] == [0, 1], 0.5, 0.0)
    natural = NaturalProfiles(
        np.column_stack([values * 1e-3, halves]), np.array([0, 1, 2, 2]), lead[:, None]
    )
    found = CLUSTERERS["kmedoids"].fit(View(values, exact_data(values), natural), 2, 0).labels
    assert len(set(found[lead == 0])) == len(set(found[lead == 1])) == 1
    assert found[0] != found[1]
