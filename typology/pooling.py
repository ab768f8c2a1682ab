"""Partially pooled site values: each drawn to the mean of all sites as far as its error demands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from site_typology.feature_info import FeatureInfo
from site_typology.intervals import LEVEL, Limits, effective_number, effective_units, exposure_of

FEWEST_SITES = 3
ROUNDS = 50
EDGE = 1e-9
TINY = float(np.finfo(float).tiny) * 1e20


@dataclass(frozen=True)
class Pooled:
    """Partially pooled values.

    Parameters
    ----------
    value, standard_error : ndarray, shape (g, D)
        D parts of a composition, else one. The standard error is the root of the mean squared
        error; NaN where there is no value.
    weight : ndarray, shape (g,)
        Weight of the site's own value; the rest is that of the mean of all sites.
    between : float
        Variance of the true values between sites, summed over the parts.
    """

    value: np.ndarray
    standard_error: np.ndarray
    weight: np.ndarray
    between: float


def pool(value: np.ndarray, variance: np.ndarray, split: np.ndarray | None = None) -> Pooled:
    """Predict each site's true value in the Fay-Herriot model without covariates.

    True values vary about one mean with the variance tau², and a site's value about its true one
    with its own known variance v (Fay & Herriot 1979). tau² solves Paule and Mandel's (1982)
    equation, which is Fay and Herriot's own: Σ (y - mean)² / (tau² + v) = n - 1. The prediction
    is w y + (1 - w) mean, w = tau² / (tau² + v), and its mean squared error is g1 + g2 + 2 g3,
    with terms for the estimated mean and tau² (Prasad & Rao 1990, equation 5.15; g3 for this
    moment: Datta, Rao & Smith 2005, section 2).

    Parameters
    ----------
    value : ndarray, shape (g, D)
        NaN where there is none.
    variance : ndarray, shape (g,)
        Summed over the parts; NaN where it is not known: such a site is not pooled.
    split : ndarray, shape (D,), optional
        Share of each part in the variances, between sites and of error.

    Returns
    -------
    Pooled
        All NaN with fewer than three sites.

    Examples
    --------
    >>> found = pool(np.array([[1.0], [3.0], [5.0]]), np.array([2.0, 2.0, 2.0]))
    >>> found.value.ravel(), round(found.between, 6)
    (array([2., 3., 4.]), 2.0)
    """
    there = np.isfinite(value).all(axis=1) & np.isfinite(variance)
    found = Pooled(
        np.full(value.shape, np.nan), np.full(value.shape, np.nan), np.full(len(value), np.nan), 0.0
    )
    if there.sum() < FEWEST_SITES:
        return found
    y, v = value[there], variance[there]
    tau2 = between_variance(y, v)
    # Where values neither vary nor err, their own is as good as the mean.
    own = np.divide(tau2, tau2 + v, out=np.ones(len(v)), where=tau2 + v > 0)
    precision = 1 / np.maximum(tau2 + v, TINY)
    mean = np.average(y, axis=0, weights=precision)
    free = max(value.shape[1] - 1, 1)
    g1 = own * v
    g2 = (1 - own) ** 2 / precision.sum()
    # In two steps: the square of what two exact values that are alike weigh is no float.
    g3 = (1 - own) ** 2 * (precision / precision.sum()) * (2 * len(y) / precision.sum()) / free
    parts = np.ones(1) if split is None else split
    found.value[there] = own[:, None] * y + (1 - own[:, None]) * mean
    found.standard_error[there] = np.sqrt(np.outer(g1 + g2 + 2 * g3, parts))
    found.weight[there] = own
    return Pooled(found.value, found.standard_error, found.weight, tau2)


def between_variance(value: np.ndarray, variance: np.ndarray) -> float:
    """Variance of true values by Paule and Mandel's (1982) equation; 0 if errors explain all.

    Parameters
    ----------
    value : ndarray, shape (g, D)
    variance : ndarray, shape (g,)

    Examples
    --------
    >>> round(between_variance(np.array([[1.0], [3.0]]), np.array([0.5, 0.5])), 6)
    1.5
    """
    from scipy import optimize

    def excess(tau2: float) -> float:
        weight = 1 / np.maximum(tau2 + variance, TINY)
        apart = value - np.average(value, axis=0, weights=weight)
        return float(weight @ (apart**2).sum(axis=1)) - (len(value) - 1)

    most = float(value.var(axis=0).sum()) * len(value)
    if most <= 0 or excess(0.0) <= 0:
        return 0.0
    return float(optimize.brentq(excess, 0.0, most, xtol=most * 1e-14, rtol=1e-12))


def pool_shares(parts: np.ndarray, m: np.ndarray) -> Pooled:
    """Pool the shares of D parts, those of one site with one weight, so that they add up to 1.

    The shares of a site rest on m units. Their variance is not judged from the site's own shares,
    since none of three is not exact: it is (Σ P_k (1 - P_k) - tau²) / m, the mean over sites with
    the overall shares P, the beta-binomial moments of Kleinman (1973, section 2), with Paule and
    Mandel's equation for tau².

    Parameters
    ----------
    parts : ndarray, shape (g, D)
    m : ndarray, shape (g,)
        Infinite where shares are exact, NaN where not known.
    """
    there = np.isfinite(parts).all(axis=1) & ~np.isnan(m)
    units = np.where(np.isinf(m), 1.0, m)[there]
    mix = (units @ parts[there] + 0.5) / (units.sum() + parts.shape[1] / 2)
    tau2 = 0.0
    for _ in range(ROUNDS):
        whole = float((mix * (1 - mix)).sum())
        variance = np.where(there, max(whole - tau2, 1e-6) / m, np.nan)
        found = pool(parts, variance, mix * (1 - mix) / whole)
        before, tau2 = tau2, min(found.between, 0.99 * whole)
        if abs(before - tau2) < 1e-9 * whole:
            break
        weight = units / (max(whole - tau2, 1e-6) + tau2 * units)
        mix = (weight @ parts[there] + 0.5 * weight.mean()) / (
            weight.sum() + parts.shape[1] / 2 * weight.mean()
        )
    # The error of the site's own guess follows the guess, as in the beta posterior: M + m units.
    own = np.outer(found.weight * variance, mix * (1 - mix) / whole)
    size = (whole / tau2 if tau2 > 0 else np.inf) + m[:, None]
    guess = found.value * (1 - found.value) / size
    error = np.sqrt(np.maximum(found.standard_error**2 - own, 0.0) + guess)
    return replace(found, standard_error=error)


def pool_feature(
    info: FeatureInfo, value: np.ndarray, standard_error: np.ndarray, n: np.ndarray
) -> Pooled:
    """Pool one feature that is no part of a composition.

    Shares by `pool_shares`; rates with the error √(P / E) of an exposure E at the overall rate P
    (Clayton & Kaldor 1987, section 4); others with their own errors.

    Parameters
    ----------
    info : FeatureInfo
        See `site_typology.intervals.feature_interval` for ``measurement["from_counts"]``.
    value, standard_error, n : ndarray, shape (g,)
    """
    exact = standard_error == 0
    units = info.measurement.get("from_counts", 0.0)
    counted = units > 0
    if info.kind == "share":
        m = units * n if counted else effective_number(value, standard_error)
        both = pool_shares(np.stack([value, 1 - value], axis=1), np.where(exact, np.inf, m))
        return Pooled(both.value[:, :1], both.standard_error[:, :1], both.weight, both.between / 2)
    if info.kind == "rate" and not (value < 0).any():
        exposure = np.where(
            exact, np.inf, units * n if counted else exposure_of(value, standard_error)
        )
        known = np.isfinite(value) & np.isfinite(exposure)
        size = float(exposure[known].sum())
        rate = (float(value[known] @ exposure[known]) + 0.5) / size if size > 0 else np.nan
        return pool(value[:, None], np.where(np.isinf(exposure), 0.0, rate / exposure))
    return pool(value[:, None], standard_error**2)


def pooled_interval(
    info: FeatureInfo,
    value: np.ndarray,
    standard_error: np.ndarray,
    raw: np.ndarray,
    level: float = LEVEL,
) -> Limits:
    """Interval of pooled values: quantiles of the kind's law with their mean and error.

    Beta for shares and parts, gamma for rates, normal otherwise (cut at the range). As in the
    interval of the raw value, the limit of no case is 0 and that of every case 1.

    Parameters
    ----------
    info : FeatureInfo
    value, standard_error : ndarray, shape (g,)
        Pooled.
    raw : ndarray, shape (g,)
        The site's own value.
    level : float

    Returns
    -------
    low, high : ndarray, shape (g,)
    """
    from scipy import stats

    tail = (1 - level) / 2
    spread = np.where(standard_error > 0, standard_error, np.nan) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        if info.kind in ("share", "composition"):
            # A law with a mean far below its error would put all its weight on 0.
            least = np.minimum(standard_error, 0.5)
            inside = np.clip(value, least, 1 - least)
            size = np.maximum(inside * (1 - inside) / spread - 1, 0.5)
            a, b = inside * size, (1 - inside) * size
            low = np.where(raw < EDGE, 0.0, stats.beta.ppf(tail, a, b))
            high = np.where(raw > 1 - EDGE, 1.0, stats.beta.ppf(1 - tail, a, b))
        elif info.kind == "rate" and not (value < 0).any():
            mean = np.maximum(value, standard_error)
            shape = mean**2 / spread
            low, high = (stats.gamma.ppf(q, shape) * mean / shape for q in (tail, 1 - tail))
            low = np.where(raw < EDGE, 0.0, np.minimum(low, value))
        else:
            half = stats.norm.ppf(1 - tail) * np.sqrt(spread)
            least, most = info.range or (-np.inf, np.inf)
            low, high = np.maximum(value - half, least), np.minimum(value + half, most)
    exact = standard_error == 0
    return np.where(exact, value, low), np.where(exact, value, high)


def pooled_frames(
    values: pd.DataFrame,
    standard_errors: pd.DataFrame,
    counts: pd.DataFrame,
    features: Sequence[FeatureInfo],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Pool whole tables of values, each round apart.

    Parameters
    ----------
    values, standard_errors, counts : DataFrame
        Index levels ``site`` and ``round``, one column a feature.
    features : sequence of FeatureInfo

    Returns
    -------
    pooled, standard_errors : DataFrame
        Of the same shape; NaN for categories, and where there is no value or no known error.
    """
    blank = pd.DataFrame(np.nan, index=values.index, columns=values.columns, dtype=float)
    pooled, errors = blank, blank.copy()
    groups: dict[str, list[FeatureInfo]] = {}
    for info in features:
        if info.kind != "category":
            groups.setdefault(info.composition or f" {info.name}", []).append(info)
    of_round = values.index.get_level_values("round")
    for round_ in dict.fromkeys(of_round):
        rows = np.flatnonzero(of_round == round_)
        for infos in groups.values():
            names = [info.name for info in infos]
            value, error, n = (
                frame.iloc[rows][names].to_numpy(dtype=float, na_value=np.nan)
                for frame in (values, standard_errors, counts)
            )
            if len(infos) > 1 or infos[0].composition:
                variance = (error**2).sum(axis=1)
                m = np.where(variance == 0, np.inf, effective_units(value, variance))
                found = pool_shares(value, m)
            else:
                found = pool_feature(infos[0], value[:, 0], error[:, 0], n[:, 0])
            columns = values.columns.get_indexer(names)
            pooled.iloc[rows, columns] = found.value
            errors.iloc[rows, columns] = found.standard_error
    return pooled, errors
