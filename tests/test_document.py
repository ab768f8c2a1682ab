"""One report in four formats: the same tables, every number in the record, nothing that runs."""

from __future__ import annotations

import dataclasses
import html
import io
import json
import re
import zipfile

import docx
import openpyxl
import pytest
from docx.oxml.ns import qn

from site_typology import Typology
from site_typology.document import Document, Picture, Row, Section, Table, Text
from site_typology.document_page import document_html
from site_typology.document_reading import read_page
from site_typology.document_sheet import sheet_file
from site_typology.document_word import word_file
from site_typology.explain import Explanation, explain
from site_typology.figure_canvas import render, render_png
from site_typology.figures import drawings
from site_typology.report import report_html
from site_typology.report_checklist import checklist
from site_typology.report_files import report_files

FORMULA = '=HYPERLINK("http://x.invalid","y")'
FIELD = 'INCLUDETEXT "/etc/passwd" <w:fldSimple/> {PAGE}'


@pytest.fixture(scope="module")
def explanation(typed: Typology) -> Explanation:
    return explain(typed, seed=3)


@pytest.fixture(scope="module")
def page(typed: Typology, explanation: Explanation) -> str:
    drawn = drawings(typed, explanation, map_method="pca")
    figures = {name: render(name, drawing) for name, drawing in drawn.items()}
    return report_html(typed, explanation, figures=figures, title="A study")


@pytest.fixture(scope="module")
def files(page: str, typed: Typology, explanation: Explanation) -> dict[str, bytes]:
    drawn = drawings(typed, explanation, map_method="pca")
    pictures = {name: render_png(drawing) for name, drawing in drawn.items()}
    return report_files(read_page(page), pictures, {"internal": True})


@pytest.fixture(scope="module")
def numbers(files: dict[str, bytes]) -> set[float]:
    """Every value that stands as a number in the record."""
    found: set[float] = set()

    def walk(value: object) -> None:
        if isinstance(value, dict):
            found.update(value.get("numbers", ()))
            for each in value.values():
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)

    walk(json.loads(files["report.json"]))
    return found


def told(text: str) -> list[float]:
    """Numbers of a text as a reader finds them: digits with their point, thousands and sign."""
    found = []
    for sign, digits, percent in re.findall(
        r"(?<![\w.,/])([−-]?)(\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?|\d+)(%?)(?![\w.]*\w)", text
    ):
        value = float(digits.replace(",", "")) * (-1 if sign else 1)
        found.append(round(value / 100, 10) if percent else value)
    return found


def cells_of_page(page: str) -> list[str]:
    cells = re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", page, flags=re.S)
    return [html.unescape(re.sub(r"<[^>]+>", " ", cell)).strip() for cell in cells]


def test_every_number_of_the_page_stands_in_the_record(page: str, numbers: set[float]):
    shown = {value for cell in cells_of_page(page) for value in told(cell)}
    assert len(shown) > 100
    assert shown <= numbers


def test_every_number_of_the_word_document_stands_in_the_record(
    files: dict[str, bytes], numbers: set[float]
):
    word = docx.Document(io.BytesIO(files["report.docx"]))
    shown = {
        value
        for table in word.tables
        for cell in table._cells
        for value in told(cell.text)
    }  # fmt: skip
    assert len(shown) > 100
    assert shown <= numbers


def test_every_number_of_the_spreadsheet_stands_in_the_record(
    files: dict[str, bytes], numbers: set[float]
):
    book = openpyxl.load_workbook(io.BytesIO(files["report.xlsx"]))
    cells = [
        cell for sheet in book.worksheets[1:] for row in sheet.iter_rows(min_row=3) for cell in row
    ]
    written = {float(cell.value) for cell in cells if isinstance(cell.value, int | float)}
    assert len(written) > 50
    assert written <= numbers
    texts = {value for cell in cells if isinstance(cell.value, str) for value in told(cell.value)}
    assert texts <= numbers


