"""Sites that one population does not explain, and that could not be placed in types."""

from __future__ import annotations

import pandas as pd

import site_typology as st
from site_typology import Typology
from site_typology.explain import explain
from site_typology.output import write_tables
from site_typology.report import report_html
from site_typology.report_words import headline

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


def test_more_information_is_tried_and_told(unplaced: Typology):
    figures = unplaced.evidence.figures
    at_twice = figures["expected_agreement_at_2_times"]
    assert at_twice != figures["expected_agreement"]
    assert "times as many informants a site" in unplaced.evidence.would_change


def test_what_does_not_describe_the_sites_is_not_offered(unplaced: Typology, tmp_path):
    assert unplaced.evidence.axis is None
    assert unplaced.evidence.power is None
    write_tables(tmp_path, unplaced)
    assert pd.read_csv(tmp_path / "axis.csv").empty
    page = report_html(unplaced, explain(unplaced, seed=1), figures={})
    assert "The sites together" in page
    assert "which of them belong together these data cannot tell" in page
    assert "would put many sites into the wrong group" in page
    for words in ("as one population", "by hand would be a guess", "Sites differ by degrees"):
        assert words not in page


def test_a_saved_one_says_the_same_of_new_sites(unplaced: Typology, tmp_path):
    unplaced.save(tmp_path / "saved")
    again = st.load(tmp_path / "saved")
    assert again.evidence.unplaced
    placed = again.assign(unplaced.profiles).frame
    assert placed["type"].isna().all()
    assert placed["reason"].str.endswith(REASON).sum() == 89
