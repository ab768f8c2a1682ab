"""Kaplan-Meier retention of a few people at a time, in heads or FTE, and how much is behind it.

Stays are left truncated (a person who was in post when the window opened is seen only from the
tenure reached by then) and right censored (still in post when it closes).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Stays:
    """Stays of people at one site, in any unit of time.

    Parameters
    ----------
    entry : ndarray, shape (n,)
        Tenure when the person came under observation; 0 for one who joined inside the window.
    exit : ndarray, shape (n,)
        Tenure at leaving, or when observation ended.
    left : ndarray of bool, shape (n,)
        Whether the person left at `exit`.
    limit : ndarray, shape (n,)
        Tenure at which observation would have ended, had the person not left.
    weight : ndarray, shape (n,), optional
        What a person counts, above 0, such as FTE; 1 each if not given.
    """

    entry: np.ndarray
    exit: np.ndarray
    left: np.ndarray
    limit: np.ndarray
    weight: np.ndarray | None = None


def retention_at(stays: Stays, time: float) -> float:
    """Kaplan-Meier chance of staying longer than `time`, by statsmodels' ``SurvfuncRight``.

    A person is at risk at tenures in (entry, exit], as in a counting process (Klein &
    Moeschberger 2003, *Survival Analysis*, section 4.6). With weights, leavers and those at risk
    are sums of weights (Xie & Liu 2005, Statistics in Medicine 24: 3089, section 2), so that a
    person of weight 2 counts as two of weight 1.

    Examples
    --------
    >>> left = np.array([True, True, False, False])
    >>> stays = Stays(np.zeros(4), np.array([2.0, 5, 9, 9]), left, np.full(4, 9.0))
    >>> round(retention_at(stays, 6.0), 6)
    0.5
    >>> weighted = Stays(np.zeros(4), stays.exit, left, stays.limit, np.array([1, 0.5, 0.5, 0.5]))
    >>> round(retention_at(weighted, 6.0), 6)
    0.4
    """
    from statsmodels.duration.survfunc import SurvfuncRight

    curve = SurvfuncRight(
        stays.exit, stays.left.astype(int), entry=stays.entry, freq_weights=stays.weight
    )
    before = np.searchsorted(curve.surv_times, time, side="right")
    return float(curve.surv_prob[before - 1]) if before else 1.0


def people_behind(stays: Stays, time: float, hazard: float) -> tuple[int, float]:
    """Fewest people under observation at any tenure up to `time`, and their effective number.

    The first counts those who would be seen at a tenure had they not left, so that it does not
    depend on who left. The second is the number of people, all followed from the start, whose
    share staying would be known as well: with a constant hazard h the log of Kaplan-Meier has
    variance V = ∫ h / Y(u) du (Andersen et al. 1993, *Statistical Models Based on Counting
    Processes*, IV.3.2), where Y(u) is the expected number at risk, and n people followed from the
    start have (exp(h t) - 1) / n. With weights w, Y(u) is the effective number (Σw)²/Σw² of those
    at risk (Xie & Liu 2005, section 2, as Kish's), sums as expected; equal weights of any size
    change nothing.

    Parameters
    ----------
    hazard : float
        A likely hazard, above 0.

    Returns
    -------
    fewest : int
        0 where a stretch of tenure was seen of nobody: no estimate is possible without assuming
        that nobody would have left in it.
    effective : float
        0 in that case.

    Examples
    --------
    >>> stays = Stays(np.zeros(3), np.array([4.0, 9, 9]), np.array([1, 0, 0]) > 0, np.full(3, 9.0))
    >>> fewest, effective = people_behind(stays, 6.0, 0.05)
    >>> fewest, round(effective, 6)
    (3, 3.0)
    """
    marks = np.concatenate([stays.entry, stays.limit])
    marks = np.unique(np.concatenate([[0.0, time], marks[(marks > 0) & (marks < time)]]))
    low, high = marks[:-1], marks[1:]
    seen = (stays.entry[None, :] <= low[:, None]) & (stays.limit[None, :] >= high[:, None])
    fewest = int(seen.sum(axis=1).min())
    if fewest == 0:
        return 0, 0.0
    # A person seen from tenure L is still there at u with chance exp(-h (u - L)).
    weight = np.ones(len(stays.entry)) if stays.weight is None else stays.weight
    still = np.exp(hazard * stays.entry)
    at_risk = (seen @ (weight * still)) ** 2 / (seen @ (weight**2 * still))
    variance = float(((np.exp(hazard * high) - np.exp(hazard * low)) / at_risk).sum())
    return fewest, float(np.expm1(hazard * time)) / variance
