"""How much less sites say of their type than they seem to: a temperature for memberships.

Types are estimated, from few sites and with error, and then taken as known: memberships are too
sure, most of all at the very sites that the types were fitted to (the estimative against the
predictive approach; Aitchison and Dunsmore 1975, *Statistical Prediction Analysis*, chapter 11).
"""

from __future__ import annotations

import numpy as np

HIGHEST = 50.0
"""Above this temperature memberships hardly differ from each other."""


def fit_temperature(log_joint: np.ndarray) -> float:
    """Temperature at which memberships give true types the highest log-likelihood.

    Temperature scaling (Guo, Pleiss, Sun and Weinberger 2017, *ICML* 34): memberships become
    proportional to ``exp(log_joint / temperature)``. It changes no site's likeliest type. The mean
    log-likelihood is concave in ``1 / temperature``, so that its root is the answer.

    Parameters
    ----------
    log_joint : ndarray, shape (m, k)
        Log joint densities of sites whose types are known, the true type first.

    Returns
    -------
    float
        1 where memberships are not too sure, and at most `HIGHEST`.

    Examples
    --------
    >>> sure, wrong = [[4.0, 0.0]] * 3, [[0.0, 4.0]]
    >>> round(fit_temperature(np.array(sure + wrong)), 3), round(4 / np.log(3), 3)
    (3.641, 3.641)
    >>> fit_temperature(np.array(sure))
    1.0
    """
    from scipy.optimize import brentq

    below = log_joint - log_joint.max(axis=1, keepdims=True)

    def slope(sharpness: float) -> float:
        shares = tempered(below, 1 / sharpness)
        return float((below[:, 0] - (shares * below).sum(axis=1)).mean())

    if slope(1.0) >= 0:
        return 1.0
    if slope(1 / HIGHEST) <= 0:
        return HIGHEST
    return float(1 / brentq(slope, 1 / HIGHEST, 1.0, xtol=1e-12))


def tempered(log_joint: np.ndarray, temperature: float) -> np.ndarray:
    """Membership probabilities at a temperature, shape (m, k), from log joint densities.

    Examples
    --------
    >>> tempered(np.log([[0.8, 0.2]]), 1.0).round(2).tolist()
    [[0.8, 0.2]]
    >>> tempered(np.log([[0.8, 0.2]]), 2.0).round(2).tolist()
    [[0.67, 0.33]]
    """
    shares = np.exp((log_joint - log_joint.max(axis=1, keepdims=True)) / temperature)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))
