"""The transition model: against recursions and arithmetic done otherwise, laws, known truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from site_typology.models.transition_draws import draw_transitions
from site_typology.models.transitions import (
    RoundsData,
    expected_rows,
    fit_transitions,
    log_prior,
    moving,
    step_counts,
)

MEANS = np.array([[0.0, 0.0], [3.0, 1.0]])
COVARIANCE = np.array([[1.0, 0.3], [0.3, 0.8]])


def simulate(
    n: int, rounds: int, stay: float, persistence: float, seed: int, error: float = 0.5
) -> tuple[RoundsData, np.ndarray]:
    """Sites of two types that keep part of their deviation, and their types (n, rounds)."""
    rng = np.random.default_rng(seed)
    kinds = np.zeros((n, rounds), dtype=int)
    kinds[:, 0] = rng.random(n) < 0.4
    for at in range(1, rounds):
        kinds[:, at] = np.where(rng.random(n) < stay, kinds[:, at - 1], 1 - kinds[:, at - 1])
    root = np.linalg.cholesky(COVARIANCE)
    lasting = rng.normal(size=(n, 1, 2)) @ root.T * np.sqrt(persistence)
    passing = rng.normal(size=(n, rounds, 2)) @ root.T * np.sqrt(1 - persistence)
    noise = error * rng.normal(size=(n, rounds, 2))
    values = MEANS[kinds] + lasting + passing + noise
    errors = np.broadcast_to(error**2 * np.eye(2), (n, rounds, 2, 2)).copy()
    return RoundsData(values, errors), kinds


def test_without_lasting_deviations_paths_are_what_forward_and_backward_give() -> None:
    data, _ = simulate(30, 4, 0.8, 0.0, seed=1)
    model = fit_transitions(data, MEANS, COVARIANCE, (0.0,))
    fit = model.best
    marginals = np.einsum("np,ptk->ntk", model.path_probabilities(), np.eye(2)[model.paths])
    for site in range(30):
        density = np.array(
            [
                [
                    multivariate_normal.pdf(
                        data.values[site, at] - fit.shift[at], mean, COVARIANCE + 0.25 * np.eye(2)
                    )
                    for mean in MEANS
                ]
                for at in range(4)
            ]
        )
        forward = [fit.start * density[0]]
        for at in range(1, 4):
            forward.append((forward[-1] @ fit.steps[at - 1]) * density[at])
        backward = [np.ones(2)]
        for at in (2, 1, 0):
            backward.insert(0, fit.steps[at] @ (density[at + 1] * backward[0]))
        own = np.array(forward) * np.array(backward)
        np.testing.assert_allclose(marginals[site], own / own.sum(axis=1, keepdims=True), atol=1e-5)


def test_a_path_has_the_density_of_the_stacked_normal_with_gaps_left_out() -> None:
    data, _ = simulate(3, 2, 0.9, 0.6, seed=2)
    data.values[0, 1, 0] = np.nan
    data.values[1, 0] = np.nan
    model = fit_transitions(data, MEANS, COVARIANCE, (0.6,))
    fit = model.best
    whole = np.kron(np.array([[1.0, 0.6], [0.6, 1.0]]), COVARIANCE) + 0.25 * np.eye(4)
    for site in range(3):
        seen = ~np.isnan(data.values[site].ravel())
        for place, path in enumerate(model.paths):
            mean = (MEANS[path] + fit.shift).ravel()
            expected = multivariate_normal.logpdf(
                data.values[site].ravel()[seen], mean[seen], whole[np.ix_(seen, seen)]
            )
            assert fit.log_paths[site, place] == pytest.approx(expected, abs=1e-4)


def test_a_shift_of_all_sites_is_no_move() -> None:
    data, _ = simulate(80, 2, 1.0, 0.5, seed=3)
    data.values[:, 1] += np.array([0.8, -0.6])
    model = fit_transitions(data, MEANS, COVARIANCE)
    # New deviations and two errors leave each of 80 sites' changes an SD of at most 1.22: .14.
    np.testing.assert_allclose(model.best.shift[1], [0.8, -0.6], atol=0.42)
    assert np.all(model.best.shift[0] == 0)
    assert moving(model.path_probabilities(), model.paths, data)[0] < 0.05


@pytest.mark.parametrize("base", [0, 1])
def test_moves_and_persistence_are_recovered(base: int) -> None:
    data, kinds = simulate(400, 2, 0.8, 0.6, seed=4, error=0.3)
    data = RoundsData(data.values, data.errors, base)
    model = fit_transitions(data, MEANS, COVARIANCE)
    draws = draw_transitions(model, seed=1, draws=300, burn=50)
    true = int((kinds[:, 0] != kinds[:, 1]).sum())
    low, high = np.quantile(draws.movers[:, 0], [0.005, 0.995])
    assert low <= true <= high
    assert draws.persistence.mean() == pytest.approx(0.6, abs=0.15)
    np.testing.assert_allclose(draws.probabilities, model.path_probabilities(), atol=0.12)


def test_the_order_of_sites_and_the_seed_decide_nothing_else() -> None:
    data, _ = simulate(40, 2, 0.8, 0.5, seed=5)
    turned = RoundsData(data.values[::-1], data.errors[::-1])
    one, other = (fit_transitions(each, MEANS, COVARIANCE) for each in (data, turned))
    np.testing.assert_allclose(
        one.path_probabilities(), other.path_probabilities()[::-1], atol=1e-8
    )
    first, again = (draw_transitions(one, 7, draws=20, burn=5) for _ in range(2))
    np.testing.assert_array_equal(first.steps, again.steps)


def test_movers_are_counted_among_sites_seen_in_both_rounds() -> None:
    data, _ = simulate(40, 3, 0.5, 0.0, seed=6, error=0.1)
    data.values[:20, 2] = np.nan
    seen = ~np.isnan(data.values).all(axis=2)
    model = fit_transitions(data, MEANS, COVARIANCE)
    draws = draw_transitions(model, 1, seen=seen, draws=50, burn=5)
    assert draws.movers[:, 1].max() <= 20


def test_one_type_has_no_transitions_but_a_shift() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(60, 2, 1)) + np.array([[0.0], [1.5]])
    data = RoundsData(values, np.zeros((60, 2, 1, 1)))
    model = fit_transitions(data, np.zeros((1, 1)), np.eye(1))
    assert model.best.shift[1, 0] == pytest.approx(1.5, abs=0.6)
    assert draw_transitions(model, 1, draws=5, burn=0).movers.max() == 0


def test_counts_and_priors_by_hand() -> None:
    paths = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    start, steps = step_counts(np.array([3.0, 1.0, 0.0, 2.0]), paths, 2)
    assert start.tolist() == [4.0, 2.0]
    assert steps.tolist() == [[[3.0, 1.0], [0.0, 2.0]]]
    assert expected_rows(0.8, 3).round(3).tolist()[0] == [0.8, 0.1, 0.1]
    logs = log_prior(paths, np.array([0.5, 0.5]), expected_rows(0.9, 2)[None])
    assert np.exp(logs).round(3).tolist() == [0.45, 0.05, 0.05, 0.45]


def test_too_many_paths_are_refused() -> None:
    data = RoundsData(np.zeros((2, 15, 1)), np.zeros((2, 15, 1, 1)))
    with pytest.raises(ValueError, match="at most 10000 paths"):
        fit_transitions(data, np.zeros((2, 1)), np.eye(1))
