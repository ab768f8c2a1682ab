"""Draws from the posterior of a transition model: intervals of transitions and of movers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from site_typology.models.transitions import (
    ROW_SITES,
    STAY_PRIOR,
    Transitions,
    expected_rows,
    log_prior,
    step_counts,
)

DRAWS, BURN = 1000, 200
STAYS = np.linspace(0.005, 0.995, 100)
"""Shares of stayers that are looked at."""


@dataclass(frozen=True)
class TransitionDraws:
    """Draws from the posterior, the persistence and the transitions unknown.

    Parameters
    ----------
    probabilities : ndarray, shape (n, paths)
        Probability of each path of each site, averaged over draws.
    steps : ndarray, shape (draws, rounds - 1, k, k)
        Transition matrices.
    stay : ndarray, shape (draws, rounds - 1)
        Share of sites that stay, for all types together.
    movers : ndarray of int, shape (draws, rounds - 1)
        Sites seen in both rounds of a step whose type differs.
    persistence : ndarray, shape (draws,)
    """

    probabilities: np.ndarray
    steps: np.ndarray
    stay: np.ndarray
    movers: np.ndarray
    persistence: np.ndarray


def draw_transitions(
    model: Transitions,
    seed: int,
    *,
    seen: np.ndarray | None = None,
    draws: int = DRAWS,
    burn: int = BURN,
) -> TransitionDraws:
    """Sample paths of sites, transitions and persistence in turn (Gibbs).

    The rows of a transition matrix are Dirichlet around one share of stayers that is learned from
    all types, with the weight of `ROW_SITES` sites; that share is Beta(`STAY_PRIOR`) beforehand,
    the types of the first round are Dirichlet(1). Data augmentation of Tanner and Wong (1987,
    *JASA* 82); the rows are integrated out where the share of stayers is drawn. Means, covariance
    and shift stay at their estimates.

    Parameters
    ----------
    model : Transitions
    seed : int
    seen : ndarray of bool, shape (n, rounds), optional
        Which sites were seen in which rounds; movers are counted among those seen in both rounds
        of a step. All by default.
    draws, burn : int
        Draws kept, and left out before them.

    Returns
    -------
    TransitionDraws

    Examples
    --------
    >>> from site_typology.models.transitions import RoundsData, fit_transitions
    >>> values = np.repeat([[[0.0]], [[8.0]]], 20, axis=0).repeat(2, axis=1)
    >>> model = fit_transitions(
    ...     RoundsData(values, np.zeros((40, 2, 1, 1))), np.array([[0.0], [8.0]]), np.eye(1)
    ... )
    >>> found = draw_transitions(model, seed=1)
    >>> int(np.median(found.movers)), bool(np.median(found.stay) > 0.95)
    (0, True)
    """
    rng = np.random.default_rng(seed)
    paths, n = model.paths, len(model.best.log_paths)
    k = int(paths.max()) + 1
    logs = np.array([fit.log_paths for fit in model.fitted])
    start, steps = model.best.start, model.best.steps
    stay = np.full(len(steps), np.nan)
    at = int(model.weights.argmax())
    kept: dict[str, list[np.ndarray | float]] = {"steps": [], "stay": [], "movers": [], "at": []}
    probabilities = np.zeros_like(logs[0])
    here = np.ones((n, paths.shape[1]), dtype=bool) if seen is None else seen
    both, other = here[:, :-1] & here[:, 1:], paths[:, :-1] != paths[:, 1:]
    for turn in range(draws + burn):
        joint = logs[at] + log_prior(paths, start, steps)
        chances = np.exp(joint - joint.max(axis=1, keepdims=True))
        reached = chances.cumsum(axis=1)
        own = (rng.random((n, 1)) * reached[:, -1:] > reached).sum(axis=1)
        begun, counts = step_counts(np.bincount(own, minlength=len(paths)) * 1.0, paths, k)
        start = rng.dirichlet(begun + 1)
        for step, matrix in enumerate(counts):
            stay[step], rows = _drawn_rows(matrix, rng)
            steps = np.concatenate([steps[:step], rows[None], steps[step + 1 :]])
        fits = logs[:, np.arange(n), own].sum(axis=1)
        at = int(rng.choice(len(fits), p=_normal(fits)))
        if turn < burn:
            continue
        probabilities += chances / reached[:, -1:]
        kept["steps"].append(steps)
        kept["stay"].append(stay.copy())
        kept["movers"].append((other[own] & both).sum(axis=0))
        kept["at"].append(float(model.persistence[at]))
    return TransitionDraws(
        probabilities / draws,
        np.array(kept["steps"]),
        np.array(kept["stay"]),
        np.array(kept["movers"]).astype(int),
        np.array(kept["at"]),
    )


def _drawn_rows(counts: np.ndarray, rng: np.random.Generator) -> tuple[float, np.ndarray]:
    """Draw the share of stayers with rows integrated out (Dirichlet-multinomial), then rows."""
    from scipy.special import gammaln

    k = len(counts)
    if k == 1:
        return 1.0, np.ones((1, 1))
    prior = ROW_SITES * np.array([expected_rows(stay, k) for stay in STAYS])
    own = (STAY_PRIOR[0] - 1) * np.log(STAYS) + (STAY_PRIOR[1] - 1) * np.log(1 - STAYS)
    fits = own + (gammaln(counts + prior) - gammaln(prior)).sum(axis=(1, 2))
    stay = int(rng.choice(len(STAYS), p=_normal(fits)))
    rows = np.array([rng.dirichlet(row) for row in counts + prior[stay]])
    return float(STAYS[stay]), rows


def _normal(logs: np.ndarray) -> np.ndarray:
    shares = np.exp(logs - logs.max())
    return np.asarray(shares / shares.sum())
