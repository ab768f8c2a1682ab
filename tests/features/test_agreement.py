"""Agreement within sites against R's ``multilevel``."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from site_typology.features.agreement import (
    Spread,
    agreement_figures,
    average_deviation,
    rwg_j,
    spread_of,
    uniform_variance,
)

ANSWERS = pd.read_csv(Path(__file__).parent / "data" / "scale_answers.csv")
ITEMS = [f"item{at}" for at in range(1, 6)]
SIX = 5e-7


def counts_of(rows: pd.DataFrame, items: list[str]) -> pd.DataFrame:
    long = rows.melt(id_vars="site", value_vars=items, var_name="item", value_name="answer")
    counts = long.dropna().groupby(["site", "item", "answer"]).size().rename("n").reset_index()
    return counts.assign(round="all")


def spread(rows: pd.DataFrame, items: list[str]) -> Spread:
    return spread_of(counts_of(rows, items), items)


def test_agreement_is_that_of_r():
    """`data/scale_statistics.R`: rwg.j, rwg and ad.m of ``multilevel`` over complete answers."""
    whole = spread(ANSWERS.dropna(), ITEMS)
    agreement = rwg_j(whole, uniform_variance(1, 5))
    recorded = [
        np.nan, 0.9210526316, 0.8139534884, 0.0, 0.9375, 0.8894230769, 0.8689024390,
        0.7870370370, 0.8577405858, 0.6952662722, 0.8689024390, 0.8602449889, 0.8486238532,
        0.8560924370,
    ]  # fmt: skip
    np.testing.assert_allclose(agreement, recorded, atol=SIX)
    deviations = [
        np.nan, 0.4, 0.6666666667, 0.9, 0.525, 0.575, 0.688, 0.675, 0.7333333333, 0.8333333333,
        0.6888888889, 0.6625, 0.7265306122, 0.744,
    ]  # fmt: skip
    np.testing.assert_allclose(average_deviation(whole), deviations, atol=SIX)
    one = spread(ANSWERS.dropna(), ["item1"])
    recorded = [
        np.nan, 1.0, 0.3333333333, 0.75, 0.8333333333, 1.0, 0.35, 0.0, 0.4666666667, 0.0, 0.65,
        0.4285714286, 0.5238095238, 0.3277777778,
    ]  # fmt: skip
    np.testing.assert_allclose(rwg_j(one, 2.0), recorded, atol=SIX)
    deviations = [
        np.nan, 0.0, 0.8888888889, 0.5, 0.5, 0.0, 0.88, 1.125, 0.7777777778, 1.0, 0.6666666667,
        0.875, 0.7755102041, 0.9,
    ]  # fmt: skip
    np.testing.assert_allclose(average_deviation(one), deviations, atol=SIX)
    figures = agreement_figures(whole, "all", 2.0)
    assert figures["rwg_median"] == pytest.approx(0.8577405858, abs=SIX)
    assert figures["rwg_agreeing"] == pytest.approx(11 / 13)
    assert figures["ad_median"] == pytest.approx(0.688, abs=SIX)


def test_order_of_rows_reverse_keys_and_a_site_of_one_change_nothing():
    rows = ANSWERS.dropna()
    turned = rows.assign(item4=6 - rows["item4"]).sample(frac=1, random_state=2)
    other = spread(turned, ITEMS)
    np.testing.assert_allclose(rwg_j(other, 2.0), rwg_j(spread(rows, ITEMS), 2.0))
    without = agreement_figures(spread(rows[rows["site"] != "S01"], ITEMS), "all", 2.0)
    assert without == agreement_figures(spread(rows, ITEMS), "all", 2.0)


def test_items_with_one_answer_at_a_site_are_left_out_there():
    rows = pd.DataFrame({"site": "A", "item1": [1.0, 3, 5], "item2": [4.0, np.nan, np.nan]})
    both, one = spread(rows, ["item1", "item2"]), spread(rows, ["item1"])
    assert rwg_j(both, 2.0) == rwg_j(one, 2.0)
    assert average_deviation(both) == average_deviation(one)


def test_random_answers_do_not_agree():
    """2,000 sites of 8 that answer at random: the mean variance is the null's (MC error .01)."""
    rng = np.random.default_rng(5)
    sites = np.repeat([f"S{at:04d}" for at in range(2000)], 8)
    rows = pd.DataFrame({"site": sites, "item1": rng.integers(1, 6, size=16000).astype(float)})
    found = spread(rows, ["item1"])
    assert found.variance.mean() == pytest.approx(uniform_variance(1, 5), abs=0.04)
    assert agreement_figures(found, "all", 2.0)["rwg_agreeing"] < 0.02


def test_variance_of_random_answers():
    for low, high in itertools.product((0, 1), (1, 4, 7)):
        if high > low:
            steps = np.arange(low, high + 1)
            assert uniform_variance(low, high) == pytest.approx(steps.var())
    assert uniform_variance(0, 100, steps=False) == pytest.approx(
        np.linspace(0, 100, 10001).var(), rel=1e-3
    )


def test_without_two_informants_anywhere_there_is_nothing_to_say():
    alone = spread(ANSWERS.drop_duplicates("site"), ITEMS)
    assert np.isnan(list(agreement_figures(alone, "all", 2.0).values())).all()
