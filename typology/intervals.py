"""Intervals of site values by kind, formed from the value and its standard error."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from site_typology.feature_info import FeatureInfo

LEVEL = 0.95
BISECTIONS = 70
Limits = tuple[np.ndarray, np.ndarray]


def feature_interval(
    info: FeatureInfo,
    value: np.ndarray,
    standard_error: np.ndarray,
    n: np.ndarray,
    level: float = LEVEL,
) -> Limits:
    """Form the interval of each value of a feature by its kind.

    Shares, parts of a composition and vacancies: `share_interval`. Rates that cannot be negative:
    `rate_interval`. Others: `mean_interval` with the feature's degrees of freedom, cut at its
    range. A value with an error of 0 is its own interval; one whose error is not known has none.

    Parameters
    ----------
    info : FeatureInfo
        ``measurement["error_df"]``, where it is there, is the degrees of freedom of the variance
        behind the errors, which was pooled over sites. ``measurement["from_counts"]`` above 0
        says that a value is of so many times n units itself, whatever its error is made of: 1,
        or 1/100 for a rate per 100. A continuous one is then a share that may be below 0.
    value, standard_error, n : ndarray, shape (g,)
        NaN where unknown.
    level : float
        Between 0 and 1.

    Returns
    -------
    low, high : ndarray, shape (g,)
        NaN where there is no value, and for a category.
    """
    form: Callable[[np.ndarray, np.ndarray, float, np.ndarray | None], Limits]
    units = info.measurement.get("from_counts", 0.0)
    counted = units * n if units > 0 else None
    if info.kind == "category":
        blank = np.full(len(value), np.nan)
        return blank, blank.copy()
    of_units = info.kind == "continuous" and counted is not None
    if info.kind in ("share", "composition") or of_units:
        form = share_interval
    elif info.kind == "rate" and not (value < 0).any():
        form = rate_interval
    else:
        freedom = info.measurement.get("error_df", np.inf)
        low, high = mean_interval(value, standard_error, freedom, level)
        least, most = info.range or (-np.inf, np.inf)
        # An estimate may lie outside a range that an index only has in expectation.
        return np.maximum(low, np.minimum(least, value)), np.minimum(high, np.maximum(most, value))
    return form(value, standard_error, level, counted)


def mean_interval(
    value: np.ndarray, standard_error: np.ndarray, freedom: float = np.inf, level: float = LEVEL
) -> Limits:
    """Student's interval of a mean: value ± t SE.

    Parameters
    ----------
    value, standard_error : ndarray, shape (g,)
    freedom : float
        Degrees of freedom of the variance behind the errors; infinite for a known one.
    level : float

    Returns
    -------
    low, high : ndarray, shape (g,)

    Examples
    --------
    >>> low, high = mean_interval(np.array([3.0]), np.array([0.5]))
    >>> round(low.item(), 3), round(high.item(), 3)
    (2.02, 3.98)
    """
    from scipy import stats

    half = stats.t.ppf((1 + level) / 2, freedom) * standard_error
    return np.asarray(value - half), np.asarray(value + half)


def share_interval(
    value: np.ndarray,
    standard_error: np.ndarray,
    level: float = LEVEL,
    n: np.ndarray | None = None,
) -> Limits:
    """Jeffreys' interval of a share, from the share and its standard error.

    The number m is `n` where it is given, else what `effective_number` recovers from the error:
    the informants, or fewer after weighting, or more where many of the eligible answered. The
    limits are the quantiles of
    Beta(m p + 1/2, m (1 - p) + 1/2), with 0 and 1 for the lower limit of no case and the upper
    one of every case (Brown, Cai & DasGupta 2001, section 3.1.2).

    Examples
    --------
    None of eight: the standard error is .0809 with half a count added.

    >>> low, high = share_interval(np.array([0.0]), np.array([0.08085]))
    >>> round(low.item(), 3), round(high.item(), 3)
    (0.0, 0.262)
    """
    from scipy import stats

    tail = (1 - level) / 2
    m = effective_number(value, standard_error) if n is None else n
    with np.errstate(invalid="ignore"):
        yes, no = np.clip(value, 0, 1) * m, (1 - np.clip(value, 0, 1)) * m
        low = np.where(yes < 1e-9, 0.0, stats.beta.ppf(tail, yes + 0.5, no + 0.5))
        high = np.where(no < 1e-9, 1.0, stats.beta.ppf(1 - tail, yes + 0.5, no + 0.5))
    return _exact(value, standard_error, np.minimum(low, value), np.maximum(high, value))


def effective_number(value: np.ndarray, standard_error: np.ndarray) -> np.ndarray:
    """Number m whose share has this standard error with half a count added, shape (g,).

    The one positive root of s (1 - s) / m = SE² with s = (p m + 1/2)/(m + 1), the variance of
    `site_typology.features.measurement.half_count_variance`. NaN without an error.

    Examples
    --------
    >>> effective_number(np.array([0.0, 0.5]), np.sqrt([0.5 * 8.5 / 81 / 8, 0.25 / 30])).round(6)
    array([ 8., 30.])
    """
    share = np.clip(value, 0.0, 1.0)
    return effective_units(np.stack([share, 1 - share], axis=-1), 2 * np.square(standard_error))


def effective_units(parts: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Number m of units whose D shares have this total variance with half a unit added to each.

    The one positive root of Σ s (1 - s) / m = variance with s = (p m + 1/2)/(m + D/2).

    Parameters
    ----------
    parts : ndarray, shape (..., D)
    variance : ndarray, shape (...)
        Sum over the parts.

    Returns
    -------
    ndarray, shape (...)
        NaN without a variance, or where it is 0.
    """
    wanted = np.where(variance > 0, variance, np.nan)
    low, high = np.full(wanted.shape, -12.0), np.full(wanted.shape, 30.0)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        m = np.exp(middle)[..., None]
        smooth = (parts * m + 0.5) / (m + parts.shape[-1] / 2)
        more = (smooth * (1 - smooth) / m).sum(axis=-1) > wanted
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    unknown = np.isnan(wanted) | np.isnan(parts).any(axis=-1)
    return np.asarray(np.where(unknown, np.nan, np.exp(low)))


