"""Which choice moves the answer: hand-worked shares, laws, and a known answer."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from site_typology.specification_choices import centred_agreement, explained_shares


def shares(y, choices):
    away = np.asarray(y, dtype=float) - np.mean(y)
    return explained_shares(np.outer(away, away), choices)


def test_a_balanced_grid_gives_the_main_effects_of_an_analysis_of_variance():
    # Effects 4 and 2 of two choices, interaction of 1 in each cell: sums of squares 16, 4, 4.
    y = [0 + 1, 2 - 1, 4 - 1, 6 + 1]
    found = shares(y, {"a": ["x", "x", "y", "y"], "b": ["u", "v", "u", "v"]})
    assert found == pytest.approx({"a": 16 / 24, "b": 4 / 24})


def test_an_unbalanced_case_worked_by_hand():
    # y = 0, 1, 3 at (x, u), (y, u), (y, v). Total 42/9. R2 of a alone: within sum 2, 1 - 2 / (42/9)
    # = 4/7. Of b alone: within sum 1/2, 1 - (1/2) / (42/9) = 25/28. Of both: 1. Mean over orders:
    # a: (4/7 + 1 - 25/28) / 2 = 19/56; b: (25/28 + 1 - 4/7) / 2 = 37/56.
    found = shares([0, 1, 3], {"a": ["x", "y", "y"], "b": ["u", "u", "v"]})
    assert found == pytest.approx({"a": 19 / 56, "b": 37 / 56})


def test_three_choices_agree_with_every_order_written_out():
    rng = np.random.default_rng(3)
    choices = {name: rng.choice(list("pqr"), size=40).tolist() for name in "abc"}
    y = rng.normal(size=40) + np.array([{"p": 0, "q": 1, "r": 3}[level] for level in choices["a"]])

    def fit(names):
        columns = [np.ones(40)] + [
            np.array([level == each for level in choices[name]], dtype=float)
            for name in names
            for each in "pqr"
        ]
        rest = y - np.column_stack(columns) @ np.linalg.lstsq(np.column_stack(columns), y)[0]
        return 1 - (rest @ rest) / ((y - y.mean()) @ (y - y.mean()))

    expected = dict.fromkeys("abc", 0.0)
    for order in itertools.permutations("abc"):
        for at, name in enumerate(order):
            expected[name] += (fit(order[: at + 1]) - fit(order[:at])) / 6
    found = shares(y, choices)
    assert found == pytest.approx(expected, abs=1e-10)
    assert sum(found.values()) == pytest.approx(fit("abc"))


def test_a_choice_that_repeats_another_shares_with_it_and_one_level_has_nothing():
    level = ["p", "q"] * 3
    found = shares([0, 1] * 3, {"a": level, "b": level, "c": ["same"] * 6})
    assert found == pytest.approx({"a": 0.5, "b": 0.5, "c": 0.0})


def test_nothing_that_varies_has_no_shares():
    assert np.isnan(shares([1, 1], {"a": ["p", "q"]})["a"])


def test_distances_of_two_camps_are_explained_by_what_parts_them():
    camp = np.repeat([0, 1], 4)
    agreement = np.where(camp[:, None] == camp, 1.0, 0.2)
    choices = {"camp": camp.astype(str).tolist(), "other": ["p", "q"] * 4}
    found = explained_shares(centred_agreement(agreement), choices)
    assert found == pytest.approx({"camp": 1.0, "other": 0.0})
    # The mean agreement of each with the others is one and the same: it could not tell.
    assert np.ptp(agreement.mean(axis=1)) == 0
