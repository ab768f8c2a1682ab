"""The ledger: every row, site and column that came in, and where it went."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from site_typology.profiles import LEDGER_COLUMNS

USED, SET_ASIDE = "used", "set aside"
LINKED, NO_ROWS = "linked", "no rows"
DROPPED = "dropped"
LEFT_OUT = "left out by where"
"""Beginning of the reason of rows that the study leaves out on purpose."""


def row_entries(
    table: str,
    aside: pd.Series,
    sites: pd.Series,
    rounds: pd.Series,
    counts: pd.Series | int = 1,
) -> pd.DataFrame:
    """Count the rows of a table by site, round, outcome and reason.

    Parameters
    ----------
    table : str
    aside : Series of str
        Why a row is set aside; ``""`` for used rows.
    sites, rounds : Series of str
        NaN where a row has none.
    counts : Series of int, default 1
        How many rows of the file each stands for.

    Returns
    -------
    DataFrame
        Ledger entries ``rows``; `n` adds up to the number of rows.

    Examples
    --------
    >>> aside = pd.Series(["", "cut row"])
    >>> sites = pd.Series(["A", None])
    >>> rounds = pd.Series(["1", "1"])
    >>> row_entries("survey", aside, sites, rounds)[["site", "outcome", "reason", "n"]].values
    array([['', 'set aside', 'cut row', 1],
           ['A', 'used', '', 1]], dtype=object)
    """
    rows = pd.DataFrame(
        {
            "table": table,
            "entry": "rows",
            "site": sites.fillna(""),
            "round": rounds.fillna(""),
            "outcome": aside.eq("").map({True: USED, False: SET_ASIDE}),
            "reason": aside,
            "n": counts,
        }
    )
    return rows.groupby(LEDGER_COLUMNS[:-1], sort=True)["n"].sum().reset_index()


def site_entries(
    table: str, known: Sequence[str], sites: pd.Series, counts: pd.Series
) -> pd.DataFrame:
    """Say for every site of the study whether the table has used rows of it.

    Parameters
    ----------
    known : sequence of str
        Sites of the study.
    sites : Series of str
        Site of each used row.
    counts : Series of int
        How many rows of the file each stands for.

    Returns
    -------
    DataFrame
        Ledger entries ``site``; `n` is the number of used rows.
    """
    used = counts.groupby(sites).sum().reindex(list(known), fill_value=0)
    return pd.DataFrame(
        {
            "table": table,
            "entry": "site",
            "site": list(known),
            "round": "",
            "outcome": [LINKED if n else NO_ROWS for n in used],
            "reason": "",
            "n": used.to_numpy(dtype=int),
        },
        columns=LEDGER_COLUMNS,
    )


def column_entries(table: str, personal: Sequence[str], rows: int) -> pd.DataFrame:
    """List the personal columns that were dropped; `n` is the number of rows."""
    return pd.DataFrame(
        [
            (table, "column", "", "", DROPPED, f"personal column {column}", rows)
            for column in personal
        ],
        columns=LEDGER_COLUMNS,
    )


def note_entries(table: str, notes: Sequence[str]) -> pd.DataFrame:
    """List what was mended while reading, one entry ``file`` a sentence."""
    return pd.DataFrame(
        [(table, "file", "", "", "mended", note, 1) for note in notes], columns=LEDGER_COLUMNS
    )


def ledger_of(entries: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put entries together.

    Returns
    -------
    DataFrame
        Columns `LEDGER_COLUMNS`; `n` is an integer.
    """
    parts = [part for part in entries if len(part)]
    if not parts:
        return pd.DataFrame(columns=LEDGER_COLUMNS)
    ledger = pd.concat(parts, ignore_index=True)[LEDGER_COLUMNS]
    texts = dict.fromkeys(LEDGER_COLUMNS[:-1], "str")
    return ledger.astype({**texts, "n": int})


def rows_left_out(ledger: pd.DataFrame) -> pd.Series:
    """Rows that a study leaves out on purpose where it uses none of a table.

    Parameters
    ----------
    ledger : DataFrame

    Returns
    -------
    Series of int
        Indexed by table, site and round, only where `where` leaves rows out and none is used.

    Examples
    --------
    >>> aside = pd.Series(["", "left out by where: kind", "left out by where: kind"])
    >>> rows = row_entries("survey", aside, pd.Series(["A", "A", "B"]), pd.Series(["1"] * 3))
    >>> rows_left_out(rows).to_dict()
    {('survey', 'B', '1'): 1}
    """
    keys = ["table", "site", "round"]
    rows = ledger[(ledger["entry"] == "rows") & (ledger["site"] != "")]
    used = rows[rows["outcome"] == USED].set_index(keys).index
    aside = rows[rows["reason"].str.startswith(LEFT_OUT)].groupby(keys, sort=False)["n"].sum()
    return aside[~aside.index.isin(used)].astype(int)
