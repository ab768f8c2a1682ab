"""One population, posteriors and plausible values."""

import numpy as np
import pytest

from site_typology.models.plausible import (
    Population,
    fit_population,
    plausible_values,
    posterior,
)
from site_typology.models.working import exact_data


def noisy(n, q, seed, error=0.5, missing=0.2):
    rng = np.random.default_rng(seed)
    loading = rng.normal(size=(q, q)) / np.sqrt(q)
    covariance = loading @ loading.T + 0.3 * np.eye(q)
    truth = rng.multivariate_normal(np.arange(q) * 1.0, covariance, size=n)
    scale = rng.uniform(0.2, 2, size=n) * error
    errors = scale[:, None, None] * (0.5 * np.eye(q) + 0.5)
    noise = np.array([rng.multivariate_normal(np.zeros(q), block) for block in errors])
    values = np.where(rng.random((n, q)) < missing, np.nan, truth + noise)
    return exact_data(values, errors), truth, covariance


def test_recovers_the_population_behind_errors_and_gaps():
    data, _, covariance = noisy(3000, 4, 1)
    found = fit_population(data, shrink=0)
    np.testing.assert_allclose(found.mean, np.arange(4), atol=0.1)
    np.testing.assert_allclose(found.covariance, covariance, atol=0.12)


def test_posterior_is_the_textbook_regression_on_what_was_seen():
    data, _, covariance = noisy(5, 3, 2)
    population = Population(np.ones(3), covariance)
    means, covariances = posterior(population, data)
    for site in range(5):
        seen = data.observed[site]
        inner = np.linalg.inv((covariance + data.errors[site])[np.ix_(seen, seen)])
        gain = covariance[:, seen] @ inner
        np.testing.assert_allclose(means[site], 1 + gain @ (data.values[site, seen] - 1), atol=1e-6)
        np.testing.assert_allclose(
            covariances[site], covariance - gain @ covariance[seen], atol=1e-6
        )


def test_posterior_means_beat_the_raw_values():
    data, truth, _ = noisy(200, 4, 3)
    means, _ = posterior(fit_population(data), data)
    seen = data.observed
    assert ((means - truth)[seen] ** 2).mean() < 0.8 * ((data.values - truth)[seen] ** 2).mean()


def test_exact_complete_data_are_their_own_posterior():
    data = exact_data(np.random.default_rng(1).normal(size=(30, 3)))
    means, covariances = posterior(fit_population(data), data)
    np.testing.assert_allclose(means, data.values, atol=1e-6)
    np.testing.assert_allclose(covariances, 0, atol=1e-6)


def test_a_site_without_values_is_like_the_population():
    data, _, _ = noisy(40, 3, 4)
    data.values[7] = np.nan
    population = fit_population(data)
    means, covariances = posterior(population, data)
    np.testing.assert_allclose(means[7], population.mean)
    np.testing.assert_allclose(covariances[7], population.covariance)


def test_shrinking_draws_to_the_diagonal():
    data, _, _ = noisy(30, 3, 5)
    loose, tight = fit_population(data, shrink=0), fit_population(data, shrink=1000)
    off = ~np.eye(3, dtype=bool)
    assert np.abs(tight.covariance[off]).max() < 0.1 * np.abs(loose.covariance[off]).max()


def test_order_of_sites_does_not_matter():
    data, _, _ = noisy(20, 3, 6)
    turned = exact_data(data.values[::-1], data.errors[::-1])
    np.testing.assert_allclose(
        fit_population(data).covariance, fit_population(turned).covariance, atol=1e-6
    )


def test_plausible_values_have_the_posterior_mean_and_spread_and_repeat():
    data, _, _ = noisy(6, 3, 7)
    population = fit_population(data)
    means, covariances = posterior(population, data)
    values = plausible_values(population, data, 4000, seed=1)
    assert values.shape == (4000, 6, 3)
    np.testing.assert_allclose(values.mean(axis=0), means, atol=0.1)
    np.testing.assert_allclose(values.var(axis=0), np.einsum("nii->ni", covariances), atol=0.15)
    np.testing.assert_array_equal(values[:10], plausible_values(population, data, 10, seed=1))


@pytest.mark.parametrize("shape", [(6, 4), (6, 12), (25, 1)])
def test_few_sites_and_collinear_columns_leave_a_proper_covariance(shape):
    rng = np.random.default_rng(8)
    values = rng.normal(size=shape)
    values[:, -1] = values[:, 0]
    values[0] = np.nan
    population = fit_population(exact_data(values))
    assert np.isfinite(population.covariance).all()
    assert np.linalg.eigvalsh(population.covariance).min() > -1e-9
