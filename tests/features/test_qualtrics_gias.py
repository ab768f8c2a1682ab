"""Qualtrics exports and extracts of the register of schools."""

from __future__ import annotations

from pathlib import Path

import pytest

from site_typology.declaration import TableDeclaration
from site_typology.features.rawtable import RawTable
from site_typology.features.readers import read_raw

IDS = "StartDate,Status,IPAddress,ResponseId,Q1"
TEXTS = '"Start Date","Response Type","IP Address","Response ID","How, on the\nwhole, is it?"'
IMPORTS = ",".join(['"{""ImportId"":""x""}"'] * 5)
ROWS = "2021-01-05,0,192.0.2.1,R_1,4\n2021-01-06,1,192.0.2.2,R_2,5\n2021-01-07,0,,R_3,\n"


def read(tmp_path: Path, content: str | bytes, **declared: object) -> RawTable:
    data = content.encode("utf-8-sig") if isinstance(content, str) else content
    (tmp_path / "t.csv").write_bytes(data)
    table = {"path": "t.csv", "site": "site", **declared}
    return read_raw(TableDeclaration.model_validate(table), tmp_path)


@pytest.mark.parametrize(
    ("content", "declared"),
    [
        (f"{IDS}\n{TEXTS}\n{IMPORTS}\n{ROWS}", {}),
        (f"{IDS}\n{TEXTS}\n{ROWS}", {}),
        (f"{IDS}\nDatum,Art,Adresse,Nummer,Wie?\n{ROWS}", {"header_rows": 2}),
        (f"{IDS}\n{ROWS}", {}),
    ],
    ids=["three header rows", "legacy two", "localised two", "one"],
)
def test_header_rows_are_taken_off_and_previews_set_aside(
    tmp_path: Path, content: str, declared: dict[str, object]
) -> None:
    raw = read(tmp_path, content, format="qualtrics", **declared)
    assert list(raw.frame.columns) == IDS.split(",")
    assert raw.frame["Q1"].tolist() == ["4", "5", ""]
    assert raw.aside.tolist() == ["", "survey preview", ""]


def test_question_texts_become_titles(tmp_path: Path) -> None:
    raw = read(tmp_path, f"{IDS}\n{TEXTS}\n{IMPORTS}\n{ROWS}", format="qualtrics")
    assert raw.titles["Q1"] == "How, on the\nwhole, is it?"


def test_a_preview_may_be_written_in_words(tmp_path: Path) -> None:
    rows = ROWS.replace(",1,", ",Survey Preview,").replace(",0,", ",IP Address,")
    raw = read(tmp_path, f"{IDS}\n{TEXTS}\n{IMPORTS}\n{rows}", format="qualtrics")
    assert raw.aside.tolist() == ["", "survey preview", ""]


def test_gias_codes_stay_padded_and_areas_lose_their_country(tmp_path: Path) -> None:
    text = (
        "URN,TypeOfEstablishment (code),EstablishmentName,UrbanRural (name)\n"
        "100001,01,Brontë School,(England/Wales) Rural village\n"
    )
    raw = read(tmp_path, text.encode("cp1252"), format="gias")
    assert raw.frame.iloc[0].tolist() == ["100001", "01", "Brontë School", "Rural village"]


def test_names_of_columns_take_the_registers_spelling_whatever_a_tool_made_of_them(
    tmp_path: Path,
) -> None:
    text = "urn,establishment_status_name, urbanrural (NAME) ,Head\n1,Open,(England/Wales) X,Z\n"
    raw = read(tmp_path, text.encode("cp1252"), format="gias")
    names = ["URN", "EstablishmentStatus (name)", "UrbanRural (name)", "Head"]
    assert list(raw.frame.columns) == names
    assert raw.frame.iloc[0].tolist() == ["1", "Open", "X", "Z"]
    assert raw.notes[-1].startswith("Names of columns were brought to the register's spelling")
    assert "'urn' to 'URN'" in raw.notes[-1]


@pytest.mark.parametrize(
    ("header", "declared", "expected"),
    [
        ("urn,URN", {}, ["urn", "URN"]),
        ("urn,Urn", {}, ["urn", "Urn"]),
        ("urn,FSM", {"rename": {"id": "urn"}}, ["urn", "FSM"]),
        ("Headteacher,FSM", {}, ["Headteacher", "FSM"]),
    ],
    ids=["both spellings", "twice", "renamed by the study", "not of the register"],
)
def test_a_name_stays_where_the_registers_would_not_be_its_own(
    tmp_path: Path, header: str, declared: dict[str, object], expected: list[str]
) -> None:
    raw = read(tmp_path, f"{header}\n1,2\n".encode(), format="gias", **declared)
    assert list(raw.frame.columns) == expected


def test_previews_are_found_whatever_the_language_of_the_headings(tmp_path: Path) -> None:
    names = ["status", "distributionChannel", "Q1"]
    ids = ",".join(f'"{{""ImportId"":""{name}""}}"' for name in names)
    rows = "IP-Adresse,anonymous,1\nUmfragevorschau,preview,2\n1,anonymous,3\nx,test,4\n"
    content = f"Antworttyp,Verteilung,F1\nStatus der Antwort,Kanal,Wie?\n{ids}\n{rows}"
    raw = read(tmp_path, content, format="qualtrics")
    assert raw.frame["F1"].tolist() == ["1", "2", "3", "4"]
    assert raw.aside.tolist() == ["", *["survey preview"] * 3]
