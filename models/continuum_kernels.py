"""Compiled loop of the continuum: a mixture whose means lie along a curve.

Import this module inside functions only, as `kernels`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from site_typology.models.expectation import expect, workspace
from site_typology.models.kernels import shrink_covariance

LEAST_SHAPE, MOST_SHAPE = 1.0, 20.0
"""Limits of the parameters of the beta density along the curve; from 1 on it has one mode."""


@njit(cache=True, nogil=True, error_model="numpy")
def settle_curve(
    means: np.ndarray,
    curve: np.ndarray,
    scatter: np.ndarray,
    sizes: np.ndarray,
    shifts: np.ndarray,
    basis: np.ndarray,
    ridge: np.ndarray,
) -> None:
    """Regress the places of the sites on the basis; move the nodes' means onto the new curve."""
    nodes, q = means.shape
    terms = basis.shape[1]
    left = np.zeros((terms, terms))
    right = np.zeros((terms, q))
    for j in range(nodes):
        for a in range(terms):
            for c in range(terms):
                left[a, c] += sizes[j] * basis[j, a] * basis[j, c]
            for b in range(q):
                right[a, b] += basis[j, a] * (sizes[j] * means[j, b] + shifts[j, b])
    for a in range(terms):
        left[a, a] += ridge[a]
    curve[:] = np.linalg.solve(left, right)
    move = np.empty(q)
    for j in range(nodes):
        for b in range(q):
            move[b] = -means[j, b]
            for a in range(terms):
                move[b] += basis[j, a] * curve[a, b]
        for b in range(q):
            for c in range(b, q):
                scatter[b, c] += sizes[j] * move[b] * move[c]
                scatter[b, c] -= shifts[j, b] * move[c] + move[b] * shifts[j, c]
        for b in range(q):
            means[j, b] += move[b]


@njit(cache=True, nogil=True, error_model="numpy")
def settle_weights(weights: np.ndarray, sizes: np.ndarray) -> None:
    """Give the nodes the weights of a beta density with one mode, matched by its moments."""
    nodes = len(weights)
    n = sizes.sum()
    mean = 0.0
    for j in range(nodes):
        mean += sizes[j] / n * (j + 0.5) / nodes
    variance = 0.0
    for j in range(nodes):
        variance += sizes[j] / n * ((j + 0.5) / nodes - mean) ** 2
    strength = max(mean * (1 - mean) / max(variance, 1e-3) - 1, 0.1)
    first = min(max(mean * strength, LEAST_SHAPE), MOST_SHAPE)
    second = min(max((1 - mean) * strength, LEAST_SHAPE), MOST_SHAPE)
    total = 0.0
    for j in range(nodes):
        place = (j + 0.5) / nodes
        weights[j] = np.exp((first - 1) * np.log(place) + (second - 1) * np.log(1 - place))
        total += weights[j]
    for j in range(nodes):
        weights[j] = max(weights[j] / total, 1e-9)


@njit(cache=True, nogil=True, error_model="numpy")
def climb_curve(
    values: np.ndarray,
    errors: np.ndarray,
    seen: np.ndarray,
    n: int,
    weights: np.ndarray,
    means: np.ndarray,
    covariance: np.ndarray,
    curve: np.ndarray,
    basis: np.ndarray,
    ridge: np.ndarray,
    anchor: np.ndarray,
    prior: float,
    steps: int,
    tolerance: float,
) -> float:
    """Improve a continuum in place by at most `steps` steps; give its log-likelihood.

    The log-likelihood is that of the parameters handed back: the last pass only evaluates.
    """
    nodes, q = means.shape
    scatter = np.empty((q, q))
    shifts = np.empty((nodes, q))
    sizes = np.empty(nodes)
    sums = scatter, shifts, sizes
    space = workspace(len(means), q)
    before = -np.inf
    total = 0.0
    for step in range(steps + 1):
        total = expect(values, errors, seen, n, weights, means, covariance, sums, space)
        if step == steps or total - before < tolerance:
            break
        before = total
        settle_curve(means, curve, scatter, sizes, shifts, basis, ridge)
        settle_weights(weights, sizes)
        shrink_covariance(covariance, scatter, sizes, means, anchor, prior)
    return total
