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
from site_typology.features.medianerror import pooled_residuals, variance_of_medians
from site_typology.features.movements import YEAR_DAYS, window_words
from site_typology.features.tables import SITE, StudyTables
from site_typology.profile_checks import INDEX

MONTHS = "months"


class TenureArgs(StayArgs, OnDate):
    """Arguments of `MedianTenure`."""


class MedianTenure(Builder[TenureArgs]):
    """Median months that those in post on a date have been there without a break.

    It is the tenure reached so far, not the length of whole stays, which is `retention`'s. The
    error takes the staff for as many draws from the sites' pooled residuals
    (`variance_of_medians`).
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
            people.append(_tenures(rows, args, day(date)).assign(round=round_))
            sites = sites_listed(table, round_)
            listed.append(pd.MultiIndex.from_product([sites, [round_]], names=INDEX))
            aside.append(set_aside(feature, table, rows, round_))
        found = pd.concat(people)
        groups = found.groupby([SITE, "round"], sort=True)
        index = listed[0].append(listed[1:])
        median = groups[MONTHS].median().reindex(index).to_numpy(dtype=float)
        n = groups.size().reindex(index).to_numpy(dtype=float)
        residuals = pooled_residuals(found[MONTHS], groups.ngroup())
        error = np.full(len(n), np.nan)
        there = ~np.isnan(n)
        error[there] = np.sqrt(variance_of_medians(residuals, n[there]))
        nothing = np.where(there, "", "not applicable").astype(object)
        info = self.info(
            feature,
            source=f"{table.name}: {args.person}, {args.start}, {args.end}",
            definition=f"Median months since the present stay began, of those in post on "
            f"{window_words(args.at)}. {rule_words(args)}",
            unit="months",
        )
        gaps = outside_rounds(gap_reasons(feature, tables, table, [], args.where), args.at)
        estimate = Estimate(index, median, error, n, nothing)
        return place({feature.name: estimate}, [info], tables, gaps, ledger=pd.concat(aside))


def _tenures(rows: pd.DataFrame, args: TenureArgs, on: int) -> pd.DataFrame:
    """Months in the scope of each person in post on a day, at each site: ``SITE, months``."""
    whole = spells(in_scope(rows, args), [GROUP, PERSON], args.gap_days)
    whole = whole[(whole[START] <= on) & (whole[END] > on)]
    there = rows.loc[rows[WHY] == "", [GROUP, PERSON, SITE]].drop_duplicates()
    held = there.merge(whole[[GROUP, PERSON, START]], on=[GROUP, PERSON])
    return pd.DataFrame({SITE: held[SITE], MONTHS: (on - held[START]) * 12 / YEAR_DAYS})
