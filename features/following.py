"""Tables whose rows find their site through settings that may have become others since."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from site_typology.errors import Problems
from site_typology.features.linkfile import read_successors
from site_typology.features.loading import LoadedTable
from site_typology.features.rawtable import UnreadableTableError
from site_typology.features.successors import (
    STATUS,
    Followed,
    account_entries,
    follow,
    status_of,
)
from site_typology.study_file import resolve_path


def with_successors(table: LoadedTable, folder: Path, found: Problems) -> LoadedTable:
    """Read the file of links that a table's link names, if it names one.

    Parameters
    ----------
    table : LoadedTable
    folder : Path
        Folder of the study file.
    found : Problems
        Takes what is wrong with the file.
    """
    link = table.declaration.link
    if link is None or link.successors is None:
        if link is not None and link.until is not None:
            found.add(f"{table.place}.link", "until goes with successors. Give both, or neither.")
        return table
    place = f"{table.place}.link.successors"
    if table.waiting is not None:
        found.add(
            place,
            "Settings are followed in tables that are read into memory. Set format = 'gias', or "
            "remove engine.",
        )
    if is_register(table) and STATUS not in table.columns:
        found.add(
            place,
            f"{table.declaration.origin} has no column {STATUS!r}, which says what has closed, so "
            "that no setting can be followed. Take an extract with it, give it that name with "
            "rename, or remove successors.",
        )
    until = None if link.until is None else link.until.isoformat()
    try:
        successors = read_successors(resolve_path(link.successors, folder), until)
    except UnreadableTableError as error:
        found.add(place, str(error))
        return table
    return dataclasses.replace(table, successors=successors)


def is_register(table: LoadedTable) -> bool:
    """Whether a table lists settings itself, unlike a survey of them."""
    return table.declaration.role == "settings" or table.declaration.format == "gias"


def followed(
    table: LoadedTable, settings: pd.DataFrame, successors: Mapping[str, tuple[str, ...]]
) -> Followed:
    """Find what stands in a table for each setting of a list; see `follow`.

    Parameters
    ----------
    table : LoadedTable
        The register, with `STATUS`, or another table of settings.
    settings : DataFrame
        Columns ``key`` and ``site``.
    successors : mapping of str to tuple of str
    """
    link = table.declaration.link
    status = None
    if link is not None and STATUS in table.columns:
        status = status_of(table.text(link.on), table.text(STATUS))
    return follow(settings, status, successors)


def sites_of_successors(
    table: LoadedTable, settings: pd.DataFrame, found: Problems
) -> pd.DataFrame:
    """Add the numbers that came after listed ones; `settings` as it is without a file of links.

    Parameters
    ----------
    settings : DataFrame
        Columns ``key`` and ``site``, each key once.
    found : Problems
        Takes what is wrong with the links.
    """
    if table.successors is None:
        return settings
    result = followed(table, settings, table.successors)
    for problem in result.problems:
        found.add(f"{table.place}.link.successors", problem)
    return result.sites


def account_of_successors(
    table: LoadedTable, settings: pd.DataFrame
) -> tuple[list[pd.DataFrame], Mapping[str, str]]:
    """Ledger entries of what became of the listed settings, and which number each has today.

    Both are empty without a file of links.

    Parameters
    ----------
    settings : DataFrame
        Columns ``key`` and ``site``, each key once.
    """
    link = table.declaration.link
    if table.successors is None or link is None:
        return [], {}
    found = followed(table, settings, table.successors)
    return [account_entries(table.name, link.table, found.account)], found.current
