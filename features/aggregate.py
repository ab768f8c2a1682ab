"""Sums by site and round, from which means, variances and reliabilities follow.

The sums are narwhals expressions, so that any of its engines can form them; everything after
them works on small arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import narwhals as nw
import numpy as np
import pandas as pd

from site_typology.features.coded import CodedColumn
from site_typology.features.engines import Rows, centers, grouped, in_engine
from site_typology.features.selection import WEIGHT
from site_typology.features.streaming import Lookup, is_streamed, streamed
from site_typology.features.tables import ROUND, SITE
from site_typology.profile_checks import INDEX

HEAVY = "__heavy__"
ROUNDING = 1e-13
"""Squares about a group's mean below this share of those about the centre are rounding error."""


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
        The constant c, about where a column lies, taken off so that the sums stay exact when the
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
    def freedom(self) -> np.ndarray:
        """Degrees of freedom n - 1, with weights Σw - Σw²/Σw, shape (g, q); 0 without weight."""
        return np.asarray(np.nan_to_num(self.w - _ratio(self.ww, self.w)))

    @property
    def squares_within(self) -> np.ndarray:
        """Weighted squares about the group's mean, shape (g, q), 0 where there is no row."""
        squares = self.wyy - np.nan_to_num(_ratio(self.wy**2, self.w))
        # Equal answers leave a rounding error, which differs between engines.
        return np.asarray(np.where(squares > ROUNDING * self.wyy, squares, 0.0))

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


