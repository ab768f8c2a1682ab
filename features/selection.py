"""Rows and columns of a table that a feature asks for, and what is wrong with the asking."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import narwhals as nw
import numpy as np
import pandas as pd

from site_typology.declaration import Condition, FeatureDeclaration
from site_typology.errors import Problem
from site_typology.features.columns import TOO_LARGE, not_numbers
from site_typology.features.conditions import (
    SHOWN,
    among,
    codes_of,
    fault_of,
    holds,
    quoted,
    quoted_cells,
    unmatched,
)
from site_typology.features.engines import Rows, collected, one_row
from site_typology.features.personal import personal_columns
from site_typology.features.rawtable import listed
from site_typology.features.roundwindows import by_round, in_rounds
from site_typology.features.tables import (
    RESERVED,
    RESPONSE_WEIGHT,
    ROUND,
    ROW,
    StudyTables,
    Table,
    as_text,
)

WEIGHT = "__weight__"
MET, VALUE = "__met__", "__value__"
PAGE = 1_000
"""Most rows with a fault that are looked at one by one."""


def codes(table: Table, column: str, values: Sequence[str]) -> list[str]:
    """Codes of `column` meant by `values`, each a code or the label of one."""
    return codes_of(table.values(column), table.labels.get(column, {}), values)


def is_among(table: Table, column: str, values: Sequence[str]) -> nw.Expr:
    """Expression: is the value of `column` one of `values`; false where it is missing."""
    return among(table.values(column), table.labels.get(column, {}), values)


def met(table: Table, where: Sequence[Condition]) -> nw.Expr | None:
    """Expression: does every condition hold on a row; None without a condition."""
    tests = [
        holds(table.values(condition.column), table.labels.get(condition.column, {}), condition)
        for condition in where
    ]
    return nw.all_horizontal(*tests, ignore_nulls=False) if tests else None


def lazy_rows(table: Table, where: Sequence[Condition], columns: Mapping[str, nw.Expr]) -> Rows:
    """Values derived from each chosen row, as `row_values` but not yet computed."""
    if rounds := by_round(where):
        return in_rounds({round_: lazy_rows(table, own, columns) for round_, own in rounds.items()})
    weight = table.weight
    weighed = nw.lit(1.0) if weight is None else nw.col(weight).cast(nw.Float64)
    test = met(table, where)
    wanted: list[nw.Expr | str] = [
        *RESERVED,
        weighed.alias(WEIGHT),
        *(e.alias(name) for name, e in columns.items()),
    ]
    if test is None:
        return table.rows.select(*wanted)
    return table.rows.select(*wanted, test.alias(MET)).filter(nw.col(MET)).drop(MET)


def row_values(
    table: Table, where: Sequence[Condition], columns: Mapping[str, nw.Expr]
) -> pd.DataFrame:
    """Values derived from each chosen row, in memory and in the order of the file.

    Returns
    -------
    DataFrame
        Columns `SITE`, `ROUND`, `ROW`, `WEIGHT` (1 in a table without weights) and `columns`.
    """
    rows = collected(lazy_rows(table, where, columns))
    return rows.sort_values([ROW, ROUND] if by_round(where) else ROW, ignore_index=True)


def chosen_rows(
    table: Table, where: Sequence[Condition], columns: Iterable[str] | None = None
) -> nw.DataFrame[pd.DataFrame]:
    """Rows of `table` for which every condition holds, in memory and in the order of the file.

    Parameters
    ----------
    columns : iterable of str, optional
        Columns wanted beside the reserved ones; all of the file's by default.
    """
    names = list(dict.fromkeys([*(table.columns if columns is None else columns), *RESERVED]))
    rounds = by_round(where)
    if rounds:
        chosen = in_rounds({name: _chosen(table, own, names) for name, own in rounds.items()})
    else:
        chosen = _chosen(table, where, names)
    ordered = collected(chosen).sort_values([ROW, ROUND] if rounds else ROW, ignore_index=True)
    return cast("nw.DataFrame[pd.DataFrame]", nw.from_native(ordered, eager_only=True))


def _chosen(table: Table, where: Sequence[Condition], names: Sequence[str]) -> Rows:
    # By name and before the choice, since a file may have thousands of columns.
    tested = (condition.column for condition in where)
    rows = table.rows.select(*dict.fromkeys([*names, *tested]))
    test = met(table, where)
    return rows if test is None else rows.filter(test).select(*names)


@dataclass(frozen=True)
class BadRows:
    """Rows that a check found fault with.

    Parameters
    ----------
    n : int
    rows : str
        ``row 4``, or the first rows and how many more there are.
    values : Series
        The values of the first rows in their order, and all different ones after them.
    """

    n: int
    rows: str
    values: pd.Series


def bad_rows(table: Table, fault: nw.Expr, column: str) -> BadRows:
    """Find the rows where an expression is true, without taking more than a page of them.

    Parameters
    ----------
    column : str
        Column whose values are shown.
    """
    rows = table.rows.select(ROW, nw.col(column).alias(VALUE), fault.alias(MET))
    rows = rows.filter(nw.col(MET)).drop(MET)
    first = collected(rows.sort(ROW).head(PAGE))
    if first.empty:
        return BadRows(0, "", first[VALUE])
    n, texts = len(first), first[VALUE]
    if n == PAGE:
        n = int(one_row(rows.select(nw.len().alias("n")))["n"])
        others = collected(rows.select(VALUE).unique(VALUE).sort(VALUE))[VALUE]
        texts = pd.concat([texts, others])
    return BadRows(n, rows_text(first[ROW], n), texts)


def rows_text(rows: Iterable[object], n: int | None = None) -> str:
    """``row 4`` or ``rows 4, 9, 12 and 3 more``; `n` rows in all, where `rows` are the first."""
    numbers = [str(row) for row in rows]
    more = [""] * ((n or 0) - len(numbers))
    return f"row{'s' if len(numbers) > 1 else ''} {listed([*numbers, *more], SHOWN)}"


def place_of(feature: FeatureDeclaration, argument: str = "") -> str:
    """Where a problem of a feature stands, as STYLE names it."""
    return f"features.{feature.name}" + (f".{argument}" if argument else "")


def table_problems(
    feature: FeatureDeclaration, argument: str, name: str, tables: StudyTables
) -> Iterator[Problem]:
    """Say that table `name` is not declared; one that failed to read was reported already."""
    declared = tables.declaration.tables
    if name not in declared:
        near = _near(name, declared)
        yield Problem(
            place_of(feature, argument),
            f"There is no table '{name}'.{near} Tables declared: {quoted(sorted(declared))}.",
        )


def column_problems(
    feature: FeatureDeclaration,
    argument: str,
    table: Table,
    columns: Iterable[str],
    *,
    numeric: bool = False,
) -> Iterator[Problem]:
    """Say which columns are not in the table or, where asked, do not hold numbers."""
    names, columns = table.columns, list(columns)
    if numeric:
        table.look_ahead(columns)
    for column in columns:
        if column not in names and was_dropped(table, column):
            yield Problem(place_of(feature, argument), dropped_words(table, column))
        elif column not in names:
            yield Problem(
                place_of(feature, argument),
                f"Column '{column}' is not in table '{table.name}' "
                f"({table.declaration.path}).{_near(column, names)} "
                f"Columns found: {quoted(names)}.",
            )
        elif numeric and column not in table.numbers:
            yield from _not_numbers(feature, argument, table, column)
        elif numeric and (message := too_large(table, column)):
            yield Problem(place_of(feature, argument), message)


def was_dropped(table: Table, column: str) -> bool:
    """Whether a column that is not in a table was dropped on load because it is personal."""
    old = table.declaration.rename.get(column, column)
    titles = {old: table.titles.get(column, "")}
    return column in personal_columns([old], titles, {old: column}, table.declaration)


def dropped_words(table: Table, column: str) -> str:
    """Say that a column was dropped as personal, and what to do."""
    declared = column in table.declaration.personal
    return (
        f"Column '{column}' of table '{table.name}' is personal and was dropped on load. Name "
        f"another{', or take it out of personal' if declared else ''}."
    )


def too_large(table: Table, column: str) -> str:
    """Say which numbers, infinite ones among them, an engine holds and no sum of squares can.

    Parameters
    ----------
    column : str
        Column with numbers.

    Returns
    -------
    str
        A sentence; ``""`` where there are none.
    """
    lowest, highest, _ = table.extent(column)
    if (lowest > -TOO_LARGE and highest < TOO_LARGE) or np.isnan(lowest):
        return ""
    bad = bad_rows(table, (nw.col(column) <= -TOO_LARGE) | (nw.col(column) >= TOO_LARGE), column)
    return (
        f"Column '{column}' of table '{table.name}' holds numbers too large to calculate with: "
        f"{quoted(bad.values)} in {bad.rows}. Correct them, or declare them missing with a reason."
    )


def _not_numbers(
    feature: FeatureDeclaration, argument: str, table: Table, column: str
) -> Iterator[Problem]:
    found = table.values(column)
    texts = not_numbers([str(text) for text in found], decimal_comma=table.decimal_comma)
    if len(found):
        bad = bad_rows(table, nw.col(column).is_in(texts), column)
        yield Problem(
            place_of(feature, argument),
            f"Column '{column}' of table '{table.name}' must hold numbers; found "
            f"{quoted_cells(bad.values)} in {bad.rows}. Recode them, or declare them missing with "
            "a reason.",
        )


def value_problems(
    feature: FeatureDeclaration,
    argument: str,
    table: Table,
    column: str,
    values: Iterable[str],
) -> Iterator[Problem]:
    """Say which values match nothing in a column that is there; see `unmatched`."""
    if column not in table.columns:
        return
    named = f"column '{column}' in table '{table.name}'"
    labels = table.labels.get(column, {})
    message = unmatched(table.values(column), labels, values, named)
    if message:
        yield Problem(place_of(feature, argument), message)


def where_problems(
    feature: FeatureDeclaration, where: Iterable[Condition], table: Table, argument: str = "where"
) -> Iterator[Problem]:
    """Check the conditions on rows."""
    for condition in where:
        yield from column_problems(feature, argument, table, [condition.column])
        if condition.column not in table.columns:
            continue
        named = f"column '{condition.column}' in table '{table.name}'"
        labels = table.labels.get(condition.column, {})
        message = fault_of(table.values(condition.column), labels, condition, named)
        if message:
            yield Problem(place_of(feature, argument), message)


def weight_problems(
    feature: FeatureDeclaration, table: Table, used: Sequence[str]
) -> Iterator[Problem]:
    """Refuse weights that are missing on a row with an answer.

    Negative ones were reported when the table was read, see `valuechecks`.
    """
    weight = table.weight
    if weight is None:
        return
    # Response weights are made after the table was read, and are numbers of 0 or more.
    given = [] if weight == RESPONSE_WEIGHT else [weight]
    unusable = list(column_problems(feature, "table", table, given, numeric=True))
    if unusable:
        yield from unusable
        return
    if table.extent(weight)[2] == table.n_rows:
        return
    names = [name for name in used if name in table.columns]
    unanswered = [nw.col(name).is_null() for name in names]
    answered = ~nw.all_horizontal(*unanswered, ignore_nulls=False) if names else nw.lit(False)
    bad = bad_rows(table, nw.col(weight).is_null() & answered, weight)
    if bad.n:
        yield Problem(
            f"tables.{table.name}.weight",
            f"Weight '{weight}' is missing on {bad.n} used row{'' if bad.n == 1 else 's'} with an "
            f"answer: {bad.rows}. Give each a weight of 0 or more.",
        )


def range_problems(
    feature: FeatureDeclaration,
    table: Table,
    columns: Iterable[str],
    limits: tuple[float, float],
) -> Iterator[Problem]:
    """Say which rows hold a number outside `limits`."""
    low, high = limits
    numbers = [column for column in columns if column in table.numbers]
    table.look_ahead(numbers)
    for column in numbers:
        lowest, highest, _ = table.extent(column)
        if lowest < low or highest > high:
            bad = bad_rows(table, (nw.col(column) < low) | (nw.col(column) > high), column)
            expected = f"{low:g} or more" if np.isinf(high) else f"{low:g} to {high:g}"
            yield Problem(
                place_of(feature),
                f"Column '{column}' of table '{table.name}' must be {expected}; found "
                f"{quoted(as_text(bad.values))} in {bad.rows}. "
                "Mend the values, or declare the codes missing with a reason.",
            )


def _near(name: str, names: Iterable[str]) -> str:
    lowered = {str(known).lower(): str(known) for known in names}
    near = difflib.get_close_matches(name.lower(), list(lowered), n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(repr(lowered[found]) for found in near)}?" if near else ""
