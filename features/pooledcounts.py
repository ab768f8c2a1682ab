"""Sampling variance of shares and rates from counts, at the partially pooled share or rate.

With three heads a site's own share says next to nothing about its variance: p(1 - p)/n is 0 where
everyone stayed. The sampling variance is therefore taken at the best guess of the true share, the
site's own drawn towards that of all sites as far as the sites are alike, as the smoothing of
sampling variances in small-area estimation does (Rao & Molina 2015, *Small Area Estimation*,
section 6.4.1; the moments are Kleinman's, 1973, JASA 68: 46). The value itself stays raw.
"""

from __future__ import annotations

import numpy as np

FEWEST, MOST = 2.0, 30.0
"""Limits of the heads (or leavers) that the other sites are worth beside a site's own."""


def pooled_share_variance(share: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Binomial variance of shares p of n units, at (n p + a P) / (n + a).

    P is the share over all sites with half a count added on both sides, and a = 1/rho - 1 follows
    from the beta-binomial correlation rho between units of one site (Kleinman 1973), between
    `FEWEST` and `MOST`.

    Parameters
    ----------
    share, n : ndarray, shape (g,)
        NaN where a site has no value. `n` may be an effective number.

    Returns
    -------
    ndarray, shape (g,)
        p~(1 - p~)/n; NaN where there is no value.

    Examples
    --------
    >>> variance = pooled_share_variance(np.array([1.0, 0.75, 0.5]), np.array([3.0, 8.0, 30.0]))
    >>> np.sqrt(variance).round(3)
    array([0.262, 0.166, 0.091])
    """
    share, n = np.asarray(share, dtype=float), np.asarray(n, dtype=float)
    there = ~np.isnan(share) & (n > 0)
    found = np.full(len(share), np.nan)
    if not there.any():
        return found
    p, units = share[there], n[there]
    pooled = (p @ units + 0.5) / (units.sum() + 1)
    alike = _units_shared(p, units, pooled)
    guess = (p * units + alike * pooled) / (units + alike)
    found[there] = guess * (1 - guess) / units
    return found


def pooled_count_variance(count: np.ndarray, exposure: np.ndarray) -> np.ndarray:
    """Poisson variance of counts over an exposure, at E (count + a) / (E + a / R).

    R is the rate over all sites with half a count added, and a the shape of a gamma distribution
    of the sites' rates by moments, between `FEWEST` and `MOST` (Clayton & Kaldor 1987, Biometrics
    43: 671, section 4.1, for the gamma-Poisson model).

    Parameters
    ----------
    count, exposure : ndarray, shape (g,)
        NaN where a site has no value.

    Returns
    -------
    ndarray, shape (g,)
        Variance of the count.

    Examples
    --------
    >>> pooled_count_variance(np.array([0.0, 1, 8]), np.array([3.0, 8, 30])).round(2)
    array([0.68, 1.8 , 7.15])
    """
    count, exposure = np.asarray(count, dtype=float), np.asarray(exposure, dtype=float)
    there = ~np.isnan(count) & (exposure > 0)
    found = np.full(len(count), np.nan)
    if not there.any():
        return found
    k, units = count[there], exposure[there]
    pooled = (k.sum() + 0.5) / units.sum()
    shape = _shape(k / units, units, pooled)
    found[there] = units * (k + shape) / (units + shape / pooled)
    return found


def _units_shared(share: np.ndarray, n: np.ndarray, pooled: float) -> float:
    """Kleinman's a = 1/rho - 1; `FEWEST` with too few sites to tell."""
    weight = n / n.sum()
    spread = float(weight @ (share - share @ weight) ** 2)
    left = weight * (1 - weight)
    unit = pooled * (1 - pooled)
    between = unit * float((left * (1 - 1 / n)).sum())
    if len(share) < 3 or between <= 0:
        return FEWEST
    rho = (spread - unit * float((left / n).sum())) / between
    return float(np.clip(1 / max(rho, 1e-9) - 1, FEWEST, MOST))


def _shape(rate: np.ndarray, exposure: np.ndarray, pooled: float) -> float:
    """Shape of the gamma distribution of rates by moments; `FEWEST` with too few sites."""
    weight = exposure / exposure.sum()
    left = weight * (1 - weight)
    if len(rate) < 3:
        return FEWEST
    spread = float(weight @ (rate - rate @ weight) ** 2)
    between = (spread - pooled * float((left / exposure).sum())) / float(left.sum())
    return float(np.clip(pooled**2 / max(between, 1e-9), FEWEST, MOST))
