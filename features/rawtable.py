"""What a reader hands over: a table as its file has it, before the study's own rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from site_typology.errors import SiteTypologyError
from site_typology.personal_patterns import masked

CUT_ROW = "cut row"
BLANK_ROW = "blank row"
PREVIEW_ROW = "survey preview"
LONG = 45
"""Letters of a cell that holds no code and no label but free text."""


@dataclass(frozen=True)
class RawTable:
    """A table as its file has it.

    Parameters
    ----------
    frame : DataFrame, shape (n_rows, n_columns)
        All rows, also those set aside; names stripped; numbers, or text with ``""`` for blanks.
    aside : Series of str, shape (n_rows,)
        Why the reader sets a row aside; ``""`` for rows to use.
    missing : mapping of str to mapping
        Codes that the file itself declares missing: column, code as text, reason.
    labels, titles : mapping
        Value labels (column, code as text) and question texts (column).
    decimal_comma : bool
        Whether text such as ``"3,5"`` is a number.
    notes : tuple of str
        What the reader mended, in sentences, such as names of columns that it stripped.
    software : mapping of str to str
        What survey software itself keeps in a column, such as ``responseid``; questions are not
        there.
    """

    frame: pd.DataFrame
    aside: pd.Series
    missing: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    decimal_comma: bool = False
    notes: tuple[str, ...] = ()
    software: Mapping[str, str] = field(default_factory=dict)


class UnreadableTableError(SiteTypologyError):
    """A file that cannot be read as its format.

    Parameters
    ----------
    *messages : str
        Every problem found, each with what to do.
    """

    def __init__(self, *messages: str) -> None:
        self.messages = messages
        super().__init__(" ".join(messages))


def untouched(frame: pd.DataFrame) -> pd.Series:
    """Say that no row of `frame` is set aside."""
    return pd.Series("", index=frame.index, dtype="str")


def cell_text(text: str, *, free: bool = False) -> str:
    """Write a cell for a message: what looks personal hidden, free text cut after two words.

    Examples
    --------
    >>> cell_text("me@trust.example"), cell_text("Ring me: " + "extremely " * 4 + "late")
    ('(e-mail address)', 'Ring me: ...')
    """
    words = text.split()
    cut = len(words) > 2 and (free or len(text) > LONG)
    return masked(" ".join([*words[:2], "..."]) if cut else text)


def listed(items: list[str], most: int = 10, what: str = "more") -> str:
    """Write a list of which at most `most` are shown.

    Examples
    --------
    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    if len(items) <= most:
        return ", ".join(items)
    return f"{', '.join(items[:most])} and {len(items) - most} {what}"
