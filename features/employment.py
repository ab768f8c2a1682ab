"""Posts of a workforce table under declared rules: who is in post, from when to when.

A row is one post of one person. On the end date itself the person has left. Rows that a rule sets
aside (bank staff, the absent, other populations, other times) are counted by reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import narwhals as nw
import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from site_typology.declaration import ONE_ROUND, FeatureDeclaration
from site_typology.errors import Problem
from site_typology.features.assignments import assignment_problems
from site_typology.features.contract import BuilderArgs, Code
from site_typology.features.dateformats import parse_dates
from site_typology.features.dates import DateText
from site_typology.features.ledger import SET_ASIDE
from site_typology.features.selection import (
    chosen_rows,
    column_problems,
    is_among,
    met,
    place_of,
    range_problems,
    row_values,
    rows_text,
    table_problems,
    value_problems,
    where_problems,
)
from site_typology.features.tables import ROUND, ROW, SITE, StudyTables, Table
from site_typology.profiles import LEDGER_COLUMNS

PERSON, GROUP, START, END, FTE = "person", "group", "start", "end", "fte"
FINISHED, COUNTED, WHY = "finished", "counted", "why"
OPEN = 10_000_000
"""End of a post that goes on, in days since 1970."""
SITE_SCOPE = "site"
OTHER_POPULATION, OTHER_TIME = "not of the population", "at another time"
_RULES = {"bank": "bank staff", "secondment": "on secondment", "career_break": "on career break"}


class Coded(BaseModel):
    """Rows with one of some values in a column."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str
    values: tuple[Code, ...] = Field(min_length=1)


class Away(Coded):
    """Rows of people who hold a post without working in it, and how they count."""

    counts_as: Literal["in post", "absent"]


class HeldArgs(BuilderArgs):
    """Arguments of every builder over posts."""

    table: str = Field(description="Table with one row a post (assignment).")
    person: str | None = Field(None, description="Column that names the person, to count heads.")
    start: str = Field(description="Column with the date a post started.")
    end: str = Field(description="Column with the date it ended; missing while it goes on.")
    fte: str | None = Field(None, description="Column with the full-time equivalent of a post.")
    bank: Coded | None = Field(
        None, description="Column and values of bank or agency posts, which are left out."
    )
    secondment: Away | None = Field(
        None, description="Column, values, and whether the seconded count as in post or absent."
    )
    career_break: Away | None = Field(
        None, description="The same for career breaks and other leave from active service."
    )


class PostArgs(HeldArgs):
    """Arguments of builders over the people who hold posts."""

    person: str = Field(description="Column that names the person; several posts are one head.")
    gap_days: int = Field(
        1, ge=0, description="A break of at most so many days between two posts is none."
    )


class StayArgs(PostArgs):
    """Arguments of builders that know since when a person has been there."""

    scope: tuple[str, ...] = Field(
        (SITE_SCOPE,),
        min_length=1,
        description="What a person stays in or leaves: 'site', columns such as employer, role or "
        "team, or several.",
    )
    other_posts: Literal["leave", "stay"] = Field(
        "leave",
        description="Whether one who takes a post of the scope outside `where` leaves or stays.",
    )


class ScopedArgs(StayArgs):
    """Arguments of builders that know who left."""

    not_leavers: Coded | None = Field(
        None,
        description="Column and values of ends that are no leaving, such as a fixed term's.",
    )


class OnDate(BaseModel):
    """The argument of builders that look at one day."""

    at: DateText | dict[str, DateText] = Field(description="Date, or one for each round.")

    def on(self, round_: str) -> str | None:
        """The date of a round, if it has one."""
        return self.at.get(round_) if isinstance(self.at, dict) else self.at


def post_problems(
    feature: FeatureDeclaration, args: HeldArgs, tables: StudyTables
) -> Iterator[Problem]:
    """Check the table, its columns and dates, and the codes of every rule."""
    yield from table_problems(feature, "table", args.table, tables)
    table = tables.tables.get(args.table)
    if table is None:
        return
    if args.person is not None:
        yield from column_problems(feature, "person", table, [args.person])
        yield from _nameless(feature, table, args.person, args)
    yield from where_problems(feature, args.where, table)
    yield from assignment_problems(feature, table, args.start, args.end, args.where)
    if args.fte is not None:
        yield from column_problems(feature, "fte", table, [args.fte], numeric=True)
        yield from range_problems(feature, table, [args.fte], (0.0, np.inf))
    for argument in (*_RULES, "not_leavers", "temporary"):
        coded = getattr(args, argument, None)
        if coded is not None:
            yield from column_problems(feature, argument, table, [coded.column])
            yield from value_problems(feature, argument, table, coded.column, coded.values)
    columns = [name for name in getattr(args, "scope", ()) if name != SITE_SCOPE]
    yield from column_problems(feature, "scope", table, columns)


