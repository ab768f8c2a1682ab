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

if TYPE_CHECKING:
    from docx.document import Document as WordDocument

MADE = datetime.datetime(2000, 1, 1)  # Word's properties know no time zone
"""Stands where a format asks for a date, so that the same report gives the same file."""
WIDTH_CM, SMALL_PT, TABLE_PT = 16.0, 9, 8
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
    from docx.shared import Cm

    word = docx.Document()
    _properties(word, document.title)
    for page in word.sections:
        page.page_width, page.page_height = Cm(21.0), Cm(29.7)
        page.left_margin = page.right_margin = Cm(2.5)
        page.top_margin = page.bottom_margin = Cm(2.0)
        page.header.paragraphs[0].text = document.marking
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

    run = word.add_paragraph().add_run(block.text)
    run.bold = block.tone in ("strong", "term") or None
    if block.tone == "note":
        run.font.size = Pt(SMALL_PT)


def _add_picture(word: WordDocument, block: Picture, png: bytes | None) -> None:
    from docx.shared import Cm, Pt

    words = f"{block.title}. {block.description}"
    if png is None:
        word.add_paragraph(f"Figure: {words}")
    else:
        shape = word.add_picture(io.BytesIO(png), width=Cm(WIDTH_CM - 3))
        drawn: Any = shape._inline.docPr  # The library gives no other way to the alternative text.
        drawn.set("descr", words)
        drawn.set("title", block.title)
    note = word.add_paragraph().add_run(block.caption)
    note.font.size = Pt(SMALL_PT)


def _add_table(word: WordDocument, block: Table) -> None:
    word.add_paragraph(block.caption, style=NOTE).paragraph_format.keep_with_next = True
    table = word.add_table(1, len(block.columns), style=GRID)
    _repeated(table.rows[0])
    _fill(table.rows[0], block.columns, bold=True)
    group = ""
    for row in block.rows:
        if row.group and row.group != group:
            joined = table.add_row().cells
            joined[0].merge(joined[-1])
            _write(joined[0], row.group, bold=True)
        group = row.group
        _fill(table.add_row(), _padded(row, len(block.columns)))
    word.add_paragraph()


def _padded(row: Row, width: int) -> tuple[str, ...]:
    return (*row.cells, *("",) * (width - len(row.cells)))[:width]


def _fill(row: Any, texts: tuple[str, ...], *, bold: bool = False) -> None:
    for at, (cell, text) in enumerate(zip(row.cells, texts, strict=True)):
        _write(cell, text, bold=bold or at == 0)


def _write(cell: Any, text: str, *, bold: bool) -> None:
    from docx.shared import Pt

    run = cell.paragraphs[0].add_run(text)
    run.font.size, run.bold = Pt(TABLE_PT), bold or None


def _repeated(row: Any) -> None:
    """Let the headings of a table come again on every page that it goes on to."""
    from docx.oxml import OxmlElement

    row._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))
