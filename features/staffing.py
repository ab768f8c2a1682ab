"""Staffing stability: the stability index, leavers and joiners over a window."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import pandas as pd

from site_typology.declaration import FeatureDeclaration, Kind
from site_typology.errors import Problem
from site_typology.features.assignments import outside_rounds, round_problems
from site_typology.features.contract import (
    Builder,
    BuilderArgs,
    Built,
    Estimate,
    place,
    study_rounds,
)
from site_typology.features.employment import post_problems, rule_words, set_aside
from site_typology.features.gaps import gap_reasons
from site_typology.features.movements import (
    StaffingArgs,
    by_site,
    movements,
    window_posts,
    window_words,
)
from site_typology.features.pooledcounts import pooled_count_variance, pooled_share_variance
from site_typology.features.tables import SITE, StudyTables

HEADS = "heads"


class StaffingRate(Builder[StaffingArgs]):
    """What the builders over a window of staff movements share."""

    family: ClassVar[str] = "staffing"
    Args: ClassVar[type[BuilderArgs]] = StaffingArgs
    meaning: ClassVar[str]
    measured_in: ClassVar[str]

    def problems(
        self, feature: FeatureDeclaration, args: StaffingArgs, tables: StudyTables
    ) -> Iterator[Problem]:
        """Check columns, dates, rounds and the codes of the rules."""
        yield from round_problems(feature, "window", args.window, tables)
        yield from post_problems(feature, args, tables)

    def build(self, feature: FeatureDeclaration, args: StaffingArgs, tables: StudyTables) -> Built:
        """Count people over the window of each round, then form the rate."""
        table = tables.tables[args.table]
        counted, aside = [], []
        for round_ in study_rounds(tables.declaration):
            window = args.at(round_)
            if window is None:
                continue
            rows = window_posts(table, args, window, round_)
            people = movements(rows, args, window)
            counted.append(by_site(self.terms(people, args.measure), table, round_))
            aside.append(set_aside(feature, table, rows, round_))
        sums = pd.concat(counted)
        value, error, n = self.rate(sums, args.measure)
        # Nobody there is 0; a base that is not known, for want of an FTE, has its own reason.
        nothing = np.where(sums["base"] == 0, "not applicable", "").astype(object)
        estimate = Estimate(sums.index, value, error, n, nothing)
        in_fte = " In FTE." if args.measure == "fte" else ""
        info = self.info(
            feature,
            source=f"{table.name}: {args.person}, {args.start}, {args.end}",
            definition=f"{self.meaning}{in_fte} Window: {window_words(args.window)}. "
            f"{rule_words(args)}",
            unit=self.measured_in,
            measurement={"from_counts": 1.0},
        )
        gaps = gap_reasons(feature, tables, table, args.amounts, args.where)
        gaps = outside_rounds(gaps, args.window)
        return place({feature.name: estimate}, [info], tables, gaps, ledger=pd.concat(aside))

    @abstractmethod
    def terms(self, people: pd.DataFrame, measure: str) -> pd.DataFrame:
        """What each person adds to the sums of a site: ``SITE``, ``base`` and others."""

    @abstractmethod
    def rate(self, sums: pd.DataFrame, measure: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Value, standard error and n of each row of sums."""


