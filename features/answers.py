"""What a feature takes from the informants of a table, stated before any row is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import narwhals as nw
import pandas as pd

from site_typology.declaration import Condition
from site_typology.features.engines import Rows, collected
from site_typology.features.selection import MET, lazy_rows, met
from site_typology.features.tables import ROUND, ROW, SITE, Table


@dataclass(frozen=True, eq=False)
class Answers:
    """One value from each chosen row of a table, not yet computed.

    Parameters
    ----------
    name : str
        Of the feature.
    key : str
        All that the value depends on, so that the table can remember what was made of it.
    table : Table
    value : narwhals.Expr
        The number of a row, null where it says nothing.
    columns : tuple of str
        Columns of the table whose missing cells explain a missing value.
    where : tuple of Condition
        The conditions that the rows meet.
    """

    name: str
    key: str
    table: Table
    value: nw.Expr
    columns: tuple[str, ...]
    where: tuple[Condition, ...] = ()

    def rows(self) -> Rows:
        """Columns `SITE`, `ROUND`, `ROW`, `WEIGHT` and the value by its name, not yet computed."""
        return lazy_rows(self.table, self.where, {self.name: self.value.cast(nw.Float64)})

    def of_site(self, site: str) -> pd.DataFrame:
        """The rows of one site, in memory and in the order of the file."""
        rows = collected(self.rows().filter(nw.col(SITE) == site))
        return rows.sort_values(ROW, ignore_index=True)


def joint_rows(answers: Iterable[Answers], most_cells: int) -> pd.DataFrame:
    """Values of several features of one table side by side, in memory.

    Parameters
    ----------
    answers : iterable of Answers
        Of one table.
    most_cells : int
        Where the table has more, every second, third, ... site is taken, with all its rows.

    Returns
    -------
    DataFrame
        Columns `SITE`, `ROUND` and one a feature, missing where the row is not chosen for it.
        Rows that are chosen for none are left out.
    """
    asked = list(answers)
    table = asked[0].table
    tests = [met(table, each.where) for each in asked]
    values = [each.value.cast(nw.Float64) for each in asked]
    chosen = [
        (value if test is None else nw.when(test).then(value)).alias(each.name)
        for each, value, test in zip(asked, values, tests, strict=True)
    ]
    used = [test for test in tests if test is not None]
    rows = table.rows
    by_site = table.rows_by_site.groupby(level=0).sum()
    step = -(-int(by_site.sum()) * len(asked) // most_cells)
    if step > 1:
        rows = rows.filter(nw.col(SITE).is_in(by_site.index[::step].tolist()))
    if len(used) < len(asked):
        return collected(rows.select(SITE, ROUND, *chosen))
    either = nw.any_horizontal(*used, ignore_nulls=True).alias(MET)
    return collected(rows.select(SITE, ROUND, *chosen, either).filter(nw.col(MET)).drop(MET))
