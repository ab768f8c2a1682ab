"""Response: how many were asked, and how many answered, at each site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from site_typology.declaration import ONE_ROUND
from site_typology.features.tables import ROUND, SITE, Table

RESPONSE_COLUMNS = ["table", "site", "round", "eligible", "responded"]


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
        `eligible` is NaN where it is not declared, or not known on one of the site's rows.
    """
    parts = []
    for name, table in tables.items():
        if table.declaration.role != "survey" and table.declaration.eligible is None:
            continue
        own = _rounds_of(table, rounds)
        index = pd.MultiIndex.from_product([list(sites), own], names=["site", "round"])
        responded = table.rows_by_site
        part = pd.DataFrame(index=index)
        part["eligible"] = _eligible(table, tables, index)
        part["responded"] = responded.reindex(index, fill_value=0).astype(int)
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
    """Number asked per site and round; a table for every round counts in each.

    NaN where one of a site's rows lacks it, since the sum of the others is too small.
    """
    declared = table.declaration.eligible
    other = tables.get(declared.table) if declared is not None else None
    if declared is None or other is None or not _holds_numbers(other, declared.column):
        return pd.Series(np.nan, index=index)
    frame = other.collect([SITE, ROUND, declared.column])
    if (frame[ROUND] == ONE_ROUND).all():
        total = frame.groupby(SITE)[declared.column].sum(skipna=False)
        return pd.Series(
            total.reindex(index.get_level_values("site")).to_numpy(dtype=float), index=index
        )
    total = frame.groupby([SITE, ROUND])[declared.column].sum(skipna=False)
    return total.reindex(index).astype(float)


def _holds_numbers(table: Table, column: str) -> bool:
    return column in table.numbers
