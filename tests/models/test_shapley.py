"""Shapley values in closed form: SHAP's own exact explainer, brute force, axioms, and its plots."""

from __future__ import annotations

import itertools
import math

import matplotlib as mpl
import numpy as np
import pytest

from site_typology import Typology
from site_typology.models.measured_scores import measured_contributions
from site_typology.models.mixture import TypeModel
from site_typology.models.quadratic import Quadratics, against_others, column_groups
from site_typology.models.shapley import Background, as_explanation, shapley_values
from site_typology.models.surrogate import shap_package
from site_typology.models.working import exact_data


def random_scores(rng: np.random.Generator, q: int, outputs: int) -> Quadratics:
    bend = rng.normal(size=(outputs, q, q))
    return Quadratics(rng.normal(size=outputs), rng.normal(size=(outputs, q)), (bend + bend.mT) / 2)


def random_covariances(rng: np.random.Generator, k: int, q: int) -> np.ndarray:
    root = rng.normal(size=(k, q, q + 3))
    return root @ root.mT / q


def exactly(scores, background: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Ask shap: every subset of features, every row of the background."""
    shap = shap_package()
    masker = shap.maskers.Independent(background, max_samples=len(background))
    return np.asarray(shap.ExactExplainer(scores, masker)(points).values)


def by_brute_force(scores, background: np.ndarray, point: np.ndarray, owner: np.ndarray):
    """Shapley's own sum over all subsets of players."""
    players = int(owner.max()) + 1

    def worth(chosen: tuple[int, ...]) -> np.ndarray:
        return scores(np.where(np.isin(owner, chosen), point, background)).mean(axis=0)

    found = []
    for player in range(players):
        rest = [other for other in range(players) if other != player]
        total = 0.0
        for size in range(players):
            weight = math.factorial(size) * math.factorial(players - size - 1)
            for chosen in itertools.combinations(rest, size):
                total = total + weight * (worth((*chosen, player)) - worth(chosen))
        found.append(total / math.factorial(players))
    return np.array(found)


@pytest.mark.parametrize(("q", "seed"), [(2, 1), (5, 2), (8, 3), (10, 4)])
def test_random_quadratics_agree_with_shap(q: int, seed: int):
    rng = np.random.default_rng(seed)
    scores = random_scores(rng, q, outputs=2)
    background, points = rng.normal(1.0, 2.0, (30, q)), rng.normal(size=(4, q))
    found = shapley_values(scores, Background.of(background), points)
    assert np.abs(found - exactly(scores, background, points)).max() < 1e-6


@pytest.mark.parametrize("shared", [True, False])
def test_mixtures_agree_with_shap_and_give_their_log_odds(shared: bool):
    rng = np.random.default_rng(7)
    weights, means = np.array([0.5, 0.3, 0.2]), rng.normal(size=(3, 6))
    covariances = random_covariances(rng, 3, 6)
    scores = Quadratics.of_gaussians(weights, means, covariances[0] if shared else covariances)
    assert (scores.curvature is None) == shared
    points, background = rng.normal(size=(5, 6)), rng.normal(size=(40, 6))
    from scipy.stats import multivariate_normal

    logs = np.column_stack(
        [
            np.log(weights[at])
            + multivariate_normal(means[at], covariances[0 if shared else at]).logpdf(points)
            for at in range(3)
        ]
    )
    odds = scores.combined(against_others(3))
    assert odds(points) == pytest.approx(logs @ against_others(3).T)
    found = shapley_values(odds, Background.of(background), points)
    assert np.abs(found - exactly(odds, background, points)).max() < 1e-6


def test_centroids_agree_with_shap():
    rng = np.random.default_rng(8)
    centroids, points = rng.normal(size=(3, 7)), rng.normal(size=(6, 7))
    scores = Quadratics.of_centroids(centroids)
    nearest = ((points[:, None] - centroids) ** 2).sum(axis=2)
    assert (scores(points).argmax(axis=1) == nearest.argmin(axis=1)).all()
    odds = scores.combined(against_others(3))
    found = shapley_values(odds, Background.of(points), points)
    assert np.abs(found - exactly(odds, points, points)).max() < 1e-6


def test_a_fitted_typology_agrees_with_shap(typed: Typology):
    model = typed.model
    data = typed.scale.transform(typed.profiles)
    points = data.values[data.observed.all(axis=1)]
    assert 2 <= points.shape[1] <= 10
    odds = Quadratics.of_gaussians(model.weights, model.means, model.covariance).combined(
        against_others(model.k)
    )
    found = shapley_values(odds, Background.of(points), points)
    assert np.abs(found - exactly(odds, points, points)).max() < 1e-6
    # With exact values and no gaps the log-odds are those of the assignment itself.
    logs = np.log(model.memberships(exact_data(points)).clip(1e-300))
    clear = logs.min(axis=1) > -300
    expected = logs[clear] @ against_others(model.k).T
    assert odds(points)[clear] == pytest.approx(expected, abs=1e-4)


def test_a_player_of_several_columns_is_one_player():
    rng = np.random.default_rng(9)
    names, owner = column_groups(["time", "need", "time", "mix", "mix", "mix"])
    assert names == ("time", "need", "mix")
    scores = random_scores(rng, 6, outputs=3)
    background, points = rng.normal(size=(25, 6)), rng.normal(size=(3, 6))
    found = shapley_values(scores, Background.of(background), points, owner)
    for at, point in enumerate(points):
        expected = by_brute_force(scores, background, point, owner)
        assert found[at] == pytest.approx(expected, abs=1e-9)


def test_the_axioms_hold():
    rng = np.random.default_rng(10)
    scores = random_scores(rng, 5, outputs=2)
    # Columns 0 and 1 play alike, column 4 plays no part.
    swap = [1, 0, 2, 3, 4]
    bend = (scores.curvature + scores.curvature[:, swap][:, :, swap]) / 2
    bend[:, 4] = bend[:, :, 4] = 0.0
    slope = (scores.slope + scores.slope[:, swap]) / 2
    slope[:, 4] = 0.0
    scores = Quadratics(scores.constant, slope, bend)
    background = rng.normal(size=(50, 5))
    background = np.vstack([background, background[:, swap]])
    points = rng.normal(size=(20, 5))
    points[:, 1] = points[:, 0]
    found, base = (
        shapley_values(scores, Background.of(background), points),
        Background.of(background).expected(scores),
    )
    assert base == pytest.approx(scores(background).mean(axis=0))
    assert found.sum(axis=1) == pytest.approx(scores(points) - base)
    assert found[:, 0] == pytest.approx(found[:, 1])
    assert found[:, 4] == pytest.approx(0.0)
    # Linear in the game: values of a sum of games are sums of values.
    weights = np.array([[2.0, -1.0]])
    both = shapley_values(scores.combined(weights), Background.of(background), points)
    assert both == pytest.approx(found @ weights.T)


def test_units_and_order_of_columns_do_not_matter():
    rng = np.random.default_rng(11)
    means, covariance = rng.normal(size=(3, 4)), random_covariances(rng, 1, 4)[0]
    points, weights = rng.normal(size=(30, 4)), np.full(3, 1 / 3)

    def found(scale: np.ndarray, order: list[int]) -> np.ndarray:
        model = Quadratics.of_gaussians(
            weights,
            (means * scale)[:, order],
            (covariance * np.outer(scale, scale))[order][:, order],
        )
        own = (points * scale)[:, order]
        return shapley_values(model.combined(against_others(3)), Background.of(own), own)

    plain = found(np.ones(4), [0, 1, 2, 3])
    order = [2, 0, 3, 1]
    assert found(np.array([1.0, 60.0, 0.01, 5.0]), order) == pytest.approx(plain[:, order])


def test_measured_contributions_add_up_to_the_log_odds_of_the_assignment():
    rng = np.random.default_rng(12)
    q, n = 5, 40
    model = TypeModel(
        np.array([0.5, 0.3, 0.2]), rng.normal(size=(3, q)), random_covariances(rng, 1, q)[0]
    )
    values = np.where(rng.random((n, q)) < 0.2, np.nan, rng.normal(size=(n, q)))
    values[0] = np.nan
    errors = random_covariances(rng, n, q) * 0.3
    gaps = np.isnan(values)
    errors[gaps[:, :, None] | gaps[:, None, :]] = 0.0
    data = exact_data(values, errors)
    pair = np.arange(n) % 3, (np.arange(n) + 1) % 3
    owner = np.array([0, 1, 1, 2, 3])
    parts, base = measured_contributions(model, data, pair, np.full(q, 0.3), owner)
    shares = model.memberships(data)
    rows = np.arange(n)
    expected = np.log(shares[rows, pair[0]] / shares[rows, pair[1]])
    assert parts.shape == (n, 4)
    assert parts.sum(axis=1) + base == pytest.approx(expected, abs=1e-6)
    assert (parts[:, 0][gaps[:, 0]] == 0).all()
    assert base[0] == pytest.approx(np.log(model.weights[0] / model.weights[1]))


@pytest.mark.parametrize("plot", ["beeswarm", "waterfall", "bar"])
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.filterwarnings("ignore:The NumPy global RNG was seeded:FutureWarning")
def test_plots_of_shap_draw_it(plot: str, tmp_path):
    mpl.use("Agg")
    from matplotlib import pyplot

    rng = np.random.default_rng(13)
    scores, points = random_scores(rng, 4, outputs=3), rng.normal(size=(30, 4))
    background = Background.of(points)
    names = ["Need", "Reach", "Advice", "Time"]
    whole = as_explanation(
        shapley_values(scores, background, points), background.expected(scores), points, names
    )
    assert type(whole) is shap_package().Explanation
    assert whole.shape == (30, 4, 3)
    one = whole[:, :, 1]
    assert one.values.sum(axis=1) + one.base_values == pytest.approx(scores(points)[:, 1])
    getattr(shap_package().plots, plot)(one[0] if plot == "waterfall" else one, show=False)
    words = {text.get_text() for text in pyplot.gcf().findobj(mpl.text.Text)}
    assert any("Advice" in word for word in words)
    pyplot.close("all")
