"""Sheets of Excel and OpenDocument workbooks."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pandas as pd

from site_typology.declaration import TableDeclaration
from site_typology.features.formulas import uncalculated
from site_typology.features.plain import plain
from site_typology.features.rawtable import (
    BLANK_ROW,
    RawTable,
    UnreadableTableError,
    listed,
    untouched,
)
from site_typology.features.stacking import stacked
from site_typology.features.text import column_names, name_notes

_TOP = 10
SHEET = "sheet"
"""Column with the sheet of a row, where a table is read from several."""


class WorkbookReader:
    """Sheets of an Excel or OpenDocument workbook, one or several below one another.

    Names stand in the first row after `skip_rows`; further `header_rows` are texts of the
    questions, or parts of the names where `header_join` is given.
    """

    endings: ClassVar[tuple[str, ...]] = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods")
    options: ClassVar[tuple[str, ...]] = ("sheet", "skip_rows", "header_rows", "header_join")

    def read(self, path: Path, declaration: TableDeclaration) -> RawTable:
        """Read the declared sheets, or the first."""
        from python_calamine import CalamineError

        if path.stat().st_size == 0:
            raise UnreadableTableError("The file is empty. Give a workbook with rows.")
        try:
            with pd.ExcelFile(path, engine="calamine") as book:
                names = _sheets(declaration.sheet, [str(name) for name in book.sheet_names])
                tables = [_sheet_table(book, name, declaration) for name in names]
        except CalamineError as error:
            raise UnreadableTableError(
                f"It cannot be read as a workbook: {error}. It may be cut short or in another "
                "format. Get the file again, or set format."
            ) from None
        check_calculated(path, names)
        several = declaration.sheet is not None and not isinstance(declaration.sheet, str)
        return stacked(tables, names, SHEET) if several else tables[0]


def check_calculated(path: Path, sheets: list[str]) -> None:
    """Refuse sheets with formulas that have no value, which would be read as blank cells.

    Raises
    ------
    UnreadableTableError
    """
    problems = []
    for name in sheets:
        cells = uncalculated(path, name)
        if cells:
            problems.append(
                f"Sheet {name!r} has formulas without a value: {listed(cells)}. The program that "
                "wrote them did not calculate them. Open the file in Excel or LibreOffice and save "
                "it, or write values."
            )
    if problems:
        raise UnreadableTableError(*problems)


def _sheets(declared: str | tuple[str, ...] | None, there: list[str]) -> list[str]:
    if declared is None:
        return there[:1]
    wanted = [declared] if isinstance(declared, str) else list(declared)
    lost = [name for name in wanted if name not in there]
    if lost or not wanted:
        named = listed([repr(name) for name in lost]) if lost else "to read"
        raise UnreadableTableError(
            f"There is no sheet {named}; found: {listed(there)}. Correct sheet."
        )
    return wanted


def title_rows(path: Path) -> tuple[int, list[str]]:
    """Rows of the first sheet that look like a title above the header, and the other sheets.

    A first row with one filled cell, blank rows, and a row with more.

    Raises
    ------
    UnreadableTableError
    """
    from python_calamine import CalamineError

    try:
        with pd.ExcelFile(path, engine="calamine") as book:
            names = [str(name) for name in book.sheet_names]
            top = pd.read_excel(book, header=None, dtype=object, na_filter=False, nrows=_TOP)
    except CalamineError as error:
        raise UnreadableTableError(f"It cannot be read as a workbook: {error}.") from None
    filled = (top.map(lambda cell: str(cell).strip()) != "").sum(axis=1).tolist()
    for at, cells in enumerate(filled):
        if cells > 1:
            return at if filled[0] == 1 else 0, names[1:]
    return 0, names[1:]


def _sheet_table(book: pd.ExcelFile, sheet: str, declaration: TableDeclaration) -> RawTable:
    content = pd.read_excel(book, sheet_name=sheet, header=None, dtype=object, na_filter=False)
    skip, rows = declaration.skip_rows or 0, declaration.header_rows or 1
    if len(content) < skip + rows:
        if content.empty:
            raise UnreadableTableError(f"Sheet {sheet!r} is empty. Set sheet.")
        raise UnreadableTableError(
            f"Expected {skip} rows above the header and {rows} in it; sheet {sheet!r} has "
            f"{len(content)} rows in all. Correct skip_rows or header_rows."
        )
    content = content.iloc[skip:].reset_index(drop=True)
    cells = content.map(lambda cell: cell.strip() if isinstance(cell, str) else cell)
    frame = cells.iloc[rows:].reset_index(drop=True)
    blank = frame == ""
    top = [[str(cell) for cell in content.iloc[at]] for at in range(rows)]
    header = top[0] if declaration.header_join is None else _joined(top, declaration.header_join)
    names = column_names(header, [bool(filled) for filled in (~blank).any()])
    named = [name is not None for name in names]
    frame = frame.loc[:, named]
    frame.columns = pd.Index([name for name in names if name is not None])
    aside = untouched(frame).mask(blank.all(axis=1), BLANK_ROW)
    titles = {}
    if rows > 1 and declaration.header_join is None:
        texts = zip(names, top[1], strict=True)
        titles = {name: text.strip() for name, text in texts if name and text.strip()}
    return RawTable(plain(frame), aside, titles=titles, notes=name_notes(header))


def _joined(top: list[list[str]], between: str) -> list[str]:
    """Names of several header rows in one; a merged cell holds for the columns that it spans."""
    filled = []
    for row in top[:-1]:
        above = ""
        spread = []
        for cell in row:
            above = cell.strip() or above
            spread.append(above)
        filled.append(spread)
    filled.append([cell.strip() for cell in top[-1]])
    parts = zip(*filled, strict=True)
    return [between.join(dict.fromkeys(part for part in each if part)) for each in parts]
