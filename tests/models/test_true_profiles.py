"""Mean, covariance and posteriors of true profiles against closed forms and direct maximisation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from site_typology import TrueProfiles

EXACT = {"shrinkage": 0.0, "tol": 1e-13, "max_iter": 20_000}


def measured(n=40, q=3, seed=1, missing=0.2):
    rng = np.random.default_rng(seed)
    root = 0.5 * rng.normal(size=(q, q)) + 1.5 * np.eye(q)
    truth = 10 + rng.normal(size=(n, q)) @ root
    errors = rng.uniform(0.1, 1.2, size=(n, q))
    values = truth + errors * rng.normal(size=(n, q))
    return np.where(rng.random((n, q)) < missing, np.nan, values), errors, truth


def observed_log_likelihood(mean, covariance, values, errors):
    """Sum over sites of the normal density of the cells seen (scipy), the definition itself."""
    total = 0.0
    for row, error in zip(values, errors, strict=True):
        seen = ~np.isnan(row)
        if seen.any():
            whole = (covariance + error)[np.ix_(seen, seen)]
            total += multivariate_normal.logpdf(row[seen], mean[seen], whole)
    return total


def maximised(values, errors):
    """Maximise the observed-data likelihood over mean and Cholesky factor by BFGS."""
    q = values.shape[1]
    lower = np.tril_indices(q)
    start = np.zeros((q, q))
    np.fill_diagonal(start, np.nanstd(values, axis=0))

    def parts(point):
        root = np.zeros((q, q))
        root[lower] = point[q:]
        return point[:q], root @ root.T

    found = minimize(
        lambda point: -observed_log_likelihood(*parts(point), values, errors),
        np.concatenate([np.nanmean(values, axis=0), start[lower]]),
        method="BFGS",
        options={"gtol": 1e-4},
    )
    return *parts(found.x), -found.fun


def test_without_error_and_gaps_it_is_the_sample_mean_and_biased_covariance():
    values = np.random.default_rng(2).normal(size=(30, 4)) * [1, 10, 0.01, 1000]
    model = TrueProfiles(**EXACT).fit(values)
    np.testing.assert_allclose(model.mean_, values.mean(axis=0), rtol=1e-7)
    expected = np.cov(values.T, bias=True)
    unit = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(model.covariance_ / unit, expected / unit, atol=1e-6)
    np.testing.assert_allclose(model.transform(values), values, rtol=1e-6)


def test_missing_cells_give_the_maximum_of_the_observed_likelihood():
    values, _, _ = measured(missing=0.25)
    nothing = np.zeros((40, 3, 3))
    mean, covariance, best = maximised(values, nothing)
    model = TrueProfiles(**EXACT).fit(values)
    assert model.log_likelihood_ == pytest.approx(best, abs=1e-4)
    np.testing.assert_allclose(model.mean_, mean, atol=5e-3)
    np.testing.assert_allclose(model.covariance_, covariance, atol=2e-2)


def test_missing_cells_give_the_em_solution_by_sweeps_of_plain_numpy():
    values, _, _ = measured(missing=0.25)
    seen = ~np.isnan(values)
    mean, covariance = np.nanmean(values, axis=0), np.diag(np.nanvar(values, axis=0))
    for _ in range(500):
        filled, spread = np.where(seen, values, 0.0), np.zeros((3, 3))
        for site, known in enumerate(seen):
            gap = ~known
            slope = covariance[np.ix_(gap, known)] @ np.linalg.inv(covariance[np.ix_(known, known)])
            filled[site, gap] = mean[gap] + slope @ (values[site, known] - mean[known])
            rest = covariance[np.ix_(gap, gap)] - slope @ covariance[np.ix_(known, gap)]
            spread[np.ix_(gap, gap)] += rest
        mean = filled.mean(axis=0)
        covariance = ((filled - mean).T @ (filled - mean) + spread) / len(values)
    model = TrueProfiles(**EXACT).fit(values)
    np.testing.assert_allclose(model.mean_, mean, atol=1e-5)
    np.testing.assert_allclose(model.covariance_, covariance, atol=1e-5)


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_unequal_errors_give_the_maximum_of_the_marginal_likelihood(missing):
    values, errors, _ = measured(seed=3, missing=missing)
    blocks = errors[:, :, None] ** 2 * np.eye(3)
    mean, covariance, best = maximised(values, blocks)
    model = TrueProfiles(**EXACT).fit(values, errors=errors)
    assert model.log_likelihood_ == pytest.approx(best, abs=1e-4)
    np.testing.assert_allclose(model.mean_, mean, atol=5e-3)
    np.testing.assert_allclose(model.covariance_, covariance, atol=2e-2)


def test_one_column_is_the_model_of_fay_and_herriot():
    # Its mean is the mean of the values weighted by 1 / (variance + error); its posterior means
    # draw each value to it by error / (variance + error).
    values, errors, _ = measured(q=1, seed=4, missing=0.0)
    model = TrueProfiles(**EXACT).fit(values, errors=errors)
    weight = 1 / (model.covariance_[0, 0] + errors**2)
    centre = (weight * values).sum() / weight.sum()
    assert model.mean_[0] == pytest.approx(centre, abs=1e-6)
    drawn = centre + (1 - errors**2 * weight) * (values - centre)
    np.testing.assert_allclose(model.transform(values, errors=errors), drawn, atol=1e-5)


def test_likelihood_is_the_definition_and_never_falls():
    values, errors, _ = measured(seed=5)
    covariances = errors[:, :, None] * errors[:, None, :] * (0.7 * np.eye(3) + 0.3)
    model = TrueProfiles(shrinkage=0).fit(values, errors=covariances)
    found = observed_log_likelihood(model.mean_, model.covariance_, values, covariances)
    assert model.log_likelihood_ == pytest.approx(found, abs=1e-5)
    assert model.score(values, errors=covariances) == pytest.approx(found / 40, abs=1e-6)
    assert model.n_iter_ > 5
    assert len(model.log_likelihoods_) == model.n_iter_ + 1
    assert np.diff(model.log_likelihoods_).min() > -1e-9


def test_weights_of_sites_weigh_the_score():
    values, errors, _ = measured(seed=5)
    model, weight = TrueProfiles().fit(values, errors=errors), np.arange(40)
    each = model.score_samples(values, errors=errors)
    found = model.score(values, errors=errors, sample_weight=weight)
    assert found == pytest.approx(each @ weight / weight.sum())


def test_standard_errors_are_diagonal_covariances_and_infinite_ones_are_gaps():
    values, errors, _ = measured(seed=6)
    blocks = errors[:, :, None] ** 2 * np.eye(3)
    plain = TrueProfiles().fit(values, errors=errors)
    np.testing.assert_allclose(
        plain.covariance_, TrueProfiles().fit(values, errors=blocks).covariance_
    )
    holed, infinite = values.copy(), errors.copy()
    holed[3, 1], infinite[3, 1] = np.nan, np.inf
    one = TrueProfiles().fit(holed, errors=errors)
    filled = np.where(np.isnan(values), 0.0, values)
    two = TrueProfiles().fit(filled, errors=np.where(np.isnan(values), np.inf, infinite))
    np.testing.assert_allclose(one.covariance_, two.covariance_, rtol=1e-10)


def test_units_and_order_do_not_matter():
    values, errors, _ = measured(seed=7)
    scale, shift = np.array([1000.0, 0.001, -2.0]), np.array([5.0, -3.0, 0.0])
    order, columns = np.random.default_rng(1).permutation(40), [2, 0, 1]
    one = TrueProfiles().fit(values, errors=errors)
    other = TrueProfiles().fit(values * scale + shift, errors=errors * np.abs(scale))
    np.testing.assert_allclose(other.mean_, one.mean_ * scale + shift, rtol=1e-8)
    np.testing.assert_allclose(
        other.covariance_, one.covariance_ * np.outer(scale, scale), rtol=1e-6
    )
    seen = ~np.isnan(values)
    lost = (seen * np.log(np.abs(scale))).sum()
    assert other.log_likelihood_ == pytest.approx(one.log_likelihood_ - lost, abs=1e-6)
    turned = TrueProfiles().fit(values[order][:, columns], errors=errors[order][:, columns])
    np.testing.assert_allclose(turned.mean_, one.mean_[columns], rtol=1e-8)
    np.testing.assert_allclose(turned.covariance_, one.covariance_[columns][:, columns], rtol=1e-6)


def test_plausible_values_have_the_posterior_and_repeat():
    values, errors, _ = measured(n=8, seed=8)
    model = TrueProfiles().fit(values, errors=errors)
    means, covariances = model.posterior(values, errors=errors)
    draws = model.plausible_values(values, errors=errors, n_draws=4000, random_state=1)
    spread = np.sqrt(np.einsum("njj->nj", covariances))
    # 24 means of 4,000 draws: within 4 Monte Carlo errors of 1 / sqrt(4000) spreads.
    assert (np.abs(draws.mean(axis=0) - means) < 4 * spread / np.sqrt(4000)).all()
    first = model.plausible_values(values, errors=errors, n_draws=2, random_state=1)
    np.testing.assert_array_equal(first, draws[:2])
    state = np.random.RandomState(3)
    one, two = (model.plausible_values(values, errors, random_state=state) for _ in range(2))
    assert (one != two).any()


def test_new_sites_have_the_population_s_mean_and_covariance():
    values, errors, _ = measured(seed=9)
    model = TrueProfiles().fit(values, errors=errors)
    drawn = model.sample(20_000, random_state=1)
    spread = np.sqrt(np.diag(model.covariance_))
    np.testing.assert_allclose(drawn.mean(axis=0) / spread, model.mean_ / spread, atol=0.03)
    found, unit = np.cov(drawn.T), np.outer(spread, spread)
    np.testing.assert_allclose(found / unit, model.covariance_ / unit, atol=0.04)


def test_posterior_intervals_hold_the_truth():
    inside = []
    for seed in range(30):
        values, errors, truth = measured(n=60, seed=100 + seed)
        means, covariances = TrueProfiles().fit(values, errors=errors).posterior(values, errors)
        spread = np.sqrt(np.einsum("njj->nj", covariances))
        inside.append((np.abs(truth - means) < 1.96 * spread).mean())
    # 30 x 180 cells: Monte Carlo error about .004. The population's own error is left out, so
    # the share is a little below .95.
    assert 0.925 < np.mean(inside) < 0.96


@pytest.mark.parametrize(
    ("errors", "message"),
    [
        (np.ones((40, 2)), r"shape \(40, 3\), standard errors, or \(40, 3, 3\)"),
        (np.full((40, 3), -1.0), r"120 are negative \(first: row 0, column 0\)"),
        (np.full((40, 3), np.nan), "120 values of X have NaN for an error"),
        (np.ones((40, 3, 3)) - 2 * np.eye(3), "are negative"),
        (np.ones((40, 3, 3)) + np.triu(np.ones((3, 3)), 1), "Not symmetric and positive"),
        (2 * np.ones((40, 3, 3)) - np.eye(3), "Not symmetric and positive"),
        (np.where(np.eye(3) == 1, 1, np.nan) * np.ones((40, 1, 1)), "not finite in rows 0, 1"),
    ],
)
def test_errors_that_cannot_be_are_refused(errors, message):
    values, _, _ = measured(missing=0.0)
    with pytest.raises(ValueError, match=message):
        TrueProfiles().fit(values, errors=errors)


def test_settings_that_cannot_be_are_refused_together():
    with pytest.raises(ValueError, match=r"shrinkage should .* max_iter should be a whole number"):
        TrueProfiles(shrinkage=-1, max_iter=2.5).fit(np.eye(3))
    with pytest.raises(ValueError, match="n_draws"):
        TrueProfiles().fit(np.eye(3)).plausible_values(np.eye(3), n_draws=0)
    with pytest.raises(NotFittedError):
        TrueProfiles().sample()


def test_too_few_steps_are_told():
    values, errors, _ = measured()
    with pytest.warns(ConvergenceWarning, match="not converged in 2 steps"):
        model = TrueProfiles(max_iter=2).fit(values, errors=errors)
    assert not model.converged_ and model.n_iter_ == 2
