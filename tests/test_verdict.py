"""The verdict: each rule decides what it says it decides, and words carry the figures."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pandas as pd
import pytest

from site_typology.results import Power
from site_typology.typology import short_reason
from site_typology.verdict import Figures, Thresholds, judge
from site_typology.verdict_words import NONE_FOUND

FIRM = Figures(
    sites=40,
    best_k=3,
    p_value=0.01,
    p_error=0.004,
    expected_agreement=0.9,
    relative_entropy=0.95,
    stability=0.8,
    smallest_type=8,
    agreement=0.7,
    separation=6.0,
    against="one population",
    planted=3,
)


def power(at_six: float, at_eight: float = 0.9) -> Power:
    return Power(
        pd.DataFrame(
            {
                "separation": [6.0, 8.0],
                "power": [at_six, at_eight],
                "standard_error": [0.05, 0.05],
                "replicates": [40, 40],
            }
        )
    )


def change(**figures) -> Figures:
    return dataclasses.replace(FIRM, **figures)


UNPLACED = {"expected_agreement": 0.79}
FAILURES = {
    "relative_entropy": 0.81,
    "stability": 0.59,
    "smallest_type": 2,
    "agreement": 0.49,
}


def test_supported_when_every_rule_holds():
    judgement = judge(FIRM)
    assert judgement.verdict == "supported"
    assert all(rule.holds for rule in judgement.rules)
    assert [rule.name for rule in judgement.rules] == ["null_test", *UNPLACED, *FAILURES]


@pytest.mark.parametrize("name", FAILURES)
def test_each_rule_alone_makes_it_tentative(name):
    judgement = judge(change(**{name: FAILURES[name]}))
    assert judgement.verdict == "tentative"
    assert [rule.name for rule in judgement.rules if not rule.holds] == [name]
    assert f"({FAILURES[name]:.3g}, needs at least" in judgement.why
    assert judgement.would_change


@pytest.mark.parametrize("name", sorted(set(FAILURES) - {"smallest_type"}))
def test_a_figure_that_could_not_be_computed_does_not_hold(name):
    judgement = judge(change(**{name: np.nan}))
    assert judgement.verdict == "tentative"
    assert "could not be computed" in judgement.why


@pytest.mark.parametrize("agreement", [0.79, np.nan])
def test_nothing_is_claimed_where_sites_could_not_be_placed(agreement):
    judgement = judge(change(expected_agreement=agreement))
    assert judgement.verdict == "insufficient"
    assert judgement.why.startswith("The data cannot tell which sites belong together.")
    assert "as these 40 sites with probability 0.010 (Monte Carlo error 0.004)" in judgement.why
    unknown = bool(np.isnan(agreement))
    known = "agreement of only 0.79 (adjusted Rand index; a claim needs at least 0.8)"
    assert (known in judgement.why) is not unknown
    assert ("could not be computed" in judgement.why) is unknown
    assert judgement.would_change.startswith("More informants a site")


def test_an_agreement_of_eight_tenths_is_about_seven_sites_of_three_types_in_a_hundred_misplaced():
    """What plans and decision 31 say of the threshold."""
    from sklearn.metrics import adjusted_rand_score

    rng = np.random.default_rng(1)
    for sizes in ((50, 30, 20), (34, 33, 33)):
        truth = np.repeat(np.arange(3), sizes)
        found = []
        for _ in range(200):
            placed = truth.copy()
            wrong = rng.choice(100, size=7, replace=False)
            placed[wrong] = (placed[wrong] + rng.integers(1, 3, size=7)) % 3
            found.append(adjusted_rand_score(truth, placed))
        assert abs(np.mean(found) - Thresholds().expected_agreement) < 0.02, sizes


def test_what_would_be_enough_to_place_sites_is_said_with_its_figure():
    short = {"expected_agreement": 0.6}
    enough = judge(change(**short, measured_better=((2.0, 0.74), (4.0, 0.83))))
    assert "4 times as many informants a site" in enough.would_change
    assert "to about 0.83" in enough.would_change
    never = judge(change(**short, measured_better=((2.0, 0.64), (4.0, 0.7996), (8.0, 0.79))))
    assert "even 8 times as many" in never.would_change
    assert "no more than about 0.7996," in never.would_change
    assert "More sites, fewer gaps, or features" in never.would_change
    exact = judge(change(**short, measured_better=()))
    assert exact.would_change.startswith("The values are known without error")
    assert "More sites, fewer gaps, or features" in exact.would_change


def test_thresholds_themselves_hold():
    limits = Thresholds()
    edge = Figures(
        sites=25,
        best_k=2,
        p_value=limits.p_value,
        p_error=0.02,
        expected_agreement=limits.expected_agreement,
        relative_entropy=limits.relative_entropy,
        stability=limits.stability,
        smallest_type=limits.min_sites,
        agreement=limits.agreement,
        separation=6.0,
        against="one population",
        planted=3,
    )
    assert judge(edge).verdict == "supported"


def test_not_supported_when_types_would_have_been_found():
    judgement = judge(change(p_value=0.4, power=power(0.85)))
    assert judgement.verdict == "not supported"
    assert judgement.why.startswith(NONE_FOUND)
    assert "Three types 6 within-type SDs apart" in judgement.why
    assert "0.85" in judgement.why
    two = judge(change(p_value=0.4, power=power(0.85), planted=2))
    assert "Two types 6 within-type SDs apart" in two.why


@pytest.mark.parametrize(
    ("against", "words"),
    [
        ("one population", "one population describes the sites as well. Sites without types, with"),
        ("a continuum", "may bend, describes them as well. Sites along a continuum, with the same"),
    ],
)
def test_it_says_what_describes_the_sites_as_well(against, words):
    judgement = judge(change(p_value=0.4, p_error=0.05, against=against, power=power(0.85)))
    assert words in judgement.why
    assert "40 sites with probability 0.40 (Monte Carlo error 0.05)" in judgement.why
    assert ("continuum" in judgement.why) == (against == "a continuum")


def test_insufficient_when_types_could_be_there_unseen():
    judgement = judge(change(p_value=0.4, power=power(0.35)))
    assert judgement.verdict == "insufficient"
    assert "with probability 0.35 (Monte Carlo error 0.05)" in judgement.why
    assert NONE_FOUND not in judgement.why
    assert "is 8 within-type SDs" in judgement.would_change


def test_insufficient_says_when_no_separation_would_do():
    judgement = judge(change(p_value=0.4, power=power(0.1, 0.5)))
    assert "No separation tried, up to 8" in judgement.would_change


def test_insufficient_without_a_simulation_of_power():
    judgement = judge(change(p_value=0.4))
    assert judgement.verdict == "insufficient"
    assert "not simulated" in judgement.why


def test_no_figure_makes_up_for_a_null_test_that_does_not_reject():
    perfect = change(p_value=0.051, stability=1.0, agreement=1.0, power=power(0.99))
    assert judge(perfect).verdict == "not supported"


def test_failing_rules_do_not_decide_where_nothing_is_claimed():
    poor = change(p_value=0.5, stability=0.1, agreement=np.nan, power=power(0.9))
    assert judge(poor).verdict == "not supported"


def test_thresholds_can_be_declared():
    strict = Thresholds(min_sites=10)
    assert judge(FIRM, strict).verdict == "tentative"
    assert judge(change(p_value=0.08), Thresholds(p_value=0.1)).verdict == "supported"


def test_a_better_figure_never_gives_a_weaker_verdict():
    order = {"insufficient": 0, "tentative": 1, "supported": 2}
    levels = {name: (bad, getattr(FIRM, name)) for name, bad in {**UNPLACED, **FAILURES}.items()}
    for chosen in itertools.product((0, 1), repeat=len(levels)):
        pairs = zip(levels.items(), chosen, strict=True)
        figures = {name: values[better] for (name, values), better in pairs}
        verdict = judge(change(**figures)).verdict
        for name, values in levels.items():
            improved = judge(change(**{**figures, name: values[1]})).verdict
            assert order[improved] >= order[verdict]


def test_types_are_never_ranked_and_nothing_is_said_to_cause():
    texts = []
    for figures in (
        FIRM,
        change(stability=0.1),
        change(expected_agreement=0.5, measured_better=((2.0, 0.9),)),
        change(expected_agreement=0.5, measured_better=((8.0, 0.6),)),
        change(p_value=0.4, power=power(0.9)),
        change(p_value=0.4, power=power(0.1)),
    ):
        judgement = judge(figures)
        texts += [judgement.why, judgement.would_change, *(r.meaning for r in judgement.rules)]
    for text in texts:
        assert text.strip() == text
        assert text.endswith((".", ")."))
        for word in ("caused", "failed to", "good", "best", "worse", "nan"):
            assert word not in text.lower()


def test_a_figure_just_short_of_its_threshold_is_told_from_it():
    judgement = judge(change(relative_entropy=0.81996))
    assert "(0.82," not in judgement.why
    assert "(0.81996, needs at least 0.82)" in judgement.why


def test_the_error_of_a_power_is_that_of_the_separation_tried_next_to_it():
    table = power(0.5).table.assign(standard_error=[0.05, 0.09])
    found = Power(table)
    assert [found.error_at(apart) for apart in (6.0, 6.5, 7.0, 9.0)] == [0.05, 0.05, 0.09, 0.09]


@pytest.mark.parametrize("against", ["one population", "a continuum"])
def test_sites_without_a_type_are_told_what_describes_them(untyped, against):
    test = dataclasses.replace(untyped.evidence.null_test, against=against)
    evidence = dataclasses.replace(untyped.evidence, verdict="not supported", null_test=test)
    assert short_reason(evidence).startswith(against)
