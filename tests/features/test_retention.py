"""Retention: Kaplan-Meier as R has it, what stands behind it, and how often intervals cover."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from site_typology.features.movements import YEAR_DAYS
from site_typology.features.pooledcounts import pooled_count_variance, pooled_share_variance
from site_typology.features.profiler import build_profiles
from site_typology.features.survival import Stays, people_behind, retention_at

# R 4.2.2, survival 3.5-3: set.seed(7); n <- 40; entry <- round(pmax(0, runif(n, -10, 12)))
# exit <- ceiling(entry + rexp(n, 1/18)); lim <- entry + sample(6:24, n, TRUE)
# status <- as.integer(exit <= lim); exit <- pmin(exit, lim)
# summary(survfit(Surv(entry, exit, status) ~ 1), times = c(6, 12, 24))$surv
ENTRY = [
    12, 0, 0, 0, 0, 7, 0, 11, 0, 0, 0, 0, 7, 0, 0, 0, 2, 0, 12, 0, 4, 0, 12, 10, 12, 0, 4, 1, 11,
    0, 5, 0, 0, 0, 0, 9, 1, 7, 8, 0,
]  # fmt: skip
EXIT = [
    23, 17, 10, 9, 21, 19, 8, 19, 10, 5, 6, 22, 13, 17, 16, 15, 9, 1, 22, 7, 6, 6, 29, 26, 25, 5,
    12, 4, 29, 11, 21, 7, 7, 20, 13, 19, 23, 10, 11, 2,
]  # fmt: skip
STATUS = [
    1, 0, 1, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1, 0, 1, 1, 1, 1, 1, 1, 0, 1, 1, 0, 1, 1, 1, 0, 0,
    0, 1, 0, 0, 0, 1, 1, 1,
]  # fmt: skip
BY_R = {6: 0.730952576642, 12: 0.490168198454, 24: 0.263032177201}

COLUMNS = {"table": "staff", "person": "id", "start": "from", "end": "to"}
FIRST, LAST = pd.Timestamp("2020-01-01"), pd.Timestamp("2021-12-31")
WINDOW = [str(FIRST.date()), str(LAST.date())]
COMPLETED = {"column": "why", "values": ["End of term"]}


def stays(entry, leaving, left, limit=None) -> Stays:
    limit = np.maximum(leaving, 30) if limit is None else limit
    return Stays(
        np.array(entry, float), np.array(leaving, float), np.array(left) > 0, np.array(limit, float)
    )


def feature(name: str = "kept", **args) -> dict:
    return {"name": name, "builder": "retention", "args": {**COLUMNS, "window": WINDOW, **args}}


def days_after(start, n: int) -> str:
    return str((pd.Timestamp(start) + pd.Timedelta(days=n)).date())


def staff(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["site", "id", "from", "to", "why"])


def others(site: str = "Z") -> list[tuple]:
    """A second site: three join on the first day; one leaves after 100 days, one after 400."""
    return [
        (site, f"{site}1", "2020-01-01", days_after("2020-01-01", 100), "Moved"),
        (site, f"{site}2", "2020-01-01", days_after("2020-01-01", 400), "Moved"),
        (site, f"{site}3", "2020-01-01", None, None),
    ]


# --- The estimate ----------------------------------------------------------------------------


@pytest.mark.parametrize("time", sorted(BY_R))
def test_left_truncated_curve_agrees_with_r(time):
    assert retention_at(stays(ENTRY, EXIT, STATUS), time) == pytest.approx(BY_R[time], abs=5e-7)


def test_ties_and_censoring_agree_with_r():
    # R: survfit(Surv(c(2, 5, 5, 9, 12, 12, 3), c(1, 1, 0, 1, 0, 0, 1)) ~ 1) at 4, 6 and 12
    curve = stays(np.zeros(7), [2, 5, 5, 9, 12, 12, 3], [1, 1, 0, 1, 0, 0, 1])
    found = [retention_at(curve, time) for time in (4, 6, 12)]
    assert found == pytest.approx([0.7142857143, 0.5714285714, 0.3809523810], abs=5e-7)


def test_a_risk_set_of_one_that_leaves_brings_the_curve_to_zero_as_in_r():
    # R: survfit(Surv(c(0, 5, 5, 5, 5, 2), c(1, 9, 14, 20, 20, 8), c(1, 1, 1, 0, 0, 1)) ~ 1): 0
    curve = stays([0, 5, 5, 5, 5, 2], [1, 9, 14, 20, 20, 8], [1, 1, 1, 0, 0, 1])
    assert retention_at(curve, 10.0) == pytest.approx(0.0, abs=1e-12)
    # The six are worth less than three who were followed from the start.
    assert 1 < people_behind(curve, 10.0, 0.05)[1] < 3


def test_nobody_left_is_a_retention_of_one():
    assert retention_at(stays([0, 0, 4], [9, 9, 12], [0, 0, 0]), 6.0) == 1.0


# --- What stands behind it -------------------------------------------------------------------


@pytest.mark.parametrize("hazard", [1e-6, 0.05, 0.4])
def test_people_followed_from_the_start_are_worth_themselves(hazard):
    curve = stays(np.zeros(8), [3, 5, 9, 30, 30, 30, 30, 30], [1, 1, 1, 0, 0, 0, 0, 0])
    assert people_behind(curve, 12.0, hazard) == (8, pytest.approx(8.0))


def test_a_stretch_that_nobody_was_seen_in_leaves_nothing():
    assert people_behind(stays([0, 8], [4, 30], [0, 0], [4, 30]), 12.0, 0.05) == (0, 0.0)
    assert people_behind(stays([0, 4], [4, 30], [0, 0], [4, 30]), 12.0, 0.05)[0] == 1


def test_effective_number_gives_the_variance_of_the_curve():
    """Simulated variance of Kaplan-Meier with truncation, within 5 % (Monte Carlo error 1.4 %)."""
    rng = np.random.default_rng(3)
    hazard, time, n = 0.04, 12.0, 60
    entry = np.r_[np.zeros(20), rng.uniform(0, 10, n - 20)]
    limit = entry + np.r_[rng.uniform(8, 24, n - 20), np.full(20, 24.0)]
    drawn = [entry + rng.exponential(1 / hazard, n) for _ in range(10_000)]
    estimates = [
        retention_at(stays(entry, np.minimum(leaving, limit), leaving <= limit, limit), time)
        for leaving in drawn
    ]
    share = np.exp(-hazard * time)
    _, effective = people_behind(stays(entry, limit, np.zeros(n), limit), time, hazard)
    assert np.var(estimates) == pytest.approx(share * (1 - share) / effective, rel=0.05)
    assert np.mean(estimates) == pytest.approx(share, abs=0.005)


# --- The builder -----------------------------------------------------------------------------


def test_retention_by_hand(study):
    """Months of 30.4 days: 100 days are before 6 months, 400 before 24 and after 12."""
    rows = [
        *others("A"),
        ("A", "earlier", days_after("2020-01-01", -200), days_after("2020-01-01", 100), "Moved"),
    ]
    features = [feature(f"m{months}", months=months) for months in (3, 6, 12, 23)]
    profiles = build_profiles(study({"staff": staff(*rows, *others())}, features))
    # `earlier` is seen from day 200 and leaves on day 300, when `A2` and `A3` are at risk too.
    found = profiles.values.loc[("A", "all")].to_dict()
    assert found == pytest.approx(
        {"m3": 1.0, "m6": 2 / 3, "m12": 2 / 3 * 2 / 3, "m23": 2 / 3 * 2 / 3 / 2}
    )
    errors = profiles.standard_errors.loc[("A", "all")]
    assert (errors > 0.05).all()
    assert profiles.counts.loc[("Z", "all"), "m6"] == pytest.approx(3.0)
    assert "6 months after joining (Kaplan-Meier" in profiles.features[1].definition


def test_months_from_the_opening_of_the_window(study):
    rows = [
        ("A", "p1", "2015-01-01", None, None),
        ("A", "p2", "2019-12-01", days_after("2020-01-01", 100), "Moved"),
        ("A", "new", "2020-02-01", days_after("2020-02-01", 5), "Moved"),
    ]
    args = {"months": 12, "since": "window"}
    profiles = build_profiles(study({"staff": staff(*rows, *others())}, [feature(**args)]))
    assert profiles.values.loc[("A", "all"), "kept"] == pytest.approx(1 / 2)
    assert profiles.counts.loc[("A", "all"), "kept"] == pytest.approx(2.0)


def test_retention_from_the_opening_to_the_end_is_the_stability_index(study):
    rng = np.random.default_rng(8)
    start = FIRST + pd.to_timedelta(rng.integers(-900, 700, 300), unit="D")
    end = start + pd.to_timedelta(rng.integers(1, 1500, 300), unit="D")
    rows = pd.DataFrame(
        {
            "site": rng.choice(list("ABCDE"), 300), "id": [f"p{at}" for at in range(300)],
            "from": start.strftime("%Y-%m-%d"), "to": end.strftime("%Y-%m-%d"), "why": "Moved",
        }
    )  # fmt: skip
    months = ((LAST - FIRST).days - 1e-6) / (YEAR_DAYS / 12)
    kept = feature(months=months, since="window")
    index = {"name": "index", "builder": "stability_index", "args": {**COLUMNS, "window": WINDOW}}
    # An end on the last day is within the window and not before that many months.
    rows = rows[rows["to"] != WINDOW[1]]
    profiles = build_profiles(study({"staff": rows}, [kept, index]))
    np.testing.assert_allclose(profiles.values["kept"], profiles.values["index"])
    np.testing.assert_allclose(profiles.standard_errors["kept"], profiles.standard_errors["index"])


def test_an_end_that_is_no_leaving_only_ends_observation(study):
    rows = [
        ("A", "p1", "2020-01-01", None, None),
        ("A", "p2", "2020-01-01", days_after("2020-01-01", 300), "Moved"),
        ("A", "trainee", "2020-01-01", days_after("2020-01-01", 200), "End of term"),
    ]
    features = [
        feature("ours", months=12, not_leavers=COMPLETED),
        feature("all_ends", months=12),
    ]
    ended = ("Z", "t", "2020-01-01", days_after("2020-01-01", 380), "End of term")
    profiles = build_profiles(study({"staff": staff(*rows, *others(), ended)}, features))
    found = profiles.values.loc[("A", "all")].to_dict()
    assert found == pytest.approx({"ours": 1 / 2, "all_ends": 1 / 3})


def test_a_curve_that_cannot_be_known_has_a_reason(study):
    rows = [
        ("A", "old", "2018-01-01", None, None),
        ("A", "older", "2016-01-01", None, None),
        ("B", "before", "2018-01-01", "2019-01-01", "Moved"),
        *others("C"),
    ]
    features = [feature("kept", months=12), feature("strict", months=12, at_risk=4)]
    anchor = {"name": "mix", "builder": "stability_index", "args": {**COLUMNS, "window": WINDOW}}
    frame = staff(*rows, *others(), *[("Y", f"y{at}", "2020-01-01", None, None) for at in range(4)])
    profiles = build_profiles(study({"staff": frame}, [*features, anchor]))
    reasons = profiles.reasons
    # Nobody joined A in the window or the year before it.
    assert reasons.loc[("A", "all"), "kept"] == "low reliability"
    assert reasons.loc[("B", "all"), "kept"] == "not applicable"
    assert reasons["strict"].loc[["C", "Y"]].tolist() == ["low reliability", ""]


# --- Intervals -------------------------------------------------------------------------------


def simulated(rng: np.random.Generator, heads: int, sites: int = 25):
    """Posts left at a site's own rate and filled again, as an extract, and the true rates."""
    rates = 0.23 * np.exp(rng.normal(0, 0.35, sites))
    rows = []
    horizon = float((LAST - FIRST).days)
    for at in range(sites):
        for post in range(heads):
            clock, number = -2000.0 * rng.random(), 0
            while clock < horizon:
                end = clock + rng.exponential(YEAR_DAYS / rates[at])
                number += 1
                rows.append((f"S{at:02}", f"{at}-{post}-{number}", clock, end))
                clock = end + rng.exponential(30.0)
    frame = pd.DataFrame(rows, columns=["site", "id", "from", "to"])
    gone = frame["to"] <= horizon
    frame["from"] = (FIRST + pd.to_timedelta(np.floor(frame["from"]), unit="D")).astype(str)
    ends = (FIRST + pd.to_timedelta(np.floor(frame["to"]) + 1, unit="D")).astype(str)
    frame["to"] = ends.where(gone)
    return frame, rates


