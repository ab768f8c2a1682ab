"""Comparison of two sets of results, figure by figure."""

import json

import pytest

from site_typology.experiments.agreement import EVIDENCE, TABLES, compare_folders, compare_values
from site_typology.output import write_tables


@pytest.fixture
def folders(typology, tmp_path):
    made = []
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        write_tables(tmp_path / name, typology)
        made.append(tmp_path / name)
    return made


def test_the_same_results_agree_to_the_last_digit(folders):
    found = compare_folders(*folders)
    assert found.holds and found.identical == found.figures > 200 and found.texts > 50


def test_every_changed_figure_is_listed_with_its_place(folders):
    path = folders[1] / EVIDENCE
    evidence = json.loads(path.read_text())
    evidence["p_value"] += 1e-6
    evidence["rules"][2]["figure"] = None
    evidence["candidates"].pop()
    path.write_text(json.dumps(evidence))
    found = compare_folders(*folders)
    places = {one.place for one in found.differences}
    assert {"p_value", "rules[2].figure", "candidates (length)"} <= places
    gone = [one for one in found.differences if one.place.startswith("candidates[")]
    assert gone and all(one.now == "(absent)" for one in gone)
    assert not found.holds


def test_a_cell_of_a_table_is_named_by_row_and_column(folders):
    path = folders[1] / "memberships.csv"
    first, second, *rest = path.read_text().splitlines()
    cells = second.split(",")
    cells[1] = "9"
    path.write_text("\n".join([first, ",".join(cells), *rest]) + "\n")
    (one,) = compare_folders(*folders).differences
    assert (one.file, one.place) == ("memberships.csv", "row 1 (T00), type")
    assert one.now == "9"


@pytest.mark.parametrize("name", [EVIDENCE, *TABLES])
def test_a_file_that_only_one_has_is_a_difference(folders, name):
    (folders[1] / name).unlink()
    (one,) = compare_folders(*folders).differences
    assert (one.file, one.before, one.now) == (name, "(the file)", "(absent)")


def test_nothing_to_compare_is_no_agreement(tmp_path):
    assert not compare_folders(tmp_path, tmp_path).holds


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        (0.1 + 0.2, 0.3, True),
        (1.0, 1.0 + 1e-8, False),
        (0.0, 1e-13, True),
        (0.0, 1e-9, False),
        ("2", 2.0, True),
        (None, float("nan"), False),
        (None, 0.0, False),
        ("a", "a", True),
        ("", "0", False),
    ],
)
def test_what_counts_as_the_same(old, new, same):
    found = compare_values([("f", "p", old, new)])
    assert (not found.differences) is same


def test_closeness_is_of_the_users_choosing():
    cells = [("f", "p", 1.0, 1.0001)]
    assert compare_values(cells).differences and not compare_values(cells, 1e-3).differences
