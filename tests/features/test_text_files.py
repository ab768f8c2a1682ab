"""Delimited text: encodings, separators, rows that do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from site_typology.declaration import TableDeclaration
from site_typology.features.rawtable import RawTable, UnreadableTableError
from site_typology.features.readers import read_raw


def read(tmp_path: Path, content: str | bytes, name: str = "t.csv", **declared: object) -> RawTable:
    data = content.encode() if isinstance(content, str) else content
    (tmp_path / name).write_bytes(data)
    table = {"path": name, "site": "site", **declared}
    return read_raw(TableDeclaration.model_validate(table), tmp_path)


def problem(tmp_path: Path, content: str | bytes, name: str = "t.csv", **declared: object) -> str:
    with pytest.raises(UnreadableTableError) as caught:
        read(tmp_path, content, name, **declared)
    return str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "latin-1", "utf-16"])
@pytest.mark.parametrize("declared", [False, True])
def test_an_encoding_is_found_or_taken_as_declared(
    tmp_path: Path, encoding: str, declared: bool
) -> None:
    content = "site,name\nA,Brontë café\n".encode(encoding)
    raw = read(tmp_path, content, encoding=encoding if declared else None)
    assert list(raw.frame.columns) == ["site", "name"]
    assert raw.frame["name"].tolist() == ["Brontë café"]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.txt"])
def test_a_separator_is_found(tmp_path: Path, separator: str, name: str) -> None:
    content = f'site{separator}note\nA{separator}"x, y; z"\nB{separator}plain\n'
    raw = read(tmp_path, content, name)
    assert raw.frame["note"].tolist() == ["x, y; z", "plain"]


def test_names_and_cells_are_stripped_and_names_reported(tmp_path: Path) -> None:
    raw = read(tmp_path, "site ,GRADE \nA, 0K \nB,   \n")
    assert list(raw.frame.columns) == ["site", "GRADE"]
    assert raw.frame["GRADE"].tolist() == ["0K", ""]
    assert raw.notes == ("Blanks around the name of a column were removed: 'site ', 'GRADE '.",)


def test_a_cut_last_row_is_set_aside_without_its_last_field(tmp_path: Path) -> None:
    raw = read(tmp_path, "site,a,b\nA,1,2\nB,4")
    assert raw.aside.tolist() == ["", "cut row"]
    assert raw.frame.iloc[1].tolist() == ["B", "", ""]


def test_a_file_cut_within_a_character_keeps_its_encoding(tmp_path: Path) -> None:
    content = "site,name\nA,Zoë\nB,Zoë".encode()
    raw = read(tmp_path, content[:-1])
    assert raw.frame["name"].tolist() == ["Zoë", "Zo"]
    assert read(tmp_path, "site,name\nA,Zoë".encode("cp1252")).frame["name"].tolist() == ["Zoë"]


def test_rows_that_do_not_fit_are_listed_by_line(tmp_path: Path) -> None:
    text = 'site,a,b\n"A\nof two lines",1,2\nB,4\nC,1,2,3\nD,1,2\n'
    message = problem(tmp_path, text)
    assert "Expected 3 fields as in the header; found otherwise in 2 lines: 4 (2), 5 (4)" in message


def test_trailing_separators_and_empty_lines_lose_nothing(tmp_path: Path) -> None:
    raw = read(tmp_path, "site,a\nA,1,\n\nB,2,\n,\n")
    assert raw.frame["a"].tolist() == ["1", "2", ""]
    assert raw.aside.tolist() == ["", "", "blank row"]


def test_a_column_without_a_name_keeps_its_values(tmp_path: Path) -> None:
    raw = read(tmp_path, ",site,\n1,A,\n2,B,\n")
    assert list(raw.frame.columns) == ["column 1", "site"]


def test_a_quotation_mark_left_open_swallows_no_rows(tmp_path: Path) -> None:
    rows = "".join(f"S{n},text\n" for n in range(20))
    message = problem(tmp_path, 'site,note\nA,"open\n' + rows)
    assert message == "A quotation mark in line 2 is never closed. Close or remove it."


@pytest.mark.parametrize(
    ("content", "declared", "expected"),
    [
        (b"", {}, "The file is empty"),
        (b"  \n ", {}, "The file is empty"),
        (b"PK\x03\x04rest", {}, "it looks like xlsx"),
        ("site,n\nA,é\n".encode("cp1252"), {"encoding": "utf-8"}, "byte 0xe9 in line 2"),
        ("site,n\nA,é\n".encode(), {"encoding": "cp1252"}, "'é' would be read as 'Ã©'"),
        (b"site,n\nA,1\n", {"encoding": "utf-99"}, "Encoding 'utf-99' is not known"),
        (b"site,n\nA,1\n", {"separator": ";"}, "is not in the first line; a comma is"),
        (b"site,n,n\nA,1,2\n", {}, "Column 'n' stands 2 times (columns 2, 3)"),
        (b"__site__,n\nA,1\n", {}, "'__site__' has a reserved name"),
    ],
)
def test_a_file_that_cannot_be_right_is_refused(
    tmp_path: Path, content: bytes, declared: dict[str, str], expected: str
) -> None:
    assert expected in problem(tmp_path, content, **declared)


def test_a_repeated_column_is_kept_once_where_nothing_differs(tmp_path: Path) -> None:
    assert list(read(tmp_path, "site,n,n\nA,1,1\n").frame.columns) == ["site", "n"]
    left_out = read(tmp_path, "site,n,n\nA,1,2\n", personal=["n"])
    assert list(left_out.frame.columns) == ["site", "n"]


def test_a_missing_file_is_named_with_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "staff.csv").write_text("site\nA\n")
    with pytest.raises(UnreadableTableError, match=r"stuff\.csv is not found; did you mean staff"):
        read_raw(TableDeclaration(path="stuff.csv", site="site"), tmp_path)
    with pytest.raises(UnreadableTableError, match="there is no folder 'data'"):
        read_raw(TableDeclaration(path="data/staff.csv", site="site"), tmp_path)


def test_an_ending_that_says_nothing_needs_a_format(tmp_path: Path) -> None:
    assert "Set format to one of: csv, tsv" in problem(tmp_path, "site\nA\n", "t.dat")
    assert read(tmp_path, "site\nA\n", "t.dat", format="csv").frame["site"].tolist() == ["A"]


def test_header_rows_below_the_names_are_titles(tmp_path: Path) -> None:
    raw = read(tmp_path, "site,q1\nSite,How is it?\nA,1\n", header_rows=2)
    assert raw.frame["q1"].tolist() == ["1"]
    assert raw.titles == {"site": "Site", "q1": "How is it?"}
    expected = "Expected 3 header rows; the file has 2 in all"
    assert expected in problem(tmp_path, "site\nA\n", header_rows=3)


def test_an_option_that_the_format_does_not_take_is_refused(tmp_path: Path) -> None:
    message = problem(tmp_path, "site\nA\n", sheet="first")
    assert message == "Format 'csv' does not take sheet. Remove it, or correct format."


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;"])
def test_a_first_line_may_name_the_separator(tmp_path: Path, first: str) -> None:
    raw = read(tmp_path, f"{first}\nsite;v\nA;1,5\n")
    assert raw.frame.to_numpy().tolist() == [["A", "1,5"]]
    assert raw.decimal_comma
    assert "in 1 line: 4 (3)" in problem(tmp_path, f"{first}\nsite;v\nA;1\nB;2;3\nC;4\n")


def test_windows_characters_in_declared_latin_1_are_refused(tmp_path: Path) -> None:
    data = "site,v\nA,\u201cx\u201d\n".encode("cp1252")
    message = problem(tmp_path, data, encoding="latin-1")
    assert "the file is 'cp1252': it has '\u201c', which 'latin-1' lacks" in message
    assert read(tmp_path, data).frame["v"].tolist() == ["\u201cx\u201d"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_its_mark_is_named(tmp_path: Path, encoding: str) -> None:
    data = "site,v\nZo\u00eb,1\n".encode(encoding)
    assert f"Set encoding = '{encoding}'" in problem(tmp_path, data)
    assert read(tmp_path, data, encoding=encoding).frame["v"].tolist() == ["1"]


def test_an_export_of_qualtrics_is_not_read_as_plain_text(tmp_path: Path) -> None:
    content = 'Q1,site\nHow?,Where?\n"{""ImportId"":""Q1""}","{""ImportId"":""Q2""}"\n3,A\n'
    assert "Set format = 'qualtrics'" in problem(tmp_path, content)
    assert read(tmp_path, content, header_rows=3).frame["Q1"].tolist() == ["3"]
    assert read(tmp_path, content, format="qualtrics").frame["Q1"].tolist() == ["3"]
