"""The catalogue of clusterers: one contract for all, known types found, noise with its reason."""

from __future__ import annotations

import numpy as np
import pytest

from site_typology.models.clusterers import CLUSTERERS, NO_TYPE, View
from site_typology.models.distance import NaturalProfiles
from site_typology.models.resampling import adjusted_rand
from site_typology.models.working import exact_data

EVERY = pytest.mark.parametrize("clusterer", CLUSTERERS.values(), ids=CLUSTERERS)


def view_of(points: np.ndarray) -> View:
    return View(points, exact_data(points))


def blobs(apart: float = 8.0, n: int = 30, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = np.repeat([1, 2, 3], n // 3)
    centres = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]]) * apart
    return centres[truth - 1] + random.normal(size=(n, 3)), truth


@EVERY
def test_types_far_apart_are_found(clusterer):
    points, truth = blobs(apart=15.0)
    labels = clusterer.fit(view_of(points), 3, seed=4).labels
    assert adjusted_rand(labels, truth) == 1.0


@EVERY
def test_labels_count_from_one_and_zero_has_a_reason(clusterer):
    points, _ = blobs(apart=3.0)
    found = clusterer.fit(view_of(points), 3, seed=4)
    assert found.labels.shape == (30,)
    assert set(found.labels) - {NO_TYPE} == set(range(1, found.n_types + 1))
    assert bool(found.reason) == (NO_TYPE in found.labels)


@EVERY
@pytest.mark.parametrize("k", [2, 3, 4])
def test_as_many_types_as_asked_for_and_no_site_is_dropped(clusterer, k):
    points, _ = blobs(apart=4.0)
    found = clusterer.fit(view_of(points), k, seed=1)
    assert len(found.labels) == len(points)
    if not clusterer.chooses_k:
        assert found.n_types == k
        assert (found.labels != NO_TYPE).all()


@EVERY
def test_same_seed_same_labels(clusterer):
    points, _ = blobs(apart=2.0)
    first, second = (clusterer.fit(view_of(points), 3, seed=9).labels for _ in range(2))
    assert first.tolist() == second.tolist()


@EVERY
def test_order_of_sites_does_not_matter(clusterer):
    points, _ = blobs(apart=6.0)
    order = np.random.default_rng(0).permutation(len(points))
    straight = clusterer.fit(view_of(points), 3, seed=2).labels
    shuffled = clusterer.fit(view_of(points[order]), 3, seed=2).labels
    assert adjusted_rand(shuffled, straight[order]) > 0.95


@EVERY
def test_shifting_every_site_does_not_matter(clusterer):
    points, _ = blobs(apart=6.0)
    moved = clusterer.fit(view_of(points + 100.0), 3, seed=2).labels
    assert adjusted_rand(clusterer.fit(view_of(points), 3, seed=2).labels, moved) > 0.95


@EVERY
def test_the_registry_names_its_members(clusterer):
    assert CLUSTERERS[clusterer.name] is clusterer
    assert clusterer.title


def test_ward_agrees_with_a_hierarchy_worked_by_hand():
    # Rise of the sum of squares: 0 with 1, 0.5; 10 with 11.2, 0.72; 4 with {0, 1}, 2/3 of 3.5
    # squared = 8.2; 4 with {10, 11.2}, 2/3 of 6.6 squared = 29.0.
    points = np.array([[0.0], [1.0], [4.0], [10.0], [11.2]])
    labels = CLUSTERERS["ward"].fit(view_of(points), 2, seed=0).labels
    assert adjusted_rand(labels, np.array([1, 1, 1, 2, 2])) == 1.0
    three = CLUSTERERS["ward"].fit(view_of(points), 3, seed=0).labels
    assert adjusted_rand(three, np.array([1, 1, 2, 3, 3])) == 1.0


def test_hdbscan_leaves_a_lonely_site_without_a_type_and_says_why():
    points, _ = blobs(apart=12.0)
    lonely = np.vstack([points, [[60.0, 60.0, 60.0]]])
    found = CLUSTERERS["hdbscan"].fit(view_of(lonely), 0, seed=0)
    assert found.labels[-1] == NO_TYPE
    assert "noise" in found.reason


