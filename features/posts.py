"""Vacancies: funded posts that nobody holds on a date."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from site_typology.declaration import FeatureDeclaration, Kind
from site_typology.errors import Problem
from site_typology.features.assignments import outside_rounds, round_problems
from site_typology.features.contract import (
    Builder,
    BuilderArgs,
    Built,
    Estimate,
    place,
    study_grid,
    study_rounds,
)
from site_typology.features.employment import (
    FTE,
    PERSON,
    WHY,
    HeldArgs,
    OnDate,
    day,
    post_problems,
    posts_on,
    rule_words,
    set_aside,
)
from site_typology.features.gaps import gap_reasons, reasons_of_either
from site_typology.features.movements import by_site, window_words
from site_typology.features.pooledcounts import pooled_share_variance
from site_typology.features.rates import Quantity, quantity_problems, totals
from site_typology.features.tables import SITE, StudyTables


class VacancyArgs(HeldArgs, OnDate):
    """Arguments of `VacancyRate`."""

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

    With `where` here and in `funded`, the vacancy rate of one role, such as supervisors. Bank
    staff, the seconded and those on a career break hold a funded post or not as declared. Error:
    funded posts taken as so many that are each vacant or not, at the partially pooled rate
    (`pooled_share_variance`); interval: Jeffreys' for so many posts, which reaches down to the
    value where more are in post than funded.
    """

    name: ClassVar[str] = "vacancy_rate"
    kind: ClassVar[Kind] = "continuous"
    family: ClassVar[str] = "staffing"
    Args: ClassVar[type[BuilderArgs]] = VacancyArgs

    def problems(
        self, feature: FeatureDeclaration, args: VacancyArgs, tables: StudyTables
    ) -> Iterator[Problem]:
        """Check columns, dates, rounds, the codes of the rules and the funded establishment."""
        yield from round_problems(feature, "at", args.at, tables)
        yield from post_problems(feature, args, tables)
        yield from quantity_problems(feature, "funded", args.funded, tables)

    def build(self, feature: FeatureDeclaration, args: VacancyArgs, tables: StudyTables) -> Built:
        """Compare the FTE in post with the funded FTE."""
        table = tables.tables[args.table]
        held, aside = [], []
        for round_ in study_rounds(tables.declaration):
            date = args.on(round_)
            if date is None:
                continue
            rows = posts_on(table, args, round_, day(date))
            held.append(by_site(_amounts(rows[rows[WHY] == ""], args.measure), table, round_))
            aside.append(set_aside(feature, table, rows, round_))
        grid = study_grid(tables)
        in_post = pd.concat(held)["held"].reindex(grid)
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
            definition=f"(Funded {what} - {what} in post) / funded {what}, on "
            f"{window_words(args.at)}. {rule_words(args)}".strip(),
            unit=f"share of funded {what}",
            measurement={"from_counts": 1.0},
        )
        funding = tables.tables[args.funded.table]
        gaps = reasons_of_either(
            in_post,
            gap_reasons(feature, tables, table, [args.counted], args.where),
            funded,
            gap_reasons(feature, tables, funding, args.funded.columns, args.funded.where),
        )
        gaps = outside_rounds(gaps, args.at)
        return place({feature.name: estimate}, [info], tables, gaps, ledger=pd.concat(aside))


def _amounts(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    """What each post in use (or person, of heads) adds to a site: ``SITE, held``."""
    if measure == "heads":
        # Several assignments of one person are one head.
        return rows[[SITE, PERSON]].drop_duplicates()[[SITE]].assign(held=1.0)
    return rows[[SITE]].assign(held=rows[FTE])
