"""Sums by site and round, from which means, variances and reliabilities follow.

The sums are narwhals expressions, so that any of its engines can form them; everything after
them works on small arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import narwhals as nw
import numpy as np
import pandas as pd

from site_typology.features.selection import WEIGHT
from site_typology.features.tables import ROUND, SITE
from site_typology.profile_checks import INDEX


@dataclass(frozen=True)
class Moments:
    """Sufficient statistics of q columns in g groups, a group being a site at a round.

    Parameters
    ----------
    index : MultiIndex of (site, round), length g
        Sorted.
    columns : tuple of str, length q
    rows : ndarray, shape (g,)
        Rows, answered or not.
    n, w, ww, wy, wyy : ndarray, shape (g, q)
        Over the answered rows: their number and the sums of w, w², w(y - c) and w(y - c)².
    center : ndarray, shape (q,)
        The constant c, a column's overall mean, taken off so that the sums stay exact when the
        mean is large beside the spread.
    """

    index: pd.MultiIndex
    columns: tuple[str, ...]
    rows: np.ndarray
    n: np.ndarray
    w: np.ndarray
    ww: np.ndarray
    wy: np.ndarray
    wyy: np.ndarray
    center: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """Weighted mean, shape (g, q); NaN where no weight stands behind it."""
        return np.asarray(_ratio(self.wy, self.w) + self.center)

    @property
    def effective(self) -> np.ndarray:
        """Effective number of rows (Σw)²/Σw², shape (g, q) (Kish 1965, section 11.7)."""
        return _ratio(self.w**2, self.ww)

    @property
    def squares_within(self) -> np.ndarray:
        """Weighted squares about the group's mean, shape (g, q), 0 where there is no row."""
        squares = self.wyy - np.nan_to_num(_ratio(self.wy**2, self.w))
        return np.asarray(np.maximum(squares, 0.0))

    def at(self, round_: str) -> Moments:
        """The groups of one round, or all of them where that round has none."""
        keep = np.asarray(self.index.get_level_values(1) == round_)
        if not keep.any():
            return self
        return Moments(
            self.index[keep],
            self.columns,
            self.rows[keep],
            self.n[keep],
            self.w[keep],
            self.ww[keep],
            self.wy[keep],
            self.wyy[keep],
            self.center,
        )


def moments(rows: pd.DataFrame, columns: Sequence[str]) -> Moments:
    """Sum `columns` by site and round.

    Parameters
    ----------
    rows : DataFrame
        With the columns `SITE`, `ROUND`, `WEIGHT` and `columns`; a missing value is no answer,
        nor is one with a weight of 0 or without one.
    columns : sequence of str

    Returns
    -------
    Moments

    Examples
    --------
    >>> rows = pd.DataFrame({SITE: ["A", "A", "B"], ROUND: "all", WEIGHT: [1.0, 2.0, 1.0]})
    >>> moments(rows.assign(score=[1.0, 4.0, 2.0]), ["score"]).mean.ravel()
    array([3., 2.])
    """
    frame = nw.from_native(rows, eager_only=True)
    weighed = nw.col(WEIGHT) > 0
    names = [f"y{at}" for at in range(len(columns))]
    frame = frame.select(
        SITE,
        ROUND,
        WEIGHT,
        *(
            nw.when(weighed).then(nw.col(column).cast(nw.Float64)).alias(name)
            for column, name in zip(columns, names, strict=True)
        ),
    )
    center = [_number(frame[name].mean()) for name in names]
    frame = frame.with_columns(nw.col(name) - c for name, c in zip(names, center, strict=True))
    frame = frame.with_columns(
        nw.when(~nw.col(name).is_null()).then(nw.col(WEIGHT)).alias(f"w_{name}") for name in names
    )
    sums = [nw.len().alias("rows"), *(term for name in names for term in _sums(name))]
    products = frame.with_columns(term for name in names for term in _products(name))
    table = products.group_by(SITE, ROUND).agg(*sums).sort(SITE, ROUND)
    index = pd.MultiIndex.from_arrays([table[SITE].to_list(), table[ROUND].to_list()], names=INDEX)

    def stack(kind: str) -> np.ndarray:
        parts = [np.asarray(table[f"{kind}_{name}"].to_numpy(), dtype=float) for name in names]
        return np.stack(parts, axis=1) if parts else np.empty((len(index), 0))

    return Moments(
        index,
        tuple(columns),
        np.asarray(table["rows"].to_numpy(), dtype=float),
        stack("n"),
        stack("w"),
        stack("ww"),
        stack("wy"),
        stack("wyy"),
        np.array(center),
    )


def _products(name: str) -> list[nw.Expr]:
    """What one row adds to each sum; nothing where it is missing."""
    weight, value = nw.col(f"w_{name}"), nw.col(name)
    return [
        (weight * weight).alias(f"ww_{name}"),
        (weight * value).alias(f"wy_{name}"),
        (weight * value * value).alias(f"wyy_{name}"),
    ]


def _sums(name: str) -> list[nw.Expr]:
    """The sums over a group's rows."""
    kinds = ("w", "ww", "wy", "wyy")
    return [
        nw.col(name).count().alias(f"n_{name}"),
        *(nw.col(f"{kind}_{name}").sum() for kind in kinds),
    ]


def _number(mean: float | None) -> float:
    """The overall mean, or 0 where no row has a value."""
    return float(mean) if mean is not None and np.isfinite(mean) else 0.0


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    blank = np.full(np.shape(top), np.nan)
    return np.asarray(np.divide(top, bottom, out=blank, where=bottom > 0))
