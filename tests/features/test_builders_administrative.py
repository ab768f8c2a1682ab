"""Columns, rates, categories and means from tabulated answers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from site_typology.errors import StudyError
from site_typology.features.profiler import build_profiles


def feature(builder: str, name: str = "x", *, kind: str | None = None, **args) -> dict:
    use = "evaluate" if builder == "category" else "build"
    declared = {"name": name, "builder": builder, "use": use, "args": args}
    return {**declared, "kind": kind} if kind else declared


def test_column_as_it_stands_with_its_error(study):
    rows = pd.DataFrame({"site": ["A", "B"], "pct": [20.0, 0.0], "se": [4.0, 2.0], "n": [30.0, 8]})
    features = [
        feature("column", table="t", column="pct"),
        feature("column", "e", table="t", column="pct", standard_error="se", divide_by=100),
        feature("column", "s", kind="share", table="t", column="pct", n="n", divide_by=100),
        feature("column", "per", table="t", column="pct", divide_by="n"),
    ]
    profiles = build_profiles(study({"t": rows}, features))
    assert profiles.values.loc[("A", "all")].tolist() == pytest.approx([20, 0.2, 0.2, 20 / 30])
    errors = profiles.standard_errors
    assert errors["x"].tolist() == [0, 0]
    assert errors["e"].tolist() == [0.04, 0.02]
    p = 0.5 / 9
    assert errors.loc[("B", "all"), "s"] == pytest.approx(np.sqrt(p * (1 - p) / 8))
    assert profiles.counts["s"].tolist() == [30, 8]


def test_column_holds_for_its_own_round_or_for_all(study):
    dated = pd.DataFrame({"site": list("AABB"), "round": list("1212"), "v": [1.0, 2, 3, 4]})
    always = pd.DataFrame({"site": ["A", "B"], "v": [5.0, 6]})
    features = [
        feature("column", table="dated", column="v"),
        feature("column", "a", table="always", column="v"),
    ]
    profiles = build_profiles(
        study({"dated": dated, "always": always}, features, rounds=["1", "2"])
    )
    assert profiles.values["x"].tolist() == [1, 2, 3, 4]
    assert profiles.values["a"].tolist() == [5, 5, 6, 6]


def test_rate_of_counts_has_poisson_error_with_half_a_count(study):
    cases = pd.DataFrame({"site": list("AAAB"), "kind": list("xxyy")})
    size = pd.DataFrame({"site": list("ABC"), "pupils": [100.0, 50, 0]})
    bottom = {"table": "size", "column": "pupils"}
    where = [{"column": "kind", "values": ["x"]}]
    features = [
        feature("rate", numerator={"table": "cases"}, denominator=bottom, per=1000),
        feature("rate", "only_x", numerator={"table": "cases"}, denominator=bottom, where=where),
    ]
    profiles = build_profiles(study({"cases": cases, "size": size}, features))
    assert profiles.values["x"].tolist()[:2] == [30, 20]
    assert profiles.standard_errors["x"].iloc[0] == pytest.approx(1000 * np.sqrt(3.5) / 100)
    # B was looked at and has none; C has no rows at all, and nobody to divide by.
    assert profiles.values["only_x"].tolist()[:2] == [0.02, 0]
    assert profiles.standard_errors["only_x"].iloc[1] == pytest.approx(np.sqrt(0.5) / 50)
    assert profiles.reasons["only_x"].iloc[2] == "not applicable"


def test_rate_of_sums(study):
    rows = pd.DataFrame({"site": list("AAB"), "hours": [20.5, 30, 28], "classes": [1.0, 1, 2]})
    top, bottom = {"table": "t", "column": "hours"}, {"table": "t", "column": "classes"}
    profiles = build_profiles(
        study({"t": rows}, [feature("rate", numerator=top, denominator=bottom)])
    )
    assert profiles.values["x"].tolist() == [25.25, 14]
    # Hours are no counts: the variance of a row, pooled, makes the error of a sum of rows.
    pooled = np.var([20.5, 30], ddof=1)
    expected = [np.sqrt(2 * pooled) / 2, np.sqrt(pooled) / 2]
    assert profiles.standard_errors["x"].tolist() == pytest.approx(expected)


def test_a_total_with_a_blank_amount_is_unknown(study):
    """A's 10 and a blank are not 10, on either side of the line."""
    rows = pd.DataFrame({"site": list("AABB"), "fte": [10.0, None, 4.0, 5.0], "kind": list("xyxx")})
    size = pd.DataFrame({"site": list("ABB"), "pupils": [100.0, 50.0, None]})
    gaps = {
        "t": pd.DataFrame({"fte": ["", "suppressed", "", ""]}),
        "size": pd.DataFrame({"pupils": ["", "", "refused"]}),
    }
    fte, pupils = {"table": "t", "column": "fte"}, {"table": "size", "column": "pupils"}
    ones = {"table": "t"}
    x_only = [{"column": "kind", "values": ["x"]}]
    features = [
        feature("rate", "top", numerator=fte, denominator=ones),
        feature("rate", "bottom", numerator=ones, denominator=pupils),
        feature("rate", "chosen", numerator=fte, denominator=ones, where=x_only),
    ]
    profiles = build_profiles(study({"t": rows, "size": size}, features, reasons=gaps))
    values = profiles.values
    assert values["top"].isna().tolist() == [True, False]
    assert values["bottom"].isna().tolist() == [False, True]
    assert values["top"].iloc[1] == 4.5
    assert values["bottom"].iloc[0] == 0.02
    assert values["chosen"].tolist() == [5, 4.5]
    assert profiles.standard_errors["top"].isna().tolist() == [True, False]
    assert profiles.reasons["top"].tolist() == ["suppressed", ""]
    assert profiles.reasons["bottom"].tolist() == ["", "refused"]


