"""SPSS, Stata, Excel and Parquet files."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from site_typology.declaration import TableDeclaration
from site_typology.features.rawtable import RawTable, UnreadableTableError
from site_typology.features.readers import READERS, read_raw


def read(path: Path, **declared: object) -> RawTable:
    table = {"path": path.name, "site": "site", **declared}
    return read_raw(TableDeclaration.model_validate(table), path.parent)


def answers() -> pd.DataFrame:
    return pd.DataFrame({"site": ["A", "B", "C", "D"], "q1": [1.0, 97.0, 98.0, np.nan]})


@pytest.fixture
def spss(tmp_path: Path) -> Path:
    path = tmp_path / "survey.sav"
    pyreadstat.write_sav(
        answers().assign(q2=[-1.0, 2.0, -9.0, 3.0], q3=["x", "", "NA", "y"]),
        path,
        column_labels=["Site", "How often?", "How much?", "Other"],
        variable_value_labels={
            "q1": {1: "Often", 97: "Not administered", 98: "Don't know"},
            "q2": {-9: "Prefer not to say"},
        },
        missing_ranges={"q1": [97, 98], "q2": [{"lo": -9, "hi": -1}], "q3": ["NA"]},
    )
    return path


def test_spss_codes_and_ranges_keep_their_reason(spss: Path) -> None:
    raw = read(spss)
    assert raw.frame["q1"].tolist()[:3] == [1.0, 97.0, 98.0]
    assert raw.missing["q1"] == {"97": "not asked", "98": "don't know"}
    assert raw.missing["q2"] == {"-1": "not answered", "-9": "refused"}
    assert raw.missing["q3"] == {"NA": "not answered"}
    assert raw.labels["q1"]["1"] == "Often"
    assert raw.titles["q1"] == "How often?"


def test_stata_extended_missing_codes_keep_their_reason(tmp_path: Path) -> None:
    path = tmp_path / "survey.dta"
    frame = pd.DataFrame({"site": ["A", "B", "C"], "q1": [1, 2, "a"]})
    labels: dict[str, dict[object, str]] = {"q1": {1: "Yes", "a": "Refused"}}
    pyreadstat.write_dta(
        frame, path, variable_value_labels=labels, missing_user_values={"q1": ["a"]}
    )
    raw = read(path)
    assert raw.missing["q1"] == {"a": "refused"}
    assert raw.frame["q1"].tolist() == [1.0, 2.0, "a"]


@pytest.mark.parametrize("engine_file", ["t.xlsx", "t.parquet"])
def test_typed_cells_become_numbers_and_text(tmp_path: Path, engine_file: str) -> None:
    frame = pd.DataFrame(
        {
            "site": [" 007 ", "B"],
            "size": [3, 4],
            "open": [True, False],
            "from": [datetime.datetime(2021, 1, 31), datetime.datetime(2021, 2, 1, 9, 30)],
            "note": ["x", None],
        }
    )
    path = tmp_path / engine_file
    if engine_file.endswith("xlsx"):
        frame.to_excel(path, index=False)
    else:
        frame.to_parquet(path)
    raw = read(path)
    assert raw.frame["site"].tolist() == ["007", "B"]
    assert raw.frame["size"].tolist() == [3.0, 4.0]
    assert raw.frame["open"].tolist() == [1.0, 0.0]
    assert raw.frame["from"].tolist() == ["2021-01-31", "2021-02-01 09:30:00"]
    assert raw.frame["note"].iloc[0] == "x"


def test_a_sheet_is_found_by_name_and_blank_rows_are_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"about": ["this file"]}).to_excel(book, sheet_name="about", index=False)
        pd.DataFrame({"site": ["A", None, "B"]}).to_excel(book, sheet_name="sites", index=False)
    raw = read(path, sheet="sites")
    assert raw.frame["site"].tolist() == ["A", "", "B"]
    assert raw.aside.tolist() == ["", "blank row", ""]
    with pytest.raises(UnreadableTableError, match="no sheet 'site'; found: about, sites"):
        read(path, sheet="site")


def test_whole_numbers_too_large_for_a_float_stay_exact(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pd.DataFrame({"site": [9007199254740993, 1]}).to_parquet(path)
    assert read(path).frame["site"].tolist() == ["9007199254740993", "1"]


@pytest.mark.parametrize("name", ["t.sav", "t.dta", "t.xlsx", "t.parquet"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
def test_a_truncated_file_is_refused_with_what_to_do(
    tmp_path: Path, name: str, share: float
) -> None:
    path = tmp_path / name
    frame = pd.DataFrame({"site": [f"S{n}" for n in range(500)], "q": np.arange(500.0)})
    writers = {
        "t.sav": pyreadstat.write_sav,
        "t.dta": pyreadstat.write_dta,
        "t.xlsx": lambda table, to: table.to_excel(to, index=False),
        "t.parquet": lambda table, to: table.to_parquet(to),
    }
    writers[name](frame, path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(UnreadableTableError, match=r"cut short|empty"):
        read(path)


def test_text_in_the_place_of_another_format_is_refused(tmp_path: Path) -> None:
    for name in ("sav", "dta", "xlsx", "parquet"):
        path = tmp_path / f"t.{name}"
        path.write_text("site,q\nA,1\n")
        with pytest.raises(UnreadableTableError, match="another format"):
            read(path)


def test_every_declared_format_has_a_reader() -> None:
    from typing import get_args

    from site_typology.declaration import Format

    # The answer of a query is no file: features.database asks it.
    assert sorted([*READERS, "sql"]) == sorted(get_args(Format))
