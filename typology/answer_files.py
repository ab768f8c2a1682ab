"""Answers as files: CSV, Excel and Parquet, one row a site and round."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from site_typology.errors import Problem, StudyError
from site_typology.output import write_csv
from site_typology.spreadsheet import WIDEST, grow, lay_out, neutralise
from site_typology.workbook_bytes import workbook_bytes

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

    from site_typology.differences import Difference

KINDS = (".csv", ".xlsx", ".parquet")
MOST_ROWS = 1_048_575
"""Rows that an Excel sheet holds below its headings."""
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Signs that an Excel file cannot hold."""


def check_kind(out: Path | None, kinds: Sequence[str] = KINDS) -> None:
    """Refuse a file name with another ending."""
    if out is not None and out.suffix.lower() not in kinds:
        said = f"{out}: Expected a name that ends in {', '.join(kinds)}."
        raise StudyError("assign", [Problem("--out", said)])


def write_answer(frame: pd.DataFrame, place: Path, differences: Sequence[Difference] = ()) -> None:
    """Write the answers of an `Assignment`, in the kind that the file's name says.

    Parameters
    ----------
    frame : DataFrame
    place : Path
    differences : sequence of Difference
        Worth a look; a sheet of an Excel file.
    """
    kind = place.suffix.lower()
    if kind == ".parquet":
        frame.to_parquet(place, index=False)
    elif kind == ".xlsx":
        _write_workbook(frame, place, differences)
    else:
        write_csv(frame, place)


def _write_workbook(frame: pd.DataFrame, place: Path, differences: Sequence[Difference]) -> None:
    from openpyxl import Workbook

    if len(frame) > MOST_ROWS:
        said = f"An Excel sheet holds {MOST_ROWS:,} sites. Name a CSV or Parquet file."
        raise StudyError("assign", [Problem("--out", said)])
    book = Workbook()
    sheet = book.active
    sheet.title = "Sites"
    safe = neutralise(frame)
    fill_sheet(sheet, safe.columns, safe.itertuples(index=False, name=None), fractions="0.00")
    if differences:
        headings = ("column", "expected", "found", "what to do")
        rows = [(own.column, own.expected, own.found, own.remedy) for own in differences]
        table = neutralise(pd.DataFrame(rows, columns=headings))
        other = book.create_sheet("Differences")
        fill_sheet(other, headings, table.itertuples(index=False, name=None))
    place.write_bytes(workbook_bytes(book))


def fill_sheet(
    sheet: Worksheet,
    headings: Iterable[str],
    rows: Iterable[Sequence[Any]],
    width: int = 10,
    fractions: str = "General",
) -> None:
    """Write a table to a sheet; no cell becomes a formula, missing values stay blank.

    Parameters
    ----------
    sheet : Worksheet
    headings : iterable of str
    rows : iterable of sequence
    width : int
        Of the narrowest column, in letters; longer texts make a column wider, or are wrapped.
    fractions : str
        Number format of numbers that are not whole by kind; they are kept in full.
    """
    from openpyxl.styles import Alignment, Font

    wrapped, top = Alignment(wrap_text=True, vertical="top"), Alignment(vertical="top")
    longest, high = [], []
    for at, heading in enumerate(headings, start=1):
        put(sheet, 1, at, heading).font = Font(bold=True)
        longest.append(0)
    for number, row in enumerate(rows, start=2):
        for at, value in enumerate(row, start=1):
            if pd.isna(value):
                continue
            cell = put(sheet, number, at, value)
            if isinstance(value, float):
                cell.number_format = fractions
            elif (letters := len(str(value))) > longest[at - 1]:
                longest[at - 1] = letters
            if isinstance(value, str) and len(value) > WIDEST:
                cell.alignment = wrapped
                high.append(number)
    lay_out(sheet, 1, longest, least=width)
    for number in dict.fromkeys(high):
        grow(sheet, number)
        for cell in sheet[number]:
            cell.alignment = wrapped if cell.alignment.wrap_text else top
    sheet.freeze_panes = "B2"


def put(sheet: Worksheet, row: int, column: int, value: Any) -> Any:
    """Write one cell; text stays text, whatever it starts with."""
    cell = sheet.cell(row, column)
    if isinstance(value, str):
        cell.value = _UNFIT.sub(" ", value)
        cell.data_type = "s"
    else:
        cell.value = value
    return cell
