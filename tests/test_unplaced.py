"""Sites that one population does not explain, and that could not be placed in types."""

from __future__ import annotations

import dataclasses

import pandas as pd

import site_typology as st
from site_typology import Typology
from site_typology.declaration import Disclosure
from site_typology.experiments.origin import Origin
from site_typology.experiments.records import summary_record
from site_typology.explain import explain
from site_typology.output import write_tables
from site_typology.report import report_html
from site_typology.report_words import headline, key_figures, rule_words
from site_typology.share_content import shareable
from site_typology.verdict import Thresholds

REASON = "the data cannot tell which sites belong together"


def test_no_types_are_claimed_and_the_reason_is_the_agreement(unplaced: Typology):
    evidence = unplaced.evidence
    rules = {rule.name: rule for rule in evidence.rules}
    assert rules["null_test"].holds
    assert not rules["expected_agreement"].holds
    assert evidence.verdict == "insufficient"
    assert evidence.unplaced
    assert not evidence.claimed
    assert (unplaced.k, evidence.k) == (1, 1)
    assert evidence.best_k == 3
    assert headline(evidence, 90) == "These data cannot tell which sites belong together."


def test_every_site_is_there_without_a_type_and_with_the_reason(unplaced: Typology):
    assert len(unplaced.memberships) == 90
    assert unplaced.labels.isna().all()
    told = unplaced.memberships.set_index("site")["reason"]
    assert told.drop("Site 07").eq(f"no typology claimed: {REASON}").all()
    assert told["Site 07"].startswith("not enough data")


def test_more_information_is_tried_and_told(unplaced: Typology, untyped: Typology, typed: Typology):
    figures = unplaced.evidence.figures
    assert figures["expected_agreement_at_2_times"] > figures["expected_agreement"]
    tried = [name for name in figures if name.startswith("expected_agreement_at_")]
    last = figures[tried[-1]]
    enough = last >= Thresholds().expected_agreement
    assert enough or tried[-1] == "expected_agreement_at_8_times"
    assert (f"bring the agreement to about {last:.2f}" in unplaced.evidence.would_change) is enough
    for evidence in (untyped.evidence, typed.evidence):
        assert not [name for name in evidence.figures if name.startswith("expected_agreement_at")]


def test_the_figures_in_plain_words_give_the_reason(unplaced: Typology, untyped: Typology):
    said = key_figures(unplaced.evidence)
    agreement = unplaced.evidence.figures["expected_agreement"]
    assert any(f"agreement of {agreement:.3g}" in words for words in said)
    assert any(words.startswith("With 2 times the information") for words in said)
    assert "no types are claimed below 0.8" in " ".join(said)
    assert "no types are claimed below" not in " ".join(key_figures(untyped.evidence))


def test_a_figure_just_short_of_the_threshold_is_told_from_it(unplaced: Typology):
    rule = next(one for one in unplaced.evidence.rules if one.name == "expected_agreement")
    near = rule_words(dataclasses.replace(rule, figure=0.7969))
    assert (near["found"], near["needed"]) == ("0.797", "at least 0.80")


def test_mlflow_gets_the_share_of_the_number_that_the_test_leads_to(unplaced: Typology):
    metrics = summary_record(unplaced, {}, Origin("unplaced")).metrics
    table = unplaced.evidence.number_of_types.set_index("k")["share"]
    assert metrics["number_share"] == table[3]


def test_the_shared_report_says_so_too(unplaced: Typology):
    names = {site: f"Place {at}" for at, site in enumerate(unplaced.profiles.sites)}
    document = shareable(unplaced, names, Disclosure(), "A study", b"s").document
    assert "The sites together" in [section.heading for section in document.sections]
    assert "no types are claimed below 0.8" in str(document)


def test_what_does_not_describe_the_sites_is_not_offered(unplaced: Typology, tmp_path):
    assert unplaced.evidence.axis is None
    assert unplaced.evidence.power is None
    write_tables(tmp_path, unplaced)
    assert pd.read_csv(tmp_path / "axis.csv").empty
    page = report_html(unplaced, explain(unplaced, seed=1), figures={})
    assert "The sites together" in page
    assert "which of them belong together these data cannot tell" in page
    assert "would be a guess for some of the sites" in page
    for words in ("as one population", "by hand would be a guess", "Sites differ by degrees"):
        assert words not in page


def test_a_saved_one_says_the_same_of_new_sites(unplaced: Typology, tmp_path):
    unplaced.save(tmp_path / "saved")
    again = st.load(tmp_path / "saved")
    assert again.evidence.unplaced
    placed = again.assign(unplaced.profiles).frame
    assert placed["type"].isna().all()
    assert placed["reason"].str.endswith(REASON).sum() == 89
