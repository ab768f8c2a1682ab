"""Do the informants of a site agree: r_wg(j) and the average deviation, from counts of answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from site_typology.profile_checks import INDEX

ENOUGH = 0.70
"""r_wg(j) from which a site is taken to agree (James, Demaree & Wolf 1984; LeBreton & Senter 2008:
"strong" from .71)."""
ITEM, ANSWER, COUNT = "item", "answer", "n"


@dataclass(frozen=True)
class Spread:
    """How far the answers of each site and round spread, item by item.

    Parameters
    ----------
    index : MultiIndex of (site, round), length g
    items : tuple of str, length q
    n : ndarray, shape (g, q)
        Answers.
    variance : ndarray, shape (g, q)
        About the site's mean, with n - 1; NaN below two answers.
    deviation : ndarray, shape (g, q)
        Mean absolute deviation from the site's mean; NaN below two answers.
    """

    index: pd.MultiIndex
    items: tuple[str, ...]
    n: np.ndarray
    variance: np.ndarray
    deviation: np.ndarray


def spread_of(counts: pd.DataFrame, items: Sequence[str]) -> Spread:
    """Variances and absolute deviations of sites from counts of answers.

    Parameters
    ----------
    counts : DataFrame
        Columns ``site, round, item, answer, n``: how many of the site's informants gave the
        answer (keyed or not: the spread is the same). An engine counts them; items have few
        distinct answers, so that this is small however many informants there are.
    items : sequence of str
        Items wanted, in order.

    Returns
    -------
    Spread

    Examples
    --------
    >>> counts = pd.DataFrame({"site": "A", "round": "all", "item": "q", "answer": [1.0, 4.0],
    ...                        "n": [2, 1]})
    >>> found = spread_of(counts, ["q"])
    >>> found.variance.item(), round(found.deviation.item(), 6)
    (3.0, 1.333333)
    """
    groups = pd.MultiIndex.from_frame(counts[INDEX].drop_duplicates().sort_values(INDEX))
    group = groups.get_indexer(pd.MultiIndex.from_frame(counts[INDEX]))
    item = pd.Index(list(items)).get_indexer(pd.Index(counts[ITEM]))
    shape = (len(groups), len(items))
    cell = group * len(items) + item
    weight = counts[COUNT].to_numpy(dtype=float)
    answer = counts[ANSWER].to_numpy(dtype=float)

    def total(terms: np.ndarray) -> np.ndarray:
        return np.bincount(cell, weights=terms, minlength=shape[0] * shape[1])

    n = total(weight)
    several = np.where(n > 1, n, np.nan)
    apart = answer - (total(weight * answer) / np.where(n > 0, n, np.nan))[cell]
    variance = total(weight * apart**2) / (several - 1)
    deviation = total(weight * np.abs(apart)) / several
    return Spread(
        groups, tuple(items), n.reshape(shape), variance.reshape(shape), deviation.reshape(shape)
    )


def uniform_variance(low: float, high: float, *, steps: bool = True) -> float:
    """Variance of answers given at random, the null of r_wg.

    (A² - 1)/12 for A whole-numbered answers (James, Demaree & Wolf 1984, equation 1), or
    (high - low)²/12 where any number in between can be an answer.

    Examples
    --------
    >>> uniform_variance(1, 5)
    2.0
    """
    if steps:
        return ((high - low + 1) ** 2 - 1) / 12
    return (high - low) ** 2 / 12


def rwg_j(spread: Spread, null: float) -> np.ndarray:
    """Within-group agreement r_wg(j) of each site and round, shape (g,).

    With J items of mean variance s² and the variance σ² of random answers, J (1 - s²/σ²) /
    (J (1 - s²/σ²) + s²/σ²) (James, Demaree & Wolf 1984, equation 2); with one item it is r_wg.
    As in R's ``multilevel``, 0 where answers spread more than random ones. Items with fewer than
    two answers at a site are left out there; NaN where all are.

    Parameters
    ----------
    spread : Spread
    null : float
        From `uniform_variance`.
    """
    items = (~np.isnan(spread.variance)).sum(axis=1)
    ratio = np.minimum(_mean(spread.variance) / null, 1.0)
    agreeing = items * (1 - ratio)
    return np.asarray(agreeing / (agreeing + ratio))


def average_deviation(spread: Spread) -> np.ndarray:
    """AD_M(j) of each site and round, shape (g,): mean over items of the mean of |y - site's mean|.

    In units of the answers (Burke, Finkelstein & Dusig 1999, equations 1 and 3). Random answers to
    A options give about A/4; at most A/6 is taken as agreement (Burke & Dunlap 2002). NaN where no
    item has two answers.
    """
    return _mean(spread.deviation)


def agreement_figures(spread: Spread, round_: str, null: float) -> dict[str, float]:
    """Summarise agreement over the sites of one round, or over all where that round has none.

    Returns
    -------
    dict of str to float
        ``rwg_median``, ``rwg_agreeing`` (share of the sites with at least `ENOUGH`) and
        ``ad_median``, over the sites where two informants or more answered; NaN without any.
    """
    current = np.asarray(spread.index.get_level_values(1) == round_)
    keep = current if current.any() else np.ones(len(spread.index), dtype=bool)
    agreement, apart = rwg_j(spread, null)[keep], average_deviation(spread)[keep]
    known = agreement[~np.isnan(agreement)]
    if not len(known):
        return {"rwg_median": np.nan, "rwg_agreeing": np.nan, "ad_median": np.nan}
    return {
        "rwg_median": float(np.median(known)),
        "rwg_agreeing": float((known >= ENOUGH - 1e-12).mean()),
        "ad_median": float(np.nanmedian(apart)),
    }


def _mean(columns: np.ndarray) -> np.ndarray:
    """Mean over the known items; NaN where there is none."""
    known = ~np.isnan(columns)
    number = known.sum(axis=1)
    blank = np.full(len(columns), np.nan)
    total = np.where(known, columns, 0.0).sum(axis=1)
    return np.asarray(np.divide(total, number, out=blank, where=number > 0))