def moments(rows: pd.DataFrame | Rows, columns: Sequence[str]) -> Moments:
    """Sum `columns` by site and round, in one query.

    Parameters
    ----------
    rows : DataFrame or narwhals.LazyFrame
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
    lazy = in_engine(rows, "pandas") if isinstance(rows, pd.DataFrame) else rows
    part = Part({f"{at}": nw.col(column) for at, column in enumerate(columns)})
    sums = summed(lazy, nw.col(WEIGHT), [part])[0][0]
    return replace(sums, columns=tuple(columns))


@dataclass(frozen=True, eq=False)
class Part:
    """Sums to form over some of the rows of a table.

    Parameters
    ----------
    values : mapping of str to narwhals.Expr
        Numbers of a row, by column of the `Moments`.
    where : narwhals.Expr, optional
        True on the rows to take; all by default.
    key : object
        Parts with the same key take the same rows.
    tallies : mapping of str to narwhals.Expr
        Numbers of a row that are only added up, whatever its weight.
    coded : CodedColumn, optional
        The column from which all numbers follow, if it is one alone that follows from codes; it
        makes them faster to find, and no other.
    """

    values: Mapping[str, nw.Expr]
    where: nw.Expr | None = None
    key: object = ()
    tallies: Mapping[str, nw.Expr] = field(default_factory=dict)
    coded: CodedColumn | None = None


def summed(
    rows: Rows, weight: nw.Expr | None, parts: Sequence[Part]
) -> list[tuple[Moments, pd.DataFrame]]:
    """Form all the sums of several parts in one query over the rows.

    Parameters
    ----------
    rows : narwhals.LazyFrame
        With `SITE`, `ROUND` and what the expressions need.
    weight : narwhals.Expr, optional
        Weight of a row; every row weighs 1 by default.
    parts : sequence of Part

    Returns
    -------
    list of (Moments, DataFrame)
        One a part: its sums, and its tallies with the same index.
    """
    named = {
        f"{at}_{which}": _where(part.where, value.cast(nw.Float64))
        for at, part in enumerate(parts)
        for which, value in enumerate(part.values.values())
    }
    center = centers(rows, named)
    tallies = {
        f"t{at}_{which}": _where(part.where, tally).cast(nw.Float64)
        for at, part in enumerate(parts)
        for which, tally in enumerate(part.tallies.values())
    }
    keys = {part.key: part.where for part in parts if part.where is not None}
    counted = {
        f"r{at}": _where(test, nw.lit(1.0)).cast(nw.Float64)
        for at, test in enumerate(keys.values())
    }
    columns = {f"y_{name}": value - center[name] for name, value in named.items()}
    heavy = None if weight is None else nw.when(weight > 0).then(weight.cast(nw.Float64))
    columns |= {} if heavy is None else {HEAVY: heavy}
    columns |= tallies | counted
    count_of = {key: f"r{at}" for at, key in enumerate(keys)}
    lookups = _lookups(parts, center, count_of) if is_streamed(rows) else {}
    found = _found(rows, columns, lookups, list(named), [*tallies, *counted]).fillna(0.0)
    index = pd.MultiIndex.from_frame(found[[SITE, ROUND]], names=INDEX)
    return [
        _taken(at, part, found, index, center, count_of.get(part.key, "rows"), heavy is not None)
        for at, part in enumerate(parts)
    ]


def _lookups(
    parts: Sequence[Part], center: Mapping[str, float], count_of: Mapping[object, str]
) -> dict[str, Lookup]:
    """Columns that need not be computed row by row, since they follow from codes."""
    found = {}
    for at, part in enumerate(parts):
        if part.coded is None:
            continue
        values = {
            f"y_{at}_{which}": value.cast(nw.Float64) - center[f"{at}_{which}"]
            for which, value in enumerate(part.values.values())
        }
        tallies = {
            f"t{at}_{which}": tally.cast(nw.Float64)
            for which, tally in enumerate(part.tallies.values())
        }
        chosen = count_of.get(part.key)
        # Tallies may look at a row's weight too, which values never do.
        for asked in (values, tallies):
            for name, table in part.coded.tables(asked).items():
                found[name] = Lookup(part.coded, table, chosen)
    return found


def _found(
    rows: Rows,
    columns: Mapping[str, nw.Expr],
    lookups: Mapping[str, Lookup],
    named: Sequence[str],
    added: Sequence[str],
) -> pd.DataFrame:
    """All sums by site and round, sorted."""
    weighed = HEAVY in columns
    computed = [value.alias(name) for name, value in columns.items() if name not in lookups]
    stored = {lookup.column.stored for lookup in lookups.values()}
    base = rows.select(SITE, ROUND, *computed, *sorted(stored))
    if is_streamed(base):
        values = [f"y_{name}" for name in named]
        return streamed(base, values, HEAVY if weighed else None, added, lookups)
    products = [each for name in named for each in _products(name, weighed)]
    sums = [each for name in named for each in _sums(name, weighed)]
    sums += [nw.col(name).sum() for name in added]
    return grouped(base.with_columns(*products), [SITE, ROUND], [nw.len().alias("rows"), *sums])


def _taken(
    at: int,
    part: Part,
    found: pd.DataFrame,
    index: pd.MultiIndex,
    center: Mapping[str, float],
    counted: str,
    weighed: bool,
) -> tuple[Moments, pd.DataFrame]:
    """One part of the sums, at the groups that have a row of it."""
    rows = found[counted].to_numpy(dtype=float)
    keep = rows > 0
    names = [f"{at}_{which}" for which in range(len(part.values))]

    def stack(kind: str) -> np.ndarray:
        columns = [f"{kind}_{name}" for name in names]
        return np.asarray(found.loc[keep, columns].to_numpy(dtype=float))

    n = stack("n")
    w, ww = (stack("w"), stack("ww")) if weighed else (n, n)
    sums = Moments(
        index[keep],
        tuple(part.values),
        rows[keep],
        n,
        w,
        ww,
        stack("wy"),
        stack("wyy"),
        np.array([center[name] for name in names]),
    )
    tallies = found.loc[keep, [f"t{at}_{which}" for which in range(len(part.tallies))]]
    return sums, tallies.set_axis(list(part.tallies), axis=1).set_axis(index[keep], axis=0)


def _where(test: nw.Expr | None, value: nw.Expr) -> nw.Expr:
    return value if test is None else nw.when(test).then(value)


def _products(name: str, weighed: bool) -> list[nw.Expr]:
    """What one row adds to each sum; nothing where it is missing."""
    value = nw.col(f"y_{name}")
    if not weighed:
        return [(value * value).alias(f"wyy_{name}")]
    weight = nw.col(HEAVY)
    # Null where the value is: databases add faster than they choose.
    there = weight + value * 0.0
    return [
        there.alias(f"w_{name}"),
        (there * weight).alias(f"ww_{name}"),
        (weight * value).alias(f"wy_{name}"),
        (weight * (value * value)).alias(f"wyy_{name}"),
    ]


def _sums(name: str, weighed: bool) -> list[nw.Expr]:
    """The sums over a group's rows."""
    if not weighed:
        return [
            nw.col(f"y_{name}").count().alias(f"n_{name}"),
            nw.col(f"y_{name}").sum().alias(f"wy_{name}"),
            nw.col(f"wyy_{name}").sum(),
        ]
    return [
        nw.col(f"wy_{name}").count().alias(f"n_{name}"),
        *(nw.col(f"{kind}_{name}").sum() for kind in ("w", "ww", "wy", "wyy")),
    ]


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    blank = np.full(np.shape(top), np.nan)
    return np.asarray(np.divide(top, bottom, out=blank, where=bottom > 0))
