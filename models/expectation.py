"""Compiled E-step of mixtures with known errors and gaps, a block of sites at a time.

The sites of a block lie side by side in memory, so that every operation runs over all of them at
once in the processor's wide registers: at 14 columns that takes a quarter of the time of site by
site. A gap is a row and column of the identity in a site's system, and so is a place without a
site at the end of the last block; both add nothing. Import this module inside functions only, as
`kernels`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from site_typology.models.row_products import LANES, take_products

RIDGE = 1e-8
LOG_2PI = float(np.log(2 * np.pi))
FAINT = 1e-7
"""Membership probability below which a site does not move a type."""

Workspace = tuple[
    np.ndarray,
    np.ndarray,
    np.ndarray,
    np.ndarray,
    np.ndarray,
    np.ndarray,
    np.ndarray,
    np.ndarray,
    np.ndarray,
    np.ndarray,
]


@njit(cache=True, nogil=True, error_model="numpy")
def lay_out(
    values: np.ndarray, errors: np.ndarray, cells: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lay sites side by side: values, errors, and 1 where a cell is seen, by block.

    Parameters
    ----------
    values, errors, cells, counts : ndarray
        As in `site_typology.models.plausible.SeenCells`.

    Returns
    -------
    ndarray, shape (blocks, q, LANES)
    ndarray, shape (blocks, q, q, LANES)
    ndarray, shape (blocks, q, LANES)
    """
    n, q = values.shape
    blocks = (n + LANES - 1) // LANES
    laid = np.zeros((blocks, q, LANES))
    spread = np.zeros((blocks, q, q, LANES))
    seen = np.zeros((blocks, q, LANES))
    for i in range(n):
        block = i // LANES
        lane = i % LANES
        for at in range(counts[i]):
            cell = cells[i, at]
            laid[block, cell, lane] = values[i, cell]
            seen[block, cell, lane] = 1.0
            for other in range(q):
                spread[block, cell, other, lane] = errors[i, cell, other]
    return laid, spread, seen


@njit(cache=True, nogil=True, error_model="numpy")
def factorise(
    system: np.ndarray,
    inverse: np.ndarray,
    constants: np.ndarray,
    errors: np.ndarray,
    seen: np.ndarray,
    covariance: np.ndarray,
) -> None:
    """Factorise ``U'U``, each site's covariance of what was seen; -2 log of its constant."""
    q, _, lanes = system.shape
    for a in range(q):
        for b in range(a, q):
            own, error, left, right = system[a, b], errors[a, b], seen[a], seen[b]
            true = covariance[a, b]
            for s in range(lanes):
                own[s] = (true + error[s]) * left[s] * right[s]
        own, here = system[a, a], seen[a]
        for s in range(lanes):
            own[s] += 1.0 - here[s] * (1.0 - RIDGE)
    constants[:] = 0.0
    across = q * lanes
    for a in range(q):
        for b in range(a, q):
            own = a * across + b * lanes
            take_products(system, own, system, a * lanes, across, system, b * lanes, across, a)
        pivot, upturned, here = system[a, a], inverse[a], seen[a]
        for s in range(lanes):
            pivot[s] = np.sqrt(max(pivot[s], RIDGE))
            upturned[s] = 1.0 / pivot[s]
            constants[s] += 2.0 * np.log(pivot[s]) + LOG_2PI * here[s]
        for b in range(a + 1, q):
            row = system[a, b]
            for s in range(lanes):
                row[s] *= upturned[s]


@njit(cache=True, nogil=True, error_model="numpy")
def squares_to(
    system: np.ndarray,
    inverse: np.ndarray,
    values: np.ndarray,
    seen: np.ndarray,
    means: np.ndarray,
    solved: np.ndarray,
    squares: np.ndarray,
) -> None:
    """Squared distances of a block's sites to the types: the forward half of a solution."""
    k, q, lanes = solved.shape
    across = q * lanes
    squares[:] = 0.0
    for a in range(q):
        value, here, upturned = values[a], seen[a], inverse[a]
        for j in range(k):
            row, square, centre = solved[j, a], squares[j], means[j, a]
            for s in range(lanes):
                row[s] = (value[s] - centre) * here[s]
            first = j * across
            own = first + a * lanes
            take_products(solved, own, system, a * lanes, across, solved, first, lanes, a)
            for s in range(lanes):
                row[s] *= upturned[s]
                square[s] += row[s] * row[s]


