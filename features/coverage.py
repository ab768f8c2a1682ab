"""What came in and what is missing, as tables: rows, sites, cells, marks, response."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from site_typology.features.engines import one_row
from site_typology.features.ledger import LINKED, SET_ASIDE, USED
from site_typology.features.loading import key_columns
from site_typology.features.tables import StudyTables, Table
from site_typology.profiles import SiteProfiles

_NUMBERS_EXPECTED = 0.8


def rows_by_table(tables: StudyTables) -> pd.DataFrame:
    """Count rows and sites of each table.

    Parameters
    ----------
    tables : StudyTables

    Returns
    -------
    DataFrame
        ``table, file, role, rows, used, set_aside, sites, sites_without_rows``.
    """
    ledger = tables.ledger
    records = []
    for name, table in tables.tables.items():
        own = ledger[ledger["table"] == name]
        rows, sites = own[own["entry"] == "rows"], own[own["entry"] == "site"]
        used = int(rows.loc[rows["outcome"] == USED, "n"].sum())
        linked = int((sites["outcome"] == LINKED).sum())
        records.append(
            {
                "table": name,
                "file": table.declaration.path.replace("\\", "/").rpartition("/")[2],
                "role": table.declaration.role,
                "rows": int(rows["n"].sum()),
                "used": used,
                "set_aside": int(rows["n"].sum()) - used,
                "sites": linked,
                "sites_without_rows": len(sites) - linked,
            }
        )
    return pd.DataFrame(records)


def rows_set_aside(tables: StudyTables) -> pd.DataFrame:
    """Count the rows set aside by table and reason.

    Returns
    -------
    DataFrame
        ``table, reason, n, sites``; `sites` lists the sites that the rows name, if any.
    """
    ledger = tables.ledger
    rows = ledger[(ledger["entry"] == "rows") & (ledger["outcome"] == SET_ASIDE)]
    grouped = rows.groupby(["table", "reason"], sort=False)
    records = [
        (table, reason, int(group["n"].sum()), [site for site in group["site"].unique() if site])
        for (table, reason), group in grouped
    ]
    return pd.DataFrame(records, columns=["table", "reason", "n", "sites"])


def missing_by_column(tables: StudyTables) -> pd.DataFrame:
    """Count missing cells by table, column and reason, among the rows in use.

    Returns
    -------
    DataFrame
        ``table, column, reason, n, share, in_study``; `share` of the table's used rows,
        `in_study` whether a scale or feature of the study names the column.
    """
    columns = ["table", "column", "reason", "n", "share", "in_study"]
    records = []
    for name, table in tables.tables.items():
        named = named_columns(tables, table)
        for column, counts in table.missing_counts().items():
            for reason, n in counts.items():
                records.append((name, column, reason, n, n / table.n_rows, column in named))
    return pd.DataFrame(records, columns=columns)


def named_columns(tables: StudyTables, table: Table, *, conditions: bool = True) -> set[str]:
    """Columns of a table that a scale or feature names, with those of its conditions or without."""
    study = tables.declaration
    words: set[str] = set()
    for scale in study.scales:
        if scale.table == table.name:
            words.update(scale.items)
    for feature in study.features:
        args = {key: value for key, value in feature.args.items() if conditions or key != "where"}
        if table.name in set(_texts(args)):
            words.update(_texts(args))
    return words.intersection(table.columns)


def _texts(given: Any) -> Iterator[str]:
    """Every text inside the arguments of a feature."""
    if isinstance(given, str):
        yield given
    elif isinstance(given, dict):
        for key, value in given.items():
            yield str(key)
            yield from _texts(value)
    elif isinstance(given, Iterable):
        for value in given:
            yield from _texts(value)


def empty_returns(tables: StudyTables) -> pd.DataFrame:
    """Count the returns of each survey that answer nothing that a scale or feature takes.

    Returns
    -------
    DataFrame
        ``table, returns, empty``, one row a survey with such a return.
    """
    records = []
    for name, table in tables.tables.items():
        keys = key_columns(name, tables.declaration)
        asked = sorted(named_columns(tables, table, conditions=False) - keys)
        if table.declaration.role != "survey" or not asked:
            continue
        blank = nw.all_horizontal(*(nw.col(c).is_null() for c in asked), ignore_nulls=False)
        empty = one_row(table.rows.filter(blank).select(nw.len().alias("n")))["n"]
        if empty:
            records.append((name, table.n_rows, int(empty)))
    return pd.DataFrame(records, columns=["table", "returns", "empty"])


def stray_marks(tables: StudyTables) -> pd.DataFrame:
    """Find columns that would be numbers but for a few marks that no rule declares missing.

    Returns
    -------
    DataFrame
        ``table, column, mark, n``.
    """
    records = []
    for name, table in tables.tables.items():
        for column in table.columns:
            if column in table.numbers:
                continue
            counts = table.value_counts(column)
            if counts.empty:
                continue
            numbers = pd.to_numeric(pd.Series(counts.index), errors="coerce").notna().to_numpy()
            if counts[numbers].sum() >= _NUMBERS_EXPECTED * counts.sum() and not numbers.all():
                records += [
                    (name, column, str(mark), int(n)) for mark, n in counts[~numbers].items()
                ]
    return pd.DataFrame(records, columns=["table", "column", "mark", "n"])


def response_by_site(tables: StudyTables) -> pd.DataFrame:
    """Add the response rate to the response of each site.

    Returns
    -------
    DataFrame
        ``table, round, site, eligible, responded, rate``; `rate` is NaN where nobody was asked or
        the number is not known.
    """
    response = tables.response.copy()
    asked = response["eligible"].astype(float)
    response["rate"] = response["responded"] / asked.mask(asked == 0)
    return response[["table", "round", "site", "eligible", "responded", "rate"]]


def features_by_round(profiles: SiteProfiles, typology_round: str) -> pd.DataFrame:
    """Summarise each feature of the profiles by round.

    Parameters
    ----------
    profiles : SiteProfiles
    typology_round : str
        Round that the measurement of features is about.

    Returns
    -------
    DataFrame
        ``feature, use, round, sites, with_value, n, icc1, reasons``; `n` is the median number
        behind a value, `icc1` stands in the typology's round alone, `reasons` counts the gaps by
        reason.
    """
    records = []
    for round_ in profiles.rounds:
        part = profiles.select(round=round_)
        for info in part.features:
            counts = part.counts[info.name].to_numpy(dtype=float)
            gaps = part.reasons[info.name].value_counts()
            records.append(
                {
                    "feature": info.name,
                    "use": info.use,
                    "round": round_,
                    "sites": len(part),
                    "with_value": int(part.values[info.name].notna().sum()),
                    "n": float(np.nanmedian(counts)) if np.isfinite(counts).any() else np.nan,
                    "icc1": info.measurement.get("icc1", np.nan)
                    if round_ == typology_round
                    else np.nan,
                    "reasons": {str(reason): int(n) for reason, n in gaps.items() if reason},
                }
            )
    return pd.DataFrame(records)
