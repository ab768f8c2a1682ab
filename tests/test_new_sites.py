"""New sites are checked against what a typology was fitted on, cell by cell, all at once."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest

from site_typology.cell_values import UnsavedFormula, read_number
from site_typology.differences import MOST_CELLS, CellList, MismatchError
from site_typology.feature_info import FeatureInfo
from site_typology.form import MOST_UNKNOWN, Field, Form
from site_typology.new_site_files import address, rows_table
from site_typology.new_sites import Checker, Chunk

FORM = Form(
    "Wave 1",
    (
        Field(FeatureInfo("wait", unit="weeks"), True, True, True, None, (), (2.0, 5.0, 9.0)),
        Field(FeatureInfo("leavers", "share"), True, False, False, (0.0, 1.0), (), (0.0, 0.2, 0.6)),
        Field(
            FeatureInfo("mix.a", "composition", composition="mix"),
            True, False, False, (0.0, 1.0), (), None,
        ),
        Field(
            FeatureInfo("mix.b", "composition", composition="mix"),
            True, False, False, (0.0, 1.0), (), None,
        ),
        Field(
            FeatureInfo("need", "ordinal"),
            True, False, False, None, (1.0, 2.0, 4.0), (1.0, 2.0, 4.0),
        ),
        Field(FeatureInfo("lead", "category"), False, False, False, None, ("NHS", "charity"), None),
    ),
)  # fmt: skip
HEADINGS = ["site", "wait", "wait__se", "leavers", "mix.a", "mix.b", "need", "lead"]
GOOD = ["North", "4", "0.5", "0.2", "0.3", "0.7", "2", "NHS"]


def check(headings, rows, **options):
    checker = Checker(FORM, rows_table("new", headings, rows), **options)
    chunks = list(checker.chunks(2))
    return chunks, checker.finish()


def problems(headings, rows, **options):
    with pytest.raises(MismatchError) as caught:
        check(headings, rows, **options)
    return {own.column: own for own in caught.value.differences}


def changed(**cells):
    row = dict(zip(HEADINGS, GOOD, strict=True))
    return [*{**row, **cells}.values()]


@pytest.mark.parametrize(
    ("raw", "value", "what"),
    [
        ("1e3", 1000.0, ""),
        (7, 7.0, ""),
        (" ", np.nan, ""),
        (None, np.nan, ""),
        ("1_000", np.nan, "not a number"),
        ("nan", np.nan, "not a number"),
        ("-Infinity", np.nan, "infinite"),
        (10**400, np.nan, "infinite"),
        ("1e999", np.nan, "infinite"),
        ("0,5", np.nan, "a decimal comma"),
        ("45 %", np.nan, "a percentage"),
        ("#DIV/0!", np.nan, "an error of the spreadsheet"),
        (datetime.date(2024, 5, 1), np.nan, "a date"),
        (False, np.nan, "true or false"),
        (UnsavedFormula(), np.nan, "a formula without a result"),
        ([1.0], np.nan, "not a number"),
    ],
)
def test_a_cell_is_read_or_named_for_what_it_is(raw, value, what):
    found, said = read_number(raw)
    assert said == what
    np.testing.assert_equal(found, value)


def test_sites_in_order_become_chunks_that_make_profiles():
    rows = [GOOD, changed(site="=1+1", wait=""), changed(site="'-East", need="4")]
    chunks, notes = check(HEADINGS, rows)
    assert [len(chunk) for chunk in chunks] == [2, 1] and notes == ()
    profiles = Chunk.joined(chunks).profiles(FORM)
    assert profiles.sites == ["North", "=1+1", "-East"]
    np.testing.assert_array_equal(profiles.values["wait"], [4.0, np.nan, 4.0])
    assert profiles.values["lead"].tolist() == ["NHS"] * 3
    assert (profiles.standard_errors["leavers"] == 0).all()


def test_every_cell_that_is_wrong_is_listed_in_one_error():
    rows = [
        changed(wait="soon", leavers="45"),
        changed(site="", leavers="-0.2"),
        changed(site="South", **{"wait__se": "-1", "mix.b": "0.9"}),
        changed(site="North", need="9"),
    ]
    found = problems(HEADINGS, rows)
    assert found["wait"].cells == (("row 1", "soon"),)
    assert found["leavers"].cells == (("row 1", "45"), ("row 2", "-0.2"))
    assert found["wait__se"].what == "negative"
    assert found["mix"].cells == (("row 3", "1.200"),)
    assert found["need"].expected == "1, 2, 4"
    assert found["site"].cells == (("row 1", ""), ("row 4", ""))
    assert "North" not in " ".join(own.without_values for own in found.values())


def test_near_misses_of_headings_are_suggested_and_units_compared():
    headings = ["Site", "wait [days]", "Leaver", "mix.a", "mix.b", "need", "x9", "need"]
    found = problems(headings, [["N", 1, 0.2, 0.3, 0.7, 2, 1, 2]])
    assert found["Site"].remedy == "Rename it to 'site'."
    assert found["wait"].found == "unit days" and found["wait"].expected == "unit weeks"
    assert found["Leaver"].remedy == "Rename it to 'leavers'."
    assert found["leavers"].remedy.startswith("Rename the one like it.")
    assert found["x9"].remedy == "Remove the column."
    assert found["need"].what == "two"


def test_a_part_of_a_composition_may_be_left_out_only_where_it_can_be_completed():
    headings = [name for name in HEADINGS if name != "mix.b"]
    row = [cell for name, cell in zip(HEADINGS, GOOD, strict=True) if name != "mix.b"]
    check(headings, [row])
    assert "mix.b" in problems(headings, [row], whole=True)


def test_another_unit_another_level_and_another_code_are_noted_and_do_not_stop():
    rows = [changed(site=f"S{at}", wait="40", need="3", lead="nhs") for at in range(3)]
    notes = {own.column: own for own in check(HEADINGS, rows)[1]}
    assert set(notes) == {"wait", "need", "lead"}
    assert notes["wait"].found == "3 of 3 values far beyond (40 to 40)"
    assert notes["lead"].expected == "NHS, charity"
    assert not any(own.stops for own in notes.values())


def test_one_value_far_out_among_many_is_pointed_out_as_a_slip():
    rows = [changed(site=f"S{at}", wait="4") for at in range(9)] + [changed(wait="-999")]
    (note,) = check(HEADINGS, rows)[1]
    assert note.found == "1 of 10 values far beyond (-999 to 4)" and not note.stops
    assert "a slip, or a code for missing" in note.remedy and "the unit" not in note.remedy


@pytest.mark.parametrize("headings", [["site wait leavers"], GOOD, ["a", "b"], [""]])
def test_a_table_without_any_known_heading_gets_one_message(headings):
    found = problems(headings, [["x"] * len(headings)])
    assert list(found) == ["headings"]
    assert repr(headings[0] or "(blank)") in found["headings"].found
    assert "site-typology template" in found["headings"].remedy


def test_headings_that_are_all_like_known_ones_are_each_suggested():
    found = problems(["Site name", "Waiting (wait)", "Leavers"], [["North", 4, 0.2]])
    assert "headings" not in found
    remedies = {name: own.remedy for name, own in found.items() if own.found.startswith("an ")}
    assert remedies == {
        "Site name": "Rename it to 'site'.",
        "Waiting (wait)": "Rename it to 'wait'.",
        "Leavers": "Rename it to 'leavers'.",
    }
    assert found["site"].remedy == "Rename the one like it." and found["need"].found


def test_a_title_above_the_headings_is_no_heading_though_it_has_their_words():
    found = problems(["Leavers of every site", "", ""], [["site", "wait", "need"]])
    assert list(found) == ["headings"]


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("wait_score_2024", "wait"),
        ("my_leavers_column", "leavers"),
        ("all_mix_a_2024", "mix.a"),
        ("weeks_they_had_to_wait__se", "wait__se"),
        ("weeks_they_had_to_wait__N", "wait__n"),
        ("awaited_by_whom_2024", ""),
        ("_", ""),
        ("__se", ""),
    ],
)
def test_a_known_name_is_found_between_underscores(name, column):
    assert FORM.suggestion(name) == column


def test_a_word_within_another_is_not_a_heading():
    found = problems([*HEADINGS[1:], "smallest at fitted sites", "site ID"], [[*GOOD[1:], 1, "N"]])
    assert found["smallest at fitted sites"].remedy == "Remove the column."
    assert found["site ID"].remedy == "Rename it to 'site'."


def test_a_cut_row_and_no_row_are_refused():
    assert problems(HEADINGS, [GOOD[:5]])["rows"].found.endswith("5 of 8 fields in row 1")
    assert problems(HEADINGS, [])["sites"].what == "no site"
    assert "sites" in problems(HEADINGS, [[None] * 8])


def test_of_very_many_cells_the_first_are_named_and_the_rest_counted():
    cells = CellList()
    for at in range(MOST_CELLS + 5):
        cells.add(f"row {at}", "x\n" * 100)
    assert len(cells.cells) == MOST_CELLS and cells.more == 5
    assert len(cells.cells[0][1]) == 40 and "\n" not in cells.cells[0][1]


def test_cells_have_the_addresses_of_a_spreadsheet():
    assert [address(1, at) for at in (0, 25, 26, 701, 702)] == ["A1", "Z1", "AA1", "ZZ1", "AAA1"]


def test_the_form_of_a_typology_knows_its_features_first(typed):
    form = Form.of(typed)
    assert [field.name for field in form.used] == ["wsa", "clinical", "need", "advice", "reach"]
    need, lead = form.known["need"][0], form.known["lead"][0]
    assert need.heading == "need [points]" and need.uncertain and not need.counted
    assert lead.codes == ("NHS", "charity") and not lead.used
    seen = typed.profiles.values["need"]
    assert need.seen == pytest.approx((seen.min(), seen.median(), seen.max()))
    assert pd.isna(form.read_heading("strange [x]")[0]) is False


def test_a_standard_error_of_a_million_spans_is_taken_for_a_mistake():
    check(HEADINGS, [changed(wait__se="9e6")])
    found = problems(HEADINGS, [changed(wait__se="9.1e6")])
    assert found["wait__se"].expected == "a standard error of 9e+06 at most"
    with pytest.raises(MismatchError, match=r"too large: 1e155 in row 1\."):
        check(HEADINGS, [changed(wait__se="1e155")])


@pytest.mark.parametrize(
    ("heading", "name", "unit"),
    [
        ("wait [weeks]", "wait", "weeks"),
        (" wait[ weeks ] ", "wait", "weeks"),
        ("wait [a] [b]", "wait [a]", "b"),
        ("wait []", "wait", ""),
        ("wait [a]]", "wait [a]]", None),
        ("wait ]", "wait ]", None),
        ("wait [weeks] x", "wait [weeks] x", None),
    ],
)
def test_a_unit_is_what_stands_last_between_brackets(heading, name, unit):
    assert FORM.read_heading(heading) == (name, unit)


def test_a_long_heading_is_not_looked_into(monkeypatch):
    looked = []
    monkeypatch.setattr(
        "difflib.get_close_matches", lambda word, *rest, **more: looked.append(len(word)) or []
    )
    for heading in ("wait" + " " * 60_000 + "b", f"wait [{'weeks ' * 10_000}]", "[" * 60_000 + "]"):
        assert FORM.read_heading(heading) == (heading, None)
        found = problems([*HEADINGS, heading], [[*GOOD, 1]])
        assert [own.what for own in found.values()] == ["an unknown column"]
        assert max(len(own.message) for own in found.values()) < 300
    assert not looked
    assert FORM.read_heading(f"wait [{'w' * 190}]") == ("wait", "w" * 190)
    long = Field(FeatureInfo("w" * 300, unit="weeks"), True, True, False, None, (), None)
    assert Form("Long", (long,)).read_heading(long.heading) == (long.name, "weeks")


def test_a_heading_is_shown_without_signs_that_a_terminal_obeys():
    assert list(problems([*HEADINGS, "\x1b[31modd"], [[*GOOD, 1]])) == [" [31modd"]


def test_of_many_unknown_columns_only_the_first_are_compared(monkeypatch):
    looked = []
    monkeypatch.setattr(
        "difflib.get_close_matches", lambda word, *rest, **more: looked.append(word) or []
    )
    more = [f"odd {at}" for at in range(2000)]
    found = problems([*HEADINGS, *more], [[*GOOD, *[1] * len(more)]])
    assert len(found) == 2000 and len(looked) == MOST_UNKNOWN
