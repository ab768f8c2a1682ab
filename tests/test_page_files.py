"""Files handed to the page: read in memory, within limits, whatever is in them."""

from __future__ import annotations

import io
import time
import zipfile
from pathlib import Path

import pytest
from openpyxl import Workbook

from site_typology import new_site_files
from site_typology.cell_values import read_number
from site_typology.errors import StudyError
from site_typology.new_site_files import SheetLimits
from site_typology.page_files import LIMITS, shown_name, typed_table, upload_table
from site_typology.page_sites import Offered
from site_typology.template import template_bytes
from site_typology.typology import Typology

SMALL = SheetLimits(unpacked=200_000, rows=3, columns=4)


def workbook(rows: list[list[object]], at: tuple[int, int] | None = None) -> bytes:
    """An Excel file of these rows, with one more cell at `at` if asked for."""
    book = Workbook()
    for row in rows:
        book.active.append(row)
    if at:
        book.active.cell(*at, 1.0)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def repacked(content: bytes, name: str, text: bytes) -> bytes:
    """The same workbook with another text in one of its parts."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for part in old.namelist():
            new.writestr(part, text if part == name else old.read(part))
    return out.getvalue()


ROWS = [["site", "need"], ["North", 2.5], ["South", None]]


def test_csv_and_excel_give_the_same_table():
    text = upload_table("a.csv", b"site;need\r\nNorth;2.5\r\n;\r\nSouth;\r\n")
    sheet = upload_table("A.XLSX", workbook([ROWS[0], ROWS[1], [None, None], ROWS[2]]))
    assert text.headings == sheet.headings == ["site", "need"]
    assert list(text.rows) == [(2, ["North", "2.5"]), (4, ["South", None])]
    assert list(sheet.rows) == [(2, ["North", 2.5]), (4, ["South", None])]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"site,need\n" + b"A,1\n" * 4, "More than 3 rows"),
        ("a.csv", b"a,b,c,d,e\n1,2,3,4,5\n", "More than 4 columns"),
        ("a.csv", b"site\n\xff\n", "CSV UTF-8"),
        ("a.csv", b"", "It is empty"),
        ("a.csv", b'site\n"' + b"x" * 200_000, "is a quotation mark not closed"),
        ("a.xlsx", workbook([*ROWS, *ROWS]), "More than 3 rows"),
        ("a.xlsx", workbook(ROWS, at=(2, 16_384)), "More than 4 columns"),
        ("a.xlsx", workbook(ROWS)[:-30], "damaged"),
        ("a.xlsx", b"PK\x03\x04 nothing", "damaged"),
        ("a.parquet", b"PAR1", "ends in .csv or .xlsx"),
        ("a.xlsx.exe", workbook(ROWS), "ends in .csv or .xlsx"),
        ("/etc/passwd", b"root", "ends in .csv or .xlsx"),
    ],
)
def test_what_is_refused(name: str, content: bytes, said: str):
    with pytest.raises(StudyError, match=said):
        list(upload_table(name, content, SMALL).rows)


def test_an_archive_bomb_is_refused_before_it_is_unpacked():
    bomb = repacked(workbook(ROWS), "xl/worksheets/sheet1.xml", b" " * (LIMITS.unpacked + 1))
    assert len(bomb) < 100_000
    with pytest.raises(StudyError, match="Unpacks to more than 50 MB"):
        upload_table("bomb.xlsx", bomb)


def test_entities_of_a_workbook_are_not_expanded_and_no_file_is_read(tmp_path: Path):
    secret = tmp_path / "secret.txt"
    secret.write_text("a secret")
    laughs = "".join(f'<!ENTITY l{at} "{f"&l{at - 1};" * 10}">' for at in range(1, 10))
    for entity in (f'<!ENTITY x SYSTEM "{secret.as_uri()}">', f'<!ENTITY l0 "ha">{laughs}'):
        used = "x" if "SYSTEM" in entity else "l9"
        text = (
            f"<?xml version='1.0'?><!DOCTYPE worksheet [{entity}]><worksheet xmlns="
            '"http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1">'
            f'<c r="A1" t="inlineStr"><is><t>site&{used};</t></is></c></row></sheetData>'
            "</worksheet>"
        )
        content = repacked(workbook(ROWS), "xl/worksheets/sheet1.xml", text.encode())
        with pytest.raises(StudyError, match="damaged"):
            upload_table("x.xlsx", content)


def test_a_cell_at_the_far_end_of_a_sheet_takes_no_memory_and_is_not_lost():
    found = list(upload_table("far.xlsx", workbook(ROWS, at=(900_000, 2)), SMALL).rows)
    assert found[-1] == (900_000, [None, 1.0])
    assert len(found) == 3


def test_no_more_cells_are_read_than_fit_in_the_limits(monkeypatch):
    read = []
    rows = new_site_files._sheet_rows

    def counted(*given, **named):
        for row in rows(*given, **named):
            read.append(len(row))
            yield row

    monkeypatch.setattr(new_site_files, "_sheet_rows", counted)
    blank = workbook([*ROWS, *[["", *[None] * 98, " "]] * 20])
    with pytest.raises(StudyError, match="Blank cells reach too far"):
        upload_table("blank.xlsx", blank, SMALL)
    assert sum(read) == 2 * (2 + 2 + 1 + 100)


def test_a_row_below_the_last_of_a_sheet_is_refused():
    content = workbook(ROWS)
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        sheet = parts.read("xl/worksheets/sheet1.xml")
    assert b'<row r="3"' in sheet
    far = sheet.replace(b'<row r="3"', b'<row r="1999999999"').replace(b'r="A3"', b"")
    with pytest.raises(StudyError, match="Blank cells reach too far"):
        upload_table("far.xlsx", repacked(content, "xl/worksheets/sheet1.xml", far), SMALL)


def test_a_wrong_size_of_the_sheet_loses_no_row():
    content = workbook(ROWS)
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        sheet = parts.read("xl/worksheets/sheet1.xml")
    assert b'<dimension ref="A1:B3"' in sheet
    lying = sheet.replace(b'<dimension ref="A1:B3"', b'<dimension ref="A1:A2"')
    table = upload_table("x.xlsx", repacked(content, "xl/worksheets/sheet1.xml", lying))
    assert list(table.rows) == [(2, ["North", 2.5]), (3, ["South", None])]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/cron.d/x.csv", "x.csv"),
        ("C:\\Users\\me\\new sites.xlsx", "new sites.xlsx"),
        ("a\r\nSet-Cookie: x.csv", "a  Set-Cookie: x.csv"),
        ("", "file"),
        ("/", "file"),
        ("x" * 200 + ".csv", "x" * 79 + "…"),
    ],
)
def test_names_of_files_are_only_shown(name: str, shown: str):
    assert shown_name(name) == shown


def test_a_filled_template_and_the_form_give_the_same_answers(typed: Typology):
    own = Offered("0", typed)
    values = {"wsa": "7", "clinical": "0.5", "need": "1", "advice": "0.2", "reach": "-0.4"}
    text = template_bytes(own.form, "csv").decode("utf-8-sig").strip()
    assert text.startswith("site,")
    names = [own.form.read_heading(heading)[0] for heading in text.split(",")]
    row = ",".join(["North", *(values.get(name, "") for name in names[1:])])
    answered = own.answer_table(upload_table("t.csv", f"{text}\r\n{row}\r\n".encode()))
    table = typed_table(own.asked, "North", values)
    assert answered.detail(0) == own.answer_table(table).detail(0)


def test_a_long_cell_takes_no_long_time():
    begun = time.perf_counter()
    assert [read_number("1" * 100_000 + end)[1] for end in ("x", ".x", "e", ",x")] == [
        "not a number"
    ] * 4
    assert time.perf_counter() - begun < 2
