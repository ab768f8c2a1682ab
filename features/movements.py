"""Who was there, stayed, joined and left over a window, person by person.

A person is in post on a date when a post has started by that date and has not ended by it. The
scope says what is left: by default the site, so that two posts at a site are one head, a move
inside the site is no leaver, and a move to another site is.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field, field_validator, model_validator

from site_typology.features.assignments import sites_listed
from site_typology.features.dates import DateText
from site_typology.features.employment import (
    END,
    FINISHED,
    FTE,
    GROUP,
    OPEN,
    OTHER_TIME,
    PERSON,
    START,
    WHY,
    PostArgs,
    ScopedArgs,
    day,
    in_scope,
    posts,
    spells,
)
from site_typology.features.tables import SITE, Table
from site_typology.profile_checks import INDEX

YEAR_DAYS = 365.25
Window = tuple[DateText, DateText] | dict[str, tuple[DateText, DateText]]


class WindowArgs(ScopedArgs):
    """Arguments of builders over a window."""

    window: Window = Field(description="[from, to], or one for each round.")

    @field_validator("window")
    @classmethod
    def _is_ordered(cls, window: Window) -> Window:
        for first, last in window.values() if isinstance(window, dict) else [window]:
            if first >= last:
                raise ValueError(f"a window is [from, to]; found ['{first}', '{last}']")
        return window

    def at(self, round_: str) -> tuple[str, str] | None:
        """The window of a round, if it has one."""
        return self.window.get(round_) if isinstance(self.window, dict) else self.window


class MeasuredArgs(PostArgs):
    """Arguments of builders in heads or FTE."""

    measure: Literal["heads", "fte"] = Field("heads", description="Count heads, or add up FTE.")

    @model_validator(mode="after")
    def _fte_is_named(self) -> MeasuredArgs:
        if self.measure == "fte" and self.fte is None:
            raise ValueError("measure = 'fte' needs 'fte', the column with the FTE of a post.")
        return self

    @property
    def amounts(self) -> list[str]:
        """The column with the FTE where it is used."""
        return [self.fte] if self.measure == "fte" and self.fte is not None else []


class StaffingArgs(WindowArgs, MeasuredArgs):
    """Arguments of the staffing rates over a window."""


def window_words(window: Window | DateText | dict[str, DateText]) -> str:
    """A window, or a window for each round, in words."""
    if isinstance(window, dict):
        return "; ".join(f"{round_}: {window_words(each)}" for round_, each in window.items())
    return window if isinstance(window, str) else f"{window[0]} to {window[1]}"


def window_posts(
    table: Table, args: ScopedArgs, window: tuple[str, str], round_: str
) -> pd.DataFrame:
    """Posts of one round; those that touch no day of the window have a reason for that too."""
    first, last = (day(date) for date in window)
    rows = posts(table, args, round_)
    outside = (rows[END] <= first) | (rows[START] > last)
    # A post that begins within the gap after the window still tells that its holder stayed.
    rows[WHY] = rows[WHY].where((rows[WHY] != "") | ~outside, OTHER_TIME)
    return rows


def movements(rows: pd.DataFrame, args: ScopedArgs, window: tuple[str, str]) -> pd.DataFrame:
    """People of the population at each site over one window.

    Parameters
    ----------
    rows : DataFrame
        As `window_posts` gives them.

    Returns
    -------
    DataFrame
        One row a person, site and group of the scope; ``SITE`` and the flags ``at_start, at_end,
        stayed, joiner, leaver, completed`` (in post at the start, and the end was no leaving),
        the FTE ``fte_start, fte_end, fte_joined, fte_left`` and ``years, fte_years`` in post.
        Those who join and leave inside the window are joiners and leavers.
    """
    first, last = (day(date) for date in window)
    ours = rows[rows[WHY].isin(["", OTHER_TIME])]
    everyone = in_scope(rows, args)
    whole = _flags(spells(everyone, [GROUP, PERSON], args.gap_days), [GROUP, PERSON], first, last)
    keys = [GROUP, PERSON, SITE]
    people = _flags(spells(ours, keys, args.gap_days), keys, first, last)
    people = people.join(whole.add_suffix("_of_scope"), on=[GROUP, PERSON]).reset_index()
    start = people["at_start"].to_numpy()
    joined, gone = people["joined"].to_numpy(), ~people["at_end_of_scope"].to_numpy()
    leaves = (start | joined) & gone & _only_site(people, "last_end", ascending=False)
    finished = people["finished_of_scope"].to_numpy()
    found = pd.DataFrame(
        {
            SITE: people[SITE],
            "at_start": start,
            "at_end": people["at_end"],
            "stayed": start & ~gone,
            "joiner": joined
            & ~people["at_start_of_scope"].to_numpy()
            & _only_site(people, "first_start", ascending=True),
            "leaver": leaves & ~finished,
            "completed": start & gone & finished,
            "years": people["years"],
        }
    )
    return found.assign(**_amounts(people, ours, first, last))[
        found[["at_start", "at_end"]].any(axis=1) | joined | (found["years"] > 0)
    ]


def _flags(stays: pd.DataFrame, keys: list[str], first: int, last: int) -> pd.DataFrame:
    """State of each person of `keys` at both ends of the window and moves between them."""
    start, end = stays[START], stays[END]
    ended = (end > first) & (end <= last) & (start <= last)
    within = (end.clip(upper=last) - start.clip(lower=first)).clip(lower=0)
    state = stays[keys].assign(
        at_start=(start <= first) & (end > first),
        at_end=(start <= last) & (end > last),
        joined=(start > first) & (start <= last),
        first_start=start.where((start > first) & (start <= last), OPEN),
        last_end=end.where(ended, -OPEN),
        finished_end=end.where(ended & stays[FINISHED], -OPEN),
        years=within / YEAR_DAYS,
    )
    grouped = state.groupby(keys, sort=True)
    flags = grouped[["at_start", "at_end", "joined", "last_end", "finished_end"]].max()
    # The post that ended last says whether the person left or finished.
    done = (flags["finished_end"] == flags["last_end"]) & (flags["last_end"] > -OPEN)
    return flags.assign(
        finished=done, first_start=grouped["first_start"].min(), years=grouped["years"].sum()
    ).drop(columns="finished_end")


def _only_site(people: pd.DataFrame, mark: str, *, ascending: bool) -> np.ndarray:
    """Whether a row is the one site that a move of a person counts at: the first or the last."""
    ordered = people.sort_values([mark, SITE], ascending=[ascending, True], kind="stable")
    chosen = ordered.groupby([GROUP, PERSON])[SITE].transform("first")
    return np.asarray((chosen == ordered[SITE]).sort_index().to_numpy(dtype=bool))


def _amounts(
    people: pd.DataFrame, rows: pd.DataFrame, first: int, last: int
) -> dict[str, np.ndarray]:
    """FTE held by each person on the days that count; NaN where one of the posts has none."""
    keys = [GROUP, PERSON, SITE]
    who = people[keys].assign(at=np.arange(len(people)))
    held = rows[[*keys, START, END, FTE]].merge(who, on=keys)
    at, fte = held["at"].to_numpy(), held[FTE].to_numpy()
    start, end = held[START].to_numpy(), held[END].to_numpy()

    def total(amount: np.ndarray, counts: np.ndarray) -> np.ndarray:
        return np.bincount(at[counts], weights=amount[counts], minlength=len(people))

    # A leaver's FTE is that of the day before the end, a joiner's that of the first day.
    left_on = people["last_end"].to_numpy()[at]
    joined_on = people["first_start"].to_numpy()[at]
    span = (np.minimum(end, last) - np.maximum(start, first)).clip(min=0)
    return {
        "fte_start": total(fte, (start <= first) & (end > first)),
        "fte_end": total(fte, (start <= last) & (end > last)),
        "fte_joined": total(fte, (start <= joined_on) & (end > joined_on)),
        "fte_left": total(fte, (start < left_on) & (end >= left_on)),
        "fte_years": total(fte * span / YEAR_DAYS, span > 0),
    }


def by_site(values: pd.DataFrame, table: Table, round_: str) -> pd.DataFrame:
    """Add people up at each site with any row of the table, indexed (site, round).

    NaN where an amount of a person is unknown.
    """
    sites = sites_listed(table, round_)
    # A site whose rows are all of other staff, or of another time, has none of these people.
    at = pd.Index(sites).get_indexer(values[SITE])
    found = {
        name: np.bincount(at, weights=values[name].to_numpy(dtype=float), minlength=len(sites))
        for name in values.columns
        if name != SITE
    }
    index = pd.MultiIndex.from_product([sites, [round_]], names=INDEX)
    return pd.DataFrame(found, index=index)
