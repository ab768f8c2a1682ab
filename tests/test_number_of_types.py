"""How sure the number of types is: the whole rule again, on parts of sites and of measurement."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from site_typology import number_of_types as module
from site_typology.explain import explain
from site_typology.models.working import exact_data
from site_typology.nulltest import judge
from site_typology.number_of_types import (
    KEPT,
    NumberRule,
    chosen_number,
    nearest_number,
    number_shares,
    reference_size,
    thinned,
)
from site_typology.report import report_html
from site_typology.report_method import number_rows, number_words
from site_typology.results import NUMBER_COLUMNS, Evidence


def sites(n, types, seed, apart=12.0, error=0.3):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(n, 4)) + np.eye(max(types, 2), 4)[np.arange(n) % types] * apart
    errors = np.broadcast_to(error * np.eye(4), (n, 4, 4)).copy()
    return exact_data(truth + np.sqrt(error) * rng.normal(size=(n, 4)), errors)


# --- The rule ----------------------------------------------------------------------------------


def test_the_number_is_the_smallest_that_cannot_be_told_from_the_largest():
    # 19 draws: spreads are known to 1 / sqrt(36) = 17 %, so that 8.4 counts as 10, 8.2 does not.
    gains = {"k": [2, 3, 4], "gain": 0.0, "reference_mean": 0.0, "reference_sd": 1.0}
    test = judge({2: 0.0}, np.zeros((19, 1)), "one population")
    for second, number in ((8.4, 3), (8.2, 4), (np.nan, 4)):
        table = pd.DataFrame({**gains, "standardised": [1.0, second, 10.0]})
        assert nearest_number(dataclasses.replace(test, gains=table)) == number


def test_a_number_that_the_reference_hardly_has_is_never_chosen():
    rule = NumberRule((2, 3), np.array([1.0, 1.0]), np.array([1.0, 0.0]), 19, 3)
    assert rule.nearest({2: 2.0, 3: 50.0}) == 2


def test_other_data_get_their_number_by_the_same_gains():
    data, ks = sites(24, 3, seed=2), (2, 3)
    gains = module.typedness(data, ks, 7, least=4).gains
    for more, number in ((0.0, 2), (1.0, 3)):
        means = np.array([gains[2], gains[3] - more]) - 1.0
        rule = NumberRule(ks, means, np.full(2, 0.1), 99, least=4)
        assert rule.number_in(data, seed=7) == number
        # Three types of nine sites each there are not.
        assert dataclasses.replace(rule, least=9).number_in(data, seed=7) == 2


def test_the_rule_is_that_of_the_null_test_and_its_number():
    rng = np.random.default_rng(3)
    chosen = []
    for _ in range(60):
        references = [rng.normal(size=(19, 3)), rng.normal(1, 2, size=(19, 3))]
        gains = rng.normal(rng.uniform(0, 6), 2, size=3)
        gains[rng.random(3) < 0.1] = np.nan
        observed = dict(zip((2, 3, 4), gains, strict=True))
        first, second = (
            judge(observed, drawn, name)
            for drawn, name in zip(references, ("one population", "a continuum"), strict=True)
        )
        test = second if second.p_value > first.p_value else first
        expected = nearest_number(test) if test.p_value <= 0.05 else 1
        assert chosen_number(gains, (2, 3, 4), references, 0.05) == expected
        assert NumberRule.of(test, 3).nearest(observed) == nearest_number(test)
        chosen.append(expected)
    assert set(chosen) == {1, 2, 3, 4}


@pytest.mark.parametrize("alpha", [0.01, 0.03, 0.05, 0.1, 1 / 3])
@pytest.mark.parametrize("resamples", [4, 20, 199])
def test_the_level_can_be_met_with_the_reference(resamples, alpha):
    draws = reference_size(resamples, alpha)
    allowed = np.floor(alpha * (draws + 1) + 1e-9)
    assert allowed >= 2
    assert alpha - 1 / (draws + 1) < allowed / (draws + 1) <= alpha + 1e-12


# --- What a resample is ------------------------------------------------------------------------


def test_thinned_measurement_is_that_of_fewer_informants():
    """A site's mean of 8 of 10 informants, beside that of 10: simulated, and thinned."""
    rng = np.random.default_rng(4)
    answers = rng.normal(size=(20_000, 10)) * 2.0
    whole, part = answers.mean(axis=1), answers[:, :8].mean(axis=1)
    data = exact_data(whole[:, None], np.full((20_000, 1, 1), 4.0 / 10))
    less = thinned(data, rng, 0.8)
    np.testing.assert_allclose(less.errors, 4.0 / 8)
    own, simulated = (less.values[:, 0] - whole), part - whole
    # A variance of 0.1 from 20,000 draws has a standard error of 0.001.
    assert own.var() == pytest.approx(0.1, abs=0.004)
    assert simulated.var() == pytest.approx(0.1, abs=0.004)
    assert less.values.var() == pytest.approx(part.var(), abs=0.02)
    assert abs(np.corrcoef(own, whole)[0, 1]) < 0.03


