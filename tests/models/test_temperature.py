"""How much less sites say of their type than they seem to."""

import dataclasses

import numpy as np
import pytest

from site_typology.models.mixture import TypeModel
from site_typology.models.temperature import (
    HIGHEST,
    fit_temperature,
    temperature_error,
    tempered,
)
from site_typology.models.working import exact_data
from site_typology.placing import expected_agreement

DRAWS = 4000


def true_first(log_joint, labels):
    order = np.argsort(np.arange(log_joint.shape[1]) != labels[:, None], axis=1, kind="stable")
    return np.take_along_axis(log_joint, order, axis=1)


def drawn(temperature, k=3, seed=1):
    """Sites whose types follow their memberships at a temperature, the true type first."""
    rng = np.random.default_rng(seed)
    log_joint = 4 * rng.normal(size=(DRAWS, k))
    labels = (log_joint / temperature + rng.gumbel(size=log_joint.shape)).argmax(axis=1)
    return true_first(log_joint, labels)


@pytest.mark.parametrize("temperature", [1.5, 3.0, 8.0])
@pytest.mark.parametrize("k", [2, 3])
def test_it_is_found_again_within_its_error(temperature, k):
    sites = drawn(temperature, k)
    found = fit_temperature(sites)
    error = temperature_error(np.split(sites, 40), seed=1)
    assert 0 < error < 0.1 * temperature
    assert abs(found - temperature) < 3 * error


def test_on_average_sites_are_as_sure_as_they_are_right():
    sites = drawn(3.0, seed=3)
    right = (sites.argmax(axis=1) == 0).mean()
    assert tempered(sites, 1.0).max(axis=1).mean() > right + 0.1
    assert tempered(sites, fit_temperature(sites)).max(axis=1).mean() == pytest.approx(right)


def test_its_error_is_what_it_varies_by():
    several = [drawn(2.0, seed=at)[:400] for at in range(60)]
    spread = np.std([fit_temperature(one) for one in several], ddof=1)
    told = [temperature_error(np.split(one, 20), seed=1) for one in several[:10]]
    # The spread of 60 is known to 9 %, each told one from 50 resamples to 10 %.
    assert np.mean(told) == pytest.approx(spread, rel=0.35)


def test_memberships_are_never_made_surer_and_never_quite_alike():
    assert fit_temperature(drawn(0.5, seed=5)) == 1.0
    assert fit_temperature(np.array([[0.0, 3.0], [0.0, 2.0]])) == HIGHEST
    assert fit_temperature(np.empty((0, 3))) == 1.0
    assert temperature_error([drawn(2.0)], seed=1) == 0.0


def test_a_few_sites_that_are_sure_and_wrong_do_not_decide():
    sites = np.array([[30.0, 0.0]] * 996 + [[0.0, 30.0]] * 4)
    shares = tempered(sites, fit_temperature(sites))
    assert shares.max(axis=1).min() == pytest.approx(0.996)


def test_constants_of_a_site_do_not_matter_and_sharper_sites_are_hotter():
    rows = drawn(2.0, seed=7)
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
