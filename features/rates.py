"""Rates: a count or a total over another, such as settings per team."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import narwhals as nw
import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from site_typology.declaration import Condition, FeatureDeclaration, Kind
from site_typology.errors import Problem
from site_typology.features.aggregate import Moments, moments
from site_typology.features.conditions import quoted
from site_typology.features.contract import (
    Builder,
    BuilderArgs,
    Built,
    Estimate,
    over_rounds,
    place,
    study_grid,
)
from site_typology.features.gaps import gap_reasons, reasons_of_either
from site_typology.features.measurement import pooled_variance
from site_typology.features.roundwindows import by_round
from site_typology.features.selection import (
    WEIGHT,
    bad_rows,
    column_problems,
    place_of,
    row_values,
    table_problems,
    where_problems,
)
from site_typology.features.tables import StudyTables, Table

TOTAL = "total"


class Quantity(BaseModel):
    """The sum of a column, or the number of rows, of a table at each site."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str
    column: str | None = Field(None, description="Column to sum; rows are counted if none.")
    where: tuple[Condition, ...] = ()

    @property
    def columns(self) -> list[str]:
        """The column, if there is one."""
        return [] if self.column is None else [self.column]

    @property
    def words(self) -> str:
        """What is summed or counted, in words."""
        if self.column is None:
            return f"rows of table '{self.table}'"
        return f"total of '{self.column}' in table '{self.table}'"

    @property
    def source(self) -> str:
        """Table and column."""
        return f"{self.table}: {self.column or 'rows'}"


class RateArgs(BuilderArgs):
    """Arguments of `Rate`."""

    numerator: Quantity = Field(
        description="Table, and column to sum; rows are counted without a column."
    )
    denominator: Quantity = Field(description="The same for what it is divided by.")
    per: float = Field(1.0, gt=0, description="Units of the denominator that the rate is for.")


class Rate(Builder[RateArgs]):
    """A count or total over another count or total; `where` chooses rows of the numerator."""

    name: ClassVar[str] = "rate"
    kind: ClassVar[Kind] = "rate"
    Args: ClassVar[type[BuilderArgs]] = RateArgs
    takes_windows: ClassVar[bool] = True

    def problems(
        self, feature: FeatureDeclaration, args: RateArgs, tables: StudyTables
    ) -> Iterator[Problem]:
        """Check both tables and their columns."""
        for argument, quantity in (
            ("numerator", args.numerator),
            ("denominator", args.denominator),
        ):
            yield from quantity_problems(feature, argument, quantity, tables)
        table = tables.tables.get(args.numerator.table)
        if table is not None:
            yield from where_problems(feature, args.where, table)

    def build(self, feature: FeatureDeclaration, args: RateArgs, tables: StudyTables) -> Built:
        """Divide, with the error of the numerator; the denominator is taken as known."""
        top = totals(args.numerator, tables, args.where)
        bottom = totals(args.denominator, tables)
        per = float(args.per)
        with np.errstate(divide="ignore", invalid="ignore"):
            value = per * top["total"] / bottom["total"].where(bottom["total"] > 0)
            error = per * top["error"] / bottom["total"].where(bottom["total"] > 0)
        nothing = np.where(bottom["total"] <= 0, "not applicable", "").astype(object)
        grid = study_grid(tables)
        estimate = Estimate(
            grid, value.to_numpy(), error.to_numpy(), bottom["total"].to_numpy(), nothing
        )
        scaled = "" if per == 1 else f", times {per:g}"
        info = self.info(
            feature,
            source=f"{args.numerator.source}; {args.denominator.source}",
            definition=f"{_capital(args.numerator.words)} by {args.denominator.words}{scaled}.",
        )
        gaps = [
            gap_reasons(feature, tables, tables.tables[each.table], each.columns, where)
            for each, where in (
                (args.numerator, (*args.where, *args.numerator.where)),
                (args.denominator, args.denominator.where),
            )
        ]
        reasons = reasons_of_either(top["total"], gaps[0], bottom["total"], gaps[1])
        return place({feature.name: estimate}, [info], tables, reasons)


