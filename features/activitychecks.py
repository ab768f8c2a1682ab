"""What can be wrong with the tables of an activity extract."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from site_typology.declaration import Condition, FeatureDeclaration
from site_typology.errors import Problem
from site_typology.features.conditions import quoted
from site_typology.features.mhsds import DropIns, Groups, Indirect, plain_code, read
from site_typology.features.selection import (
    column_problems,
    place_of,
    range_problems,
    table_problems,
    where_problems,
)
from site_typology.features.tables import StudyTables, Table

if TYPE_CHECKING:
    from site_typology.features.activity import ActivityArgs


def activity_problems(
    feature: FeatureDeclaration, args: ActivityArgs, tables: StudyTables
) -> Iterator[Problem]:
    """Tables and headings that are not there, amounts that are none, codes that nothing has."""
    named = {
        name: getattr(args, name).table
        for name in ("referrals", "contacts", "indirect", "groups", "drop_ins")
        if getattr(args, name, None) is not None
    }
    for argument, name in named.items():
        yield from table_problems(feature, f"{argument}.table", name, tables)
    twice = sorted({name for name in named.values() if list(named.values()).count(name) > 1})
    if twice:
        yield Problem(
            place_of(feature),
            f"Table {quoted(twice)} is named twice. Each of {quoted(named)} needs its own.",
        )
    yield from _referral_problems(feature, args, tables)
    yield from _contact_problems(feature, args, tables)
    for argument in ("indirect", "groups", "drop_ins"):
        source = getattr(args, argument, None)
        if source is not None and source.table in tables.tables:
            yield from _source_problems(feature, argument, source, args, tables)


def _referral_problems(
    feature: FeatureDeclaration, args: ActivityArgs, tables: StudyTables
) -> Iterator[Problem]:
    table = tables.tables.get(args.referrals.table)
    if table is None:
        return
    yield from column_problems(feature, "referrals.keys", table, args.referrals.keys)
    headings = args.referrals.team_type
    yield from _heading_problems(feature, "referrals.team_type", table, headings)
    if set(headings) & set(table.columns):
        found = read(table, (), {"team": headings})["team"].str.strip().str.upper()
        wanted = [code.strip().upper() for code in args.team_types]
        yield from _none_problems(feature, "team_types", table, headings, found.unique(), wanted)


def _contact_problems(
    feature: FeatureDeclaration, args: ActivityArgs, tables: StudyTables
) -> Iterator[Problem]:
    table = tables.tables.get(args.contacts.table)
    if table is None:
        return
    contacts = args.contacts
    yield from _key_problems(feature, "contacts", table, contacts.keys, args)
    yield from _heading_problems(feature, "contacts.attended", table, contacts.attended)
    yield from _common_problems(feature, "contacts", table, contacts.month, contacts.where)
    if args.count == "minutes":
        yield from _minute_problems(feature, "contacts.minutes", table, contacts.minutes)
    if hasattr(args, "mechanisms"):
        yield from _heading_problems(feature, "contacts.mechanism", table, contacts.mechanism)
    if set(contacts.attended) & set(table.columns):
        found = plain_code(read(table, (), {"a": contacts.attended})["a"]).unique()
        wanted = [code.lstrip("0") for code in args.attended]
        yield from _none_problems(feature, "attended", table, contacts.attended, found, wanted)


def _source_problems(
    feature: FeatureDeclaration,
    argument: str,
    source: Indirect | Groups | DropIns,
    args: ActivityArgs,
    tables: StudyTables,
) -> Iterator[Problem]:
    table = tables.tables[source.table]
    yield from _common_problems(feature, argument, table, source.month, source.where)
    if isinstance(source, Indirect):
        yield from _key_problems(feature, argument, table, source.keys, args)
    elif source.team_type:
        yield from _heading_problems(feature, f"{argument}.team_type", table, source.team_type)
    if args.count != "minutes":
        return
    if source.minutes is not None:
        yield from _minute_problems(feature, f"{argument}.minutes", table, source.minutes)
    elif isinstance(source, DropIns):
        yield from column_problems(feature, f"{argument}.start", table, [source.start])
        yield from column_problems(feature, f"{argument}.end", table, [source.end])


def _key_problems(
    feature: FeatureDeclaration,
    argument: str,
    table: Table,
    keys: Sequence[str],
    args: ActivityArgs,
) -> Iterator[Problem]:
    yield from column_problems(feature, f"{argument}.keys", table, keys)
    if len(keys) != len(args.referrals.keys):
        yield Problem(
            place_of(feature, f"{argument}.keys"),
            f"Has {len(keys)} columns, referrals.keys {len(args.referrals.keys)}. Give the same "
            "number, in the same order.",
        )


def _common_problems(
    feature: FeatureDeclaration,
    argument: str,
    table: Table,
    month: str,
    where: Sequence[Condition],
) -> Iterator[Problem]:
    yield from column_problems(feature, f"{argument}.month", table, [month], numeric=True)
    yield from where_problems(feature, where, table, f"{argument}.where")


def _minute_problems(
    feature: FeatureDeclaration, argument: str, table: Table, column: str
) -> Iterator[Problem]:
    yield from column_problems(feature, argument, table, [column], numeric=True)
    yield from range_problems(feature, table, [column], (0.0, np.inf))


def _heading_problems(
    feature: FeatureDeclaration, argument: str, table: Table, headings: Sequence[str]
) -> Iterator[Problem]:
    """Say that none of the headings that a column may have is there."""
    if not set(headings) & set(table.columns):
        yield Problem(
            place_of(feature, argument),
            f"Table '{table.name}' ({table.declaration.path}) has no column {quoted(headings)}. "
            f"Columns found: {quoted(table.columns)}. Name its own.",
        )


def _none_problems(
    feature: FeatureDeclaration,
    argument: str,
    table: Table,
    headings: Sequence[str],
    found: Iterable[object],
    wanted: Sequence[str],
) -> Iterator[Problem]:
    """Say that no row has any of the codes wanted."""
    codes = sorted(str(code) for code in found if isinstance(code, str))
    if not set(codes) & set(wanted):
        yield Problem(
            place_of(feature, argument),
            f"No row of table '{table.name}' has {quoted(wanted)} in {quoted(headings)}. "
            f"Codes found: {quoted(codes) or 'none'}.",
        )
