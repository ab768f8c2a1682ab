"""Heads and movements of staff over a window.

A person is in post on a date when an assignment in scope has started by that date and has not
ended by it: on the end date itself the person has left. The scope is the site together with the
rows that `where` chooses, so two assignments are one head, a move inside the scope is no leaver,
and a move to another site is.
"""

from __future__ import annotations

from collections.abc import Iterator

import narwhals as nw
import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, field_validator

from site_typology.declaration import ONE_ROUND, FeatureDeclaration
from site_typology.errors import Problem
from site_typology.features.assignments import END, START, assignments
from site_typology.features.contract import BuilderArgs, Code
from site_typology.features.dates import DateText
from site_typology.features.selection import chosen_rows, is_among, place_of, rows_text
from site_typology.features.tables import ROUND, ROW, SITE, Table
from site_typology.profile_checks import INDEX


class NotLeavers(BaseModel):
    """Ends that are no leaving, such as the end of a trainee's fixed term."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str
    values: tuple[Code, ...] = Field(min_length=1)


class StaffingArgs(BuilderArgs):
    """Arguments of the staffing builders over a window."""

    table: str = Field(description="Table with one row an assignment.")
    person: str = Field(description="Column that names the person.")
    start: str = Field(description="Column with the date an assignment started.")
    end: str = Field(description="Column with the date it ended; missing while it goes on.")
    window: tuple[DateText, DateText] | dict[str, tuple[DateText, DateText]] = Field(
        description="[from, to], or one for each round."
    )
    not_leavers: NotLeavers | None = Field(
        None,
        description="Column and values of ends that are no leaving, such as a fixed term's.",
    )

    @field_validator("window")
    @classmethod
    def _is_ordered(
        cls, window: tuple[str, str] | dict[str, tuple[str, str]]
    ) -> tuple[str, str] | dict[str, tuple[str, str]]:
        for first, last in window.values() if isinstance(window, dict) else [window]:
            if first >= last:
                raise ValueError(f"a window is [from, to]; found ['{first}', '{last}']")
        return window


def movements(
    table: Table, args: StaffingArgs, window: tuple[str, str], round_: str
) -> pd.DataFrame:
    """Heads and movements at each site with rows, over one window.

    Returns
    -------
    DataFrame
        Index (site, round), each site with any row of the table; columns ``at_start, at_end,
        stayed, joiners, leavers`` and ``completed_from_start``, people. Those who join and leave
        inside the window are joiners and leavers; without `not_leavers`,
        at_end = at_start + joiners - leavers.
    """
    first, last = (pd.Timestamp(day) for day in window)
    people = _people(table, args, first, last, round_)
    column = {name: people[name].to_numpy(dtype=bool) for name in people if name != SITE}
    start, end, joined = column["at_start"], column["at_end"], column["joined"]
    gone = (start | joined) & ~end
    heads = pd.DataFrame(
        {
            "at_start": start,
            "at_end": end,
            "stayed": start & end,
            "joiners": joined & ~start,
            "leavers": gone & ~column["completed"],
            "completed_from_start": start & gone & column["completed"],
        }
    )
    counted = heads.groupby(people[SITE].to_numpy()).sum()
    # A site whose rows are all of other staff, or of another time, has none of these people.
    listed = table.frame.loc[table.frame[ROUND].isin([round_, ONE_ROUND]), SITE].unique()
    counts = counted.reindex(np.sort(listed), fill_value=0)
    counts.index = pd.MultiIndex.from_product([counts.index, [round_]], names=INDEX)
    return counts


def _people(
    table: Table, args: StaffingArgs, first: pd.Timestamp, last: pd.Timestamp, round_: str
) -> pd.DataFrame:
    """One row a person and site: in post at either end, joined, and how the last post ended."""
    dated = assignments(table, args.start, args.end, args.where, round_)
    completed = nw.lit(False)
    if args.not_leavers is not None:
        completed = is_among(table, args.not_leavers.column, args.not_leavers.values)
    start, end = nw.col(START), nw.col(END)
    going_on = end.is_null()
    ended = (~going_on) & (end > first) & (end <= last) & (start <= last)
    posts = dated.with_columns(
        at_start=(start <= first) & (going_on | (end > first)),
        at_end=(start <= last) & (going_on | (end > last)),
        joined=(start > first) & (start <= last),
        ended_on=nw.when(ended).then(end),
        completed_on=nw.when(ended & completed).then(end),
    )
    flags = ("at_start", "at_end", "joined")
    people = posts.group_by(SITE, args.person).agg(
        *(nw.col(flag).any() for flag in flags),
        nw.col("ended_on").max(),
        nw.col("completed_on").max(),
    )
    # The post that ended last says whether the person left or finished.
    finished = (~nw.col("completed_on").is_null()) & (nw.col("completed_on") == nw.col("ended_on"))
    result: pd.DataFrame = people.with_columns(completed=finished).to_native()
    return result[[SITE, *flags, "completed"]]


def person_problems(
    feature: FeatureDeclaration, table: Table, args: StaffingArgs
) -> Iterator[Problem]:
    """Rows that name nobody."""
    used = {args.person, *(condition.column for condition in args.where)}
    if not used <= set(table.columns):
        return
    rows = chosen_rows(table, args.where).select(ROW, args.person).to_native()
    nameless = rows[rows[args.person].isna()]
    if len(nameless):
        yield Problem(
            place_of(feature, "person"),
            f"Column '{args.person}' of table '{table.name}' is empty in "
            f"{rows_text(nameless[ROW])}, so heads cannot be counted. Give each row a person.",
        )
