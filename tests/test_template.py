"""A template that is filled in gives back what was filled in, and holds nothing that runs."""

from __future__ import annotations

import io

import numpy as np
import openpyxl
import pandas as pd
import pytest
from openpyxl.chart import BarChart

from site_typology.assigning import assign_file
from site_typology.cli import main
from site_typology.differences import MismatchError
from site_typology.errors import StudyError
from site_typology.feature_info import FeatureInfo
from site_typology.form import Field, Form
from site_typology.new_site_files import read_raw
from site_typology.template import template_bytes, template_columns, write_template


@pytest.fixture(scope="module")
def form(typed):
    return Form.of(typed)


def filled(form, typed, path):
    """The template with the fitted sites filled in by hand, as a spreadsheet program saves it."""
    book = openpyxl.load_workbook(io.BytesIO(template_bytes(form, "xlsx")))
    profiles, sheet = typed.profiles, book["Sites"]
    for row, key in enumerate(profiles.values.index, start=2):
        for at, (_, field, ending) in enumerate(template_columns(form), start=1):
            table = profiles.standard_errors if ending else profiles.values
            value = key[0] if field is None else table.loc[key, field.name]
            sheet.cell(row, at, None if pd.isna(value) else value)
    book.save(path)


def test_a_filled_workbook_gives_the_fitted_sites_their_own_types(form, typed, tmp_path):
    filled(form, typed, tmp_path / "sites.xlsx")
    answer, notes = assign_file(typed, tmp_path / "sites.xlsx")
    own = typed.memberships
    assert answer.frame["type"].equals(own["type"]) and notes == ()
    np.testing.assert_allclose(answer.frame["confidence"], own["confidence"], atol=1e-12)
    assert answer.frame["reason"].tolist() == own["reason"].tolist()


def test_every_column_has_help_a_rule_and_a_line_on_the_second_sheet(form):
    book = openpyxl.load_workbook(io.BytesIO(template_bytes(form, "xlsx")))
    assert book.sheetnames == ["Sites", "Help", "Lists"]
    sheet = book["Sites"]
    headings = [cell.value for cell in sheet[1]]
    assert headings[:3] == ["site", "wsa", "wsa__se"] and "need [points]" in headings
    assert all("Leave blank" in cell.comment.text for cell in sheet[1])
    rules = {str(rule.sqref).split(":")[0]: rule for rule in sheet.data_validations.dataValidation}
    assert len(rules) == len(headings)
    lead = rules[f"{sheet.cell(2, headings.index('lead') + 1).coordinate}"]
    assert lead.type == "list" and lead.formula1.startswith("Lists!")
    assert rules["C2"].type == "decimal" and float(rules["C2"].formula1) == 0
    assert all(len(rule.prompt) <= 255 and len(rule.promptTitle) <= 32 for rule in rules.values())
    told = [row[0] for row in book["Help"].iter_rows(min_row=2, values_only=True)]
    assert told[: len(headings)] == headings


def test_a_share_is_held_to_its_range_and_names_that_look_like_formulas_are_text():
    info = FeatureInfo("=SUM(A1)", "share", label="@risk", definition="+1")
    lead = Field(FeatureInfo("lead", "category"), False, False, False, None, ("=HYPER()",), None)
    form = Form("=x", (Field(info, True, False, True, (0.0, 1.0), (), None), lead))
    book = openpyxl.load_workbook(io.BytesIO(template_bytes(form, "xlsx")))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value]
    assert not [cell for cell in cells if cell.data_type == "f"]
    assert not [cell for cell in cells if str(cell.value).startswith(("=", "@", "+"))]
    rules = {rule.type: rule for rule in book["Sites"].data_validations.dataValidation}
    assert (rules["list"].formula1, book["Lists"]["D1"].value) == ("Lists!$D$1:$D$1", "'=HYPER()")
    assert {rule.formula2 for rule in book["Sites"].data_validations.dataValidation} >= {"1"}
    text = template_bytes(form, "csv").decode("utf-8-sig")
    assert text == "site,'=SUM(A1),'=SUM(A1)__n,lead\r\n"


def test_a_formula_without_its_result_a_date_and_an_error_are_named_by_their_cell(
    form, typed, tmp_path
):
    path = tmp_path / "sites.xlsx"
    filled(form, typed, path)
    book = openpyxl.load_workbook(path)
    book["Sites"]["B2"] = "=1+1"
    book["Sites"]["D3"] = pd.Timestamp("2024-05-01")
    book["Sites"]["F4"] = "#DIV/0!"
    book.save(path)
    with pytest.raises(MismatchError) as caught:
        assign_file(typed, path)
    told = {(own.cells[0][0], own.what) for own in caught.value.differences}
    assert told == {
        ("B2", "a formula without a result"),
        ("D3", "a date"),
        ("F4", "an error of the spreadsheet"),
    }


def test_a_csv_template_is_read_with_commas_and_with_semicolons(form, typed, tmp_path):
    write_template(form, tmp_path / "t.csv")
    heading = (tmp_path / "t.csv").read_text("utf-8-sig").strip()
    count = heading.count(",")
    row = ",".join(["Nord-Süd", "5.5", *[""] * (count - 1)])
    for separator in (",", ";"):
        path = tmp_path / "filled.csv"
        path.write_text(f"{heading}\n{row}\n".replace(",", separator), "utf-8-sig")
        frame = assign_file(typed, path)[0].frame
        assert frame["site"].tolist() == ["Nord-Süd"]
        assert frame["reason"][0].startswith("not enough data: 1 of 5")


