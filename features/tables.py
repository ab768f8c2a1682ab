"""Tables of a study after reading: rows that belong to sites, and why cells are missing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from site_typology.declaration import StudyDeclaration, TableDeclaration

SITE, ROUND, ROW = "__site__", "__round__", "__row__"
"""Reserved columns: the linked site, the round, and the 1-based data row in the file."""
RESERVED = (SITE, ROUND, ROW)

_WHOLE_NUMBER = re.compile(r"([+-]?\d+)\.0+")


@dataclass(frozen=True)
class Table:
    """One table of a study, linked to sites.

    Parameters
    ----------
    name : str
        Name in the study file.
    declaration : TableDeclaration
    frame : DataFrame, shape (n_rows, n_columns + 3)
        One row per kept row; declared missing codes are NaN; numbers are floats, all else text.
        Codes padded with zeros stay text. Reserved columns `SITE`, `ROUND` and `ROW` come last.
    reasons : DataFrame of str, shape (n_rows, n_columns with a missing cell)
        Why a cell is missing; ``""`` where it is not.
    labels : mapping of str to mapping
        Value labels: column, then code as text.
    titles : mapping of str to str
        Variable labels or question texts by column, where the file has them.
    """

    name: str
    declaration: TableDeclaration
    frame: pd.DataFrame
    reasons: pd.DataFrame
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """The columns of the file, without the reserved ones."""
        return [column for column in self.frame.columns if column not in RESERVED]


@dataclass(frozen=True)
class StudyTables:
    """All tables of a study.

    Parameters
    ----------
    declaration : StudyDeclaration
    sites : tuple of str
        Sites in the order of the sites table.
    tables : mapping of str to Table
        Tables that failed are left out.
    ledger : DataFrame
        ``table, entry, site, round, outcome, reason, n``. The ``n`` of a table's ``rows``
        entries add up to the rows of its file.
    response : DataFrame
        ``table, site, round, eligible, responded``; `eligible` is NaN where it is not declared.
    """

    declaration: StudyDeclaration
    sites: tuple[str, ...]
    tables: Mapping[str, Table]
    ledger: pd.DataFrame
    response: pd.DataFrame


def code_text(value: object) -> str:
    """Write one code as text, so that 3001, 3001.0 and ``" 3001 "`` are the same code.

    Examples
    --------
    >>> code_text(3001.0), code_text(" 007 "), code_text("97.0"), code_text(2.5)
    ('3001', '007', '97', '2.5')
    """
    if isinstance(value, float):
        # NumPy's float is a float, but writes itself otherwise.
        return str(int(value)) if value.is_integer() else repr(float(value))
    text = str(value).strip()
    if not text.endswith("0"):
        return text
    whole = _WHOLE_NUMBER.fullmatch(text)
    return whole.group(1) if whole else text


def as_text(column: pd.Series) -> pd.Series:
    """Write the codes of a column as text; missing cells stay missing.

    Parameters
    ----------
    column : Series
        Numbers or text.

    Returns
    -------
    Series of str
        See `code_text`.

    Examples
    --------
    >>> as_text(pd.Series([3001.0, None, 2.5])).tolist()
    ['3001', nan, '2.5']
    """
    positions, found = pd.factorize(column)
    texts = np.array([code_text(value) for value in found] + [np.nan], dtype=object)
    return pd.Series(texts[positions], index=column.index, name=column.name, dtype="str")
