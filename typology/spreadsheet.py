"""Spreadsheets that harm nobody and can be read: no text runs as a formula, nothing is cut off."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

import pandas as pd

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

Value = TypeVar("Value")
WIDEST = 60
"""Letters on a line of the widest column; what is longer is wrapped."""
PRINTED = 320
"""Letters across a sheet that can still be read where it is printed on one page's width."""
LINE_POINTS, HIGHEST_POINTS = 15, 409
"""Height of a line, and of the highest row that Excel has."""
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def neutralise(frame: pd.DataFrame) -> pd.DataFrame:
    r"""Put an apostrophe before text that a spreadsheet would run as a formula.

    Parameters
    ----------
    frame : DataFrame
        Any table; numbers are left as they are.

    Returns
    -------
    DataFrame
        A copy with the same index; column names are treated alike.

    Notes
    -----
    Follows the OWASP advice on CSV injection: the first character decides.

    Examples
    --------
    >>> neutralise(pd.DataFrame({"site": ["=1+1", "North"], "n": [-1, 2]})).to_csv(index=False)
    "site,n\n'=1+1,-1\nNorth,2\n"
    """
    safe = frame.rename(columns=lambda name: harmless(str(name)))
    for position, dtype in enumerate(safe.dtypes):
        if pd.api.types.is_string_dtype(dtype) or pd.api.types.is_object_dtype(dtype):
            safe.isetitem(position, safe.iloc[:, position].map(harmless))
    return safe


def restore(value: str) -> str:
    """Take the apostrophe of `neutralise` away again.

    Examples
    --------
    >>> restore("'=1+1"), restore("O'Neill")
    ('=1+1', "O'Neill")
    """
    return value[1:] if value[:1] == "'" and value[1:].startswith(FORMULA_STARTS) else value


def harmless(value: Value) -> Value | str:
    """Put an apostrophe before a text that a spreadsheet would run; leave anything else.

    Examples
    --------
    >>> harmless("=1+1"), harmless("1+1"), harmless(-1)
    ("'=1+1", '1+1', -1)
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def lay_out(
    sheet: Worksheet, headings: int, longest: Sequence[int], *, least: int, most: int = WIDEST
) -> None:
    """Make columns as wide as what they hold, wrap headings, and let every column be printed.

    Parameters
    ----------
    sheet : Worksheet
    headings : int
        Row of the headings; they stand on every printed page. They count by their longest word.
    longest : sequence of int
        Letters of the longest cell below the heading, by column.
    least, most : int
        Widths of the narrowest and the widest column, in letters.
    """
    from openpyxl.styles import Alignment

    across = 0
    for at, letters in enumerate(longest, start=1):
        heading = sheet.cell(headings, at)
        heading.alignment = Alignment(wrap_text=True, vertical="top")
        words = map(len, str(heading.value or "").split())
        width = min(max(letters + 2, max(words, default=0) + 2, least), most)
        sheet.column_dimensions[heading.column_letter].width = width
        across += width
    grow(sheet, headings)
    page = sheet.page_setup
    page.orientation, page.paperSize, page.fitToHeight = "landscape", sheet.PAPERSIZE_A4, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = across <= PRINTED
    sheet.print_title_rows = f"{headings}:{headings}"


def grow(sheet: Worksheet, row: int) -> None:
    """Make a row as high as its wrapped cells need; LibreOffice does not find it by itself."""
    lines = 1
    for cell in sheet[row]:
        width = sheet.column_dimensions[cell.column_letter].width
        if isinstance(cell.value, str) and cell.alignment.wrap_text and len(cell.value) > width - 2:
            # Bold letters, and capitals, are wider than the digits that widths are told in.
            lines = max(lines, len(textwrap.wrap(cell.value, max(int(0.9 * width), 1))))
    if lines > 1:
        sheet.row_dimensions[row].height = min(LINE_POINTS * lines, HIGHEST_POINTS)
