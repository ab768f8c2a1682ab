"""Compiled inner loops: expectation-maximisation with known errors and gaps.

Written for thousands of small fits on one thread: a site's system is factorised once a step for
all types, since types share their covariance. Import this module inside functions only: it loads
numba and, the first time on a machine, compiles.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from site_typology.models.expectation import expect, workspace

RIDGE = 1e-8


@njit(cache=True, nogil=True, error_model="numpy")
def eliminate(work: np.ndarray, m: int, width: int) -> float:
    """Factorise the leading m x m block ``U'U`` and solve ``U'`` for the columns beside it.

    Parameters
    ----------
    work : ndarray, shape (at least m, at least width)
        Symmetric matrix (upper part) followed by right-hand sides; overwritten.

    Returns
    -------
    float
        Log-determinant of the matrix.
    """
    log_determinant = 0.0
    for row in range(m):
        pivot = np.sqrt(max(work[row, row], RIDGE))
        log_determinant += 2.0 * np.log(pivot)
        inverse = 1.0 / pivot
        for column in range(row, width):
            work[row, column] *= inverse
        for below in range(row + 1, m):
            factor = work[row, below]
            if factor != 0.0:
                for column in range(below, width):
                    work[below, column] -= factor * work[row, column]
    return log_determinant


@njit(cache=True, nogil=True, error_model="numpy")
def load_site(
    work: np.ndarray,
    values: np.ndarray,
    errors: np.ndarray,
    cells: np.ndarray,
    m: int,
    means: np.ndarray,
    covariance: np.ndarray,
) -> int:
    """Lay out one site's system: covariance of what was seen, its link to the truth, deviations."""
    q = covariance.shape[0]
    k = means.shape[0]
    for a in range(m):
        cell = cells[a]
        for b in range(a, m):
            work[a, b] = covariance[cell, cells[b]] + errors[cell, cells[b]]
        work[a, a] += RIDGE
        for b in range(q):
            work[a, m + b] = covariance[cell, b]
        for j in range(k):
            work[a, m + q + j] = values[cell] - means[j, cell]
    width: int = m + q + k
    return width