@njit(cache=True, nogil=True, error_model="numpy")
def solve(
    system: np.ndarray,
    inverse: np.ndarray,
    values: np.ndarray,
    seen: np.ndarray,
    means: np.ndarray,
    solved: np.ndarray,
    squares: np.ndarray,
) -> None:
    """Solve each site's system for its deviations from `means`; squared distances on the way."""
    squares_to(system, inverse, values, seen, means, solved, squares)
    k, q, lanes = solved.shape
    for a in range(q - 1, -1, -1):
        upturned, after = inverse[a], (a * q + a + 1) * lanes
        for j in range(k):
            own = (j * q + a) * lanes
            below = own + lanes
            take_products(solved, own, system, after, lanes, solved, below, lanes, q - a - 1)
            row = solved[j, a]
            for s in range(lanes):
                row[s] *= upturned[s]


@njit(cache=True, nogil=True, error_model="numpy")
def take_inverses(
    system: np.ndarray,
    inverse: np.ndarray,
    seen: np.ndarray,
    root: np.ndarray,
    moments: np.ndarray,
) -> None:
    """Take the inverse of each site's system, by way of that of its factor, from `moments`."""
    q, lanes = inverse.shape
    across = q * lanes
    for a in range(q - 1, -1, -1):
        row, upturned, here = root[a, a], inverse[a], seen[a]
        for s in range(lanes):
            row[s] = upturned[s] * here[s]
        after = (a * q + a + 1) * lanes
        for c in range(a + 1, q):
            row = root[a, c]
            row[:] = 0.0
            own = (a * q + c) * lanes
            below = own + across
            take_products(root, own, system, after, lanes, root, below, across, c - a)
            for s in range(lanes):
                row[s] *= upturned[s]
    for a in range(q):
        for b in range(a, q):
            own = (a * q + b) * lanes
            take_products(moments, own, root, own, lanes, root, (b * q + b) * lanes, lanes, q - b)


@njit(cache=True, nogil=True, error_model="numpy")
def memberships(
    log_weights: np.ndarray,
    constants: np.ndarray,
    squares: np.ndarray,
    count: int,
    chances: np.ndarray,
) -> float:
    """Fill in membership probabilities of the first `count` sites; give their log-likelihood."""
    k = len(log_weights)
    total = 0.0
    for s in range(count):
        best = -np.inf
        for j in range(k):
            chances[j, s] = log_weights[j] - 0.5 * (constants[s] + squares[j, s])
            best = max(best, chances[j, s])
        whole = 0.0
        for j in range(k):
            chances[j, s] = np.exp(chances[j, s] - best)
            whole += chances[j, s]
        for j in range(k):
            chances[j, s] /= whole
        total += best + np.log(whole)
    chances[:, count:] = 0.0
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def add_types(
    chances: np.ndarray,
    solved: np.ndarray,
    moments: np.ndarray,
    pulls: np.ndarray,
    sizes: np.ndarray,
    pushes: np.ndarray,
) -> None:
    """Add what the sites of a block say of each type to the sums; `solved` is used up."""
    k, q, lanes = solved.shape
    count = 0
    for j in range(k):
        chance, size = chances[j], sizes[j]
        faint = True
        for s in range(lanes):
            size[s] += chance[s]
            faint &= chance[s] <= FAINT
        if faint:
            continue
        for a in range(q):
            row, total, push = solved[j, a], pulls[j, a], pushes[count, a]
            for s in range(lanes):
                push[s] = -chance[s] * row[s]
                total[s] -= push[s]
        if count < j:
            solved[count] = solved[j]
        count += 1
    across = q * lanes
    for a in range(q):
        for b in range(a, q):
            own = (a * q + b) * lanes
            take_products(moments, own, pushes, a * lanes, across, solved, b * lanes, across, count)


