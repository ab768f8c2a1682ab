"""What changed between rounds: planted changes are found, and false ones kept in check."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from site_typology.features.roundchanges import (
    BEYOND_ERROR,
    UNLIKE_OTHERS,
    changes_by_feature,
    discoveries,
    round_changes,
    sites_that_moved,
)
from site_typology.profiles import SiteProfiles

SITES = [f"S{at:02d}" for at in range(25)]


def two_rounds(
    first: pd.DataFrame, second: pd.DataFrame, error: float = 0.5, **kinds: str
) -> SiteProfiles:
    values = pd.concat({"1": first, "2": second}, names=["round", "site"]).swaplevel()
    grid = pd.MultiIndex.from_product([SITES, ["1", "2"]], names=["site", "round"])
    values = values.reindex(grid)
    numbers = values.select_dtypes("number")
    return SiteProfiles.from_frame(values, numbers * 0 + error, kinds=kinds)


def unchanged(random: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    true = random.normal(size=(25, 4)) * 2
    first, second = (
        pd.DataFrame(true + 0.5 * random.normal(size=true.shape), SITES, list("abcd"))
        for _ in range(2)
    )
    return first, second


def test_discoveries_are_those_of_r() -> None:
    # R: p.adjust(c(.001,.012,.04,.03,.9,.02,.005,.2), "BH") <= .05
    p = np.array([0.001, 0.012, 0.04, 0.03, 0.9, 0.02, 0.005, 0.2])
    expected = [True, True, False, True, False, True, True, False]
    assert discoveries(p, 0.05).tolist() == expected
    assert discoveries(np.r_[p, np.nan], 0.05).tolist() == [*expected, False]
    assert not discoveries(np.array([]), 0.05).size


def test_a_planted_change_is_found_with_its_size_and_error() -> None:
    first, second = unchanged(np.random.default_rng(1))
    second.loc["S07", "b"] = first.loc["S07", "b"] + 5
    changes = round_changes(two_rounds(first, second))
    flagged = changes[changes["flag"] == BEYOND_ERROR]
    assert flagged[["site", "feature"]].values.tolist() == [["S07", "b"]]
    assert flagged["change"].iloc[0] == pytest.approx(5)
    assert flagged["standard_error"].iloc[0] == pytest.approx(np.sqrt(0.5))


def test_without_change_few_studies_have_a_flag() -> None:
    """200 studies without any change: any flag in 5 % of them (Monte Carlo error 1.5 points)."""
    random = np.random.default_rng(2)
    flagged = [
        (round_changes(two_rounds(*unchanged(random)))["flag"] != "").any() for _ in range(200)
    ]
    assert np.mean(flagged) == pytest.approx(0.05, abs=4 * 0.015)


def test_exact_figures_are_flagged_where_they_change_unlike_the_others() -> None:
    first = pd.DataFrame({"size": np.linspace(100, 200, 25)}, SITES)
    second = first + 5 + np.tile([0.5, -0.5, 0.2, -0.2, 0.0], 5)[:, None]
    second.loc["S20", "size"] += 40
    changes = round_changes(two_rounds(first, second, error=0.0))
    flagged = changes[changes["flag"] != ""]
    assert flagged[["site", "flag"]].values.tolist() == [["S20", UNLIKE_OTHERS]]


def test_a_table_that_serves_both_rounds_is_no_change() -> None:
    first, _ = unchanged(np.random.default_rng(3))
    profiles = two_rounds(first, first)
    changes = round_changes(profiles)
    assert changes.empty
    notes = changes_by_feature(profiles, changes)["note"]
    assert notes.eq("the same in both rounds: one table serves both").all()
    assert sites_that_moved(profiles).empty


def test_sites_that_came_and_went_and_features_of_one_round() -> None:
    first, second = unchanged(np.random.default_rng(4))
    first.loc["S01"] = np.nan
    second.loc["S02"] = np.nan
    second["d"] = np.nan
    profiles = two_rounds(first, second)
    moved = sites_that_moved(profiles)
    assert moved[["site", "moved"]].values.tolist() == [["S01", "came"], ["S02", "went"]]
    by_feature = changes_by_feature(profiles, round_changes(profiles)).set_index("feature")
    assert by_feature.loc["a", ["sites", "came", "went"]].tolist() == [23, 1, 1]
    assert by_feature.loc["d", "note"] == "no value in round 2"


def test_the_mean_change_has_the_interval_of_r() -> None:
    """t.test(c(.4, -.1, .3, .5, .2, 0)) gives -0.0264462982473 to 0.459779631581."""
    sites = SITES[:6]
    first = pd.DataFrame({"a": 0.0}, sites)
    second = pd.DataFrame({"a": [0.4, -0.1, 0.3, 0.5, 0.2, 0.0]}, sites)
    profiles = two_rounds(first, second)
    found = changes_by_feature(profiles, round_changes(profiles)).iloc[0]
    assert (found["low"], found["high"]) == pytest.approx((-0.0264462982473, 0.459779631581))


def test_categories_and_unknown_errors_are_not_tested() -> None:
    first, second = unchanged(np.random.default_rng(5))
    first["lead"], second["lead"] = "NHS", ["charity", *["NHS"] * 24]
    profiles = two_rounds(first, second)
    errors = profiles.standard_errors.assign(a=np.nan)
    unknown = SiteProfiles(
        profiles.values, errors, profiles.counts, profiles.reasons, profiles.features
    )
    changes = round_changes(unknown)
    assert changes.loc[changes["feature"] == "a", "p"].isna().all()
    notes = changes_by_feature(unknown, changes).set_index("feature")["note"]
    assert notes["lead"] == "a category; another one at 1 of 25 sites"


def test_one_round_has_no_changes() -> None:
    profiles = SiteProfiles.from_frame(pd.DataFrame({"a": [1.0, 2.0]}, ["A", "B"]))
    changes = round_changes(profiles)
    assert changes.empty and changes_by_feature(profiles, changes).empty


def test_the_order_of_rows_does_not_matter() -> None:
    first, second = unchanged(np.random.default_rng(6))
    profiles = two_rounds(first, second)
    found = round_changes(profiles).sort_values(["feature", "site"])
    turned = profiles.select(sites=sorted(profiles.sites, reverse=True))
    again = round_changes(turned).sort_values(["feature", "site"])
    np.testing.assert_allclose(found["z"], again["z"], rtol=1e-12)
    assert found["flag"].tolist() == again["flag"].tolist()
