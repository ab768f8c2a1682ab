"""Shares of a whole by site, from informants, counts or totals, each with its error covariance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import narwhals as nw
import numpy as np
import pandas as pd

from site_typology.declaration import Condition
from site_typology.features.aggregate import Moments, moments
from site_typology.features.selection import WEIGHT, row_values
from site_typology.features.tables import ROUND, SITE, Table

USED, KNOWN = "__used__", "__known__"
ROUNDING = 1e-12
"""Shares of counts below this are rounding error: one row of a million million."""
ROUNDS, LEAST_OWN = 20, 0.1
"""Iterations of a dispersion; least share of p(1 - p) that a site's own mean is taken to show."""


@dataclass(frozen=True)
class Shares:
    """Shares of D parts at g sites and rounds.

    Parameters
    ----------
    index : MultiIndex of (site, round), length g
    parts : tuple of str, length D
    value : ndarray, shape (g, D)
        Rows add up to 1; NaN where there is nothing to share.
    covariance : ndarray, shape (g, D, D)
        Error covariance.
    n : ndarray, shape (g,)
        Rows behind the shares.
    sums : Moments
        Of the rows' shares or amounts.
    """

    index: pd.MultiIndex
    parts: tuple[str, ...]
    value: np.ndarray
    covariance: np.ndarray
    n: np.ndarray
    sums: Moments

    @property
    def standard_error(self) -> np.ndarray:
        """Standard error of each share, shape (g, D)."""
        return np.asarray(np.sqrt(np.einsum("gkk->gk", self.covariance)))

    @property
    def covariance_frame(self) -> pd.DataFrame:
        """Error covariance, one row a site and round, D * D columns."""
        content = self.covariance.reshape(len(self.index), len(self.parts) ** 2)
        return pd.DataFrame(content, index=self.index)


def amount_rows(
    table: Table, where: Sequence[Condition], amounts: Mapping[str, nw.Expr]
) -> pd.DataFrame:
    """Amounts of each part on each row; a row that lacks one of them has none.

    A row with nothing to share out (all amounts 0) says nothing either.
    """
    columns = {part: amount.cast(nw.Float64) for part, amount in amounts.items()}
    rows = nw.from_native(row_values(table, where, columns), eager_only=True)
    complete = nw.all_horizontal(*(~nw.col(part).is_null() for part in columns), ignore_nulls=False)
    usable = complete & (nw.sum_horizontal(*columns) > 0)
    rows = rows.with_columns(usable.alias(USED), complete.alias(KNOWN))
    kept = (nw.when(nw.col(USED)).then(nw.col(part)).alias(part) for part in columns)
    amounts_of_rows: pd.DataFrame = rows.with_columns(*kept).to_native()
    return amounts_of_rows


def informant_shares(rows: pd.DataFrame, parts: Sequence[str], factor: np.ndarray) -> Shares:
    """Mean of the rows' own shares; error from the covariance between rows at each site.

    Parameters
    ----------
    rows : DataFrame
        From `amount_rows`.
    factor : ndarray, shape (g,)
        Finite population correction of the variance.
    """
    total = rows[list(parts)].sum(axis=1, min_count=len(parts))
    own = rows.assign(**{part: rows[part] / total for part in parts})
    sums = moments(own, parts)
    effective = sums.effective[:, :1]
    return Shares(
        sums.index,
        tuple(parts),
        _without_rounding(sums.mean),
        _covariance_by_site(own, parts, sums) / effective[:, :, None] * factor[:, None, None],
        sums.n[:, 0],
        sums,
    )


