"""Compositions and diversity: by hand, coverage, the error at equal shares, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from site_typology.errors import StudyError
from site_typology.features.profiler import build_profiles

TIME = {
    "name": "time",
    "builder": "orientation_time",
    "args": {"table": "survey", "of": "informants", "columns": {"direct": "d", "wsa": "w"}},
}


def test_informants_count_alike_and_totals_by_amount(study):
    rows = pd.DataFrame({"site": list("AAB"), "d": [1.0, 30, 5], "w": [1.0, 10, np.nan]})
    rows = pd.concat(
        [rows, pd.DataFrame({"site": list("BCC"), "d": [0.0, 1, 0], "w": [4.0, 4, 0]})]
    )
    of_total = {**TIME, "name": "total", "args": {**TIME["args"], "of": "total"}}
    profiles = build_profiles(study({"survey": rows}, [TIME, of_total]))
    # A: shares 1/2 and 3/4; B's first row lacks a part; C's last row shares out nothing.
    assert profiles.values["time.direct"].tolist() == pytest.approx([0.625, 0, 0.2])
    assert profiles.values["total.direct"].tolist() == pytest.approx([31 / 42, 0, 0.2])
    assert profiles.counts["time.wsa"].tolist() == [2, 1, 1]
    # √(.03125 / 2) of A's two rows, less a little where half a unit is added to its shares.
    assert profiles.standard_errors["time.direct"].iloc[0] == pytest.approx(0.125, rel=0.05)
    info = profiles.info("time.direct")
    assert (info.kind, info.composition, info.family) == ("composition", "time", "orientation")
    assert info.measurement["coverage"] == pytest.approx(4 / 6)


def test_where_no_row_is_left_every_site_has_a_gap(study):
    rows = pd.DataFrame({"site": list("AAB"), "d": [1.0, 3, 5], "w": [1.0, 1, 2], "kind": "x"})
    counted = {"category": "kind", "parts": {"x": ["x"], "y": ["y"]}}
    amounts = {"columns": {"direct": "d", "wsa": "w"}}
    ways = {"count": counted, "total": {**amounts, "of": "total"}, "mean": TIME["args"]}
    none = {"table": "survey", "where": [{"column": "d", "range": [90, 99]}]}
    features = [
        {"name": name, "builder": "composition", "args": {**way, **none}}
        for name, way in ways.items()
    ]
    profiles = build_profiles(study({"survey": rows}, features))
    assert profiles.values.isna().all(axis=None)
    assert set(profiles.reasons.to_numpy().ravel()) == {"not answered"}
    assert "coverage" not in profiles.info("count.x").measurement


def test_counts_of_categories_have_multinomial_error_with_half_counts(study):
    rows = pd.DataFrame({"site": ["A"] * 8 + ["B"] * 8, "kind": list("xxxxxxyy" + "xxxxxxxx")})
    args = {"table": "t", "category": "kind", "parts": {"x": ["x"], "y": ["y"]}}
    feature = {"name": "mix", "builder": "composition", "args": args}
    profiles = build_profiles(study({"t": rows}, [feature]))
    assert profiles.values["mix.y"].tolist() == [0.25, 0]
    p = np.array([2.5, 0.5]) / 9
    assert profiles.standard_errors["mix.y"].tolist() == pytest.approx(np.sqrt(p * (1 - p) / 8))


def test_amounts_weight_categories(study):
    rows = pd.DataFrame({"site": list("AAB"), "kind": list("xyx"), "pupils": [300.0, 100, 50]})
    args = {"table": "t", "category": "kind", "parts": {"x": ["x"], "y": ["y"]}, "amount": "pupils"}
    feature = {"name": "mix", "builder": "composition", "args": args}
    diverse = {"name": "div", "builder": "diversity", "args": args}
    profiles = build_profiles(study({"t": rows}, [feature, diverse]))
    assert profiles.values["mix.x"].tolist() == [0.75, 1]
    assert profiles.values["div"].tolist() == [0.375, 0]
    assert (profiles.standard_errors["div"] > 0).all()


@pytest.mark.parametrize("of", ["informants", "total"])
def test_intervals_of_shares_cover_the_truth(study, of):
    """800 sites of 12 rows: coverage of nominal 95 % intervals, Monte Carlo error .008."""
    rng = np.random.default_rng(8)
    sites, n = 800, 12
    truth = np.clip(rng.normal(0.5, 0.08, size=sites), 0.2, 0.8)
    share = np.clip(np.repeat(truth, n) + rng.normal(0, 0.1, size=sites * n), 0.01, 0.99)
    hours = rng.uniform(30, 40, size=sites * n)
    rows = pd.DataFrame(
        {"site": np.repeat(np.arange(sites), n).astype(str), "d": share * hours}
    ).assign(w=(1 - share) * hours)
    names = [str(site) for site in range(sites)]
    feature = {**TIME, "args": {**TIME["args"], "of": of}}
    profiles = build_profiles(study({"survey": rows}, [feature], sites=names))
    error = np.abs(profiles.values["time.direct"].to_numpy() - truth)
    covered = (error <= 1.96 * profiles.standard_errors["time.direct"].to_numpy()).mean()
    assert covered == pytest.approx(0.95, abs=0.025)


@pytest.mark.parametrize("index", ["simpson", "shannon"])
@pytest.mark.parametrize("shares", [(0.25, 0.25, 0.25, 0.25), (0.6, 0.2, 0.1, 0.1)])
def test_error_of_diversity_is_its_spread_over_samples(study, index, shares):
    rng = np.random.default_rng(9)
    sites, n = 600, 40
    kinds = rng.choice(list("abcd"), p=shares, size=sites * n)
    rows = pd.DataFrame({"site": np.repeat(np.arange(sites), n).astype(str), "kind": kinds})
    parts = {kind: [kind] for kind in "abcd"}
    args = {"table": "t", "category": "kind", "parts": parts, "index": index}
    feature = {"name": "div", "builder": "diversity", "args": args}
    profiles = build_profiles(study({"t": rows}, [feature], sites=[str(s) for s in range(sites)]))
    spread = profiles.values["div"].std()
    stated = np.sqrt((profiles.standard_errors["div"] ** 2).mean())
    # Never too small; a little too large at equal shares, where the first-order term vanishes.
    assert 0.9 < stated / spread < 1.35
    assert profiles.values["div"].between(0, 1).all()


def test_rows_that_are_totals_of_a_month_are_put_together(study):
    """A month that lacks one function says nothing; months, not rows, are the draws."""
    months = pd.DataFrame(
        [("A", m, f, a) for m, (d, w) in enumerate([(60.0, 40), (80, 20), (np.nan, 50), (70, None)])
         for f, a in (("d", d), ("w", w)) if a is not None]
        + [("B", 0, "d", 10.0), ("B", 0, "w", 30.0), ("B", 1, "d", 0.0), ("B", 1, "w", 60.0)],
        columns=["site", "month", "function", "minutes"],
    )  # fmt: skip
    args = {
        "table": "t", "category": "function", "amount": "minutes",
        "parts": {"direct": ["d"], "wsa": ["w"]},
    }  # fmt: skip
    feature = {"name": "time", "builder": "composition", "args": args}
    declared = {"t": {"unique": ["site", "month", "function"]}}
    profiles = build_profiles(study({"t": months}, [feature], declared=declared))
    assert profiles.values["time.direct"].tolist() == pytest.approx([210 / 270, 0.1])
    assert profiles.counts["time.direct"].tolist() == [3, 2]
    draws = build_profiles(study({"t": months}, [feature]))
    assert draws.values["time.direct"].iloc[0] == pytest.approx(210 / 320)


def test_a_kind_that_no_row_has_is_exactly_none(study):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "site": rng.integers(0, 300, 4000).astype(str),
            "kind": rng.choice(list("xyz"), 4000, p=[0.9, 0.09, 0.01]),
            "n": rng.integers(1, 9, 4000).astype(float),
        }
    )
    args = {"table": "t", "category": "kind", "parts": {kind: [kind] for kind in "xyz"}}
    features = [
        {"name": "rows", "builder": "composition", "args": args},
        {"name": "amounts", "builder": "composition", "args": {**args, "amount": "n"}},
    ]
    values = build_profiles(study({"t": rows}, features)).values
    has = rows.groupby(["site", "kind"]).size().unstack(fill_value=0) > 0
    has = has.reindex(values.index.get_level_values("site"))
    for name in ("rows", "amounts"):
        for kind in "xyz":
            assert ((values[f"{name}.{kind}"] > 0).to_numpy() == has[kind].to_numpy()).all()
            assert (values.loc[~has[kind].to_numpy(), f"{name}.{kind}"] == 0).all()


def test_rows_without_their_period_are_refused_or_left_out_by_where(study):
    """Which rows make up a month is not known of a row without one, so its minutes are nowhere."""
    months = pd.DataFrame(
        {
            "site": list("AAAAB"),
            "month": ["1", "1", None, None, "1"],
            "function": ["d", "w", "d", "w", "d"],
            "minutes": [30.0, 30, 100, 0, 5],
        }
    )
    args = {
        "table": "t", "category": "function", "amount": "minutes",
        "parts": {"direct": ["d"], "wsa": ["w"]},
    }  # fmt: skip
    feature = {"name": "time", "builder": "composition", "args": args}
    declared = {"t": {"unique": ["site", "month", "function"]}}
    with pytest.raises(StudyError, match=r"'month'.*is blank in rows 3, 4\."):
        build_profiles(study({"t": months}, [feature], declared=declared))
    dated = [{"column": "month", "values": [""], "negate": True}]
    chosen = {**feature, "args": {**args, "where": dated}}
    profiles = build_profiles(study({"t": months}, [chosen], declared=declared))
    assert profiles.values["time.direct"].tolist() == [0.5, 1]
    # Without a declared key the rows are counted one by one and need no month.
    assert (
        build_profiles(study({"t": months}, [feature])).values["time.direct"].iloc[0] == 130 / 160
    )


def test_codes_outside_every_part_or_in_two_are_refused(study):
    rows = pd.DataFrame({"site": list("AABB"), "kind": list("xyzx"), "d": [1.0, -1, 2, 3]})
    parts = {"one": ["x", "y"], "two": ["y"]}
    features = [
        {
            "name": "a",
            "builder": "composition",
            "args": {"table": "t", "category": "kind", "parts": parts},
        },
        {
            "name": "b",
            "builder": "composition",
            "args": {"table": "t", "columns": {"one": "d", "two": "e"}},
        },
        {"name": "c", "builder": "diversity", "args": {"table": "t", "category": "kind"}},
    ]
    tables = study({"t": rows}, features)
    with pytest.raises(StudyError) as caught:
        build_profiles(tables)
    messages = [f"{problem.where}: {problem.message}" for problem in caught.value.problems]
    text = "\n".join(messages)
    assert "'y' of column 'kind' stands in two parts" in text
    assert "'z' of column 'kind' in table 't' belongs to no part (row 3)" in text
    assert "must be 0 or more; found '-1' in row 2" in text
    assert "Column 'e' is not in table 't'" in text
    assert "'category' and 'parts' go together" in text


def test_a_part_that_no_site_has_is_zero_everywhere(study):
    rows = pd.DataFrame({"site": list("AABB"), "d": [1.0, 2, 3, 4], "w": 1.0, "z": 0.0})
    columns = {"direct": "d", "wsa": "w", "group": "z"}
    feature = {**TIME, "args": {**TIME["args"], "columns": columns}}
    profiles = build_profiles(study({"survey": rows}, [feature]))
    assert profiles.values["time.group"].tolist() == [0, 0]


# --- Rows that do not add up to the whole ------------------------------------------------------

PERCENT = pd.DataFrame(
    {
        "site": list("AAAABBBBB"),
        "d": [60.0, 50, 40, 96, 30, 20, 50, 0.6, 25],
        "w": [40.0, 30, 80, 0, 70, 80, 54, 0.4, 74],
    }
)
"""Totals 100, 80, 120, 96 at A; 100, 100, 104, 1 and 99 at B."""


def test_rows_off_the_declared_total_are_set_aside_and_counted(study):
    features = [
        {**TIME, "name": name, "args": {**TIME["args"], "total": 100, **more}}
        for name, more in (("five", {}), ("two", {"tolerance": 2}))
    ]
    profiles = build_profiles(study({"survey": PERCENT}, features))
    assert profiles.values["five.direct"].tolist() == pytest.approx(
        [(0.6 + 1) / 2, (0.3 + 0.2 + 50 / 104 + 25 / 99) / 4]
    )
    assert profiles.values["two.direct"].tolist() == pytest.approx([0.6, (0.3 + 0.2 + 25 / 99) / 3])
    ledger = profiles.ledger.set_index(["entry", "site", "reason"])
    assert (ledger.loc["feature five", "outcome"] == "set aside").all()
    assert ledger.loc["feature five", "n"].to_dict() == {
        ("A", "parts add up to about 80, not 100"): 1,
        ("A", "parts add up to about 120, not 100"): 1,
        ("B", "parts add up to less than 5, not 100"): 1,
    }
    assert ledger.loc["feature two", "n"].sum() == 5
    assert ledger.loc[("feature two", "B", "parts add up to nearly 100"), "n"] == 1
    info = profiles.info("five.direct")
    assert "add up to 100 within 5" in info.definition and "33% of rows" in info.definition
    assert info.measurement["off_total"] == pytest.approx(3 / 9)
    assert info.measurement["coverage"] == pytest.approx(6 / 9)


def test_a_site_all_of_whose_rows_are_off_has_no_value(study):
    rows = pd.concat([PERCENT, pd.DataFrame({"site": list("CC"), "d": [1.0, 2], "w": 1.0})])
    feature = {**TIME, "args": {**TIME["args"], "total": 100}}
    profiles = build_profiles(study({"survey": rows}, [feature]))
    assert np.isnan(profiles.values.loc[("C", "all"), "time.direct"])
    assert profiles.standard_errors.loc["A", "time.direct"].notna().all()
    # They have answered, so that there is nobody to ask again.
    assert profiles.reasons.loc[("C", "all"), "time.direct"] == "low reliability"
    none = {**TIME, "name": "div", "builder": "diversity", "args": feature["args"]}
    assert (
        build_profiles(study({"survey": rows}, [none])).reasons.loc[("C", "all"), "div"]
        == "low reliability"
    )


def test_a_total_that_hardly_any_row_has_is_refused_with_what_they_add_up_to(study):
    feature = {**TIME, "args": {**TIME["args"], "total": 1}}
    with pytest.raises(StudyError) as caught:
        build_profiles(study({"survey": PERCENT.drop(index=7)}, [feature]))
    assert "features.time.total" in str(caught.value)
    assert "Parts add up to about 100, not 1, on 8 of 8 rows." in str(caught.value)


def test_a_total_that_less_than_half_of_the_rows_have_is_a_finding(study):
    rows = pd.concat([PERCENT, pd.DataFrame({"site": ["B"], "d": [3.0], "w": [2.0]})])
    feature = {**TIME, "args": {**TIME["args"], "total": 5}}
    rows = pd.concat([rows, rows.tail(1), rows.tail(1)])
    flags = build_profiles(study({"survey": rows}, [feature])).info("time.direct").flags
    assert flags == (
        "The parts of 'time' add up to about 100, not 5, on 9 of 12 rows, which are set aside. "
        "Correct total or the rows.",
    )


def test_nothing_is_divided_by_its_own_total_without_a_word(study):
    profiles = build_profiles(study({"survey": PERCENT}, [TIME]))
    info = profiles.info("time.direct")
    assert profiles.values["time.direct"].iloc[0] == pytest.approx((0.6 + 5 / 8 + 1 / 3 + 1) / 4)
    # 100 three times and 99 once, of nine.
    assert info.measurement["same_total"] == pytest.approx(4 / 9)
    assert "44% of totals are within 1% of the most common, 100." in info.definition
    assert info.flags == ()
    agreed = build_profiles(study({"survey": PERCENT.drop(index=[2, 7])}, [TIME]))
    assert "Set total = 100 to leave them out." in agreed.info("time.wsa").flags[0]


def test_totals_with_a_total_and_diversity_leave_the_same_rows_out(study):
    args = {**TIME["args"], "total": 100}
    features = [
        {"name": "sum", "builder": "composition", "args": {**args, "of": "total"}},
        {"name": "div", "builder": "diversity", "args": args},
    ]
    profiles = build_profiles(study({"survey": PERCENT}, features))
    assert profiles.values["sum.direct"].iloc[0] == pytest.approx(156 / 196)
    assert profiles.values["div"].iloc[0] == pytest.approx(1 - 0.8**2 - 0.2**2)
    left_out = profiles.ledger[profiles.ledger["entry"] == "feature div"]
    assert left_out["n"].sum() == 3
    assert profiles.info("div").measurement["off_total"] == pytest.approx(3 / 9)


def test_a_total_goes_with_columns_and_a_tolerance_with_a_total(study):
    kinds = {"table": "t", "category": "kind", "parts": {"x": ["x"], "y": ["y"]}, "total": 100}
    rows = pd.DataFrame({"site": list("AB"), "kind": list("xy"), "d": 1.0, "w": 1.0})
    features = [
        {"name": "a", "builder": "composition", "args": kinds},
        {**TIME, "name": "b", "args": {**TIME["args"], "table": "t", "tolerance": 1}},
    ]
    with pytest.raises(StudyError) as caught:
        build_profiles(study({"t": rows}, features))
    assert "'total' goes with 'columns'" in str(caught.value)
    assert "'tolerance' goes with 'total'" in str(caught.value)


def test_a_site_whose_rows_all_weigh_nothing_has_a_gap_and_changes_no_other(study):
    survey = pd.DataFrame(
        {
            "site": [*"AAABBBCC"],
            "d": [3.0, 5, 4, 6, 2, 7, 1, 1],
            "w": [7.0, 5, 6, 4, 8, 3, 9, 9],
            "weight": [1.0, 2, 1, 1, 1, 3, 0, 0],
        }
    )
    args = {"table": "survey", "columns": {"d": "d", "w": "w"}}
    feature = {"name": "time", "builder": "composition", "args": args}
    declared = {"survey": {"weight": "weight"}}

    def profiles(rows):
        return build_profiles(study({"survey": rows}, [feature], sites=[*"ABC"], declared=declared))

    found, without = profiles(survey), profiles(survey[survey["weight"] > 0])
    assert found.values.loc["C"].isna().all().all()
    assert (found.reasons.loc["C"] != "").all().all()
    kept = ["A", "B"]
    pd.testing.assert_frame_equal(found.values.loc[kept], without.values.loc[kept])
    errors = found.standard_errors.loc[kept]
    assert (errors > 0).all().all()
    pd.testing.assert_frame_equal(errors, without.standard_errors.loc[kept])
