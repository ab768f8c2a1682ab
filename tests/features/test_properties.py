"""Laws that builders keep whatever the answers are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from site_typology.errors import Problems
from site_typology.features.linking import read_tables
from site_typology.features.profiler import build_profiles
from site_typology.profiles import SiteProfiles
from site_typology.study_file import parse_declaration

SITES = list("ABCD")
SCALE = {"name": "wsa", "table": "survey", "items": ["q1", "q2", "q3"], "range": [1, 5]}
FEATURES = [
    {"name": "wsa", "builder": "scale", "args": {"scale": "wsa"}},
    {"name": "hours", "builder": "mean", "args": {"table": "survey", "column": "hours"}},
    {"name": "middle", "builder": "median", "args": {"table": "survey", "column": "hours"}},
    {
        "name": "leads",
        "builder": "share",
        "args": {"table": "survey", "column": "role", "values": ["lead"]},
    },
    {
        "name": "time",
        "builder": "composition",
        "args": {"table": "survey", "columns": {"direct": "t1", "whole": "t2"}, "of": "informants"},
    },
    {
        "name": "kinds",
        "builder": "composition",
        "args": {
            "table": "survey",
            "category": "role",
            "parts": {"lead": ["lead"], "other": ["other"]},
        },
    },
    {
        "name": "spread",
        "builder": "diversity",
        "args": {
            "table": "survey",
            "category": "role",
            "parts": {"lead": ["lead"], "other": ["other"]},
        },
    },
    {
        "name": "most",
        "builder": "category",
        "use": "evaluate",
        "args": {"table": "survey", "column": "role"},
    },
]
NUMBERS = [feature["name"] for feature in FEATURES if feature["name"] != "most"]

ANSWER = st.one_of(st.none(), st.integers(1, 5).map(float))
HOURS = st.one_of(st.none(), st.integers(0, 4000).map(lambda tenths: tenths / 10))
MINUTES = st.integers(0, 480).map(float)
ROW = st.fixed_dictionaries(
    {
        "site": st.sampled_from(SITES),
        "w": st.integers(1, 3).map(float),
        "q1": ANSWER,
        "q2": ANSWER,
        "q3": ANSWER,
        "hours": HOURS,
        "role": st.sampled_from(["lead", "other"]),
        "t1": MINUTES,
        "t2": MINUTES,
    }
)
SURVEYS = st.lists(ROW, min_size=4, max_size=25).map(
    lambda rows: pd.DataFrame(rows).astype(dict.fromkeys(("q1", "q2", "q3", "hours"), float))
)

lawful = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

few = settings(lawful, max_examples=6)


def build(study, survey: pd.DataFrame, sites: list[str] | None = None) -> SiteProfiles:
    reasons = pd.DataFrame(
        {
            name: np.where(survey[name].isna(), "not answered", "")
            for name in survey
            if survey[name].isna().any()
        },
        index=survey.index,
    ).reset_index(drop=True)
    tables = study(
        {"survey": survey},
        FEATURES,
        sites=sites or SITES,
        scales=[SCALE],
        declared={"survey": {"role": "survey", "weight": "w"}},
        reasons={"survey": reasons},
    )
    return build_profiles(tables)


def numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns of every feature of numbers, parts of compositions included."""
    return frame[[name for name in frame if name != "most"]].astype(float)


def assert_same(one: SiteProfiles, two: SiteProfiles) -> None:
    for frame in ("values", "standard_errors", "counts"):
        left, right = numbers(getattr(one, frame)), numbers(getattr(two, frame))
        pd.testing.assert_frame_equal(left, right, rtol=1e-9, atol=1e-9)
    assert one.reasons.equals(two.reasons)
    assert one.values["most"].equals(two.values["most"])


def some_rows(survey: pd.DataFrame) -> None:
    """Leave out surveys whose role shares one value: parts must match something."""
    assume(set(survey["role"]) == {"lead", "other"})
    assume(survey[["q1", "q2", "q3", "hours"]].notna().any().all())


@given(survey=SURVEYS, seed=st.integers(0, 99))
@lawful
def test_order_of_rows_and_columns_does_not_matter(study, survey, seed):
    some_rows(survey)
    rng = np.random.default_rng(seed)
    shuffled = survey.iloc[rng.permutation(len(survey)), rng.permutation(survey.shape[1])]
    assert_same(build(study, survey), build(study, shuffled))


@given(survey=SURVEYS, factor=st.sampled_from([1 / 60, 0.5, 7.5, 60.0]))
@lawful
def test_units_change_what_is_measured_in_them_and_nothing_else(study, survey, factor):
    some_rows(survey)
    amounts = ["hours", "t1", "t2"]
    one = build(study, survey)
    two = build(study, survey.assign(**{name: survey[name] * factor for name in amounts}))
    for frame in ("values", "standard_errors"):
        expected = numbers(getattr(one, frame))
        expected[["hours", "middle"]] *= factor
        found = numbers(getattr(two, frame))
        pd.testing.assert_frame_equal(found, expected, rtol=1e-7, atol=1e-9)