def _covariance_by_site(rows: pd.DataFrame, parts: Sequence[str], sums: Moments) -> np.ndarray:
    """Covariance of the rows' shares at each site, shape (g, D, D); NaN if no site has two rows.

    Shares near 0 vary less than those near one half: the variance of part k is taken as c_k
    p_k (1 - p_k), as a quasi-likelihood does (Wedderburn 1974, section 4), with the dispersion c_k
    and the correlations pooled over sites. p is the site's share with half a unit added, of n / c
    units, so that a part that nobody named has an error too; the parts stay closed.
    """
    value, n = sums.mean, sums.effective[:, :1]
    blank = np.full((len(value), len(parts), len(parts)), np.nan)
    pooled = _pooled_covariance(rows, parts, value, sums)
    if np.isnan(pooled).any():
        return blank
    weight = sums.freedom[:, :1]
    unit = np.nan_to_num(value * (1 - value))
    dispersion = np.full(len(parts), 0.5)
    for _ in range(ROUNDS):
        # p(1 - p) of a mean of n rows falls short of the site's own by the factor 1 - c/n.
        short = np.maximum(1 - dispersion / np.nan_to_num(n, nan=np.inf), LEAST_OWN)
        expected = (weight * unit / short).sum(axis=0) / weight.sum()
        whole = np.divide(np.diag(pooled), expected, out=np.zeros(len(parts)), where=expected > 0)
        dispersion = np.clip(whole, ROUNDING, 1.0)
    m = n / dispersion.mean()
    smooth = (value * m + 0.5) / (m + len(parts) / 2)
    scale = np.sqrt(np.maximum(np.diag(pooled), ROUNDING**2))
    correlation = pooled / np.outer(scale, scale)
    np.fill_diagonal(correlation, 1.0)
    spread = np.sqrt(dispersion * smooth * (1 - smooth))
    open_ = spread[:, :, None] * correlation * spread[:, None, :]
    closing = np.eye(len(parts)) - smooth[:, :, None]
    return np.asarray(closing @ open_ @ closing.mT)


def count_shares(rows: pd.DataFrame, parts: Sequence[str]) -> Shares:
    """Shares of the rows of each kind, or of their amounts; multinomial error.

    Every part gets half a count, so that none of 8 is not exact: with p = (x + 1/2)/(n + D/2),
    the mean of Jeffreys' prior, the covariance is (diag p - pp')/n. Where rows carry amounts, n
    is their effective number (Σa)²/Σa² (Kish 1965).
    """
    weight = rows[WEIGHT] * rows[list(parts)].sum(axis=1, min_count=len(parts))
    ones = rows.assign(**{part: (rows[part] > 0).astype(float).where(rows[USED]) for part in parts})
    sums = moments(ones.assign(**{WEIGHT: weight}), parts)
    value = _without_rounding(sums.mean)
    n = sums.effective[:, :1]
    smooth = (value * n + 0.5) / (n + len(parts) / 2)
    covariance = smooth[:, :, None] * (np.eye(len(parts)) - smooth[:, None, :])
    return Shares(sums.index, tuple(parts), value, covariance / n[:, :, None], sums.n[:, 0], sums)


def total_shares(rows: pd.DataFrame, parts: Sequence[str]) -> Shares:
    """Shares of the totals over rows; error of a ratio estimator.

    With R the share and t a row's total, the residuals are d = (y - R t) / mean(t) and the
    variance is s²/n (Cochran 1977, equation 6.4), s² pooled over sites. Where no site has two
    rows the totals are taken as exact.
    """
    whole = rows[list(parts)].sum(axis=1, min_count=len(parts))
    sums = moments(rows.assign(total=whole), [*parts, "total"])
    means = sums.mean
    value = _without_rounding(means[:, :-1] / means[:, -1:])
    at = sums.index.get_indexer(pd.MultiIndex.from_frame(rows[[SITE, ROUND]]))
    fitted = value[at] * whole.to_numpy()[:, None]
    residuals = (rows[list(parts)].to_numpy() - fitted) / means[at, -1:]
    relative = rows.assign(**dict(zip(parts, residuals.T, strict=True)))
    covariance = _pooled_covariance(relative, parts, np.zeros_like(value), sums)
    spread = np.nan_to_num(covariance)[None] / sums.effective[:, :1, None]
    return Shares(sums.index, tuple(parts), value, spread, sums.n[:, 0], sums)


