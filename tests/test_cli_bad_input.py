"""A user's mistake ends in one message that lists every problem, exit status 2, nothing written."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

STUDY = """
[study]
name = "pilot"
sites = "sites"

[tables.sites]
path = "sites.csv"
site = "site"
role = "sites"

[tables.survey]
path = "survey.csv"
site = "site"
role = "survey"
unique = ["response"]
[tables.survey.columns.q1]
range = [1, 5]

[[scales]]
name = "wsa"
table = "survey"
items = ["q1", "q2"]
range = [1, 5]

[[features]]
name = "wsa"
builder = "scale"
args = { scale = "wsa" }

[[features]]
name = "need"
builder = "column"
args = { table = "sites", column = "need" }

[[features]]
name = "vacancy"
builder = "column"
args = { table = "sites", column = "vacancy" }
"""


def write_tables(folder, sites=12, answers=6):
    rng = np.random.default_rng(3)
    names = [f"T{at:02d}" for at in range(1, sites + 1)]
    frame = pd.DataFrame({"site": names, "need": rng.normal(20, 4, sites).round(2)})
    frame["vacancy"] = rng.uniform(0, 0.3, sites).round(3)
    frame.to_csv(folder / "sites.csv", index=False)
    rows = sites * answers
    survey = pd.DataFrame({"response": range(1, rows + 1), "site": np.repeat(names, answers)})
    survey["q1"], survey["q2"] = rng.integers(1, 6, (2, rows))
    survey.to_csv(folder / "survey.csv", index=False)


@pytest.fixture
def study(tmp_path):
    folder = tmp_path / "study"
    folder.mkdir()
    write_tables(folder)
    (folder / "study.toml").write_text(STUDY)
    return folder


def site_typology(*words):
    command = [sys.executable, "-m", "site_typology.cli", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def refusal(study, expected, command="run"):
    """Run the command; check that it failed as a user's mistake and wrote nothing."""
    before = sorted(study.parent.rglob("*"))
    out = ["--out", study.parent / "out"] if command == "run" else []
    done = site_typology(command, study / "study.toml", *out)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    for words in expected:
        assert words in done.stderr
    assert sorted(study.parent.rglob("*")) == before
    return done.stderr


def edit(study, name, old, new):
    path = study / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def rewrite(study, name, change):
    frame = pd.read_csv(study / name)
    change(frame).to_csv(study / name, index=False)


def test_a_sound_study_passes_the_check(study):
    done = site_typology("check", study / "study.toml")
    assert done.returncode == 0, done.stderr
    assert "survey" in done.stdout


def test_a_missing_column(study):
    rewrite(study, "survey.csv", lambda frame: frame.rename(columns={"q2": "Q 2"}))
    refusal(study, ["q2", "survey.csv", "Q 2"])


def test_unknown_sites_are_all_listed_with_their_rows(study):
    rewrite(study, "survey.csv", lambda frame: frame.replace({"site": {"T01": "X9", "T02": "X8"}}))
    refusal(study, ["12 of 72 rows", "X8 (6 rows)", "X9 (6 rows)"])


def test_a_duplicate_key(study):
    rewrite(study, "survey.csv", lambda frame: frame.assign(response=frame["response"].clip(3)))
    refusal(study, ["survey", "response"])


def test_a_site_listed_twice(study):
    rewrite(study, "sites.csv", lambda frame: pd.concat([frame, frame.head(1)]))
    refusal(study, ["tables.sites", "T01"])


def test_a_value_out_of_range(study):
    rewrite(
        study, "survey.csv", lambda frame: frame.assign(q1=frame["q1"].where(frame.index != 4, 9))
    )
    refusal(study, ["q1", "9"])


@pytest.mark.parametrize(
    ("content", "expected"), [("response,site,q1,q2\n", "has no rows"), ("", "is empty")]
)
def test_an_empty_table(study, content, expected):
    (study / "survey.csv").write_text(content)
    refusal(study, ["tables.survey", expected])


def test_a_wrong_encoding(study):
    edit(study, "study.toml", 'path = "survey.csv"', 'path = "survey.csv"\nencoding = "utf-8"')
    text = (study / "survey.csv").read_text().replace("T01", "Té1")
    (study / "survey.csv").write_bytes(text.encode("cp1252"))
    refusal(study, ["tables.survey", "utf-8"])


