"""Types of the same sites in several rounds: a latent transition model with known errors.

Latent transition analysis (Collins and Lanza 2010, *Latent Class and Latent Transition Analysis*)
for measured profiles: a site's true profile in round t is the mean of its type then, a shift that
all sites share, a deviation that stays with the site and one that is new in each round. The lasting
deviation is the random intercept of Muthén and Asparouhov (2022, *Psychological Methods* 27):
without it a site that always lies towards another type would seem to go there and back. What is
seen of a true profile carries the known error and the gaps of its site and round; errors of
different rounds are taken to be independent.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from site_typology.models.kernels import RIDGE

PERSISTENCE = (0.0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Shares of the within-type covariance that may stay with a site, equally likely beforehand."""
SHIFT_SD = 1.0
"""Prior standard deviation of the shift of a working column, in standard deviations of sites."""
STAY_PRIOR = (4.0, 1.0)
"""Beta prior of the share of stayers: most sites stay, with the weight of five sites."""
ROW_SITES = 5.0
"""Weight, in sites, with which a type's transitions are drawn to what holds for all types."""
MOST_PATHS = 10_000
EM_STEPS, EM_GAIN = 100, 1e-3


@dataclass(frozen=True)
class RoundsData:
    """Working data of sites in several rounds, in order of time.

    Parameters
    ----------
    values : ndarray, shape (n, rounds, q)
        NaN where a cell was not seen; a whole row of them where a site was not.
    errors : ndarray, shape (n, rounds, q, q)
    base : int
        The round that the types come from, which the shifts of others are counted from.
    """

    values: np.ndarray
    errors: np.ndarray
    base: int = 0

    @property
    def shape(self) -> tuple[int, int, int]:
        """Sites, rounds and working columns."""
        n, rounds, q = self.values.shape
        return n, rounds, q


@dataclass(frozen=True)
class Fitted:
    """The transition model at one persistence.

    Parameters
    ----------
    log_paths : ndarray, shape (n, k ** rounds)
        Log density of what was seen of each site, for every path through the types.
    start : ndarray, shape (k,)
        Shares of the types in the first round.
    steps : ndarray, shape (rounds - 1, k, k)
        Transition matrices.
    shift : ndarray, shape (rounds, q)
        Level that all sites share, against the base round.
    evidence : float
        Log-likelihood with the shift integrated out (Laplace).
    """

    log_paths: np.ndarray
    start: np.ndarray
    steps: np.ndarray
    shift: np.ndarray
    evidence: float


@dataclass(frozen=True)
class Transitions:
    """The transition model of sites in several rounds.

    Parameters
    ----------
    paths : ndarray of int, shape (k ** rounds, rounds)
        Types 0 to k - 1 in each round.
    persistence, weights : ndarray, shape (m,)
        Persistences that the data allow, and how probable each is.
    fitted : tuple of Fitted
        One for each of them.
    """

    paths: np.ndarray
    persistence: np.ndarray
    weights: np.ndarray
    fitted: tuple[Fitted, ...]

    @property
    def best(self) -> Fitted:
        """At the most probable persistence."""
        return self.fitted[int(self.weights.argmax())]

    def path_probabilities(self) -> np.ndarray:
        """Probability of each path of each site, transitions fixed at their estimate."""
        total = np.zeros_like(self.best.log_paths)
        for weight, fit in zip(self.weights, self.fitted, strict=True):
            logs = fit.log_paths + log_prior(self.paths, fit.start, fit.steps)
            total += weight * _shares(logs)[0]
        return total


def fit_transitions(
    data: RoundsData,
    means: np.ndarray,
    covariance: np.ndarray,
    persistence: tuple[float, ...] = PERSISTENCE,
) -> Transitions:
    """Fit transitions and shifts by EM at every persistence, and weigh these by their evidence.

    The sums of a hidden Markov model run over all paths, which is exact although lasting
    deviations tie the rounds together; where these are absent it is what forward and backward
    recursions give.

    Parameters
    ----------
    data : RoundsData
    means : ndarray, shape (k, q)
        Of the types in the base round; they are not fitted again.
    covariance : ndarray, shape (q, q)
        Within types.
    persistence : tuple of float
        Shares of the covariance that may stay with a site.

    Returns
    -------
    Transitions

    Raises
    ------
    ValueError
        More than 10,000 paths.

    Examples
    --------
    >>> values = np.array([[[0.1], [0.2]], [[-0.2], [0.1]], [[8.1], [7.9]], [[0.0], [8.0]]])
    >>> data = RoundsData(values, np.zeros((4, 2, 1, 1)))
    >>> found = fit_transitions(data, np.array([[0.0], [8.0]]), np.eye(1))
    >>> found.paths[found.path_probabilities().argmax(axis=1)].tolist()
    [[0, 0], [0, 0], [1, 1], [0, 1]]
    """
    _, rounds, _ = data.shape
    k = len(means)
    if k**rounds > MOST_PATHS:
        message = f"Expected at most {MOST_PATHS} paths; {k} types and {rounds} rounds have more."
        raise ValueError(message)
    paths = np.array(list(product(range(k), repeat=rounds)), dtype=int)
    fits = [_fit(data, means, covariance, share, paths) for share in persistence]
    evidence = np.array([fit.evidence for fit in fits])
    weights = np.exp(evidence - evidence.max())
    weights /= weights.sum()
    kept = weights > 1e-3
    return Transitions(
        paths,
        np.array(persistence)[kept],
        weights[kept] / weights[kept].sum(),
        tuple(fit for fit, keep in zip(fits, kept, strict=True) if keep),
    )