@given(survey=SURVEYS)
@lawful
def test_a_site_without_rows_changes_no_other(study, survey):
    some_rows(survey)
    one, two = build(study, survey), build(study, survey, [*SITES, "Z"])
    assert two.values.loc[("Z", "all")].isna().all()
    assert set(two.reasons.loc[("Z", "all")]) == {"not asked"}
    for frame in ("values", "standard_errors", "counts"):
        left, right = numbers(getattr(one, frame)), numbers(getattr(two, frame))
        pd.testing.assert_frame_equal(left, right.drop("Z", level="site"), rtol=1e-9)


@given(survey=SURVEYS)
@lawful
def test_everyone_twice_changes_no_value_and_doubles_the_count(study, survey):
    some_rows(survey)
    one, two = build(study, survey), build(study, pd.concat([survey, survey], ignore_index=True))
    pd.testing.assert_frame_equal(numbers(one.values), numbers(two.values), rtol=1e-9, atol=1e-12)
    pd.testing.assert_frame_equal(numbers(one.counts) * 2, numbers(two.counts))
    errors, doubled = numbers(one.standard_errors), numbers(two.standard_errors)
    known = errors.notna() & (errors > 1e-9)
    # Twice as many informants cannot be known less well.
    assert (doubled.where(known) <= errors.where(known) * (1 + 1e-9)).where(known, True).all().all()


@given(survey=SURVEYS)
@lawful
def test_a_column_without_any_answer_empties_its_feature_alone(study, survey):
    some_rows(survey)
    one, two = build(study, survey), build(study, survey.assign(hours=np.nan))
    present = survey["site"].unique()
    reasons = two.reasons.loc[[(site, "all") for site in present], "hours"]
    assert set(reasons) == {"not answered"}
    others = [name for name in numbers(one.values) if name not in ("hours", "middle")]
    assert two.values[["hours", "middle"]].isna().all().all()
    for frame in ("values", "standard_errors", "counts"):
        left, right = getattr(one, frame)[others], getattr(two, frame)[others]
        pd.testing.assert_frame_equal(left.astype(float), right.astype(float), rtol=1e-9)


@given(survey=SURVEYS)
@lawful
def test_values_lie_where_they_can_and_missing_ones_have_a_reason(study, survey):
    some_rows(survey)
    profiles = build(study, survey)
    gap = profiles.values.isna()
    assert ((profiles.reasons == "") == ~gap).all().all()
    lowest, highest = survey.groupby("site")["hours"].min(), survey.groupby("site")["hours"].max()
    for site in lowest.dropna().index:
        value = profiles.values.loc[(site, "all"), "hours"]
        assert lowest[site] - 1e-9 <= value <= highest[site] + 1e-9
    shares = numbers(profiles.values)[["leads", "time.direct", "time.whole", "spread"]]
    inside = (shares >= -1e-9) & (shares <= 1 + 1e-9)
    assert (inside | shares.isna()).all().all()
    whole = profiles.values[["time.direct", "time.whole"]].astype(float).sum(axis=1, min_count=2)
    assert np.allclose(whole.dropna(), 1.0)


@given(survey=SURVEYS, cut=st.floats(0.1, 0.9))
@few
def test_a_table_in_two_files_is_the_table_in_one(tmp_path_factory, survey, cut):
    some_rows(survey)
    folder = tmp_path_factory.mktemp("split")
    survey = survey.assign(row=range(len(survey)))
    at = int(len(survey) * cut)
    survey.to_csv(folder / "whole.csv", index=False)
    survey[:at].to_csv(folder / "one.csv", index=False)
    survey[at:].to_csv(folder / "two.csv", index=False)
    with pd.ExcelWriter(folder / "both.xlsx") as book:
        survey[:at].to_excel(book, sheet_name="one", index=False)
        survey[at:].to_excel(book, sheet_name="two", index=False)
    pd.DataFrame({"site": SITES}).to_csv(folder / "sites.csv", index=False)
    query = "SELECT * FROM read_csv(['one.csv', 'two.csv'], union_by_name = true)"
    ways = (
        {"path": "whole.csv"},
        {"path": "both.xlsx", "sheet": ["one", "two"]},
        {"format": "sql", "query": query},
    )
    found = [loaded(folder, way) for way in ways]
    for other in found[1:]:
        assert_same(found[0], other)
        rows = other.ledger.query("entry == 'rows' and table == 'survey'")["n"]
        assert rows.sum() == len(survey)


def loaded(folder: Path, way: dict) -> SiteProfiles:
    content = {
        "study": {"name": "split", "sites": "sites"},
        "tables": {
            "sites": {"path": "sites.csv", "site": "site"},
            "survey": {"role": "survey", "site": "site", "weight": "w", **way},
        },
        "scales": [SCALE],
        "features": FEATURES,
    }
    problems = Problems("study")
    tables = read_tables(parse_declaration(content), folder, problems)
    assert list(problems) == []
    return build_profiles(tables)
