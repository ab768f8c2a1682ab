"""Response: how many were asked, and how many answered, at each site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import narwhals as nw
import numpy as np
import pandas as pd

from site_typology.declaration import ONE_ROUND
from site_typology.features.columns import UNEXPLAINED
from site_typology.features.engines import collected
from site_typology.features.tables import ROUND, SITE, Table

RESPONSE_COLUMNS = ["table", "site", "round", "eligible", "responded"]
NUMBER = "__number__"


def count_response(
    tables: Mapping[str, Table], sites: Sequence[str], rounds: Sequence[str]
) -> pd.DataFrame:
    """Count the answers of each site and round, for surveys and wherever `eligible` is declared.

    Parameters
    ----------
    tables : mapping of str to Table
    sites, rounds : sequence of str
        Of the study; no rounds for a single one.

    Returns
    -------
    DataFrame
        ``table, site, round, eligible, responded``, one row per site and round of the table.
        `eligible` is NaN where it is not declared, or not known on one of the site's rows. Where
        a column says how many answered, both are NaN where it is not known.
    """
    parts = []
    for name, table in tables.items():
        declared = table.declaration.eligible
        if table.declaration.role != "survey" and declared is None:
            continue
        own = _rounds_of(table, rounds)
        index = pd.MultiIndex.from_product([list(sites), own], names=["site", "round"])
        part = pd.DataFrame(index=index)
        if declared is None or declared.answered is None:
            part["eligible"] = _eligible(table, tables, index)
            part["responded"] = table.rows_by_site.reindex(index, fill_value=0).astype(int)
        else:
            answered = _counted(tables.get(declared.table), declared.answered, index, blank=0.0)
            part["eligible"] = _eligible(table, tables, index).where(answered.notna())
            part["responded"] = answered
        part.insert(0, "table", name)
        parts.append(part.reset_index()[RESPONSE_COLUMNS])
    if not parts:
        return pd.DataFrame(columns=RESPONSE_COLUMNS)
    return pd.concat(parts, ignore_index=True)


def _rounds_of(table: Table, rounds: Sequence[str]) -> list[str]:
    if table.declaration.at_round is not None:
        return [table.declaration.at_round]
    return list(rounds) if table.declaration.round is not None else [ONE_ROUND]


def _eligible(table: Table, tables: Mapping[str, Table], index: pd.MultiIndex) -> pd.Series:
    """Number asked per site and round; NaN where it is not declared or not known."""
    declared = table.declaration.eligible
    if declared is None:
        return pd.Series(np.nan, index=index)
    return _counted(tables.get(declared.table), declared.column, index)


def _counted(
    table: Table | None, column: str, index: pd.MultiIndex, blank: float | None = None
) -> pd.Series:
    """Sum of a column by site and round; a table for every round counts in each.

    NaN where one of a site's rows lacks its number, since the sum of the others is too small.
    With `blank`, that is the number of cells that are missing because nobody answered.
    """
    if table is None or column not in table.numbers:
        return pd.Series(np.nan, index=index)
    number = nw.col(column)
    if blank is not None and UNEXPLAINED in table.explained.get(column, ()):
        number = nw.when(table.missing_because(column, UNEXPLAINED)).then(blank).otherwise(number)
    frame = collected(table.rows.select(SITE, ROUND, number.alias(NUMBER)))
    if (frame[ROUND] == ONE_ROUND).all():
        total = frame.groupby(SITE)[NUMBER].sum(skipna=False)
        return pd.Series(
            total.reindex(index.get_level_values("site")).to_numpy(dtype=float), index=index
        )
    total = frame.groupby([SITE, ROUND])[NUMBER].sum(skipna=False)
    return total.reindex(index).astype(float)
