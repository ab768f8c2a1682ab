"""The rate of answers that are missing for one reason."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from site_typology.errors import StudyError
from site_typology.features.measurement import half_count_variance
from site_typology.features.profiler import build_profiles

ARGS = {"table": "survey", "columns": ["q1"]}


def feature(**args):
    return {"name": "unsure", "builder": "missing_rate", "args": {**ARGS, **args}}


def made(study, sites, answers, *features, weight=None, **more):
    """A study of answers where a text is the reason of a missing cell."""
    frame = pd.DataFrame(answers)
    numbers = frame.apply(pd.to_numeric, errors="coerce").astype(float)
    reasons = frame.where(numbers.isna() & frame.notna(), "").astype(str)
    rows = numbers.assign(site=list(sites))
    declared = {"survey": {"role": "survey"}}
    if weight is not None:
        rows["w"] = weight
        declared["survey"]["weight"] = "w"
    return study(
        {"survey": rows}, list(features), reasons={"survey": reasons}, declared=declared, **more
    )


def test_who_was_not_asked_leaves_the_denominator(study):
    answers = {
        "q1": [3, "don't know", "not applicable", "refused", "don't know", "routed", "routed", 2]
    }
    profiles = build_profiles(made(study, "AAAABBCD", answers, feature()))
    # A: one of three asked; B: one of one; C: nobody; D: none of one.
    assert profiles.values["unsure"].tolist()[:2] == pytest.approx([1 / 3, 1.0])
    assert profiles.values["unsure"].tolist()[3] == 0
    assert profiles.reasons.loc[("C", "all"), "unsure"] == "routed"
    assert profiles.counts["unsure"].tolist()[:2] == [3, 1]
    error = np.sqrt(half_count_variance(np.array([1 / 3]), np.array([3.0])))
    assert profiles.standard_errors["unsure"].iloc[0] == pytest.approx(error[0])
    assert profiles.info("unsure").kind == "share"


def test_of_several_columns_each_informant_counts_alike(study):
    answers = {
        "q1": ["don't know", "don't know", 1, 4],
        "q2": [2, "not asked", "don't know", 4],
        "q3": [3, "not asked", "skipped", 4],
    }
    several = feature(columns=["q1", "q2", "q3"])
    profiles = build_profiles(made(study, "AABB", answers, several))
    # A: 1 of 3 and 1 of 1; B: 1 of 3 and none of 3.
    assert profiles.values["unsure"].tolist() == pytest.approx([2 / 3, 1 / 6])


def test_other_reasons_and_conditions(study):
    answers = {"q1": [1, "refused", "don't know", 2], "role": [1, 1, 2, 2]}
    where = [{"column": "role", "values": ["1"]}]
    refused = feature(reason="refused", where=where)
    assert build_profiles(made(study, "AAAA", answers, refused)).values["unsure"].iloc[0] == 0.5


def test_a_blank_without_a_word_was_not_answered(study):
    answers = {"q1": [1, None, "not answered", "refused"]}
    blank = feature(reason="not answered")
    tables = made(study, "AAAA", answers, blank)
    assert build_profiles(tables).values["unsure"].iloc[0] == 0.5


def test_weight_two_is_a_row_twice(study):
    answers = {"q1": [1, "don't know", "don't know", 3]}
    twice = {"q1": [*answers["q1"], "don't know"]}
    weighed = build_profiles(made(study, "AABB", answers, feature(), weight=[1.0, 2, 1, 1]))
    repeated = build_profiles(made(study, "AABBA", twice, feature()))
    pd.testing.assert_frame_equal(weighed.values, repeated.values)
    # The estimate is the same, but two people know less than three.
    assert weighed.standard_errors["unsure"].iloc[0] > repeated.standard_errors["unsure"].iloc[0]


def test_a_reason_that_no_cell_has_is_refused(study):
    tables = made(study, "AB", {"q1": [1, "refused"]}, feature())
    with pytest.raises(StudyError, match=r"because of 'don't know'\. Reasons found: 'refused'"):
        build_profiles(tables)
    with pytest.raises(StudyError, match="q9"):
        build_profiles(made(study, "AB", {"q1": [1, "refused"]}, feature(columns=["q9"])))
    with pytest.raises(StudyError, match="leave the denominator"):
        build_profiles(made(study, "AB", {"q1": [1, "refused"]}, feature(reason="not asked")))
