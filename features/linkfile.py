"""The register's file of links between schools: who came after whom."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from site_typology.declaration import TableDeclaration
from site_typology.features.dateformats import parse_dates
from site_typology.features.gias import GiasReader
from site_typology.features.rawtable import UnreadableTableError, listed
from site_typology.features.tables import as_text

SUCCESSOR_TYPES: frozenset[str] = frozenset(
    {
        "successor",
        "successor - amalgamated",
        "successor - merged",
        "successor - split school",
    }
)
"""Types of link, in lower case, from a setting to the one that came after it.

Others say who came before ("Predecessor - merged", "Result of Amalgamation"), what changed at one
school ("Expansion", "Merged - change in age range") or name a neighbour ("Sixth Form Centre Link").
Their vocabulary is that of the department's own services, such as `LINK_TYPES` of ``SchoolLink`` in
DFE-Digital's early careers framework, where these four are the successors."""

LINK_COLUMNS = ("URN", "LinkURN", "LinkType", "LinkEstablishedDate")


def read_successors(path: Path, until: str | None = None) -> dict[str, tuple[str, ...]]:
    """Read a file of links and keep those from a setting to its successor.

    Parameters
    ----------
    path : Path
        A ``links_edubasealldata`` file: columns `LINK_COLUMNS`, dates as dd-mm-yyyy.
    until : str, optional
        Date (``YYYY-MM-DD``); links established later are left out, those without a date kept.

    Returns
    -------
    dict of str to tuple of str
        Successors of each number, in order.

    Raises
    ------
    UnreadableTableError
        The file cannot be read, lacks a column, holds no link to a successor, or has cells that
        are no dates.
    """
    if not path.is_file():
        raise UnreadableTableError(f"{path.name} is not found. Correct successors.")
    raw = GiasReader().read(path, TableDeclaration(path=path.name, site="URN", format="gias"))
    frame = raw.frame[raw.aside == ""]
    lacking = [name for name in LINK_COLUMNS if name not in frame]
    if until is None:
        lacking = [name for name in lacking if name != "LinkEstablishedDate"]
    if lacking:
        raise UnreadableTableError(
            f"Columns {listed(lacking)} are not in {path.name}; found: "
            f"{listed([str(name) for name in frame.columns])}. Give the register's file of links "
            "(links_edubasealldata)."
        )
    kind = frame["LinkType"].str.strip().str.casefold()
    links = frame[kind.isin(SUCCESSOR_TYPES)]
    if links.empty:
        raise UnreadableTableError(
            f"No link in {path.name} is to a successor; types found: "
            f"{listed(sorted(set(frame['LinkType'])))}. Give the register's file of links."
        )
    if until is not None:
        links = links[_by(links["LinkEstablishedDate"], until, path.name)]
    old, new = as_text(links["URN"]), as_text(links["LinkURN"])
    pairs = pd.DataFrame({"old": old, "new": new}).replace("", np.nan).dropna().drop_duplicates()
    ordered = pairs.sort_values(["old", "new"]).groupby("old")["new"]
    return {str(number): tuple(after) for number, after in ordered}


def _by(written: pd.Series, until: str, name: str) -> pd.Series:
    """Whether each date is no later than `until`; a blank one is."""
    given = written.str.strip()
    dates = parse_dates(given.where(given != ""))
    bad = (given != "") & dates.isna()
    if bad.any():
        shown = listed([repr(text) for text in dict.fromkeys(given[bad])])
        raise UnreadableTableError(
            f"LinkEstablishedDate of {name} must hold dates such as 30-09-2021; found {shown}. "
            "Mend them, or leave out until."
        )
    return dates.isna() | (dates <= pd.Timestamp(until))
