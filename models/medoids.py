"""Compiled k-medoids: Gower sums, and swaps of a medoid for a site while the cost falls.

Import this module inside functions only: it loads numba and, the first time on a machine, compiles.
"""

from __future__ import annotations

import numpy as np
from numba import njit

TINY = 1e-12


@njit(cache=True, nogil=True)
def gower_sums(scaled: np.ndarray, feature: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum of the distances over the features known at both of each pair, and their number.

    Parameters
    ----------
    scaled : ndarray, shape (n, columns)
    feature : ndarray of int, shape (columns,)
        Ascending; columns of one feature stand together.
    """
    n, columns = scaled.shape
    sums = np.zeros((n, n))
    shared = np.zeros((n, n))
    for i in range(n):
        for j in range(i):
            at = 0
            while at < columns:
                own = feature[at]
                apart = 0.0
                while at < columns and feature[at] == own:
                    apart += abs(scaled[i, at] - scaled[j, at])
                    at += 1
                if not np.isnan(apart):
                    sums[i, j] += min(apart, 1.0)
                    shared[i, j] += 1.0
            sums[j, i] = sums[i, j]
            shared[j, i] = shared[i, j]
    return sums, shared


@njit(cache=True, nogil=True)
def build(distances: np.ndarray, k: int) -> np.ndarray:
    """First medoids one by one, each where the cost falls the most (BUILD of PAM)."""
    n = distances.shape[0]
    medoids = np.empty(k, dtype=np.int64)
    nearest = np.full(n, np.inf)
    for at in range(k):
        best = np.inf
        for x in range(n):
            cost = 0.0
            for o in range(n):
                cost += min(nearest[o], distances[x, o])
            if cost < best - TINY:
                best = cost
                medoids[at] = x
        for o in range(n):
            nearest[o] = min(nearest[o], distances[medoids[at], o])
    return medoids


@njit(cache=True, nogil=True)
def nearest_two(
    distances: np.ndarray,
    medoids: np.ndarray,
    labels: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
) -> float:
    """Fill in each site's nearest medoid and the distances to it and to the next; give the cost."""
    cost = 0.0
    for o in range(distances.shape[0]):
        first[o] = np.inf
        second[o] = np.inf
        for j in range(medoids.shape[0]):
            apart = distances[medoids[j], o]
            if apart < first[o]:
                second[o] = first[o]
                first[o] = apart
                labels[o] = j
            elif apart < second[o]:
                second[o] = apart
        cost += first[o]
    return cost


@njit(cache=True, nogil=True)
def swap(distances: np.ndarray, medoids: np.ndarray, labels: np.ndarray) -> float:
    """Swap medoids for sites, in place, as long as a swap lowers the cost; give the cost.

    The eager swaps of FasterPAM: for each site, the change by taking the place of every medoid is
    found in one pass (Schubert and Rousseeuw 2021, *Information Systems* 101, section 3).
    """
    n, k = distances.shape[0], medoids.shape[0]
    first = np.empty(n)
    second = np.empty(n)
    changes = np.empty(k)
    cost: float = nearest_two(distances, medoids, labels, first, second)
    quiet = 0
    x = 0
    while k < n and quiet < n:
        changes[:] = 0.0
        gain = 0.0
        for o in range(n):
            apart = distances[x, o]
            near = labels[o]
            if k == 1:
                changes[near] += apart - first[o]
            elif apart < first[o]:
                # The site comes to x whichever medoid goes, its own included.
                gain += apart - first[o]
            else:
                changes[near] += min(apart, second[o]) - first[o]
        best = int(np.argmin(changes))
        if gain + changes[best] < -TINY:
            medoids[best] = x
            cost = nearest_two(distances, medoids, labels, first, second)
            quiet = 0
        else:
            quiet += 1
        x = (x + 1) % n
    return cost


@njit(cache=True, nogil=True)
def kmedoids(distances: np.ndarray, k: int, starts: np.ndarray) -> np.ndarray:
    """Labels of the cheapest medoids: from BUILD, and from each row of `starts` (runs, k)."""
    medoids = build(distances, k)
    best_labels = np.zeros(distances.shape[0], dtype=np.int64)
    best = swap(distances, medoids, best_labels)
    labels = np.zeros(distances.shape[0], dtype=np.int64)
    for run in range(starts.shape[0]):
        medoids = starts[run].copy()
        cost = swap(distances, medoids, labels)
        if cost < best - TINY:
            best = cost
            best_labels[:] = labels
    return best_labels
