"""Workbooks as offices make them: titles above the header, merged headers, a sheet a term."""

from __future__ import annotations

import zipfile
from pathlib import Path

import openpyxl
import pytest

from site_typology.declaration import TableDeclaration
from site_typology.features.formulas import uncalculated
from site_typology.features.rawtable import UnreadableTableError
from site_typology.features.readers import read_raw

HEADER = [["School", "Pupils", None, "Staff"], [None, "boys", "girls", None]]
ROWS = [["A", 10, 12, 3], ["B", 20, 18, 4]]


def book(path: Path, **sheets: list[list[object]]) -> Path:
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, rows in sheets.items():
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(row)
    made.save(path)
    return path


def read(path: Path, **options: object):
    declaration = TableDeclaration(path=path.name, site="site", **options)
    return read_raw(declaration, path.parent)


def test_header_rows_are_put_together_and_merged_cells_carried_over(tmp_path):
    title = [["Census of schools"], ["spring"]]
    path = book(tmp_path / "c.xlsx", census=[*title, *HEADER, *ROWS])
    sheet = openpyxl.load_workbook(path)
    sheet["census"].merge_cells("B3:C3")
    sheet.save(path)
    raw = read(path, skip_rows=2, header_rows=2, header_join=": ")
    assert list(raw.frame) == ["School", "Pupils: boys", "Pupils: girls", "Staff"]
    assert raw.frame["Pupils: girls"].tolist() == [12, 18]
    assert not raw.titles


def test_header_rows_without_a_join_are_titles(tmp_path):
    path = book(tmp_path / "q.xlsx", answers=[["site", "q1"], ["Site", "How is it?"], ["A", 1]])
    raw = read(path, header_rows=2)
    assert raw.titles == {"site": "Site", "q1": "How is it?"}
    assert raw.frame["q1"].tolist() == [1]


def test_several_sheets_are_one_table_with_the_sheet_of_each_row(tmp_path):
    autumn = [["site", "n"], ["A", 1], [None, None], ["B", 2]]
    spring = [["n", "site"], [3, "A"]]
    path = book(tmp_path / "terms.xlsx", about=[["text"]], autumn=autumn, spring=spring)
    raw = read(path, sheet=["autumn", "spring"])
    assert raw.frame["sheet"].tolist() == ["autumn"] * 3 + ["spring"]
    assert raw.frame["n"].tolist()[-1] == 3
    assert raw.aside.tolist() == ["", "blank row", "", ""]


def test_sheets_that_differ_are_refused_with_every_difference(tmp_path):
    path = book(
        tmp_path / "t.xlsx",
        one=[["site", "n"], ["A", 1]],
        two=[["site", "m"], ["A", 1]],
        three=[["site"], ["A"]],
    )
    with pytest.raises(UnreadableTableError) as error:
        read(path, sheet=["one", "two", "three"])
    assert "Sheet 'two' has other columns than 'one': lacks 'n' and has 'm' besides" in str(error)
    assert "Sheet 'three' has other columns than 'one': lacks 'n'." in str(error)
    with pytest.raises(UnreadableTableError, match="no sheet 'four', 'five'; found: one, two"):
        read(path, sheet=["four", "five"])


def test_more_header_than_rows_is_refused(tmp_path):
    path = book(tmp_path / "s.xlsx", one=[["site"], ["A"]])
    with pytest.raises(UnreadableTableError, match="Expected 3 rows above the header and 1 in it"):
        read(path, skip_rows=3)


def test_a_text_file_may_have_a_title_too(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("Census of schools\n\nsite;n\nA;1\nB;2;9\n")
    with pytest.raises(UnreadableTableError, match=r"found otherwise in 1 line: 5 \(3\)"):
        read(path, skip_rows=2)
    path.write_text("Census of schools\n\nsite;n\nA;1\nB;2\n")
    assert read(path, skip_rows=2).frame["n"].tolist() == ["1", "2"]
    with pytest.raises(UnreadableTableError, match="Expected 9 rows above the header"):
        read(path, skip_rows=9)


def test_formulas_that_nobody_calculated_are_refused(tmp_path: Path) -> None:
    import openpyxl

    path = tmp_path / "formulas.xlsx"
    book = openpyxl.Workbook()
    sheet = book.create_sheet("A & B")
    for row in (["site", "n"], ["A", 1], ["B", "=B2+1"], ["C", '=""']):
        sheet.append(row)
    book.active.append(["site"])
    book.active.append(["A"])
    book.save(path)
    with pytest.raises(UnreadableTableError, match="'A & B' has formulas without a value: B3, B4"):
        read_raw(TableDeclaration(path=path.name, site="site", sheet="A & B"), tmp_path)
    assert len(read_raw(TableDeclaration(path=path.name, site="site"), tmp_path).frame) == 1


@pytest.mark.parametrize(
    ("cell", "empty"),
    [
        ('<c r="B2"><f>1+1</f><v>2</v></c>', []),
        ('<c r="B2" t="str"><f>""</f><v></v></c>', []),
        ('<c r="B2" s="3"><f t="shared" si="0"/><v>2</v></c><c r="C2"/>', []),
        ('<c r="B2" s="3"><f t="shared" si="0"/></c><c r="C2"><v>1</v></c>', ["B2"]),
        ('<c s="3" r="B2"><f>A1&lt;2</f><v/></c>', ["B2"]),
    ],
)
def test_values_of_formulas_are_told_from_their_absence(tmp_path, cell, empty) -> None:
    path = tmp_path / "t.xlsx"
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("xl/workbook.xml", '<sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets>')
        link = '<Relationship Id="r1" Target="worksheets/sheet1.xml"/>'
        book.writestr("xl/_rels/workbook.xml.rels", link)
        book.writestr("xl/worksheets/sheet1.xml", f"<sheetData><row>{cell}</row></sheetData>")
    assert uncalculated(path, "S") == empty
