"""Evaluation features between types: tested where that is right, refused where it is not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from site_typology import FeatureInfo, SiteProfiles, Typology
from site_typology.evaluation import COLUMNS, compare_evaluation, shares_error


def with_features(
    typology: Typology,
    values: dict[str, np.ndarray],
    infos: list[FeatureInfo],
    errors: float = 0.0,
    correlation: dict[str, float] | None = None,
) -> Typology:
    """Add evaluation features to the profiles of a typology; `correlation` with wsa's errors."""
    profiles = typology.profiles
    index = profiles.values.index
    new = pd.DataFrame(values, index=index)
    none = pd.DataFrame(errors, index=index, columns=list(values)).mask(new.isna())
    names = [*profiles.values.columns, *values]
    matrix = pd.DataFrame(np.eye(len(names)), names, names)
    for name, shared in (correlation or {}).items():
        matrix.loc[name, "wsa"] = matrix.loc["wsa", name] = shared
    added = SiteProfiles(
        pd.concat([profiles.values, new], axis=1),
        pd.concat([profiles.standard_errors, none], axis=1),
        None,
        None,
        [*profiles.features, *infos],
        error_correlation=matrix,
    )
    return dataclasses.replace(typology, profiles=added)


def evaluate(name: str, **more: object) -> FeatureInfo:
    return FeatureInfo(name, use="evaluate", **more)


@pytest.fixture
def truth(typed: Typology) -> np.ndarray:
    return typed.labels.fillna(0).to_numpy(dtype=int)


def test_what_goes_with_types_is_told_from_what_does_not(typed: Typology, truth: np.ndarray):
    rng = np.random.default_rng(1)
    values = {
        "outcome": rng.normal(size=30) + 2 * (truth == 2),
        "unrelated": rng.normal(size=30),
    }
    found = compare_evaluation(
        with_features(typed, values, [evaluate(name) for name in values], errors=0.3), seed=1
    ).set_index("feature")
    assert list(found.columns) == COLUMNS[1:]
    # The category of the profiles is among them.
    assert list(found.index) == ["lead", "outcome", "unrelated"]
    assert found["associated"].to_dict() == {"lead": False, "outcome": True, "unrelated": False}
    assert (found["p_holm"] >= found["p_value"]).all()
    assert found.loc["outcome", "p_value"] < 0.005
    assert found.loc["outcome", "share"] > 0.3
    assert found.loc["unrelated", "p_value"] > 0.05
    assert (found["sites"] == typed.labels.notna().sum()).all()


def test_features_that_built_the_types_have_no_p_value(typed: Typology):
    found = compare_evaluation(typed, seed=1)
    build = {info.name for info in typed.profiles.features if info.use == "build"}
    assert build
    assert not build & set(found["feature"])


def test_a_feature_with_the_errors_of_build_features_is_refused(typed: Typology, truth: np.ndarray):
    values = {"outcome": np.random.default_rng(2).normal(size=30) + 3 * (truth == 2)}

    def p_value(**more) -> tuple[float, str]:
        found = compare_evaluation(
            with_features(typed, values, [evaluate("outcome")], **more), seed=1
        )
        row = found.set_index("feature").loc["outcome"]
        return row["p_value"], row["why_not"]

    p, why_not = p_value(errors=0.3, correlation={"outcome": 0.2})
    assert np.isnan(p)
    assert "features that built the types (wsa)" in why_not
    # Correlated errors of a value known exactly are none.
    p, why_not = p_value(errors=0.0, correlation={"outcome": 0.2})
    assert p < 0.01
    assert why_not == ""


def test_a_feature_of_the_same_rows_is_refused(typed: Typology):
    profiles = with_features(typed, {"z": np.arange(30.0)}, [evaluate("z")], errors=1.0).profiles
    survey = "informants: q1, q2; sites: teams"
    one, other = (
        evaluate("z", source="staff: pay; informants: q9"),
        FeatureInfo("wsa", source=survey),
    )
    assert shares_error(profiles, one, other)
    assert not shares_error(profiles, evaluate("z", source="staff: informants"), other)
    assert not shares_error(profiles, evaluate("z"), FeatureInfo("wsa"))


