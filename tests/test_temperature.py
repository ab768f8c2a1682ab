"""What tempered memberships do to a typology, its files, its report and what is said of sites."""

import dataclasses
import json

import numpy as np
import pytest

from site_typology import load
from site_typology.answer_words import possible_words
from site_typology.document_reading import read_page
from site_typology.evidence_steps import EvidenceSteps
from site_typology.explain import explain
from site_typology.faithful import check_faithfulness
from site_typology.models.conformal import calibrate, least_sites
from site_typology.models.mixture import TypeModel
from site_typology.models.resampling import derived_seed
from site_typology.models.temperature import tempered
from site_typology.models.working import exact_data
from site_typology.nulltest import judge
from site_typology.number_of_types import NumberRule
from site_typology.placing import _refit, expected_agreement
from site_typology.report import report_html
from site_typology.report_types import sureness_words
from site_typology.settings import ProposeSettings
from site_typology.shares import Placed
from site_typology.short_again import _refitted
from site_typology.short_rule import ShortRule


def hot(typology, temperature):
    """The same typology at another temperature."""
    model = dataclasses.replace(typology.model, temperature=temperature)
    return dataclasses.replace(
        typology, assigner=dataclasses.replace(typology.assigner, model=model)
    )


def test_it_is_told_with_its_error_and_kept_with_the_model(unsure, tmp_path):
    figures = unsure.evidence.figures
    assert figures["temperature"] == unsure.model.temperature
    assert 0 < figures["temperature_error"] < 1
    again = load(unsure.save(tmp_path / "saved"))
    assert again.model.temperature == unsure.model.temperature
    frame = again.assign(unsure.profiles).frame.set_index("site")
    own = unsure.memberships.set_index("site")["confidence"].dropna()
    assert frame.loc[own.index, "confidence"].to_numpy() == pytest.approx(own.to_numpy())


def test_without_a_claim_sites_are_of_one_type_that_is_known(untyped):
    assert untyped.model.temperature == 1.0
    assert untyped.evidence.figures["temperature"] >= 1.0


def test_sites_are_as_sure_as_they_are_right_where_the_truth_is_known():
    """New simulated studies, not those that the temperature was learnt from."""
    model = TypeModel(np.array([0.5, 0.3, 0.2]), np.eye(3, 6) * 2.6, np.eye(6))
    errors = np.full((30, 1, 1), 0.4) * np.eye(6)
    data = exact_data(np.zeros((30, 6)), errors)
    temperature = expected_agreement(model, data, replicates=60, seed=1).temperature
    others = [
        _refit(model, data, None, stream)[1] for stream in np.random.SeedSequence(2).spawn(60)
    ]
    right = np.array([(one.argmax(axis=1) == 0).mean() for one in others if len(one)])
    plain, sure = (
        np.array([tempered(one, at).max(axis=1).mean() for one in others if len(one)])
        for at in (1.0, temperature)
    )
    error = np.std(sure - right, ddof=1) / np.sqrt(len(right))
    assert abs((sure - right).mean()) < 3 * np.sqrt(2) * error
    assert (plain - right).mean() > 10 * error


def test_the_number_of_types_is_chosen_anew_where_the_null_test_rejects(unsure):
    # Types of so many sites are found two at a time, whatever the gain of three.
    settings = ProposeSettings(agreement_replicates=10, min_sites=14)
    data, model = unsure.fitted.data, unsure.model
    steps = EvidenceSteps(data, None, settings, seed=1, workers=1, progress=None, kept=None)
    test = judge({2: 0.0, 3: 0.0}, np.random.default_rng(1).normal(size=(19, 2)), "a continuum")
    seed = derived_seed(1, "expected agreement")
    told, anew = (
        expected_agreement(model, data, rule=rule, replicates=10, seed=seed)
        for rule in (None, NumberRule.of(test, settings.min_sites))
    )
    assert told.temperature < anew.temperature
    for rejecting, expected in ((test, anew), (None, told)):
        found, _ = steps.placing(model, rejecting)
        assert found == expected


def test_the_engine_chooses_the_number_of_types_anew(unsure):
    """Its temperature is the one learnt so, and not that of a number that is told."""
    data, figures = unsure.fitted.data, unsure.evidence.figures
    seed = derived_seed(1, "expected agreement")
    known = dataclasses.replace(unsure.model, temperature=1.0)
    rule = NumberRule.of(unsure.evidence.null_test, ProposeSettings().min_sites)
    told, anew = (
        expected_agreement(known, data, rule=each, replicates=30, seed=seed).temperature
        for each in (None, rule)
    )
    assert figures["temperature"] == pytest.approx(anew)
    assert anew > told


def test_types_that_a_simulated_study_hardly_has_do_not_count():
    model = TypeModel(np.array([0.55, 0.35, 0.1]), np.eye(3, 6) * 9, np.eye(6))
    data = exact_data(np.zeros((20, 6)))
    streams = np.random.SeedSequence(1).spawn(40)
    rows = [len(_refit(model, data, None, stream)[1]) for stream in streams]
    assert set(rows) == {0, 20}
    assert expected_agreement(model, data, replicates=40, seed=1).temperature == 1.0


def test_the_report_says_that_probabilities_allow_for_estimated_types(unsure, typed):
    page = report_html(unsure, explain(unsure, seed=1))
    words = sureness_words(unsure)
    assert words and words in page
    assert sureness_words(typed) == ""
    told = read_page(page).to_dict()
    assert f"temperature {unsure.model.temperature:.3g}" in json.dumps(told, ensure_ascii=False)


def test_what_a_changed_feature_does_is_told_on_the_scale_of_the_memberships(unsure):
    placed = Placed.of(unsure)
    shares = unsure.explain(seed=3).shares
    found = check_faithfulness(unsure, placed, shares, seed=3)
    plain = check_faithfulness(hot(unsure, 1.0), placed, shares, seed=3)
    assert found.most == pytest.approx(plain.most / unsure.model.temperature)
    assert found.share == plain.share


def test_short_forms_of_studies_drawn_again_are_chosen_at_the_same_temperature(unsure):
    full = ShortRule.full(unsure)
    labels = full.model.memberships(unsure.fitted.data).argmax(axis=1)
    found = _refitted(full, unsure.fitted.data, labels, np.random.default_rng(1))
    assert found.temperature == unsure.model.temperature


def test_nine_sites_are_nine_however_sure_they_are():
    far = np.repeat([[0.0, 0.0], [5.0, 5.0]], [20, 9], axis=0)
    data = exact_data(far + np.random.default_rng(5).normal(size=(29, 2)))
    model = TypeModel(np.array([0.9, 0.1]), np.array([[0.0] * 2, [5.0] * 2]), np.eye(2), 3.0)
    found = calibrate(model, data)
    assert found.counts.tolist() == [20, 9]
    assert found.sizes[1] < 8.99
    assert found.carries(0.9) and not found.carries(0.95)
    assert all(fold.model.temperature == 3.0 for fold in found.folds)
    said = possible_words((), {1: "A", 2: "B"}, 0.95, found.counts, least_sites(0.95))
    assert "it takes 19 sites of each type, and type 2 has 9" in said