def joined_rows(rows: pd.DataFrame, periods: pd.DataFrame, parts: Sequence[str]) -> pd.DataFrame:
    """Put the rows of one period together: one row a period, with the amounts of all parts.

    A part without a row in a period is 0 there; a period in which an amount is missing has none,
    since leaving out the one would inflate the others.

    Parameters
    ----------
    rows : DataFrame
        From `amount_rows`.
    periods : DataFrame
        The columns that name a period, aligned with the table's rows by its index.
    """
    keys = [f"period {at}" for at in range(periods.shape[1])]
    named = periods.loc[rows.index].set_axis(keys, axis=1).astype("str")
    groups = rows.assign(**{key: named[key] for key in keys}).groupby([SITE, ROUND, *keys])
    sums = groups[list(parts)].sum()
    usable = groups[KNOWN].all() & (sums.sum(axis=1) > 0)
    joined = sums.where(usable, axis=0).assign(**{WEIGHT: groups[WEIGHT].mean(), USED: usable})
    return joined.reset_index()


def _without_rounding(shares: np.ndarray) -> np.ndarray:
    """Exactly 0 for a part that no row has, of which sums about a centre leave -1e-18."""
    return np.asarray(np.where(np.abs(shares) < ROUNDING, 0.0, shares))


def _pooled_covariance(
    rows: pd.DataFrame, parts: Sequence[str], means: np.ndarray, sums: Moments
) -> np.ndarray:
    """Covariance of the parts within sites, shape (D, D); NaN where no site has two rows."""
    at = sums.index.get_indexer(pd.MultiIndex.from_frame(rows[[SITE, ROUND]]))
    residuals = rows[list(parts)].to_numpy(dtype=float) - means[at]
    weight = rows[WEIGHT].to_numpy(dtype=float)
    used = ~np.isnan(residuals).any(axis=1) & (weight > 0)
    residuals, weight = residuals[used], weight[used]
    freedom = sums.freedom[:, 0].sum()
    if freedom <= 1e-9:
        return np.full((len(parts), len(parts)), np.nan)
    return np.asarray((residuals * weight[:, None]).T @ residuals / freedom)


def simpson(shares: Shares) -> tuple[np.ndarray, np.ndarray]:
    """Gini-Simpson diversity 1 - Σp² and its standard error, each of shape (g,).

    The chance that two draws differ (Simpson 1949; Gini 1912). Error by `_second_order`.

    Examples
    --------
    Half, a quarter and a quarter give 1 - (4 + 1 + 1)/16 = .625.

    >>> rows = pd.DataFrame({SITE: "A", ROUND: "all", WEIGHT: 1.0, USED: True},
    ...                     index=range(4)).assign(a=[1, 1, 0, 0], b=[0, 0, 1, 0], c=[0, 0, 0, 1])
    >>> simpson(count_shares(rows, ["a", "b", "c"]))[0].item()
    0.625
    """
    value, covariance = shares.value, shares.covariance
    first = 4 * np.einsum("gk,gkl,gl->g", value, covariance, value)
    second = 2 * np.einsum("gkl,glk->g", covariance, covariance)
    return 1 - (value**2).sum(axis=1), _second_order(first, second)


def shannon(shares: Shares) -> tuple[np.ndarray, np.ndarray]:
    """Shannon diversity -Σ p ln p / ln D, from 0 to 1, and its standard error, shape (g,).

    Shannon (1948), divided by its largest value (Pielou 1966). Error by `_second_order`, at
    shares with half a count added, since the logarithm of 0 has no slope.
    """
    value, covariance = shares.value, shares.covariance
    parts = value.shape[1]
    terms = np.where(value > 0, value * np.log(np.where(value > 0, value, 1.0)), value)
    n = shares.n[:, None]
    smooth = (value * n + 0.5) / (n + parts / 2)
    slope, bend = -(np.log(smooth) + 1), -1 / smooth
    first = np.einsum("gk,gkl,gl->g", slope, covariance, slope)
    second = 0.5 * np.einsum("gk,gkl,gl,glk->g", bend, covariance, bend, covariance)
    return -terms.sum(axis=1) / np.log(parts), _second_order(first, second) / np.log(parts)


def _second_order(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Standard error of a smooth function by the delta method to the second order.

    The variance is g'Cg + tr(HCHC)/2 with g and H at the true shares; g'Cg at the estimated ones
    is tr(HCHC) too large on average, so the second term comes off. At equal shares g is 0 and
    the second term is all there is: no variance falls below it.
    """
    return np.asarray(np.sqrt(np.maximum(first - second, second)))


INDICES = {"simpson": simpson, "shannon": shannon}
