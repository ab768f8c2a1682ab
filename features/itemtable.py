"""What each item does in its scale, and whether it is keyed the right way round."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from site_typology.features.conditions import quoted
from site_typology.features.scalestats import ItemCovariances, alpha_of, item_rest_of

FLAG_LEVEL = 1.96
"""Normal quantile of the interval that a flag on an item needs."""
LITTLE_IN_COMMON = 0.2
"""Item-rest correlation under which an item is named (Nunnally & Bernstein 1994, chapter 8)."""
FEWEST_TO_FLAG = 5


def opposed_items(covariance: np.ndarray) -> np.ndarray:
    """Whether an item points against the direction that most items share, shape (k,).

    By the sign of its weight in the first principal component of the correlations; unlike the
    item-rest correlation it names several wrong keys at once. Items that do not vary are not.
    """
    own = np.diag(covariance)
    varies = own > 0
    opposed = np.zeros(len(own), dtype=bool)
    if varies.sum() < 2:
        return opposed
    inside = covariance[np.ix_(varies, varies)]
    scale = np.sqrt(np.diag(inside))
    first = np.linalg.eigh(inside / np.outer(scale, scale))[1][:, -1]
    against = (first < 0) if (first > 0).sum() >= (first < 0).sum() else (first > 0)
    opposed[varies] = against
    return opposed


def halves_apart(covariance: np.ndarray, opposed: np.ndarray) -> float:
    """Correlation of the sum of some items with the sum of the others.

    Parameters
    ----------
    covariance : ndarray, shape (k, k)
    opposed : ndarray of bool, shape (k,)

    Returns
    -------
    float
        NaN where a sum does not vary, or there are no others.

    Examples
    --------
    >>> matrix = np.array([[1.0, -0.5], [-0.5, 1.0]])
    >>> halves_apart(matrix, np.array([True, False]))
    -0.5
    """
    one, other = np.where(opposed, 1.0, 0.0), np.where(opposed, 0.0, 1.0)
    size = float(one @ covariance @ one) * float(other @ covariance @ other)
    return float(one @ covariance @ other / np.sqrt(size)) if size > 0 else float("nan")


def item_table(covariances: ItemCovariances, reverse: Sequence[str] = ()) -> pd.DataFrame:
    """Say what each item does in its scale.

    Parameters
    ----------
    covariances : ItemCovariances
    reverse : sequence of str
        Items that were turned round, so that a flag can say what to mend.

    Returns
    -------
    DataFrame
        Index ``item``; columns ``mean``, ``sd``, ``item_rest`` (correlation with the sum of the
        other items as keyed), ``alpha_without`` (alpha of the others) and ``flag``, a sentence or
        ``""``. An item is flagged as keyed the wrong way where it points against most others
        (`opposed_items`) and, with all such items turned, its correlation with the rest turns
        from negative to positive by more than chance (95 % by Fisher's z); as having little in
        common where that correlation is surely below `LITTLE_IN_COMMON`. Where half of the items
        run against the other half, every item has the sentence that says so, since neither half
        is the right one.
    """
    matrix, items = covariances.covariance, covariances.items
    rest = item_rest_of(matrix)
    opposed = opposed_items(matrix)
    divided = ""
    if 2 * opposed.sum() == (np.diag(matrix) > 0).sum() and opposed.any():
        divided = _divided(covariances, opposed, reverse)
        opposed = np.zeros(len(items), dtype=bool)
    turn = np.where(opposed, -1.0, 1.0)
    against = turn * item_rest_of(matrix * np.outer(turn, turn))
    others = [np.delete(np.arange(len(items)), at) for at in range(len(items))]
    blank = np.full(len(items), np.nan)
    content = {
        "mean": blank if covariances.mean is None else covariances.mean,
        "sd": np.sqrt(np.diag(matrix)),
        "item_rest": rest,
        "alpha_without": [alpha_of(matrix[np.ix_(keep, keep)]) for keep in others],
        "flag": [
            divided or _flag(item, correlation, covariances.rows, item in reverse, len(items))
            for item, correlation in zip(items, against, strict=True)
        ],
    }
    return pd.DataFrame(content, index=pd.Index(items, name="item"))


def _flag(item: str, correlation: float, rows: int, turned: bool, items: int) -> str:
    """A sentence where an item's correlation with the rest is surely negative, or surely small."""
    if items < 2 or rows < FEWEST_TO_FLAG or np.isnan(correlation):
        return ""
    limit = _at_most(correlation, rows)
    if limit < 0:
        mend = "Take it out of" if turned else "If it is worded the other way round, name it in"
        return (
            f"'{item}' runs against the other items (r = {correlation:.2f} with them keyed alike)"
            f"{', although it was turned' if turned else ''}. {mend} reverse."
        )
    if limit < LITTLE_IN_COMMON:
        return f"'{item}' has little in common with the other items (r = {correlation:.2f})."
    return ""


def _divided(covariances: ItemCovariances, opposed: np.ndarray, reverse: Sequence[str]) -> str:
    """A sentence where one half of the items surely runs against the other half."""
    correlation = halves_apart(covariances.covariance, opposed)
    if covariances.rows < FEWEST_TO_FLAG or not _at_most(correlation, covariances.rows) < 0:
        return ""
    varies = np.diag(covariances.covariance) > 0
    # Whichever half holds the first item is named first: the sign of a component is arbitrary.
    halves = [
        [item for item, here in zip(covariances.items, half, strict=True) if here]
        for half in (opposed, varies & ~opposed)
    ]
    halves.sort(key=lambda half: covariances.items.index(half[0]))
    one, other = (quoted(half) for half in halves)
    turned = f" ({quoted(reverse)} so far)" if reverse else " (none so far)"
    return (
        f"{one} run{'s' if len(halves[0]) == 1 else ''} against {other} (r = {correlation:.2f}), "
        "and neither half is the larger, so that the answers cannot say which is worded the other "
        f"way round. Name that half in reverse{turned}."
    )


def _at_most(correlation: float, rows: int) -> float:
    """Upper limit of a correlation by Fisher's z."""
    near = np.arctanh(np.clip(correlation, -0.999999, 0.999999))
    return float(np.tanh(near + FLAG_LEVEL / np.sqrt(rows - 3)))