def test_hdbscan_with_hardly_any_sites_gives_no_type():
    found = CLUSTERERS["hdbscan"].fit(view_of(np.zeros((3, 2))), 0, seed=0)
    assert found.labels.tolist() == [NO_TYPE] * 3


@pytest.mark.parametrize("name", ["kmeans", "gmm", "kmedoids", "spectral"])
def test_no_more_types_than_distinct_sites(name):
    points = np.repeat([[0.0, 0.0], [5.0, 5.0]], 5, axis=0)
    assert CLUSTERERS[name].fit(view_of(points), 4, seed=0).n_types == 2


@EVERY
def test_no_more_types_than_sites(clusterer):
    points = np.random.default_rng(1).normal(size=(2, 3))
    assert clusterer.fit(view_of(points), 3, seed=0).n_types in (0, 2)


@pytest.mark.parametrize("k", [2, 3, 4])
def test_spectral_cuts_as_scikit_learn_does(k):
    from sklearn.cluster import SpectralClustering

    spectral = CLUSTERERS["spectral"]
    for seed in range(10):
        points, _ = blobs(apart=3.0, n=30 if seed < 8 else 240, seed=seed)
        theirs = SpectralClustering(k, affinity="precomputed", assign_labels="cluster_qr")
        expected = theirs.fit_predict(spectral.affinity(points)) + 1
        found = spectral.fit(view_of(points), k, seed=0).labels
        assert adjusted_rand(found, expected.astype(np.int64)) == 1.0


def test_spectral_of_sites_all_alike_is_one_type():
    assert CLUSTERERS["spectral"].fit(view_of(np.zeros((5, 2))), 3, 0).labels.tolist() == [1] * 5


def test_spectral_follows_rings_that_no_centre_tells_apart():
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    ring = np.column_stack([np.cos(angle), np.sin(angle)])
    points, truth = np.vstack([ring, 5 * ring]), np.repeat([1, 2], 40)
    assert adjusted_rand(CLUSTERERS["spectral"].fit(view_of(points), 2, 0).labels, truth) == 1.0
    assert adjusted_rand(CLUSTERERS["kmeans"].fit(view_of(points), 2, 0).labels, truth) < 0.2


def test_stepmix_tells_types_apart_by_a_category_alone():
    random = np.random.default_rng(5)
    points, lead = random.normal(size=(60, 2)), np.repeat([0, 1], 30)
    codes = np.column_stack([lead, lead, lead])
    codes[::9, 0] = -1
    plain = NaturalProfiles.of_numbers(points)
    natural = NaturalProfiles(plain.scaled, plain.feature, codes)
    found = CLUSTERERS["stepmix"].fit(View(points, exact_data(points), natural), 2, seed=1)
    assert adjusted_rand(found.labels, lead + 1) == 1.0


def test_stepmix_with_four_types_in_three_clouds_does_not_collapse():
    for seed in range(5):
        points, truth = blobs(apart=6.0, seed=seed)
        found = CLUSTERERS["stepmix"].fit(view_of(points), 4, seed)
        assert found.n_types == 4
        assert adjusted_rand(found.labels, truth) > 0.7


def test_stepmix_of_copies_of_two_sites_is_two_types():
    points = np.repeat([[0.0, 0.0], [5.0, 5.0]], 5, axis=0)
    assert CLUSTERERS["stepmix"].fit(view_of(points), 4, seed=0).n_types == 2


@pytest.mark.parametrize("name", ["mixture", "kmedoids", "stepmix"])
def test_some_read_the_measured_profiles_with_their_gaps(name):
    points, truth = blobs(apart=15.0)
    gappy = points.copy()
    gappy[::7, 2] = np.nan
    found = CLUSTERERS[name].fit(View(np.zeros_like(points), exact_data(gappy)), 3, seed=1)
    assert adjusted_rand(found.labels, truth) == 1.0
