"""Reading a whole study: missing codes, sites, rounds, filters, the ledger and response."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from site_typology.declaration import Condition, FeatureDeclaration
from site_typology.errors import Problems
from site_typology.features.linking import read_tables
from site_typology.features.selection import chosen_rows, weight_problems
from site_typology.features.tables import ROUND, ROW, SITE, StudyTables
from site_typology.study_file import parse_declaration

Read = Callable[..., tuple[StudyTables, list[str]]]
SITES = "site,invited\nA,4\nB,10\nC,\n"


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write files, read them as a study, and give its tables and problems."""

    def read_study(
        files: dict[str, str], tables: dict[str, dict[str, Any]] | None = None, **study: Any
    ) -> tuple[StudyTables, list[str]]:
        for name, text in {"sites": SITES, **files}.items():
            (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
        declared = {"sites": {}, **(tables or {name: {} for name in files})}
        content = {
            "study": {"name": "made", "sites": "sites", **study},
            "tables": {
                name: {
                    "path": f"{name}.csv",
                    **({} if "link" in each else {"site": "site"}),
                    **each,
                }
                for name, each in declared.items()
            },
            "features": [{"name": "any", "builder": "mean"}],
        }
        found = Problems("study.toml")
        result = read_tables(parse_declaration(content), tmp_path, found)
        return result, [f"{problem.where}  {problem.message}" for problem in found]

    return read_study


def rows_entries(tables: StudyTables, name: str) -> dict[str, int]:
    ledger = tables.ledger
    rows = ledger[(ledger["table"] == name) & (ledger["entry"] == "rows")]
    return dict(rows.groupby("reason")["n"].sum())


def test_missing_codes_keep_their_reason_by_column_and_table(read: Read) -> None:
    tables, problems = read(
        {"q": "site,a,b,note\nA,1,s,s\nA,9,2,\nB,NA,9,NA\nB,3.0,1,x\n"},
        {
            "q": {
                "missing": {"s": "suppressed", "9": "refused", "": "skipped"},
                "columns": {"b": {"missing": {"9.0": "not asked"}}},
            }
        },
    )
    q = tables.tables["q"]
    assert not problems
    assert q.collect()["a"].tolist() == pytest.approx([1, np.nan, np.nan, 3], nan_ok=True)
    assert q.collect_reasons()["a"].tolist() == ["", "refused", "not answered", ""]
    assert q.collect_reasons()["b"].tolist() == ["suppressed", "", "not asked", ""]
    assert q.collect_reasons()["note"].tolist() == ["suppressed", "skipped", "", ""]
    assert q.collect()["note"].tolist()[2:] == ["NA", "x"], "text may say NA"
    assert "site" not in q.collect_reasons()


def test_codes_for_every_column_leave_keys_alone(read: Read) -> None:
    tables, problems = read(
        {"sites": "site,n\n8,1\n9,9\n", "q": "site,wave,a\n9,9,9\n8,1,1\n"},
        {
            "sites": {"missing": {"9": "refused"}},
            "q": {"missing": {"9": "refused"}, "round": "wave"},
        },
        rounds=["1", "9"],
    )
    assert not problems
    assert tables.sites == ("8", "9")
    assert tables.tables["q"].collect()[ROUND].tolist() == ["9", "1"]
    assert tables.tables["q"].collect()["a"].isna().tolist() == [True, False]


def test_values_are_recoded_and_numbers_and_padded_codes_told_apart(read: Read) -> None:
    tables, _ = read(
        {"q": "site,band,code,long\nA,1,01,1234567890123456\nB,2,10,1\n"},
        {"q": {"columns": {"band": {"values": {"1": 2.5, "2": 7}}}}},
    )
    frame = tables.tables["q"].collect()
    assert frame["band"].tolist() == [2.5, 7.0]
    assert frame["code"].tolist() == ["01", "10"]
    assert frame["long"].tolist() == ["1234567890123456", "1"]


def test_numeric_keys_link_however_they_are_written(read: Read) -> None:
    tables, problems = read({"sites": "site\n3001\n3002\n", "q": "site,a\n3002.0,1\n 3001 ,2\n"})
    assert not problems
    assert tables.tables["q"].collect()[SITE].tolist() == ["3002", "3001"]


def test_a_pattern_pads_with_zeros(read: Read) -> None:
    tables, problems = read(
        {"sites": "site\n01M015\n10M001\n", "q": "CSD,SCHOOL CODE\n1,M015\n10,M001\n,M001\n"},
        {"q": {"site": "{CSD:0>2}{SCHOOL CODE}"}},
    )
    assert not problems
    assert tables.tables["q"].collect()[SITE].tolist() == ["01M015", "10M001"]
    assert rows_entries(tables, "q") == {"": 2, "no site": 1}
    assert tables.ledger.query("reason == 'no site'")["site"].tolist() == [""]


@pytest.mark.parametrize("pattern", ["{x:02d}", "{x", "{}{x}", "{x.__class__}", "{x[0]}"])
def test_a_pattern_that_cannot_be_filled_is_refused(read: Read, pattern: str) -> None:
    _, problems = read({"q": "x\n1\n"}, {"q": {"site": pattern}})
    assert len(problems) == 1
    assert "cannot be filled" in problems[0] or "is not in q.csv" in problems[0]


def test_rows_are_linked_through_tables_in_any_order(read: Read) -> None:
    tables, problems = read(
        {
            "staff": "team,fte\nt1,1\nt9,1\n,1\n",
            "teams": "team,urn\nt1,100\nt2,101\n",
            "settings": "URN,site\n100,A\n101,B\n102,B\n",
        },
        {
            "staff": {"link": {"table": "teams", "on": "team"}},
            "teams": {"link": {"table": "settings", "on": "urn", "key": "URN"}},
            "settings": {},
        },
    )
    assert not problems
    assert tables.tables["staff"].collect()[SITE].tolist() == ["A"]
    assert rows_entries(tables, "staff") == {"": 1, "linked to nothing": 1, "no site": 1}


def test_links_that_cannot_work_are_refused(read: Read) -> None:
    through = {"link": {"table": "settings", "on": "urn"}}
    _, problems = read(
        {"q": "urn\n7\n8\n", "settings": "urn,site\n1,A\n1,B\n2,B\n"},
        {"q": through, "settings": {}},
    )
    assert any("None of 2 rows is linked" in problem for problem in problems)
    assert any("1 (A, B)" in problem and "more than one site" in problem for problem in problems)
    _, circle = read(
        {"q": "urn\n7\n", "p": "urn\n7\n"},
        {"q": {"link": {"table": "p", "on": "urn"}}, "p": {"link": {"table": "q", "on": "urn"}}},
    )
    assert sum("run in a circle" in problem for problem in circle) == 2


def test_unknown_sites_are_listed_or_dropped_into_the_ledger(read: Read) -> None:
    q = {"q": "site,a\nA,1\nT31,1\nT31,2\nT40,3\na,1\n"}
    _, problems = read(q)
    assert len(problems) == 1
    assert "4 of 5 rows name 3 sites that are not in the sites table: T31 (2 rows)" in problems[0]
    assert 'unknown_sites = "drop"' in problems[0]
    tables, problems = read(q, unknown_sites="drop")
    assert not problems
    assert rows_entries(tables, "q") == {
        "": 1,
        "site not in the sites table": 3,
        "site not in the sites table: 'a' is written 'A' there": 1,
    }
    aside = tables.ledger.query("table == 'q' and outcome == 'set aside'")
    assert dict(zip(aside["site"], aside["n"], strict=True)) == {"T31": 2, "T40": 1, "a": 1}


def test_how_a_site_is_written_in_the_sites_table_is_hinted_at(read: Read) -> None:
    _, problems = read({"sites": "site\n007\n008\n", "q": "site\n7\n7\n"})
    assert "'7' is written '007' there" in problems[0]


@pytest.mark.parametrize("other", ["t 04", "T 04 ", "T  04", "t04"])
def test_sites_that_differ_in_case_or_blanks_only_are_refused(read: Read, other: str) -> None:
    _, problems = read({"sites": f"site\nT 04\nT05\n{other}\n", "q": "site\nT05\n"})
    (problem,) = problems
    assert problem.startswith("tables.sites")
    if other.strip() == "T 04":
        assert "found more for 1: T 04 (rows 1, 3)" in problem
    else:
        assert f"'T 04' (row 1) and {other.strip()!r} (row 3)" in problem


def test_duplicates_are_refused_by_row(read: Read) -> None:
    _, problems = read(
        {"sites": "site\nA\nB\nA\n", "q": "site,id\nA,1\nB,1\nB,2\n"}, {"q": {"unique": ["id"]}}
    )
    assert any("one row a site; found more for 1: A (rows 1, 3)" in problem for problem in problems)
    assert any("id: 1 key stands more than once: 1 (rows 1, 2)" in problem for problem in problems)


def test_rows_left_out_by_where_are_not_checked(read: Read) -> None:
    where = [
        {"column": "year", "values": ["2020", "2021"]},
        {"column": "kind", "values": ["x"], "negate": True},
    ]
    tables, problems = read(
        {"q": "site,year,kind,a\nA,2020,y,1\nA,2020,x,99\nZ,2019,y,99\nB,2021.0,,2\n"},
        {"q": {"where": where, "columns": {"a": {"range": [1, 5]}}}},
    )
    assert not problems
    assert tables.tables["q"].collect()[ROW].tolist() == [1, 4]
    expected = {"": 2, "left out by where: year": 1, "left out by where: kind": 1}
    assert rows_entries(tables, "q") == expected


def test_values_out_of_range_are_listed_by_row(read: Read) -> None:
    _, problems = read(
        {"q": "site,a,b,w\nA,6,x,1\nB,0,3,-1\nA,6,2,1\n"},
        {"q": {"columns": {"a": {"range": [1, 5]}, "b": {"range": [1, 5]}}, "weight": "w"}},
    )
    assert "tables.q.columns.a  Expected 1 to 5; found 0 in row 2, 6 in rows 1, 3." in problems[0]
    assert "tables.q.columns.b  Expected 1 to 5; found 'x' in row 1." in problems[1]
    assert "tables.q.weight  Expected 0 to inf; found -1 in row 2." in problems[2]


def test_rounds_are_those_declared(read: Read) -> None:
    q = {"q": "site,wave\nA,1\nA,2.0\nB,\nB,3\n"}
    tables, problems = read(q, {"q": {"round": "wave"}}, rounds=["1", "2"])
    assert len(problems) == 1
    assert "1 rows name rounds that are not in study.rounds ['1', '2']: '3'" in problems[0]
    assert rows_entries(tables, "q")["no round"] == 1
    _, problems = read(q, {"q": {"round": "wave"}})
    assert "study.rounds lists none" in problems[0]
    tables, _ = read(q, {"q": {"at_round": "2"}}, rounds=["1", "2"])
    assert set(tables.tables["q"].collect()[ROUND]) == {"2"}
    assert set(tables.tables["sites"].collect()[ROUND]) == {"all"}


def test_personal_columns_link_and_are_dropped(read: Read) -> None:
    tables, problems = read(
        {"q": "email,IPAddress,a\nx@y,1.2.3.4,1\n", "people": "email,site\nx@y,A\n"},
        {
            "q": {"link": {"table": "people", "on": "email"}, "personal": ["email"]},
            "people": {"personal": ["email"]},
        },
    )
    assert not problems
    assert tables.tables["q"].columns == ("a",)
    assert tables.tables["q"].collect()[SITE].tolist() == ["A"]
    dropped = tables.ledger.query("entry == 'column' and table == 'q'")["reason"].tolist()
    assert dropped == ["personal column IPAddress", "personal column email"]


def test_response_counts_those_asked_and_those_who_answered(read: Read) -> None:
    eligible = {"table": "sites", "column": "invited"}
    tables, _ = read(
        {"q": "site,wave\nA,1\nA,1\nB,2\n"},
        {"q": {"role": "survey", "round": "wave", "eligible": eligible}},
        rounds=["1", "2"],
    )
    response = tables.response.set_index(["site", "round"])
    assert response.loc[("A", "1"), "responded"] == 2
    assert response.loc[("A", "2"), "responded"] == 0
    assert response.loc[("B", "2"), "eligible"] == 10
    assert np.isnan(response.loc[("C", "1"), "eligible"])
    _, problems = read(
        {"sites": "site,invited\nA,four\nB,1\n", "q": "site\nA\n"}, {"q": {"eligible": eligible}}
    )
    assert "counts those asked: expected 0 to inf; found 'four' in row 1" in problems[0]


def test_a_site_with_a_blank_number_of_eligible_has_an_unknown_one(read: Read) -> None:
    asked = "site,setting,n\nA,1,10\nA,2,\nB,3,4\nB,4,5\n"
    tables, problems = read(
        {"asked": asked, "q": "site,a\nA,1\nB,2\nC,3\n"},
        {"asked": {}, "q": {"role": "survey", "eligible": {"table": "asked", "column": "n"}}},
    )
    assert not problems
    eligible = tables.response.set_index("site")["eligible"]
    assert eligible.isna().to_dict() == {"A": True, "B": False, "C": True}
    assert eligible["B"] == 9


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ({"values": ["in"]}, [1, 5]),
        ({"values": [""]}, [3, 4]),
        ({"values": ["", "in"]}, [1, 3, 4, 5]),
        ({"values": [""], "negate": True}, [1, 2, 5]),
        ({"values": ["out", ""], "negate": True}, [1, 5]),
        ({"values": ["out"], "negate": True}, [1, 3, 4, 5]),
        ({"values": ["elsewhere"], "negate": True}, [1, 2, 3, 4, 5]),
        ({"column": "n", "values": ["1013", ""]}, [1, 5]),
        ({"column": "n", "values": ["200.0"], "negate": True}, [1, 4, 5]),
    ],
)
def test_a_table_and_a_feature_mean_the_same_by_a_condition(
    read: Read, condition: dict[str, Any], kept: list[int]
) -> None:
    """Blank and declared missing cells are \"\"; codes are compared as the numbers they are."""
    file = 'site,kind,n\nA,in,"1,013"\nA,out,200\nB,,200\nB,9,300\nC,in,NA\n'
    where = {"column": "kind", **condition}
    rules = {"missing": {"9": "refused"}}
    of_table, problems = read({"q": file}, {"q": {**rules, "where": [where]}})
    whole, _ = read({"q": file}, {"q": rules})
    assert not problems
    assert of_table.tables["q"].collect()[ROW].tolist() == kept
    rows = chosen_rows(whole.tables["q"], [Condition.model_validate(where)])
    assert rows[ROW].to_list() == kept


