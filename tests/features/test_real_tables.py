"""The quirks of real files, where they are at hand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from site_typology.errors import Problems
from site_typology.features.linking import read_tables
from site_typology.features.tables import StudyTables
from site_typology.study_file import parse_declaration

HOME = Path(__file__).parents[2]
DATA = Path(os.environ.get("SITE_TYPOLOGY_DATA", HOME.parent / "shared" / "data"))

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"no data in {DATA}: set SITE_TYPOLOGY_DATA"),
]


def read(tables: dict[str, dict[str, Any]], **study: Any) -> StudyTables:
    content = {
        "study": {"name": "real", "sites": "sites", **study},
        "tables": tables,
        "features": [{"name": "any", "builder": "mean"}],
    }
    found = Problems("study.toml")
    result = read_tables(parse_declaration(content), DATA, found)
    found.raise_if_any()
    return result


def aside(tables: StudyTables, name: str) -> dict[str, int]:
    ledger = tables.ledger
    rows = ledger[(ledger["table"] == name) & (ledger["entry"] == "rows")]
    return dict(rows.groupby("reason")["n"].sum())


def test_new_york_schools_are_linked_and_the_cut_row_is_kept_account_of() -> None:
    tables = read(
        {
            "sites": {"path": "nyc2011/survey_all.txt", "site": "dbn"},
            "demographics": {
                "path": "nyc2011/demographics.csv",
                "site": "DBN",
                "unique": ["DBN", "schoolyear"],
                "where": [{"column": "schoolyear", "values": ["20102011"]}],
            },
            "classes": {
                "path": "nyc2011/class_size.csv",
                "site": "{CSD:0>2}{SCHOOL CODE}",
                "rename": {"grade": "GRADE "},
            },
        },
        unknown_sites="drop",
    )
    assert len(tables.sites) == 454
    assert aside(tables, "sites") == {"": 454, "cut row": 1}
    cut = tables.ledger[tables.ledger["reason"] == "cut row"]
    assert cut["site"].tolist() == ["09X404"]
    assert sum(aside(tables, "demographics").values()) == 10_075
    assert aside(tables, "demographics")[""] == 449
    assert sum(aside(tables, "classes").values()) == 27_611
    assert aside(tables, "classes")[""] == 8_025
    assert "grade" in tables.tables["classes"].collect()
    schools = tables.tables["sites"]
    first = schools.collect().iloc[0]
    assert (first["rr_t"], first["p_q2h"]) == (88.0, 8.0)
    assert schools.collect_reasons()["rr_s"].value_counts()["not answered"] == 153


def test_district_75_reads_by_itself() -> None:
    tables = read({"sites": {"path": "nyc2011/survey_d75.txt", "site": "dbn"}})
    assert tables.tables["sites"].collect().shape[0] == 56


def test_dutch_pupils_find_their_schools() -> None:
    tables = read(
        {
            "sites": {"path": "pisa2003_nld/schools.csv", "site": "school_id"},
            "pupils": {"path": "pisa2003_nld/students.csv", "site": "SCHOOLID", "role": "survey"},
        }
    )
    assert (len(tables.sites), len(tables.tables["pupils"].collect())) == (154, 3_992)
    assert tables.tables["sites"].collect()["stratio"].isna().mean() == pytest.approx(
        0.15, abs=0.01
    )


def test_italian_principals_keep_why_they_did_not_answer() -> None:
    tables = read(
        {
            "sites": {"path": "talis2018_ita/BCGITAT3.sav", "site": "IDSCHOOL"},
            "teachers": {"path": "talis2018_ita/teachers.csv", "site": "IDSCHOOL"},
            "codes": {"path": "talis2018_ita/schools_codes.csv", "site": "IDSCHOOL"},
        }
    )
    assert len(tables.sites) == 192
    without = tables.ledger.query("table == 'teachers' and outcome == 'no rows'")
    assert without["site"].tolist() == ["3127"]
    principals, codes = tables.tables["sites"], tables.tables["codes"]
    raw = codes.collect()["TC3G01"]
    assert (principals.collect_reasons()["TC3G01"] == "not asked").sum() == (raw == 8).sum() == 2
    answered = principals.collect()["TC3G01"].notna()
    assert (principals.collect()["TC3G01"][answered] == raw[answered]).all()
    assert principals.labels["TC3G01"]["1"] == "Female"
