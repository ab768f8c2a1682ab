"""Compiled loops that fit sinh-arcsinh curves to values seen with known errors.

Import this module inside functions only, as `kernels`.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def smeared_log_likelihood(
    values: np.ndarray, variances: np.ndarray, points: np.ndarray, log_mass: np.ndarray
) -> float:
    """Log-likelihood, up to a constant, of points with masses seen with normal errors."""
    total = 0.0
    logs = np.empty(points.shape[0])
    for i in range(values.shape[0]):
        half_precision = 0.5 / variances[i]
        best = -np.inf
        for j in range(points.shape[0]):
            logs[j] = log_mass[j] - half_precision * (values[i] - points[j]) ** 2
            best = max(best, logs[j])
        mass = 0.0
        for j in range(points.shape[0]):
            # Beyond this a term is lost in rounding.
            if logs[j] > best - 40.0:
                mass += np.exp(logs[j] - best)
        total += best + np.log(mass)
    return total


@njit(cache=True, nogil=True)
def sinh_arcsinh_points(
    skewness: float, tail: float, arcs: np.ndarray, log_mass: np.ndarray, points: np.ndarray
) -> None:
    """Fill `points` with a sinh-arcsinh curve of mean 0 and spread 1 at nodes of known arcsinh."""
    mean = 0.0
    for j in range(arcs.shape[0]):
        points[j] = np.sinh((arcs[j] + skewness) * np.exp(-tail))
        mean += np.exp(log_mass[j]) * points[j]
    spread = 0.0
    for j in range(arcs.shape[0]):
        points[j] -= mean
        spread += np.exp(log_mass[j]) * points[j] ** 2
    points /= np.sqrt(spread)


@njit(cache=True, nogil=True)
def fit_sinh_arcsinh(
    values: np.ndarray,
    variances: np.ndarray,
    arcs: np.ndarray,
    log_mass: np.ndarray,
    prior: np.ndarray,
    limits: np.ndarray,
) -> np.ndarray:
    """Skewness and log tail weight of highest penalised likelihood, by compass search.

    Parameters
    ----------
    prior, limits : ndarray, shape (2,)
        Standard deviations of the normal penalties, and the largest absolute parameters.
    """
    points = np.empty(arcs.shape[0])
    here = np.zeros(2)
    there = np.zeros(2)
    step = 0.4
    best = -np.inf
    while step > 0.005:
        improved = False
        for move in range(5):
            there[:] = here
            if move > 0:
                axis = (move - 1) // 2
                there[axis] += step if move % 2 else -step
                if abs(there[axis]) > limits[axis]:
                    continue
            elif best > -np.inf:
                continue
            sinh_arcsinh_points(there[0], there[1], arcs, log_mass, points)
            fit = smeared_log_likelihood(values, variances, points, log_mass)
            fit -= 0.5 * ((there[0] / prior[0]) ** 2 + (there[1] / prior[1]) ** 2)
            if fit > best:
                best = fit
                here[:] = there
                improved = move > 0
                if improved:
                    break
        if not improved:
            step *= 0.5
    return here
