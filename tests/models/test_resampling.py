"""Consensus and stability: published definitions, label laws, known truth."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from site_typology.models.clusterers import CLUSTERERS, Partition, View
from site_typology.models.reducers import SPACES
from site_typology.models.resampling import (
    SHIFTING,
    adjusted_rand,
    align_labels,
    bootstrap_stability,
    consensus,
    draws_consensus,
    nearest_jaccard,
)
from site_typology.models.stability import silhouette
from site_typology.models.working import exact_data


def test_adjusted_rand_of_a_published_table():
    # Hubert and Arabie (1985), formula worked by hand: rows 2,1,0 / 0,1,2 over six sites.
    # Index 2, expected 6 * 3 / 15 = 1.2, maximum (6 + 3) / 2 = 4.5.
    first = np.array([1, 1, 1, 2, 2, 2])
    second = np.array([1, 1, 2, 2, 3, 3])
    assert adjusted_rand(first, second) == pytest.approx((2 - 1.2) / (4.5 - 1.2))


def test_leaving_sites_out_is_no_way_to_agree():
    truth = np.repeat([1, 2], 10)
    few = np.where(np.arange(20) % 10 < 2, truth, 0)
    assert adjusted_rand(few, truth) < 0.3


def test_alignment_is_the_best_of_all_renumberings():
    random = np.random.default_rng(5)
    for _ in range(20):
        reference, labels = random.integers(1, 5, size=(2, 15))
        aligned = align_labels(labels, reference)
        best = max(
            (np.array([0, *order])[labels] == reference).sum()
            for order in itertools.permutations(range(1, 5))
        )
        assert (aligned == reference).sum() == best
        assert adjusted_rand(aligned, labels) == 1.0


def test_alignment_leaves_sites_without_a_type_alone():
    assert align_labels(np.array([0, 2, 1]), np.array([1, 1, 2])).tolist() == [0, 1, 2]


def test_jaccard_against_sets():
    random = np.random.default_rng(2)
    reference, labels = random.integers(0, 4, size=(2, 20))
    expected = []
    for kind in (1, 2, 3):
        members = set(np.flatnonzero(reference == kind))
        others = [set(np.flatnonzero(labels == other)) for other in (1, 2, 3)]
        expected.append(max(len(members & other) / len(members | other) for other in others))
    np.testing.assert_allclose(nearest_jaccard(reference, labels, 3), expected)


def test_jaccard_of_a_type_that_was_not_drawn_is_unknown():
    assert np.isnan(nearest_jaccard(np.array([1, 1]), np.array([1, 2]), 2)[1])


def test_jaccard_is_nothing_where_no_type_was_found():
    assert nearest_jaccard(np.array([1, 2]), np.array([0, 0]), 2).tolist() == [0.0, 0.0]


def test_consensus_follows_the_majority_whatever_the_numbers():
    truth = np.array([1, 1, 1, 2, 2, 2])
    partitions = [Partition(truth), Partition(3 - truth), Partition(np.array([1, 1, 2, 2, 2, 2]))]
    for anchor in partitions:
        assert adjusted_rand(consensus(partitions, anchor).labels, truth) == 1.0


def test_consensus_leaves_a_site_out_when_most_draws_do():
    noisy = Partition(np.array([1, 1, 0, 2, 2]), "noise: lonely")
    whole = Partition(np.array([1, 1, 1, 2, 2]))
    found = consensus([noisy, noisy, whole], whole)
    assert found.labels.tolist() == [1, 1, 0, 2, 2]
    assert found.reasons.tolist() == ["", "", "noise: lonely", "", ""]


def test_a_site_that_is_never_noise_is_not_called_noise():
    noisy = Partition(np.array([1, 1, 0, 2, 2, 3]), "noise: lonely")
    whole = Partition(np.array([1, 1, 1, 2, 2, 2]))
    found = consensus([noisy, noisy, whole], whole)
    assert found.labels.tolist() == [1, 1, 0, 2, 2, 0]
    assert found.reasons.tolist()[2::3] == ["noise: lonely", SHIFTING]


def test_one_site_drawn_again_and_again_is_one_type():
    def fit(drawn, at):
        assert len(drawn) > 1, "no clusterer is asked about one site"
        return Partition(np.arange(len(drawn)) + 1)

    truth = np.array([1, 2])
    stability = bootstrap_stability(fit, truth, 40, seed=1)
    alone = np.isnan(stability.jaccard).any(axis=1)
    assert 5 < alone.sum() < 35 and (stability.jaccard[~alone] == 1.0).all()
    assert (np.nanmax(stability.jaccard[alone], axis=1) == 1.0).all()


def test_stability_of_certain_types_is_one_and_every_replicate_is_kept():
    truth = np.repeat([1, 2], 10)
    stability = bootstrap_stability(lambda drawn, at: Partition(truth[drawn]), truth, 30, seed=1)
    assert stability.jaccard.shape == (30, 2)
    assert stability.kept.shape == (30, 20)
    assert stability.per_type.tolist() == [1.0, 1.0]
    assert stability.per_site.tolist() == [1.0] * 20
    # A bootstrap draw holds a site with probability 1 - (1 - 1/n)^n.
    drawn = (~np.isnan(stability.kept)).mean()
    assert drawn == pytest.approx(1 - (1 - 1 / 20) ** 20, abs=0.05)


def test_stability_tells_the_unsure_site_from_the_sure():
    truth = np.repeat([1, 2], 10)

    def fit(drawn, at):
        labels = truth[drawn].copy()
        labels[drawn == 0] = 2
        return Partition(labels)

    stability = bootstrap_stability(fit, truth, 30, seed=1)
    assert stability.per_site[0] == 0.0
    assert stability.per_site[1:].min() == 1.0
    assert 0.85 < stability.per_type.min() < 1.0


def test_types_of_one_cloud_are_less_stable_than_types_apart():
    random = np.random.default_rng(3)
    cloud = random.normal(size=(40, 4))
    apart = cloud + np.where(np.arange(40) < 20, 10.0, 0.0)[:, None]
    space = SPACES["features"](np.zeros(4), np.eye(4), list("abcd"))
    figures = []
    for points in (cloud, apart):
        data, clusterer = exact_data(points), CLUSTERERS["kmeans"]
        found = draws_consensus(clusterer, 2, space, data, points, points[None], seed=1)

        def fit(drawn, at, points=points, clusterer=clusterer):
            return clusterer.fit(View(points[drawn], exact_data(points[drawn])), 2, at)

        figures.append(bootstrap_stability(fit, found.labels, 20, seed=1).per_type.min())
    assert figures[1] == 1.0
    assert figures[0] < 0.8


def test_plausible_values_that_disagree_move_sites():
    means = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [2.7]])
    draws = np.repeat(means[None], 5, axis=0)
    draws[:4, 5] = 0.1
    space = SPACES["features"](np.zeros(1), np.eye(1), ["a"])
    data = exact_data(means)
    assert CLUSTERERS["ward"].fit(View(means, data), 2, 0).labels[5] != 0
    found = draws_consensus(CLUSTERERS["ward"], 2, space, data, means, draws, seed=0)
    assert adjusted_rand(found.labels, np.array([1, 1, 1, 2, 2, 1])) == 1.0


def test_silhouette_worked_by_hand():
    points = np.array([[0.0], [1.0], [10.0], [11.0]])
    expected = np.mean([1 - 1 / 10.5, 1 - 1 / 9.5, 1 - 1 / 9.5, 1 - 1 / 10.5])
    assert silhouette(points, np.array([1, 1, 2, 2])) == pytest.approx(expected)
    assert np.isnan(silhouette(points, np.array([1, 1, 1, 0])))
