"""Sums behind an answer, against games played out, brute-force integrals and the mixture itself."""

from __future__ import annotations

import itertools
from math import factorial

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import dblquad, quad
from scipy.stats import multivariate_normal, norm

from site_typology.models.information import entropy, expected_information
from site_typology.models.mixture import TypeModel
from site_typology.models.plausible import Population, posterior
from site_typology.models.site_terms import (
    SiteCells,
    distance_terms,
    log_odds_terms,
    true_profiles,
)
from site_typology.models.working import exact_data


@pytest.fixture(scope="module", params=[1.0, 2.5])
def model(request: pytest.FixtureRequest) -> TypeModel:
    random = np.random.default_rng(2)
    root = random.normal(size=(4, 4))
    means = random.normal(size=(3, 4)) * 2
    shares, covariance = np.array([0.5, 0.3, 0.2]), root @ root.T + np.eye(4)
    return TypeModel(shares, means, covariance, temperature=request.param)


@pytest.fixture(scope="module")
def site() -> SiteCells:
    random = np.random.default_rng(3)
    root = random.normal(size=(4, 4)) * 0.4
    errors = root @ root.T
    errors[2] = errors[:, 2] = 0.0
    values = random.normal(size=4)
    values[2] = np.nan
    return SiteCells(values, errors)


def shapley(worth, players: int) -> np.ndarray:
    """Shapley values of a game, from its definition."""
    found = np.zeros(players)
    for own in range(players):
        others = [other for other in range(players) if other != own]
        for size in range(players):
            weight = factorial(size) * factorial(players - size - 1) / factorial(players)
            for chosen in itertools.combinations(others, size):
                found[own] += weight * (worth({*chosen, own}) - worth(set(chosen)))
    return found


def data_of(site: SiteCells, values: np.ndarray):
    return exact_data(values[None, :], site.errors[None])


def log_odds(model: TypeModel, site: SiteCells, values: np.ndarray) -> float:
    chances = model.memberships(data_of(site, values))[0]
    return float(np.log(chances[1]) - np.log(chances[0]))


def test_terms_of_the_log_odds_are_shapley_values_with_the_mean_of_all_as_reference(model, site):
    centre = model.weights @ model.means

    def worth(known: set[int]) -> float:
        mixed = np.where([at in known for at in range(4)], site.values, centre)
        return log_odds(model, site, np.where(np.isnan(site.values), np.nan, mixed))

    terms = log_odds_terms(model, site, 1, 0)
    assert_allclose(terms.terms, shapley(worth, 4), atol=1e-9)
    assert_allclose(terms.total, log_odds(model, site, site.values), rtol=1e-10)
    assert terms.terms[2] == 0.0


def test_terms_of_the_distance_are_shapley_values_and_add_up_to_it(model, site):
    seen = site.seen
    precision = np.linalg.inv(site.covariance(model))
    off = (site.values - model.means[1])[seen]

    def worth(known: set[int]) -> float:
        kept = off * [at in known for at in range(len(seen))]
        return float(kept @ precision @ kept)

    terms = distance_terms(model, site, 1)
    assert_allclose(terms.terms[seen], shapley(worth, len(seen)), atol=1e-9)
    squared = model.distances(data_of(site, site.values))[0, 1]
    assert_allclose(terms.total, squared, rtol=1e-10)


def test_true_profiles_are_the_posteriors_of_one_population_for_each_type(model, site):
    means, covariance = true_profiles(model, site)
    for kind in range(3):
        population = Population(model.means[kind], model.covariance)
        expected, spread = posterior(population, data_of(site, site.values))
        assert_allclose(means[kind], expected[0], atol=1e-7)
        assert_allclose(covariance, spread[0], atol=1e-7)


def test_a_site_without_values_keeps_what_the_types_say(model):
    nothing = SiteCells(np.full(4, np.nan), np.zeros((4, 4)))
    means, covariance = true_profiles(model, nothing)
    assert_allclose(means, model.means)
    assert_allclose(covariance, model.covariance)
    terms = log_odds_terms(model, nothing, 0, 1)
    assert_allclose(terms.total, np.log(0.5 / 0.3) / model.temperature)


def test_expected_information_of_one_number_is_the_integral():
    chances, means, variance = np.array([0.2, 0.5, 0.3]), np.array([0.0, 1.5, 4.0]), 1.7

    def after(value: float) -> np.ndarray:
        weights = chances * norm.pdf(value, means, np.sqrt(variance))
        return weights / weights.sum()

    def density(value: float) -> float:
        return float(chances @ norm.pdf(value, means, np.sqrt(variance)))

    left = quad(lambda v: density(v) * entropy(after(v)), -12, 16, limit=400)[0]
    sure = quad(lambda v: density(v) * after(v).max(), -12, 16, limit=400)[0]
    found = expected_information(chances, means[:, None], np.array([[variance]]))
    assert_allclose(found.information, entropy(chances) - left, atol=2e-3)
    assert_allclose(found.confidence, sure, atol=5e-3)


def test_expected_information_of_two_numbers_is_the_integral():
    chances = np.array([0.4, 0.35, 0.25])
    means = np.array([[0.0, 0.0], [2.0, 0.5], [0.5, 2.5]])
    covariance = np.array([[1.0, 0.4], [0.4, 0.8]])
    kinds = [multivariate_normal(mean, covariance) for mean in means]

    def remaining(y: float, x: float) -> float:
        weights = chances * [kind.pdf([x, y]) for kind in kinds]
        total = weights.sum()
        return float(total * entropy(weights / total)) if total > 1e-300 else 0.0

    left = dblquad(remaining, -5, 7, -5, 7, epsabs=1e-3, epsrel=1e-3)[0]
    found = expected_information(chances, means, covariance)
    assert_allclose(found.information, entropy(chances) - left, atol=0.01)


def test_only_the_differences_between_types_matter():
    random = np.random.default_rng(5)
    chances, means = np.array([0.6, 0.4]), np.zeros((2, 5))
    means[1] = random.normal(size=5)
    root = random.normal(size=(5, 5))
    covariance = root @ root.T + np.eye(5)
    apart = float(np.sqrt(means[1] @ np.linalg.solve(covariance, means[1])))
    several = expected_information(chances, means + 3.0, covariance)
    one = expected_information(chances, np.array([[0.0], [apart]]), np.eye(1))
    assert_allclose(several.information, one.information, atol=1e-9)


def test_more_is_never_expected_to_tell_less():
    chances, means = np.array([0.5, 0.5]), np.array([[0.0, 0.0], [1.0, 1.0]])
    covariance = np.array([[1.0, 0.3], [0.3, 1.0]])
    both = expected_information(chances, means, covariance)
    one = expected_information(chances, means[:, :1], covariance[:1, :1])
    noisy = expected_information(chances, means[:, :1], 4 * covariance[:1, :1])
    assert both.information > one.information > noisy.information > 0
    assert both.confidence > one.confidence > noisy.confidence > 0.5
