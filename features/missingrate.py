"""How often informants give no answer for one reason, such as not knowing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import narwhals as nw
from pydantic import Field

from site_typology.declaration import REASONS, FeatureDeclaration, Kind, Reason
from site_typology.errors import Problem
from site_typology.features.answers import Answers
from site_typology.features.conditions import quoted
from site_typology.features.contract import Builder, BuilderArgs, Built
from site_typology.features.gaps import NOT_ANSWERED
from site_typology.features.informants import mean_over_informants
from site_typology.features.selection import (
    column_problems,
    place_of,
    table_problems,
    weight_problems,
    where_problems,
)
from site_typology.features.tables import StudyTables, Table

NOT_PUT: tuple[Reason, ...] = (
    "not applicable",
    "routed",
    "not asked",
    "structurally absent",
    "suppressed",
    "unavailable",
    "low reliability",
    "rounds to zero",
)
"""Reasons of a cell that say nothing of what the informant did: the question was not put, or the
answer is withheld."""


class MissingRateArgs(BuilderArgs):
    """Arguments of `MissingRate`."""

    table: str = Field(description="Table with one row an informant.")
    columns: tuple[str, ...] = Field(min_length=1, description="Columns with the answers.")
    reason: Reason = Field("don't know", description="The reason that is counted.")


class MissingRate(Builder[MissingRateArgs]):
    """Share of the answers asked for that are missing for one reason, such as "don't know".

    Over informants, of each one's own share among the columns that were put to them. An answer
    that is skipped, refused or blank was asked for; one that is not applicable, routed past, not
    asked or withheld was not. Error: binomial over informants, with half a count added; it is on
    the safe side where several columns are taken.
    """

    name: ClassVar[str] = "missing_rate"
    kind: ClassVar[Kind] = "share"
    Args: ClassVar[type[BuilderArgs]] = MissingRateArgs

    def problems(
        self, feature: FeatureDeclaration, args: MissingRateArgs, tables: StudyTables
    ) -> Iterator[Problem]:
        """Check the table, the columns and that the reason is declared for one of them."""
        yield from table_problems(feature, "table", args.table, tables)
        table = tables.tables.get(args.table)
        if table is None:
            return
        yield from column_problems(feature, "columns", table, args.columns)
        yield from where_problems(feature, args.where, table)
        yield from weight_problems(feature, table, args.columns)
        if args.reason in NOT_PUT:
            yield Problem(
                place_of(feature, "reason"),
                f"'{args.reason}' is no answer to a question: such cells leave the denominator. "
                "Count don't know, refused, skipped or not answered.",
            )
            return
        found = sorted({reason for name in args.columns for reason in _reasons(table, name)})
        if args.reason not in (*found, NOT_ANSWERED):
            known = f"Reasons found: {quoted(found)}." if found else "No reason is declared."
            yield Problem(
                place_of(feature, "reason"),
                f"No cell of these columns of table '{table.name}' is missing because of "
                f"'{args.reason}'. {known} Declare its code under missing, or count another.",
            )

    def build(
        self, feature: FeatureDeclaration, args: MissingRateArgs, tables: StudyTables
    ) -> Built:
        """Take each informant's share, then average by site and round."""
        table = tables.tables[args.table]
        one = "is" if len(args.columns) == 1 else "are"
        described = {
            "source": f"{table.name}: {', '.join(args.columns)}",
            "definition": (
                f"Share of the answers asked for in {quoted(args.columns)} of table "
                f"'{table.name}' that {one} missing because of '{args.reason}'."
            ),
            "unit": "share",
            "range": (0.0, 1.0),
        }
        asked = self.answers(feature, args, tables)
        return mean_over_informants(self, feature, asked, tables, described)

    def answers(
        self, feature: FeatureDeclaration, args: MissingRateArgs, tables: StudyTables
    ) -> Answers:
        """Share of the columns put to a row that miss for the reason; null where none was put."""
        table = tables.tables[args.table]
        put = nw.sum_horizontal(*(_put(table, name) for name in args.columns))
        missing = nw.sum_horizontal(*(_missing(table, name, args.reason) for name in args.columns))
        value = nw.when(put > 0).then(missing / put)
        key = feature.model_dump_json()
        return Answers(feature.name, key, table, value, args.columns, args.where)


def _put(table: Table, column: str) -> nw.Expr:
    """Expression: 1 where the question was put to the informant, else 0."""
    return nw.lit(1.0) - _because(table, column, NOT_PUT)


def _missing(table: Table, column: str, reason: Reason) -> nw.Expr:
    """Expression: 1 where the cell is missing for the reason, else 0.

    A cell that is missing without a word was not answered.
    """
    if reason != NOT_ANSWERED:
        return _because(table, column, (reason,))
    others = tuple(other for other in REASONS if other != NOT_ANSWERED)
    blank = nw.when(nw.col(column).is_null()).then(nw.lit(1.0)).otherwise(nw.lit(0.0))
    return blank - _because(table, column, others)


def _because(table: Table, column: str, reasons: tuple[str, ...]) -> nw.Expr:
    """Expression: 1 where the cell is missing for one of the reasons, else 0."""
    possible = [reason for reason in reasons if reason in table.explained.get(column, ())]
    ones = [
        nw.when(table.missing_because(column, reason)).then(nw.lit(1.0)).otherwise(nw.lit(0.0))
        for reason in possible
    ]
    # A column of its own length even where no cell misses so.
    nothing = nw.when(nw.col(column).is_null()).then(nw.lit(0.0)).otherwise(nw.lit(0.0))
    return nw.sum_horizontal(nothing, *ones)


def _reasons(table: Table, column: str) -> set[str]:
    """Reasons that a cell of the column may be missing for."""
    rules = table.declaration.columns.get(column)
    declared = {*table.declaration.missing.values(), *(rules.missing.values() if rules else ())}
    return declared | set(table.explained.get(column, ()))