def test_category_is_the_value_or_the_mode(study):
    rows = pd.DataFrame({"site": list("AAABBC"), "kind": ["b", "b", "a", "b", "a", None]})
    value = pd.DataFrame({"site": list("ABC"), "v": [1.0, 2, 3]})
    features = [
        feature("category", table="t", column="kind"),
        feature("column", "v", table="v", column="v"),
    ]
    profiles = build_profiles(study({"t": rows, "v": value}, features))
    assert profiles.values["x"].tolist()[:2] == ["b", "a"]
    assert profiles.reasons["x"].tolist() == ["", "", "not answered"]
    assert profiles.counts["x"].tolist()[:2] == [3, 2]
    share = profiles.info("x").measurement["mean_share_of_mode"]
    assert share == pytest.approx((2 / 3 + 1 / 2) / 2)


TABULATED = feature(
    "tabulated",
    table="t",
    items=["q1", "q2"],
    pattern="N_{item}_{option}",
    options={"1": 0.0, "2": 5.0, "3": 10.0},
)


def tabulated_rows() -> pd.DataFrame:
    counts = {
        "N_q1_1": [2, 0, 0], "N_q1_2": [2, 4, 0], "N_q1_3": [1, 4, 0],
        "N_q2_1": [0, 0, 0], "N_q2_2": [2, 1, 0], "N_q2_3": [2, 0, 0],
    }  # fmt: skip
    return pd.DataFrame({"site": list("ABC"), **counts}).astype(dict.fromkeys(counts, float))


def test_tabulated_rebuilds_means_and_variances(study):
    profiles = build_profiles(study({"t": tabulated_rows()}, [TABULATED]))
    assert profiles.values["x"].tolist()[:2] == pytest.approx([(4 + 7.5) / 2, (7.5 + 5) / 2])
    assert profiles.reasons["x"].iloc[2] == "not answered"
    assert profiles.counts["x"].tolist()[:2] == [4.5, 4.5]
    first = np.concatenate([[0, 0, 5, 5, 10] - np.array(4.0), [5] * 4 + [10] * 4 - np.array(7.5)])
    second = np.array([5, 5, 10, 10]) - 7.5
    variances = (first**2).sum() / 11, (second**2).sum() / 3
    errors = np.sqrt([variances[0] / 5, variances[1] / 4])
    # Items taken to correlate by a half: var = (r (Σs)² + (1 - r) Σs²) / k².
    expected = np.sqrt(0.5 * errors.sum() ** 2 + 0.5 * (errors**2).sum()) / 2
    assert profiles.standard_errors["x"].iloc[0] == pytest.approx(expected)


def test_a_suppressed_count_is_no_zero(study):
    """Site A's item q1 has 2, 2 and a count withheld; taken for 0 its mean would be 2.5."""
    rows = tabulated_rows().iloc[:2]
    rows.loc[0, "N_q1_3"] = np.nan
    gaps = {"t": pd.DataFrame({"N_q1_3": ["suppressed", ""]})}
    only = {**TABULATED, "name": "only", "args": {**TABULATED["args"], "items": ["q1"]}}
    profiles = build_profiles(study({"t": rows}, [TABULATED, only], reasons=gaps))
    assert profiles.values["x"].tolist() == pytest.approx([7.5, (7.5 + 5) / 2])
    assert profiles.counts["x"].tolist() == [4, 4.5]
    assert profiles.reasons["x"].tolist() == ["", ""]
    assert profiles.values["only"].isna().tolist() == [True, False]
    assert profiles.standard_errors["only"].isna().tolist()[0]
    assert profiles.reasons["only"].tolist() == ["suppressed", ""]


def test_a_site_whose_counts_are_all_withheld_has_no_mean(study):
    rows = tabulated_rows().iloc[:2]
    counts = [name for name in rows if name != "site"]
    rows.loc[0, counts] = np.nan
    gaps = {"t": pd.DataFrame({name: ["suppressed", ""] for name in counts})}
    profiles = build_profiles(study({"t": rows}, [TABULATED], reasons=gaps))
    assert profiles.values["x"].isna().tolist() == [True, False]
    assert profiles.reasons["x"].tolist() == ["suppressed", ""]


