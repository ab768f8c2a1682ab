"""k-means and its stability over bootstraps: the compiled loop against one fit at a time."""

import numpy as np
import pytest

from site_typology.models.clusterers import CLUSTERERS, View
from site_typology.models.kmeans import (
    PIECE,
    exchange,
    kmeans,
    kmeans_of_resamples,
    nearest_centres,
    picked,
    seed_centres,
    settled_kmeans,
    squares_from_each,
)
from site_typology.models.resampling import (
    align_labels,
    bootstrap_stability,
    kmeans_stability,
    nearest_jaccard,
)
from site_typology.models.stability import NOT_DRAWN
from site_typology.models.working import exact_data


def inertia(points: np.ndarray, labels: np.ndarray) -> float:
    groups = [points[labels == label] for label in np.unique(labels)]
    return sum(float(((own - own.mean(axis=0)) ** 2).sum()) for own in groups)


def spread_out(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 3))


@pytest.mark.parametrize("n", [30, 31, 400])
def test_every_site_ends_nearest_to_the_mean_of_its_own_group(n):
    for seed in range(10):
        points = spread_out(n, seed)
        labels = kmeans(points, 4, np.random.default_rng(seed).random((3, 4)), 300, 3)
        means = np.stack([points[labels == label].mean(axis=0) for label in range(4)])
        squares = ((points[:, None] - means) ** 2).sum(axis=2)
        # Distances in single precision may differ from these in the seventh digit.
        own = squares[np.arange(n), labels]
        assert (own <= squares.min(axis=1) + 1e-5).all(), seed


@pytest.mark.parametrize("features", [1, 3, 4, 5, 8, 15])
@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 6, 7])
def test_squares_and_nearest_centres_of_any_number_of_features_and_centres(k, features):
    rng = np.random.default_rng(k)
    sites, centres = (rng.normal(size=(rows, features)).astype(np.float32) for rows in (37, k))
    expected = ((sites[None].astype(float) - centres[:, None]) ** 2).sum(axis=2)
    across, squares = np.ascontiguousarray(sites.T), np.empty((k, 37), dtype=np.float32)
    squares_from_each(across, centres, squares)
    np.testing.assert_allclose(squares, expected, rtol=1e-5)
    chosen = np.full(37, -1, dtype=np.int32)
    nearest_centres(across, centres, chosen, squares)
    np.testing.assert_array_equal(chosen, expected.argmin(axis=0))
    np.testing.assert_allclose(squares[0], expected.min(axis=0), rtol=1e-5)


def test_the_run_with_the_least_inertia_is_kept():
    for seed in range(10):
        points, uniforms = spread_out(60, seed), np.random.default_rng(seed).random((6, 4))
        singly = [inertia(points, kmeans(points, 4, own[None], 300, 1)) for own in uniforms]
        best = inertia(points, kmeans(points, 4, uniforms, 300, 1))
        assert best == pytest.approx(min(singly))
        assert min(singly) < max(singly)


def test_of_the_sites_tried_for_a_centre_the_one_with_the_least_inertia_is_kept():
    kept = set()
    for seed in range(10):
        points = spread_out(PIECE, seed)
        uniforms = np.random.default_rng(seed).random(2)
        centres, nearest = np.empty((2, 3), np.float32), np.empty(PIECE, np.float32)
        squares = np.empty((3, PIECE), np.float32)
        across = np.ascontiguousarray(points.T.astype(np.float32))
        seed_centres(points, across, centres, nearest, squares, np.empty(1), uniforms)
        first = ((points - centres[0]) ** 2).sum(axis=1)
        reached = np.cumsum(first)
        goals = (uniforms[1] + np.arange(3) / 3) % 1.0 * reached[-1]
        tried = points[np.searchsorted(reached, goals, side="right")]
        least = np.minimum(first, ((points[None] - tried[:, None]) ** 2).sum(axis=2))
        best = int(least.sum(axis=1).argmin())
        np.testing.assert_allclose(centres[1], tried[best], rtol=1e-6)
        np.testing.assert_allclose(nearest, least[best], rtol=1e-4, atol=1e-6)
        kept.add(best)
    assert kept == {0, 1, 2}


