"""Numbers too large to calculate with are refused, wherever the rows of a table are."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from site_typology import Study
from site_typology.errors import StudyError
from site_typology.features.columns import NUMBER, TOO_LARGE, explain_missing, settle

STUDY = """\
[study]
name = "large"
sites = "sites"

[tables.sites]
path = "sites.csv"
site = "site"

[tables.survey]
path = "survey.{ending}"
site = "site"
weight = "w"

[[features]]
name = "hours"
builder = "mean"
args = {{ table = "survey", column = "hours" }}

[[features]]
name = "load"
builder = "rate"
args = {{ numerator = {{ table = "survey", column = "hours" }}, denominator = {{ table = "survey" }} }}
"""  # noqa: E501 - a line of a study file
ENGINES = [None, "pandas", "polars", "duckdb"]


def study_of(folder: Path, ending: str, hours: list[object], w: list[object]) -> Path:
    survey = pd.DataFrame({"site": ["A", "A", "B"], "hours": hours, "w": w})
    if ending == "csv":
        survey.to_csv(folder / "survey.csv", index=False)
    else:
        survey.to_parquet(folder / "survey.parquet")
    (folder / "sites.csv").write_text("site\nA\nB\n")
    (folder / "study.toml").write_text(STUDY.format(ending=ending))
    return folder / "study.toml"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cell", ["1e999", "-1e999", "1e100", "1" * 51 + ".5"])
def test_text_is_refused_with_table_column_row_and_value(tmp_path, cell, engine):
    path = study_of(tmp_path, "csv", ["1.5", cell, "2"], ["1", "1", "1"])
    with pytest.raises(StudyError) as refused:
        Study.load(path, engine)
    messages = {problem.where: problem.message for problem in refused.value.problems}
    assert list(messages) == ["features.hours.column", "features.load.numerator"]
    for message in messages.values():
        assert "Column 'hours' of table 'survey' must hold numbers" in message
        assert f"'{cell}' in row 2." in message


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("number", "shown"), [(float("inf"), "inf"), (-1e300, "-1e+300")])
def test_numbers_of_a_typed_file_are_refused_alike(tmp_path, number, shown, engine):
    path = study_of(tmp_path, "parquet", [1.5, number, 2.0], [1.0, 1.0, 1.0])
    with pytest.raises(StudyError) as refused:
        Study.load(path, engine)
    for message in (problem.message for problem in refused.value.problems):
        assert "Column 'hours' of table 'survey'" in message
        assert f"'{shown}' in row 2." in message


@pytest.mark.parametrize("engine", ENGINES)
def test_so_are_weights(tmp_path, engine):
    path = study_of(tmp_path, "parquet", [1.5, 3.0, 2.0], [1.0, float("inf"), 1.0])
    with pytest.raises(StudyError, match=r"Column 'w' of table 'survey'.*'inf' in row 2"):
        Study.load(path, engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_so_are_numbers_of_people_asked(tmp_path, engine):
    path = study_of(tmp_path, "parquet", [1.5, 2.0, 2.0], [9.0, float("inf"), 9.0])
    text = path.read_text().replace('weight = "w"', 'eligible = { table = "survey", column = "w" }')
    path.write_text(text)
    with pytest.raises(StudyError, match=r"eligible +Column 'w' .* too large .* row 2"):
        Study.load(path, engine)


def test_padded_codes_are_named_as_what_is_no_number(tmp_path):
    path = study_of(tmp_path, "csv", ["1.5", "007", "2"], ["1", "1", "1"])
    with pytest.raises(StudyError, match="must hold numbers; found '007' in row 2"):
        Study.load(path)


def test_large_numbers_that_can_be_held_are_numbers():
    texts = ["1e99", "9" * 15, "12345678901234567890.5", "1e-400", "+2e+07"]
    column, numeric = settle(explain_missing(pd.Series(texts), {}, {}))
    assert numeric
    assert column.values[:-1] == [float(text) for text in texts]


def test_no_number_by_the_rule_reaches_the_limit():
    largest = "9" * 50 + "." + "9" * 20 + "e99"
    assert NUMBER.fullmatch(largest)
    assert float(largest) < TOO_LARGE * 1.001
    assert not NUMBER.fullmatch("9" * 51)
    assert not NUMBER.fullmatch("1e100")