class StabilityIndex(StaffingRate):
    """Staff in post at the start who are still there at the end, by headcount at the start.

    Those whose end is no leaving (`not_leavers`) stand in neither. Error: binomial at the
    partially pooled share (`pooled_share_variance`), in FTE with Kish's effective number.
    """

    name: ClassVar[str] = "stability_index"
    kind: ClassVar[Kind] = "share"
    meaning: ClassVar[str] = (
        "Staff in post at the start of the window who are still in post at its end, by headcount "
        "at the start (without those whose fixed term ended)."
    )
    measured_in: ClassVar[str] = "share of staff in post at the start"

    def terms(self, people: pd.DataFrame, measure: str) -> pd.DataFrame:
        """Weights of those at the start, and of those of them who stayed."""
        there = people["at_start"] & ~people["completed"]
        weight = people["fte_start"] if measure == "fte" else 1.0
        base = np.where(there, weight, 0.0)
        return pd.DataFrame(
            {
                SITE: people[SITE],
                "base": base,
                "stayed": np.where(people["stayed"], base, 0.0),
                "squares": base**2,
            }
        )

    def rate(self, sums: pd.DataFrame, measure: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Stayed by base."""
        base = sums["base"].where(sums["base"] > 0).to_numpy(dtype=float)
        value = sums["stayed"].to_numpy(dtype=float) / base
        effective = base**2 / sums["squares"].where(sums["squares"] > 0).to_numpy(dtype=float)
        return value, np.sqrt(pooled_share_variance(value, effective)), effective


class MovementRate(StaffingRate):
    """Movements by the mean of those in post at the start and the end; may pass 1.

    Error: Poisson at the partially pooled rate (`pooled_count_variance`); in FTE a compound
    Poisson sum, whose variance is that of the count times the mean squared FTE of those who move
    or are there, over all sites.
    """

    kind: ClassVar[Kind] = "rate"
    counted: ClassVar[str]
    amount: ClassVar[str]

    def terms(self, people: pd.DataFrame, measure: str) -> pd.DataFrame:
        """Movements, mean headcount, and their FTE where that is asked for."""
        moved = people[self.counted].to_numpy(dtype=bool)
        heads = (people["at_start"].astype(float) + people["at_end"].astype(float)) / 2
        base, amount, squares = heads, moved.astype(float), heads
        if measure == "fte":
            base = (people["fte_start"] + people["fte_end"]) / 2
            amount = np.where(moved, people[self.amount], 0.0)
            squares = (people["fte_start"] ** 2 + people["fte_end"] ** 2) / 2
        return pd.DataFrame(
            {
                SITE: people[SITE],
                "base": base,
                "amount": amount,
                "moved": moved,
                HEADS: heads,
                "squares": squares,
            }
        )

    def rate(self, sums: pd.DataFrame, measure: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Movements by mean headcount."""
        base = sums["base"].where(sums["base"] > 0).to_numpy(dtype=float)
        heads = sums[HEADS].where(sums[HEADS] > 0).to_numpy(dtype=float)
        there = ~np.isnan(base)
        variance = pooled_count_variance(sums["moved"].where(there).to_numpy(dtype=float), heads)
        size = sums.loc[there, "squares"].sum() / max(sums.loc[there, HEADS].sum(), 1e-9)
        value = sums["amount"].to_numpy(dtype=float) / base
        # Exposure whose Poisson count is as uncertain: the mean headcount, unless FTE differ.
        return value, np.sqrt(variance * size) / base, base**2 / (heads * size)


class LeaverRate(MovementRate):
    """Leavers over the window by mean headcount (NHS Digital; Nuffield Trust)."""

    name: ClassVar[str] = "leaver_rate"
    counted: ClassVar[str] = "leaver"
    amount: ClassVar[str] = "fte_left"
    meaning: ClassVar[str] = (
        "People who left during the window and are not in post at its end, by the mean of the "
        "headcounts at start and end (those whose fixed term ended are not leavers)."
    )
    measured_in: ClassVar[str] = "leavers per head over the window"


class JoinerRate(MovementRate):
    """Joiners over the window by mean headcount."""

    name: ClassVar[str] = "joiner_rate"
    counted: ClassVar[str] = "joiner"
    amount: ClassVar[str] = "fte_joined"
    meaning: ClassVar[str] = (
        "People who were not in post at the start and joined during the window, by the mean of the "
        "headcounts at start and end."
    )
    measured_in: ClassVar[str] = "joiners per head over the window"


class LeaversPerYear(MovementRate):
    """Leavers over the window by the years that people were in post in it (a person-time rate).

    It needs no headcount at two dates, so that a team that grew or shrank is treated alike.
    """

    name: ClassVar[str] = "leavers_per_year"
    counted: ClassVar[str] = "leaver"
    amount: ClassVar[str] = "fte_left"
    meaning: ClassVar[str] = (
        "People who left during the window and are not in post at its end, by the years that "
        "people of the population were in post in it (those whose fixed term ended are not "
        "leavers)."
    )
    measured_in: ClassVar[str] = "leavers per year in post"

    def terms(self, people: pd.DataFrame, measure: str) -> pd.DataFrame:
        """Movements and years in post."""
        terms = super().terms(people, measure)
        years = people["years"]
        if measure != "fte":
            return terms.assign(base=years, squares=years, **{HEADS: years})
        held = people["fte_years"]
        squares = held**2 / years.where(years > 0)
        return terms.assign(base=held, squares=squares.fillna(held**2), **{HEADS: years})
