"""The engines that hold the rows of a table, and the way from one to the other.

Builders ask through narwhals and never learn which engine answers. This module alone brings rows
into an engine and small results out of it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import narwhals as nw
import pandas as pd

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

Engine = Literal["pandas", "polars", "duckdb", "spark"]
"""Engines that a study can run on."""
ENGINES: tuple[str, ...] = get_args(Engine)

Rows = nw.LazyFrame[Any]
"""Rows in whatever engine, not yet computed."""

FIRST_ROWS = 10_000
"""Rows that tell about where a column lies; see `centers`."""


def in_engine(frame: pd.DataFrame, engine: Engine = "pandas") -> Rows:
    """Bring rows into an engine; missing cells are nulls there.

    Parameters
    ----------
    frame : DataFrame
        Numbers as floats, all else text or dates.
    engine : {"pandas", "polars", "duckdb", "spark"}
        Spark takes the active session, or a local one where there is none.

    Raises
    ------
    ValueError
        There is no such engine.

    Examples
    --------
    >>> rows = in_engine(pd.DataFrame({"x": [1.0, None, 3.0]}), "duckdb")
    >>> collected(rows.select(nw.col("x").sum()))["x"].tolist()
    [4.0]
    """
    if engine == "pandas":
        return cast("Rows", nw.from_native(frame, eager_only=True).lazy())
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}; found {engine!r}")
    table = _arrow(frame)
    if engine == "duckdb":
        return nw.from_native(duckdb_connection().from_arrow(table))
    if engine == "polars":
        import polars as pl

        return nw.from_native(pl.DataFrame(pl.from_arrow(table)).lazy())
    from pyspark.sql import SparkSession

    session = SparkSession.builder.getOrCreate()
    return cast("Rows", nw.from_native(session.createDataFrame(table)))


@lru_cache(maxsize=1)
def duckdb_connection() -> duckdb.DuckDBPyConnection:
    """The process's own DuckDB database in memory, on which every table of a study stands."""
    import duckdb

    return duckdb.connect(":memory:")


def collected(rows: Rows) -> pd.DataFrame:
    """Compute a query and take its (small) result into memory.

    Returns
    -------
    DataFrame
        Text as ``str``, numbers as floats or whole numbers, with a fresh index. An engine keeps
        no order of rows: sort in the query, or afterwards.
    """
    if rows.implementation.is_pandas():
        frame: pd.DataFrame = rows.collect().to_native()
        return frame.reset_index(drop=True)

    # Polars would read a whole file into memory before it adds anything up.
    how = {"engine": "streaming"} if rows.implementation.is_polars() else {}
    table: pa.Table = rows.collect("pyarrow", **how).to_native()
    return _plain(table).to_pandas()


def grouped(rows: Rows, by: Sequence[str], sums: Iterable[nw.Expr]) -> pd.DataFrame:
    """Aggregate rows by group, in memory and sorted by the groups.

    Parameters
    ----------
    by : sequence of str
        Columns that name a group.
    sums : iterable of narwhals.Expr
        Simple sums and counts of columns, each with its name.
    """
    with warnings.catch_warnings():
        # With pandas, narwhals adds the columns of a wide result one by one and is warned of it.
        warnings.simplefilter("ignore", pd.errors.PerformanceWarning)
        return collected(rows.group_by(*by).agg(*sums)).sort_values(list(by), ignore_index=True)


def one_row(rows: Rows) -> dict[str, Any]:
    """Compute a query with one row: its values by name."""
    return {str(name): value for name, value in collected(rows).iloc[0].items()}


def centers(rows: Rows, asked: Mapping[str, nw.Expr]) -> dict[str, float]:
    """About where the values of expressions lie: their means over the first rows.

    Sums are formed about it so that they stay exact where the mean is large beside the spread;
    no result depends on it otherwise. Taking it needs no pass over a large file.

    Returns
    -------
    dict of str to float
        0 where no row has a value.

    Examples
    --------
    >>> rows = in_engine(pd.DataFrame({"x": [3.0, 5.0]}))
    >>> centers(rows, {"x": nw.col("x"), "none": nw.col("x") * float("nan")})
    {'x': 4.0, 'none': 0.0}
    """
    if not asked:
        return {}
    means: dict[str, Any] = _means(rows.head(FIRST_ROWS), asked)
    if late := {name: asked[name] for name, mean in means.items() if pd.isna(mean)}:
        means |= _means(rows, late)
    return {name: 0.0 if pd.isna(means[name]) else float(means[name]) for name in asked}


def _means(rows: Rows, asked: Mapping[str, nw.Expr]) -> dict[str, Any]:
    values = rows.select(*(expression.alias(name) for name, expression in asked.items()))
    return one_row(values.select(*(nw.col(name).mean() for name in asked)))


def _arrow(frame: pd.DataFrame) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_pandas(frame, preserve_index=False)


def _plain(table: pa.Table) -> pa.Table:
    """Exact decimals, with which an engine sums whole numbers, as floats; short text as text."""
    import pyarrow as pa

    fields = [
        pa.field(field.name, pa.float64()) if pa.types.is_decimal(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))
