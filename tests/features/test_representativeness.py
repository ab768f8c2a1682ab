"""Response propensities and the R-indicator: values of R, laws, truth recovered by simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from site_typology.features.propensity import (
    design_matrix,
    fit_response,
    propensity_classes,
)
from site_typology.features.representativeness import partial_r, r_indicator

CELLS = pd.DataFrame({"phase": list("ppqqss"), "size": list("ababab")})
ASKED = np.array([120.0, 80, 60, 40, 20, 30])
ANSWERED = np.array([80.0, 40, 25, 12, 11, 9])
DESIGN = design_matrix(CELLS, ["phase", "size"], [])


def test_propensities_agree_with_r():
    # R 4: fitted(glm(cbind(answered, asked - answered) ~ phase + size, binomial, epsilon = 1e-14))
    expected = [
        0.666869053770, 0.499696419345, 0.432827365574,
        0.275758951638, 0.500303580655, 0.333130946230,
    ]  # fmt: skip
    model = fit_response(ASKED, ANSWERED, DESIGN)
    np.testing.assert_allclose(model.propensity, expected, rtol=1e-9)


def test_r_indicator_agrees_with_its_formulas_in_r():
    # R 4, with p, X and C = vcov of the model above, Z = p (1 - p) X, N = sum(asked), mu the mean
    # of p: S2 = sum(asked (p - mu)^2)/(N - 1); noise = sum(asked rowSums((Zc C) Zc))/(N - 1) with
    # Zc = Z - its mean; g = 2 colSums(asked (p - mu) Z)/(N - 1);
    # c(1 - 2 sqrt(S2), 1 - 2 sqrt(S2 - noise), sqrt(g' C g / S2), sqrt(S2 - noise)/mu)
    found = r_indicator(fit_response(ASKED, ANSWERED, DESIGN))
    ours = [found.r_unadjusted, found.r, found.standard_error, found.variation]
    expected = [0.7281610014174, 0.7433007658456, 0.0497445360778, 0.2537986778363]
    np.testing.assert_allclose(ours, expected, rtol=1e-8)
    assert found.rate == pytest.approx(177 / 350)


def test_r_indicator_by_hand():
    """Two groups of 100, 60 and 40 of whom answered: S² = 200/199 · 0.01."""
    model = fit_response(np.array([100.0, 100]), np.array([60.0, 40]), np.array([[1.0, 0], [1, 1]]))
    found = r_indicator(model)
    assert found.r_unadjusted == pytest.approx(1 - 2 * np.sqrt(200 / 199 * 0.01))
    # Each rate has variance .24/100, and their mean .24/200.
    assert found.r == pytest.approx(1 - 2 * np.sqrt(200 / 199 * (0.01 - 0.0012)))


@pytest.mark.parametrize("slope", [0.0, 0.8])
def test_r_recovers_the_truth(slope):
    """Bias of R over 400 surveys of 320: Monte Carlo error .003, and the adjustment helps."""
    rng = np.random.default_rng(5)
    cells = pd.DataFrame([(a, b) for a in "wxyz" for b in "uv"], columns=["a", "b"])
    design = design_matrix(cells, ["a", "b"], [])
    asked = np.full(8, 40.0)
    chance = 1 / (1 + np.exp(0.5 - slope * design @ [0, 1, -0.7, 0.5, 0.6]))
    truth = 1 - 2 * np.sqrt(np.repeat(chance, 40).var(ddof=1))
    found = [
        r_indicator(fit_response(asked, rng.binomial(40, chance).astype(float), design))
        for _ in range(400)
    ]
    adjusted, raw = (np.array([getattr(f, name) for f in found]) for name in ("r", "r_unadjusted"))
    assert abs(adjusted.mean() - truth) < 0.04
    assert abs(adjusted.mean() - truth) < 0.4 * abs(raw.mean() - truth)
    if slope:
        errors = np.mean([f.standard_error for f in found])
        assert errors == pytest.approx(raw.std(), rel=0.15)


def test_everybody_equally_likely_is_wholly_representative():
    found = r_indicator(fit_response(ASKED, ASKED / 2, DESIGN))
    assert found.r == pytest.approx(1.0)
    assert np.isnan(found.standard_error)


def test_cells_may_be_split_and_put_in_any_order():
    found = r_indicator(fit_response(ASKED, ANSWERED, DESIGN))
    order = [3, 0, 5, 1, 4, 2, 3, 0, 5, 1, 4, 2]
    again = r_indicator(fit_response(ASKED[order] / 2, ANSWERED[order] / 2, DESIGN[order]))
    assert again.r == pytest.approx(found.r)
    assert again.standard_error == pytest.approx(found.standard_error)


def test_a_number_may_be_in_any_unit():
    cells = pd.DataFrame({"pupils": [100.0, 250, 400, 900, 1_200, 1_500]})
    found = [
        fit_response(ASKED, ANSWERED, design_matrix(frame, ["pupils"], ["pupils"])).propensity
        for frame in (cells, cells / 1_000)
    ]
    np.testing.assert_allclose(*found)


def test_a_category_where_all_answered_is_certain():
    model = fit_response(np.array([5.0, 10, 10]), np.array([5.0, 5, 2]), np.eye(3))
    np.testing.assert_allclose(model.propensity, [1.0, 0.5, 0.2], atol=1e-8)
    assert np.isfinite(r_indicator(model).r)


def test_partial_indicators_of_a_column_add_up_to_its_own():
    """Σ (their squares) is the variance between the column's categories."""
    cells = CELLS.assign(asked=ASKED, answered=ANSWERED)
    found = partial_r(cells, "phase")
    rate = np.array([120 / 200, 37 / 100, 20 / 50])
    assert found["rate"].tolist() == pytest.approx(rate)
    between = np.average((rate - 177 / 350) ** 2, weights=[200, 100, 50])
    assert (found["partial"] ** 2).sum() == pytest.approx(between)
    assert (found["partial"] > 0).tolist() == [True, False, False]


def test_classes_share_their_rate_whatever_the_order():
    model = fit_response(ASKED, ANSWERED, DESIGN)
    shared = propensity_classes(model, 2)
    for rate in np.unique(shared):
        members = shared == rate
        assert rate == pytest.approx(ANSWERED[members].sum() / ASKED[members].sum())
    order = np.array([4, 2, 0, 5, 3, 1])
    again = propensity_classes(fit_response(ASKED[order], ANSWERED[order], DESIGN[order]), 2)
    np.testing.assert_allclose(again, shared[order])