def test_values_of_a_table_condition_must_be_there(read: Read) -> None:
    file = "site,kind,n\nA,inside,1\nB,outside,2\nC,,3\n"
    conditions = [
        {"column": "kind", "values": ["indoors"]},
        {"column": "n", "values": ["7"]},
        {"column": "n", "values": ["9"], "negate": True},
        {"column": "kind", "values": ["outsidee", ""], "negate": True},
    ]
    _, problems = read({"q": file}, {"q": {"where": conditions}})
    assert problems == [
        "tables.q.where  'indoors' matches no value of 'kind' in q.csv. "
        "Values found: 'inside', 'outside'.",
        "tables.q.where  '7' matches no value of 'n' in q.csv. Values found: '1', '2', '3'.",
        "tables.q.where  'outsidee' matches no value of 'kind' in q.csv. "
        "Values found: 'inside', 'outside'.",
    ]


def test_values_of_a_personal_column_are_not_shown(read: Read) -> None:
    where = [{"column": "email", "values": ["z@y.org"]}]
    _, problems = read(
        {"q": "site,email\nA,jo@home.org\n"}, {"q": {"personal": ["email"], "where": where}}
    )
    assert "'(e-mail address)' matches no value of 'email' in q.csv." in problems[0]
    assert "jo@home" not in "".join(problems)