def test_the_formats_have_the_same_tables_and_headings(page: str, files: dict[str, bytes]):
    document = read_page(page)
    captions = [table.caption for _, table in document.tables()]
    assert len(captions) == page.count("<table")
    word = docx.Document(io.BytesIO(files["report.docx"]))
    assert [p.text for p in word.paragraphs if p.style.name == "Caption"] == captions
    headings = [p.text for p in word.paragraphs if p.style.name == "Heading 1"]
    assert headings == [section.heading for section in document.sections]
    book = openpyxl.load_workbook(io.BytesIO(files["report.xlsx"]))
    assert [sheet["A1"].value for sheet in book.worksheets[1:]] == captions
    for (_, table), own in zip(document.tables(), word.tables, strict=True):
        assert tuple(cell.text for cell in own.rows[0].cells) == table.columns
        assert all(len(row.cells) == len(table.columns) for row in table.rows)


def test_everything_said_on_the_page_is_in_the_parts(page: str):
    said = " ".join(text for _, text in read_page(page).texts())
    body = re.sub(r"<style.*?</style>|<svg.*?</svg>|<nav.*?</nav>|<head>.*?</head>", " ",
                  page.split("<footer")[0], flags=re.S)  # fmt: skip
    for part in re.findall(r">([^<>]+)<", body):
        words = " ".join(html.unescape(part).split())
        assert words in said or words.startswith("Skip to"), words


def test_pictures_have_alternative_text_and_name_no_software(files: dict[str, bytes], page: str):
    word = docx.Document(io.BytesIO(files["report.docx"]))
    drawn = word.element.body.findall(f".//{qn('wp:docPr')}")
    assert len(drawn) == len(set(re.findall(r'<title id="([\w-]+)-title"', page))) - 1
    assert all(len(each.get("descr")) > 40 for each in drawn)  # reliability has no PNG here
    with zipfile.ZipFile(io.BytesIO(files["report.docx"])) as archive:
        pictures = [archive.read(name) for name in archive.namelist() if name.endswith(".png")]
    assert pictures and not any(b"tEXt" in each or b"iTXt" in each for each in pictures)


def test_the_word_document_fits_its_pages(files: dict[str, bytes]):
    word = docx.Document(io.BytesIO(files["report.docx"]))
    (page,) = word.sections
    across = page.page_width - page.left_margin - page.right_margin
    down = page.page_height - page.top_margin - page.bottom_margin
    for shape in word.inline_shapes:
        assert shape.width <= across and shape.height < 0.9 * down
    for table in word.tables:
        widths = [cell.width for cell in table.rows[0].cells]
        assert sum(widths) <= across + 100 and min(widths) > 0
        ends = (table.rows[0], table.rows[-1])
        kept = {row._tr.trPr.find(qn("w:cantSplit")) is not None for row in ends}
        assert kept == {True} and not table.autofit


def test_what_stands_apart_on_the_page_stands_apart_in_words(page: str):
    said = [text for _, text in read_page(page).texts()]
    assert any(text.startswith("Fine: ") for text in said)
    levels = ("Fine", "Look", "To do")
    for text in said:
        assert not text.startswith(levels) or text.partition(":")[0] in levels, text
    marked = (
        '<section><h2>S</h2><p>Shares: <span class="band-1">few</span> <span class="band-2">many'
        '</span></p><ul><li><span class="level">Look</span> <a>Why</a> <span class="said">So.'
        '</span></li></ul><p>wait <span class="unit">weeks</span></p></section>'
    )
    texts = [text for _, text in read_page(marked).texts()]
    assert texts[-3:] == ["Shares: few; many", "Look: Why – So.", "wait (weeks)"]


def hostile() -> Document:
    table = Table(FORMULA, ("@name", "-n"), (Row((FORMULA, "+1"), "=group"), Row(("x", "−2.5%"))))
    return Document(
        FORMULA, "Internal.", FIELD,
        (Section("s", FORMULA, (Text(FIELD), table, Picture("p", FORMULA, FIELD))),),
    )  # fmt: skip


def test_no_cell_of_the_spreadsheet_runs_as_a_formula():
    book = openpyxl.load_workbook(io.BytesIO(sheet_file(hostile())))
    cells = [cell for sheet in book.worksheets for row in sheet.iter_rows() for cell in row]
    assert all(cell.data_type in "sn" for cell in cells)
    assert f"'{FORMULA}" in [cell.value for cell in cells]
    assert not any(str(cell.value).startswith(("=", "+", "@")) for cell in cells)
    found = {
        cell.value: cell.number_format
        for cell in cells
        if cell.data_type == "n" and cell.value is not None
    }
    assert found == {1: '"+"0', -0.025: "0.0%"}, "a plus sign before a number is no formula"


