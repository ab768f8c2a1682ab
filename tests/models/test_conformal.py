"""Sets hold the right type as often as stated, and members are outside as seldom as stated."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import chi2

from site_typology.models.conformal import MANY_SITES, calibrate, least_sites
from site_typology.models.mixture import TYPE_PRIOR, TypeModel, fit_types
from site_typology.models.tails import log_tail
from site_typology.models.working import WorkingData, exact_data

APART = 4.0


def draw(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Three columns, two types `APART` SDs apart, every value with an error of half an SD."""
    random = np.random.default_rng(seed)
    kinds = (random.random(n) < 0.35).astype(int)
    rows = random.normal(size=(n, 3)) * np.sqrt(1.25)
    rows[:, 0] += APART * kinds
    return rows, kinds


def data(rows: np.ndarray) -> WorkingData:
    return exact_data(rows, np.repeat(0.25 * np.eye(3)[None], len(rows), axis=0))


@pytest.mark.parametrize("sites", [60, 200])
def test_sets_hold_the_true_type_of_new_sites_as_often_as_stated(sites):
    held: list[list[float]] = [[], []]
    for seed in range(20):
        rows, kinds = draw(sites + 300, seed)
        model = fit_types(data(rows[:sites]), 2, seed)
        p_values = calibrate(model, data(rows[:sites])).p_values(data(rows[sites:]))
        low = int(model.means[1, 0] < model.means[0, 0])
        own = np.where(kinds[sites:] == 0, low, 1 - low)
        kept = (p_values > 0.1)[np.arange(300), own]
        for kind in (0, 1):
            held[kind].append(float(kept[kinds[sites:] == kind].mean()))
    for shares in held:
        # Cross-conformal sets hold 1 - 2 alpha for certain and about 1 - alpha in practice.
        error = np.std(shares, ddof=1) / np.sqrt(len(shares))
        assert 0.88 - 3 * error < np.mean(shares) < 0.96 + 3 * error


def test_no_type_of_too_few_sites_is_ever_left_out():
    rows, kinds = draw(40, 1)
    few = np.concatenate([rows[kinds == 0][:20], rows[kinds == 1][:8]])
    model = fit_types(data(few), 2, 1)
    found = calibrate(model, data(few))
    assert found.sizes.min() < least_sites(0.9)
    smallest = int(found.sizes.argmin())
    far = found.p_values(data(np.array([[-50.0, 0.0, 0.0], [60.0, 0.0, 0.0]])))
    assert far[:, smallest].min() > 0.1
    assert_allclose(found.sizes.sum(), len(few))


def test_the_order_of_the_sites_does_not_matter():
    rows, _ = draw(60, 3)
    fitted = data(rows)
    model = fit_types(fitted, 2, 1)
    turned = dataclasses.replace(
        fitted, values=fitted.values[::-1], errors=fitted.errors[::-1], sites=fitted.sites[::-1]
    )
    new = data(draw(50, 4)[0])
    one, other = (calibrate(model, own).p_values(new) for own in (fitted, turned))
    assert_allclose(one, other, atol=1e-3)


def test_many_sites_are_held_out_once():
    rows, _ = draw(MANY_SITES, 5)
    model = TypeModel(np.array([0.65, 0.35]), np.array([[0.0, 0, 0], [APART, 0, 0]]), np.eye(3))
    found = calibrate(model, data(rows))
    assert len(found.folds) == 1
    assert_allclose(found.sizes.sum(), MANY_SITES / 10)


@pytest.mark.parametrize(("small", "folds"), [(60, 4), (6, 10)])
def test_many_sites_are_held_out_until_small_types_have_enough(small, folds):
    """A tenth of 60 sites is 6, too few; four tenths are 24; all of 6 are too few."""
    random = np.random.default_rng(1)
    middles = np.repeat([0.0, 8.0], [MANY_SITES - small, small])
    rows = data(random.normal(size=(MANY_SITES, 3)) + middles[:, None])
    share = small / MANY_SITES
    model = TypeModel(np.array([1 - share, share]), np.array([[0.0] * 3, [8.0] * 3]), np.eye(3))
    found = calibrate(model, rows)
    assert len(found.folds) == folds
    assert found.carries(0.9) == (small == 60)
    assert_allclose(found.sizes[1], folds * small / 10, atol=0.5)


@pytest.mark.parametrize("sites", [25, 60, 150])
def test_new_members_are_as_far_as_stated_when_the_types_are_estimated(sites):
    """One type by plain estimates, where the law is exact: no shrinkage, no error."""
    random = np.random.default_rng(7)
    q, level, runs = 4, 0.05, 8000
    drawn = random.normal(size=(runs, sites, q))
    mean = drawn.mean(axis=1)
    off = drawn - mean[:, None, :]
    covariance = np.einsum("rna,rnb->rab", off, off) / (sites - 1)
    new = random.normal(size=(runs, q)) - mean
    squares = np.einsum("ra,ra->r", new, np.linalg.solve(covariance, new[:, :, None])[:, :, 0])
    # Degrees of freedom count the prior, which is not there: as many sites fewer, whose mean would
    # be known less well by the factor.
    fewer = int(sites - TYPE_PRIOR)
    factor = (1 + 1 / fewer) / (1 + 1 / sites)
    model = TypeModel(np.ones(1), np.zeros((1, q)), np.eye(q))
    tails = log_tail(model, squares * factor, np.zeros(runs, int), np.full(runs, q), fewer)
    error = np.sqrt(level * (1 - level) / runs)
    assert abs(float((np.exp(tails) < level).mean()) - level) < 3 * error
    assert float((chi2.sf(squares, q) < level).mean()) > level + 3 * error


def test_known_types_have_chi_square_distances_and_more_sites_come_near_to_it():
    model = TypeModel(np.array([0.7, 0.3]), np.zeros((2, 5)), np.eye(5))
    squares, kinds, cells = np.array([3.0, 20.0, 9.0]), np.array([0, 1, 0]), np.array([5, 5, 0])
    known = log_tail(model, squares, kinds, cells, None)
    assert_allclose(known[:2], chi2.logsf(squares[:2], 5))
    assert known[2] == 0.0
    gaps = [
        np.abs(log_tail(model, squares, kinds, cells, n) - known).max() for n in (25, 400, 9999)
    ]
    assert gaps[0] > gaps[1] > gaps[2] and gaps[2] < 0.02
    assert np.isfinite(log_tail(model, np.array([1e9]), kinds[:1], cells[:1], 25)).all()
