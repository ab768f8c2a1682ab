"""Wide rows of profiles: there and back, and everything that is refused."""

import numpy as np
import pandas as pd
import pytest

from site_typology.errors import StudyError
from site_typology.experiments.profile_rows import profiles_from_rows, wide_rows
from site_typology.profiles import SiteProfiles


@pytest.fixture
def profiles():
    values = pd.DataFrame(
        {"wsa": [3.0, np.nan, 4.5], "leavers": [0.1, 0.25, 0.5]}, index=["A", "B", "C"]
    )
    errors = pd.DataFrame({"wsa": [0.5, 0.4, 0.3]}, index=values.index)
    counts = pd.DataFrame({"wsa": [6.0, 2.0, 9.0]}, index=values.index)
    made = SiteProfiles.from_frame(values, errors, counts, kinds={"leavers": "share"})
    made.error_correlation.loc["wsa", "leavers"] = 0.3
    made.error_correlation.loc["leavers", "wsa"] = 0.3
    return made


def test_there_and_back(profiles):
    rows = wide_rows(profiles).reset_index(drop=True)
    back = profiles_from_rows(rows, profiles)
    for table in ("values", "standard_errors", "counts"):
        expected, found = getattr(profiles, table), getattr(back, table)
        np.testing.assert_array_equal(found.to_numpy(float), expected.to_numpy(float))
    assert back.features == profiles.features
    assert back.error_correlation.equals(profiles.error_correlation)
    assert list(back.reasons["wsa"]) == ["", "not answered", ""]


def test_order_of_columns_does_not_matter(profiles):
    rows = wide_rows(profiles).reset_index(drop=True)
    back = profiles_from_rows(rows[rows.columns[::-1]], profiles)
    assert back.values.equals(profiles_from_rows(rows, profiles).values)


def test_errors_and_counts_may_be_left_out_and_whole_numbers_given(profiles):
    back = profiles_from_rows(pd.DataFrame({"wsa": [3, 4], "leavers": ["0", "1"]}), profiles)
    assert (back.standard_errors.to_numpy() == 0).all()
    assert back.counts.isna().all(axis=None)
    assert list(back.values["wsa"]) == [3.0, 4.0]


def test_an_empty_error_beside_a_value_is_unknown_and_not_exact(profiles):
    rows = pd.DataFrame({"wsa": [1.0, 2.0], "wsa__se": [0.2, np.nan], "leavers": [0.5, 0.5]})
    back = profiles_from_rows(rows, profiles)
    np.testing.assert_array_equal(back.standard_errors["wsa"], [0.2, np.nan])
    assert back.standard_errors["leavers"].tolist() == [0.0, 0.0]


def test_every_problem_is_listed_at_once(profiles):
    rows = pd.DataFrame(
        {"wsa": [np.inf, 1.0], "wsa__se": [0.1, 0.1], "leaver": [1, 1], "wsa__SE": [0.1, 0.1]}
    )
    with pytest.raises(StudyError) as caught:
        profiles_from_rows(rows, profiles)
    assert [problem.where for problem in caught.value.problems] == [
        "leaver", "wsa__SE", "leavers", "wsa",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "where", "message"),
    [
        ({"wsa": ["high", "low"]}, "wsa", r"No number at row 1, 2\. Give"),
        ({"leavers": [0.2, -np.inf]}, "leavers", "infinite number at row 2"),
        ({"leavers": [0.2, 7.0]}, "leavers", "0 to 1"),
        ({"wsa__se": [0.2, -0.1]}, "wsa", "negative"),
        ({"note": ["x", "y"]}, "note", "Unknown column"),
    ],
)
def test_refused(profiles, change, where, message):
    rows = pd.DataFrame({"wsa": [1.0, 2.0], "leavers": [0.5, 0.5]}).assign(**change)
    with pytest.raises(StudyError, match=message) as caught:
        profiles_from_rows(rows, profiles)
    assert [problem.where for problem in caught.value.problems] == [where]


def test_a_column_named_twice_and_no_rows_are_refused(profiles):
    rows = pd.DataFrame(columns=["wsa", "leavers", "wsa"], dtype=float)
    with pytest.raises(StudyError, match="there twice") as caught:
        profiles_from_rows(rows, profiles)
    assert {problem.where for problem in caught.value.problems} == {"wsa", "rows"}
