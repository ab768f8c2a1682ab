"""Figures of a scale's items against R's ``multilevel``, ``psych`` and ``factanal``."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from site_typology.features.aggregate import moments
from site_typology.features.itemtable import item_table, opposed_items
from site_typology.features.measurement import cronbach_alpha, intraclass, item_rest
from site_typology.features.scalestats import (
    ItemCovariances,
    alpha_of,
    item_rest_of,
    omega_of,
    one_factor,
)
from site_typology.features.selection import WEIGHT
from site_typology.features.tables import ROUND, SITE

ANSWERS = pd.read_csv(Path(__file__).parent / "data" / "scale_answers.csv")
"""Simulated; every value below is what `data/scale_statistics.R` prints of it."""
SIX = 5e-7


def keyed() -> np.ndarray:
    items = ANSWERS.filter(like="item").to_numpy(dtype=float)
    items[:, 3] = 6 - items[:, 3]
    return items


@pytest.fixture(name="found", scope="module")
def found_fixture() -> ItemCovariances:
    return ItemCovariances.of(keyed(), [f"item{at}" for at in range(1, 6)])


def test_alpha_and_item_rest_are_those_of_r(found):
    assert found.rows == 68
    # multilevel::cronbach, psych::alpha()$total$raw_alpha
    assert alpha_of(found.covariance) == pytest.approx(0.8430972512, abs=SIX)
    # psych::alpha()$item.stats$r.drop and $alpha.drop$raw_alpha
    rest = [0.7356749209, 0.6750836151, 0.5959627536, 0.7083219401, 0.5325666608]
    np.testing.assert_allclose(item_rest_of(found.covariance), rest, atol=SIX)
    without = [0.7860413247, 0.8038645825, 0.8249504497, 0.7942991559, 0.8400547932]
    table = item_table(found)
    np.testing.assert_allclose(table["alpha_without"], without, atol=SIX)
    assert (table["flag"] == "").all()


def test_omega_is_that_of_r(found):
    # factanal(items, 1): uniquenesses of the correlations
    unique = [0.3138471323, 0.4296492224, 0.5804598087, 0.3836433243, 0.6688738734]
    variance = np.diag(found.covariance)
    np.testing.assert_allclose(one_factor(found.covariance)[1] / variance, unique, atol=SIX)
    assert omega_of(found.covariance) == pytest.approx(0.8508343415, abs=SIX)
    # psych::omega(items, nfactors = 1, fm = "ml")$omega.tot works on correlations
    correlation = found.covariance / np.sqrt(np.outer(variance, variance))
    assert omega_of(correlation) == pytest.approx(0.8445750306, abs=SIX)


def test_intraclass_correlations_are_those_of_r():
    whole = ~np.isnan(keyed()).any(axis=1)
    rows = pd.DataFrame({SITE: ANSWERS["site"], ROUND: "all", WEIGHT: 1.0})[whole]
    rows["score"] = keyed()[whole].mean(axis=1)
    icc1, icc2 = intraclass(moments(rows, ["score"]))
    # multilevel::ICC2; ICC1 with k = (N - sum n^2 / N) / (J - 1), where ICC1 of multilevel takes
    # the mean size (0.28662523)
    assert icc2[0] == pytest.approx(0.6611938641, abs=SIX)
    assert icc1[0] == pytest.approx(0.2905701075, abs=SIX)
    four = rows[rows.groupby(SITE)["score"].transform("size") >= 4].groupby(SITE).head(4)
    icc1, icc2 = intraclass(moments(four, ["score"]))
    # multilevel::ICC1 and ICC2 on sites of one size
    assert icc1[0] == pytest.approx(0.2843915344, abs=SIX)
    assert icc2[0] == pytest.approx(0.6138472520, abs=SIX)


def test_answers_and_covariances_say_the_same(found):
    assert cronbach_alpha(keyed()) == pytest.approx(alpha_of(found.covariance), abs=1e-12)
    np.testing.assert_allclose(item_rest(keyed()), item_rest_of(found.covariance), atol=1e-12)


def test_units_and_order_of_items_change_nothing(found):
    order = [4, 2, 0, 1, 3]
    matrix = found.covariance
    assert omega_of(matrix[np.ix_(order, order)]) == pytest.approx(omega_of(matrix), abs=1e-7)
    assert omega_of(matrix * 400) == pytest.approx(omega_of(matrix), abs=1e-7)
    np.testing.assert_allclose(item_rest_of(matrix * 400), item_rest_of(matrix))
    np.testing.assert_allclose(one_factor(matrix * 400)[0], one_factor(matrix)[0] * 20, rtol=1e-5)


def test_the_factor_of_a_known_truth_is_found():
    loading = np.array([0.9, 0.5, 1.4, 0.7, 0.3, 1.0])
    unique = np.array([0.5, 0.8, 1.0, 0.3, 1.2, 0.4])
    found_loading, found_unique = one_factor(np.outer(loading, loading) + np.diag(unique))
    np.testing.assert_allclose(found_loading, loading, atol=1e-4)
    np.testing.assert_allclose(found_unique, unique, atol=1e-4)
    truth = loading.sum() ** 2 / (loading.sum() ** 2 + unique.sum())
    assert omega_of(np.outer(loading, loading) + np.diag(unique)) == pytest.approx(truth, abs=1e-6)
    assert alpha_of(np.outer(loading, loading) + np.diag(unique)) < truth


@pytest.mark.parametrize("wrong", [(3,), (1, 3)])
def test_wrongly_keyed_items_are_named(wrong):
    items = keyed()
    for at in wrong:
        items[:, at] = 6 - items[:, at]
    covariances = ItemCovariances.of(items)
    flagged = item_table(covariances, reverse=["item2"])["flag"]
    assert [at for at in range(5) if flagged.iloc[at]] == list(wrong)
    assert opposed_items(covariances.covariance).sum() == len(wrong)
    assert "name it in reverse" in flagged["item4"]
    if 1 in wrong:
        assert "Take it out of reverse" in flagged["item2"]


def test_halves_against_each_other_are_both_named_whatever_the_order():
    """Two of four reverse items forgotten: no answer says which two."""
    items = keyed()[:, :4]
    items[:, [1, 3]] = 6 - items[:, [1, 3]]
    names = np.array(["q1", "q2", "q3", "q4"])
    for order in itertools.permutations(range(4)):
        covariances = ItemCovariances.of(items[:, order], names[list(order)])
        flags = item_table(covariances)["flag"]
        assert len(set(flags)) == 1
        first, second = flags.iloc[0].split(" against ")
        sides = {frozenset(re.findall(r"q\d", part)) for part in (first, second)}
        assert sides == {frozenset({"q1", "q3"}), frozenset({"q2", "q4"})}
        assert first.startswith(f"'{names[order[0]]}'")


def test_of_two_items_that_part_neither_is_blamed():
    items = keyed()[:, :2]
    items[:, 1] = 6 - items[:, 1]
    flags = item_table(ItemCovariances.of(items), reverse=["item2"])["flag"]
    assert "'item1' runs against 'item2'" in flags["item1"] == flags["item2"]
    assert "('item2' so far)" in flags["item1"]
    alike = item_table(ItemCovariances.of(keyed()[:, :2]))["flag"]
    assert (alike == "").all()


def test_halves_that_part_by_chance_are_not_named():
    """400 scales of four items that have nothing in common: 2.5 % are meant (MC error 0.8)."""
    rng = np.random.default_rng(12)
    flagged = 0
    for _ in range(400):
        flags = item_table(ItemCovariances.of(rng.normal(size=(40, 4))))["flag"]
        flagged += flags.str.contains("neither half").any()
    assert flagged <= 40


def test_an_item_of_another_thing_is_named_and_chance_is_not():
    """200 sets of 60 answers to items that correlate .5, one of them by 0 with the others."""
    rng = np.random.default_rng(11)
    right = wrong = 0
    for _ in range(200):
        items = rng.normal(size=(60, 1)) + rng.normal(size=(60, 5))
        items[:, 4] = rng.normal(size=60)
        flags = item_table(ItemCovariances.of(items))["flag"]
        right += "little in common" in flags["item5"] or "against" in flags["item5"]
        wrong += (flags.iloc[:4] != "").any()
        wrong += "against" in flags["item5"]
    # A correlation of 0 lies below .2 by 1.96 standard errors of 1/sqrt(57) in a third of samples.
    assert right > 50
    assert wrong <= 8  # 4 %; a one-sided 2.5 % is meant, Monte Carlo error 1.1 points


@pytest.mark.parametrize(
    "matrix",
    [np.ones((1, 1)), np.zeros((3, 3)), np.full((3, 3), np.nan), np.diag([1.0, 0.0, 1.0])],
    ids=["one item", "nothing varies", "no rows", "one does not vary"],
)
def test_figures_that_cannot_be_are_blank(matrix):
    assert np.isnan(omega_of(matrix))
    if len(matrix) == 1 or not matrix.any() or np.isnan(matrix).any():
        assert np.isnan(alpha_of(matrix))
        assert np.isnan(item_rest_of(matrix)).all()
    names = tuple(f"q{at}" for at in range(len(matrix)))
    assert (item_table(ItemCovariances(names, matrix, 0))["flag"] == "").all()