def test_points_far_from_zero_are_told_apart():
    for seed in range(10):
        points, uniforms = spread_out(60, seed), np.random.default_rng(seed).random((3, 3))
        near, far = (kmeans(points + shift, 3, uniforms, 300, 3) for shift in (0.0, 1e6))
        np.testing.assert_array_equal(near, far)


@pytest.mark.parametrize("n", [1, PIECE, PIECE + 1, 5 * PIECE - 1])
def test_a_site_is_picked_where_the_sum_of_weights_passes_the_goal(n):
    rng = np.random.default_rng(n)
    weights = rng.integers(0, 4, size=n).astype(np.float32)
    starts = np.arange(0, n, PIECE)
    pieces = np.add.reduceat(weights.astype(float), starts)
    cumulative = np.cumsum(weights.astype(float))
    for goal in rng.random(50) * cumulative[-1]:
        first = int(np.searchsorted(cumulative, goal, side="right"))
        assert picked(weights, pieces, goal) == min(first, n - 1)
    assert picked(weights, pieces, cumulative[-1] + 1) == n - 1


def test_no_single_exchange_lowers_the_inertia_further():
    for seed in range(20):
        points = spread_out(30, seed)
        labels = settled_kmeans(points, 3, np.random.default_rng(seed).random((2, 3)), 100, 3)
        least = inertia(points, labels)
        for site in range(30):
            for label in range(3):
                other = labels.copy()
                other[site] = label
                assert inertia(points, other) >= least - 1e-9, (seed, site)


def test_exchanges_never_raise_the_inertia_or_empty_a_group():
    for seed in range(20):
        points = spread_out(25, seed)
        labels = np.random.default_rng(seed).integers(4, size=25)
        before = inertia(points, labels)
        exchange(points, labels, 4)
        assert inertia(points, labels) <= before + 1e-9
        assert len(np.unique(labels)) == 4


@pytest.mark.parametrize("k", [2, 4])
def test_stability_reads_each_resample_as_one_at_a_time(k):
    points = np.stack([spread_out(40, 1), spread_out(40, 2)])
    reference = CLUSTERERS["kmeans"].fit(View(points[0], exact_data(points[0])), 3, 1).labels
    found = kmeans_stability(points, k, reference, 30, seed=5)
    for jaccard, kept, labels in zip(found.jaccard, found.kept, found.labels, strict=True):
        drawn = labels != NOT_DRAWN
        own, here = labels[drawn].astype(np.int64), reference[drawn]
        np.testing.assert_allclose(jaccard, nearest_jaccard(here, own, 3))
        shared = (align_labels(own, here) == here).sum()
        assert (own == here).sum() == shared, "numbers match the reference as well as they can"
        np.testing.assert_array_equal(kept[drawn], own == here)
        assert np.isnan(kept[~drawn]).all()
    assert 0.55 < np.mean(found.labels != NOT_DRAWN) < 0.7


def test_resamples_are_fitted_to_their_own_plausible_values():
    points = np.stack([spread_out(20, 1), spread_out(20, 2)])
    drawn = np.random.default_rng(3).random((4, 20)) < 0.7
    uniforms = np.random.default_rng(4).random((4, 5, 3))
    found = kmeans_of_resamples(points, 3, drawn, uniforms, 100, 3)
    for at in range(4):
        own = settled_kmeans(points[at % 2][drawn[at]], 3, uniforms[at], 100, 3)
        np.testing.assert_array_equal(found[at, drawn[at]], own + 1)
        assert (found[at, ~drawn[at]] == 0).all()


def test_it_agrees_with_the_stability_of_any_clusterer():
    rows = np.repeat([[0.0, 0.0], [3.0, 0.0]], [25, 15], axis=0) + spread_out(40, 6)[:, :2]
    clusterer, data = CLUSTERERS["kmeans"], exact_data(rows)
    reference = clusterer.fit(View(rows, data), 2, 1).labels
    general = bootstrap_stability(
        lambda drawn, at: clusterer.fit(View(rows[drawn], data), 2, at), reference, 400, 1
    )
    found = kmeans_stability(rows[None], 2, reference, 400, 1)
    # Standard errors of the means of 400 replicates are below .01.
    np.testing.assert_allclose(found.per_type, general.per_type, atol=0.03)
