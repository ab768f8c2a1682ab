"""Retention: the chance that a person stays so many months."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field

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
    FINISHED,
    FTE,
    GROUP,
    PERSON,
    START,
    WHY,
    day,
    in_scope,
    post_problems,
    rule_words,
    set_aside,
    spells,
)
from site_typology.features.gaps import gap_reasons
from site_typology.features.movements import (
    YEAR_DAYS,
    StaffingArgs,
    WindowArgs,
    window_posts,
    window_words,
)
from site_typology.features.pooledcounts import pooled_share_variance
from site_typology.features.survival import Stays, people_behind, retention_at
from site_typology.features.tables import SITE, StudyTables, Table
from site_typology.profile_checks import INDEX

MONTH_DAYS = YEAR_DAYS / 12
ENTRY, EXIT, LEFT, LIMIT, WEIGHT = "entry", "exit", "left", "limit", "weight"


class RetentionArgs(StaffingArgs):
    """Arguments of `Retention`."""

    months: float = Field(gt=0, description="Months that a person stays.")
    since: Literal["joining", "window"] = Field(
        "joining",
        description="Count months from joining, or from the window's start for those in post then.",
    )
    at_risk: int = Field(
        1, ge=1, description="Fewest people to be under observation at every tenure up to months."
    )


class Retention(Builder[RetentionArgs]):
    """Chance of staying longer than so many months, by Kaplan-Meier.

    People in post when the window opens are under observation from the tenure they have reached
    (left truncation), and those in post when it closes until then (right censoring); an end that
    is no leaving (`not_leavers`) ends observation too. Error: binomial at the partially pooled
    share (`pooled_share_variance`), of the effective number of people behind it
    (`people_behind`), so that nobody having left is not exact. In FTE a person weighs the FTE
    held at the site on the first day of observation, as those at the start do in the stability
    index: a weight that is known before anything is seen of the stay.
    """

    name: ClassVar[str] = "retention"
    kind: ClassVar[Kind] = "share"
    family: ClassVar[str] = "staffing"
    Args: ClassVar[type[BuilderArgs]] = RetentionArgs

    def problems(
        self, feature: FeatureDeclaration, args: RetentionArgs, tables: StudyTables
    ) -> Iterator[Problem]:
        """Check columns, dates, rounds and the codes of the rules."""
        yield from round_problems(feature, "window", args.window, tables)
        yield from post_problems(feature, args, tables)

    def build(self, feature: FeatureDeclaration, args: RetentionArgs, tables: StudyTables) -> Built:
        """Follow the people of each site through the window of each round."""
        table = tables.tables[args.table]
        found, aside = [], []
        for round_ in study_rounds(tables.declaration):
            window = args.at(round_)
            if window is not None:
                rows = window_posts(table, args, window, round_)
                seen = stays(rows, args, window, args.since)
                if args.measure == "heads":
                    seen[WEIGHT] = 1.0
                found.append(_by_site(seen, table, args, round_))
                aside.append(set_aside(feature, table, rows, round_))
        sites = pd.concat(found)
        share, effective = sites["share"].to_numpy(), sites["effective"].to_numpy()
        error = np.sqrt(pooled_share_variance(share, effective))
        reason = sites["reason"].to_numpy(dtype=object)
        estimate = Estimate(sites.index, share, error, effective, reason)
        info = self.info(
            feature,
            source=f"{table.name}: {args.person}, {args.start}, {args.end}",
            definition=_definition(args),
            unit="share of staff",
            measurement={"from_counts": 1.0},
        )
        gaps = gap_reasons(feature, tables, table, args.amounts, args.where)
        gaps = outside_rounds(gaps, args.window)
        return place({feature.name: estimate}, [info], tables, gaps, ledger=pd.concat(aside))


def stays(
    rows: pd.DataFrame, args: WindowArgs, window: tuple[str, str], since: str = "joining"
) -> pd.DataFrame:
    """Stays of people of the population that touch the window, as `Stays` wants them.

    A stay belongs to the site where the person was first seen in the window.

    Returns
    -------
    DataFrame
        ``SITE, entry, exit, left, limit``, in days of tenure, and ``weight``, the FTE on the first
        day of observation, NaN where that of one of the posts is not known.
    """
    first, last = (day(date) for date in window)
    keys = [GROUP, PERSON]
    whole = spells(in_scope(rows, args), keys, args.gap_days)
    whole = whole[(whole[END] > first) & (whole[START] <= last)].reset_index(drop=True)
    # The population's posts say whose stays count, and at which site and from when.
    ours = rows[(rows[WHY] == "")].sort_values([*keys, START, SITE], kind="stable")
    seen = ours[[*keys, SITE, START, END]].merge(
        whole.assign(stay=np.arange(len(whole))), on=keys, suffixes=("_of_post", "")
    )
    inside = (seen["start_of_post"] >= seen[START]) & (seen["start_of_post"] <= seen[END])
    seen = seen[inside].drop_duplicates("stay").reset_index(drop=True)
    ended = seen[END] <= last
    start = seen[START]
    if since == "window":
        seen = seen[(start <= first) & (seen["start_of_post"] <= first)]
        start, ended = pd.Series(first, index=seen.index), ended.loc[seen.index]
    begun = np.maximum(seen["start_of_post"], first)
    tenure = np.minimum(seen[END], last) - start
    entry = (begun - start).to_numpy(dtype=float)
    left = (ended & ~seen[FINISHED]).to_numpy(dtype=bool)
    # Who came and went on one day was there for a part of it.
    leaving = np.maximum(tenure.to_numpy(dtype=float), entry + 0.5)
    closing = (last - start).to_numpy(dtype=float)
    limit = np.where(ended & seen[FINISHED], leaving, np.maximum(closing, leaving))
    return pd.DataFrame(
        {
            SITE: seen[SITE].to_numpy(),
            ENTRY: entry,
            EXIT: leaving,
            LEFT: left,
            LIMIT: limit,
            WEIGHT: _fte_on(ours, seen.assign(on=begun)),
        }
    )


def _fte_on(posts: pd.DataFrame, people: pd.DataFrame) -> np.ndarray:
    """FTE that each of `people` holds at the site on the day ``on``, shape (n_people,)."""
    keys = [GROUP, PERSON, SITE]
    who = people[[*keys, "on"]].assign(at=np.arange(len(people)))
    held = posts[[*keys, START, END, FTE]].merge(who, on=keys)
    # A post of a single day is held on it.
    there = (held[START] <= held["on"]) & ((held[END] > held["on"]) | (held[START] == held["on"]))
    held = held[there]
    return np.bincount(held["at"], weights=held[FTE], minlength=len(people))


def _by_site(found: pd.DataFrame, table: Table, args: RetentionArgs, round_: str) -> pd.DataFrame:
    """Share, effective number and reason for a gap at each site with rows."""
    time = args.months * MONTH_DAYS
    observed = float((found[EXIT] - found[ENTRY]).sum())
    pooled = (float(found[LEFT].sum()) + 0.5) / max(observed, 1.0)
    # Who holds no FTE weighs nothing.
    groups = dict(iter(found[found[WEIGHT] != 0].groupby(SITE)))
    records = []
    for site in sites_listed(table, round_):
        people = groups.get(site)
        if people is None:
            records.append((np.nan, np.nan, "not applicable"))
            continue
        if people[WEIGHT].isna().any():
            records.append((np.nan, np.nan, ""))
            continue
        columns = [people[name].to_numpy() for name in (ENTRY, EXIT, LEFT, LIMIT, WEIGHT)]
        curve = Stays(*columns)
        # Half a leaver at the hazard of all sites, so that it is never 0.
        hazard = (curve.left.sum() + 0.5) / ((curve.exit - curve.entry).sum() + 0.5 / pooled)
        fewest, effective = people_behind(curve, time, float(hazard))
        if fewest < args.at_risk:
            records.append((np.nan, np.nan, "low reliability"))
        else:
            records.append((retention_at(curve, time), effective, ""))
    index = pd.MultiIndex.from_product([sites_listed(table, round_), [round_]], names=INDEX)
    return pd.DataFrame(records, columns=["share", "effective", "reason"], index=index)


def _definition(args: RetentionArgs) -> str:
    clock = "after joining" if args.since == "joining" else "after the window opened, in post then"
    in_fte = " In FTE held when first observed." if args.measure == "fte" else ""
    return (
        f"Estimated share of staff still there {args.months:g} months {clock} (Kaplan-Meier, left "
        f"truncated and right censored).{in_fte} Window: {window_words(args.window)}. No value "
        f"where at some tenure before fewer than {args.at_risk} were under observation. "
        f"{rule_words(args)}"
    )
