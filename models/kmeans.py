"""Compiled k-means for many small fits, and its stability over bootstraps, on one thread.

Sites lie side by side (one column of coordinates after another), so that distances are taken for
many at once in the processor's wide registers. They are taken in single precision, which holds
twice as many; sums, means and the last exchanges are double. Import this module inside functions
only, as `kernels`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

PIECE = 32
"""Sites that are summed at once on the way to one that is picked."""


@njit(cache=True, nogil=True, error_model="numpy")
def kmeans(points: np.ndarray, k: int, uniforms: np.ndarray, steps: int, trials: int) -> np.ndarray:
    """Best labels of several k-means runs, each started by k-means++ (Arthur, Vassilvitskii 2007).

    Parameters
    ----------
    points : ndarray, shape (n, p)
    uniforms : ndarray, shape (runs, k)
        Random numbers in [0, 1) that pick the first centres.
    steps : int
        At most; a run ends where no label changes.
    trials : int
        Sites tried for each first centre after the first one, of which that with the least
        inertia is kept; spread evenly from the random number on.
    """
    n, p = points.shape
    points = centred(points)
    across = np.empty((p, n), dtype=np.float32)
    for i in range(n):
        for b in range(p):
            across[b, i] = points[i, b]
    labels, best_labels = np.zeros(n, dtype=np.int32), np.zeros(n, dtype=np.int32)
    chosen, nearest = np.zeros(n, dtype=np.int32), np.empty(n, dtype=np.float32)
    squares = np.empty((max(k, trials), n), dtype=np.float32)
    pieces = np.empty((n + PIECE - 1) // PIECE)
    centres = np.empty((k, p), dtype=np.float32)
    sums, sizes = np.empty((k, p)), np.empty(k)
    best = np.inf
    for run in range(uniforms.shape[0]):
        seed_centres(points, across, centres, nearest, squares[:trials], pieces, uniforms[run])
        labels[:] = -1
        sums[:] = 0.0
        sizes[:] = 0.0
        for _ in range(steps):
            nearest_centres(across, centres, chosen, squares[:k])
            if not relabel(points, chosen, labels, sums, sizes):
                break
            for j in range(k):
                if sizes[j] > 0:
                    for b in range(p):
                        centres[j, b] = sums[j, b] / sizes[j]
        inertia = total_of(squares[0])
        if inertia < best:
            best = inertia
            best_labels[:] = labels
    return best_labels.astype(np.int64)


@njit(cache=True, nogil=True, error_model="numpy")
def centred(points: np.ndarray) -> np.ndarray:
    """Points less their mean: far from 0, single precision would not tell them apart."""
    n, p = points.shape
    mean = np.zeros(p)
    for i in range(n):
        for b in range(p):
            mean[b] += points[i, b] / n
    return points - mean


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def squares_from(across: np.ndarray, centre: np.ndarray, square: np.ndarray) -> None:
    """Squared distance of every site from one centre, four features at a time."""
    n, p = len(square), len(centre)
    square[:] = 0.0
    whole = p - p % 4
    for b in range(0, whole, 4):
        first, second, third, fourth = across[b], across[b + 1], across[b + 2], across[b + 3]
        for i in range(n):
            one, two = first[i] - centre[b], second[i] - centre[b + 1]
            three, four = third[i] - centre[b + 2], fourth[i] - centre[b + 3]
            square[i] += (one * one + two * two) + (three * three + four * four)
    for b in range(whole, p):
        row, at = across[b], centre[b]
        for i in range(n):
            apart = row[i] - at
            square[i] += apart * apart


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def squares_from_three(across: np.ndarray, centres: np.ndarray, squares: np.ndarray) -> None:
    """`squares_from` three centres, for which the sites are read once."""
    n, p = squares.shape[1], centres.shape[1]
    to_first, to_second, to_third = squares[0], squares[1], squares[2]
    for i in range(n):
        to_first[i] = to_second[i] = to_third[i] = 0.0
    whole = p - p % 4
    for b in range(0, whole, 4):
        first, second, third, fourth = across[b], across[b + 1], across[b + 2], across[b + 3]
        u0, u1, u2, u3 = centres[0, b], centres[0, b + 1], centres[0, b + 2], centres[0, b + 3]
        v0, v1, v2, v3 = centres[1, b], centres[1, b + 1], centres[1, b + 2], centres[1, b + 3]
        w0, w1, w2, w3 = centres[2, b], centres[2, b + 1], centres[2, b + 2], centres[2, b + 3]
        for i in range(n):
            x0, x1, x2, x3 = first[i], second[i], third[i], fourth[i]
            to_first[i] += ((x0 - u0) ** 2 + (x1 - u1) ** 2) + ((x2 - u2) ** 2 + (x3 - u3) ** 2)
            to_second[i] += ((x0 - v0) ** 2 + (x1 - v1) ** 2) + ((x2 - v2) ** 2 + (x3 - v3) ** 2)
            to_third[i] += ((x0 - w0) ** 2 + (x1 - w1) ** 2) + ((x2 - w2) ** 2 + (x3 - w3) ** 2)
    for b in range(whole, p):
        row, u0, v0, w0 = across[b], centres[0, b], centres[1, b], centres[2, b]
        for i in range(n):
            to_first[i] += (row[i] - u0) ** 2
            to_second[i] += (row[i] - v0) ** 2
            to_third[i] += (row[i] - w0) ** 2


@njit(cache=True, nogil=True, error_model="numpy")
def squares_from_each(across: np.ndarray, centres: np.ndarray, squares: np.ndarray) -> None:
    """Squared distances of every site from each centre, one row a centre."""
    whole = len(centres) - len(centres) % 3
    for j in range(0, whole, 3):
        squares_from_three(across, centres[j : j + 3], squares[j : j + 3])
    for j in range(whole, len(centres)):
        squares_from(across, centres[j], squares[j])


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc"})
def total_of(values: np.ndarray) -> float:
    """Sum in whatever order is fastest."""
    total = 0.0
    for i in range(len(values)):
        total += values[i]
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def take_closer(square: np.ndarray, nearest: np.ndarray, chosen: np.ndarray, own: np.int32) -> None:
    """Give the sites that a centre is closer to than any before its number and distance."""
    for i in range(len(chosen)):
        closer = square[i] < nearest[i]
        nearest[i] = square[i] if closer else nearest[i]
        chosen[i] = own if closer else chosen[i]


@njit(cache=True, nogil=True, error_model="numpy")
def nearest_centres(
    across: np.ndarray,
    centres: np.ndarray,
    chosen: np.ndarray,
    squares: np.ndarray,
) -> None:
    """Find the nearest centre of each site; the first row of `squares` gets its distance."""
    squares_from_each(across, centres, squares)
    for i in range(len(chosen)):
        chosen[i] = 0
    for j in range(1, len(centres)):
        take_closer(squares[j], squares[0], chosen, np.int32(j))


@njit(cache=True, nogil=True, error_model="numpy")
def relabel(
    points: np.ndarray,
    chosen: np.ndarray,
    labels: np.ndarray,
    sums: np.ndarray,
    sizes: np.ndarray,
) -> bool:
    """Give sites the labels chosen, and keep the sums of the groups; say whether any changed."""
    changed = False
    p = points.shape[1]
    for i in range(len(labels)):
        if chosen[i] == labels[i]:
            continue
        changed = True
        before, after = labels[i], chosen[i]
        labels[i] = after
        sizes[after] += 1.0
        for b in range(p):
            sums[after, b] += points[i, b]
        if before >= 0:
            sizes[before] -= 1.0
            for b in range(p):
                sums[before, b] -= points[i, b]
    return changed


@njit(cache=True, nogil=True, error_model="numpy")
def picked(weights: np.ndarray, pieces: np.ndarray, goal: float) -> int:
    """First site at which the sum of the weights passes `goal`; the last one if none does."""
    n = len(weights)
    reached, piece = 0.0, 0
    while piece < len(pieces) - 1 and reached + pieces[piece] <= goal:
        reached += pieces[piece]
        piece += 1
    for i in range(piece * PIECE, n):
        reached += weights[i]
        if reached > goal:
            return i
    return n - 1


@njit(cache=True, nogil=True, error_model="numpy")
def seed_centres(
    points: np.ndarray,
    across: np.ndarray,
    centres: np.ndarray,
    nearest: np.ndarray,
    squares: np.ndarray,
    pieces: np.ndarray,
    uniforms: np.ndarray,
) -> None:
    """Pick first centres one by one, each with a chance that grows with its squared distance.

    As many sites are tried for a centre as `squares` has rows.
    """
    n, p = points.shape
    trials = len(squares)
    tried = np.empty((trials, p), dtype=np.float32)
    pick = min(int(uniforms[0] * n), n - 1)
    for b in range(p):
        centres[0, b] = points[pick, b]
    squares_from(across, centres[0], nearest)
    for j in range(1, len(centres)):
        for piece in range(len(pieces)):
            pieces[piece] = total_of(nearest[piece * PIECE : (piece + 1) * PIECE])
        total = pieces.sum()
        for trial in range(trials):
            pick = picked(nearest, pieces, (uniforms[j] + trial / trials) % 1.0 * total)
            for b in range(p):
                tried[trial, b] = points[pick, b]
        squares_from_each(across, tried, squares)
        best, kept = np.inf, 0
        for trial in range(trials):
            square = squares[trial]
            for i in range(n):
                square[i] = min(square[i], nearest[i])
            inertia = total_of(square)
            if inertia < best:
                best, kept = inertia, trial
        centres[j] = tried[kept]
        least = squares[kept]
        for i in range(n):
            nearest[i] = least[i]


@njit(cache=True, nogil=True, error_model="numpy")
def move_centres(
    points: np.ndarray,
    labels: np.ndarray,
    centres: np.ndarray,
    sizes: np.ndarray,
) -> None:
    """Move each centre to the mean of its sites; one without sites to 0."""
    n, p = points.shape
    sizes[:] = 0.0
    centres[:] = 0.0
    for i in range(n):
        own, point = centres[labels[i]], points[i]
        sizes[labels[i]] += 1.0
        for b in range(p):
            own[b] += point[b]
    for j in range(len(centres)):
        if sizes[j] > 0:
            centres[j] /= sizes[j]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def square_between(one: np.ndarray, other: np.ndarray) -> float:
    """Squared distance of two points."""
    square = 0.0
    for b in range(len(one)):
        square += (one[b] - other[b]) ** 2
    return square


@njit(cache=True, nogil=True, error_model="numpy")
def exchange(points: np.ndarray, labels: np.ndarray, k: int) -> None:
    """Move single sites to other groups, in place, as long as that lowers the inertia.

    Hartigan's rule (1975, *Clustering Algorithms*, chapter 4): a site that leaves its group takes
    ``size / (size - 1)`` of its squared distance away and adds ``size / (size + 1)`` of that to
    the mean of the other. Groups that no site can leave are no worse than k-means leaves them.
    """
    n, p = points.shape
    centres, sizes = np.zeros((k, p)), np.zeros(k)
    move_centres(points, labels, centres, sizes)
    quiet, i = 0, 0
    while quiet < n:
        own = labels[i]
        quiet += 1
        if sizes[own] > 1.0:
            best, other = -1e-12, own
            leaving = square_between(points[i], centres[own]) * sizes[own] / (sizes[own] - 1.0)
            for j in range(k):
                if j == own:
                    continue
                coming = square_between(points[i], centres[j]) * sizes[j] / (sizes[j] + 1.0)
                change = coming - leaving
                if change < best:
                    best, other = change, j
            if other != own:
                for b in range(p):
                    centres[own, b] -= (points[i, b] - centres[own, b]) / (sizes[own] - 1.0)
                    centres[other, b] += (points[i, b] - centres[other, b]) / (sizes[other] + 1.0)
                sizes[own] -= 1.0
                sizes[other] += 1.0
                labels[i] = other
                quiet = 0
        i = (i + 1) % n


@njit(cache=True, nogil=True, error_model="numpy")
def settled_kmeans(
    points: np.ndarray, k: int, uniforms: np.ndarray, steps: int, trials: int
) -> np.ndarray:
    """`kmeans`, its best run taken on by single exchanges: few sites gain a little more."""
    labels: np.ndarray = kmeans(points, k, uniforms, steps, trials)
    exchange(points, labels, k)
    return labels


@njit(cache=True, nogil=True, error_model="numpy")
def kmeans_of_resamples(
    points: np.ndarray, k: int, drawn: np.ndarray, uniforms: np.ndarray, steps: int, trials: int
) -> np.ndarray:
    """`settled_kmeans` of many resamples, each of its own plausible values, in one loop.

    Parameters
    ----------
    points : ndarray, shape (m, n, p)
        Resample r is taken from ``points[r % m]``.
    drawn : ndarray of bool, shape (resamples, n)
    uniforms : ndarray, shape (resamples, runs, k)

    Returns
    -------
    ndarray of int, shape (resamples, n)
        1 to k; 0 where a site was not drawn.
    """
    resamples, n = drawn.shape
    every = np.zeros((resamples, n), dtype=np.int64)
    for r in range(resamples):
        at = np.flatnonzero(drawn[r])
        labels = settled_kmeans(points[r % len(points)][at], k, uniforms[r], steps, trials)
        for place in range(len(at)):
            every[r, at[place]] = labels[place] + 1
    return every