def quantity_problems(
    feature: FeatureDeclaration, argument: str, quantity: Quantity, tables: StudyTables
) -> Iterator[Problem]:
    """Check the table, column and conditions of a quantity."""
    yield from table_problems(feature, argument, quantity.table, tables)
    table = tables.tables.get(quantity.table)
    if table is None:
        return
    yield from column_problems(feature, argument, table, quantity.columns, numeric=True)
    yield from _negative(feature, argument, quantity, table)
    yield from where_problems(feature, quantity.where, table, f"{argument}.where")


def _negative(
    feature: FeatureDeclaration, argument: str, quantity: Quantity, table: Table
) -> Iterator[Problem]:
    """Refuse amounts below 0, which no rate can be made of."""
    for column in quantity.columns:
        if column not in table.numbers or not table.extent(column)[0] < 0:
            continue
        bad = bad_rows(table, nw.col(column) < 0, column)
        if bad.n:
            yield Problem(
                place_of(feature, argument),
                f"Column '{column}' of table '{table.name}' must be 0 or more; found "
                f"{quoted(bad.values)} in {bad.rows}. Correct them, "
                "or declare them missing with a reason.",
            )


def totals(
    quantity: Quantity, tables: StudyTables, where: tuple[Condition, ...] = ()
) -> pd.DataFrame:
    """Sum or count at every site and round of the study, with its error.

    Returns
    -------
    DataFrame
        Index (site, round); columns ``total`` and ``error``, both NaN where the table has no row
        of the site, or a chosen row lacks its amount, since the total is not known then, and in a
        round of which no window is declared where others have one. Whole
        numbers are counts, with the Poisson error of the count plus a half, so that a count of 0
        is not exact; other amounts have the error of a sum of rows whose variance is pooled over
        sites, or none where a site has one row.
    """
    table = tables.tables[quantity.table]
    summed = nw.lit(1.0) if quantity.column is None else nw.col(quantity.column)
    rows = row_values(table, (*where, *quantity.where), {TOTAL: summed.cast(nw.Float64)})
    # A row that the conditions leave out still shows that the site was looked at.
    everything = row_values(table, (), {TOTAL: summed.cast(nw.Float64)})
    seen = moments(everything.assign(**{WEIGHT: 1.0}), [TOTAL])
    sums = moments(rows.assign(**{WEIGHT: 1.0}), [TOTAL])
    chosen = pd.DataFrame(
        {"total": sums.wy[:, 0] + sums.center[0] * sums.n[:, 0], "error": _error(sums, rows)},
        index=sums.index,
    )[sums.n[:, 0] == sums.rows].reindex(sums.index)
    found = over_rounds(chosen, tables)
    if where or quantity.where:
        zero = pd.DataFrame({"total": 0.0, "error": np.sqrt(0.5)}, index=seen.index)
        none = over_rounds(zero, tables)
        if rounds := by_round((*where, *quantity.where)):
            none.loc[~none.index.get_level_values("round").isin(rounds)] = np.nan
        some = over_rounds(pd.DataFrame({"rows": sums.rows}, index=sums.index), tables)["rows"]
        found = found.where(some.notna(), none)
    return found


def _error(sums: Moments, rows: pd.DataFrame) -> np.ndarray:
    amounts = rows[TOTAL].dropna().to_numpy()
    total = sums.wy[:, 0] + sums.center[0] * sums.n[:, 0]
    if (amounts >= 0).all() and np.equal(np.mod(amounts, 1), 0).all():
        return np.asarray(np.sqrt(total + 0.5))
    return np.asarray(np.sqrt(np.nan_to_num(pooled_variance(sums)[0]) * sums.n[:, 0]))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
