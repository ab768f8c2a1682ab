import json
from pathlib import Path

import pytest

from site_typology.errors import StudyError
from site_typology.study_file import parse_declaration, read_declaration, resolve_path


def content(**changes):
    base = {
        "study": {"name": "pilot", "sites": "sites", "rounds": ["1", "2"]},
        "tables": {
            "sites": {"path": "sites.csv", "site": "id", "role": "sites"},
            "survey": {"path": "survey.csv", "link": {"table": "sites", "on": "urn"}},
        },
        "scales": [{"name": "wsa", "table": "survey", "items": ["q1", "q2"], "range": [1, 5]}],
        "features": [{"name": "wsa", "builder": "scale", "args": {"scale": "wsa"}}],
    }
    return {**base, **changes}


def problems(given):
    with pytest.raises(StudyError) as caught:
        parse_declaration(given, source="study.toml")
    return {problem.where: problem.message for problem in caught.value.problems}


def test_a_sound_study_is_read_and_defaults_to_its_last_round():
    declaration = parse_declaration(content())
    assert declaration.typology_round == "2"
    assert declaration.scales[0].min_share == 0.5
    assert declaration.features[0].use == "build"


def test_every_problem_is_reported_at_once_with_a_near_match_for_an_unknown_key():
    given = content(
        study={"name": "pilot", "sits": "sites"},
        features=[{"name": "wsa", "builder": "scale", "used": "build"}, {"builder": "mean"}],
    )
    found = problems(given)
    assert found["study.sites"] == "Required, but not given."
    assert "Did you mean 'sites'?" in found["study.sits"]
    assert "Unknown key" in found["features[wsa].used"]
    assert found["features[2].name"] == "Required, but not given."


@pytest.mark.parametrize(
    ("rounds", "words"),
    [(["1", "2", "1"], "['1'] twice"), (["1", " "], "needs a name"), (["all", "2"], "'all'")],
)
def test_rounds_are_different_names(rounds, words):
    found = problems(content(study={"name": "pilot", "sites": "sites", "rounds": rounds}))
    assert words in found["study.rounds"]


def test_references_to_tables_and_rounds_that_do_not_exist_are_listed_together():
    given = content(
        study={"name": "pilot", "sites": "places", "rounds": ["1", "2"]},
        tables={
            "sites": {"path": "s.csv", "site": "id", "at_round": "3"},
            "survey": {"path": "q.csv", "link": {"table": "schools", "on": "urn"}},
        },
    )
    found = problems(given)
    assert set(found) == {"study.sites", "tables.survey.link", "tables.sites.at_round"}
    assert "Tables declared: sites, survey." in found["study.sites"]


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        ({"reverse": ["q9"]}, "reverse names ['q9']"),
        ({"range": [5, 1]}, "range [5.0, 1.0] must be [low, high]"),
        ({"items": ["q1", "q1"]}, "an item is named twice"),
        ({"min_share": 0}, "greater than 0"),
    ],
)
def test_a_scale_that_cannot_be_scored_is_refused(scale, expected):
    base = content()["scales"][0]
    found = problems(content(scales=[{**base, **scale}]))
    assert any(expected.lower() in message.lower() for message in found.values())


def test_a_table_gives_its_site_in_exactly_one_way():
    tables = {**content()["tables"], "survey": {"path": "q.csv"}}
    assert "either 'site' or 'link'" in problems(content(tables=tables))["tables.survey"]


def test_a_study_needs_a_feature_to_build_from():
    features = [{"name": "x", "builder": "scale", "use": "evaluate"}]
    assert "needs features to build it from" in problems(content(features=features))["features"]


def test_names_used_twice_are_refused():
    features = content()["features"] * 2
    assert "used twice" in problems(content(features=features))["features[wsa]"]


def test_a_file_that_is_not_toml_names_the_line(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text("[study\nname = 1\n")
    with pytest.raises(StudyError, match=r"Not valid TOML.*line 1"):
        read_declaration(path)


def test_a_file_in_another_encoding_is_refused(tmp_path):
    path = tmp_path / "study.toml"
    path.write_bytes('[study]\nname = "café"\n'.encode("cp1252"))
    with pytest.raises(StudyError, match="UTF-8"):
        read_declaration(path)


def test_a_declaration_survives_json():
    declaration = parse_declaration(content())
    again = parse_declaration(json.loads(declaration.model_dump_json()))
    assert again == declaration


def test_a_path_reads_the_environment_before_its_default(monkeypatch):
    folder = Path("study")
    monkeypatch.delenv("PILOT_DATA", raising=False)
    assert resolve_path("${PILOT_DATA:-data}/s.csv", folder) == folder / "data" / "s.csv"
    monkeypatch.setenv("PILOT_DATA", "/elsewhere")
    assert resolve_path("${PILOT_DATA:-data}/s.csv", folder) == Path("/elsewhere/s.csv")


def test_the_departments_symbols_mean_missing_by_one_word_and_none_is_a_zero():
    given = content()
    given["tables"]["survey"] |= {"missing": "dfe", "columns": {"n": {"missing": "dfe"}}}
    survey = parse_declaration(given).tables["survey"]
    assert survey.missing == survey.columns["n"].missing
    assert survey.missing == {
        "z": "not applicable", "x": "unavailable", "c": "suppressed", "low": "rounds to zero",
        "k": "rounds to zero", "u": "low reliability",
    }  # fmt: skip
    given["tables"]["survey"]["missing"] = "dft"
    found = problems(given)
    assert found["tables.survey.missing"].startswith("There is no set of missing codes 'dft'")


def test_a_site_column_without_a_name_is_refused():
    given = content()
    given["tables"]["sites"]["site"] = ""
    assert problems(given)["tables.sites.site"].startswith("Is empty; give it")
