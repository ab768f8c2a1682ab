"""A report as a spreadsheet: its texts on one sheet, every table on one of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from site_typology.document import (
    Bullets,
    Document,
    Picture,
    Table,
    number_of,
)
from site_typology.spreadsheet import grow, harmless, lay_out
from site_typology.workbook_bytes import workbook_bytes

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

TEXTS = "Report"
NARROWEST = 10
_CHANGE = re.compile(r"(\+)([\d.,]+%?)( points?|)")
"""A number that grew: with its sign it would begin like a formula."""
_FORBIDDEN = re.compile(r"[\[\]:*?/\\']")


def sheet_file(document: Document) -> bytes:
    """Write a report as a spreadsheet.

    Parameters
    ----------
    document : Document

    Returns
    -------
    bytes
        An ``.xlsx`` file. The first sheet has every text, and the name of the sheet in place of
        each table; a cell that is one number is a number. Text that would run as a formula has an
        apostrophe before it. Figures stand as their descriptions.

    Examples
    --------
    >>> sheet_file(Document("A study", "Internal.", "12 sites.", ()))[:2]
    b'PK'
    """
    import openpyxl
    from openpyxl.styles import Alignment, Font

    book = openpyxl.Workbook()
    book.properties.creator = "site-typology"
    book.properties.title = harmless(document.title)
    texts: Any = book.active
    texts.title = TEXTS
    texts.column_dimensions["A"].width = 110
    for line, bold in _lines(document):
        texts.append([harmless(line)])
        cell = texts.cell(texts.max_row, 1)
        cell.font, cell.alignment = Font(bold=bold), Alignment(wrap_text=True, vertical="top")
        grow(texts, texts.max_row)
    texts.page_setup.fitToHeight = 0
    texts.sheet_properties.pageSetUpPr.fitToPage = True
    for number, (_, table) in enumerate(document.tables(), start=1):
        _fill(book.create_sheet(_sheet_name(number, table)), table, document.marking)
    return workbook_bytes(book)


def _lines(document: Document) -> list[tuple[str, bool]]:
    """Every text in order, and whether it is a heading."""
    lines = [(document.title, True), (document.marking, True), (document.lead, False)]
    number = 0
    for section in document.sections:
        lines.append((section.heading, True))
        for block in section.blocks:
            if isinstance(block, Table):
                number += 1
                lines.append(
                    (f"Table: {block.caption} (sheet {_sheet_name(number, block)})", False)
                )
            elif isinstance(block, Bullets):
                lines += [(f"• {item}", False) for item in block.items]
            elif isinstance(block, Picture):
                words = f"Figure: {block.title}. {block.description} {block.caption}"
                lines.append((words.strip(), False))
            else:
                lines.append((block.text, not hasattr(block, "tone") or block.tone == "strong"))
    return lines


def _sheet_name(number: int, table: Table) -> str:
    """Name a sheet within 31 characters, the number first so that no two are alike."""
    return f"{number} {_FORBIDDEN.sub(' ', table.caption)}"[:31].strip()


def _fill(sheet: Worksheet, table: Table, marking: str) -> None:
    from openpyxl.styles import Alignment, Font

    grouped = any(row.group for row in table.rows)
    head = (*(("Group",) if grouped else ()), *table.columns)
    for line in (table.caption, marking):
        sheet.append([harmless(line)])
    sheet.append([harmless(name) for name in head])
    for row in table.rows:
        texts = (*((row.group,) if grouped else ()), *row.cells)
        sheet.append([harmless(text) or None for text in texts])
    for cells in sheet.iter_rows(min_row=4):
        for cell in cells:
            cell.alignment = Alignment(wrap_text=True, vertical="top", horizontal="left")
            _as_number(cell)
    for cell in (sheet.cell(1, 1), *sheet[3]):
        cell.font = Font(bold=True)
    sheet.freeze_panes = "B4"
    columns = sheet.iter_cols(min_row=4)
    longest = [
        max((len(str(cell.value or "")) for cell in column), default=0) for column in columns
    ]
    lay_out(sheet, 3, longest, least=NARROWEST)
    for at in range(4, sheet.max_row + 1):
        grow(sheet, at)


def _as_number(cell: Any) -> None:
    text = str(cell.value or "").removeprefix("'")  # A plus sign is no formula before a number.
    found = _CHANGE.fullmatch(text)
    sign, plain, points = found.groups() if found else ("", text, "")
    number = number_of(plain)
    if number is None or (plain[:1] == "0" and plain[1:2].isdigit()):
        return
    cell.value = number
    decimals = len(plain.partition(".")[2].rstrip("%"))
    form = ("#,##0" if "," in plain else "0") + ("." + "0" * decimals if decimals else "")
    form += "%" if plain.endswith("%") else ""
    if sign:
        form = f'"+"{form}' + (f'"{points}"' if points else "")
    cell.number_format = form
