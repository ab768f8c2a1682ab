"""Vacancies: funded posts that nobody holds on a date."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import narwhals as nw
import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from site_typology.declaration import FeatureDeclaration, Kind
from site_typology.errors import Problem
from site_typology.features.assignments import (
    END,
    START,
    assignment_problems,
    assignments,
    outside_rounds,
    round_problems,
    sites_listed,
)
from site_typology.features.contract import (
    Builder,
    BuilderArgs,
    Built,
    Estimate,
    place,
    study_grid,
    study_rounds,
)
from site_typology.features.dates import DateText
from site_typology.features.gaps import gap_reasons, reasons_of_either
from site_typology.features.pooledcounts import pooled_share_variance
from site_typology.features.rates import Quantity, quantity_problems, totals
from site_typology.features.selection import (
    column_problems,
    range_problems,
    table_problems,
    where_problems,
)
from site_typology.features.tables import SITE, StudyTables, Table
from site_typology.profile_checks import INDEX


class VacancyArgs(BuilderArgs):
    """Arguments of `VacancyRate`."""

    table: str = Field(description="Table with one row an assignment.")
    fte: str | None = Field(
        None, description="Column with the full-time equivalent of an assignment."
    )
    person: str | None = Field(None, description="Column that names the person, to count heads.")
    start: str = Field(description="Column with the date an assignment started.")
    end: str = Field(description="Column with the date it ended; missing while it goes on.")
    at: DateText | dict[str, DateText] = Field(description="Date, or one for each round.")
    funded: Quantity = Field(description="Funded FTE (or heads): table and column, summed.")
    measure: Literal["heads", "fte"] = Field("fte", description="Count heads, or add up FTE.")

    @model_validator(mode="after")
    def _column_is_named(self) -> VacancyArgs:
        if self.measure == "fte" and self.fte is None:
            raise ValueError("give 'fte', the column with the FTE of an assignment.")
        if self.measure == "heads" and self.person is None:
            raise ValueError("measure = 'heads' needs 'person', the column that names the person.")
        return self

    @property
    def counted(self) -> str:
        """The column that is counted or added up."""
        return str(self.fte if self.measure == "fte" else self.person)


class VacancyRate(Builder[VacancyArgs]):
    """(Funded FTE - FTE in post) / funded FTE on a date; negative where more are in post.

    With `where` here and in `funded`, the vacancy rate of one role, such as supervisors. Error:
    funded posts taken as so many that are each vacant or not, at the partially pooled rate
    (`pooled_share_variance`).
    """

    name: ClassVar[str] = "vacancy_rate"
    kind: ClassVar[Kind] = "continuous"
    family: ClassVar[str] = "staffing"
    Args: ClassVar[type[BuilderArgs]] = VacancyArgs

    def problems(
        self, feature: FeatureDeclaration, args: VacancyArgs, tables: StudyTables
    ) -> Iterator[Problem]:
        """Check columns, dates and the funded establishment."""
        yield from table_problems(feature, "table", args.table, tables)
        yield from round_problems(feature, "at", args.at, tables)
        yield from quantity_problems(feature, "funded", args.funded, tables)
        table = tables.tables.get(args.table)
        if table is None:
            return
        in_fte = args.measure == "fte"
        yield from column_problems(feature, args.measure, table, [args.counted], numeric=in_fte)
        if in_fte:
            yield from range_problems(feature, table, [args.counted], (0.0, np.inf))
        yield from where_problems(feature, args.where, table)
        yield from assignment_problems(feature, table, args.start, args.end, args.where)

    def build(self, feature: FeatureDeclaration, args: VacancyArgs, tables: StudyTables) -> Built:
        """Compare the FTE in post with the funded FTE."""
        table = tables.tables[args.table]
        posts = []
        for round_ in study_rounds(tables.declaration):
            date = args.at.get(round_) if isinstance(args.at, dict) else args.at
            if date is not None:
                posts.append(in_post_on(table, args, date, round_))
        grid = study_grid(tables)
        in_post = pd.concat(posts).reindex(grid)
        funded = totals(args.funded, tables)["total"]
        known = funded.where(funded > 0).to_numpy()
        value = (known - in_post.to_numpy()) / known
        error = np.sqrt(pooled_share_variance(np.clip(value, 0.0, 1.0), known))
        nothing = np.where((funded <= 0).to_numpy(), "not applicable", "").astype(object)
        estimate = Estimate(grid, value, error, known, nothing)
        what = "FTE" if args.measure == "fte" else "heads"
        info = self.info(
            feature,
            source=f"{table.name}: {args.counted}, {args.start}, {args.end}; {args.funded.source}",
            definition=f"(Funded {what} - {what} in post) / funded {what}, on {_dates(args.at)}.",
            unit=f"share of funded {what}",
        )
        funding = tables.tables[args.funded.table]
        gaps = reasons_of_either(
            in_post,
            gap_reasons(feature, tables, table, [args.counted], args.where),
            funded,
            gap_reasons(feature, tables, funding, args.funded.columns, args.funded.where),
        )
        gaps = outside_rounds(gaps, args.at)
        return place({feature.name: estimate}, [info], tables, gaps)


def in_post_on(table: Table, args: VacancyArgs, date: str, round_: str) -> pd.Series:
    """FTE (or heads) in post on a date at each site with rows, indexed (site, round).

    NaN where the FTE (or person) of an assignment in post is missing, since the sum is not known
    then.
    """
    day = pd.Timestamp(date)
    dated = assignments(table, args.start, args.end, args.where, round_)
    in_post = (nw.col(START) <= day) & (nw.col(END).is_null() | (nw.col(END) > day))
    counted = nw.col(args.counted)
    if args.measure == "heads":
        # Several assignments of one person are one head.
        dated = dated.filter(in_post).unique([SITE, args.counted], keep="any")
    amount = counted.cast(nw.Float64) if args.measure == "fte" else nw.lit(1.0)
    posts = dated.with_columns(
        held=nw.when(in_post).then(amount).otherwise(nw.lit(0.0)),
        unknown=in_post & counted.is_null(),
    )
    sums: pd.DataFrame = (
        posts.group_by(SITE).agg(nw.col("held").sum(), nw.col("unknown").any()).to_native()
    )
    held = sums.set_index(SITE)["held"].mask(sums.set_index(SITE)["unknown"])
    held = held.reindex(held.index.union(pd.Index(sites_listed(table, round_))))
    nobody = ~held.index.isin(sums[SITE])
    held[nobody] = 0.0
    held.index = pd.MultiIndex.from_product([held.index, [round_]], names=INDEX)
    return held


def _dates(at: str | dict[str, str]) -> str:
    if isinstance(at, dict):
        return "; ".join(f"{date} ({round_})" for round_, date in at.items())
    return at
