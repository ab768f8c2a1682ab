"""Assignments of a workforce table: when each started and ended, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from site_typology.declaration import ONE_ROUND, Condition, FeatureDeclaration
from site_typology.errors import Problem
from site_typology.features.conditions import quoted
from site_typology.features.contract import study_rounds
from site_typology.features.dateformats import parse_dates
from site_typology.features.dates import date_problems
from site_typology.features.finding import counted
from site_typology.features.gaps import ABSENT, NOT_ASKED
from site_typology.features.selection import (
    chosen_rows,
    column_problems,
    place_of,
    rows_text,
)
from site_typology.features.tables import ROW, StudyTables, Table


def sites_listed(table: Table, round_: str) -> list[str]:
    """Sites with any row of a round, sorted."""
    there = table.rows_by_site.index
    of_round = there.get_level_values(1).isin([round_, ONE_ROUND])
    return sorted(set(there.get_level_values(0)[of_round]))


def assignment_problems(
    feature: FeatureDeclaration,
    table: Table,
    start: str,
    end: str,
    where: tuple[Condition, ...],
) -> Iterator[Problem]:
    """Dates that are none, start dates that are missing, and ends before the start."""
    yield from column_problems(feature, "start", table, [start])
    yield from column_problems(feature, "end", table, [end])
    yield from date_problems(feature, "start", table, start)
    yield from date_problems(feature, "end", table, end)
    used = {start, end, *(condition.column for condition in where)}
    if not used <= set(table.columns):
        return
    rows = chosen_rows(table, where, [start, end]).to_native()
    missing = rows[rows[start].isna()]
    if len(missing):
        yield Problem(
            place_of(feature, "start"),
            f"{counted(len(missing), 'assignment')} of table '{table.name}' "
            f"{'has' if len(missing) == 1 else 'have'} no '{start}' "
            f"({rows_text(missing[ROW])}), so nobody can say whether they were in post. Give the "
            f'date, or leave them out with where = [{{ column = "{start}", values = [""], '
            "negate = true }].",
        )
    early = rows[parse_dates(rows[end]) < parse_dates(rows[start])]
    if len(early):
        yield Problem(
            place_of(feature, "end"),
            f"'{end}' stands before '{start}' in table '{table.name}', {rows_text(early[ROW])}. "
            "Mend the dates.",
        )


def round_problems(
    feature: FeatureDeclaration, argument: str, by_round: object, tables: StudyTables
) -> Iterator[Problem]:
    """Rounds of an argument that the study does not have."""
    rounds = study_rounds(tables.declaration)
    if not isinstance(by_round, Mapping):
        return
    unknown = [round_ for round_ in by_round if round_ not in rounds]
    if unknown:
        yield Problem(
            place_of(feature, argument),
            f"{quoted(unknown)} is no round of the study. Rounds: {quoted(rounds)}.",
        )
    elif not by_round:
        yield Problem(place_of(feature, argument), f"Give one for a round: {quoted(rounds)}.")


def outside_rounds(gaps: pd.Series, by_round: object) -> pd.Series:
    """Reasons of missing cells, where a round without a window (or date) was not asked about."""
    if not isinstance(by_round, Mapping):
        return gaps
    asked = gaps.index.get_level_values("round").isin(list(by_round))
    return gaps.where(asked | (gaps == ABSENT), NOT_ASKED)
