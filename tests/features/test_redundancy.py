"""Features that say the same thing twice: planted ones are found, others are not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from site_typology.feature_info import FeatureInfo
from site_typology.features.redundancy import (
    CORRELATED,
    IDENTICAL,
    SOURCE,
    corrected_correlation,
    same_thing_twice,
)
from site_typology.profiles import SiteProfiles

N = 60
SITES = [f"S{at:02d}" for at in range(N)]


def test_correction_is_that_of_r() -> None:
    """psych::correct.cor(matrix(c(1, .56, .56, 1), 2), c(.8, .7)) gives 0.748331477355."""
    x = np.arange(40.0)
    noise = np.random.default_rng(1).normal(size=40)
    z = (x - x.mean()) / x.std(ddof=1)
    noise -= noise.mean() + z * (noise @ z) / (z @ z)
    y = 0.56 * z + np.sqrt(1 - 0.56**2) * noise / noise.std(ddof=1)
    errors = np.full(40, np.sqrt(0.2)), np.full(40, np.sqrt(0.3))
    assert corrected_correlation(z, errors[0], y, errors[1])[0] == pytest.approx(0.748331477355)


def test_shared_error_is_taken_out() -> None:
    """True correlation 0, error correlation .8: 40 studies of 4,000 sites."""
    random = np.random.default_rng(5)
    found, naive = [], []
    for _ in range(40):
        true = random.normal(size=(4000, 2))
        common = random.normal(size=(4000, 1))
        error = np.sqrt(0.8) * common + np.sqrt(0.2) * random.normal(size=(4000, 2))
        x, y = (true + error).T
        ones = np.ones(4000)
        found.append(corrected_correlation(x, ones, y, ones, 0.8)[0])
        naive.append(corrected_correlation(x, ones, y, ones)[0])
    monte_carlo = np.std(found) / np.sqrt(40)
    assert abs(np.mean(found)) < 4 * monte_carlo
    assert np.mean(naive) == pytest.approx(0.8, abs=0.1)


def made(seed: int = 0, correlation: float = 0.5) -> SiteProfiles:
    """Three features that correlate by `correlation`, and one that repeats the first, noisily."""
    random = np.random.default_rng(seed)
    common = random.normal(size=(N, 1))
    true = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * random.normal(size=(N, 3))
    frame = pd.DataFrame(true, SITES, ["a", "b", "c"])
    frame["again"] = 5 - 3 * frame["a"]
    noise = pd.DataFrame(0.5, SITES, frame.columns).assign(again=1.5)
    return SiteProfiles.from_frame(frame + noise * random.normal(size=(N, 4)), noise)


def test_a_feature_planted_twice_is_found_and_no_other() -> None:
    found = same_thing_twice(made())
    assert found[["feature", "other", "why"]].values.tolist() == [["a", "again", CORRELATED]]
    assert found["corrected"].iloc[0] < -0.9
    assert abs(found["correlation"].iloc[0]) < 0.9  # only the corrected one says so


def test_features_that_merely_go_together_are_rarely_listed() -> None:
    """True correlation .7: at most 1 % of pairs in 60 studies (Monte Carlo error .7 %)."""
    listed = 0
    for seed in range(60):
        profiles = made(seed, 0.7)
        found = same_thing_twice(profiles)
        listed += int((found["other"] != "again").sum())
    assert listed / (60 * 3) < 0.01 + 4 * 0.007


def test_the_same_values_in_another_unit_are_the_same() -> None:
    frame = pd.DataFrame({"a": [1.0, 2, 4, 3], "b": [-10.0, -20, -40, -30]}, list("ABCD"))
    found = same_thing_twice(SiteProfiles.from_frame(frame))
    assert found["why"].tolist() == [IDENTICAL] and found["corrected"].tolist() == [-1.0]


def test_parts_of_one_composition_are_no_pair() -> None:
    share = np.linspace(0.1, 0.9, 12)
    frame = pd.DataFrame({"t.x": share, "t.y": 1 - share})
    kinds = dict.fromkeys(frame, "composition:t")
    assert same_thing_twice(SiteProfiles.from_frame(frame, kinds=kinds)).empty


@pytest.mark.parametrize("other_source", ["t: q1", "t: q2"])
def test_two_features_of_the_same_columns_are_listed(other_source: str) -> None:
    frame = pd.DataFrame({"a": [1.0, 2, 4, 3], "b": [1.0, 2, 4, 4]}, list("ABCD"))
    kinds = {
        "a": FeatureInfo("a", builder="mean", source="t: q1"),
        "b": FeatureInfo("b", builder="mean", source=other_source),
    }
    found = same_thing_twice(SiteProfiles.from_frame(frame, kinds=kinds))
    assert found["why"].tolist() == ([SOURCE] if other_source == "t: q1" else [])


def test_pairs_that_build_types_come_first_whatever_the_order_of_sites() -> None:
    profiles = made()
    infos = [
        dataclasses.replace(info, use="evaluate") if info.name == "b" else info
        for info in profiles.features
    ]
    values = profiles.values.assign(b=profiles.values["c"])
    given = SiteProfiles(values, profiles.standard_errors, features=infos)
    found = same_thing_twice(given)
    assert found["both_build"].tolist() == [True, False]
    backwards = SiteProfiles(values.iloc[::-1], profiles.standard_errors.iloc[::-1], features=infos)
    pd.testing.assert_frame_equal(found, same_thing_twice(backwards), check_exact=False, rtol=1e-12)
