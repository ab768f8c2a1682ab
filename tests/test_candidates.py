"""Candidates of every kind in one proposal: categories, families, gaps, and nobody dropped."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from site_typology import (
    FeatureInfo,
    SiteProfiles,
    StudyError,
    Typology,
    load,
    proposal_stability,
    propose,
)
from site_typology.candidate_material import specifications
from site_typology.models.clusterers import CLUSTERERS
from site_typology.models.resampling import Stability, adjusted_rand
from site_typology.models.working import exact_data
from site_typology.output import comembership_table
from site_typology.replicates import PAIR_COLUMNS, STABLE_COLUMNS

LEADS = np.array(["NHS", "charity", "council"])
FAMILIES = {"wsa": "orientation", "clinical": "orientation", "need": "staffing"}


def with_lead(plain: SiteProfiles, lead: np.ndarray, use: str = "build") -> SiteProfiles:
    """Sites in three families of features, with another lead organisation."""
    values = plain.values.droplevel("round").assign(lead=lead)
    values.loc["Site 03", "lead"] = None
    kinds = {
        name: FeatureInfo(name, family=FAMILIES.get(name, "other"))
        for name in values.columns.drop("lead")
    }
    kinds["lead"] = FeatureInfo("lead", kind="category", use=use)
    errors = plain.standard_errors.droplevel("round")
    return SiteProfiles.from_frame(values, errors, kinds=kinds)


@pytest.fixture(scope="module")
def led(typed_profiles, true_types) -> SiteProfiles:
    """Sites of three types with a category that goes with the types."""
    return with_lead(typed_profiles, LEADS[true_types - 1])


@pytest.fixture(scope="module")
def every(quick, led) -> Typology:
    settings = dataclasses.replace(
        quick,
        algorithms=tuple(CLUSTERERS),
        spaces=("features", "pca", "famd", "families"),
        max_types=3,
        draws=2,
        bootstraps=4,
    )
    return propose(led, seed=5, settings=settings, name="every")


def test_every_clusterer_and_space_is_tried(every):
    table = every.evidence.candidates
    assert set(table["algorithm"]) == {"one_population", *CLUSTERERS}
    ward = table[(table["algorithm"] == "ward") & (table["k"] == 3)]
    assert ward["space"].tolist() == [
        "features", "pca", "famd", "family:orientation", "family:other", "family:staffing",
    ]  # fmt: skip
    own = {name: clusterer.own_space for name, clusterer in CLUSTERERS.items()}
    for name, spaces in table.groupby("algorithm")["space"]:
        assert set(spaces) == {own.get(name) or "features"} or not own.get(name)


def test_every_site_has_a_label_or_a_reason_in_every_candidate(every):
    for candidate in every.candidates:
        assert set(candidate.labels.index) == set(every.profiles.sites), candidate.name
        assert (candidate.labels.isna() == (candidate.reasons != "")).all(), candidate.name


@pytest.mark.parametrize("name", ["kmedoids/gower/3", "stepmix/measured/3", "spectral/famd/3"])
def test_candidates_that_take_categories_find_the_types(name, every, true_types):
    candidate = next(one for one in every.candidates if one.name == name)
    known = candidate.labels.dropna().astype(int)
    assert adjusted_rand(known.to_numpy(), true_types[known.index].to_numpy()) == 1.0
    assert candidate.type_stability.between(0, 1).all()


def test_one_family_does_not_speak_in_the_rule_of_agreement(every, quick):
    table = every.evidence.candidates
    others = table[(table["algorithm"] != "mixture") & (table["n_types"] == every.evidence.best_k)]
    others = others[(others["algorithm"] != "one_population")]
    kept = others[~others["space"].str.startswith("family:")]
    assert every.evidence.figures["agreement"] == pytest.approx(kept["agreement"].median())


def test_a_category_that_builds_changes_neither_proposal_nor_test(quick, typed_profiles):
    lead = LEADS[np.arange(30) % 3]
    built, told = (
        propose(with_lead(typed_profiles, lead, use), seed=5, settings=quick)
        for use in ("build", "evaluate")
    )
    assert built.evidence.to_dict() == told.evidence.to_dict()
    pd.testing.assert_frame_equal(built.memberships, told.memberships)
    assert "lead" not in built.scale.features


def test_a_category_moves_the_candidates_that_take_it(quick, untyped):
    settings = dataclasses.replace(quick, algorithms=("kmedoids",), max_types=3)
    lead = LEADS[np.arange(30) // 15]
    agreement = {}
    for use in ("build", "evaluate"):
        profiles = with_lead(untyped.profiles, lead, use)
        typology = propose(profiles, seed=5, settings=settings)
        labels = next(c.labels for c in typology.candidates if c.name == "kmedoids/gower/2")
        known = labels.drop("Site 03").dropna().astype(int)
        first = profiles.values.droplevel("round").loc[known.index, "lead"] == "NHS"
        agreement[use] = adjusted_rand(known.to_numpy(), first.to_numpy() + 1)
    assert agreement["build"] > 0.5 > agreement["evaluate"]


def test_a_category_that_is_the_same_everywhere_is_refused(quick, typed_profiles):
    with pytest.raises(StudyError, match=r"same value \(NHS\) at all 28 sites"):
        propose(with_lead(typed_profiles, LEADS[np.zeros(30, int)]), seed=1, settings=quick)


def test_a_family_that_no_feature_has_is_refused(quick, led):
    settings = dataclasses.replace(quick, spaces=("family:weather",))
    with pytest.raises(StudyError, match="family:orientation, family:other, family:staffing"):
        propose(led, seed=1, settings=settings)


def test_a_clusterer_with_a_scale_of_its_own_is_tried_once_a_number_of_types():
    names = [one.name for one in specifications(["kmedoids", "stepmix"], ["pca", "famd"], [2])]
    assert names == ["mixture/features/2", "kmedoids/gower/2", "stepmix/measured/2"]


# --- Stability of the proposal -----------------------------------------------------------------


def test_stability_stands_beside_that_of_data_without_types(typed, quick):
    table = typed.evidence.type_stability
    assert table.columns.tolist() == list(STABLE_COLUMNS)
    assert (table["mean"] > table["reference_high"]).all(), "types far apart outdo one population"
    assert table["reading"].tolist() == ["highly stable"] * 3
    replicates = typed.evidence.replicates
    assert replicates.jaccard.shape == (quick.bootstraps, 3)
    assert replicates.reference.shape == (quick.stability_references, 3)
    np.testing.assert_allclose(np.nanmean(replicates.jaccard, axis=0), table["mean"])


def test_pairs_of_one_type_stay_together(typed, true_types):
    table = comembership_table(typed)
    assert table.columns.tolist() == list(PAIR_COLUMNS)
    assert len(table) == 29 * 28 / 2
    same = true_types[table["site"]].to_numpy() == true_types[table["other"]].to_numpy()
    known = table["replicates"] > 0
    assert (table.loc[same & known, "share"] > 0.8).mean() > 0.9
    assert (table.loc[~same & known, "share"] < 0.2).mean() > 0.9
    assert "Site 07" not in set(table["site"]) | set(table["other"])


def test_typed_sites_foretell_each_other_and_untyped_do_not(typed, untyped):
    typed_figures, figures = typed.evidence.figures, untyped.evidence.figures
    assert typed_figures["prediction_strength"] > 0.8 > figures["prediction_strength"]
    assert typed_figures["prediction_strength"] > typed_figures["reference_prediction_strength"]
    assert typed_figures["instability_between"] < 0.2 < figures["instability_between"]


def test_replicates_survive_saving(typed, tmp_path):
    again = load(typed.save(tmp_path / "typology")).evidence
    for name, kept in vars(typed.evidence.replicates).items():
        np.testing.assert_array_equal(getattr(again.replicates, name), kept)
    pd.testing.assert_frame_equal(again.type_stability, typed.evidence.type_stability)


def test_evidence_without_replicates_has_no_pairs(typed):
    bare = dataclasses.replace(typed.evidence, replicates=None)
    assert comembership_table(dataclasses.replace(typed, evidence=bare)).empty


def test_above_the_limit_no_pairs_are_kept(quick, monkeypatch):
    monkeypatch.setattr(proposal_stability, "MOST_SITES", 11)
    data = exact_data(np.random.default_rng(1).normal(size=(12, 3)))
    labels = np.tile(np.repeat([1, 2], 6), (4, 1)).astype(np.int32)
    given = Stability(np.ones((4, 2)), np.ones((4, 12)), labels)
    found = proposal_stability.proposal_stability(data, 2, given, quick, 1)
    assert found.replicates.both.shape == (0, 0)
    assert found.replicates.pairs(data.sites).empty
    assert found.figures["instability_between"] == 0.0