@pytest.mark.parametrize("name", ["Feuille 1", "Tabelle1"])
def test_a_renamed_sheet_behind_another_is_found_and_named(name, form, typed, tmp_path):
    path = tmp_path / "sites.xlsx"
    filled(form, typed, path)
    book = openpyxl.load_workbook(path)
    book["Sites"].title = name
    book.move_sheet("Help", -1)
    book.save(path)
    frame = assign_file(typed, path)[0].frame
    assert len(frame) == len(typed.profiles.sites)
    book[name].cell(2, 2).value = "much"
    book.save(path)
    with pytest.raises(MismatchError, match=f"sites.xlsx, sheet {name}: 1 problem"):
        assign_file(typed, path)


def test_a_workbook_without_sites_gets_one_message_that_names_the_sheet(tmp_path, typed):
    book = openpyxl.Workbook()
    book.active.title = "Notes"
    book.active.append(["what we did", "when"])
    book.active.append(["asked", "May"])
    book.save(tmp_path / "notes.xlsx")
    with pytest.raises(MismatchError, match=r"notes\.xlsx, sheet Notes: 1 problem\n  headings"):
        assign_file(typed, tmp_path / "notes.xlsx")


def test_a_chart_sheet_before_the_sites_is_passed_over(form, typed, tmp_path):
    path = tmp_path / "sites.xlsx"
    filled(form, typed, path)
    book = openpyxl.load_workbook(path)
    book["Sites"].title = "Data"
    for at, name in enumerate(("Chart", "Sites")):
        book.create_chartsheet(name, at).add_chart(BarChart())
    book.save(path)
    assert read_raw(path).source == "sites.xlsx, sheet Data"
    assert assign_file(typed, path)[0].frame["type"].equals(typed.memberships["type"])


def test_a_workbook_of_charts_alone_is_refused_by_their_names(tmp_path):
    book = openpyxl.Workbook()
    book.create_chartsheet("Trend").add_chart(BarChart())
    book.remove(book.active)
    book.save(tmp_path / "charts.xlsx")
    with pytest.raises(StudyError, match=r"No sheet has cells \(sheets: 'Trend'\)") as caught:
        read_raw(tmp_path / "charts.xlsx")
    assert "damaged" not in str(caught.value)


def test_a_mistake_of_ours_is_not_called_a_damaged_file(form, typed, tmp_path, monkeypatch):
    filled(form, typed, tmp_path / "sites.xlsx")
    monkeypatch.delattr("openpyxl.worksheet._read_only.ReadOnlyWorksheet.reset_dimensions")
    with pytest.raises(AttributeError, match="reset_dimensions"):
        read_raw(tmp_path / "sites.xlsx")


def test_figures_to_compare_with_can_be_read(form):
    sheet = openpyxl.load_workbook(io.BytesIO(template_bytes(form, "xlsx")))["Help"]
    shown = [cell for row in sheet.iter_rows(min_row=2, min_col=5, max_col=7) for cell in row]
    figures = [cell.value for cell in shown if cell.value is not None]
    assert figures and all(float(f"{figure:.6g}") == figure for figure in figures)


@pytest.mark.parametrize("name", ["a.xlsx", "a.csv", "a.parquet"])
def test_files_that_are_not_what_they_are_called_are_refused(name, tmp_path):
    (tmp_path / name).write_bytes(b"\xff\xfe\x00PK not at all")
    with pytest.raises(StudyError, match=name):
        list(read_raw(tmp_path / name).rows)
    (tmp_path / "b.ods").touch()
    with pytest.raises(StudyError, match="Not found"):
        read_raw(tmp_path / "none.csv")
    with pytest.raises(StudyError, match=r"Expected \.csv, \.xlsx or \.parquet"):
        read_raw(tmp_path / "b.ods")


def test_the_command_writes_either_and_refuses_others(typed, tmp_path, capsys):
    model = typed.save(tmp_path / "typology")
    for name in ("new.xlsx", "new.csv"):
        with pytest.raises(SystemExit) as left:
            main(["template", "--model", str(model), "--out", str(tmp_path / name)])
        assert left.value.code == 0 and (tmp_path / name).stat().st_size
    with pytest.raises(SystemExit) as left:
        main(["template", "--model", str(model), "--out", str(tmp_path / "new.ods")])
    assert left.value.code == 2 and ".xlsx or .csv" in capsys.readouterr().err


def test_control_characters_of_a_label_or_a_category_are_left_out():
    info = FeatureInfo("wsa", "continuous", label="Whole\x0bschool", definition="a\x0cb")
    lead = Field(
        FeatureInfo("lead", "category"), False, False, False, None, ("NHS\x0btrust",), None
    )
    form = Form("x", (Field(info, True, False, False, None, (), None), lead))
    book = openpyxl.load_workbook(io.BytesIO(template_bytes(form, "xlsx")))
    texts = [str(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row]
    assert "NHStrust" in texts
    assert not [text for text in texts if "\x0b" in text or "\x0c" in text]
