"""Compiled placement of many sites among types, a block of sites at a time.

Sites lie side by side as in `site_typology.models.expectation`, whose factorisation is used, and
a block's errors are laid out where they are needed: a million sites never have their covariances
in memory. Every site is computed by itself, so that an answer does not depend on the sites beside
it. Import this module inside functions only: it loads numba.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from site_typology.models.expectation import factorise, squares_to
from site_typology.models.row_products import LANES


@njit(cache=True, nogil=True, error_model="numpy")
def lay_out_block(
    values: np.ndarray,
    deviations: np.ndarray,
    correlation: np.ndarray,
    extra: np.ndarray,
    places: np.ndarray,
    block: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """Lay up to `LANES` sites side by side; places without a site count as gaps."""
    laid, seen, deviation, errors = block
    count, q = values.shape
    laid[:] = 0.0
    seen[:] = 0.0
    deviation[:] = 0.0
    for s in range(count):
        for a in range(q):
            value = values[s, a]
            if value == value:
                laid[a, s] = value
                seen[a, s] = 1.0
                deviation[a, s] = deviations[s, a]
    for a in range(q):
        for b in range(a, q):
            shared, own, left, right = correlation[a, b], errors[a, b], deviation[a], deviation[b]
            for s in range(LANES):
                own[s] = shared * left[s] * right[s]
    for entry in range(len(places)):
        own = errors[places[entry, 0], places[entry, 1]]
        for s in range(count):
            own[s] += extra[s, entry]


@njit(cache=True, nogil=True, error_model="numpy")
def rank_types(
    log_weights: np.ndarray,
    temperature: float,
    squares: np.ndarray,
    chances: np.ndarray,
    ranks: np.ndarray,
    smallest: np.ndarray,
) -> None:
    """Fill in a block's membership probabilities, likeliest and next type, smallest distance.

    The constant of a site's density is the same for every type, which share their covariance.
    """
    k = len(log_weights)
    for s in range(len(chances)):
        best = -np.inf
        least = np.inf
        for j in range(k):
            chances[s, j] = log_weights[j] - 0.5 * squares[j, s]
            best = max(best, chances[s, j])
            least = min(least, squares[j, s])
        whole = 0.0
        for j in range(k):
            chances[s, j] = np.exp((chances[s, j] - best) / temperature)
            whole += chances[s, j]
        first, second = -1, -1
        for j in range(k):
            chances[s, j] /= whole
            if first < 0 or chances[s, j] > chances[s, first]:
                first, second = j, first
            elif second < 0 or chances[s, j] > chances[s, second]:
                second = j
        ranks[s, 0] = first
        ranks[s, 1] = second
        smallest[s] = least


@njit(cache=True, nogil=True, error_model="numpy")
def place(
    values: np.ndarray,
    deviations: np.ndarray,
    correlation: np.ndarray,
    extra: np.ndarray,
    places: np.ndarray,
    log_weights: np.ndarray,
    means: np.ndarray,
    covariance: np.ndarray,
    temperature: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Place sites among types.

    Parameters
    ----------
    values : ndarray, shape (n, q)
        On the working scale; NaN where there is a gap.
    deviations : ndarray, shape (n, q)
        Standard errors that go with `correlation`; 0 where a value is exact.
    correlation : ndarray, shape (q, q)
        Between the errors of columns.
    extra : ndarray, shape (n, m)
        Further entries of each site's error covariance.
    places : ndarray of int, shape (m, 2)
        Row and column of them, in the upper part.
    log_weights, means, covariance : ndarray, shapes (k,), (k, q) and (q, q)
        Of the types.
    temperature : float
        Of the memberships.

    Returns
    -------
    ndarray, shape (n, k)
        Membership probabilities.
    ndarray of int, shape (n, 2)
        Likeliest and next type, from 0; -1 where there is no next. The first of equals wins.
    ndarray, shape (n,)
        Squared distance to the nearest type.
    """
    n, q = values.shape
    k = len(means)
    chances = np.empty((n, k))
    ranks = np.empty((n, 2), dtype=np.int64)
    smallest = np.empty(n)
    laid, seen, deviation = np.empty((q, LANES)), np.empty((q, LANES)), np.empty((q, LANES))
    errors, system = np.zeros((q, q, LANES)), np.empty((q, q, LANES))
    inverse, solved = np.empty((q, LANES)), np.empty((k, q, LANES))
    squares, constants = np.empty((k, LANES)), np.empty(LANES)
    for start in range(0, n, LANES):
        end = min(start + LANES, n)
        lay_out_block(
            values[start:end],
            deviations[start:end],
            correlation,
            extra[start:end],
            places,
            (laid, seen, deviation, errors),
        )
        factorise(system, inverse, constants, errors, seen, covariance)
        squares_to(system, inverse, laid, seen, means, solved, squares)
        rank_types(
            log_weights,
            temperature,
            squares,
            chances[start:end],
            ranks[start:end],
            smallest[start:end],
        )
    return chances, ranks, smallest
