"""Retention and median tenure in FTE: by hand, laws, gaps, and how often intervals cover."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from site_typology.errors import StudyError
from site_typology.features.median import VALUE, medians
from site_typology.features.movements import YEAR_DAYS
from site_typology.features.pooledcounts import pooled_share_variance
from site_typology.features.profiler import build_profiles
from site_typology.features.selection import WEIGHT
from site_typology.features.survival import Stays, people_behind, retention_at
from site_typology.features.tables import ROUND, SITE, Table

OPENS = "2020-01-01"
IN_HEADS = {
    "table": "staff", "person": "id", "start": "from", "end": "to", "fte": "fte",
}  # fmt: skip
IN_FTE = {**IN_HEADS, "measure": "fte"}
KEPT = {"window": [OPENS, "2021-12-31"], "months": 12}
TENURE = {"at": "2021-06-30"}


def feature(name: str, builder: str, **args) -> dict:
    return {"name": name, "builder": builder, "args": args}


def after(days: int, start: str = OPENS) -> str:
    return str((pd.Timestamp(start) + pd.Timedelta(days=days)).date())


def staff(*rows: tuple) -> pd.DataFrame:
    others = [
        ("Z", "z1", OPENS, after(100), 1.0),
        ("Z", "z2", OPENS, after(400), 0.4),
        ("Z", "z3", OPENS, None, 0.6),
    ]
    columns = ["site", "id", "from", "to", "fte"]
    return pd.DataFrame([*rows, *others], columns=columns)


ROWS = staff(
    ("A", "a1", OPENS, after(100), 0.5),
    ("A", "a2", OPENS, None, 0.6),
    # Two posts at once; what changes later does not count.
    ("A", "a2", OPENS, after(50), 0.4),
    ("A", "a3", OPENS, after(200), 0.4),
    # Seen from day 150 of the stay, which ends on day 300, before a year.
    ("A", "a4", after(-150), after(150), 0.8),
    ("A", "a5", OPENS, None, 0.1),
)


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
def test_values_by_hand(study, engine):
    features = [
        feature("kept", "retention", **IN_FTE, **KEPT),
        feature("tenure", "median_tenure", **IN_FTE, at="2020-02-01"),
        feature("heads", "median_tenure", **IN_HEADS, at="2020-02-01"),
    ]
    tables = study({"staff": ROWS}, features)
    moved = {
        name: Table.of(
            name, table.declaration, table.collect(), table.collect_reasons(), engine=engine
        )
        for name, table in tables.tables.items()
    }
    profiles = build_profiles(dataclasses.replace(tables, tables=moved))
    # Day 100: .5 of .5 + 1 + .4 + .1; day 200: .4 of 1 + .4 + .1 + .8; day 300: .8 of 1.9.
    expected = (1 - 0.5 / 2.0) * (1 - 0.4 / 2.3) * (1 - 0.8 / 1.9)
    found = profiles.values.xs("all", level="round")
    assert found.loc["A", "kept"] == pytest.approx(expected)
    assert found.loc["Z", "kept"] == pytest.approx(1 / 2)
    assert "In FTE held when first observed." in profiles.info("kept").definition
    # All but a4 began a month ago, with 2.0 of 2.8 FTE.
    month = YEAR_DAYS / 12
    assert found.loc["A", "tenure"] == pytest.approx(31 / month)
    assert found.loc["A", "heads"] == pytest.approx(31 / month)
    assert profiles.counts.loc[("Z", "all"), "kept"] == pytest.approx(2.0**2 / 1.52)


def test_the_weighted_median_has_half_of_the_fte_on_either_side(study):
    rows = staff(
        ("A", "a1", after(-300), None, 1.0),
        ("A", "a2", after(-200), None, 0.5),
        ("A", "a3", after(-100), None, 0.2),
        ("B", "b1", after(-300), None, 1.0),
        ("B", "b2", after(-200), None, 0.5),
        ("B", "b3", after(-100), None, 0.5),
    )
    features = [feature("tenure", "median_tenure", **IN_FTE, at=OPENS)]
    found = build_profiles(study({"staff": rows}, features)).values["tenure"]
    month = YEAR_DAYS / 12
    # 1.0 of 1.7 FTE have been there for 300 days; at B half for 300 and half for 200 or less.
    assert found.loc[("A", "all")] == pytest.approx(300 / month)
    assert found.loc[("B", "all")] == pytest.approx(250 / month)


@pytest.mark.parametrize("fte", [1.0, 0.5])
def test_equal_fte_give_the_answer_in_heads(study, fte):
    rows = ROWS.drop(index=2).assign(fte=fte)
    features = [
        feature("kept", "retention", **IN_HEADS, **KEPT),
        feature("kept_fte", "retention", **IN_FTE, **KEPT),
        feature("tenure", "median_tenure", **IN_HEADS, at="2020-02-01"),
        feature("tenure_fte", "median_tenure", **IN_FTE, at="2020-02-01"),
    ]
    profiles = build_profiles(study({"staff": rows}, features))
    for frame in (profiles.values, profiles.standard_errors, profiles.counts):
        for name in ("kept", "tenure"):
            np.testing.assert_allclose(frame[f"{name}_fte"], frame[name])


def test_one_of_fte_1_counts_as_two_of_a_half(study):
    one = [("A", "a1", OPENS, after(100), 1.0), ("A", "a2", after(-90), None, 0.5)]
    two = [("A", "b1", OPENS, after(100), 0.5), ("A", "b2", OPENS, after(100), 0.5), one[1]]
    features = [
        feature("kept", "retention", **IN_FTE, **KEPT),
        feature("tenure", "median_tenure", **IN_FTE, at="2020-02-01"),
    ]
    values = [
        build_profiles(study({"staff": staff(*rows, ("A", "a9", OPENS, None, 0.7))}, features))
        for rows in (one, two)
    ]
    pd.testing.assert_frame_equal(values[0].values, values[1].values)


def test_a_site_where_the_fte_of_one_who_counts_is_missing_has_no_value(study):
    rows = staff(
        ("A", "a1", OPENS, None, None),
        ("A", "a2", OPENS, None, 1.0),
        ("B", "b1", OPENS, None, 1.0),
        ("B", "gone", after(-900), after(-800), None),
        ("C", "c1", OPENS, None, 0.0),
    )
    features = [
        feature("kept", "retention", **IN_FTE, **KEPT),
        feature("tenure", "median_tenure", **IN_FTE, **TENURE),
    ]
    profiles = build_profiles(study({"staff": rows}, features))
    for name in ("kept", "tenure"):
        reasons = profiles.reasons[name].droplevel("round")
        assert reasons.to_dict() == {"A": "not answered", "B": "", "C": "not applicable", "Z": ""}


def test_fte_must_be_named(study):
    unnamed = {key: value for key, value in IN_FTE.items() if key != "fte"}
    with pytest.raises(StudyError, match="needs 'fte', the column with the FTE"):
        build_profiles(study({"staff": ROWS}, [feature("k", "retention", **unnamed, **KEPT)]))


def test_weights_of_those_at_the_start_give_kishs_number():
    weight = np.array([0.2, 0.5, 1.0, 1.0])
    curve = Stays(np.zeros(4), np.full(4, 30.0), np.zeros(4) > 0, np.full(4, 30.0), weight)
    fewest, effective = people_behind(curve, 12.0, 0.05)
    assert fewest == 4
    assert effective == pytest.approx(weight.sum() ** 2 / (weight**2).sum())


def test_the_error_of_weighted_retention_is_its_spread_over_samples():
    """Truncated stays of 60 with FTE of .2 to 1; 4,000 draws, Monte Carlo error 2.2 %."""
    rng = np.random.default_rng(3)
    hazard, time, n = 0.04, 12.0, 60
    entry = np.r_[np.zeros(20), rng.uniform(0, 10, n - 20)]
    limit = entry + np.r_[rng.uniform(8, 24, n - 20), np.full(20, 24.0)]
    weight = rng.choice([0.2, 0.5, 1.0], n)
    estimates = []
    for _ in range(4000):
        leaving = entry + rng.exponential(1 / hazard, n)
        curve = Stays(entry, np.minimum(leaving, limit), leaving <= limit, limit, weight)
        estimates.append(retention_at(curve, time))
    share = np.exp(-hazard * time)
    still = Stays(entry, limit, np.zeros(n) > 0, limit, weight)
    effective = people_behind(still, time, hazard)[1]
    assert np.var(estimates) == pytest.approx(share * (1 - share) / effective, rel=0.08)
    assert np.mean(estimates) == pytest.approx(share, abs=0.006)
    # As if all weighed the same it would be too small by a quarter.
    alike = people_behind(dataclasses.replace(still, weight=None), time, hazard)[1]
    assert alike > 1.2 * effective


@pytest.mark.parametrize("heads", [3, 8, 30])
def test_intervals_of_weighted_retention_and_medians_cover(heads):
    """Nominal 95 %; 2,000 sites, Monte Carlo error .005."""
    rng = np.random.default_rng(heads)
    sites, hazard, time = 2000, 0.02, 12.0
    leaving = rng.exponential(1 / hazard, (sites, heads))
    weight = rng.choice([0.2, 0.5, 0.8, 1.0], (sites, heads))
    limit = np.full(heads, 24.0)
    shares, numbers = np.empty(sites), np.empty(sites)
    for at in range(sites):
        seen = np.minimum(leaving[at], 24.0)
        curve = Stays(np.zeros(heads), seen, leaving[at] <= 24.0, limit, weight[at])
        shares[at] = retention_at(curve, time)
        numbers[at] = people_behind(curve, time, hazard)[1]
    errors = np.sqrt(pooled_share_variance(shares, numbers))
    kept = np.abs(shares - np.exp(-hazard * time)) <= 1.96 * errors
    assert 0.925 < kept.mean() < 0.98
    rows = pd.DataFrame({SITE: np.repeat(np.arange(sites), heads).astype(str), ROUND: "all"})
    found = medians(rows.assign(**{WEIGHT: weight.ravel(), VALUE: leaving.ravel()}))
    off = np.abs(found.value - np.log(2) / hazard)
    assert 0.925 < (off <= 1.96 * found.standard_error).mean() < 0.98
