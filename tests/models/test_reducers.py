"""Spaces: comparable coordinates, components of the true profiles."""

from __future__ import annotations

import numpy as np
import pytest

from site_typology.models.reducers import SPACES

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