def test_one_answer_a_site_tells_nothing_of_the_error(study):
    """Of item q1 no site has two answers; site C answered q2 alone."""
    counts = {
        "N_q1_1": [1, 0, 0], "N_q1_2": [0, 1, 0], "N_q1_3": [0, 0, 0],
        "N_q2_1": [2, 3, 0], "N_q2_2": [1, 0, 2], "N_q2_3": [0, 2, 2],
    }  # fmt: skip
    rows = pd.DataFrame({"site": list("ABC"), **counts}).astype(dict.fromkeys(counts, float))
    profiles = build_profiles(study({"t": rows}, [TABULATED]))
    assert profiles.values["x"].notna().all()
    assert profiles.standard_errors["x"].isna().tolist() == [True, True, False]


def test_tabulated_of_one_item_is_the_mean_over_its_answers(study):
    rng = np.random.default_rng(12)
    answers = pd.DataFrame(
        {"site": rng.choice(list("ABCD"), 90), "y": rng.choice([0.0, 5.0, 10.0], 90)}
    )
    counts = answers.groupby(["site", "y"]).size().unstack(fill_value=0).astype(float)
    counts.columns = ["N_q_1", "N_q_2", "N_q_3"]
    args = {**TABULATED["args"], "items": ["q"]}
    features = [
        {**TABULATED, "args": args},
        feature("mean", "rows", table="survey", column="y"),
    ]
    profiles = build_profiles(study({"t": counts.reset_index(), "survey": answers}, features))
    np.testing.assert_allclose(profiles.values["x"], profiles.values["rows"])
    np.testing.assert_allclose(profiles.standard_errors["x"], profiles.standard_errors["rows"])


def test_problems_of_administrative_features(study):
    rows = pd.DataFrame({"site": list("AAB"), "v": [1.0, 2, 3], "bad": [1.0, -1, 120]})
    features = [
        feature("column", "a", table="t", column="v"),
        feature("column", "b", table="t", column="v", divide_by=0),
        feature("rate", "d", numerator={"table": "t", "col": "v"}, denominator={"table": "u"}),
        feature("tabulated", "e", table="t", items=["q"], pattern="N_q", options={"1": 0, "2": 1}),
        feature("mean", "f", kind="composition", table="t", column="v"),
    ]
    with pytest.raises(StudyError) as caught:
        build_profiles(study({"t": rows}, features))
    text = str(caught.value)
    assert "needs one row a site and round in table 't'; found several at 'A'" in text
    assert "Nothing can be divided by 0" in text
    assert "features.d.args.numerator.col" in text
    assert "needs {item} and {option}" in text
    assert "Builder 'mean' gives the kind 'continuous'; found 'composition'" in text


@pytest.mark.parametrize("more", [{}, {"n": "n"}])
def test_a_share_above_one_is_refused(study, more):
    rows = pd.DataFrame({"site": ["A", "B"], "pct": [20.0, 120.0], "n": [10.0, 10.0]})
    column = feature("column", kind="share", table="t", column="pct", divide_by=100, **more)
    with pytest.raises(StudyError, match=r"between 0 and 1; found otherwise at B \(1.2\)"):
        build_profiles(study({"t": rows}, [column]))


def test_a_share_of_an_unknown_number_is_not_exact(study):
    rows = pd.DataFrame({"site": list("ABC"), "p": [0.5, 0.2, 0.9], "n": [10.0, np.nan, 0]})
    column = feature("column", kind="share", table="t", column="p", n="n")
    profiles = build_profiles(study({"t": rows}, [column]))
    errors = profiles.standard_errors["x"]
    assert errors.iloc[0] == pytest.approx(np.sqrt(0.25 / 10))
    assert errors.isna().tolist() == [False, True, True]


def test_a_blank_cell_of_the_sites_table_can_mean_absent(study):
    listing = pd.DataFrame({"site": list("ABC"), "wing": ["yes", None, "yes"]})
    rows = pd.DataFrame({"site": list("AC"), "v": [1.0, 2.0]})
    column = feature("column", table="t", column="v")
    for condition in (
        {"column": "wing", "values": [""]},
        {"column": "wing", "values": ["yes", "not built"], "negate": True},
    ):
        declared = [{**column, "absent": condition}]
        profiles = build_profiles(study({"t": rows}, declared, sites=listing))
        assert profiles.reasons["x"].tolist() == ["", "structurally absent", ""]
    slip = [{**column, "absent": {"column": "wing", "values": ["no"]}}]
    with pytest.raises(StudyError, match=r"features.x.absent.*'no' matches no value"):
        build_profiles(study({"t": rows}, slip, sites=listing))
