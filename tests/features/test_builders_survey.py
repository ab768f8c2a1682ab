"""Scale, mean and share: scores by hand, laws, coverage of the standard errors, refusals."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from site_typology.errors import StudyError
from site_typology.features.profiler import build_profiles
from site_typology.features.tables import Table

WSA = {
    "name": "wsa",
    "table": "survey",
    "items": ["q1", "q2", "q3"],
    "reverse": ["q2"],
    "range": [1, 5],
    "informant": "key informant",
    "label": "Whole-school approach",
}
SCALE = {"name": "wsa", "builder": "scale", "args": {"scale": "wsa"}}
MEAN = {"name": "score", "builder": "mean", "args": {"table": "survey", "column": "y"}}


def test_scale_turns_reverse_keys_and_needs_half_its_items(study):
    answers = pd.DataFrame(
        {
            "site": ["A", "A", "A", "B", "B"],
            "q1": [5.0, 4, 5, 2, 1],
            "q2": [1.0, np.nan, np.nan, 4, 3],
            "q3": [4.0, 4, np.nan, 2, np.nan],
        }
    )
    profiles = build_profiles(study({"survey": answers}, [SCALE], scales=[WSA]))
    # A: (5 + 5 + 4)/3 = 14/3 and (4 + 4)/2 = 4; the third answered one of three items. B: 2 and 2.
    assert profiles.values.loc[("A", "all"), "wsa"] == pytest.approx((14 / 3 + 4) / 2)
    assert profiles.values.loc[("B", "all"), "wsa"] == pytest.approx(2.0)
    assert profiles.counts.loc[:, "wsa"].tolist() == [2, 2]
    pooled = ((14 / 3 - 4) ** 2 / 2 + 0) / 2
    assert profiles.standard_errors["wsa"].tolist() == pytest.approx([np.sqrt(pooled / 2)] * 2)
    info = profiles.info("wsa")
    assert (info.informant, info.range, info.label) == ("key informant", (1, 5), WSA["label"])
    assert info.source == "survey: q1, q2, q3"
    assert "2 items" not in info.definition and "1 of them reverse-keyed" in info.definition


def test_weight_two_is_a_row_twice(study):
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({"site": np.repeat(["A", "B", "C"], 6), "y": rng.normal(size=18)})
    rows["w"] = rng.integers(1, 4, size=18).astype(float)
    twice = rows.loc[rows.index.repeat(rows["w"].astype(int))].drop(columns="w")
    weighted = study({"survey": rows}, [MEAN], declared={"survey": {"weight": "w"}})
    one, two = build_profiles(weighted), build_profiles(study({"survey": twice}, [MEAN]))
    np.testing.assert_allclose(one.values, two.values)
    # The value, but not the error: a weight adds no informant.
    assert (one.standard_errors > two.standard_errors * 1.01).all().all()


def test_order_of_rows_and_units_do_not_matter(study):
    rng = np.random.default_rng(2)
    rows = pd.DataFrame({"site": rng.choice(list("ABCD"), 60), "y": rng.normal(5e6, 1, size=60)})
    first = build_profiles(study({"survey": rows}, [MEAN]))
    shuffled = build_profiles(study({"survey": rows.sample(frac=1, random_state=3)}, [MEAN]))
    np.testing.assert_allclose(first.values, shuffled.values, rtol=1e-14)
    np.testing.assert_allclose(first.standard_errors, shuffled.standard_errors, rtol=1e-6)
    scaled = build_profiles(study({"survey": rows.assign(y=rows["y"] * 60)}, [MEAN]))
    np.testing.assert_allclose(scaled.standard_errors, first.standard_errors * 60, rtol=1e-6)


@pytest.mark.parametrize("informants", [3, 8, 30])
def test_nominal_intervals_cover_the_truth(study, informants):
    """95 % intervals over 2,000 sites: Monte Carlo error of the coverage .005."""
    sites = 2000
    rng = np.random.default_rng(10 + informants)
    truth = rng.normal(3, 0.6, size=sites)
    answers = np.repeat(truth, informants) + rng.normal(0, 0.9, size=sites * informants)
    names = np.char.add("S", np.arange(sites).astype(str).astype("U8"))
    rows = pd.DataFrame({"site": np.repeat(names, informants), "y": answers})
    profiles = build_profiles(study({"survey": rows}, [MEAN], sites=list(names)))
    error = np.abs(profiles.values["score"].to_numpy() - truth)
    covered = (error <= 1.959964 * profiles.standard_errors["score"].to_numpy()).mean()
    assert covered == pytest.approx(0.95, abs=3.5 * np.sqrt(0.95 * 0.05 / sites))


def test_likert_answers_of_a_finite_population_are_covered(study):
    """Samples of 12 of 20 eligible: 95 % intervals cover the mean of the 20, error .005."""
    sites, eligible, asked = 2000, 20, 12
    rng = np.random.default_rng(7)
    tendency = rng.normal(0, 0.5, size=(sites, 1))
    everyone = np.clip(np.round(3 + tendency + rng.normal(0, 1, (sites, eligible))), 1, 5)
    truth = everyone.mean(axis=1)
    names = np.char.add("S", np.arange(sites).astype(str).astype("U8"))
    rows = pd.DataFrame(
        {"site": np.repeat(names, asked), "y": everyone[:, :asked].ravel()}  # exchangeable
    )
    response = pd.DataFrame(
        {
            "table": "survey", "site": names, "round": "all",
            "eligible": float(eligible), "responded": float(asked),
        }
    )  # fmt: skip
    tables = study({"survey": rows}, [MEAN], sites=list(names), eligible=response)
    profiles = build_profiles(tables)
    error = np.abs(profiles.values["score"].to_numpy() - truth)
    covered = (error <= 1.959964 * profiles.standard_errors["score"].to_numpy()).mean()
    assert covered == pytest.approx(0.95, abs=0.017)
    assert profiles.info("score").measurement["response_rate"] == pytest.approx(0.6)


def test_share_of_none_is_not_exact(study):
    rows = pd.DataFrame(
        {"site": ["A"] * 8 + ["B"] * 4, "role": ["x"] * 8 + ["lead", "lead", "x", np.nan]}
    )
    feature = {
        "name": "leads",
        "builder": "share",
        "args": {"table": "survey", "column": "role", "values": ["lead"]},
    }
    profiles = build_profiles(study({"survey": rows}, [feature]))
    assert profiles.values["leads"].tolist() == pytest.approx([0, 2 / 3])
    assert profiles.counts["leads"].tolist() == [8, 3]
    p = np.array([0.5 / 9, 2.5 / 4])
    expected = np.sqrt(p * (1 - p) / [8, 3])
    assert profiles.standard_errors["leads"].tolist() == pytest.approx(expected.tolist())


def test_numbers_in_a_study_file_match_numbers_in_a_table(study):
    rows = pd.DataFrame({"site": list("AABB"), "code": [1.0, 2, 2, 2]})
    args = {"table": "survey", "column": "code", "values": [1, "2"]}
    feature = {"name": "s", "builder": "share", "use": "evaluate", "args": args}
    build = {**MEAN, "args": {"table": "survey", "column": "code"}}
    profiles = build_profiles(study({"survey": rows}, [feature, build]))
    assert profiles.values["s"].tolist() == [1, 1]


def test_reasons_of_missing_cells(study):
    rows = pd.DataFrame(
        {
            "site": ["A", "A", "B", "B", "B", "C", "A"],
            "round": ["1", "1", "1", "1", "1", "1", "2"],
            "y": [1.0, 2, np.nan, np.nan, np.nan, 3, 2],
        }
    )
    reasons = pd.DataFrame({"y": ["", "", "refused", "don't know", "don't know", "", ""]})
    sites = pd.DataFrame({"site": list("ABCDEF"), "kind": ["s", "s", "s", "s", "s", "primary"]})
    feature = {**MEAN, "use": "evaluate", "absent": {"column": "kind", "values": ["primary"]}}
    other = {"name": "k", "builder": "mean", "args": {"table": "other", "column": "y"}}
    always = pd.DataFrame({"site": list("ABCDEF"), "y": [1.0, 2, 3, 4, 5, 6]})
    response = pd.DataFrame(
        {"table": "survey", "site": ["D"], "round": ["1"], "eligible": 4.0, "responded": 0.0}
    )
    tables = study(
        {"survey": rows, "other": always}, [feature, other], sites=sites, rounds=["1", "2"],
        reasons={"survey": reasons}, eligible=response,
    )  # fmt: skip
    profiles = build_profiles(tables)
    first = profiles.reasons["score"].xs("1", level="round")
    assert first.to_dict() == {
        "A": "", "B": "don't know", "C": "", "D": "not answered", "E": "not asked",
        "F": "structurally absent",
    }  # fmt: skip
    second = profiles.reasons["score"].xs("2", level="round")
    assert second[["A", "B", "F"]].tolist() == ["", "not asked", "structurally absent"]
    assert profiles.values["k"].tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]


def test_informants_share_error_between_features(study):
    rng = np.random.default_rng(5)
    n, sites = 4000, 200
    halo = rng.normal(size=n)
    rows = pd.DataFrame(
        {
            "site": np.arange(n) % sites,
            "a": halo + rng.normal(size=n),
            "b": halo + rng.normal(size=n),
            "c": -halo,
        }
    ).astype({"site": str})
    rows.loc[rng.random(n) < 0.5, "b"] = np.nan
    features = [
        {"name": name, "builder": "mean", "args": {"table": "survey", "column": name}}
        for name in "abc"
    ]
    shared = build_profiles(study({"survey": rows}, features)).error_correlation
    assert shared.loc["a", "c"] == pytest.approx(-np.sqrt(0.5), abs=0.03)
    # Half of the informants answered b, so their mean shares only part of its error with a.
    assert shared.loc["a", "b"] == pytest.approx(0.5 * np.sqrt(0.5), abs=0.04)
    assert np.linalg.eigvalsh(shared).min() >= -1e-9


def problems_of(tables) -> dict[str, str]:
    with pytest.raises(StudyError) as caught:
        build_profiles(tables)
    return {problem.where: problem.message for problem in caught.value.problems}


def test_every_problem_is_listed_at_once(study):
    rows = pd.DataFrame(
        {"site": ["A", "B"], "score": [1.0, 2], "role": ["Supervisor", "EMHP"], "q1": [1.0, 9]}
    )
    scale = {"name": "s", "table": "survey", "items": ["q1"], "range": [1, 5]}
    on_survey = {"table": "survey"}
    features = [
        {"name": "a", "builder": "mean", "args": {**on_survey, "column": "skore"}},
        {"name": "b", "builder": "share", "args": {**on_survey, "column": "role", "values": ["X"]}},
        {"name": "c", "builder": "mean", "args": {**on_survey, "column": "role"}},
        {"name": "d", "builder": "meen", "args": {}},
        {"name": "e", "builder": "mean", "args": {"colum": "score"}},
        {"name": "f", "builder": "scale", "args": {"scale": "t"}},
        {"name": "g", "builder": "scale", "args": {"scale": "s"}},
        {"name": "h", "builder": "mean", "args": {"table": "surveys", "column": "score"}},
    ]
    found = problems_of(study({"survey": rows}, features, scales=[scale]))
    assert "Did you mean 'score'?" in found["features.a.column"]
    assert "Values found: 'EMHP', 'Supervisor'" in found["features.b.values"]
    assert (
        "must hold numbers; found 'Supervisor', 'EMHP' in rows 1, 2" in found["features.c.column"]
    )
    assert "Did you mean 'mean'?" in found["features.d.builder"]
    assert "Did you mean 'column'?" in found["features.e.args.colum"]
    assert "needs this argument" in found["features.e.args.table"]
    assert "Scales declared: 's'" in found["features.f.scale"]
    assert "must be 1 to 5; found '9' in row 2" in found["features.g"]
    assert "Did you mean 'survey'?" in found["features.h.table"]


def test_sites_may_be_alike_or_only_one(study):
    tables = study({"survey": pd.DataFrame({"site": ["A", "A"], "y": [2.0, 3]})}, [MEAN])
    assert build_profiles(tables).values["score"].tolist() == [2.5]


def test_one_informant_a_site_leaves_the_error_unknown(study):
    rows = pd.DataFrame({"site": ["A", "B"], "y": [2.0, 3]})
    survey = {"survey": {"role": "survey"}}
    unknown = build_profiles(study({"survey": rows}, [MEAN], declared=survey))
    assert unknown.standard_errors["score"].isna().all()
    # Outside a survey, one row a site is the site's own figure.
    exact = build_profiles(study({"survey": rows}, [MEAN]))
    assert exact.standard_errors["score"].tolist() == [0, 0]


def test_a_list_may_name_codes_that_nobody_gave_but_not_misspell_one(study):
    rows = pd.DataFrame({"site": ["A", "A", "B"], "role": ["Lead", "EMHP", "EMHP"]})

    def leads(*values):
        args = {"table": "survey", "column": "role", "values": values}
        return study({"survey": rows}, [{"name": "s", "builder": "share", "args": args}])

    assert build_profiles(leads("Lead", "Head")).values["s"].tolist() == [0.5, 0]
    assert "'EMPH' matches no value" in problems_of(leads("Lead", "EMPH"))["features.s.values"]
    assert "'Head' matches no value" in problems_of(leads("Head"))["features.s.values"]
    args = {"table": "survey", "column": "role", "values": ["Lead"]}
    where = [{"column": "role", "values": ["Bank"], "negate": True}]
    feature = {"name": "s", "builder": "share", "args": {**args, "where": where}}
    # Nobody to leave out is no mistake.
    assert build_profiles(study({"survey": rows}, [feature])).values["s"].tolist() == [0.5, 0]


def test_a_value_where_it_cannot_exist_is_refused(study):
    rows = pd.DataFrame({"site": ["A", "B"], "y": [2.0, 3]})
    sites = pd.DataFrame({"site": ["A", "B"], "kind": ["p", "s"]})
    feature = {**MEAN, "absent": {"column": "kind", "values": ["p"]}}
    found = problems_of(study({"survey": rows}, [feature], sites=sites))
    assert "structurally absent, but it has a value at 'A'" in found["features.score.absent"]


@pytest.mark.parametrize("engine", ["pandas", "polars", "duckdb"])
def test_rows_that_weigh_nothing_say_nothing_of_a_gap(study, engine):
    """A's rows do not count; B's refusals do; C's may be those who did not answer."""
    rows = pd.DataFrame(
        {
            "site": ["A", "A", "B", "B", "C"],
            "y": [np.nan, 4.0, np.nan, np.nan, np.nan],
            "w": [0.0, 0.0, 1.0, 0.0, np.nan],
        }
    )
    reasons = pd.DataFrame({"y": ["refused", "", "don't know", "refused", "refused"]})
    made = study(
        {"survey": rows}, [MEAN], declared={"survey": {"weight": "w"}}, reasons={"survey": reasons}
    )
    there = {
        name: Table.of(
            name, each.declaration, each.collect(), each.collect_reasons(), engine=engine
        )
        for name, each in made.tables.items()
    }
    found = build_profiles(dataclasses.replace(made, tables=there)).reasons[MEAN["name"]].tolist()
    assert found == ["not answered", "don't know", "refused"]
