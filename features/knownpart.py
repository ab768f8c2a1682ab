"""Figures of a site's settings of which not all are known, and the error that this leaves.

A register lists every setting, so what it says of a site's settings has no sampling error. Only
the settings of which it does not say the thing asked for leave room for error: those that it does
say it of are then some of a known number (Cochran 1977, section 2.6).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from site_typology.features.aggregate import Moments, moments
from site_typology.features.contract import Estimate
from site_typology.features.measurement import known, pooled_variance, population_factor
from site_typology.features.selection import WEIGHT
from site_typology.features.tables import ROUND, SITE


def unknown_part(sums: Moments, at: int = 0) -> np.ndarray:
    """Share of a site's settings of which column `at` is not known, shape (g,).

    It is the finite population correction 1 - n/N (Cochran 1977, equation 2.20): 0 where all are
    known.
    """
    return population_factor(sums.n[:, at], sums.rows)


def remaining_error(sums: Moments, at: int = 0) -> np.ndarray:
    """Standard error of the mean of column `at` over all settings of a site, shape (g,).

    Those known are taken for a random part of them: s²/n (1 - n/N), with s² pooled over sites
    (Cochran 1977, theorem 2.2). 0 where all are known; NaN where some are not and no site has two
    that are.
    """
    unknown = unknown_part(sums, at)
    variance = pooled_variance(sums)[at] / sums.effective[:, at] * unknown
    return np.where(unknown > 0, np.sqrt(variance), 0.0)


def ratio_by_site(rows: pd.DataFrame, top: str, bottom: str) -> tuple[Estimate, Moments]:
    """Ratio of two totals over each site's settings, such as pupils in need by pupils.

    Its error is the jackknife's, of the part that is not known (`remaining_error`): that of the
    mean of (1 - 1/n) (y - R x) / (mean(x) (1 - h)), h being the setting's share of the known x.
    The plain residual without h understates it where a few settings are large (Cochran 1977,
    section 6.17; Royall & Cumberland 1981, Journal of the American Statistical Association 76:
    66).

    Parameters
    ----------
    rows : DataFrame
        Columns `SITE, ROUND, WEIGHT`, `top` and `bottom`. A row that lacks one of the two is not
        known; one whose `bottom` is 0 has no part in the ratio and must not be among them.

    Returns
    -------
    Estimate
        `n` counts the settings known.
    Moments
        Of the residuals, whose `rows` and `n` give the coverage.

    Examples
    --------
    >>> rows = pd.DataFrame({SITE: "A", ROUND: "all", WEIGHT: 1.0}, index=range(3))
    >>> ratio, _ = ratio_by_site(rows.assign(y=[1.0, 3.0, None], x=[10.0, 10.0, 10.0]), "y", "x")
    >>> ratio.value.item(), round(ratio.standard_error.item(), 4)
    (0.2, 0.0577)

    Leave one out of two and the ratio is that of the other: .15 or .2, so s²/n is .000625.

    >>> rows = rows.assign(y=[20.0, 30.0, None], x=[100.0, 200.0, 300.0])
    >>> round(ratio_by_site(rows, "y", "x")[0].standard_error.item() ** 2 * 3, 6)
    0.000625
    """
    whole = rows[top].notna() & rows[bottom].notna()
    pair = rows.assign(**{name: rows[name].where(whole) for name in (top, bottom)})
    sums = moments(pair, [top, bottom])
    mean = sums.mean
    ratio = np.divide(
        mean[:, 0], mean[:, 1], out=np.full(len(mean), np.nan), where=sums.w[:, 1] > 0
    )
    at = sums.index.get_indexer(pd.MultiIndex.from_frame(rows[[SITE, ROUND]]))
    others = 1 - pair[bottom] * pair[WEIGHT] / (mean[at, 1] * sums.w[at, 1])
    of_mean = (1 - 1 / np.maximum(sums.n[at, 1], 1)) / mean[at, 1]
    residual = (pair[top] - ratio[at] * pair[bottom]) * of_mean
    # A site's only setting is all of its ratio, and says nothing of the variance.
    residual = residual.where(sums.n[at, 1] < 2, residual / others)
    left = moments(pair.assign(residual=residual), ["residual"])
    return Estimate(sums.index, ratio, remaining_error(left), left.n[:, 0]), left


def coverage_of(sums: Moments, at: int = 0) -> dict[str, float]:
    """Measurement: the share of all settings of which column `at` is known."""
    rows = float(sums.rows.sum())
    return known({"coverage": float(sums.n[:, at].sum()) / rows if rows else np.nan})


def by_amount(rows: pd.DataFrame, amount: str, columns: dict[str, pd.Series]) -> pd.DataFrame:
    """Add derived columns to rows, and weight the rows by their amount.

    Parameters
    ----------
    rows : DataFrame
        One row a setting, with `WEIGHT` and `amount`.
    columns : dict of str to Series
        Aligned with `rows`.

    Returns
    -------
    DataFrame
        Without the rows whose amount is 0; the columns of a row without an amount are not known.
    """
    there = rows[amount].notna()
    known_columns = {name: column.where(there) for name, column in columns.items()}
    weight = rows[WEIGHT] * rows[amount].where(there, 1.0)
    return rows.assign(**known_columns, **{WEIGHT: weight})[rows[amount] != 0].reset_index(
        drop=True
    )
