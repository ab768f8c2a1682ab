import numpy as np
import pandas as pd
import pytest

from site_typology import SiteProfiles, StudyError
from site_typology.profile_files import read_profiles_file, write_wide

KINDS = {"b": "share", "m1": "composition:m", "m2": "composition:m"}


@pytest.fixture
def profiles():
    values = pd.DataFrame(
        {
            "a": [1.0, 2.0, None],
            "b": [0.2, 0.3, 1 / 3],
            "m1": [0.2, 0.5, 0.1],
            "m2": [0.8, 0.5, 0.9],
            "c": ["=1+1", "y", None],
        },
        index=["P", "=Q", "R"],
    )
    return SiteProfiles.from_frame(values, values[["b"]] / 7, values[["b"]].map(lambda _: 5), KINDS)


def test_a_wide_file_brings_everything_back(profiles, tmp_path):
    write_wide(profiles, tmp_path / "profiles.csv")
    again = read_profiles_file(tmp_path / "profiles.csv", profiles.features)
    assert again.hash == profiles.hash


def test_a_long_file_brings_everything_back(profiles, tmp_path):
    profiles.to_long().to_parquet(tmp_path / "profiles.parquet")
    again = read_profiles_file(tmp_path / "profiles.parquet", profiles.features)
    assert again.hash == profiles.hash


def test_a_long_file_that_lacks_a_cell_or_a_number_is_refused(profiles, tmp_path):
    path = tmp_path / "profiles.parquet"
    long = profiles.to_long()
    place = (long["site"] == "R") & (long["feature"] == "b")
    long[~place].to_parquet(path)
    with pytest.raises(StudyError, match="b  Missing without a reason at R"):
        read_profiles_file(path, profiles.features)
    at = int(np.flatnonzero(place)[0])
    long.loc[place, "value"] = "a third"
    long.astype({"n": object}).assign(n=long["n"].astype("str").mask(place, "few")).to_parquet(path)
    with pytest.raises(StudyError) as refused:
        read_profiles_file(path, profiles.features)
    told = [f"{problem.where}: {problem.message}" for problem in refused.value.problems]
    assert f"value: Row {at + 1}: 'a third' is not a number." in told
    assert f"n: Row {at + 1}: 'few' is not a number." in told


def test_a_blank_error_is_unknown_and_no_column_of_errors_is_exact(profiles, tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("site,a,a__se,b,m1,m2\nP,1,0.5,.2,.2,.8\nQ,2,,.3,.5,.5\nR,,,.3,.5,.5\n")
    errors = read_profiles_file(path, profiles.features).standard_errors
    np.testing.assert_array_equal(errors["a"], [0.5, np.nan, np.nan])
    assert errors["b"].tolist() == [0.0, 0.0, 0.0]


def test_no_cell_of_a_wide_file_starts_like_a_formula(profiles, tmp_path):
    write_wide(profiles, tmp_path / "profiles.csv")
    cells = (tmp_path / "profiles.csv").read_text().replace("\n", ",").split(",")
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]


def test_every_problem_of_a_wide_file_is_listed(profiles, tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("site,a,b,zz\nP,x,.2,1\n,1,y,2\n")
    with pytest.raises(StudyError) as caught:
        read_profiles_file(path, profiles.features)
    assert {problem.where for problem in caught.value.problems} == {"zz", "site", "a", "b"}


@pytest.mark.parametrize("name", ["new.csv", "new.parquet"])
def test_a_damaged_file_is_refused_in_words(profiles, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"\x93\x00PAR1\xff\xfe\x00")
    with pytest.raises(StudyError, match=name):
        read_profiles_file(path, profiles.features)


def test_a_missing_or_foreign_file_is_refused(profiles, tmp_path):
    with pytest.raises(StudyError, match="Not found"):
        read_profiles_file(tmp_path / "none.csv", profiles.features)
    (tmp_path / "a.ods").touch()
    with pytest.raises(StudyError, match=r"Expected \.csv"):
        read_profiles_file(tmp_path / "a.ods", profiles.features)


def test_a_row_that_is_cut_short_is_refused(profiles, tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("site,a,b\nP,1,.2\nQ,1\n")
    with pytest.raises(StudyError, match=r"Row 2 has 2 of 3 fields"):
        read_profiles_file(path, profiles.features)