def log_prior(paths: np.ndarray, start: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Log probability of each path before anything is seen, shape (paths,)."""
    with np.errstate(divide="ignore"):
        total = np.log(start)[paths[:, 0]]
        for at, matrix in enumerate(steps):
            total = total + np.log(matrix)[paths[:, at], paths[:, at + 1]]
    return np.asarray(total)


def step_counts(weights: np.ndarray, paths: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Sites that start in each type, (k,), and that go from type to type, (rounds - 1, k, k).

    `weights` says how much each path counts, shape (paths,).
    """
    start = np.bincount(paths[:, 0], weights, minlength=k)
    codes = paths[:, :-1] * k + paths[:, 1:]
    steps = [np.bincount(codes[:, at], weights, minlength=k * k) for at in range(codes.shape[1])]
    return start, np.array(steps).reshape(codes.shape[1], k, k)


def expected_rows(stay: float, k: int) -> np.ndarray:
    """Transition matrix in which every type keeps the share `stay`."""
    if k == 1:
        return np.ones((1, 1))
    return np.full((k, k), (1 - stay) / (k - 1)) + np.eye(k) * (stay - (1 - stay) / (k - 1))


def _fit(
    data: RoundsData, means: np.ndarray, covariance: np.ndarray, share: float, paths: np.ndarray
) -> Fitted:
    """EM at one persistence: the paths of sites, then transitions and shift."""
    n, rounds, q = data.shape
    k = len(means)
    seen = ~np.isnan(data.values).reshape(n, -1)
    values = np.nan_to_num(data.values).reshape(n, -1)
    precision, constant = _precisions(data.errors, covariance, share, seen)
    centres = means[paths].reshape(len(paths), -1)
    pulled = precision @ centres.T
    squares = np.einsum("pm,nmp->np", centres, pulled)
    free = np.repeat(np.arange(rounds) != data.base, q)
    needed = precision.sum(axis=0)[np.ix_(free, free)] + np.eye(int(free.sum())) / SHIFT_SD**2
    spread = np.linalg.inv(needed)
    shift, start = np.zeros(rounds * q), np.full(k, 1 / k)
    steps = np.repeat(expected_rows(0.9, k)[None], rounds - 1, axis=0)
    drawn = np.einsum("nmk,nk->m", precision, values)
    before, shares = -np.inf, np.empty(0)
    for _ in range(EM_STEPS):
        away = (values - shift) * seen
        solved = np.einsum("nmk,nk->nm", precision, away)
        own = (away * solved).sum(axis=1)
        log_paths = -0.5 * (constant + own)[:, None] + solved @ centres.T - 0.5 * squares
        shares, total = _shares(log_paths + log_prior(paths, start, steps))
        total -= 0.5 * float(shift @ shift) / SHIFT_SD**2
        if total - before < EM_GAIN:
            break
        before = total
        start, steps = _updated(shares, paths, k)
        left = drawn - np.einsum("np,nmp->m", shares, pulled)
        shift = np.zeros(rounds * q)
        shift[free] = spread @ left[free]
    volume = 0.5 * np.linalg.slogdet(needed * SHIFT_SD**2)[1]
    return Fitted(log_paths, start, steps, shift.reshape(rounds, q), total - volume)


def _precisions(
    errors: np.ndarray, covariance: np.ndarray, share: float, seen: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Inverse covariance of what was seen of each site, 0 in gaps; -2 log of its constant."""
    n, rounds, q, _ = errors.shape
    between = np.full((rounds, rounds), share) + np.eye(rounds) * (1 - share)
    whole = np.repeat(np.kron(between, covariance)[None], n, axis=0)
    for at in range(rounds):
        own = slice(at * q, (at + 1) * q)
        whole[:, own, own] += errors[:, at]
    whole *= seen[:, :, None] & seen[:, None, :]
    places = np.arange(rounds * q)
    whole[:, places, places] += np.where(seen, RIDGE, 1.0)
    constant = np.linalg.slogdet(whole)[1] + seen.sum(axis=1) * np.log(2 * np.pi)
    return np.linalg.inv(whole) * (seen[:, :, None] & seen[:, None, :]), constant


def _shares(logs: np.ndarray) -> tuple[np.ndarray, float]:
    """Probabilities from logs, by row, and the sum of the rows' log totals."""
    top = logs.max(axis=1, keepdims=True)
    shares = np.exp(logs - top)
    whole = shares.sum(axis=1, keepdims=True)
    return shares / whole, float((top + np.log(whole)).sum())


def _updated(shares: np.ndarray, paths: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Start and transitions from expected counts, drawn to one share of stayers for all types."""
    begun, steps = step_counts(shares.sum(axis=0), paths, k)
    start = (begun + 1) / (begun.sum() + k)
    matrices = []
    for counts in steps:
        stay = (np.trace(counts) + STAY_PRIOR[0]) / (counts.sum() + sum(STAY_PRIOR))
        drawn = counts + ROW_SITES * expected_rows(stay, k)
        matrices.append(drawn / drawn.sum(axis=1, keepdims=True))
    return start, np.array(matrices)


def moving(probabilities: np.ndarray, paths: np.ndarray, data: RoundsData) -> np.ndarray:
    """Share of the sites seen in both rounds of a step that get another type, shape (rounds - 1,).

    NaN where no site is seen in both.
    """
    seen = ~np.isnan(data.values).all(axis=2)
    shares = np.full(paths.shape[1] - 1, np.nan)
    for at in range(len(shares)):
        both = seen[:, at] & seen[:, at + 1]
        if both.any():
            other = paths[:, at] != paths[:, at + 1]
            shares[at] = probabilities[both][:, other].sum(axis=1).mean()
    return shares
