"""Columns whose cells show that they name a person, whatever they are called."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pyreadstat
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from site_typology.errors import Problem, Problems
from site_typology.features.conditions import quoted_cells
from site_typology.features.linking import read_tables
from site_typology.features.profiler import check_features
from site_typology.features.scaffold import write_study
from site_typology.personal_patterns import PATTERNS, masked, personal_kind
from site_typology.study_file import parse_declaration, read_declaration

MAIL = ["ann@trust.example", "bo.b+1@nhs.example.uk"]
ADDRESSES = ["203.0.113.77", "2001:db8::1"]
PHONES = ["+44 20 7946 0958", "01632 960 001"]


@pytest.mark.parametrize(
    "value", [*MAIL, *ADDRESSES, *PHONES, "07700900123", "(0131) 496 0123", "+44 (0)20 7946 0958"]
)
def test_personal_values_are_hidden_in_every_message(value: str) -> None:
    message = Problem("tables.q", f"found '{value}' in row 1, {value}.").message
    assert value not in message
    assert personal_kind([value, value])


@pytest.mark.parametrize(
    "text",
    [
        "2021-09-30",
        "30/09/2021",
        "10:00:00",
        "100102",
        "0012345",
        "2.7.1",
        "rows 1, 2, 3",
        "E00001",
        "1,013",
        "010203",
        "00000012345678",
        "1.5",
        "2022-01-01 10:00:00",
        "name@",
        "a :: b",
        "-99",
    ],
)
def test_codes_dates_and_numbers_are_not(text: str) -> None:
    assert masked(text) == text
    assert not personal_kind([text])


SEARCHED = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
"""E-mail addresses as a plain search finds them, beginning anew at every letter."""


@given(st.text(alphabet="aab@@..+%-_ :07é", max_size=60))
@settings(max_examples=500, deadline=None)
@example("a@b.c%d@e.f")
@example("a@b@c.d")
@example("..@a.b.@c-d.e@")
def test_addresses_are_those_of_a_plain_search(text: str) -> None:
    assert masked(text) == without_addresses(SEARCHED.sub("(e-mail address)", text))
    assert bool(SEARCHED.fullmatch(text.strip())) == (personal_kind([text]) == "e-mail address")


def without_addresses(text: str) -> str:
    for kind, pattern in PATTERNS.items():
        text = text if kind == "e-mail address" else pattern.sub(f"({kind})", text)
    return text


@pytest.mark.parametrize("part", ["a", "a.", "0", "a-", "a@b@", "a@b.c%"])
def test_a_long_text_takes_no_longer_than_its_length_asks(part: str) -> None:
    """A search that begins anew at each letter would take minutes for this one."""
    text = part * (400_000 // len(part))
    assert masked(text).count("(e-mail address)") == (text.count(".c%") > 0) * text.count(part)


def test_free_text_is_cut_and_labels_are_not() -> None:
    comments = [f"Ring me: Quillon Wolstenholme{at}" for at in range(20)]
    assert "Wolstenholme" not in quoted_cells(comments)
    kinds = ["Academy sponsor led", "Other independent special school", "Rural town and fringe"]
    assert quoted_cells(kinds) == "'" + "', '".join(kinds) + "'"


def folder_with_people(folder: Path) -> Path:
    n = 12
    sites = [f"T{at:02d}" for at in range(n)]
    pd.DataFrame({"site": sites, "beds": range(n)}).to_csv(folder / "sites.csv", index=False)
    people = pd.DataFrame({"site": sites, "contact": [f"{at}.{MAIL[0]}" for at in range(n)]})
    people = people.assign(addr=[f"203.0.113.{at}" for at in range(n)], desk=PHONES * (n // 2))
    people.assign(q=range(n), kind=["a", "b"] * (n // 2)).to_csv(folder / "people.csv", index=False)
    leads = pd.DataFrame({"site": sites, "v9": ["no"] * n, "uses": ["a lot", "never"] * (n // 2)})
    pyreadstat.write_sav(
        leads.assign(q1=1.0),
        folder / "leads.sav",
        column_labels=["Site", "e-mail", "How often do you write to schools by e-mail?", "E-mail"],
    )
    return folder


def test_init_proposes_columns_by_their_cells_and_labels(tmp_path: Path) -> None:
    tables = read_declaration(write_study(folder_with_people(tmp_path))).tables
    assert tables["people"].personal == ("contact", "addr", "desk")
    assert tables["leads"].personal == ("v9",)


@pytest.mark.parametrize("engine", [None, "duckdb"])
def test_check_warns_of_columns_that_are_not_declared(tmp_path: Path, engine: str | None) -> None:
    folder_with_people(tmp_path)
    content = {
        "study": {"name": "made", "sites": "sites"},
        "tables": {
            "sites": {"path": "sites.csv", "site": "site"},
            "people": {
                "path": "people.csv", "site": "site", "personal": ["desk"], "engine": engine,
            },
        },
        "features": [
            {"name": "a", "builder": "mean", "args": {"table": "people", "column": "contact"}},
            {"name": "b", "builder": "mean", "args": {"table": "people", "column": "desk"}},
        ],
    }  # fmt: skip
    found = Problems("study.toml")
    tables = read_tables(parse_declaration(content), tmp_path, found)
    assert not found
    noted = tables.ledger.loc[tables.ledger["entry"] == "file", "reason"]
    assert list(noted) == [
        "Column 'contact' seems to hold e-mail addresses. Name it under personal, so that it is "
        "dropped on load.",
        "Column 'addr' seems to hold IP addresses. Name it under personal, so that it is dropped "
        "on load.",
    ]
    check_features(tables, found)
    said = [problem.message for problem in found]
    assert said[0].startswith("Column 'contact' of table 'people' must hold numbers; found '(e-m")
    assert said[1] == (
        "Column 'desk' of table 'people' is personal and was dropped on load. Name another, or "
        "take it out of personal."
    )
    assert "trust.example" not in str(said)
