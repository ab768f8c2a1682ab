"""How typed sites look, beside one population and a continuum."""

import numpy as np
import pytest

from site_typology.models.mixture import BUDGET, TYPE_PRIOR, fit_types
from site_typology.models.typedness import typedness
from site_typology.models.working import exact_data


def typed(n, seed, separation, q=4, error=0.3):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    means = np.eye(3, q) * separation / np.sqrt(2)
    values = means[labels] + rng.normal(size=(n, q)) + np.sqrt(error) * rng.normal(size=(n, q))
    values[rng.random((n, q)) < 0.1] = np.nan
    return exact_data(values, np.broadcast_to(error * np.eye(q), (n, q, q)).copy())


def test_gain_by_its_definition():
    data = typed(45, 1, 7.0)
    found = typedness(data, [3], seed=2)
    model = fit_types(data, 3, 2, budget=BUDGET, least=3)
    chances = model.memberships(data)
    entropy = -(chances * np.log(np.clip(chances, 1e-300, 1))).sum()
    alone = fit_types(data, 1, 2, budget=BUDGET, shrink=TYPE_PRIOR).log_likelihood(data)
    assert found.one_log_likelihood == pytest.approx(alone)
    base = max(alone, found.continuum.log_likelihood)
    assert found.gains[3] == pytest.approx(model.log_likelihood(data) - entropy - base)


def test_gains_grow_with_separation_and_name_the_number_of_types():
    near, far = (typedness(typed(60, 7, d), [2, 3, 4], seed=1).gains for d in (0.0, 8.0))
    assert far[3] > near[3] + 20
    # The third type gains far more than a fourth.
    assert far[3] - far[2] > 20 > far[4] - far[3]


def test_outliers_are_no_type():
    rows = np.random.default_rng(5).normal(size=(30, 3))
    rows[0] = 40
    alone = typedness(exact_data(rows), [2], seed=1, least=1).gains[2]
    several = typedness(exact_data(rows), [2], seed=1, least=3).gains[2]
    assert np.isnan(several) or several < alone - 10


def test_same_seed_same_gains():
    data = typed(30, 3, 4.0)
    assert typedness(data, [2, 3], seed=4).gains == typedness(data, [2, 3], seed=4).gains
