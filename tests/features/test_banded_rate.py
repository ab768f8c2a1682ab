"""Rates from counts in bands, such as the joiners and leavers of a survey of heads."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from site_typology.errors import StudyError
from site_typology.features.bandedcounts import expected_counts
from site_typology.features.profiler import build_profiles

# The bands of TALIS 2018's questions on teachers who left or began work; the last one is open.
BANDS = {1: [0, 0], 2: [1, 5], 3: [6, 10], 4: [11, 15], 5: [16, 30]}


def feature(**more) -> dict:
    numerator = {"table": "schools", "column": "left", "bands": BANDS, **more.pop("numerator", {})}
    denominator = {"table": "schools", "column": "teachers"}
    args = {"numerator": numerator, "denominator": denominator, **more}
    return {"name": "left", "builder": "banded_rate", "args": args}


def schools(codes, teachers) -> pd.DataFrame:
    sites = [f"S{at:04}" for at in range(len(codes))]
    return pd.DataFrame({"site": sites, "left": codes, "teachers": teachers})


def test_the_count_expected_in_a_band_stands_for_it(study):
    frame = schools(["1", "2", "3", "5", None, "2"], [20.0, 40, 50, 60, 30, 0])
    profiles = build_profiles(study({"schools": frame}, [feature()]))
    values = profiles.values["left"].to_numpy()
    assert profiles.reasons["left"].tolist()[4:] == ["not answered", "not applicable"]
    teachers = np.array([20.0, 40, 50, 60])
    count, variance, _ = expected_counts(
        np.array([0.0, 1, 6, 16]), np.array([0.0, 5, 10, 30]), teachers
    )
    np.testing.assert_allclose(values[:4], count / teachers)
    np.testing.assert_allclose(
        profiles.standard_errors["left"].to_numpy()[:4], np.sqrt(variance) / teachers
    )
    assert "2: 1 to 5" in profiles.features[0].definition


def test_expected_counts_agree_with_simulation():
    """Mean and error of counts in each band, drawn from the gamma-Poisson distribution itself."""
    rng = np.random.default_rng(2)
    exposure, shape, rate, n = 40.0, 4.0, 0.12, 200_000
    means = exposure * rng.gamma(shape, rate / shape, n)
    counts = rng.poisson(means)
    edges = np.array([0, 1, 6, 11, 16, 10_000])
    band = np.searchsorted(edges, counts, side="right") - 1
    low, high = edges[:-1].astype(float), np.array([0.0, 5, 10, 15, 60])
    count, variance, _ = expected_counts(low[band], high[band], np.full(n, exposure))
    for at in range(5):
        there = band == at
        assert count[there][0] == pytest.approx(counts[there].mean(), rel=0.02)
    # The variance is right over all bands, which is what an interval's coverage asks for.
    assert variance.mean() == pytest.approx(np.mean((count - means) ** 2), rel=0.02)


def test_several_rows_of_a_site_add_up(study):
    frame = schools(["2", "3", "1"], [20.0, 30.0, 40.0]).assign(site=["A", "A", "B"])
    profiles = build_profiles(study({"schools": frame}, [feature(per=100)]))
    low, high = np.array([1.0, 6, 0]), np.array([5.0, 10, 0])
    count, variance, _ = expected_counts(low, high, np.array([25.0, 25.0, 40.0]))
    assert profiles.values["left"].tolist() == pytest.approx([2 * (count[0] + count[1]), 0.0])
    error = profiles.standard_errors["left"].iloc[0]
    assert error == pytest.approx(2 * np.sqrt(variance[0] + variance[1]))


def test_a_row_without_a_code_leaves_its_site_unknown(study):
    """The sum of the other rows is too small, and says nothing of the whole denominator."""
    frame = schools(["2", None, "3", "1"], [20.0, 30.0, 40.0, 50.0]).assign(site=list("AABC"))
    profiles = build_profiles(study({"schools": frame}, [feature()]))
    assert profiles.values["left"].isna().tolist() == [True, False, False]
    assert profiles.reasons["left"].iloc[0] == "not answered"


def test_bands_of_one_count_are_that_count(study):
    """Then the value is that of `rate`, and the error Poisson."""
    rng = np.random.default_rng(4)
    counts = rng.poisson(4, 12)
    frame = schools([str(n) for n in counts], np.full(12, 20.0)).assign(n=counts.astype(float))
    exact = {"bands": {str(n): [n, n] for n in range(20)}}
    denominator = {"table": "schools", "column": "teachers"}
    rate = {
        "name": "rate",
        "builder": "rate",
        "args": {"numerator": {"table": "schools", "column": "n"}, "denominator": denominator},
    }
    profiles = build_profiles(study({"schools": frame}, [feature(numerator=exact), rate]))
    np.testing.assert_allclose(profiles.values["left"], profiles.values["rate"])


def test_intervals_cover_the_true_rate(study):
    """Nominal 95 %, 4,000 sites: the Monte Carlo error is 0.3 points."""
    rng = np.random.default_rng(6)
    covered = []
    for _ in range(4):
        teachers = rng.integers(20, 120, 1000).astype(float)
        rates = 0.1 * rng.gamma(6, 1 / 6, 1000)
        left = np.minimum(rng.poisson(rates * teachers), 30)
        codes = 1 + np.searchsorted([0, 5, 10, 15], left, side="left")
        profiles = build_profiles(
            study({"schools": schools(codes.astype(str), teachers)}, [feature()])
        )
        off = np.abs(profiles.values["left"].to_numpy() - rates)
        covered += (off <= 1.96 * profiles.standard_errors["left"].to_numpy()).tolist()
    assert 0.93 < np.mean(covered) < 0.97


@pytest.mark.parametrize("heads", [3, 8, 30])
@pytest.mark.parametrize("rate", [0.05, 0.23, 0.5])
def test_intervals_of_small_teams_cover(study, heads, rate):
    """Nominal 95 %, 2,000 sites, Monte Carlo error .005; of rates per 100 as well.

    A band that nearly every likely count is in covers nearly always.
    """
    rng = np.random.default_rng(7)
    rates = rate * rng.gamma(6, 1 / 6, 2000)
    left = np.minimum(rng.poisson(rates * heads), 30)
    codes = 1 + np.searchsorted([0, 5, 10, 15], left, side="left")
    frame = schools(codes.astype(str), np.full(2000, float(heads)))
    profiles = build_profiles(study({"schools": frame}, [feature(per=100)]))
    low, high = (limits["left"].to_numpy() / 100 for limits in profiles.intervals())
    assert np.mean((low <= rates) & (rates <= high)) > 0.93
    assert (profiles.counts["left"] <= heads).all()


def test_bad_bands_are_refused(study):
    frame = schools(["1", "9"], [20.0, 30.0])
    with pytest.raises(StudyError, match="has the codes '9', which have no band"):
        build_profiles(study({"schools": frame}, [feature()]))
    turned = {"bands": {"1": [5, 1], "9": [0, 0]}}
    with pytest.raises(StudyError, match=r"[Bb]and '1' must be \[lowest, highest\]"):
        build_profiles(study({"schools": frame}, [feature(numerator=turned)]))