@njit(cache=True, nogil=True, error_model="numpy")
def squared_distances(
    values: np.ndarray,
    errors: np.ndarray,
    cells: np.ndarray,
    counts: np.ndarray,
    means: np.ndarray,
    covariance: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Squared Mahalanobis distances (n, k) with error, and log-determinants (n,)."""
    n, q = values.shape
    k = means.shape[0]
    work = np.empty((q, 2 * q + k))
    squares = np.zeros((n, k))
    log_determinants = np.zeros(n)
    for i in range(n):
        m = counts[i]
        width = load_site(work, values[i], errors[i], cells[i], m, means, covariance)
        log_determinants[i] = eliminate(work, m, width)
        for a in range(m):
            for j in range(k):
                squares[i, j] += work[a, m + q + j] ** 2
    return squares, log_determinants


@njit(cache=True, nogil=True, error_model="numpy")
def posteriors(
    values: np.ndarray,
    errors: np.ndarray,
    cells: np.ndarray,
    counts: np.ndarray,
    mean: np.ndarray,
    covariance: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Posterior means (n, q) and covariances (n, q, q) of the true profiles."""
    n, q = values.shape
    one = mean.reshape(1, q)
    work = np.empty((q, 2 * q + 1))
    means = np.empty((n, q))
    covariances = np.empty((n, q, q))
    for i in range(n):
        m = counts[i]
        width = load_site(work, values[i], errors[i], cells[i], m, one, covariance)
        eliminate(work, m, width)
        means[i] = mean
        covariances[i] = covariance
        for a in range(m):
            for b in range(q):
                factor = work[a, m + b]
                means[i, b] += factor * work[a, m + q]
                for c in range(q):
                    covariances[i, b, c] -= factor * work[a, m + c]
    return means, covariances


@njit(cache=True, nogil=True, error_model="numpy")
def maximise(
    weights: np.ndarray,
    means: np.ndarray,
    covariance: np.ndarray,
    scatter: np.ndarray,
    sizes: np.ndarray,
    shifts: np.ndarray,
    anchor: np.ndarray,
    prior: float,
) -> None:
    """Update weights, means and covariance in place from the sums of one E-step."""
    k, q = means.shape
    n = sizes.sum()
    for j in range(k):
        size = max(sizes[j], 1e-9)
        for b in range(q):
            shift = shifts[j, b] / size
            for c in range(b, q):
                scatter[b, c] -= sizes[j] * shift * (shifts[j, c] / size)
        for b in range(q):
            means[j, b] += shifts[j, b] / size
        weights[j] = max(sizes[j] / n, 1e-6)
    shrink_covariance(covariance, scatter, sizes, means, anchor, prior)


@njit(cache=True, nogil=True, error_model="numpy")
def shrink_covariance(
    covariance: np.ndarray,
    scatter: np.ndarray,
    sizes: np.ndarray,
    means: np.ndarray,
    anchor: np.ndarray,
    prior: float,
) -> None:
    """Update the covariance within types in place from the scatter about their new means.

    It is shrunk, with the weight of `prior` sites, to the diagonal that is left of `anchor`
    (variances of one population) after taking away what lies between the types.
    """
    k, q = means.shape
    n = sizes.sum()
    for b in range(q):
        centre = 0.0
        for j in range(k):
            centre += sizes[j] / n * means[j, b]
        between = 0.0
        for j in range(k):
            between += sizes[j] / n * (means[j, b] - centre) ** 2
        for c in range(b, q):
            within = covariance[b, c] + scatter[b, c] / n
            target = 0.0
            if c == b:
                target = within if k == 1 else max(anchor[b] - between, 0.05 * anchor[b])
                within = max(within, 1e-6)
            shrunk = (n * within + prior * target) / (n + prior)
            covariance[b, c] = shrunk
            covariance[c, b] = shrunk


@njit(cache=True, nogil=True, error_model="numpy")
def expectation_maximisation(
    values: np.ndarray,
    errors: np.ndarray,
    seen: np.ndarray,
    n: int,
    weights: np.ndarray,
    means: np.ndarray,
    covariance: np.ndarray,
    anchor: np.ndarray,
    prior: float,
    tolerance: float,
    calm: int,
    path: np.ndarray,
) -> int:
    """Improve a mixture in place, write the log-likelihoods to `path`, count the steps taken.

    There are at most ``len(path) - 1`` steps. With `calm` 0 they end at the first that gains less
    than `tolerance`; otherwise after `calm` steps in a row that change less, up or down, since
    shrinkage can lower the log-likelihood on its way to where it settles. The last one is that of
    the parameters handed back: the last pass only evaluates.
    """
    k, q = means.shape
    scatter = np.empty((q, q))
    shifts = np.empty((k, q))
    sizes = np.empty(k)
    sums = scatter, shifts, sizes
    space = workspace(len(means), q)
    before = -np.inf
    step = 0
    quiet = 0
    while True:
        total = expect(values, errors, seen, n, weights, means, covariance, sums, space)
        path[step] = total
        quiet = quiet + 1 if abs(total - before) < tolerance else 0
        ended = quiet >= calm if calm > 0 else total - before < tolerance
        if ended or step == len(path) - 1:
            return step
        before = total
        step += 1
        maximise(weights, means, covariance, scatter, sizes, shifts, anchor, prior)


@njit(cache=True, nogil=True, error_model="numpy")
def cut(tree: np.ndarray, k: int) -> np.ndarray:
    """Cut a hierarchy from `scipy.cluster.hierarchy.linkage` into k groups, 0 to k - 1."""
    n = len(tree) + 1
    above = np.arange(2 * n - 1)
    for at in range(n - k):
        above[int(tree[at, 0])] = n + at
        above[int(tree[at, 1])] = n + at
    # A merge stands above what it merges, so that from the top down each root is known in time.
    group = np.full(2 * n - 1, -1)
    found = 0
    for at in range(2 * n - k - 1, -1, -1):
        if above[at] == at:
            group[at] = found
            found += 1
        else:
            group[at] = group[above[at]]
    return group[:n]
