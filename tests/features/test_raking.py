"""Raking: values of R, the classical cycle and another library, laws, and what has no solution."""

from __future__ import annotations

import importlib.util

import numpy as np
import pandas as pd
import pytest

from site_typology.features.raking import NoRakingError, rake

TABLE = np.array([[8.0, 4, 6, 7], [3, 6, 5, 2], [9, 11, 3, 1]])
ROWS, COLUMNS = np.array([20.0, 18, 22]), np.array([18.0, 16, 12, 14])
CODES = [at.ravel() for at in np.indices(TABLE.shape)]


def cycle(base, codes, targets, times=5_000):
    """The classical cycle over margins of Deming & Stephan (1940)."""
    weight = base.astype(float)
    for _ in range(times):
        for code, target in zip(codes, targets, strict=True):
            weight = weight * (target / np.bincount(code, weight, minlength=len(target)))[code]
    return weight


def test_agrees_with_r():
    # R 4: loglin(outer(rows, columns) / 60, list(1, 2), start = table, fit = TRUE, eps = 1e-12,
    # iter = 1000)$fit
    expected = [
        5.57936139402, 2.16246694164, 3.89187371519, 8.36629794916, 3.43319967646, 5.32260255615,
        5.32182752994, 3.92237023746, 8.98743892952, 8.51493050222, 2.78629875488, 1.71133181339,
    ]  # fmt: skip
    raked = rake(TABLE.ravel(), CODES, [ROWS, COLUMNS])
    np.testing.assert_allclose(raked, expected, rtol=1e-10)


@pytest.mark.parametrize("seed", range(20))
def test_agrees_with_the_cycle_on_tables_with_empty_cells(seed):
    rng = np.random.default_rng(seed)
    shape = (4, 3, 3)
    codes = np.indices(shape).reshape(3, -1)
    codes = codes[:, rng.random(codes.shape[1]) < 0.75]
    base = rng.exponential(10.0, codes.shape[1]) + 0.5
    truth = rng.exponential(30.0, codes.shape[1]) + 1.0
    targets = [np.bincount(code, truth, minlength=n) for code, n in zip(codes, shape, strict=True)]
    raked = rake(base, list(codes), targets)
    np.testing.assert_allclose(raked, cycle(base, codes, targets), rtol=1e-7)
    for code, target in zip(codes, targets, strict=True):
        np.testing.assert_allclose(np.bincount(code, raked, minlength=len(target)), target)


@pytest.mark.skipif(importlib.util.find_spec("weightipy") is None, reason="needs weightipy")
def test_agrees_with_a_survey_library_that_takes_no_design_weights():
    import weightipy

    rows = pd.DataFrame({"a": CODES[0], "b": CODES[1]}).loc[
        np.repeat(np.arange(TABLE.size), TABLE.ravel().astype(int))
    ]
    rows = rows.reset_index(drop=True)
    scheme = weightipy.scheme_from_dict(
        {
            "a": dict(enumerate(100 * ROWS / 60)),
            "b": dict(enumerate(100 * COLUMNS / 60)),
        }
    )
    theirs = weightipy.weight_dataframe(rows, scheme, weight_column="w")
    ours = rake(TABLE.ravel(), CODES, [ROWS, COLUMNS]) / TABLE.ravel()
    scaled = theirs["w"].to_numpy() * 60 / len(rows)
    expected = ours[(rows["a"] * 4 + rows["b"]).to_numpy()]
    np.testing.assert_allclose(scaled, expected, rtol=1e-6)


def test_one_classification_is_post_stratification():
    raked = rake(np.array([4.0, 6, 10]), [np.array([0, 0, 1])], [np.array([30.0, 70])])
    np.testing.assert_allclose(raked, [12.0, 18.0, 70.0])


def test_units_and_order_do_not_matter():
    raked = rake(TABLE.ravel(), CODES, [ROWS, COLUMNS])
    np.testing.assert_allclose(rake(TABLE.ravel() * 7, CODES, [ROWS, COLUMNS]), raked)
    np.testing.assert_allclose(rake(TABLE.ravel(), CODES[::-1], [COLUMNS, ROWS]), raked)
    np.testing.assert_allclose(rake(TABLE.ravel(), CODES, [ROWS * 100, COLUMNS * 100]), raked * 100)
    again = rake(raked, CODES, [ROWS, COLUMNS])
    np.testing.assert_allclose(again, raked)


def test_the_interaction_of_the_respondents_is_kept():
    raked = rake(TABLE.ravel(), CODES, [ROWS, COLUMNS]).reshape(TABLE.shape)
    odds = [t[0, 0] * t[1, 1] / (t[0, 1] * t[1, 0]) for t in (TABLE, raked)]
    assert odds[1] == pytest.approx(odds[0])


def test_a_classification_said_twice_changes_nothing():
    raked = rake(TABLE.ravel(), CODES, [ROWS, COLUMNS])
    twice = rake(TABLE.ravel(), [*CODES, CODES[0]], [ROWS, COLUMNS, ROWS])
    np.testing.assert_allclose(twice, raked)


def test_weights_far_apart_are_found():
    """Where Newton's method alone overshoots: a cell a thousand times its share."""
    codes = [np.array([0, 1, 1, 2, 2]), np.array([0, 0, 1, 0, 1])]
    base, truth = np.array([1.0, 500, 400, 0.1, 300]), np.array([2.0, 3, 60, 5_000, 40])
    targets = [np.bincount(code, truth) for code in codes]
    np.testing.assert_allclose(rake(base, codes, targets), cycle(base, codes, targets), rtol=1e-6)


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        # The first row of the table reaches the first column only.
        ([np.array([70.0, 30]), np.array([50.0, 50])], "no weights reproduce"),
        ([np.array([50.0, 50]), np.array([50.0, 50])], "only weights of 0"),
    ],
)
def test_counts_that_cannot_be_met_are_refused(targets, said):
    base, codes = np.array([10.0, 10, 5]), [np.array([0, 1, 1]), np.array([0, 0, 1])]
    with pytest.raises(NoRakingError, match=said):
        rake(base, codes, targets)
