"""Specifications: the shipped ones, a user's own, and what is refused."""

import pytest

from site_typology.declaration import StudyDeclaration
from site_typology.errors import StudyError
from site_typology.experiments.spec import SHIPPED, Specification, read_spec, read_whole_spec
from site_typology.grid import Facts, Grid, lay_out
from site_typology.settings import ProposeSettings


def _study(**typology):
    return StudyDeclaration.model_validate(
        {
            "study": {"name": "s", "sites": "sites"},
            "tables": {"sites": {"path": "sites.csv", "site": "site"}},
            "typology": typology,
        }
    )


def _spec(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_default_is_the_default_of_propose():
    assert read_spec("default") == ProposeSettings()
    stated = set(Specification.model_fields) | {
        "separation", "max_types", "min_sites", "min_observed",
    }  # fmt: skip
    assert stated - {"grid"} == set(ProposeSettings().to_dict())


def test_shipped_specifications_grow_in_effort():
    quick, default, thorough = (read_spec(name) for name in SHIPPED)
    for effort in (
        "draws", "bootstraps", "reference_draws", "number_resamples", "power_replicates",
    ):  # fmt: skip
        assert getattr(quick, effort) < getattr(default, effort) < getattr(thorough, effort)


def test_what_the_study_states_reaches_the_settings():
    settings = read_spec("quick", _study(separation=4.5, max_types=3, min_sites=5))
    assert (settings.separation, settings.max_types, settings.min_sites) == (4.5, 3, 5)


def test_own_file_changes_only_what_it_says(tmp_path):
    settings = read_spec(_spec(tmp_path, 'draws = 7\nalgorithms = ["ward"]\n'))
    assert settings == ProposeSettings(draws=7, algorithms=("ward",))


def test_every_problem_of_a_file_is_listed_at_once(tmp_path):
    text = 'drawz = 1\nseparation = 3\nalgorithms = ["kmeens"]\ndraws = 0\nbootstraps = "many"\n'
    with pytest.raises(StudyError) as caught:
        read_spec(_spec(tmp_path, text))
    message = {problem.where: problem.message for problem in caught.value.problems}
    assert set(message) == {"drawz", "separation", "algorithms", "draws", "bootstraps"}
    assert message["drawz"].startswith("Unknown key. Did you mean 'draws'? Known: algorithms, ")
    assert "study.toml" in message["separation"]
    assert "kmeens" in message["algorithms"] and "ward" in message["algorithms"]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("draws = ", "file"),
        ("alpha = 0.001", "reference_draws"),
        ("algorithms = []", "algorithms"),
        ('spaces = ["pca", "pca"]', "spaces"),
        ("separations = [0.0]", "separations"),
        ("alpha = nan", "alpha"),
    ],
)
def test_refused(tmp_path, text, where):
    with pytest.raises(StudyError) as caught:
        read_spec(_spec(tmp_path, text))
    assert [problem.where for problem in caught.value.problems] == [where]
    assert caught.value.source == "mine.toml"


def test_shipped_grids_widen_with_effort():
    sizes = []
    for name in SHIPPED:
        grid = read_whole_spec(name)[1]
        sets = ["all", "without:a", "without:b"] if "without:each" in grid.features else ["all"]
        laid = lay_out(grid, sets, (2, 3, 4), Facts(weighted=True), 1)
        sizes.append(len(laid.listed))
    assert sizes == sorted(sizes) and sizes[0] < 40 < sizes[1] < 500 < sizes[2]


def test_a_file_without_a_grid_tries_none(tmp_path):
    assert read_whole_spec(_spec(tmp_path, "draws = 7\n"))[1] is None
    assert read_whole_spec(_spec(tmp_path, "[grid]\n"))[1] == Grid()


def test_every_problem_of_a_grid_is_listed_with_the_others(tmp_path):
    text = (
        'draws = 0\n[grid]\nlinks = ["log"]\nk = [1]\nspacez = ["pca"]\nalgorithms = ["kmeens"]\n'
    )
    with pytest.raises(StudyError) as caught:
        read_whole_spec(_spec(tmp_path, text))
    message = {problem.where: problem.message for problem in caught.value.problems}
    assert set(message) == {"draws", "grid.links.0", "grid.k.0", "grid.spacez", "grid.algorithms"}
    assert "feature_sets" in message["grid.spacez"] and "ward" in message["grid.algorithms"]


def test_a_near_key_is_suggested_and_a_users_own_name_stays_as_it_is_written(tmp_path):
    text = 'algorithm = ["ward"]\n[grid]\nfeatures = ["wrongset"]\ndraw = 3\n'
    with pytest.raises(StudyError) as caught:
        read_spec(_spec(tmp_path, text))
    message = {problem.where: problem.message for problem in caught.value.problems}
    assert "Did you mean 'algorithms'?" in message["algorithm"]
    assert "Did you mean 'draws'? Known: features, " in message["grid.draw"]
    assert message["grid.feature_sets"] == "'wrongset' is no set of feature_sets, define it."
