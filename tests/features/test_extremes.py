"""Extreme values: planted ones are found with their rows, and few others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from site_typology.feature_info import FeatureInfo
from site_typology.features.extremes import extreme_values, robust_z, scale_of
from site_typology.features.profiler import build_profiles
from site_typology.features.sourcerows import source_rows
from site_typology.profiles import SiteProfiles

SITES = [f"S{at:02d}" for at in range(25)]


def test_z_is_that_of_r() -> None:
    # R: x <- c(2.1,3.4,2.8,5.9,3.3,2.2,3.1,2.7,2.9,14); (x - median(x)) / mad(x)
    x = np.array([2.1, 3.4, 2.8, 5.9, 3.3, 2.2, 3.1, 2.7, 2.9, 14])
    expected = [
        -1.73440481008, 0.770846582259, -0.385423291129, 5.58863772138, 0.578134936694,
        -1.54169316452, 0.192711645565, -0.578134936694, -0.192711645565, 21.1982810121,
    ]  # fmt: skip
    assert robust_z(x, np.zeros(10)).tolist() == pytest.approx(expected)


def test_one_error_for_all_sites_changes_nothing() -> None:
    x = np.random.default_rng(2).normal(size=30)
    assert robust_z(x, np.full(30, 0.2)) == pytest.approx(robust_z(x, np.zeros(30)))


def test_an_imprecise_value_is_less_extreme() -> None:
    x = np.array([*np.linspace(-1, 1, 24), 6.0])
    errors = np.full(25, 0.1)
    sharp = robust_z(x, errors)[-1]
    errors[-1] = 3.0
    assert abs(robust_z(x, errors)[-1]) < 3.5 < sharp


@pytest.mark.parametrize(("sites", "most"), [(25, 0.008), (150, 0.002)])
def test_false_flags_are_rare(sites: int, most: float) -> None:
    """Normal sites with unequal errors, 400 studies; Monte Carlo error at most .0009."""
    random = np.random.default_rng(11)
    flagged = 0
    for _ in range(400):
        errors = random.uniform(0.2, 0.8, sites)
        values = random.normal(size=sites) + errors * random.normal(size=sites)
        flagged += int((np.abs(robust_z(values, errors)) > 3.5).sum())
    rate = flagged / (400 * sites)
    assert rate < most


@pytest.mark.parametrize("kind", ["share", "rate", "continuous"])
def test_skewed_features_are_not_full_of_extremes(kind: str) -> None:
    """Shares near 0, rates of few events, sizes from 50 to 3,000: below 1 % of 8,000 values."""
    random = np.random.default_rng(4)
    drawn = {
        "share": random.beta(2, 18, (80, 100)),
        "rate": random.gamma(3, 0.1, (80, 100)),
        "continuous": np.exp(random.normal(6, 0.7, (80, 100))),
    }[kind]
    flagged = sum(
        len(extreme_values(SiteProfiles.from_frame(pd.DataFrame({"x": row}), kinds={"x": kind})))
        for row in drawn
    )
    assert flagged / drawn.size < 0.01


def test_scales() -> None:
    skewed = np.exp(np.linspace(0, 4, 40))
    assert scale_of(FeatureInfo("x"), skewed) == "log"
    assert scale_of(FeatureInfo("x"), np.linspace(1, 2, 40)) == "natural"
    assert scale_of(FeatureInfo("x"), np.array([0.0, *skewed])) == "square root"
    assert scale_of(FeatureInfo("x", kind="share"), skewed / 100) == "arcsine root"
    assert scale_of(FeatureInfo("x", kind="rate"), skewed) == "square root"
    assert scale_of(FeatureInfo("x", kind="rate"), -skewed) == "natural"


def test_many_sites_far_out_are_a_tail() -> None:
    values = np.r_[np.random.default_rng(6).normal(size=36) / 100, [-5, -6, -7, -8.0]]
    profiles = SiteProfiles.from_frame(pd.DataFrame({"x": values}))
    found = extreme_values(profiles)
    assert found["tail"].all() and found["beyond"].eq(len(found)).all() and len(found) >= 4


def test_a_feature_that_hardly_varies_has_no_extreme() -> None:
    values = pd.DataFrame({"x": [1.0] * 12, "few": [1.0, 9, *[np.nan] * 10]})
    assert extreme_values(SiteProfiles.from_frame(values)).empty


def planted(study, value: float):
    """Twenty-five sites with four informants each; one informant of S03 slipped a digit."""
    random = np.random.default_rng(8)
    frame = pd.DataFrame({"site": np.repeat(SITES, 4), "q": random.normal(5, 1, 100).round(2)})
    slip = frame.index[frame["site"] == "S03"][2]
    frame.loc[slip, "q"] = value
    feature = {"name": "q", "builder": "mean", "args": {"table": "staff", "column": "q"}}
    return study({"staff": frame}, [feature], sites=SITES), frame, int(slip)


def test_the_row_of_a_planted_slip_is_named_first(study) -> None:
    tables, frame, slip = planted(study, 52.0)
    found = extreme_values(build_profiles(tables))
    assert found["site"].tolist() == ["S03"]
    rows = source_rows(found, tables)
    first = rows.iloc[0]
    assert (first["table"], first["row"], first["value"], first["rows"]) == (
        "staff", slip + 1, 52.0, 4,
    )  # fmt: skip
    others = frame[(frame["site"] == "S03") & (frame.index != slip)]["q"].mean()
    assert first["without"] == pytest.approx(others)
    assert set(rows["site"]) == {"S03"} and len(rows) == 4


def test_without_a_slip_few_sites_are_flagged(study) -> None:
    """Errors estimated from 3 informants: below 1.5 % of 750 values (Monte Carlo error .4 %)."""
    flagged = 0
    for seed in range(30):
        random = np.random.default_rng(seed)
        site = np.repeat(random.normal(size=25), 3)
        frame = pd.DataFrame({"site": np.repeat(SITES, 3), "q": site + random.normal(size=75)})
        feature = {"name": "q", "builder": "mean", "args": {"table": "staff", "column": "q"}}
        flagged += len(extreme_values(build_profiles(study({"staff": frame}, [feature]))))
    assert flagged / 750 < 0.015


def test_low_extremes_name_the_lowest_rows(study) -> None:
    tables, _, slip = planted(study, -52.0)
    rows = source_rows(extreme_values(build_profiles(tables)), tables)
    assert rows.iloc[0]["row"] == slip + 1 and rows["value"].is_monotonic_increasing


def test_the_row_of_a_single_column_is_named(study) -> None:
    sizes = pd.DataFrame({"site": SITES, "size": [*np.linspace(90, 110, 24), 900.0]})
    feature = {"name": "size", "builder": "column", "args": {"table": "list", "column": "size"}}
    tables = study({"list": sizes}, [feature], sites=SITES)
    rows = source_rows(extreme_values(build_profiles(tables)), tables)
    assert rows[["site", "table", "column", "row", "value", "rows"]].values.tolist() == [
        ["S24", "list", "size", 25, 900.0, 1]
    ]


def test_rows_of_both_tables_of_a_rate_are_named(study) -> None:
    left = pd.DataFrame({"site": SITES, "left": [*[4.0, 5, 6, 5] * 6, 60.0]})
    staff = pd.DataFrame({"site": SITES[::-1], "staff": 50.0})
    args = {
        "numerator": {"table": "left", "column": "left"},
        "denominator": {"table": "staff", "column": "staff"},
    }
    feature = {"name": "leavers", "builder": "rate", "args": args}
    tables = study({"left": left, "staff": staff}, [feature], sites=SITES)
    rows = source_rows(extreme_values(build_profiles(tables)), tables)
    assert rows[["table", "column", "row", "value"]].values.tolist() == [
        ["left", "left", 25, 60.0],
        ["staff", "staff", 1, 50.0],
    ]


def test_rows_behind_a_rate_are_those_that_its_condition_chooses(study) -> None:
    left = pd.DataFrame({"site": SITES * 2, "kind": ["staff"] * 25 + ["bank"] * 25})
    left["left"] = [*[4.0, 5, 6, 5] * 6, 60.0] + [7.0] * 25
    args = {
        "numerator": {"table": "left", "column": "left"},
        "denominator": {"table": "staff", "column": "staff"},
        "where": [{"column": "kind", "values": ["staff"]}],
    }
    feature = {"name": "leavers", "builder": "rate", "args": args}
    staff = pd.DataFrame({"site": SITES[::-1], "staff": 50.0})
    tables = study({"left": left, "staff": staff}, [feature], sites=SITES)
    rows = source_rows(extreme_values(build_profiles(tables)), tables)
    assert rows.loc[rows["table"] == "left", "value"].tolist() == [60.0]
