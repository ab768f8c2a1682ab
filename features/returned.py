"""Rows that are no return of their own: sent twice, without an answer; partial and equal ones."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from site_typology.declaration import StudyDeclaration
from site_typology.features.finding import counted
from site_typology.features.loading import LoadedTable, key_columns
from site_typology.features.qualtrics import FINISHED, PROGRESS, RESPONSE_ID
from site_typology.features.rawtable import listed

SENT_TWICE = "same response again"
NO_ANSWER = "no question answered"
"""Reasons of rows that survey software exports and that are no return."""
FILE_COLUMNS = ("file", "sheet")


def own_returns(table: LoadedTable, study: StudyDeclaration) -> LoadedTable:
    """Set aside what is no return, and say which rows are partial or repeated exactly.

    Of survey software the columns that are no questions are known (`LoadedTable.software`). A row
    with the number and all cells of an earlier one is that response again; that a number has other
    cells as well is left to `unique`, which is the number by default. A row in which no question is
    answered is no return: nobody has answered (AAPOR Standard Definitions, non-response); a
    partial one is kept.

    Parameters
    ----------
    table : LoadedTable
    study : StudyDeclaration
    """
    if table.waiting is not None:
        return table
    if table.software:
        table = _without_repeats(table)
        table = table.set_aside(_unanswered(table, key_columns(table.name, study)), NO_ANSWER)
        table = _noted(table, _partial(table))
    return _noted(table, _repeated(table))


def _without_repeats(table: LoadedTable) -> LoadedTable:
    """Set aside responses exported twice; their number names a row, unless the study says what."""
    name = next((name for name, own in table.software.items() if own == RESPONSE_ID), None)
    if name is None:
        return table
    numbers = table.text(name)[table.kept].dropna()
    again = pd.Series(data=False, index=table.aside.index)
    again[numbers.index] = _cells(table).loc[numbers.index].duplicated()
    declared = table.declaration
    declared = declared.model_copy(update={"unique": declared.unique or (name,)})
    return dataclasses.replace(table.set_aside(again, SENT_TWICE), declaration=declared)


def _unanswered(table: LoadedTable, keys: set[str]) -> pd.Series:
    """Rows in which every question is blank, or missing by a declared code."""
    apart = {*keys, *table.personal, *table.software}
    apart |= {name for name in (table.declaration.weight,) if name}
    blank = np.ones(len(table.aside), dtype=bool)
    questions = [column for name, column in table.columns.items() if name not in apart]
    for column in questions:
        blank &= np.array([bool(reason) for reason in column.reasons])[column.positions]
    return pd.Series(blank & bool(questions), index=table.aside.index)


def _partial(table: LoadedTable) -> str:
    """Say how many returns in use were broken off; ``""`` if none was, or it is not known."""
    kinds = {own: name for name, own in table.software.items()}
    if FINISHED in kinds:
        told = table.text(kinds[FINISHED])[table.kept].str.casefold()
        partial, said = told.isin(["false", "0"]), f"{kinds[FINISHED]} is False"
    elif PROGRESS in kinds:
        told = pd.to_numeric(table.text(kinds[PROGRESS])[table.kept], errors="coerce")
        partial, said = told < 100, f"{kinds[PROGRESS]} is below 100"
    else:
        return ""
    number = int(partial.sum())
    if not number:
        return ""
    return (
        f"{number} of {counted(len(told), 'return')} {'is' if number == 1 else 'are'} partial "
        f"({said}); kept, and counted as returns."
    )


def _repeated(table: LoadedTable) -> str:
    """Say which rows in use repeat an earlier one in every cell; ``""`` if none does."""
    rows = _cells(table)[table.kept]
    # Few rows share a hash, so that only they are compared cell by cell.
    alike = pd.util.hash_pandas_object(rows, index=False).duplicated(keep=False)
    again = rows[alike.to_numpy()].duplicated()
    repeats = [str(row) for row in again.index[again]]
    if not repeats:
        return ""
    one = len(repeats) == 1
    return (
        f"{'Row' if one else 'Rows'} {listed(repeats)} {'repeats' if one else 'repeat'} an earlier "
        "row in every cell. If entered twice, remove the repeats: each row counts."
    )


def _cells(table: LoadedTable) -> pd.DataFrame:
    """Cells as whole numbers, equal where the file has the same, without a row's file."""
    return pd.DataFrame(
        {
            at: column.positions
            for at, (name, column) in enumerate(table.columns.items())
            if name not in FILE_COLUMNS or not table.software
        },
        index=table.aside.index,
    )


def _noted(table: LoadedTable, note: str) -> LoadedTable:
    return dataclasses.replace(table, notes=(*table.notes, note)) if note else table
