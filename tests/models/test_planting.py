"""Types planted into a population."""

import numpy as np
import pytest

from site_typology.models.planting import PlantedTypes, type_sizes
from site_typology.models.plausible import Population


@pytest.fixture
def population():
    rng = np.random.default_rng(1)
    root = rng.normal(size=(5, 5))
    return Population(np.arange(5.0), root @ root.T + np.eye(5))


@pytest.mark.parametrize("k", [2, 3, 4])
def test_distances_are_equal_and_types_spread_as_the_population(population, k):
    planted = PlantedTypes.draw(population, k, 6.0, np.random.default_rng(2))
    white = np.linalg.solve(planted.root, planted.means.T).T
    gaps = [np.linalg.norm(white[a] - white[b]) for a in range(k) for b in range(a)]
    np.testing.assert_allclose(gaps, 6.0)
    np.testing.assert_allclose(planted.root @ planted.root.T, population.covariance)
    np.testing.assert_allclose(planted.weights @ planted.means, population.mean, atol=1e-9)


def test_no_separation_is_the_population(population):
    planted = PlantedTypes.draw(population, 3, 0.0, np.random.default_rng(3))
    np.testing.assert_allclose(planted.means, np.tile(population.mean, (3, 1)))


def test_every_site_has_a_type_of_the_planned_size(population):
    planted = PlantedTypes.draw(population, 3, 6.0, np.random.default_rng(4))
    truth, labels = planted.simulate(25, np.random.default_rng(5))
    assert truth.shape == (25, 5)
    assert np.bincount(labels).tolist() == [12, 8, 5]
    assert type_sizes(2).round(2).tolist() == [0.61, 0.39]


def test_too_many_types_are_refused(population):
    with pytest.raises(ValueError, match="at most 6 types"):
        PlantedTypes.draw(population, 7, 6.0, np.random.default_rng(6))
