"""Mean of a feature in each type, with an interval that includes measurement error."""

from __future__ import annotations

import numpy as np
import pandas as pd

from site_typology.feature_info import FeatureInfo

LEVEL = 0.95


def group_means(
    values: np.ndarray, errors: np.ndarray, groups: np.ndarray, level: float = LEVEL
) -> pd.DataFrame:
    """Estimate the mean of each group of sites when the value of each site is itself uncertain.

    A site's value is its group's mean, plus how sites of a group truly differ (variance tau2, the
    same in every group), plus its own measurement error. tau2 solves Paule and Mandel's (1982,
    J Res NBS 87) equation pooled over groups, ``sum w (y - mean)^2 = n - groups``; sites count
    with ``w = 1 / (tau2 + error^2)``; the interval uses Student's t with ``n - groups`` degrees
    of freedom. Without measurement error it is the usual interval with a pooled variance.

    Parameters
    ----------
    values : ndarray, shape (n_sites,)
        NaN where missing; those sites are left out.
    errors : ndarray, shape (n_sites,)
        Standard errors; 0 where the value is known exactly, NaN where the error of a value is not
        known. A group with such a site has its plain mean and no interval, and its sites of
        unknown error tell nothing of tau2.
    groups : ndarray of int, shape (n_sites,)
    level : float

    Returns
    -------
    DataFrame
        Index ``group`` (every group, sorted), columns ``mean, low, high, n``; the limits are NaN
        where no group has two known sites, and in a group with a value of unknown error.

    Examples
    --------
    >>> means = group_means(np.array([1.0, 2.0, 3.0]), np.zeros(3), np.ones(3, int))
    >>> means.loc[1].round(2).tolist()
    [2.0, -0.48, 4.48, 3.0]
    """
    from scipy import stats

    every = np.unique(groups)
    known = ~np.isnan(values)
    y, e2, member = values[known], errors[known] ** 2, groups[known]
    stated = ~np.isnan(e2)
    freedom = int(stated.sum()) - len(np.unique(member[stated]))
    tau2 = between_sites(y[stated], e2[stated], member[stated])
    rows = []
    for group in every:
        inside = member == group
        if not inside.any():
            rows.append((np.nan, np.nan, np.nan, 0))
            continue
        if not stated[inside].all():
            rows.append((float(y[inside].mean()), np.nan, np.nan, int(inside.sum())))
            continue
        weights = _weights(tau2, e2[inside])
        mean = float(np.average(y[inside], weights=weights))
        half = np.nan
        if freedom > 0:
            half = float(stats.t.ppf((1 + level) / 2, freedom) / np.sqrt(weights.sum()))
        rows.append((mean, mean - half, mean + half, int(inside.sum())))
    index = pd.Index(every, name="group")
    return pd.DataFrame(rows, index=index, columns=["mean", "low", "high", "n"])


def within_limits(means: pd.DataFrame, info: FeatureInfo) -> pd.DataFrame:
    """Cut intervals at the values that the feature can take."""
    low, high = {"share": (0.0, 1.0), "composition": (0.0, 1.0), "rate": (0.0, np.inf)}.get(
        info.kind, info.range or (-np.inf, np.inf)
    )
    columns = ["low", "high"]
    return means.assign(**{name: means[name].clip(low, high) for name in columns})


def between_sites(values: np.ndarray, variances: np.ndarray, groups: np.ndarray) -> float:
    """Solve Paule and Mandel's equation for the variance between sites of one group.

    Parameters
    ----------
    values, variances : ndarray, shape (n_sites,)
        Known values and the squares of their standard errors.
    groups : ndarray of int, shape (n_sites,)

    Returns
    -------
    float
        In squared units of the values; next to 0 where errors explain all differences.

    Examples
    --------
    >>> round(between_sites(np.array([1.0, 3.0]), np.zeros(2), np.ones(2, int)), 6)
    2.0
    """
    from scipy import optimize

    freedom = len(values) - len(np.unique(groups))
    if freedom < 1:
        return 0.0

    def excess(tau2: float) -> float:
        weights = _weights(tau2, variances)
        total = 0.0
        for group in np.unique(groups):
            inside = groups == group
            mean = np.average(values[inside], weights=weights[inside])
            total += float(weights[inside] @ (values[inside] - mean) ** 2)
        return total - freedom

    spread = float(np.var(values))
    floor = spread * 1e-12
    if spread == 0 or excess(floor) <= 0:
        return floor
    # The whole variance times n is always enough: each weight is then below 1 / (n var).
    return float(optimize.brentq(excess, floor, spread * len(values) + floor))


def _weights(tau2: float, variances: np.ndarray) -> np.ndarray:
    # Sites that agree exactly and are known exactly would weigh infinitely much.
    return np.asarray(1 / np.maximum(tau2 + variances, np.finfo(float).tiny * 1e20))
