"""Tenure of the staff in post on a date."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import pandas as pd

from site_typology.declaration import FeatureDeclaration, Kind
from site_typology.errors import Problem
from site_typology.features.assignments import outside_rounds, round_problems, sites_listed
from site_typology.features.contract import (
    Builder,
    BuilderArgs,
    Built,
    Estimate,
    place,
    study_rounds,
)
from site_typology.features.employment import (
    END,
    FTE,
    GROUP,
    PERSON,
    START,
    WHY,
    OnDate,
    StayArgs,
    day,
    in_scope,
    post_problems,
    posts_on,
    rule_words,
    set_aside,
    spells,
)
from site_typology.features.gaps import gap_reasons
from site_typology.features.median import VALUE, medians
from site_typology.features.movements import YEAR_DAYS, MeasuredArgs, window_words
from site_typology.features.selection import WEIGHT
from site_typology.features.tables import ROUND, SITE, StudyTables
from site_typology.profile_checks import INDEX


class TenureArgs(StayArgs, MeasuredArgs, OnDate):
    """Arguments of `MedianTenure`."""


class MedianTenure(Builder[TenureArgs]):
    """Median months that those in post on a date have been there without a break.

    It is the tenure reached so far, not the length of whole stays, which is `retention`'s. In FTE
    it has half of the FTE in post on either side. The error takes the staff for as many draws
    from the sites' pooled residuals, in FTE with their weights (`variance_of_weighted_medians`).
    """

    name: ClassVar[str] = "median_tenure"
    kind: ClassVar[Kind] = "continuous"
    family: ClassVar[str] = "staffing"
    Args: ClassVar[type[BuilderArgs]] = TenureArgs

    def problems(
        self, feature: FeatureDeclaration, args: TenureArgs, tables: StudyTables
    ) -> Iterator[Problem]:
        """Check columns, dates, rounds and the codes of the rules."""
        yield from round_problems(feature, "at", args.at, tables)
        yield from post_problems(feature, args, tables)

    def build(self, feature: FeatureDeclaration, args: TenureArgs, tables: StudyTables) -> Built:
        """Take the median over the people of each site."""
        table = tables.tables[args.table]
        people, listed, aside = [], [], []
        for round_ in study_rounds(tables.declaration):
            date = args.on(round_)
            if date is None:
                continue
            rows = posts_on(table, args, round_, day(date))
            people.append(_tenures(rows, args, day(date)).assign(**{ROUND: round_}))
            sites = sites_listed(table, round_)
            listed.append(pd.MultiIndex.from_product([sites, [round_]], names=INDEX))
            aside.append(set_aside(feature, table, rows, round_))
        estimate = _medians(pd.concat(people), listed[0].append(listed[1:]))
        in_fte = ", weighted by their FTE" if args.measure == "fte" else ""
        info = self.info(
            feature,
            source=f"{table.name}: {args.person}, {args.start}, {args.end}",
            definition=f"Median months since the present stay began, of those in post on "
            f"{window_words(args.at)}{in_fte}. {rule_words(args)}",
            unit="months",
        )
        gaps = gap_reasons(feature, tables, table, args.amounts, args.where)
        gaps = outside_rounds(gaps, args.at)
        return place({feature.name: estimate}, [info], tables, gaps, ledger=pd.concat(aside))


def _tenures(rows: pd.DataFrame, args: TenureArgs, on: int) -> pd.DataFrame:
    """Months in the scope of each person in post on a day: ``SITE``, value and weight.

    The weight in FTE is NaN where that of one of the person's posts is not known.
    """
    keys = [GROUP, PERSON, SITE]
    whole = spells(in_scope(rows, args), [GROUP, PERSON], args.gap_days)
    whole = whole[(whole[START] <= on) & (whole[END] > on)]
    there = rows[rows[WHY] == ""].groupby(keys)[FTE].sum(skipna=False).reset_index()
    held = there.merge(whole[[GROUP, PERSON, START]], on=[GROUP, PERSON])
    months = (on - held[START]) * 12 / YEAR_DAYS
    weight = held[FTE] if args.measure == "fte" else 1.0
    return pd.DataFrame({SITE: held[SITE], VALUE: months, WEIGHT: weight})


def _medians(people: pd.DataFrame, index: pd.MultiIndex) -> Estimate:
    """Median at each of the sites listed; a site where one weight is not known has none."""
    known = people[WEIGHT].notna().groupby([people[SITE], people[ROUND]]).transform("all")
    found = medians(people[known])
    unknown = pd.MultiIndex.from_frame(people.loc[~known, [SITE, ROUND]])
    at = found.index.get_indexer(index)
    value, error, n = (
        np.where(at >= 0, np.append(column, np.nan)[at], np.nan)
        for column in (found.value, found.standard_error, found.n)
    )
    nothing = np.where((at >= 0) | index.isin(unknown), "", "not applicable").astype(object)
    return Estimate(index, value, error, n, nothing)
