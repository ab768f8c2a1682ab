"""How much less sites say of their type than they seem to: a temperature for memberships.

Types are estimated, from few sites and with error, and then taken as known: memberships are too
sure, most of all at the very sites that the types were fitted to (the estimative against the
predictive approach; Aitchison and Dunsmore 1975, *Statistical Prediction Analysis*, chapter 11).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

HIGHEST: Final = 50.0
"""Above this temperature memberships hardly differ from each other."""
RESAMPLES: Final = 50
"""Times that data sets are drawn again for the Monte Carlo error."""


def tempered(log_joint: np.ndarray, temperature: float) -> np.ndarray:
    """Membership probabilities at a temperature, shape (m, k), from log joint densities.

    They are proportional to ``exp(log_joint / temperature)`` (temperature scaling; Guo, Pleiss, Sun
    and Weinberger 2017, *ICML* 34). No site's likeliest type changes.

    Examples
    --------
    >>> tempered(np.log([[0.8, 0.2]]), 1.0).round(2).tolist()
    [[0.8, 0.2]]
    >>> tempered(np.log([[0.8, 0.2]]), 2.0).round(2).tolist()
    [[0.67, 0.33]]
    """
    shares = np.exp((log_joint - log_joint.max(axis=1, keepdims=True)) / temperature)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def fit_temperature(log_joint: np.ndarray) -> float:
    """Temperature at which sites are as sure as they are right, on average.

    The mean probability of the likeliest type is to be the share of sites of which it is the true
    one (expectation consistency; Clarte, Loureiro, Krzakala and Zdeborova 2023, *UAI* 39). It falls
    with the temperature, so that there is one answer. A few sites that are sure and wrong do not
    decide it, as they would the likelihood.

    Parameters
    ----------
    log_joint : ndarray, shape (m, k)
        Log joint densities of sites whose types are known, the true type first; minus infinity
        for a type that was not found.

    Returns
    -------
    float
        1 where memberships are not too sure, and at most `HIGHEST`.

    Examples
    --------
    >>> sure, wrong = [[4.0, 0.0]] * 3, [[0.0, 4.0]]
    >>> round(fit_temperature(np.array(sure + wrong)), 3), round(float(4 / np.log(3)), 3)
    (3.641, 3.641)
    >>> fit_temperature(np.array(sure))
    1.0
    """
    from scipy.optimize import brentq

    if not len(log_joint):
        return 1.0
    below = log_joint - log_joint.max(axis=1, keepdims=True)
    right = float((below.argmax(axis=1) == 0).mean())

    def too_sure(sharpness: float) -> float:
        return float(tempered(below, 1 / sharpness).max(axis=1).mean()) - right

    if too_sure(1.0) <= 0:
        return 1.0
    if too_sure(1 / HIGHEST) >= 0:
        return HIGHEST
    return float(1 / brentq(too_sure, 1 / HIGHEST, 1.0, xtol=1e-12))


def temperature_error(sets: Sequence[np.ndarray], seed: int) -> float:
    """Monte Carlo standard error of the temperature fitted to simulated data sets.

    The data sets, each as `fit_temperature` takes one, are drawn with replacement; 0 for less than
    two of them.

    Examples
    --------
    >>> alike = [np.array([[4.0, 0.0], [0.0, 4.0]])] * 3
    >>> temperature_error(alike, seed=1)
    0.0
    """
    if len(sets) < 2:
        return 0.0
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(sets), size=(RESAMPLES, len(sets)))
    return float(np.std([fit_temperature(np.vstack([sets[at] for at in row])) for row in drawn]))
