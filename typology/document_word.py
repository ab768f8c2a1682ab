"""A report as a Word document: real headings and tables, pictures with alternative text."""

from __future__ import annotations

import datetime
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from site_typology.document import (
    Block,
    Bullets,
    Document,
    Heading,
    Picture,
    Row,
    Table,
    Text,
)
from site_typology.document_layout import column_widths, paged

if TYPE_CHECKING:
    from docx.document import Document as WordDocument

MADE = datetime.datetime(2000, 1, 1)  # Word's properties know no time zone
"""Stands where a format asks for a date, so that the same report gives the same file."""
WIDTH_CM, SMALL_PT, TABLE_PT = 16.0, 9, 8
FIGURE_CM = 13.0
GRID, NOTE = "Table Grid", "Caption"


def word_file(document: Document, pictures: Mapping[str, bytes]) -> bytes:
    """Write a report as a Word document.

    Parameters
    ----------
    document : Document
    pictures : mapping of str to bytes
        PNG by name of the figure; a figure without one stands as its words.

    Returns
    -------
    bytes
        A ``.docx`` file. Every text is written as text: nothing in it is a field or a link. Its
        properties name the title and the language, neither author nor date.

    Examples
    --------
    >>> word_file(Document("A study", "Internal.", "12 sites.", ()), {})[:2]
    b'PK'
    """
    import docx
    from docx.shared import Cm, Pt

    word = docx.Document()
    _properties(word, document.title)
    for page in word.sections:
        page.page_width, page.page_height = Cm(21.0), Cm(29.7)
        page.left_margin = page.right_margin = Cm(2.5)
        page.top_margin = page.bottom_margin = Cm(2.0)
        page.header_distance = Cm(0.9)  # Two lines of the marking end above the text.
        page.header.paragraphs[0].add_run(document.marking).font.size = Pt(TABLE_PT)
    word.add_heading(document.title, 0)
    word.add_paragraph().add_run(document.marking).bold = True
    word.add_paragraph(document.lead)
    for section in document.sections:
        word.add_heading(section.heading, 1)
        for block in section.blocks:
            _add(word, block, pictures)
    content = io.BytesIO()
    word.save(content)
    return content.getvalue()


def _properties(word: WordDocument, title: str) -> None:
    about = word.core_properties
    about.title, about.language = title[:255], "en-GB"
    about.author = about.last_modified_by = about.comments = about.keywords = ""
    about.created = about.modified = MADE
    about.revision = 1


def _add(word: WordDocument, block: Block, pictures: Mapping[str, bytes]) -> None:
    if isinstance(block, Heading):
        word.add_heading(block.text, block.level - 1)
    elif isinstance(block, Bullets):
        for item in block.items:
            word.add_paragraph(item, style="List Bullet")
    elif isinstance(block, Table):
        _add_table(word, block)
    elif isinstance(block, Picture):
        _add_picture(word, block, pictures.get(block.name))
    else:
        _add_text(word, block)


def _add_text(word: WordDocument, block: Text) -> None:
    from docx.shared import Pt

    paragraph = word.add_paragraph()
    paragraph.paragraph_format.keep_with_next = block.tone == "term" or None
    run = paragraph.add_run(block.text)
    run.bold = block.tone in ("strong", "term") or None
    if block.tone == "note":
        run.font.size = Pt(SMALL_PT)


def _add_picture(word: WordDocument, block: Picture, png: bytes | None) -> None:
    from docx.shared import Cm, Pt

    words = f"{block.title}. {block.description}"
    if png is None:
        word.add_paragraph(f"Figure: {words}")
    else:
        parts, width = paged(png, FIGURE_CM)
        for at, part in enumerate(parts, start=1):
            shape = word.add_picture(io.BytesIO(part), width=Cm(width))
            word.paragraphs[-1].paragraph_format.keep_with_next = at == len(parts)
            drawn: Any = shape._inline.docPr  # The library gives no other way to its words.
            drawn.set("descr", words if at == 1 else f"Part {at} of the figure above.")
            drawn.set("title", block.title)
    note = word.add_paragraph().add_run(block.caption)
    note.font.size = Pt(SMALL_PT)


def _add_table(word: WordDocument, block: Table) -> None:
    from docx.shared import Cm

    word.add_paragraph(block.caption, style=NOTE).paragraph_format.keep_with_next = True
    table = word.add_table(1, len(block.columns), style=GRID)
    table.autofit = False
    widths = [Cm(width) for width in column_widths(block, WIDTH_CM)]
    for column, width in zip(table.columns, widths, strict=True):
        column.width = width
    _marked(table.rows[0], "w:tblHeader")  # The headings come again on every page.
    _fill(table.rows[0], block.columns, widths, bold=True)
    group = ""
    for row in block.rows:
        if row.group and row.group != group:
            joined = table.add_row().cells
            joined[0].merge(joined[-1])
            _write(joined[0], row.group, bold=True)
            joined[0].paragraphs[0].paragraph_format.keep_with_next = True
        group = row.group
        _fill(table.add_row(), _padded(row, len(block.columns)), widths)
    word.add_paragraph().paragraph_format.space_after = 0


def _padded(row: Row, width: int) -> tuple[str, ...]:
    return (*row.cells, *("",) * (width - len(row.cells)))[:width]


def _fill(row: Any, texts: tuple[str, ...], widths: list[Any], *, bold: bool = False) -> None:
    _marked(row, "w:cantSplit")
    for at, (cell, text, width) in enumerate(zip(row.cells, texts, widths, strict=True)):
        cell.width = width
        _write(cell, text, bold=bold or at == 0)


def _write(cell: Any, text: str, *, bold: bool) -> None:
    from docx.shared import Pt

    run = cell.paragraphs[0].add_run(text)
    run.font.size, run.bold = Pt(TABLE_PT), bold or None


def _marked(row: Any, mark: str) -> None:
    """Set a property of a row: that it is a heading, or stays on one page."""
    from docx.oxml import OxmlElement

    row._tr.get_or_add_trPr().append(OxmlElement(mark))