@njit(cache=True, nogil=True, error_model="numpy")
def workspace(k: int, q: int) -> Workspace:
    """Set memory aside for `expect`, to be used again in every step."""
    return (
        np.empty((q, q, LANES)),
        np.empty((q, q, LANES)),
        np.empty((q, LANES)),
        np.empty((k, q, LANES)),
        np.empty((k, LANES)),
        np.empty((k, LANES)),
        np.empty((q, q, LANES)),
        np.empty((k, q, LANES)),
        np.empty((k, LANES)),
        np.empty((k, q, LANES)),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def expect(
    values: np.ndarray,
    errors: np.ndarray,
    seen: np.ndarray,
    n: int,
    weights: np.ndarray,
    means: np.ndarray,
    covariance: np.ndarray,
    sums: tuple[np.ndarray, np.ndarray, np.ndarray],
    space: Workspace,
) -> float:
    """Fill in the sums that an M-step needs, and give the log-likelihood.

    With a site's covariance of what was seen ``S``, its deviation ``d`` from a type and the
    covariance ``C`` of true profiles, its shift from the type's mean is ``C z``, ``z`` being
    ``inv(S) d`` with 0 in gaps. So sums are taken of ``z`` and of ``z z' - inv(S)``, and brought
    to the true profiles by ``C`` once a step and not once a site.

    Parameters
    ----------
    values, errors, seen : ndarray
        From `lay_out`, of `n` sites.
    sums : tuple of ndarray, shapes (q, q), (k, q) and (k,)
        Filled in, by membership: covariances of the sites' true profiles less `covariance` and
        their squared shifts from the types' means (upper part); the shifts; the sizes of types.
    space : tuple of ndarray
        From `workspace`, for one climb after another of the same k and q.
    """
    scatter, shifts, sizes = sums
    system, root, inverse, solved, squares, chances, moments, pulls, counted, pushes = space
    constants = np.empty(LANES)
    moments[:] = 0.0
    pulls[:] = 0.0
    counted[:] = 0.0
    log_weights = np.log(weights)
    total = 0.0
    for block in range(len(values)):
        here = seen[block]
        factorise(system, inverse, constants, errors[block], here, covariance)
        solve(system, inverse, values[block], here, means, solved, squares)
        count = min(LANES, n - block * LANES)
        total += memberships(log_weights, constants, squares, count, chances)
        take_inverses(system, inverse, here, root, moments)
        add_types(chances, solved, moments, pulls, counted, pushes)
    for j in range(len(means)):
        sizes[j] = counted[j].sum()
    to_true_profiles(moments, pulls, covariance, scatter, shifts)
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def to_true_profiles(
    moments: np.ndarray,
    pulls: np.ndarray,
    covariance: np.ndarray,
    scatter: np.ndarray,
    shifts: np.ndarray,
) -> None:
    """Sum over lanes and bring the sums from what was seen to the true profiles."""
    k, q, _ = pulls.shape
    summed = np.empty((q, q))
    for a in range(q):
        for b in range(a, q):
            summed[a, b] = moments[a, b].sum()
            summed[b, a] = summed[a, b]
    half = np.zeros((q, q))
    scatter[:] = 0.0
    shifts[:] = 0.0
    for a in range(q):
        for c in range(q):
            for b in range(q):
                half[a, b] += covariance[a, c] * summed[c, b]
    for a in range(q):
        for c in range(q):
            for b in range(a, q):
                scatter[a, b] += half[a, c] * covariance[c, b]
    for j in range(k):
        for a in range(q):
            pull = pulls[j, a].sum()
            for b in range(q):
                shifts[j, b] += pull * covariance[a, b]
