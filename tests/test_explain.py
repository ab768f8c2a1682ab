"""Explanations: shown only when faithful, true to what types differ in, unsure where data are."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from site_typology import SiteProfiles, Typology
from site_typology.explain import SITE_COLUMNS, TYPE_COLUMNS, Explanation, explain


@pytest.fixture(scope="module")
def explanation(typed: Typology) -> Explanation:
    return explain(typed, seed=3)


def test_it_is_shown_with_its_fidelity_first(explanation: Explanation):
    assert explanation.shown
    assert explanation.why_not == ""
    assert explanation.fidelity > 0.9
    assert explanation.fidelity_sd < 0.1
    assert explanation.chance == pytest.approx(1 / 3)
    assert list(explanation.per_type.columns) == TYPE_COLUMNS
    assert list(explanation.per_site.columns) == SITE_COLUMNS


def test_each_type_is_explained_by_what_it_was_made_of(
    typed: Typology, explanation: Explanation, true_types: pd.Series
):
    made_of = {1: "wsa", 2: "clinical", 3: "need"}
    labels = typed.labels.dropna()
    for label, own in explanation.per_type.groupby("type"):
        truth = int(true_types[labels.index[labels == label]].mode()[0])
        assert own.iloc[0]["feature"] == made_of[truth]
        assert own.iloc[0]["direction"] > 0.8
        noise = own[own["feature"].isin(["advice", "reach"])]["importance"].max()
        assert own.iloc[0]["importance"] > 3 * noise


def test_contributions_of_a_site_speak_for_its_own_type(explanation: Explanation):
    sums = explanation.per_site.groupby("site")[["shap", "shap_next"]].sum()
    # Without gaps a site's contributions lift its own type above the mean and the next below it.
    assert (sums["shap"] > 0).mean() > 0.95
    assert (sums["shap"] > sums["shap_next"]).all()


def test_more_measurement_error_makes_contributions_less_sure(
    typed: Typology, explanation: Explanation
):
    profiles = typed.profiles
    noisy = SiteProfiles(
        profiles.values,
        profiles.standard_errors * 5,
        profiles.counts,
        profiles.reasons,
        profiles.features,
    )
    found = explain(dataclasses.replace(typed, profiles=noisy), seed=3)
    assert found.fidelity == explanation.fidelity
    assert found.per_site["spread"].mean() > 1.1 * explanation.per_site["spread"].mean()


def test_same_seed_same_explanation(typed: Typology, explanation: Explanation):
    again = explain(typed, seed=3)
    pd.testing.assert_frame_equal(again.per_type, explanation.per_type)
    pd.testing.assert_frame_equal(again.per_site, explanation.per_site)


def test_sites_without_a_type_are_not_explained(typed: Typology, explanation: Explanation):
    without = typed.labels.index[typed.labels.isna()]
    assert len(without)
    assert not explanation.per_site["site"].isin(without).any()


def test_no_types_nothing_to_explain(untyped: Typology):
    found = explain(untyped, seed=1)
    assert not found.shown
    assert "No typology is claimed" in found.why_not
    assert np.isnan(found.fidelity)
    assert found.per_type.empty
    assert found.per_site.empty


def test_an_unfaithful_surrogate_is_not_shown(typed: Typology):
    random = np.random.default_rng(0)
    shuffled = pd.array(random.permutation(typed.memberships["type"].fillna(1)), dtype="Int64")
    found = explain(
        dataclasses.replace(typed, memberships=typed.memberships.assign(type=shuffled)), seed=1
    )
    assert not found.shown
    assert "guessing gives 33%" in found.why_not
    assert found.fidelity < 0.6
    assert found.per_type.empty


def test_a_type_of_one_site_cannot_be_tested(typed: Typology):
    types = typed.memberships["type"].copy()
    threes = types.index[(types == 3).fillna(False)]
    types[threes[1:]] = 1
    found = explain(
        dataclasses.replace(typed, memberships=typed.memberships.assign(type=types)), seed=1
    )
    assert not found.shown
    assert "fewer than two sites" in found.why_not
