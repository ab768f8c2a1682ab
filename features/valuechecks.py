"""Ranges and weights that a study declares, checked against the rows in use."""

from __future__ import annotations

import narwhals as nw

from site_typology.errors import Problems
from site_typology.features.columns import range_problem
from site_typology.features.engines import collected
from site_typology.features.tables import ROW, Table


def check_values(table: Table, found: Problems) -> None:
    """Check the declared ranges and weights of a table, wherever its rows are.

    Parameters
    ----------
    table : Table
    found : Problems
        Takes every column with values outside its range, and the first rows that hold them.
    """
    declared = table.declaration
    limits = {
        f"columns.{name}": (name, rules.range)
        for name, rules in declared.columns.items()
        if rules.range is not None
    }
    if declared.weight is not None:
        limits["weight"] = (declared.weight, (0.0, float("inf")))
    limits = {key: (name, each) for key, (name, each) in limits.items() if name in table.columns}
    table.look_ahead([name for name, _ in limits.values()])
    for key, (name, each) in limits.items():
        problem = _range_problem(table, name, each)
        if problem:
            found.add(
                f"tables.{table.name}.{key}",
                f"{problem[0].upper()}{problem[1:]}. Correct them, or declare them missing.",
            )


def _range_problem(table: Table, name: str, limits: tuple[float, float]) -> str:
    rows = table.rows.select(name, ROW)
    low, high = limits
    if name in table.numbers:
        lowest, highest, _ = table.extent(name)
        if not (lowest < low or highest > high):
            return ""
        rows = rows.filter((nw.col(name) < low) | (nw.col(name) > high))
    else:
        rows = rows.filter(~nw.col(name).is_null())
    bad = collected(rows).sort_values(ROW, ignore_index=True)
    return range_problem(bad[name], bad[ROW], limits)