def _nameless(
    feature: FeatureDeclaration, table: Table, person: str, args: HeldArgs
) -> Iterator[Problem]:
    """Rows that name nobody."""
    used = {person, *(condition.column for condition in args.where)}
    if not used <= set(table.columns):
        return
    rows = chosen_rows(table, args.where, [person]).to_native()
    nameless = rows[rows[person].isna()]
    if len(nameless):
        yield Problem(
            place_of(feature, "person"),
            f"Column '{person}' of table '{table.name}' is empty in "
            f"{rows_text(nameless[ROW])}, so heads cannot be counted. Give each row a person.",
        )


def posts(table: Table, args: HeldArgs, round_: str) -> pd.DataFrame:
    """Every row of one round with what the rules make of it.

    Returns
    -------
    DataFrame
        ``SITE, ROW, person`` (the row itself where no column names the person), ``group, start,
        end`` (days since 1970, `OPEN` while it goes on), ``fte`` (NaN where not given),
        ``finished`` (its end is no leaving), ``counted`` (of the population) and ``why`` (the rule
        that sets it aside, or "").
    """
    rules = {name: getattr(args, name) for name in (*_RULES, "not_leavers") if hasattr(args, name)}
    scope = [name for name in getattr(args, "scope", (SITE_SCOPE,)) if name != SITE_SCOPE]
    population = met(table, args.where)
    rows = row_values(
        table,
        (),
        {
            PERSON: nw.col(ROW if args.person is None else args.person),
            START: nw.col(args.start),
            END: nw.col(args.end),
            FTE: nw.lit(None) if args.fte is None else nw.col(args.fte).cast(nw.Float64),
            COUNTED: nw.lit(True) if population is None else population,
            **{f"scope {name}": nw.col(name) for name in scope},
            **{
                name: is_among(table, rule.column, rule.values)
                for name, rule in rules.items()
                if rule is not None
            },
        },
    )
    rows = rows[rows[ROUND].isin([round_, ONE_ROUND])].reset_index(drop=True)
    start, end = days(rows[START]), days(rows[END])
    keys = [f"scope {name}" for name in scope]
    if SITE_SCOPE in getattr(args, "scope", (SITE_SCOPE,)):
        keys = [SITE, *keys]
    counted = _true(rows[COUNTED])
    why = np.where(counted, "", OTHER_POPULATION).astype(object)
    for name, words in _RULES.items():
        rule = rules.get(name)
        if rule is not None and getattr(rule, "counts_as", "absent") == "absent":
            why[_true(rows[name])] = words
    unknown = np.isnan(start) | rows[PERSON].isna().to_numpy()
    why[unknown & ~counted] = OTHER_POPULATION
    finished = _true(rows["not_leavers"]) if rules.get("not_leavers") is not None else False
    return pd.DataFrame(
        {
            SITE: rows[SITE],
            ROW: rows[ROW],
            PERSON: pd.factorize(rows[PERSON])[0],
            GROUP: rows.groupby(keys, dropna=False, sort=True).ngroup(),
            START: np.where(unknown, OPEN, np.nan_to_num(start)).astype(np.int64),
            END: np.where(np.isnan(end), OPEN, np.nan_to_num(end)).astype(np.int64),
            FTE: rows[FTE].to_numpy(dtype=float, na_value=np.nan),
            FINISHED: finished,
            COUNTED: counted,
            WHY: why,
        }
    )


def posts_on(table: Table, args: HeldArgs, round_: str, on: int) -> pd.DataFrame:
    """As `posts`; those that are not held on a day (since 1970) are set aside for that."""
    rows = posts(table, args, round_)
    held = (rows[START] <= on) & (rows[END] > on)
    return rows.assign(**{WHY: rows[WHY].where((rows[WHY] != "") | held, OTHER_TIME)})