def exposure_of(rate: np.ndarray, standard_error: np.ndarray) -> np.ndarray:
    """Exposure E whose events have this error with half an event added; NaN without one."""
    error = np.where(standard_error > 0, standard_error, np.nan)
    return np.asarray((rate + np.sqrt(rate**2 + 2 * error**2)) / (2 * error**2))


def rate_interval(
    value: np.ndarray,
    standard_error: np.ndarray,
    level: float = LEVEL,
    exposure: np.ndarray | None = None,
) -> Limits:
    """Jeffreys' interval of a rate of 0 or more, from the rate and its standard error.

    The error √(x + 1/2) / E of x events in the exposure E gives E = (r + √(r² + 2 SE²)) /
    (2 SE²) back where `exposure` is not given. The limits are the quantiles of Gamma(x + 1/2) / E,
    with 0 for the lower limit of no event (Brown, Cai & DasGupta 2003, section 4).

    Examples
    --------
    No leaver among eight staff:

    >>> low, high = rate_interval(np.array([0.0]), np.array([np.sqrt(0.5) / 8]))
    >>> round(low.item(), 3), round(high.item(), 3)
    (0.0, 0.314)
    """
    from scipy import stats

    tail = (1 - level) / 2
    if exposure is None:
        exposure = exposure_of(value, standard_error)
    events = value * exposure
    with np.errstate(invalid="ignore"):
        low = np.where(events < 1e-9, 0.0, stats.gamma.ppf(tail, events + 0.5) / exposure)
        high = stats.gamma.ppf(1 - tail, events + 0.5) / exposure
    return _exact(value, standard_error, np.minimum(low, value), np.maximum(high, value))


def interval_frames(
    values: pd.DataFrame,
    standard_errors: pd.DataFrame,
    counts: pd.DataFrame,
    features: tuple[FeatureInfo, ...],
    level: float = LEVEL,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Form the intervals of whole tables of values; see `feature_interval`.

    Returns
    -------
    low, high : DataFrame
        Rows and columns of `values`.
    """
    low, high = {}, {}
    for info in features:
        name = info.name
        if info.kind == "category":
            low[name] = high[name] = np.full(len(values), np.nan)
            continue
        value, error, n = (
            frame[name].to_numpy(dtype=float, na_value=np.nan)
            for frame in (values, standard_errors, counts)
        )
        low[name], high[name] = feature_interval(info, value, error, n, level)
    return pd.DataFrame(low, index=values.index), pd.DataFrame(high, index=values.index)


def _exact(
    value: np.ndarray, standard_error: np.ndarray, low: np.ndarray, high: np.ndarray
) -> Limits:
    """A value that is known exactly is its own interval."""
    exact = standard_error == 0
    return np.where(exact, value, low), np.where(exact, value, high)