@pytest.mark.parametrize(
    ("text", "value", "shown"),
    [
        ("+0.31", 0.31, '"+"0.00'),
        ("+5.4 points", 5.4, '"+"0.0" points"'),
        ("+7 rows", "'+7 rows", None),
    ],
)
def test_a_change_upwards_is_a_number_with_its_sign(text: str, value: object, shown: str | None):
    table = Table("Changes", ("Site", "Change"), (Row(("A", text)),))
    document = Document("T", "Internal.", "", (Section("s", "S", (table,)),))
    book = openpyxl.load_workbook(io.BytesIO(sheet_file(document)))
    cell = book.worksheets[1]["B4"]
    assert cell.value == value
    assert shown is None or cell.number_format == shown


def test_a_table_without_rows_has_a_sheet_with_its_headings():
    empty = Table("Nothing", ("Site", "Change"), ())
    document = Document("T", "Internal.", "", (Section("s", "S", (empty,)),))
    sheet = openpyxl.load_workbook(io.BytesIO(sheet_file(document))).worksheets[1]
    assert [cell.value for cell in sheet[3]] == ["Site", "Change"] and sheet.max_row == 3


def test_no_sheet_cuts_a_text_off(files: dict[str, bytes]):
    """Columns are wide enough, or the text is wrapped and its row high enough."""
    book = openpyxl.load_workbook(io.BytesIO(files["report.xlsx"]))
    checked = 0
    for sheet in book.worksheets[1:]:
        for row in sheet.iter_rows(min_row=3):
            high = sheet.row_dimensions[row[0].row].height or 15
            for cell in row:
                width = sheet.column_dimensions[cell.column_letter].width
                needed = -(-len(str(cell.value or "")) // int(width))
                assert needed * 15 <= high, (sheet.title, cell.coordinate)
                checked += needed > 1
    assert checked > 10


def test_nothing_in_the_word_document_is_a_field_or_a_link():
    content = word_file(hostile(), {})
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        texts = {name: archive.read(name).decode("utf-8", "replace") for name in archive.namelist()}
    for name, text in texts.items():
        assert "<w:fldSimple" not in text and "<w:instrText" not in text, name
        assert "<w:hyperlink" not in text and 'TargetMode="External"' not in text, name
    word = docx.Document(io.BytesIO(content))
    assert FIELD in [paragraph.text for paragraph in word.paragraphs]
    assert (word.core_properties.author, word.core_properties.comments) == ("", "")
    assert "Internal." in word.sections[0].header.paragraphs[0].text


def test_control_characters_do_not_break_a_format(typed: Typology, explanation: Explanation):
    page = report_html(typed, explanation, figures={}, title="A\x0b \x01study\ud800".encode(
        "utf-8", "replace").decode())  # fmt: skip
    document = read_page(page)
    assert document.title == "A study?"
    assert set(report_files(document, {})) == {"report.docx", "report.xlsx", "report.json"}


def test_a_document_reads_back_from_its_own_page():
    original = hostile()
    read = read_page(document_html(original, {}))
    assert read.title == original.title and read.marking == original.marking
    (_, table), (_, own) = next(read.tables()), next(original.tables())
    assert (table.caption, table.columns) == (own.caption, own.columns)
    assert [row.cells for row in table.rows] == [row.cells for row in own.rows]
    assert table.rows[0].group == "=group"


def test_the_same_report_gives_the_same_word_document():
    assert word_file(hostile(), {}) == word_file(hostile(), {})


def test_every_item_of_the_guideline_is_answered(typed: Typology, explanation: Explanation):
    items = checklist(typed, explanation)
    sources = [item.source for item in items if item.source != "LCA guide"]
    assert sources == ["1", "2", "3a", "3b", "3c", "4", "5", "6a", "6b", "7", "8", "9", "10", "11",
                       "12", "13", "14a", "14b", "14c", "15", "16"]  # fmt: skip
    assert all(item.where.endswith((".", ")")) for item in items)
    told_of = {item.source: item.met for item in checklist(typed, shared=True)}
    assert told_of["14a"] == told_of["14c"] == "no"
    bare = dataclasses.replace(typed.evidence, figures={})
    entropy = [i for i in checklist(dataclasses.replace(typed, evidence=bare)) if i.source == "13"]
    assert entropy[0].met == "no"
