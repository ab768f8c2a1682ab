"""Whether types found in one round still fit another, and whether anybody moved at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from site_typology.rounds_replays import Replay, Setting, fit_statistics, replay

REPLICATES = 99
LEVEL = 0.05
SAME = 1e-6
"""Shares of movers that are no farther apart are the same but for rounding."""


@dataclass(frozen=True)
class FitTest:
    """How the old types fit a new round, beside rounds simulated from them.

    Parameters
    ----------
    round : str
    sites : int
        With enough data.
    log_likelihood, expected : float
        Mean by site under the old types with fresh shares, and its mean over replicates in which
        the types are as they were.
    p_types : float
        Probability of so low a log-likelihood when the types are as they were, shares free.
    p_shares : float
        Probability of shares so different when these too are as they were.
    none_of_these, none_expected : float
        Share of the sites that lie beyond all types, and its mean over replicates.
    p_none : float
        Probability of so many.
    power : float
        Probability that the rule of the advice refuses ``p_types`` (at most .05, Bonferroni over
        rounds) when the centre of each type has moved by 2 within-type SDs in a direction of its
        own.
    replicates : int
    """

    round: str
    sites: int
    log_likelihood: float
    expected: float
    p_types: float
    p_shares: float
    none_of_these: float
    none_expected: float
    p_none: float
    power: float
    replicates: int


@dataclass(frozen=True)
class MoversTest:
    """Whether more sites seem to move than would if nobody moved.

    Parameters
    ----------
    observed : float
        Estimated share of movers among the sites followed over a step.
    alone : ndarray, shape (replicates,)
        The same in replicates in which nobody moves.
    """

    observed: float
    alone: np.ndarray

    @property
    def expected(self) -> float:
        """Mean share where nobody moves."""
        return float(self.alone.mean())

    @property
    def most(self) -> float:
        """95 % quantile of the share where nobody moves."""
        return float(np.quantile(self.alone, 1 - LEVEL))

    @property
    def p(self) -> float:
        """Probability of so many where nobody moves; NaN where no site is followed."""
        return float("nan") if np.isnan(self.observed) else _p(self.alone >= self.observed - SAME)

    @property
    def found(self) -> bool:
        """Whether measurement error alone hardly shows so many movers."""
        return self.p <= LEVEL

    def corrected(self, shares: np.ndarray, seed: int) -> np.ndarray:
        """Draws of the true share of movers from draws of the one that seems to move.

        Where a share ``a`` of the sites that stay seems to move, ``s = m + (1 - m) a`` seem to in
        all. Each draw is freed of the ``a`` of a replicate drawn at random, which also adds how
        much the search for the types varies (bootstrap bias correction).

        Examples
        --------
        >>> test = MoversTest(0.28, np.array([0.1, 0.1]))
        >>> test.corrected(np.array([0.28, 0.05]), seed=1).round(2).tolist()
        [0.2, 0.0]
        """
        alone = np.random.default_rng(seed).choice(self.alone, size=len(shares))
        return np.asarray(np.clip((shares - alone) / np.maximum(1 - alone, 1e-9), 0, 1))


def judge_rounds(
    setting: Setting,
    movers: np.ndarray,
    *,
    seed: int,
    replicates: int = REPLICATES,
    progress: Callable[[str, float], None] | None = None,
) -> tuple[tuple[FitTest, ...], tuple[MoversTest, ...]]:
    """Test the fit of every other round, and the movers of every step, on the same replicates.

    Monte Carlo tests, ``p = (b + 1) / (replicates + 1)`` (Davison and Hinkley 1997, *Bootstrap
    Methods and their Application*, chapter 4).

    Parameters
    ----------
    setting : Setting
    movers : ndarray, shape (rounds - 1,)
        Estimated shares of movers.
    seed : int
    replicates : int
        Raised to ``rounds / LEVEL - 1`` where it is lower, since the smallest p-value would else be
        above the level, Bonferroni over rounds.
    progress : callable, optional
        Called with a step and the share of it that is done.

    Returns
    -------
    tuple of FitTest
        One a round that the types did not come from.
    tuple of MoversTest
        One a step from round to round.
    """
    replicates = max(replicates, int(np.ceil(len(setting.new) / LEVEL)) - 1)
    replays = []
    for at in range(replicates):
        replays.append(replay(setting, seed, at))
        if progress is not None:
            progress("simulating rounds without change", (at + 1) / replicates)
    fits = tuple(_fit_test(setting, round_, replays) for round_ in setting.new)
    alone = np.array([each.movers for each in replays])
    steps = tuple(MoversTest(float(share), alone[:, at]) for at, share in enumerate(movers))
    return fits, steps


def _fit_test(setting: Setting, round_: str, replays: list[Replay]) -> FitTest:
    data = setting.new[round_]
    seen = fit_statistics(setting.model, setting.old, data)
    unchanged = np.array([each.unchanged[round_] for each in replays])
    shares = np.array([each.steady[round_][1] for each in replays])
    moved = np.array([each.moved[round_][0] for each in replays])
    p_moved = np.array([_p(unchanged[:, 0] <= each) for each in moved])
    return FitTest(
        round=round_,
        sites=data.n,
        log_likelihood=seen[0],
        expected=float(unchanged[:, 0].mean()),
        p_types=_p(unchanged[:, 0] <= seen[0]),
        p_shares=_p(shares >= seen[1]),
        none_of_these=seen[2],
        none_expected=float(unchanged[:, 2].mean()),
        p_none=_p(unchanged[:, 2] >= seen[2]),
        power=float((bonferroni(p_moved, len(setting.new)) <= LEVEL).mean()),
        replicates=len(replays),
    )


def bonferroni(p: np.ndarray, rounds: int) -> np.ndarray:
    """P-values for all rounds together; each round is one more chance to be wrong.

    Rounded, so that three times ``1 / 60`` is no more than .05.

    Examples
    --------
    >>> bonferroni(np.array([1 / 60, 0.5]), 3).tolist()
    [0.05, 1.0]
    """
    return np.asarray(np.minimum(np.round(p * rounds, 12), 1.0))


def _p(extreme: np.ndarray) -> float:
    return float((extreme.sum() + 1) / (len(extreme) + 1))
