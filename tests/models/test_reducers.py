"""Spaces: comparable coordinates, components of the true profiles."""

from __future__ import annotations

import numpy as np
import pytest

from site_typology.models.reducers import SPACES, Categories, family_spaces

COVARIANCE = np.array([[4.0, 1.2, 0.0], [1.2, 1.0, 0.1], [0.0, 0.1, 9.0]])
MEAN = np.array([1.0, -2.0, 5.0])
NAMES = ["a", "b", "c"]


@pytest.mark.parametrize("make", SPACES.values(), ids=SPACES)
def test_units_of_a_column_do_not_matter(make):
    units = np.array([1000.0, 0.01, 1.0])
    points = np.random.default_rng(0).normal(size=(5, 3))
    plain = make(MEAN, COVARIANCE, NAMES).transform(points)
    scaled = make(MEAN * units, COVARIANCE * np.outer(units, units), NAMES)
    np.testing.assert_allclose(scaled.transform(points * units), plain, atol=1e-12)


@pytest.mark.parametrize("make", SPACES.values(), ids=SPACES)
def test_draws_and_single_sets_are_transformed_alike(make):
    space = make(MEAN, COVARIANCE, NAMES)
    draws = np.random.default_rng(0).normal(size=(4, 5, 3))
    np.testing.assert_allclose(space.transform(draws)[2], space.transform(draws[2]))
    assert space.transform(draws).shape == (4, 5, len(space.coordinates))


def test_features_have_unit_variance():
    space = SPACES["features"](MEAN, COVARIANCE, NAMES)
    covariance = space.loadings.T @ COVARIANCE @ space.loadings
    np.testing.assert_allclose(np.diag(covariance), 1.0)
    assert space.coordinates == ("a", "b", "c")


def test_components_are_those_of_the_correlation_matrix():
    space = SPACES["pca"](MEAN, COVARIANCE, NAMES)
    spread = np.sqrt(np.diag(COVARIANCE))
    values = np.sort(np.linalg.eigvalsh(COVARIANCE / np.outer(spread, spread)))[::-1]
    covariance = space.loadings.T @ COVARIANCE @ space.loadings
    np.testing.assert_allclose(covariance, np.diag(values[:2]), atol=1e-12)
    np.testing.assert_allclose(space.variance, values[:2] / 3)


def test_two_components_at_least_and_no_more_than_columns():
    nearly_one = np.full((4, 4), 0.99) + 0.01 * np.eye(4)
    assert len(SPACES["pca"](np.zeros(4), nearly_one, list("abcd")).coordinates) == 2
    assert len(SPACES["pca"](np.zeros(5), np.eye(5), list("abcde")).coordinates) == 4


def mixed(n: int = 200, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Two features and two categories, the first of which goes with the first feature."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(n, 2))
    first = (values[:, 0] + random.normal(size=n) > 0).astype(int)
    return values, np.column_stack([first, random.integers(0, 3, n)])


def test_famd_is_the_singular_value_decomposition_of_scaled_columns():
    values, codes = mixed()
    mean, covariance = values.mean(axis=0), np.cov(values.T, ddof=0)
    space = SPACES["famd"](mean, covariance, ["a", "b"], Categories(codes, values))
    # Pages (2004): standardised features beside indicators over the root of their share, centred.
    columns = [(values[:, at] - mean[at]) / values[:, at].std() for at in range(2)]
    for category in codes.T:
        for value in np.unique(category):
            inside = category == value
            columns.append((inside - inside.mean()) / np.sqrt(inside.mean()))
    left, size, _ = np.linalg.svd(np.column_stack(columns), full_matrices=False)
    kept = len(space.coordinates)
    expected = (left * size)[:, :kept]
    found = space.transform(values)
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-8)
    np.testing.assert_allclose(space.variance, (size**2 / (size**2).sum())[:kept])
    assert space.transform(np.stack([values, values])).shape == (2, 200, kept)


def test_famd_without_categories_is_pca():
    famd, pca = (SPACES[name](MEAN, COVARIANCE, NAMES) for name in ("famd", "pca"))
    np.testing.assert_array_equal(famd.loadings, pca.loadings)
    assert famd.offset is None


def test_a_gap_in_a_category_lies_at_the_mean_of_all_sites():
    values, codes = mixed()
    codes[:5] = -1
    space = SPACES["famd"](np.zeros(2), np.eye(2), ["a", "b"], Categories(codes, values))
    np.testing.assert_allclose(space.offset[:5], 0.0)
    np.testing.assert_allclose(space.offset[5:].mean(axis=0), 0.0, atol=1e-12)


def test_family_spaces_part_the_columns_of_all_features():
    whole = SPACES["features"](MEAN, COVARIANCE, NAMES)
    families = ["who"] + ["how"] * (len(NAMES) - 1)
    spaces = family_spaces(MEAN, COVARIANCE, NAMES, families)
    assert list(spaces) == ["family:how", "family:who"]
    points = np.random.default_rng(0).normal(size=(7, len(NAMES)))
    parts = [spaces["family:who"].transform(points), spaces["family:how"].transform(points)]
    np.testing.assert_allclose(np.column_stack(parts), whole.transform(points))
