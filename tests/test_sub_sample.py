"""Of many sites the evidence rests on some, and says so; every site still gets its answer."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

import site_typology as st
from site_typology.errors import StudyError
from site_typology.output import comembership_table
from site_typology.report import report_html
from site_typology.sub_sample import drawn_sites

SITES, PART = 150, 60


@pytest.fixture(scope="module")
def settings(quick: st.ProposeSettings) -> st.ProposeSettings:
    return dataclasses.replace(quick, subsample=PART)


@pytest.fixture(scope="module")
def typology(many_profiles, settings) -> st.Typology:
    return st.propose(many_profiles[0], seed=1, settings=settings)


def test_every_site_has_a_type_or_a_reason(typology, many_profiles):
    rows = typology.memberships
    assert rows["site"].tolist() == list(many_profiles[0].sites)
    placed = rows["type"].notna()
    assert placed.sum() == SITES - 1
    assert rows.loc[placed, "confidence"].between(0.5, 1).all()
    assert rows.loc[~placed, "reason"].str.startswith("not enough data").all()
    truth = many_profiles[1][rows.loc[placed, "site"]]
    assert adjusted_rand_score(truth, rows.loc[placed, "type"].astype(int)) == pytest.approx(1)


def test_the_evidence_says_that_it_rests_on_some_sites(typology):
    words = f"rest on {PART} of the {SITES - 1} sites, drawn at random"
    assert words in typology.evidence.why
    assert words in typology.evidence.to_dict()["why"]
    figures = typology.evidence.figures
    assert (figures["sites"], figures["sites_used"]) == (SITES - 1, PART)
    assert typology.model.temperature == figures["temperature"]
    assert len(typology.evidence.site_stability) == PART
    pairs = comembership_table(typology)
    assert len(pairs) == PART * (PART - 1) / 2
    assert set(pairs["site"]) <= set(typology.evidence.site_stability.index)
    text = report_html(typology, typology.explain(seed=1), figures={})
    assert words in text
    assert f"{PART} of {SITES - 1}, drawn at random: null test" in text


def test_types_keep_the_numbers_of_the_sub_sample(typology):
    proposed = next(one for one in typology.candidates if one.name == "mixture/features/3")
    both = pd.DataFrame({"all": typology.labels, "part": proposed.labels}).dropna()
    assert len(both) == PART
    assert (both["all"] == both["part"]).all()
    outside = proposed.labels.isna() & typology.labels.notna()
    assert outside.sum() == SITES - 1 - PART
    assert proposed.reasons[outside].str.startswith("not among the 60 of 149 sites").all()


def test_the_smallest_type_is_counted_over_all_sites(typology):
    assert typology.evidence.figures["smallest_type"] == typology.labels.value_counts().min()


def test_neither_workers_nor_order_change_the_answer(typology, many_profiles, settings):
    profiles = many_profiles[0]
    order = np.random.default_rng(3).permutation(profiles.sites).tolist()
    other = st.propose(profiles.select(sites=order), seed=1, settings=settings, workers=2)
    pd.testing.assert_series_equal(other.labels.sort_index(), typology.labels.sort_index())
    assert other.evidence.to_dict() == typology.evidence.to_dict()


def test_few_sites_are_all_used(typed):
    assert typed.evidence.figures["sites_used"] == typed.evidence.figures["sites"]
    assert "drawn at random" not in typed.evidence.why


def test_a_sub_sample_of_a_handful_is_refused():
    with pytest.raises(StudyError, match="subsample  Expected at least 50, found 20"):
        st.ProposeSettings(subsample=20)


def test_sites_are_drawn_evenly_and_once():
    counts = np.zeros(100)
    for seed in range(400):
        drawn = drawn_sites(100, 60, seed)
        assert (np.diff(drawn) > 0).all()
        counts[drawn] += 1
    # A binomial count has the standard deviation sqrt(400 * .6 * .4) = 9.8.
    assert np.abs(counts - 240).max() < 5 * 9.8
