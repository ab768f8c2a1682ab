"""A continuum of sites: its likelihood, its curve and the places of the sites."""

import numpy as np
import pytest
from scipy import stats

from site_typology.models.continuum import NODES, Continuum, fit_continuum
from site_typology.models.mixture import BUDGET
from site_typology.models.mixture_starts import one_population
from site_typology.models.plausible import SeenCells
from site_typology.models.working import exact_data


def along_a_curve(n, seed, bend=4.0, error=0.2, missing=0.0, skewed=False):
    rng = np.random.default_rng(seed)
    place = 2 * rng.beta(1, 3, n) - 1 if skewed else rng.uniform(-1, 1, n)
    truth = np.column_stack([4 * place, bend * (place**2 - 1 / 3), np.zeros(n)])
    truth += 0.3 * rng.normal(size=(n, 3))
    values = truth + np.sqrt(error) * rng.normal(size=(n, 3))
    values[rng.random((n, 3)) < missing] = np.nan
    return exact_data(values, np.broadcast_to(error * np.eye(3), (n, 3, 3)).copy()), place


def fitted(data, shrink=1.0):
    return fit_continuum(one_population(SeenCells.of(data), shrink, BUDGET), shrink)


def test_likelihood_is_that_of_the_mixture_on_the_grid():
    data, _ = along_a_curve(30, 1)
    found = fitted(data)
    by_hand = sum(
        np.log(
            sum(
                weight * stats.multivariate_normal(mean, found.covariance + errors).pdf(row)
                for weight, mean in zip(found.weights, found.means, strict=True)
            )
        )
        for row, errors in zip(data.values, data.errors, strict=True)
    )
    assert found.log_likelihood == pytest.approx(by_hand, abs=1e-4)


@pytest.mark.parametrize("bend", [0.0, 4.0])
def test_places_of_the_sites_are_recovered(bend):
    data, place = along_a_curve(80, 2, bend)
    found = fitted(data).places(data)
    assert abs(np.corrcoef(found[:, 0], place)[0, 1]) > 0.95
    # The direction along the curve is arbitrary.
    place = place if np.corrcoef(found[:, 0], place)[0, 1] > 0 else -place
    step = 1 / NODES
    inside = (found[:, 1] - step <= place) & (place <= found[:, 2] + step)
    assert inside.mean() > 0.85


def test_it_explains_a_bent_line_better_than_one_population_does():
    data, _ = along_a_curve(100, 3)
    one = one_population(SeenCells.of(data), 1.0, BUDGET)
    assert fit_continuum(one, 1.0).log_likelihood > one.path[-1] + 20


def test_density_along_it_has_one_mode():
    weights = fitted(along_a_curve(200, 4, bend=0.0, skewed=True)[0]).weights
    peak = weights.argmax()
    assert (np.diff(weights[: peak + 1]) >= 0).all()
    assert (np.diff(weights[peak:]) <= 0).all()


def test_draws_are_as_lopsided_as_the_sites():
    data, _ = along_a_curve(300, 4, bend=0.0, skewed=True)
    drawn = fitted(data).draw(np.random.default_rng(1), 20_000)
    assert stats.skew(drawn[:, 0]) == pytest.approx(stats.skew(data.values[:, 0]), abs=0.25)


def test_draws_have_its_mean_and_covariance():
    means = np.column_stack([np.linspace(-3, 3, NODES), np.zeros(NODES)])
    curve = Continuum(np.full(NODES, 1 / NODES), means, np.diag([0.5, 2.0]), 0.0)
    drawn = curve.draw(np.random.default_rng(5), 40_000)
    np.testing.assert_allclose(drawn.mean(axis=0), [0, 0], atol=0.05)
    expected = np.diag([0.5, 2.0]) + np.diag([means[:, 0].var(), 0.0])
    np.testing.assert_allclose(np.cov(drawn.T), expected, atol=0.15)


def test_order_of_sites_does_not_matter():
    data, _ = along_a_curve(40, 6)
    turned = exact_data(data.values[::-1].copy(), data.errors[::-1].copy())
    one, two = fitted(data), fitted(turned)
    assert one.log_likelihood == pytest.approx(two.log_likelihood, abs=0.05)


def test_share_and_dominance_are_those_of_variances_by_hand():
    places = np.linspace(-1, 1, NODES)
    means = np.column_stack([3 * places, np.zeros(NODES)])
    found = Continuum(np.full(NODES, 1 / NODES), means, np.diag([2.0, 0.5]), 0.0)
    along = 9 * (places**2).mean()
    assert found.share == pytest.approx(along / (along + 2.5))
    assert found.dominance == pytest.approx(along / 2.0)