@pytest.mark.parametrize("heads", [3, 8, 30])
def test_intervals_of_retention_and_rates_cover(study, heads):
    """Nominal 95 %; the full table is `benchmarks/staffing_coverage.py`'s."""
    rng = np.random.default_rng(heads)
    covered: dict[str, list[float]] = {"kept": [], "leavers": [], "index": []}
    for _ in range(4):
        frame, rates = simulated(rng, heads)
        window = {**COLUMNS, "window": WINDOW}
        features = [
            feature(months=12),
            {"name": "leavers", "builder": "leavers_per_year", "args": window},
            {"name": "index", "builder": "stability_index", "args": window},
        ]
        profiles = build_profiles(study({"staff": frame}, features))
        truth = {"kept": np.exp(-rates), "leavers": rates, "index": np.exp(-2 * rates)}
        for name, true in truth.items():
            off = np.abs(profiles.values[name].to_numpy() - true)
            inside = off <= 1.96 * profiles.standard_errors[name].to_numpy()
            covered[name] += inside[~np.isnan(off)].tolist()
    for name, inside in covered.items():
        # Four Monte Carlo errors beside the 93 to 97 % that the benchmark shows.
        error = np.sqrt(0.05 * 0.95 / len(inside))
        assert 0.93 - 4 * error < np.mean(inside) < 0.985 + 2 * error, name


def test_pooled_variance_follows_what_the_sites_share():
    alike = pooled_share_variance(np.array([0.8, 0.7, 0.75, 0.75, 1.0]), np.full(5, 20.0))
    # Sites hardly differ, so that the one with nobody gone has an error near theirs.
    assert alike[4] > 0.5 * alike[0]
    apart = pooled_share_variance(np.array([0.0, 0.1, 0.9, 1.0, 1.0]), np.full(5, 20.0))
    assert apart[4] < 0.5 * apart[1]
    counts = pooled_count_variance(np.array([0.0, 5, 5, 5]), np.full(4, 20.0))
    assert counts[0] > 1
    gaps = pooled_share_variance(np.array([np.nan, 0.5]), np.array([3.0, 4.0]))
    assert np.isnan(gaps).tolist() == [True, False]


def test_one_site_alone_has_an_error_where_nobody_left():
    assert pooled_share_variance(np.array([1.0]), np.array([8.0])) == pytest.approx(
        [(8 + 2 * 8.5 / 9) / 10 * (2 * 0.5 / 9) / 10 / 8]
    )
    alone = pooled_count_variance(np.array([0.0]), np.array([8.0]))
    assert alone == pytest.approx([8 * 2 / (8 + 2 / (0.5 / 8))])
