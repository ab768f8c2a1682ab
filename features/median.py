"""The median of a site's rows, of a number or of the days between two dates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import narwhals as nw
import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from site_typology.declaration import FeatureDeclaration, Kind
from site_typology.errors import Problem
from site_typology.features.contract import Builder, BuilderArgs, Built, Estimate, place
from site_typology.features.dateformats import parse_dates
from site_typology.features.dates import date_problems
from site_typology.features.gaps import gap_reasons
from site_typology.features.medianerror import pooled_residuals
from site_typology.features.selection import (
    WEIGHT,
    column_problems,
    place_of,
    row_values,
    rows_text,
    table_problems,
    weight_problems,
    where_problems,
)
from site_typology.features.tables import ROUND, ROW, SITE, StudyTables, Table
from site_typology.features.weightedmedian import variance_of_weighted_medians
from site_typology.profile_checks import INDEX

VALUE, _FROM, _TO = "value", "from", "to"


class MedianArgs(BuilderArgs):
    """Arguments of `Median`: a column of numbers, or two dates."""

    table: str = Field(description="Table with several rows a site.")
    column: str | None = Field(None, description="Column with numbers.")
    start: str | None = Field(None, description="Column with the date a wait or stay began.")
    end: str | None = Field(None, description="Column with the date it ended.")

    @model_validator(mode="after")
    def _one_quantity(self) -> MedianArgs:
        dates = (self.start is not None, self.end is not None)
        if any(dates) and not all(dates):
            raise ValueError("'start' and 'end' go together.")
        if (self.column is not None) == all(dates):
            raise ValueError("give one quantity: either 'column', or 'start' and 'end'.")
        return self

    @property
    def value_columns(self) -> tuple[str, ...]:
        """Columns of the table that the median comes from."""
        named = (self.column, self.start, self.end)
        return tuple(name for name in named if name is not None)


class Median(Builder[MedianArgs]):
    """Median over a site's rows of a number, or of the days from one date to another.

    A row whose end is missing has no duration and is left out; where that is common, as for
    people still in post, use a builder that takes unfinished times into account. The error is
    that of a median of as many draws from the sites' pooled residuals (`variance_of_medians`,
    with weights `variance_of_weighted_medians`).
    """

    name: ClassVar[str] = "median"
    kind: ClassVar[Kind] = "continuous"
    Args: ClassVar[type[BuilderArgs]] = MedianArgs
    takes_windows: ClassVar[bool] = True

    def problems(
        self, feature: FeatureDeclaration, args: MedianArgs, tables: StudyTables
    ) -> Iterator[Problem]:
        """Check the table, numbers or dates, and that no end comes before its start."""
        yield from table_problems(feature, "table", args.table, tables)
        table = tables.tables.get(args.table)
        if table is None:
            return
        if args.column is not None:
            yield from column_problems(feature, "column", table, [args.column], numeric=True)
        for argument, column in (("start", args.start), ("end", args.end)):
            if column is not None:
                yield from column_problems(feature, argument, table, [column])
                yield from date_problems(feature, argument, table, column)
        yield from where_problems(feature, args.where, table)
        yield from weight_problems(feature, table, args.value_columns)
        yield from _backward(feature, args, table)

    def build(self, feature: FeatureDeclaration, args: MedianArgs, tables: StudyTables) -> Built:
        """Take the median by site and round."""
        table = tables.tables[args.table]
        rows = _rows(table, args)
        sites = medians(rows)
        what = f"'{args.column}'" if args.column else f"days from '{args.start}' to '{args.end}'"
        info = self.info(
            feature,
            source=f"{table.name}: {', '.join(args.value_columns)}",
            definition=f"Median of {what} over the rows of table '{table.name}'.",
            unit="" if args.column else "days",
            measurement={"coverage": len(rows.dropna(subset=[VALUE])) / max(len(rows), 1)},
        )
        gaps = gap_reasons(feature, tables, table, args.value_columns, args.where)
        return place({feature.name: sites}, [info], tables, gaps)


def medians(rows: pd.DataFrame) -> Estimate:
    """Weighted median at each site and round with its standard error.

    Parameters
    ----------
    rows : DataFrame
        Columns ``SITE, ROUND, WEIGHT, value``.

    Examples
    --------
    >>> rows = pd.DataFrame({SITE: list("AAAB"), ROUND: "all", WEIGHT: 1.0})
    >>> medians(rows.assign(value=[1.0, 2.0, 9.0, 4.0])).value
    array([2., 4.])
    """
    answered = rows[rows[VALUE].notna() & (rows[WEIGHT] > 0)]
    groups = answered.groupby([SITE, ROUND], sort=True)
    value = groups[[VALUE, WEIGHT]].apply(_weighted_median)
    n = groups.size()
    residuals = pooled_residuals(answered[VALUE], groups.ngroup())
    weights = [own.to_numpy(dtype=float) for _, own in groups[WEIGHT]]
    error = np.sqrt(variance_of_weighted_medians(residuals, weights))
    index = pd.MultiIndex.from_tuples(list(n.index), names=INDEX)
    values = value.to_numpy(dtype=float) if len(n) else np.empty(0)
    return Estimate(index, values, error, n.to_numpy(dtype=float))


def _weighted_median(rows: pd.DataFrame) -> float:
    """Value with half of the weight on either side; the middle of two where it falls between."""
    ordered = rows.sort_values(VALUE, kind="stable")
    below = ordered[WEIGHT].cumsum().to_numpy()
    values, half = ordered[VALUE].to_numpy(), below[-1] / 2
    at = int(np.searchsorted(below, half * (1 - 1e-12)))
    if np.isclose(below[at], half, rtol=1e-12) and at + 1 < len(values):
        return float((values[at] + values[at + 1]) / 2)
    return float(values[at])


def _rows(table: Table, args: MedianArgs) -> pd.DataFrame:
    """Rows in use with their `VALUE`."""
    if args.column is not None:
        return row_values(table, args.where, {VALUE: nw.col(args.column).cast(nw.Float64)})
    dates = {_FROM: nw.col(str(args.start)), _TO: nw.col(str(args.end))}
    rows = row_values(table, args.where, dates)
    spans = parse_dates(rows[_TO]) - parse_dates(rows[_FROM])
    return rows.assign(**{VALUE: spans.dt.total_seconds() / 86400.0})


def _backward(feature: FeatureDeclaration, args: MedianArgs, table: Table) -> Iterator[Problem]:
    used = {*args.value_columns, *(condition.column for condition in args.where)}
    if args.column is not None or not used <= set(table.columns):
        return
    rows = _rows(table, args)
    early = rows[rows[VALUE] < 0]
    if len(early):
        yield Problem(
            place_of(feature, "end"),
            f"'{args.end}' of table '{table.name}' is before '{args.start}' in "
            f"{rows_text(early[ROW])}. Correct the dates, or leave such rows out with where.",
        )
