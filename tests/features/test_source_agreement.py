"""Agreement between sources: published figures, what error does, and how often it cries wolf."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from site_typology.features.sourceagreement import agreement_frame, overall_agreement
from site_typology.features.sources import Source
from site_typology.profiles import AGREEMENT_COLUMNS

# Bland & Altman (1986), table 1: peak flow of 17 people by two meters, first readings (l/min).
WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]


def cells(x, y, ex=0.0, ey=0.0):
    return pd.DataFrame({"x": x, "y": y, "ex": ex, "ey": ey}).astype(float)


def source(name, values, errors, unit="points"):
    index = pd.MultiIndex.from_product([[str(at) for at in range(len(values))], ["all"]],
                                       names=["site", "round"])  # fmt: skip
    series = [pd.Series(each, index=index) for each in (values, errors, 1.0, "")]
    return Source(name, unit, *series)


def test_peak_flow_meters_as_published():
    found = overall_agreement(cells(WRIGHT, MINI))
    # The paper: mean difference -2.1 with standard error 9.4, SD 38.8, r .94, and standard error
    # 16.3 of the limits, which it takes at 2 SD.
    assert found["mean difference"] == pytest.approx((-2.117647059, 9.4019), abs=1e-4)
    low, high = found["lower limit of agreement"], found["upper limit of agreement"]
    assert (high[0] - low[0]) / (2 * 1.959963985) == pytest.approx(38.765129874)
    assert low[1] == pytest.approx(16.3, abs=0.05)
    # R 4: k <- 16/17; cor(x, y); 2 * cov(x, y) * k / (var(x) * k + var(y) * k +
    # (mean(x) - mean(y))^2)
    assert found["correlation"][0] == pytest.approx(0.943279447)
    assert found["concordance"][0] == pytest.approx(0.942742431)
    assert found["sites beyond error"][0] == 17


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_error_taken_out_gives_back_what_is_true(rho):
    """Reliability .5: correlations fall by half and more; Monte Carlo error .004 of 3,000 sites."""
    rng = np.random.default_rng(1)
    n, true = 3000, 0.8
    signal = rng.multivariate_normal([0, 0.3], [[1, true], [true, 1]], n)
    noise = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], n)
    x, y = (signal + noise).T
    found = overall_agreement(cells(x, y, 1.0, 1.0), rho)
    assert found["correlation"][0] == pytest.approx((true + rho) / 2, abs=0.04)
    assert found["correlation, error taken out"][0] == pytest.approx(true, abs=0.06)
    expected = 2 * true / (2 + 0.3**2)
    assert found["concordance, error taken out"][0] == pytest.approx(expected, abs=0.06)
    assert found["concordance"][0] < found["concordance, error taken out"][0]


def test_sites_without_a_real_difference_pass_error_one_time_in_twenty():
    """2,000 sites, errors from .2 to 2: Monte Carlo error .005."""
    rng = np.random.default_rng(2)
    truth, e1, e2 = rng.normal(0, 1, 2000), rng.uniform(0.2, 2, 2000), rng.uniform(0.2, 2, 2000)
    one = source("one", truth + e1 * rng.standard_normal(2000), e1)
    other = source("other", truth + e2 * rng.standard_normal(2000) - 5, e2)
    frame = agreement_frame("x", [one, other], ["all"], "all")
    assert list(frame.columns) == AGREEMENT_COLUMNS
    apart = frame[frame["measure"] == "departure"]["beyond_error"] == "yes"
    assert apart.mean() == pytest.approx(0.05, abs=0.015)
    pair = [source("a", [1.0, 1.1, 3.0], [0.1] * 3), source("b", [1.0] * 3, [0.1] * 3)]
    few = agreement_frame("x", pair, ["all"], "all")
    differences = few[few["measure"] == "difference"].set_index("site")
    assert differences["standard_error"].tolist() == pytest.approx([np.sqrt(0.02)] * 3)
    assert differences["beyond_error"].tolist() == ["no", "no", "yes"]
    # Of three differences with one error, a departure has variance (1 - 1/3) of it.
    departures = few[few["measure"] == "departure"]["standard_error"]
    assert departures.tolist() == pytest.approx([np.sqrt(0.02 * 2 / 3)] * 3)


def test_shared_error_makes_differences_surer():
    pair = [source("a", [1.0, 2.0], [0.3] * 2), source("b", [1.0, 1.0], [0.4] * 2)]
    shared = {("a", "b"): 0.5}
    frame = agreement_frame("x", pair, ["all"], "all", shared)
    errors = frame[frame["measure"] == "difference"]["standard_error"]
    assert errors.tolist() == pytest.approx([np.sqrt(0.09 + 0.16 - 2 * 0.5 * 0.12)] * 2)


def test_turning_the_pair_round_turns_the_differences():
    rng = np.random.default_rng(3)
    one, other = (source(name, rng.normal(0, 1, 9), np.full(9, 0.3)) for name in "ab")
    there = agreement_frame("x", [one, other], ["all"], "all")
    back = agreement_frame("x", [other, one], ["all"], "all")
    for measure, sign in (("difference", -1), ("mean difference", -1), ("correlation", 1),
                          ("concordance", 1)):  # fmt: skip
        first = there[there["measure"] == measure]["value"].astype(float)
        second = back[back["measure"] == measure]["value"].astype(float)
        assert np.allclose(first, sign * second)


def test_little_is_said_where_little_is_known():
    unknown = agreement_frame(
        "x", [source("a", [1.0, 2, 3], [np.nan] * 3), source("b", [1.0, 2, 2], [0.1] * 3)],
        ["all"], "all",
    )  # fmt: skip
    sites = unknown[unknown["measure"] == "difference"]
    assert set(sites["beyond_error"]) == {""}
    assert not unknown["measure"].str.contains("error taken out").any()
    assert "sites beyond error" not in set(unknown["measure"])
    # All of the variance is error: nothing is left to correlate.
    noise = overall_agreement(cells([1, 2, 3, 2], [2, 1, 2, 3], 5.0, 5.0))
    assert "correlation, error taken out" not in noise and "correlation" in noise
    two = overall_agreement(cells([1, 2], [2, 1], 0.1, 0.1))
    assert set(two) == {"sites beyond error"}
    gone = source("c", [np.nan] * 3, [np.nan] * 3)
    assert agreement_frame("x", [gone, source("b", [1.0] * 3, [0.1] * 3)], ["all"], "all").empty
