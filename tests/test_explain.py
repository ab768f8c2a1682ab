"""Explanations: shown only when faithful, true to what types differ in, unsure where data are."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from site_typology import SiteProfiles, Typology
from site_typology.explain import SITE_COLUMNS, TYPE_COLUMNS, Explanation, explain
from site_typology.models.working import WorkingData, exact_data
from site_typology.shares import Placed, plausible_points


@pytest.fixture(scope="module")
def explanation(typed: Typology) -> Explanation:
    return explain(typed, seed=3)


@pytest.fixture(scope="module")
def relabelled(typed: Typology) -> Typology:
    """The same types but for one site, so that they are no longer those of the model."""
    changed = typed.memberships.copy()
    first = changed.index[(changed["type"] == 1).fillna(False)][0]
    changed.loc[first, ["type", "next_type"]] = [2, 1]
    return dataclasses.replace(typed, memberships=changed)


@pytest.fixture(scope="module")
def by_surrogate(relabelled: Typology) -> Explanation:
    return explain(relabelled, seed=3)


def test_types_of_the_model_are_explained_exactly(explanation: Explanation):
    assert explanation.shown
    assert explanation.why_not == ""
    assert explanation.method == "exact"
    assert (explanation.fidelity, explanation.fidelity_sd) == (1.0, 0.0)
    assert explanation.chance == pytest.approx(1 / 3)
    assert list(explanation.per_type.columns) == TYPE_COLUMNS
    assert list(explanation.per_site.columns) == SITE_COLUMNS


def test_other_types_are_explained_by_a_surrogate_with_its_fidelity(by_surrogate: Explanation):
    assert by_surrogate.shown
    assert by_surrogate.method == "surrogate"
    assert 0.8 < by_surrogate.fidelity < 1
    assert by_surrogate.fidelity_sd < 0.1
    assert list(by_surrogate.per_type.columns) == TYPE_COLUMNS
    assert list(by_surrogate.per_site.columns) == SITE_COLUMNS
    assert by_surrogate.per_site["measured"].isna().all()


@pytest.mark.parametrize("which", ["explanation", "by_surrogate"])
def test_each_type_is_explained_by_what_it_was_made_of(
    which: str, typed: Typology, true_types: pd.Series, request: pytest.FixtureRequest
):
    explanation: Explanation = request.getfixturevalue(which)
    made_of = {1: "wsa", 2: "clinical", 3: "need"}
    labels = typed.labels.dropna()
    for label, own in explanation.per_type.groupby("type"):
        truth = int(true_types[labels.index[labels == label]].mode()[0])
        assert own.iloc[0]["feature"] == made_of[truth]
        assert own.iloc[0]["direction"] > 0.8
        noise = own[own["feature"].isin(["advice", "reach"])]["importance"].max()
        assert own.iloc[0]["importance"] > 3 * noise


@pytest.mark.parametrize("which", ["explanation", "by_surrogate"])
def test_contributions_of_a_site_speak_for_its_own_type(which: str, request: pytest.FixtureRequest):
    explanation: Explanation = request.getfixturevalue(which)
    sums = explanation.per_site.groupby("site")[["shap", "against_next"]].sum()
    # A site's contributions lift its own type above the mean, and above the next; those of the one
    # relabelled site cannot.
    assert (sums > 0).mean().min() > 0.9


def test_a_person_can_add_up_the_log_odds_of_a_site(typed: Typology, explanation: Explanation):
    rows = explanation.per_site.groupby("site")
    total = rows["measured"].sum() + rows["measured_base"].first()
    members = typed.memberships.dropna(subset="type").set_index("site")
    expected = np.log(members["confidence"] / members["next_confidence"])
    assert len(expected) > 25
    assert total[expected.index].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-6)


def test_so_they_can_where_memberships_are_tempered(unsure: Typology):
    found = unsure.explain(seed=3)
    odds = found.shares.types.sum(axis=2) + found.shares.base
    logs = np.log(unsure.model.memberships(plausible_data(unsure, len(odds))))
    others = (logs.sum(axis=1, keepdims=True) - logs) / (unsure.k - 1)
    assert odds.reshape(logs.shape) == pytest.approx(logs - others, rel=1e-5, abs=1e-5)
    rows = found.per_site.groupby("site")
    total = rows["measured"].sum() + rows["measured_base"].first()
    members = unsure.memberships.dropna(subset="type").set_index("site")
    expected = np.log(members["confidence"] / members["next_confidence"])
    assert total[expected.index].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-6)


def plausible_data(typology: Typology, draws: int) -> WorkingData:
    """Plausible profiles behind an explanation with seed 3, known without error."""
    points = plausible_points(typology, Placed.of(typology), draws, seed=3)
    return exact_data(points.reshape(-1, points.shape[2]))


def test_what_was_not_measured_adds_nothing(typed: Typology, explanation: Explanation):
    rows = explanation.per_site
    gaps = ~rows["known"].astype(bool)
    assert gaps.any()
    assert (rows.loc[gaps, "measured"] == 0).all()
    assert rows.loc[gaps, "value"].isna().all()
    # At plausible values a gap is as unsure as sites of a type differ; a measured value less so.
    for feature in ("advice", "reach"):
        own = rows["feature"] == feature
        assert rows.loc[own & gaps, "spread"].min() > rows.loc[own & ~gaps, "spread"].max()


def test_the_sums_are_the_log_odds_at_plausible_profiles(typed: Typology, explanation: Explanation):
    from site_typology.models.quadratic import Quadratics, against_others

    shares = explanation.shares
    draws = shares.types.shape[0]
    points = plausible_points(typed, Placed.of(typed), draws, seed=3)
    model = typed.model
    scores = Quadratics.of_gaussians(model.weights, model.means, model.covariance)
    odds = scores.combined(against_others(model.k))
    expected = odds(points.reshape(-1, points.shape[2])).reshape(*points.shape[:2], model.k)
    assert shares.types.sum(axis=2) + shares.base == pytest.approx(expected)
    assert shares.base == pytest.approx(expected.mean(axis=(0, 1)))


def test_own_against_next_is_the_difference_of_two_types(typed: Typology, explanation: Explanation):
    shares, rows = explanation.shares, explanation.per_site.drop_duplicates("site")
    at = np.arange(len(rows))
    own, other = rows["type"].to_numpy() - 1, rows["next_type"].to_numpy() - 1
    mean = shares.types.mean(axis=0)
    apart = (mean[at, :, own] - mean[at, :, other]) * (typed.k - 1) / typed.k
    assert explanation.per_site["against_next"].to_numpy() == pytest.approx(apart.ravel())


@pytest.mark.parametrize("which", ["typed", "relabelled"])
def test_the_order_of_the_sites_changes_nothing(which: str, request: pytest.FixtureRequest):
    typology: Typology = request.getfixturevalue(which)
    sites = typology.profiles.sites[::-1]
    turned = dataclasses.replace(
        typology,
        profiles=typology.profiles.select(sites=sites),
        memberships=typology.memberships.iloc[::-1].reset_index(drop=True),
        posterior_means=typology.posterior_means.iloc[::-1],
    )
    one, other = explain(typology, seed=3), explain(turned, seed=3)
    pd.testing.assert_frame_equal(one.per_type, other.per_type)
    keys = ["site", "feature"]
    assert other.per_site["site"].drop_duplicates().tolist() == [
        site for site in sites if site in set(one.per_site["site"])
    ]
    pd.testing.assert_frame_equal(
        one.per_site.set_index(keys).sort_index(), other.per_site.set_index(keys).sort_index()
    )
    assert (one.faithfulness, one.fidelity) == (other.faithfulness, other.fidelity)
    assert one.rules == other.rules


@pytest.mark.parametrize("which", ["explanation", "by_surrogate"])
def test_important_features_matter_more_to_the_assignment(
    which: str, request: pytest.FixtureRequest
):
    found = request.getfixturevalue(which).faithfulness
    assert found.holds
    assert found.sites >= 29
    assert found.share > 0.9
    assert found.p_value < 1e-4
    assert found.most > 3 * found.least
    assert found.moved_most > found.moved_least


def test_an_explanation_that_points_the_wrong_way_fails_the_check(
    typed: Typology, explanation: Explanation
):
    from site_typology.faithful import check_faithfulness
    from site_typology.shares import Placed

    upside_down = dataclasses.replace(
        explanation.shares, nearest=1 / (np.abs(explanation.shares.nearest) + 1e-3)
    )
    found = check_faithfulness(typed, Placed.of(typed), upside_down, seed=3)
    assert not found.holds
    assert found.share < 0.1
    assert found.p_value > 0.99


def test_what_fails_the_check_is_not_shown(
    typed: Typology, monkeypatch: pytest.MonkeyPatch, explanation: Explanation
):
    failed = dataclasses.replace(explanation.faithfulness, share=0.4)
    monkeypatch.setattr("site_typology.faithful.check_faithfulness", lambda *_: failed)
    found = explain(typed, seed=3)
    assert not found.shown
    assert "at 40% of sites only" in found.why_not
    assert found.per_site.empty
    with pytest.raises(ValueError, match="There are no Shapley values"):
        found.to_shap(1)


def test_it_is_handed_to_shap(typed: Typology, explanation: Explanation):
    found = explanation.to_shap(2)
    assert found.shape == (int(typed.labels.notna().sum()), 5)
    assert sorted(found.feature_names) == ["advice", "clinical", "need", "reach", "wsa"]
    own = explanation.per_site[explanation.per_site["type"] == 2]
    rows = [explanation.shares.sites.index(site) for site in own["site"].unique()]
    assert found.values[rows].ravel() == pytest.approx(own["shap"].to_numpy())
    with pytest.raises(ValueError, match="Expected a type from 1 to 3; found 4"):
        explanation.to_shap(4)


def test_more_measurement_error_makes_contributions_less_sure(
    typed: Typology, explanation: Explanation
):
    profiles = typed.profiles
    noisy = SiteProfiles(
        profiles.values,
        profiles.standard_errors * 2,
        profiles.counts,
        profiles.reasons,
        profiles.features,
    )
    found = explain(dataclasses.replace(typed, profiles=noisy), seed=3)
    assert found.method == "exact"
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
    shuffled = typed.memberships.copy()
    placed = shuffled.index[shuffled["type"].notna()]
    columns = ["type", "next_type"]
    shuffled.loc[placed, columns] = shuffled.loc[random.permutation(placed), columns].to_numpy()
    found = explain(dataclasses.replace(typed, memberships=shuffled), seed=1)
    assert not found.shown
    assert "guessing gives 33%" in found.why_not
    assert found.fidelity < 0.6
    assert found.per_type.empty
    # The rules and the comparison do not rest on the surrogate.
    assert found.rules is not None
    assert len(found.evaluation)


def test_a_type_of_one_site_cannot_be_tested(typed: Typology):
    types = typed.memberships["type"].copy()
    threes = types.index[(types == 3).fillna(False)]
    types[threes[1:]] = 1
    found = explain(
        dataclasses.replace(typed, memberships=typed.memberships.assign(type=types)), seed=1
    )
    assert not found.shown
    assert "fewer than two sites" in found.why_not