def test_a_truncated_file(study):
    frame = pd.read_csv(study / "survey.csv")
    frame.to_parquet(study / "survey.parquet")
    whole = (study / "survey.parquet").read_bytes()
    (study / "survey.parquet").write_bytes(whole[: len(whole) // 2])
    edit(study, "study.toml", "survey.csv", "survey.parquet")
    refusal(study, ["tables.survey", "survey.parquet"])


def test_two_sites_only(study):
    write_tables(study, sites=2)
    refusal(study, ["2 sites"])


def test_a_constant_feature(study):
    rewrite(study, "sites.csv", lambda frame: frame.assign(need=20))
    refusal(study, ["need", "onstant"])


def test_all_cells_of_a_feature_missing(study):
    rewrite(study, "sites.csv", lambda frame: frame.assign(need=np.nan))
    refusal(study, ["need"])


def test_an_unknown_key_in_the_study_file(study):
    edit(study, "study.toml", 'role = "survey"', 'rol = "survey"')
    refusal(study, ["tables.survey.rol", "Did you mean 'role'?"])


def test_several_problems_are_listed_together(study):
    edit(study, "study.toml", 'column = "need"', 'column = "needs"')
    rewrite(study, "survey.csv", lambda frame: frame.replace({"site": {"T01": "X9"}}))
    text = refusal(study, ["X9 (6 rows)", "needs"])
    assert "2 problems" in text


def test_no_study_file(tmp_path):
    done = site_typology("run", tmp_path / "none.toml", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "none.toml: 1 problem" in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_is_a_file(study):
    target = study.parent / "out"
    target.write_text("kept")
    done = site_typology("run", study / "study.toml", "--out", target)
    assert done.returncode == 2
    assert "Is a file" in done.stderr
    assert target.read_text() == "kept"
    assert Path(target).is_file()


@pytest.mark.parametrize("name", ["site", "round", "wsa__se", "need__n"])
def test_a_feature_named_like_a_column_of_the_results(study, name):
    edit(study, "study.toml", 'name = "need"', f'name = "{name}"')
    refusal(study, [f"features[{name}]", "taken by a column of the results"])


def test_infinite_values_are_shown_with_their_rows(study):
    path = study / "sites.csv"
    lines = path.read_text().splitlines()
    cells = lines[3].split(",")
    lines[3] = ",".join([cells[0], "inf", cells[2]])
    path.write_text("\n".join(lines) + "\n")
    refusal(study, ["'inf'", "row 3"])


def test_negative_counts_make_no_rate(study):
    rewrite(study, "sites.csv", lambda frame: frame.assign(need=-frame["need"]))
    old = """builder = "column"
args = { table = "sites", column = "need" }"""
    new = """builder = "rate"
args = { numerator = { table = "sites", column = "need" }, denominator = { table = "survey" } }"""
    edit(study, "study.toml", old, new)
    refusal(study, ["must be 0 or more", "need"])


def test_an_impossible_date_is_named_without_jargon(study):
    old = """builder = "column"
args = { table = "sites", column = "need" }"""
    new = """builder = "leaver_rate"
[features.args]
table = "survey"
person = "response"
start = "q1"
end = "q2"
window = ["2020-01-01", "2020-02-31"]"""
    edit(study, "study.toml", old, new)
    text = refusal(study, ["features.need.args.window", "2020-02-31"])
    assert "function-" not in text
    assert "valid dictionary" not in text


def test_a_date_in_another_order_is_one_problem(study):
    old = """builder = "column"
args = { table = "sites", column = "need" }"""
    new = """builder = "vacancy_rate"
[features.args]
table = "survey"
fte = "q1"
start = "q1"
end = "q2"
at = "31/12/2022"
funded = { table = "sites", column = "need" }"""
    edit(study, "study.toml", old, new)
    text = refusal(study, ["features.need.args.at", "is not a date such as '2021-09-30'"])
    assert text.count("features.need.args.at") == 1


def test_a_wrong_kind_of_value_and_table_are_named_with_what_to_do(study):
    edit(study, "study.toml", 'name = "pilot"', 'name = "pilot"\ntitle = 3')
    refusal(study, ["study.title  Expected text, in quotes; found 3."])
    edit(study, "study.toml", "title = 3", "")
    old = '[tables.survey]\npath = "survey.csv"\nsite = "site"'
    new = '[tables.survey]\npath = "survey.csv"\nlink = { table = "site", on = "site" }'
    edit(study, "study.toml", old, new)
    refusal(study, ["Did you mean 'sites'?", "or declare [tables.site]."])
