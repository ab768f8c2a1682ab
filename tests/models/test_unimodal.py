"""The unimodal reference: curves, bends, margins, and errors added again."""

import numpy as np
import pytest
from scipy.stats import kurtosis, norm, skew

from site_typology.models.plausible import Population
from site_typology.models.unimodal import Curve, UnimodalPopulation, add_errors, fit_curve
from site_typology.models.working import exact_data


@pytest.mark.parametrize("skewness", [-1.0, 0.0, 0.7])
@pytest.mark.parametrize("tail", [-0.6, 0.0, 0.6])
def test_curves_have_one_mode_mean_0_and_spread_1(skewness, tail):
    normal = np.linspace(-4, 4, 4001)
    points = Curve(skewness, tail).of_normal(normal)
    density = norm.pdf(normal[:-1]) * np.diff(normal) / np.diff(points)
    slopes = np.sign(np.diff(density[20:-20]))
    assert (np.diff(slopes[slopes != 0]) != 0).sum() == 1
    draws = Curve(skewness, tail).of_normal(np.random.default_rng(1).normal(size=100_000))
    assert abs(draws.mean()) < 0.02
    assert draws.std() == pytest.approx(1, abs=0.04)


def test_a_curve_follows_equation_2_of_jones_and_pewsey():
    # X = sinh((asinh(Z) + epsilon) / delta), up to the standardising that keeps the order.
    normal = np.array([-2.0, -0.5, 0.0, 1.0, 2.5])
    raw = np.sinh((np.arcsinh(normal) + 0.4) / np.exp(0.2))
    points = Curve(0.4, 0.2).of_normal(normal)
    np.testing.assert_allclose(np.diff(points) / np.diff(raw), np.ptp(points) / np.ptp(raw))


def test_fitting_finds_a_skewed_curve_behind_errors_and_leaves_a_normal_one_alone():
    rng = np.random.default_rng(2)
    variance = rng.uniform(0.1, 1.0, size=600)
    noise = rng.normal(size=600) * np.sqrt(variance)
    true = Curve(0.8, 0.2)
    found = fit_curve(true.of_normal(rng.normal(size=600)) + noise, variance)
    levels = np.linspace(-2, 2, 9)
    np.testing.assert_allclose(found.of_normal(levels), true.of_normal(levels), atol=0.2)
    assert np.abs(levels - true.of_normal(levels)).max() > 0.3
    plain = fit_curve(rng.normal(size=600) + noise, variance)
    np.testing.assert_allclose(plain.of_normal(levels), levels, atol=0.2)


def test_few_sites_leave_the_curve_near_normal():
    rng = np.random.default_rng(3)
    curve = fit_curve(rng.normal(size=6), np.full(6, 5.0))
    assert abs(curve.skewness) < 0.3
    assert abs(curve.tail) < 0.3


def test_reference_keeps_mean_covariance_and_skewness():
    rng = np.random.default_rng(4)
    factor = rng.gamma(1.5, size=(400, 1))
    values = np.hstack([factor + 0.4 * rng.normal(size=(400, 2)), rng.normal(size=(400, 1))])
    population = UnimodalPopulation.fit(exact_data(values))
    drawn = population.draw(np.random.default_rng(5), 20_000)
    np.testing.assert_allclose(drawn.mean(axis=0), values.mean(axis=0), atol=0.06)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(values.T), atol=0.15)
    assert skew(drawn)[0] == pytest.approx(skew(values)[0], abs=0.5)
    assert abs(kurtosis(drawn)[2]) < 0.5


def test_a_curved_line_stays_curved():
    rng = np.random.default_rng(6)
    along = rng.uniform(-1, 1, size=300)
    values = np.column_stack([3 * along, 2 * along**2]) + 0.2 * rng.normal(size=(300, 2))
    values -= values.mean(axis=0)
    drawn = UnimodalPopulation.fit(exact_data(values)).draw(np.random.default_rng(7), 5000)
    straight = UnimodalPopulation.fit(exact_data(values), bend_sd=0)
    plain = straight.draw(np.random.default_rng(7), 5000)
    bent = [np.corrcoef(rows[:, 0] ** 2, rows[:, 1])[0, 1] for rows in (drawn, plain)]
    assert bent[0] > 0.6
    assert abs(bent[1]) < 0.2


def test_sites_get_their_own_errors_and_gaps_again():
    errors = np.array([[[4.0, 2.0], [2.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]]])
    data = exact_data(np.array([[1.0, 1.0], [np.nan, 1.0]]), errors)
    rng = np.random.default_rng(8)
    drawn = np.stack([add_errors(np.zeros((2, 2)), data, rng).values for _ in range(4000)])
    assert np.isnan(drawn[:, 1, 0]).all()
    np.testing.assert_array_equal(drawn[:, 1, 1], 0)
    np.testing.assert_allclose(np.cov(drawn[:, 0].T), errors[0], atol=0.4)


def test_few_sites_and_a_column_seen_nowhere():
    values = np.random.default_rng(9).normal(size=(6, 4))
    values[:, 3] = np.nan
    values[0] = np.nan
    data = exact_data(values)
    drawn = UnimodalPopulation.fit(data).simulate(data, np.random.default_rng(1))
    assert (drawn.observed == data.observed).all()


def test_a_given_population_is_used():
    data = exact_data(np.random.default_rng(10).normal(size=(20, 2)))
    given = Population(np.array([5.0, -5.0]), np.eye(2))
    drawn = UnimodalPopulation.fit(data, given).draw(np.random.default_rng(1), 2000)
    np.testing.assert_allclose(drawn.mean(axis=0), [5, -5], atol=0.1)
