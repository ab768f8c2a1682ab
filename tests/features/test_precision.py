"""Reliability of features, informants needed, figures on few informants."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from site_typology.feature_info import FeatureInfo
from site_typology.features.measurement import reliability
from site_typology.features.precision import (
    feature_precision,
    informants_needed,
    reliability_interval,
    signal_share,
    thin_cells,
)
from site_typology.features.returns import response_map
from site_typology.profiles import SiteProfiles


def test_interval_is_that_of_r() -> None:
    # R: 1 - (1 - .5) * qchisq(c(.975, .025), 24) / 24
    assert reliability_interval(0.5, 25) == pytest.approx((0.179915061946, 0.741642703803))


def test_interval_covers_the_true_reliability() -> None:
    """True reliability .6 at 25 sites, 4,000 studies; Monte Carlo error of 95 % is .0034."""
    random = np.random.default_rng(7)
    error = np.sqrt(0.4)
    seen = random.normal(size=(4000, 25)) * np.sqrt(0.6) + error * random.normal(size=(4000, 25))
    ends = [reliability_interval(signal_share(row, np.full(25, error)), 25) for row in seen]
    covered = np.mean([low <= 0.6 <= high for low, high in ends])
    assert covered == pytest.approx(0.95, abs=4 * 0.0034)


def test_more_informants_bring_the_reliability_that_was_asked_for() -> None:
    """Spearman and Brown's law: with the number needed, reliability is .7 and not much more."""
    for start in (0.05, 0.2, 0.5, 0.69):
        needed = informants_needed(start, 4.0)
        factor = needed / 4.0
        reached = factor * start / (1 + (factor - 1) * start)
        fewer = (needed - 1) / 4.0
        assert reached >= 0.7 - 1e-9
        assert fewer * start / (1 + (fewer - 1) * start) < 0.7
    assert np.isnan(informants_needed(0.0, 4.0)) and np.isnan(informants_needed(0.5, np.nan))


def test_values_that_are_all_alike_show_no_signal_and_have_no_interval() -> None:
    names = [f"S{at}" for at in range(5)]
    values = pd.DataFrame({"a": [0.0] * 5, "few": [1.0, 2.0, *[np.nan] * 3]}, names)
    profiles = SiteProfiles.from_frame(values, values * 0 + 0.1)
    alike, few = feature_precision(profiles, response_map(profiles.response)).itertuples()
    assert alike.reliability == 0
    assert np.isnan([alike.low, alike.high, few.reliability, few.low, few.high]).all()


def test_reliability_is_the_one_of_the_profiles() -> None:
    random = np.random.default_rng(3)
    values = pd.DataFrame({"a": random.normal(size=20)}, [f"S{at}" for at in range(20)])
    profiles = SiteProfiles.from_frame(values, values * 0 + 0.4)
    found = feature_precision(profiles, response_map(profiles.response)).iloc[0]
    expected = reliability(values["a"].to_numpy(), np.full(20, 0.4))
    assert found["reliability"] == pytest.approx(expected)
    assert found["low"] < expected < found["high"]


def test_errors_that_are_exact_unknown_or_of_a_category_are_told_apart() -> None:
    values = pd.DataFrame(
        {"exact": [1.0, 2, 3], "unknown": [1.0, 2, 3], "kind": ["x", "y", "x"]}, list("ABC")
    )
    errors = pd.DataFrame({"unknown": [np.nan] * 3}, list("ABC"))
    profiles = SiteProfiles.from_frame(values, errors)
    found = feature_precision(profiles, response_map(profiles.response))
    assert found["error"].tolist() == ["exact", "error not known", "category"]
    assert found["reliability"].isna().all()


def few() -> SiteProfiles:
    values = pd.DataFrame({"view": [1.0, 2, 3, 4], "size": [10.0, 20, 30, 40]}, list("ABCD"))
    counts = pd.DataFrame({"view": [1.0, 4, 5, 1.5], "size": [1.0, 1, 1, 1]}, list("ABCD"))
    surveyed = FeatureInfo("view", measurement={"informants_per_site": 3.0})
    return SiteProfiles.from_frame(values, values * 0 + 0.1, counts, {"view": surveyed})


def test_figures_on_few_informants_are_found_and_counts_of_other_things_are_not() -> None:
    thin = thin_cells(few(), [], 5)
    assert thin[["feature", "site", "n"]].values.tolist() == [
        ["view", "A", 1.0],
        ["view", "D", 1.5],
        ["view", "B", 4.0],
    ]
    assert thin_cells(few(), [], 2)["site"].tolist() == ["A", "D"]


def test_the_number_of_informants_is_the_harmonic_mean() -> None:
    profiles = few()
    found = feature_precision(profiles, response_map(profiles.response)).set_index("feature")
    assert found.loc["view", "n"] == pytest.approx(4 / (1 + 1 / 4 + 1 / 5 + 1 / 1.5))
    assert np.isnan(found.loc["size", "n"])


def test_a_table_of_the_response_makes_its_features_those_of_informants() -> None:
    profiles = few()
    infos = [dataclasses.replace(profiles.info("size"), source="staff: size")]
    sized = SiteProfiles(
        profiles.values[["size"]],
        profiles.standard_errors[["size"]],
        profiles.counts[["size"]],
        profiles.reasons[["size"]],
        infos,
    )
    assert len(thin_cells(sized, ["staff"], 5)) == 4
    assert thin_cells(sized, ["heads"], 5).empty