def spells(rows: pd.DataFrame, keys: Sequence[str], gap_days: int) -> pd.DataFrame:
    """Stays without a break: posts that overlap, or follow within `gap_days`, are one.

    Parameters
    ----------
    rows : DataFrame
        As `posts` gives them.
    keys : sequence of str
        Columns that say whose stay it is.

    Returns
    -------
    DataFrame
        `keys`, ``start, end`` and ``finished``, which is that of the post that ends last.

    Examples
    --------
    >>> rows = pd.DataFrame({"person": [1, 1, 1], "start": [0, 11, 40], "end": [10, 20, 50]})
    >>> spells(rows.assign(finished=False), ["person"], 1)[["start", "end"]].values.tolist()
    [[0, 20], [40, 50]]
    """
    keys = list(keys)
    ordered = rows.sort_values([*keys, START, END], kind="stable")
    whose = ordered.groupby(keys, sort=False).ngroup().to_numpy()
    so_far = ordered.groupby(whose)[END].cummax().to_numpy()
    first = np.r_[True, whose[1:] != whose[:-1]][: len(whose)]
    before = np.r_[0, so_far[:-1]][: len(whose)]
    stay = np.cumsum(first | (ordered[START].to_numpy() > before + gap_days))
    ordered = ordered.assign(stay=stay)
    last = ordered.groupby("stay")[END].transform("max")
    ordered[FINISHED] = ordered[FINISHED] & (ordered[END] == last)
    merged = ordered.groupby("stay").agg(
        **{key: (key, "first") for key in keys},
        **{START: (START, "min"), END: (END, "max"), FINISHED: (FINISHED, "max")},
    )
    return merged.reset_index(drop=True)


def in_scope(rows: pd.DataFrame, args: StayArgs) -> pd.DataFrame:
    """Posts that say whether a person is still in the scope."""
    kept = ["", OTHER_TIME, *([OTHER_POPULATION] if args.other_posts == "stay" else [])]
    return rows[rows[WHY].isin(kept)]


def set_aside(
    feature: FeatureDeclaration, table: Table, rows: pd.DataFrame, round_: str
) -> pd.DataFrame:
    """Ledger entries for the posts that have a reason in ``why``, by site."""
    aside = rows[rows[WHY] != ""]
    counts = aside.groupby([SITE, WHY]).size().rename("n").reset_index()
    return pd.DataFrame(
        {
            "table": table.name,
            "entry": f"feature {feature.name}",
            "site": counts[SITE],
            "round": round_,
            "outcome": SET_ASIDE,
            "reason": counts[WHY],
            "n": counts["n"],
        },
        columns=LEDGER_COLUMNS,
    )


def days(dates: pd.Series) -> np.ndarray:
    """Whole days since 1970 of a column of dates; NaN where there is none."""
    since = parse_dates(dates) - pd.Timestamp("1970-01-01")
    return np.asarray(since.dt.days.to_numpy(dtype=float, na_value=np.nan), dtype=float)


def day(date: str) -> int:
    """Whole days since 1970 of a date as a study file writes it."""
    return int((pd.Timestamp(date) - pd.Timestamp("1970-01-01")).days)


def rule_words(args: HeldArgs) -> str:
    """The declared rules in plain words, for a feature's definition."""
    words = []
    if isinstance(args, PostArgs):
        apart = f"{args.gap_days} day{'s' * (args.gap_days != 1)}"
        words.append(f"Posts at most {apart} apart are one stay.")
    if isinstance(args, StayArgs):
        if args.scope != (SITE_SCOPE,):
            scope = " and ".join(args.scope)
            words.append(f"Leaving means leaving the {scope}; a move inside it is none.")
        if args.other_posts == "stay":
            words.append("Who takes another post of the scope has not left.")
    if isinstance(args, ScopedArgs) and args.not_leavers is not None:
        words.append(f"An end coded {_or(args.not_leavers)} is no leaving.")
    if args.bank is not None:
        words.append(f"Bank staff ({_or(args.bank)}) are left out.")
    for name, noun in (("secondment", "The seconded"), ("career_break", "Those on a career break")):
        rule = getattr(args, name)
        if rule is not None:
            words.append(f"{noun} ({_or(rule)}) count as {rule.counts_as}.")
    return " ".join(words)


def _or(rule: Coded) -> str:
    return " or ".join(f"'{value}'" for value in rule.values)


def _true(flags: pd.Series) -> np.ndarray:
    return np.asarray(flags.fillna(False).to_numpy(dtype=bool))