def test_thinning_keeps_gaps_exact_values_and_correlated_errors():
    errors = np.array([[1.0, 0.8, 0.0], [0.8, 1.0, 0.0], [0.0, 0.0, 0.0]])
    values = np.zeros((4_000, 3))
    values[::2, 1] = np.nan
    less = thinned(
        exact_data(values, np.broadcast_to(errors, (4_000, 3, 3))), np.random.default_rng(1)
    )
    np.testing.assert_array_equal(np.isnan(less.values), np.isnan(values))
    assert (less.values[:, 2] == 0).all()
    added = less.values[1::2, :2]
    np.testing.assert_allclose(np.cov(added.T), 0.25 * errors[:2, :2], atol=0.03)


@pytest.mark.parametrize(("n", "kept"), [(25, 20), (60, 48), (7, 6), (6, 6)])
def test_a_resample_is_a_part_of_the_sites_and_so_is_the_reference(n, kept, monkeypatch):
    seen = []
    really = module.typedness

    def watched(data, *arguments, **named):
        seen.append(data)
        return really(data, *arguments, **named)

    monkeypatch.setattr(module, "typedness", watched)
    data = sites(n, 1, seed=2)
    number_shares(data, [2], resamples=3, most_draws=19, seed=1)
    assert len(seen) >= 3 + 19
    for part in seen[:22]:
        assert part.n == kept == len(set(part.sites))
        np.testing.assert_allclose(part.errors, data.errors[:kept] / KEPT)
    if kept < n:
        assert len({part.sites for part in seen[:22]}) > 4


# --- The shares --------------------------------------------------------------------------------


def test_types_far_apart_keep_their_number():
    table = number_shares(sites(30, 3, seed=1), [2, 3, 4], resamples=8, seed=1)
    assert table.columns.tolist() == list(NUMBER_COLUMNS)
    assert table["k"].tolist() == [1, 2, 3, 4]
    assert table["share"].sum() == pytest.approx(1)
    assert table.loc[table["k"] == 3, "share"].item() >= 7 / 8
    assert (table["resamples"] == 8).all()
    assert (table["monte_carlo_error"] > 0).all(), "eight of eight is not certain"


def test_without_types_the_number_is_mostly_one():
    shares = [
        number_shares(sites(20, 1, seed), [2, 3], resamples=5, most_draws=19, seed=seed)["share"][0]
        for seed in range(6)
    ]
    assert np.mean(shares) > 0.7


def test_same_seed_same_shares_for_any_number_of_workers():
    data = sites(18, 2, seed=3, apart=6.0)
    few = {"resamples": 6, "most_draws": 19}
    one = number_shares(data, [2, 3], seed=5, **few)
    pd.testing.assert_frame_equal(one, number_shares(data, [2, 3], seed=5, workers=2, **few))
    others = [number_shares(data, [2, 3], seed=seed, **few) for seed in (6, 7)]
    assert not all(one.equals(other) for other in others)


# --- Where it stands ---------------------------------------------------------------------------


def test_evidence_keeps_the_shares(typed, untyped):
    for typology, number in ((typed, 3), (untyped, 1)):
        table = typology.evidence.number_of_types
        assert table.loc[table["share"].idxmax(), "k"] == number
        again = Evidence.from_dict(typology.evidence.to_dict())
        pd.testing.assert_frame_equal(again.number_of_types, table)
    bare = {**typed.evidence.to_dict()}
    del bare["number_of_types"]
    assert Evidence.from_dict(bare).number_of_types.empty


def test_the_report_says_how_sure_the_number_is(typed):
    rows = [(1, 0.15, 0.08, 20), (2, 0.0, 0.02, 20), (3, 0.8, 0.1, 20), (4, 0.05, 0.05, 20)]
    table = pd.DataFrame(rows, columns=list(NUMBER_COLUMNS))
    evidence = dataclasses.replace(typed.evidence, number_of_types=table)
    told = number_words(evidence)
    assert told.endswith("three types are chosen in 80% of 20 resamples, none in 15%, four in 5%.")
    assert number_rows(evidence)[0] == {"k": "none", "share": "15% (± 8%)"}
    turned = table.assign(share=[1.0, 0.0, 0.0, 0.0])
    none = dataclasses.replace(evidence, number_of_types=turned)
    assert number_words(none).endswith("no types are chosen in 100% of 20 resamples.")
    page = report_html(
        dataclasses.replace(typed, evidence=evidence), explain(typed, seed=0), figures={}
    )
    assert told in page and "How sure the number of types is" in page
    bare = dataclasses.replace(evidence, number_of_types=table.iloc[:0])
    page = report_html(
        dataclasses.replace(typed, evidence=bare), explain(typed, seed=0), figures={}
    )
    assert number_words(bare) == ""
    assert "How sure the number of types is" not in page