def test_a_composition_is_one_feature_and_a_category_has_one_test(
    typed: Typology, truth: np.ndarray
):
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(30, 3)) + 2.0 * np.eye(4)[truth][:, 1:]
    parts = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    names = ["mix.a", "mix.b", "mix.c"]
    infos = [evaluate(name, kind="composition", composition="mix") for name in names]
    values = dict(zip(names, parts.T, strict=True))
    found = compare_evaluation(with_features(typed, values, infos), seed=1).set_index("feature")
    assert list(found.index) == ["lead", "mix"]
    assert found.loc["mix", "p_holm"] < 0.01
    assert 0 < found.loc["lead", "p_value"] <= 1


def test_too_few_sites_and_no_variation_are_said(typed: Typology):
    few = np.where(np.arange(30) < 6, np.arange(30.0), np.nan)
    names = np.array([f"Name {at}" for at in range(30)], dtype=object)
    values = {"few": few, "flat": np.ones(30), "manager": names}
    infos = [evaluate("few"), evaluate("flat"), evaluate("manager", kind="category")]
    found = compare_evaluation(with_features(typed, values, infos), seed=1).set_index("feature")
    assert found.loc["manager", "why_not"].startswith("A category of 29 values")
    assert found.loc["few", "why_not"].startswith("Known at ")
    assert found.loc["flat", "why_not"].startswith("It is the same")
    assert found.loc[["few", "flat", "manager"], "p_holm"].isna().all()
    # One test was made, and is not made to pay for the others.
    assert found.loc["lead", "p_holm"] == found.loc["lead", "p_value"]


def test_without_types_nothing_is_compared(untyped: Typology):
    found = compare_evaluation(untyped, seed=1)
    assert list(found.columns) == COLUMNS
    assert found.empty


def test_order_of_features_does_not_change_a_p_value(typed: Typology, truth: np.ndarray):
    rng = np.random.default_rng(4)
    values = {"b": rng.normal(size=30), "a": rng.normal(size=30)}
    one = compare_evaluation(with_features(typed, values, [evaluate(n) for n in values]), seed=1)
    turned = dict(reversed(values.items()))
    other = compare_evaluation(with_features(typed, turned, [evaluate(n) for n in turned]), seed=1)
    pd.testing.assert_frame_equal(
        one.set_index("feature").sort_index(), other.set_index("feature").sort_index()
    )


def test_of_many_unrelated_features_five_in_a_hundred_pass_and_none_after_adjustment(
    typed: Typology,
):
    rng = np.random.default_rng(5)
    values = {f"z{at:03d}": rng.normal(size=30) for at in range(400)}
    infos = [evaluate(name) for name in values]
    found = compare_evaluation(with_features(typed, values, infos, errors=0.5), seed=1)
    # Three Monte Carlo standard errors of 0.011 either way.
    assert abs((found["p_value"] <= 0.05).mean() - 0.05) < 0.033
    assert not found["associated"].any()


def test_the_order_of_the_sites_changes_no_p_value(typed: Typology):
    values = {"unrelated": np.random.default_rng(5).normal(size=30)}
    added = with_features(typed, values, [evaluate("unrelated")], errors=0.3)
    turned = dataclasses.replace(
        added,
        profiles=added.profiles.select(sites=added.profiles.sites[::-1]),
        memberships=added.memberships.iloc[::-1].reset_index(drop=True),
    )
    one, other = compare_evaluation(added, seed=1), compare_evaluation(turned, seed=1)
    assert 0.05 < one["p_value"].iloc[0] < 0.95
    pd.testing.assert_frame_equal(one, other)