def test_every_problem_of_every_table_is_found_at_once(read: Read) -> None:
    _, problems = read(
        {
            "staff": "site,start date\nA,2020\n",
            "survey": "site,a\nA,9\nT31,1\n",
            "empty": "site,a\n",
            "nothing": "",
        },
        {
            "staff": {
                "where": [{"column": "start_date", "values": ["x"]}],
                "unique": ["person"],
                "rename": {"pay": "salary"},
                "personal": ["e-mail"],
            },
            "survey": {"columns": {"a": {"range": [1, 5]}}},
            "empty": {},
            "nothing": {},
            "gone": {},
        },
    )
    text = "\n".join(problems)
    assert (
        "found 'start date'. Rename it, correct where, or set rename.start_date = \"start date\""
        in text
    )
    for words in (
        "'person' is not in",
        "'salary' is not in",
        "'e-mail' is not in",
        "T31 (1 row)",
        "found 9 in row 1",
        "empty.csv has no rows",
        "The file is empty",
        "gone.csv is not found",
    ):
        assert words in text
    assert len(problems) == 9


def test_no_problem_follows_from_another(read: Read) -> None:
    _, problems = read({"q": "site\nA\n", "sites": ""}, {"q": {}})
    assert len(problems) == 1
    _, problems = read(
        {"q": "urn\n1\n"}, {"q": {"link": {"table": "gone", "on": "urn"}}, "gone": {}}
    )
    assert len(problems) == 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_ledger_accounts_for_every_row_whatever_their_order(read: Read, seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "site": rng.choice(["A", "B", "C", "X", "Y", ""], 200),
            "kind": rng.choice(["in", "out"], 200),
            "a": rng.choice(["1", "2", "9", ""], 200),
        }
    )
    table = {"q": {"where": [{"column": "kind", "values": ["in"]}], "missing": {"9": "refused"}}}
    shuffled = frame.sample(frac=1, random_state=seed)
    results = []
    for each in (frame, shuffled):
        tables, problems = read({"q": each.to_csv(index=False)}, table, unknown_sites="drop")
        assert not problems
        rows = tables.ledger.query("table == 'q' and entry == 'rows'")
        assert rows["n"].sum() == 200
        assert rows.loc[rows["outcome"] == "used", "n"].sum() == len(tables.tables["q"].collect())
        results.append(tables)
    # What is said of a file names rows by their numbers in it.
    ledgers = [each.ledger.query("entry != 'file'") for each in results]
    pd.testing.assert_frame_equal(*ledgers)
    sums = [each.tables["q"].collect().groupby(SITE)["a"].sum() for each in results]
    pd.testing.assert_series_equal(*sums)
    assert set(results[0].ledger.query("entry == 'site' and table == 'q'")["site"]) == {
        "A",
        "B",
        "C",
    }


