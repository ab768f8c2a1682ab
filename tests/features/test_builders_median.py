"""The median of a number or of a duration: values by hand, its error, laws, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from site_typology.errors import StudyError
from site_typology.features.medianerror import pooled_residuals, variance_of_medians
from site_typology.features.profiler import build_profiles

WAIT = {"name": "wait", "builder": "median", "args": {"table": "visits", "column": "days"}}
STAY = {
    "name": "stay",
    "builder": "median",
    "args": {"table": "visits", "start": "from", "end": "to"},
}


def test_medians_by_hand(study):
    rows = pd.DataFrame({"site": list("AAABBBBC"), "days": [1.0, 9, 2, 4, 6, 100, np.nan, np.nan]})
    profiles = build_profiles(study({"visits": rows}, [WAIT]))
    assert profiles.values["wait"].tolist()[:2] == [2.0, 6.0]
    assert profiles.counts["wait"].tolist()[:2] == [3, 3]
    assert profiles.reasons.loc[("C", "all"), "wait"] == "not answered"
    assert profiles.info("wait").measurement["coverage"] == pytest.approx(6 / 8)


def test_an_even_number_of_rows_takes_the_middle_and_weights_count_like_rows(study):
    rows = pd.DataFrame({"site": list("AABB"), "days": [1.0, 4, 2, 8], "w": [1.0, 1, 3, 1]})
    profiles = build_profiles(study({"visits": rows}, [WAIT], declared={"visits": {"weight": "w"}}))
    twice = rows.loc[rows.index.repeat(rows["w"].astype(int))].drop(columns="w")
    assert profiles.values["wait"].tolist() == [2.5, 2.0]
    assert profiles.values.equals(build_profiles(study({"visits": twice}, [WAIT])).values)


def test_durations_count_days_between_dates_of_either_style(study):
    rows = pd.DataFrame(
        {
            "site": list("AAAB"),
            "from": ["2021-01-01", "01/01/2021", "2021-01-01", "2021-03-01"],
            "to": ["2021-01-11", "2021-01-03", "2021-01-05", None],
        }
    )
    profiles = build_profiles(study({"visits": rows}, [STAY]))
    assert profiles.values.loc[("A", "all"), "stay"] == 4.0
    assert np.isnan(profiles.values.loc[("B", "all"), "stay"])
    assert profiles.info("stay").unit == "days"


def test_variance_is_that_of_repeated_medians():
    """Against 40,000 medians drawn one by one; Monte Carlo error of a variance .7 %."""
    rng = np.random.default_rng(4)
    points = np.sort(rng.exponential(size=300))
    for n in (3, 7):
        drawn = np.median(rng.choice(points, size=(40_000, n)), axis=1)
        exact = variance_of_medians(points, np.array([float(n)]))[0]
        assert exact == pytest.approx(drawn.var(), rel=0.04)


def test_variance_agrees_with_published_values_of_the_normal():
    """Variance of the median of 3, 5 and 7 normal draws: .4487, .2868, .2104 (Sarhan &
    Greenberg 1962, table 10C.1); the residuals are the normal's quantiles."""
    from scipy.stats import norm

    points = norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    found = variance_of_medians(points, np.array([3.0, 5.0, 7.0]))
    assert found == pytest.approx([0.4487, 0.2868, 0.2104], abs=0.001)


@pytest.mark.parametrize("informants", [3, 8, 30])
@pytest.mark.parametrize("skewed", [False, True])
def test_nominal_intervals_cover_the_truth(study, informants, skewed):
    """95 % intervals over 2,000 sites: Monte Carlo error of the coverage .005."""
    sites = 2000
    rng = np.random.default_rng(informants)
    noise = rng.normal(size=(sites, informants))
    truth = rng.normal(20, 1, size=sites)
    answers = truth[:, None] + (np.exp(noise) - 1 if skewed else noise)
    names = [f"S{at:04d}" for at in range(sites)]
    rows = pd.DataFrame({"site": np.repeat(names, informants), "days": answers.ravel()})
    profiles = build_profiles(study({"visits": rows}, [WAIT], sites=names))
    apart = np.abs(profiles.values["wait"].to_numpy() - truth)
    covered = (apart <= 1.96 * profiles.standard_errors["wait"].to_numpy()).mean()
    assert 0.93 <= covered <= 0.97


def test_one_row_a_site_has_an_error_that_is_not_known(study):
    rows = pd.DataFrame({"site": list("ABC"), "days": [1.0, 2, 3]})
    profiles = build_profiles(study({"visits": rows}, [WAIT]))
    assert profiles.standard_errors["wait"].isna().all()
    assert len(pooled_residuals(rows["days"], pd.Series([0, 1, 2]))) == 0


def test_every_problem_is_named(study):
    rows = pd.DataFrame({"site": list("AB"), "days": ["x", "2"], "from": ["2021-05-01"] * 2})
    rows["to"] = ["2021-04-01", "soon"]
    with pytest.raises(StudyError) as error:
        build_profiles(study({"visits": rows}, [WAIT, STAY]))
    assert "must hold numbers; found 'x'" in str(error.value)
    assert "'soon' in row 2" in str(error.value)
    assert "'to' of table 'visits' is before 'from' in row 1" in str(error.value)


@pytest.mark.parametrize("args", [{}, {"start": "from"}, {"column": "days", "end": "to"}])
def test_a_median_is_of_one_quantity(study, args):
    rows = pd.DataFrame({"site": list("AB"), "days": [1.0, 2]})
    feature = {**WAIT, "args": {"table": "visits", **args}}
    with pytest.raises(StudyError, match=r"Give one quantity|go together"):
        build_profiles(study({"visits": rows}, [feature]))
