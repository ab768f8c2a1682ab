"""How much less sites say of their type than they seem to."""

import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from site_typology.models.mixture import TypeModel
from site_typology.models.temperature import HIGHEST, fit_temperature
from site_typology.models.working import exact_data
from site_typology.placing import expected_agreement

DRAWS = 4000


def true_first(log_joint, labels):
    order = np.argsort(np.arange(log_joint.shape[1]) != labels[:, None], axis=1, kind="stable")
    return np.take_along_axis(log_joint, order, axis=1)


def drawn(temperature, k=3, seed=1):
    """Sites whose types follow their memberships at a temperature."""
    rng = np.random.default_rng(seed)
    log_joint = 4 * rng.normal(size=(DRAWS, k))
    noise = rng.gumbel(size=log_joint.shape)
    labels = (log_joint / temperature + noise).argmax(axis=1)
    return log_joint, labels


@pytest.mark.parametrize("temperature", [1.5, 3.0, 8.0])
def test_it_is_found_again_within_its_error(temperature):
    # 1 / temperature is a maximum-likelihood estimate: its error follows from the information.
    log_joint, labels = drawn(temperature)
    shares = np.exp((log_joint - log_joint.max(axis=1, keepdims=True)) / temperature)
    shares /= shares.sum(axis=1, keepdims=True)
    mean = (shares * log_joint).sum(axis=1)
    information = ((shares * log_joint**2).sum(axis=1) - mean**2).sum()
    found = 1 / fit_temperature(true_first(log_joint, labels))
    assert abs(found - 1 / temperature) < 3 / np.sqrt(information)


def test_of_two_types_it_is_a_logistic_regression():
    log_joint, labels = drawn(2.5, k=2, seed=3)
    margin = (log_joint[:, 1] - log_joint[:, 0])[:, None]
    regression = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10).fit(margin, labels)
    found = fit_temperature(true_first(log_joint, labels))
    assert 1 / found == pytest.approx(float(regression.coef_[0, 0]), rel=1e-5)


def test_memberships_are_never_made_surer_and_never_quite_alike():
    log_joint, labels = drawn(0.5, seed=5)
    assert fit_temperature(true_first(log_joint, labels)) == 1.0
    assert fit_temperature(np.array([[0.0, 3.0], [0.0, 2.0]])) == HIGHEST


def test_constants_of_a_site_do_not_matter_and_sharper_sites_are_hotter():
    log_joint, labels = drawn(2.0, seed=7)
    rows = true_first(log_joint, labels)
    found = fit_temperature(rows)
    assert fit_temperature(rows + np.arange(DRAWS)[:, None]) == pytest.approx(found)
    assert fit_temperature(3 * rows) == pytest.approx(3 * found)


MODEL = TypeModel(np.array([0.5, 0.3, 0.2]), np.eye(3, 6) * 3.0, np.eye(6))


def test_it_changes_how_sure_memberships_are_and_nothing_else():
    data = exact_data(np.random.default_rng(1).normal(size=(30, 6)) * 2)
    hot = dataclasses.replace(MODEL, temperature=3.0)
    plain, tempered = MODEL.memberships(data), hot.memberships(data)
    expected = plain ** (1 / 3)
    np.testing.assert_allclose(tempered, expected / expected.sum(axis=1, keepdims=True))
    assert (tempered.argmax(axis=1) == plain.argmax(axis=1)).all()
    np.testing.assert_array_equal(hot.distances(data), MODEL.distances(data))
    np.testing.assert_array_equal(hot.site_log_likelihoods(data), MODEL.site_log_likelihoods(data))


def test_it_is_kept_with_the_model_its_columns_and_its_numbers():
    hot = dataclasses.replace(MODEL, temperature=3.0)
    assert TypeModel.from_dict(hot.to_dict()).temperature == 3.0
    assert hot.columns(np.array([0, 2])).temperature == 3.0
    data = exact_data(np.random.default_rng(2).normal(size=(30, 6)) * 2)
    other = hot.numbered_as(hot.memberships(data)[:, [2, 0, 1]], data)
    assert other.temperature == 3.0
    np.testing.assert_array_equal(other.means, MODEL.means[[2, 0, 1]])
    np.testing.assert_array_equal(other.weights, MODEL.weights[[2, 0, 1]])


def vague(n, seed):
    """Sites measured with error, so that types estimated from few are far from exact."""
    errors = np.full((n, 1, 1), 0.5) * np.eye(6)
    return exact_data(np.random.default_rng(seed).normal(size=(n, 6)), errors)


def test_the_fewer_the_sites_the_hotter():
    found = [
        expected_agreement(MODEL, vague(n, 1), replicates=20, seed=1).temperature
        for n in (20, 80, 400)
    ]
    assert found[0] > 1.5 > found[2]
    assert found == sorted(found, reverse=True)
    assert found[2] == pytest.approx(1, abs=0.2)
