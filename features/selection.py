"""Rows and columns of a table that a feature asks for, and what is wrong with the asking."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import cast

import narwhals as nw
import numpy as np
import pandas as pd

from site_typology.declaration import Condition, FeatureDeclaration
from site_typology.errors import Problem
from site_typology.features.conditions import SHOWN, among, codes_of, holds, quoted, unmatched
from site_typology.features.rawtable import listed
from site_typology.features.tables import RESERVED, ROW, StudyTables, Table, as_text

WEIGHT = "__weight__"


def codes(table: Table, column: str, values: Sequence[str]) -> list[str]:
    """Codes of `column` meant by `values`, each a code or the label of one."""
    return codes_of(table.frame[column], table.labels.get(column, {}), values)


def is_among(table: Table, column: str, values: Sequence[str]) -> nw.Expr:
    """Expression: is the value of `column` one of `values`; false where it is missing."""
    return among(table.frame[column], table.labels.get(column, {}), values)


def chosen_rows(table: Table, where: Sequence[Condition]) -> nw.DataFrame[pd.DataFrame]:
    """Rows of `table` for which every condition holds."""
    frame = nw.from_native(table.frame, eager_only=True)
    for condition in where:
        labels = table.labels.get(condition.column, {})
        frame = frame.filter(holds(table.frame[condition.column], labels, condition))
    return cast("nw.DataFrame[pd.DataFrame]", frame)


def row_values(
    table: Table, where: Sequence[Condition], columns: dict[str, nw.Expr]
) -> pd.DataFrame:
    """Values derived from each chosen row.

    Returns
    -------
    DataFrame
        Columns `SITE`, `ROUND`, `ROW`, `WEIGHT` (1 in a table without weights) and `columns`.
    """
    weight = table.declaration.weight
    weighed = nw.lit(1.0) if weight is None else nw.col(weight).cast(nw.Float64)
    values: pd.DataFrame = (
        chosen_rows(table, where)
        .select(
            *(nw.col(name) for name in RESERVED),
            weighed.alias(WEIGHT),
            *(expression.alias(name) for name, expression in columns.items()),
        )
        .to_native()
    )
    return values


def rows_text(rows: Iterable[object]) -> str:
    """``row 4`` or ``rows 4, 9, 12 and 3 more``."""
    numbers = [str(row) for row in rows]
    return f"row{'s' if len(numbers) > 1 else ''} {listed(numbers, SHOWN)}"


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
    names = table.columns
    for column in columns:
        if column not in names:
            yield Problem(
                place_of(feature, argument),
                f"Column '{column}' is not in table '{table.name}' "
                f"({table.declaration.path}).{_near(column, names)} "
                f"Columns found: {quoted(names)}.",
            )
        elif numeric and not pd.api.types.is_numeric_dtype(table.frame[column]):
            yield from _not_numbers(feature, argument, table, column)


def _not_numbers(
    feature: FeatureDeclaration, argument: str, table: Table, column: str
) -> Iterator[Problem]:
    values = table.frame[column]
    numbers = pd.to_numeric(values, errors="coerce").astype(float)
    texts = values[values.notna() & ~np.isfinite(numbers)]
    if values.notna().any():
        rows = rows_text(table.frame.loc[texts.index, ROW])
        yield Problem(
            place_of(feature, argument),
            f"Column '{column}' of table '{table.name}' must hold numbers; found "
            f"{quoted(texts)} in {rows}. Recode them, or declare them missing with a reason.",
        )


def value_problems(
    feature: FeatureDeclaration,
    argument: str,
    table: Table,
    column: str,
    values: Iterable[str],
    *,
    needed: bool = True,
) -> Iterator[Problem]:
    """Say which values match nothing in a column that is there; see `unmatched`."""
    if column not in table.columns:
        return
    named = f"column '{column}' in table '{table.name}'"
    labels = table.labels.get(column, {})
    message = unmatched(table.frame[column], labels, values, named, needed=needed)
    if message:
        yield Problem(place_of(feature, argument), message)


def where_problems(
    feature: FeatureDeclaration, where: Iterable[Condition], table: Table, argument: str = "where"
) -> Iterator[Problem]:
    """Check the conditions on rows."""
    for condition in where:
        yield from column_problems(feature, argument, table, [condition.column])
        needed = not condition.negate
        yield from value_problems(
            feature, argument, table, condition.column, condition.values, needed=needed
        )


def weight_problems(
    feature: FeatureDeclaration, table: Table, used: Sequence[str]
) -> Iterator[Problem]:
    """Refuse weights that are negative, or missing on a row with an answer."""
    weight = table.declaration.weight
    names = table.columns
    if weight is None:
        return
    if weight not in names or not pd.api.types.is_numeric_dtype(table.frame[weight]):
        yield from column_problems(feature, "table", table, [weight], numeric=True)
        return
    numbers = table.frame[weight]
    answered = table.frame[[name for name in used if name in names]].notna().any(axis=1)
    bad = (numbers < 0) | (numbers.isna() & answered)
    if bad.any():
        yield Problem(
            f"tables.{table.name}.weight",
            f"Weight '{weight}' is negative or missing on {int(bad.sum())} used rows: "
            f"{rows_text(table.frame.loc[bad, ROW])}. Give each a weight of 0 or more.",
        )


def range_problems(
    feature: FeatureDeclaration,
    table: Table,
    columns: Iterable[str],
    limits: tuple[float, float],
) -> Iterator[Problem]:
    """Say which rows hold a number outside `limits`."""
    low, high = limits
    for column in columns:
        if column not in table.columns:
            continue
        values = table.frame[column]
        if not pd.api.types.is_numeric_dtype(values):
            continue
        bad = (values < low) | (values > high)
        if bad.any():
            expected = f"{low:g} or more" if np.isinf(high) else f"{low:g} to {high:g}"
            yield Problem(
                place_of(feature),
                f"Column '{column}' of table '{table.name}' must be {expected}; found "
                f"{quoted(as_text(values[bad]))} in {rows_text(table.frame.loc[bad, ROW])}. "
                "Mend the values, or declare the codes missing with a reason.",
            )


def _near(name: str, names: Iterable[str]) -> str:
    lowered = {str(known).lower(): str(known) for known in names}
    near = difflib.get_close_matches(name.lower(), list(lowered), n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(repr(lowered[found]) for found in near)}?" if near else ""