PUBLISHED = {"table": "q", "column": "asked", "answered": "n"}


def test_a_survey_published_as_counts_says_how_many_answered(read: Read) -> None:
    """Blank is nobody; suppressed is not known, and then neither is the site's response."""
    tables, problems = read(
        {"q": "site,asked,n\nA,10,4\nB,5,\nC,8,s\n"},
        {"q": {"eligible": PUBLISHED, "missing": {"s": "suppressed"}}},
    )
    assert not problems
    response = tables.response.set_index("site")
    assert response["responded"].to_list()[:2] == [4, 0]
    assert response["eligible"].to_list()[:2] == [10, 5]
    assert response.loc["C", ["eligible", "responded"]].isna().all()


def test_numbers_of_answers_are_checked(read: Read) -> None:
    _, problems = read({"q": "site,asked,n\nA,10,-4\n"}, {"q": {"eligible": PUBLISHED}})
    assert "'n' of tables.q counts those who answered" in problems[0]
    _, problems = read({"q": "site,asked\nA,10\n"}, {"q": {"eligible": PUBLISHED}})
    assert "tables.q.eligible.answered" in problems[0]


def test_a_negative_weight_is_reported_once(read: Read) -> None:
    tables, problems = read(
        {"q": "site,y,w\nA,1,-2\nB,2,\nC,3,1\n"}, {"q": {"weight": "w", "role": "survey"}}
    )
    feature = FeatureDeclaration(name="y", builder="mean", args={"table": "q", "column": "y"})
    problems += [
        f"{each.where}  {each.message}"
        for each in weight_problems(feature, tables.tables["q"], ["y"])
    ]
    assert len(problems) == 2
    assert "found -2 in row 1" in problems[0]
    assert "missing on 1 used row with an answer: row 2" in problems[1]
