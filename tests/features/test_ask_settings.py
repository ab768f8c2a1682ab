"""Who of a register was asked: settings in use, and answers under numbers of the past."""

from __future__ import annotations

from pathlib import Path

import pytest

from site_typology.errors import Problems
from site_typology.features.assessment import assess
from site_typology.features.findings import findings
from site_typology.features.linking import read_tables
from site_typology.features.profiler import build_profiles
from site_typology.features.responserates import response_by_setting, silent_settings
from site_typology.features.tables import StudyTables
from site_typology.features.weighting import apply_weights
from site_typology.study_file import parse_declaration

# Site A: 1 became 11 and 11 became 21; 2 is open; 3 closed for good. Site B: 4 split into 14 and
# 15; 5 is open.
FILES = {
    "sites.csv": "site\nA\nB\n",
    "list.csv": "URN,site\n1,A\n2,A\n3,A\n4,B\n5,B\n",
    "gias.csv": "URN,EstablishmentStatus (name),phase\n"
    "1,Closed,p\n11,Closed,p\n21,Open,p\n2,Open,s\n3,Closed,s\n4,Closed,p\n14,Open,p\n15,Open,s\n"
    '5,"Open, but proposed to close",s\n',
    "links.csv": "URN,LinkURN,LinkType,LinkEstablishedDate\n"
    "1,11,Successor,01-09-2010\n11,21,Successor,01-09-2020\n"
    "4,14,Successor - Split School,01-09-2020\n4,15,Successor - Split School,01-09-2020\n",
}
FRAME = {"table": "gias", "on": "URN"}


def read(
    tmp_path: Path, answers: str, engine: str = "pandas", successors: bool = True
) -> StudyTables:
    for name, text in {**FILES, "survey.csv": answers}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    link = {"table": "list", "on": "URN"}
    link |= {"successors": "links.csv"} if successors else {}
    weights = {"table": "survey", "method": "raking", "frame": FRAME, "columns": ["phase"]}
    content = {
        "study": {"name": "t", "sites": "sites"},
        "tables": {
            "sites": {"path": "sites.csv", "site": "site"},
            "list": {"path": "list.csv", "site": "site"},
            "gias": {"path": "gias.csv", "format": "gias", "role": "settings", "link": link},
            "survey": {"path": "survey.csv", "role": "survey", "site": "site"},
        },
        "features": [{"name": "q", "builder": "mean", "args": {"table": "survey", "column": "q"}}],
        "weights": {"w": {**weights, "unknown": "average"}},
    }
    found = Problems("study.toml")
    tables = read_tables(parse_declaration(content), tmp_path, found, engine)
    found.raise_if_any()
    return tables


@pytest.mark.parametrize("engine", ["pandas", "polars", "duckdb"])
@pytest.mark.parametrize("number", ["1", "11", "21"])
def test_an_answer_under_any_number_is_that_of_the_setting_of_today(tmp_path, engine, number):
    tables = read(tmp_path, f"URN,site,q\n{number},A,4\n5,B,2\n15,B,2\n", engine)
    rates = response_by_setting(tables).set_index("site")
    assert rates["asked"].to_dict() == {"": 5, "A": 2, "B": 3}
    assert rates["answered"].to_dict() == {"": 3, "A": 1, "B": 2}
    silent = silent_settings(tables)
    assert silent[["site", "setting"]].to_numpy().tolist() == [["A", "2"], ["B", "14"]]
    found = Problems("study.toml")
    weighting = apply_weights(tables, found).weighting
    found.raise_if_any()
    # Two primaries asked and one answered, three secondaries asked and two answered.
    assert weighting.set_index("site").loc["", ["smallest", "largest"]].tolist() == [1.5, 2.0]


def test_an_answer_for_a_setting_that_was_split_is_that_of_its_first_part(tmp_path):
    silent = silent_settings(read(tmp_path, "URN,site,q\n4,B,4\n"))
    assert silent["setting"].tolist() == ["2", "21", "5", "15"]


def test_an_answer_for_a_setting_that_closed_answers_for_no_setting_asked(tmp_path):
    tables = read(tmp_path, "URN,site,q\n3,A,4\n2,A,4\n21,A,1\n")
    rates = response_by_setting(tables).set_index("site")
    assert rates.loc["A", ["asked", "answered"]].tolist() == [2, 2]
    ledger = apply_weights(tables, Problems("study.toml")).ledger
    assert ledger.loc[ledger["outcome"] == "average weight", "n"].sum() == 1


def test_the_response_of_a_survey_with_a_list_is_said_and_nothing_asked_for(tmp_path):
    tables = read(tmp_path, "URN,site,q\n1,A,4\n1,A,4\n2,A,1\n5,B,3\n")
    found = findings(assess(build_profiles(tables), tables))
    (returns,) = [each for each in found if each.section == "response"]
    assert returns.found == (
        "survey: 4 returns, from 3 of the 5 on its list of those asked (60%, 33% to 100% by site)."
    )
    assert (returns.level, returns.do) == ("fine", "")
    tables = read(tmp_path, "URN,site,q\n2,A,1\n14,B,1\n")
    found = findings(assess(build_profiles(tables), tables))
    assert next(each.level for each in found if each.section == "response") == "look"


def test_without_links_only_open_settings_were_asked(tmp_path):
    tables = read(tmp_path, "URN,site,q\n2,A,4\n5,B,4\n", successors=False)
    assert response_by_setting(tables).set_index("site")["asked"].to_dict() == {
        "": 2,
        "A": 1,
        "B": 1,
    }
