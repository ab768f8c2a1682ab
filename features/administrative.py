"""Features from administrative tables: a column as it is, and a category."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import narwhals as nw
import numpy as np
import pandas as pd
from pydantic import Field

from site_typology.declaration import FeatureDeclaration, Kind
from site_typology.errors import Problem
from site_typology.features.conditions import quoted
from site_typology.features.contract import Builder, BuilderArgs, Built, Estimate, place
from site_typology.features.gaps import gap_reasons
from site_typology.features.measurement import half_count_variance
from site_typology.features.selection import (
    chosen_rows,
    column_problems,
    place_of,
    range_problems,
    table_problems,
    where_problems,
)
from site_typology.features.tables import ROUND, SITE, StudyTables, as_text
from site_typology.profile_checks import INDEX


class ColumnArgs(BuilderArgs):
    """Arguments of `Column`."""

    table: str = Field(description="Table with one row a site, or a site and round.")
    column: str = Field(description="Column with the value.")
    standard_error: str | None = Field(None, description="Column with the standard error.")
    n: str | None = Field(None, description="Column with the number behind the value.")
    divide_by: float | str | None = Field(
        None, description="Number or column to divide by, such as 100 for a percentage."
    )

    @property
    def number_columns(self) -> list[str]:
        """Columns that must hold numbers."""
        divisor = self.divide_by if isinstance(self.divide_by, str) else None
        named = (self.column, self.standard_error, self.n, divisor)
        return [name for name in named if name is not None]


class Column(Builder[ColumnArgs]):
    """One column of a table with one row a site (and round), as it stands."""

    name: ClassVar[str] = "column"
    kind: ClassVar[Kind] = "continuous"
    Args: ClassVar[type[BuilderArgs]] = ColumnArgs
    takes_windows: ClassVar[bool] = True

    def problems(
        self, feature: FeatureDeclaration, args: ColumnArgs, tables: StudyTables
    ) -> Iterator[Problem]:
        """Check columns, and that a site has one row."""
        yield from table_problems(feature, "table", args.table, tables)
        table = tables.tables.get(args.table)
        if table is None:
            return
        yield from column_problems(feature, "column", table, args.number_columns, numeric=True)
        yield from where_problems(feature, args.where, table)
        positive = [name for name in (args.standard_error, args.n) if name is not None]
        yield from range_problems(feature, table, positive, (0.0, np.inf))
        if args.divide_by == 0:
            yield Problem(place_of(feature, "divide_by"), "Nothing can be divided by 0.")
        if any(condition.column not in table.columns for condition in args.where):
            return
        rows = chosen_rows(table, args.where, ()).select(SITE, ROUND).to_native()
        twice = rows[rows.duplicated()]
        if len(twice):
            yield Problem(
                place_of(feature, "table"),
                f"Builder 'column' needs one row a site and round in table '{table.name}'; found "
                f"several at {quoted(twice[SITE])}. Choose rows with where, or use builder 'mean'.",
            )

    def build(self, feature: FeatureDeclaration, args: ColumnArgs, tables: StudyTables) -> Built:
        """Take the column over."""
        table = tables.tables[args.table]
        rows = chosen_rows(table, args.where, args.number_columns).to_native()
        divisor = _divisor(rows, args)
        value = rows[args.column].to_numpy(dtype=float) / divisor
        n = np.full(len(rows), np.nan) if args.n is None else rows[args.n].to_numpy(dtype=float)
        error = np.zeros(len(rows))
        if args.standard_error is not None:
            error = rows[args.standard_error].to_numpy(dtype=float) / np.abs(divisor)
        elif feature.kind == "share" and args.n is not None:
            # A share of an unknown number is not exact; one out of range is refused afterwards.
            counted, within = np.where(n > 0, n, np.nan), np.clip(value, 0.0, 1.0)
            error = np.sqrt(half_count_variance(within, counted))
        index = pd.MultiIndex.from_frame(rows[[SITE, ROUND]], names=INDEX)
        estimate = Estimate(index, value, error, n)
        by = "" if args.divide_by is None else f", divided by {args.divide_by}"
        rules = table.declaration.columns.get(args.column)
        limits = rules.range if rules is not None and not rules.values else None
        info = self.info(
            feature,
            source=f"{table.name}: {', '.join(args.number_columns)}",
            definition=f"Column '{args.column}' of table '{table.name}'{by}.",
            unit="share" if feature.kind == "share" else "",
            range=limits if args.divide_by is None else None,
        )
        gaps = gap_reasons(feature, tables, table, args.number_columns, args.where)
        return place({feature.name: estimate}, [info], tables, gaps)


def _divisor(rows: pd.DataFrame, args: ColumnArgs) -> np.ndarray:
    """What each row is divided by, shape (n_rows,); NaN for 0."""
    if isinstance(args.divide_by, str):
        numbers = rows[args.divide_by].to_numpy(dtype=float)
        return np.where(numbers == 0, np.nan, numbers)
    return np.full(len(rows), 1.0 if args.divide_by is None else args.divide_by)


class CategoryArgs(BuilderArgs):
    """Arguments of `Category`."""

    table: str = Field(description="Table with one row a site, or with several.")
    column: str = Field(description="Column with the category.")


class Category(Builder[CategoryArgs]):
    """The category of a site, or the most common one among its rows."""

    name: ClassVar[str] = "category"
    kind: ClassVar[Kind] = "category"
    Args: ClassVar[type[BuilderArgs]] = CategoryArgs
    takes_windows: ClassVar[bool] = True

    def problems(
        self, feature: FeatureDeclaration, args: CategoryArgs, tables: StudyTables
    ) -> Iterator[Problem]:
        """Check the table and the column."""
        yield from table_problems(feature, "table", args.table, tables)
        table = tables.tables.get(args.table)
        if table is None:
            return
        yield from column_problems(feature, "column", table, [args.column])
        yield from where_problems(feature, args.where, table)

    def build(self, feature: FeatureDeclaration, args: CategoryArgs, tables: StudyTables) -> Built:
        """Take the most common value; of two as common, the first in the alphabet."""
        table = tables.tables[args.table]
        rows = chosen_rows(table, args.where, [args.column]).to_native()
        labels = table.labels.get(args.column, {})
        texts = as_text(rows[args.column]).map(
            lambda code: labels.get(code, code), na_action="ignore"
        )
        named = nw.from_native(rows[[SITE, ROUND]].assign(value=texts), eager_only=True)
        counts = named.filter(~nw.col("value").is_null()).group_by(SITE, ROUND, "value")
        order = counts.agg(nw.len().alias("n")).sort(
            SITE, ROUND, "n", "value", descending=[False, False, True, False]
        )
        ordered: pd.DataFrame = order.to_native()
        groups = ordered.groupby([SITE, ROUND], sort=True)
        top, n = groups["value"].first(), groups["n"].sum().astype(float)
        share = groups["n"].first() / n
        top.index.names = INDEX
        # A mode that not all rows share is uncertain, by an amount that no standard error states.
        error = np.where(share == 1, 0.0, np.nan)
        estimate = Estimate(top.index, top.to_numpy(dtype=object), error, n.to_numpy())
        several = bool((n > 1).any())
        info = self.info(
            feature,
            source=f"{table.name}: {args.column}",
            definition=(
                f"{'Most common value' if several else 'Value'} of '{args.column}' in table "
                f"'{table.name}'."
            ),
            measurement={"mean_share_of_mode": float(share.mean())} if several else {},
        )
        gaps = gap_reasons(feature, tables, table, [args.column], args.where)
        return place({feature.name: estimate}, [info], tables, gaps)
