"""The errors-in-variables mixture of types."""

import json

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from site_typology.models.mixture import TypeModel, fit_types, smallest
from site_typology.models.plausible import SeenCells, fit_population
from site_typology.models.working import exact_data


def typed(n, q, seed, separation=6.0, error=0.0, missing=0.0, k=3):
    rng = np.random.default_rng(seed)
    labels = np.sort(rng.integers(0, k, size=n))
    means = np.linalg.qr(rng.normal(size=(q, k)))[0].T * separation / np.sqrt(2)
    sizes = error * rng.choice([0.2, 1.0, 4.0], size=n)
    errors = sizes[:, None, None] * (0.6 * np.eye(q) + 0.4)
    noise = rng.normal(size=(n, q)) + np.sqrt(sizes)[:, None] * (
        np.sqrt(0.6) * rng.normal(size=(n, q)) + np.sqrt(0.4) * rng.normal(size=(n, 1))
    )
    values = np.where(rng.random((n, q)) < missing, np.nan, means[labels] + noise)
    return exact_data(values, errors), labels


def test_without_error_and_shrinkage_it_is_the_tied_gaussian_mixture():
    data, _ = typed(150, 3, 1, separation=5)
    reference = GaussianMixture(
        3, covariance_type="tied", reg_covar=0, tol=1e-8, max_iter=2000, n_init=5, random_state=0
    ).fit(data.values)
    model = fit_types(data, 3, seed=1, shrink=0)
    expected = reference.score(data.values) * data.n
    assert model.log_likelihood(data) == pytest.approx(expected, abs=0.05)
    order = np.argsort(-reference.weights_)
    np.testing.assert_allclose(model.means, reference.means_[order], atol=0.02)
    np.testing.assert_allclose(model.covariance, reference.covariances_, atol=0.02)


def test_one_type_is_the_population():
    data, _ = typed(40, 4, 2, error=0.5, missing=0.2)
    model = fit_types(data, 1, seed=1, shrink=5)
    population = fit_population(data, shrink=5)
    np.testing.assert_allclose(model.means[0], population.mean)
    np.testing.assert_allclose(model.covariance, population.covariance)


def test_log_likelihood_of_a_site_seen_with_error():
    # One standard normal feature with error variance 3: y ~ N(0, 4).
    data = exact_data(np.array([[1.0]]), errors=np.array([[[3.0]]]))
    model = TypeModel(np.ones(1), np.zeros((1, 1)), np.eye(1))
    expected = -0.5 * (np.log(2 * np.pi * 4) + 0.25)
    assert model.log_likelihood(data) == pytest.approx(expected, abs=1e-6)
    assert model.distances(data)[0, 0] == pytest.approx(0.25, abs=1e-6)
    assert model.observed(data).tolist() == [1]


def test_finds_types_better_than_imputing_and_ignoring_error():
    ours, theirs = [], []
    for seed in range(12):
        data, labels = typed(60, 6, seed, separation=6, error=1.0, missing=0.2)
        filled = np.where(data.observed, data.values, np.nanmean(data.values, axis=0))
        naive = GaussianMixture(3, covariance_type="tied", n_init=5, random_state=0).fit(filled)
        model = fit_types(data, 3, seed=seed)
        ours.append(adjusted_rand_score(labels, model.memberships(data).argmax(axis=1)))
        theirs.append(adjusted_rand_score(labels, naive.predict(filled)))
    assert np.mean(ours) > np.mean(theirs) + 0.05


def test_a_site_with_much_error_is_less_certain():
    model = TypeModel(np.array([0.5, 0.5]), np.array([[-2.0], [2.0]]), np.eye(1))
    sure, unsure = (
        model.memberships(exact_data(np.array([[1.0]]), errors=np.full((1, 1, 1), variance)))[0, 1]
        for variance in (0.0, 9.0)
    )
    assert sure > 0.95
    assert 0.5 < unsure < 0.7


def test_types_run_from_the_largest_to_the_smallest():
    data, _ = typed(90, 4, 3, separation=8)
    model = fit_types(data, 3, seed=1)
    assert (np.diff(model.weights) <= 0).all()
    assert model.weights.sum() == pytest.approx(1)


def test_order_of_sites_and_columns_does_not_matter():
    data, _ = typed(60, 4, 4, separation=8, error=0.3)
    rows, columns = np.arange(60)[::-1], [2, 0, 3, 1]
    turned = exact_data(data.values[rows][:, columns], data.errors[rows][:, columns][:, :, columns])
    one = fit_types(data, 3, seed=1).memberships(data).argmax(axis=1)
    two = fit_types(turned, 3, seed=1).memberships(turned).argmax(axis=1)
    assert adjusted_rand_score(one[rows], two) == 1


def test_same_seed_same_model():
    data, _ = typed(30, 5, 5, error=0.5, missing=0.1)
    one, two = (fit_types(data, 3, seed=9) for _ in range(2))
    np.testing.assert_array_equal(one.means, two.means)


def test_given_starts_are_tried_beside_the_usual_ones():
    data, labels = typed(40, 4, 6, separation=3)
    plain = fit_types(data, 3, seed=1)
    helped = fit_types(data, 3, seed=1, starts=[labels])
    assert helped.log_likelihood(data) >= plain.log_likelihood(data) - 1.0


def test_types_have_as_many_sites_as_asked():
    rows = np.vstack([np.random.default_rng(3).normal(size=(30, 3)), np.full((1, 3), 6.0)])
    data = exact_data(rows)
    alone, several = (fit_types(data, 2, seed=1, least=least) for least in (0, 4))
    assert smallest(alone, SeenCells.of(data)) == 1
    assert smallest(several, SeenCells.of(data)) >= 4
    # Asked for what cannot be had, it gives the likeliest there are.
    assert fit_types(data, 2, seed=1, least=20).to_dict() == alone.to_dict()


@pytest.mark.parametrize(("n", "q", "k"), [(6, 3, 2), (6, 14, 2), (8, 10, 4), (5, 2, 5)])
def test_few_sites_many_columns_gaps_and_no_error(n, q, k):
    rng = np.random.default_rng(n + q)
    values = rng.normal(size=(n, q))
    values[:, -1] = 2 * values[:, 0]
    values[0] = np.nan
    values[1, 0] = np.nan
    data = exact_data(values)
    model = fit_types(data, k, seed=1)
    shares = model.memberships(data)
    assert np.isfinite(model.log_likelihood(data))
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_allclose(shares[0], model.weights)
    assert np.linalg.eigvalsh(model.covariance).min() > 0


def test_a_column_seen_nowhere_does_no_harm():
    data, labels = typed(40, 4, 8, separation=8)
    values = np.column_stack([data.values, np.full(40, np.nan)])
    model = fit_types(exact_data(values), 3, seed=1)
    found = model.memberships(exact_data(values)).argmax(axis=1)
    assert adjusted_rand_score(labels, found) > 0.9


def test_model_survives_json():
    data, _ = typed(30, 3, 9)
    model = fit_types(data, 2, seed=1)
    again = TypeModel.from_dict(json.loads(json.dumps(model.to_dict())))
    np.testing.assert_array_equal(again.memberships(data), model.memberships(data))


@pytest.mark.parametrize("k", [0, 7])
def test_more_types_than_sites_are_refused(k):
    with pytest.raises(ValueError, match="Expected 1 to 6 types"):
        fit_types(typed(6, 3, 1)[0], k, seed=1)
