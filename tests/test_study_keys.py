"""What is said of a key that a study file does not know."""

from __future__ import annotations

import pytest

from site_typology.errors import StudyError
from site_typology.study_file import parse_declaration

STUDY = {"name": "pilot", "sites": "sites"}
TABLES = {"sites": {"path": "sites.csv", "site": "site"}}
FEATURE = {"name": "wsa", "builder": "scale"}


def message(where: str, **changes: object) -> str:
    given = {"study": STUDY, "tables": TABLES, "features": [FEATURE], **changes}
    with pytest.raises(StudyError) as caught:
        parse_declaration(given)
    return {problem.where: problem.message for problem in caught.value.problems}[where]


def test_a_key_of_another_section_is_sent_there_and_never_suggested_as_itself() -> None:
    said = message("study.separation", study={**STUDY, "separation": 6.0})
    assert said == "Unknown key. Belongs under [typology]. Move or remove it."
    said = message("study.min_sites", study={**STUDY, "min_sites": 3})
    assert said == (
        "Unknown key. Belongs under [study.disclosure] or [typology]. Move or remove it."
    )
    said = message("min_informants", min_informants=3)
    assert said == "Unknown key. Belongs under [study.disclosure]. Move or remove it."
    said = message("study.scales", study={**STUDY, "scales": []})
    assert said == "Unknown key. Belongs at the top level. Move or remove it."


def test_only_keys_of_the_same_section_are_suggested() -> None:
    said = message("typology.min_site", typology={"min_site": 3})
    assert said == "Unknown key. Did you mean 'min_sites'? Remove or rename it."
    # `separator` is a key of tables.
    said = message("typology.separaton", typology={"separaton": 3})
    assert "'separation'" in said
    # `min_share` and `reverse` are keys of scales.
    for key in ("min_shar", "reverses"):
        said = message(f"features[wsa].{key}", features=[{**FEATURE, key: 1}])
        assert said == "Unknown key. Remove or rename it."


def test_a_key_near_one_here_that_others_have_is_told_both() -> None:
    said = message("study.site", study={**STUDY, "site": "site"})
    assert said == (
        "Unknown key. Did you mean 'sites'? 'site' belongs under [tables.NAME]. "
        "Rename, move or remove it."
    )


def test_sections_inside_sections_suggest_their_own_keys() -> None:
    table = {
        **TABLES["sites"],
        "columns": {"where": {"valus": {}}},
        "where": [{"column": "site", "valeus": ["A"]}],
    }
    for where in ("tables.sites.columns.where.valus", "tables.sites.where[1].valeus"):
        assert "Did you mean 'values'?" in message(where, tables={"sites": table})


def test_a_key_that_many_sections_have_is_not_sent_to_all_of_them() -> None:
    # `table` stands in scales, links, eligible, weights and their frames.
    said = message("features[wsa].table", features=[{**FEATURE, "table": "survey"}])
    assert said == "Unknown key. Remove or rename it."
