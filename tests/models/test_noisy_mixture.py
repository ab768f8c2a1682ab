"""The errors-in-variables mixture against scikit-learn's, closed forms, laws and known truth."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from site_typology import ErrorsInVariablesMixture, TrueProfiles
from site_typology.models.measured import Units

RECOVERY = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "recovery.py"))


def typed(n=90, q=3, seed=1, apart=3.0, error=0.5, missing=0.1, k=3):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, k, size=n)
    centres = apart * np.eye(k, q)
    errors = error * rng.uniform(0.5, 2.0, size=(n, q))
    values = centres[labels] + rng.normal(size=(n, q)) + errors * rng.normal(size=(n, q))
    return np.where(rng.random((n, q)) < missing, np.nan, values), errors, labels


@pytest.mark.parametrize("seed", range(5))
def test_without_error_gaps_and_shrinkage_it_is_the_tied_gaussian_mixture(seed):
    values, _, labels = typed(n=150, seed=seed, missing=0.0)
    values = values * [1, 100, 0.01]
    shares = np.eye(3)[labels].mean(axis=0)
    means = np.array([values[labels == j].mean(axis=0) for j in range(3)])
    inner = values - means[labels]
    theirs = GaussianMixture(
        3,
        covariance_type="tied",
        reg_covar=0,
        tol=1e-12,
        max_iter=5000,
        weights_init=shares,
        means_init=means,
        precisions_init=np.linalg.inv(inner.T @ inner / 150),
    ).fit(values)
    ours = ErrorsInVariablesMixture(
        3, shrinkage=0, labels_init=labels, tol=1e-12, max_iter=5000
    ).fit(values)
    assert ours.converged_ and ours.n_iter_ > 5
    order = np.argsort(-theirs.weights_)
    spread = values.std(axis=0)
    assert ours.score(values) == pytest.approx(theirs.score(values), abs=1e-6)
    assert ours.lower_bound_ == pytest.approx(theirs.score(values), abs=1e-6)
    np.testing.assert_allclose(ours.weights_, theirs.weights_[order], atol=1e-6)
    np.testing.assert_allclose(ours.means_ / spread, theirs.means_[order] / spread, atol=1e-6)
    np.testing.assert_allclose(
        ours.covariance_ / np.outer(spread, spread),
        theirs.covariances_ / np.outer(spread, spread),
        atol=1e-6,
    )
    np.testing.assert_allclose(
        ours.predict_proba(values), theirs.predict_proba(values)[:, order], atol=1e-5
    )
    assert ours.bic(values) == pytest.approx(theirs.bic(values), abs=1e-3)
    assert ours.aic(values) == pytest.approx(theirs.aic(values), abs=1e-3)


def test_one_component_is_the_population():
    values, errors, _ = typed()
    one = ErrorsInVariablesMixture(shrinkage=5).fit(values, errors=errors)
    population = TrueProfiles(shrinkage=5).fit(values, errors=errors)
    np.testing.assert_array_equal(one.means_[0], population.mean_)
    np.testing.assert_array_equal(one.covariance_, population.covariance_)
    np.testing.assert_array_equal(one.predict(values, errors=errors), 0)
    for found, expected in zip(
        one.posterior(values, errors), population.posterior(values, errors), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_likelihood_and_posterior_are_the_definition():
    values, errors, _ = typed(n=30, seed=2)
    blocks = errors[:, :, None] * errors[:, None, :] * (0.6 * np.eye(3) + 0.4)
    model = ErrorsInVariablesMixture(2, random_state=1).fit(values, errors=blocks)
    chances, (means, covariances) = (
        model.predict_proba(values, errors=blocks),
        model.posterior(values, errors=blocks),
    )
    found = model.score_samples(values, errors=blocks)
    for site in np.flatnonzero(~np.isnan(values).all(axis=1)):
        seen = ~np.isnan(values[site])
        whole = (model.covariance_ + blocks[site])[np.ix_(seen, seen)]
        logs = np.log(model.weights_) + [
            multivariate_normal.logpdf(values[site, seen], mean[seen], whole)
            for mean in model.means_
        ]
        share = np.exp(logs - logsumexp(logs))
        gain = model.covariance_[:, seen] @ np.linalg.inv(whole)
        each = [mean + gain @ (values[site, seen] - mean[seen]) for mean in model.means_]
        inner = model.covariance_ - gain @ model.covariance_[seen]
        centre = share @ np.array(each)
        outer = sum(p * np.outer(x - centre, x - centre) for p, x in zip(share, each, strict=True))
        assert found[site] == pytest.approx(logsumexp(logs), abs=1e-6)
        np.testing.assert_allclose(chances[site], share, atol=1e-6)
        np.testing.assert_allclose(means[site], centre, atol=1e-6)
        np.testing.assert_allclose(covariances[site], inner + outer, atol=1e-6)


def test_likelihood_never_falls_without_shrinkage():
    for seed in range(5):
        values, errors, _ = typed(seed=seed, apart=2.0)
        model = ErrorsInVariablesMixture(3, shrinkage=0, random_state=seed, tol=1e-4)
        model.fit(values, errors=errors)
        assert len(model.lower_bounds_) == model.n_iter_ + 1 > 5
        assert np.diff(model.lower_bounds_).min() > -1e-10


@pytest.mark.parametrize("estimator", [ErrorsInVariablesMixture(3), TrueProfiles()])
def test_with_shrinkage_the_steps_go_on_to_where_they_settle(estimator):
    # On the way the likelihood passes a highest point; an end there would depend on the start.
    fell = []
    for seed in range(5):
        values, errors, labels = typed(n=25, q=15, seed=seed)
        if isinstance(estimator, ErrorsInVariablesMixture):
            estimator.set_params(labels_init=labels)
        found = []
        for tol in (1e-5, 1e-10):
            estimator.set_params(tol=tol, max_iter=10_000).fit(values, errors=errors)
            found.append(estimator.covariance_)
        path = getattr(estimator, "lower_bounds_", getattr(estimator, "log_likelihoods_", None))
        fell.append(np.diff(path).min() < -1e-6)
        np.testing.assert_allclose(found[0], found[1], atol=0.02 * np.diag(found[1]).max())
    assert any(fell)


def test_names_of_the_starting_components_do_not_matter():
    values, errors, labels = typed(seed=3)
    one, two = (
        ErrorsInVariablesMixture(3, labels_init=names[labels]).fit(values, errors=errors)
        for names in (np.array([0, 1, 2]), np.array([2, 0, 1]))
    )
    np.testing.assert_allclose(one.means_, two.means_, atol=1e-8)
    np.testing.assert_allclose(
        one.predict_proba(values, errors), two.predict_proba(values, errors), atol=1e-8
    )


def test_order_and_units_do_not_matter():
    values, errors, labels = typed(seed=4)
    scale, shift = np.array([1000.0, 0.001, 2.0]), np.array([5.0, -3.0, 0.0])
    order = np.random.default_rng(1).permutation(len(values))
    columns = [2, 0, 1]

    def fitted(values, errors, labels):
        model = ErrorsInVariablesMixture(3, labels_init=labels).fit(values, errors=errors)
        return model, model.predict_proba(values, errors=errors)

    model, chances = fitted(values, errors, labels)
    scaled, same = fitted(values * scale + shift, errors * scale, labels)
    np.testing.assert_allclose(same, chances, atol=1e-8)
    np.testing.assert_allclose(scaled.means_, model.means_ * scale + shift, rtol=1e-8)
    _, turned = fitted(values[order][:, columns], errors[order][:, columns], labels[order])
    np.testing.assert_allclose(turned, chances[order], atol=1e-8)


def test_same_seed_same_components_and_the_order_of_sites_hardly_matters():
    values, errors, _ = typed(seed=5, apart=4.0)
    one, two = (
        ErrorsInVariablesMixture(3, random_state=7).fit(values, errors=errors) for _ in range(2)
    )
    np.testing.assert_array_equal(one.means_, two.means_)
    turned = ErrorsInVariablesMixture(3, random_state=7).fit(values[::-1], errors=errors[::-1])
    np.testing.assert_allclose(turned.lower_bound_, one.lower_bound_, atol=1e-4)


def test_more_error_makes_a_site_less_sure():
    values, errors, _ = typed(seed=6, apart=6.0)
    model = ErrorsInVariablesMixture(3, random_state=1).fit(values, errors=errors)
    sure, unsure, empty = model.predict_proba(
        [[6.0, 0, 0], [6.0, 0, 0], [np.nan] * 3], errors=np.array([[0.1], [9.0], [0.1]]) * [1, 1, 1]
    )
    assert sure.max() > 0.99 > 0.9 > unsure.max()
    np.testing.assert_allclose(empty, model.weights_)


def test_samples_have_the_weights_means_and_covariance():
    values, errors, _ = typed(seed=7)
    model = ErrorsInVariablesMixture(3, random_state=1).fit(values, errors=errors)
    drawn, labels = model.sample(30_000)
    np.testing.assert_allclose(np.bincount(labels) / 30_000, model.weights_, atol=0.012)
    for at in range(3):
        inside = drawn[labels == at]
        np.testing.assert_allclose(inside.mean(axis=0), model.means_[at], atol=0.08)
        np.testing.assert_allclose(np.cov(inside.T), model.covariance_, atol=0.12)


def test_recovers_better_than_imputing_and_ignoring_error():
    # 30 studies of 25 sites, 15 features, 3 to 10 informants and 15 % gaps. Each difference is
    # paired, and has to be beyond two Monte Carlo errors of 0.
    def measure(world, seed):
        seen = world.values, world.errors
        model = ErrorsInVariablesMixture(3, random_state=seed)
        model.fit(world.values, errors=world.errors)
        found = {"ours": (model.predict(*seen), model.posterior(*seen)[0])}
        for filling in ("mean", "KNN", "iterative"):
            filled = RECOVERY["imputed"](world.values, filling)
            found[filling] = RECOVERY["clustered"](filled, "tied", seed), filled
        return {
            name: (
                adjusted_rand_score(world.labels, labels),
                np.sqrt(((profiles - world.truth) ** 2).mean()),
            )
            for name, (labels, profiles) in found.items()
        }

    with threadpool_limits(1), pytest.warns(ConvergenceWarning) as caught:
        _, figures = RECOVERY["replicate"](30, 6.0, measure)
    assert {item.category for item in caught} == {ConvergenceWarning}
    gain = figures[:, :1] - figures[:, 1:]
    error = gain.std(axis=0, ddof=1) / np.sqrt(30)
    assert (gain[:, :, 0].mean(axis=0) > 2 * error[:, 0]).all()
    assert (-gain[:, :, 1].mean(axis=0) > 2 * error[:, 1]).all()


def test_columns_that_say_nothing_do_no_harm():
    values, errors, _ = typed(n=30, seed=8, apart=8.0)
    wide = np.column_stack([values, np.full(30, np.nan), np.full(30, 7.0), values[:, 0]])
    beside = np.column_stack([errors, np.ones(30), np.zeros(30), errors[:, 0]])
    model = ErrorsInVariablesMixture(3, random_state=1).fit(wide, errors=beside)
    assert np.isfinite(model.covariance_).all()
    np.testing.assert_allclose(model.predict_proba(wide, beside).sum(axis=1), 1)
    assert Units.of(wide).spread[3:5].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_components": 0, "n_init": 0}, r"n_components should .* n_init should"),
        ({"max_iter": "many", "tol": None}, r"max_iter should .* found 'many'\. tol should"),
        ({"n_components": 2.5}, "n_components should be a whole number of 1 or more; found 2.5"),
        ({"shrinkage": np.nan, "tol": -1}, r"shrinkage should .* tol should"),
        ({"n_components": 91}, "n_components = 91 and n_samples = 90"),
        ({"n_components": 2, "labels_init": [0, 1]}, r"expected 90 labels.*found shape \(2,\)"),
        ({"n_components": 2, "labels_init": np.full(90, 2)}, r"from 0 to 1; found .* \[2\]"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    values, errors, _ = typed()
    with pytest.raises(ValueError, match=message):
        ErrorsInVariablesMixture(**settings).fit(values, errors=errors)


def test_nothing_is_said_before_fit_and_too_few_steps_are_told():
    values, errors, _ = typed()
    for ask in ("sample", "score", "aic", "bic", "predict"):
        with pytest.raises(NotFittedError):
            getattr(ErrorsInVariablesMixture(), ask)(*([] if ask == "sample" else [values]))
    with pytest.warns(ConvergenceWarning, match="not converged in 1 steps"):
        model = ErrorsInVariablesMixture(2, max_iter=1).fit(values, errors=errors)
    assert model.n_iter_ == 1
