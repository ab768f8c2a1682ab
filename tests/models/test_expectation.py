"""The E-step of many sites side by side, held to one site at a time in plain NumPy."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.stats import multivariate_normal

from site_typology.models import kernels
from site_typology.models.expectation import RIDGE, expect, workspace
from site_typology.models.plausible import SeenCells
from site_typology.models.working import WorkingData, exact_data

Q, K = 4, 3


def measured(n: int, seed: int) -> WorkingData:
    """Sites with correlated errors and gaps; the first has no value at all."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, Q))
    values[rng.random((n, Q)) < 0.3] = np.nan
    values[0] = np.nan
    roots = rng.normal(size=(n, Q, Q)) * 0.4
    seen = ~np.isnan(values)
    errors = (roots @ roots.mT) * seen[:, :, None] * seen[:, None, :]
    return exact_data(values, errors)


def one_by_one(
    data: WorkingData, weights: np.ndarray, means: np.ndarray, covariance: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Sums of the E-step from the formulas for one site (Bovy and others 2011, equations 16)."""
    scatter, shifts, sizes = np.zeros((Q, Q)), np.zeros((K, Q)), np.zeros(K)
    total = 0.0
    for value, error in zip(data.values, data.errors, strict=True):
        at = np.flatnonzero(~np.isnan(value))
        system = covariance[np.ix_(at, at)] + error[np.ix_(at, at)] + RIDGE * np.eye(len(at))
        gain = covariance[:, at] @ np.linalg.inv(system)
        logs = np.log(weights)
        if len(at):
            logs = logs + [
                multivariate_normal.logpdf(value[at], mean[at], system) for mean in means
            ]
        whole = float(np.logaddexp.reduce(logs))
        total += whole
        scatter -= gain @ covariance[at]
        for j, chance in enumerate(np.exp(logs - whole)):
            shift = gain @ (value[at] - means[j, at])
            sizes[j] += chance
            shifts[j] += chance * shift
            scatter += chance * np.outer(shift, shift)
    return scatter, shifts, sizes, total


@pytest.mark.parametrize("n", [1, 31, 32, 70])
def test_blocks_of_sites_give_what_one_site_at_a_time_gives(n: int) -> None:
    data = measured(n, seed=n)
    rng = np.random.default_rng(7)
    weights, means = np.array([0.5, 0.3, 0.2]), rng.normal(size=(K, Q))
    covariance = np.cov(rng.normal(size=(Q, 9)))
    sums = np.empty((Q, Q)), np.empty((K, Q)), np.empty(K)
    seen = SeenCells.of(data)

    total = expect(*seen.blocks, weights, means, covariance, sums, workspace(K, Q))

    *expected, whole = one_by_one(data, weights, means, covariance)
    assert total == pytest.approx(whole, rel=1e-10)
    assert np.allclose(np.triu(sums[0]), np.triu(expected[0]), atol=1e-6)
    assert np.allclose(sums[1], expected[1], atol=1e-6)
    assert np.allclose(sums[2], expected[2], atol=1e-10)


@pytest.mark.parametrize("n", [3, 10, 60])
def test_a_hierarchy_is_cut_as_scipy_cuts_it(n: int) -> None:
    tree = linkage(np.random.default_rng(n).normal(size=(n, 3)), "ward")
    for k in range(1, min(n, 6) + 1):
        ours, theirs = kernels.cut(tree, k), fcluster(tree, k, "maxclust")
        assert len(set(zip(ours.tolist(), theirs.tolist(), strict=True))) == k
        assert sorted(set(ours.tolist())) == list(range(k))
