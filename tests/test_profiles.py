import numpy as np
import pandas as pd
import pytest

from site_typology import FeatureInfo, SiteProfiles, StudyError
from site_typology.profiles import LONG_COLUMNS

KINDS = {"b": "share", "m1": "composition:m", "m2": "composition:m"}


@pytest.fixture
def values():
    return pd.DataFrame(
        {
            "a": [1.0, 2.0, None],
            "b": [0.2, 0.3, 0.1],
            "m1": [0.2, 0.5, 0.1],
            "m2": [0.8, 0.5, 0.9],
            "c": ["x", "y", None],
        },
        index=["P", "Q", "R"],
    )


def test_every_cell_has_a_value_or_a_reason(values):
    profiles = SiteProfiles.from_frame(values, kinds=KINDS)
    gaps = profiles.values.isna()
    assert ((profiles.reasons != "") == gaps).all(axis=None)
    assert profiles.standard_errors.isna().equals(gaps)
    assert profiles.info("c").kind == "category"
    assert profiles.info("c").use == "evaluate"


def test_standard_errors_and_counts_are_aligned_by_site_whatever_their_order(values):
    errors = pd.DataFrame({"a": [0.3, 0.1, 0.2]}, index=["R", "P", "Q"])
    profiles = SiteProfiles.from_frame(values, errors, kinds=KINDS)
    found = profiles.standard_errors["a"].droplevel("round")
    assert found["P"] == 0.1
    assert found["Q"] == 0.2
    assert np.isnan(found["R"])
    assert (profiles.standard_errors["b"] == 0).all()


def test_saving_and_loading_changes_nothing(values, tmp_path):
    profiles = SiteProfiles.from_frame(values, values[["b"]] / 10, kinds=KINDS)
    profiles.save(tmp_path)
    again = SiteProfiles.load(tmp_path)
    assert again.hash == profiles.hash
    assert again.features == profiles.features
    pd.testing.assert_frame_equal(again.values[["a", "b"]], profiles.values[["a", "b"]])


def test_the_hash_notices_a_changed_error(values):
    plain = SiteProfiles.from_frame(values, kinds=KINDS)
    other = SiteProfiles.from_frame(values, values[["b"]] / 10, kinds=KINDS)
    assert plain.hash != other.hash


def test_the_long_table_has_one_row_a_cell(values):
    long = SiteProfiles.from_frame(values, kinds=KINDS).to_long()
    assert list(long.columns) == LONG_COLUMNS
    assert len(long) == values.size
    assert not long.duplicated(["site", "round", "feature"]).any()


def test_selecting_keeps_the_order_asked_for(values):
    profiles = SiteProfiles.from_frame(values, kinds=KINDS)
    chosen = profiles.select(use="build", sites=["R", "P"])
    assert chosen.sites == ["R", "P"]
    assert [info.name for info in chosen.features] == ["a", "b", "m1", "m2"]
    assert chosen.values.loc[("P", "all"), "a"] == 1.0


def test_everything_wrong_is_reported_at_once(values):
    bad = values.assign(b=[2.0, 0.3, -0.1], m1=[0.3, 0.3, 0.3], a=[np.inf, 1.0, 2.0])
    with pytest.raises(StudyError) as caught:
        SiteProfiles.from_frame(bad, kinds=KINDS)
    found = {problem.where: problem.message for problem in caught.value.problems}
    assert "P (2), R (-0.1)" in found["b"]
    assert "P (1.100)" in found["m"]
    assert "P (inf)" in found["a"]


@pytest.mark.parametrize(
    ("change", "kinds", "expected"),
    [
        ({"a": ["u", "v", "w"]}, {"a": "rate"}, "needs numbers"),
        ({}, {"a": "speed"}, "none of: continuous"),
        ({}, {"a": "composition:solo"}, "two parts or more"),
    ],
)
def test_a_kind_that_does_not_fit_is_refused(values, change, kinds, expected):
    with pytest.raises(StudyError, match=expected):
        SiteProfiles.from_frame(values.assign(**change), kinds={**KINDS, **kinds})


def test_a_category_may_be_declared_to_build_but_is_not_among_what_builds(values):
    kinds = {**KINDS, "c": FeatureInfo("c", kind="category", use="build")}
    profiles = SiteProfiles.from_frame(values, kinds=kinds)
    assert "c" not in [info.name for info in profiles.select(use="build").features]
    assert profiles.info("c").use == "build" and not profiles.info("c").builds


def test_what_is_no_table_of_named_sites_is_refused(values):
    with pytest.raises(StudyError, match="Expected a DataFrame"):
        SiteProfiles.from_frame(values.to_numpy())
    twice = pd.concat([values, values[["a"]]], axis=1).set_axis(["P", None, "R"])
    with pytest.raises(StudyError) as caught:
        SiteProfiles.from_frame(twice)
    assert {problem.where for problem in caught.value.problems} == {"a", "index"}


def test_a_site_given_twice_is_refused(values):
    with pytest.raises(StudyError, match=r"site P .*Stands twice"):
        SiteProfiles.from_frame(values.set_axis(["P", "P", "R"]), kinds=KINDS)


def test_a_negative_error_is_refused(values):
    with pytest.raises(StudyError, match="negative or infinite"):
        SiteProfiles.from_frame(values, -values[["b"]], kinds=KINDS)


def test_errors_of_unknown_columns_or_sites_are_refused(values):
    strange = pd.DataFrame({"zz": [0.1, 0.1]}, index=["P", "Z"])
    with pytest.raises(StudyError) as caught:
        SiteProfiles.from_frame(values, strange, kinds=KINDS)
    assert {problem.where for problem in caught.value.problems} == {"zz", "index"}


def test_rounds_are_profiles_of_their_own():
    index = pd.MultiIndex.from_tuples([("P", "1"), ("P", "2"), ("Q", "1")])
    profiles = SiteProfiles.from_frame(pd.DataFrame({"a": [1.0, 2.0, 3.0]}, index=index))
    assert profiles.rounds == ["1", "2"]
    assert profiles.select(round="2").sites == ["P"]
