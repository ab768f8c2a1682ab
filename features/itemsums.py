"""Covariances of the items of a scale, formed in the engine from sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import narwhals as nw
import numpy as np

from site_typology.features.engines import Rows, centers, grouped, one_row
from site_typology.features.scalestats import ItemCovariances
from site_typology.features.tables import ROUND, SITE

CONSTANT = 1e-20
"""A variance below this share of the squared mean is rounding error."""


@dataclass(frozen=True)
class ItemSums:
    """How items vary together over the informants who answered all of them.

    Parameters
    ----------
    overall : ItemCovariances
        Over all informants, whatever their site.
    within : ItemCovariances
        Between the informants of one site and round, pooled, with n - 1 of each in the
        denominator.
    groups : int
        Sites and rounds with such an informant.
    """

    overall: ItemCovariances
    within: ItemCovariances
    groups: int


def item_sums(rows: Rows, items: Sequence[str]) -> ItemSums:
    """Form the covariances of items without taking single answers into memory.

    Two queries: sums by site and round, and sums of products over all rows, about a constant
    near the means.

    Parameters
    ----------
    rows : narwhals.LazyFrame
        Columns `SITE`, `ROUND` and the items, keyed in one direction; null where not answered.
        Weights are not looked at.
    items : sequence of str, length k

    Returns
    -------
    ItemSums

    Examples
    --------
    >>> import pandas as pd
    >>> from site_typology.features.engines import in_engine
    >>> answers = pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [2.0, 3, 4, 4], SITE: "A", ROUND: "1"})
    >>> item_sums(in_engine(answers), ["a", "b"]).overall.covariance.round(3).tolist()
    [[1.667, 1.167], [1.167, 0.917]]
    """
    k = len(items)
    answered = nw.all_horizontal(*(~nw.col(item).is_null() for item in items), ignore_nulls=False)
    center = centers(rows, {item: nw.col(item) for item in items})
    names = [f"y{at}" for at in range(k)]
    shifted = rows.filter(answered).select(
        SITE,
        ROUND,
        *((nw.col(item) - center[item]).alias(n) for item, n in zip(items, names, strict=True)),
    )
    by_site = grouped(
        shifted, [SITE, ROUND], [nw.len().alias("n"), *(nw.col(name).sum() for name in names)]
    )
    n = by_site["n"].to_numpy(dtype=float)
    sums = by_site[names].to_numpy(dtype=float)
    total = int(n.sum())
    products = _products(shifted, names) if total else np.zeros((k, k))
    mean = sums.sum(axis=0) / max(total, 1)
    place = mean + np.array([center[item] for item in items])
    overall = products - total * np.outer(mean, mean)
    within = products - (sums / n[:, None]).T @ sums
    return ItemSums(
        _covariances(items, overall, total - 1, place, total),
        _covariances(items, within, total - len(n), place, total),
        len(n),
    )


def _products(shifted: Rows, names: Sequence[str]) -> np.ndarray:
    """Sums of products of each two items, shape (k, k)."""
    k = len(names)
    pairs = [(one, other) for one in range(k) for other in range(one, k)]
    asked = shifted.select(
        *(
            (nw.col(names[one]) * nw.col(names[other])).alias(f"p{one}_{other}")
            for one, other in pairs
        )
    ).select(*(nw.col(f"p{one}_{other}").sum() for one, other in pairs))
    found = one_row(asked)
    matrix = np.zeros((k, k))
    for one, other in pairs:
        matrix[one, other] = matrix[other, one] = float(found[f"p{one}_{other}"] or 0.0)
    return matrix


def _covariances(
    items: Sequence[str], squares: np.ndarray, freedom: int, mean: np.ndarray, rows: int
) -> ItemCovariances:
    if freedom < 1:
        blank = np.full(squares.shape, np.nan)
        known = mean if rows else np.full_like(mean, np.nan)
        return ItemCovariances(tuple(items), blank, rows, known)
    covariance = squares / freedom
    constant = np.diag(covariance) <= CONSTANT * mean**2
    covariance[constant, :] = covariance[:, constant] = 0.0
    return ItemCovariances(tuple(items), covariance, rows, mean)
