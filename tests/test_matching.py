import pandas as pd
import pytest

from site_typology import SiteProfiles, StudyError
from site_typology.matching import match_features

KINDS = {"x": "continuous", **dict.fromkeys(("p", "s", "z"), "composition:mix")}


def profiles(**columns):
    frame = pd.DataFrame(columns, index=[f"N{at}" for at in range(len(columns["x"]))])
    return SiteProfiles.from_frame(frame, kinds={name: KINDS[name] for name in columns})


FITTED = profiles(x=[1.0, 2.0], p=[0.2, 0.3], s=[0.5, 0.5], z=[0.3, 0.2])


def test_a_part_that_no_new_site_has_is_none_of_a_known_whole():
    matched, _ = match_features(FITTED.features, profiles(x=[1.0], p=[0.4], s=[0.6]), {})
    assert matched.values.loc[("N0", "all"), "z"] == 0
    assert matched.info("z").composition == "mix"


def test_a_part_that_is_missing_from_a_whole_unknown_stays_unknown():
    matched, _ = match_features(FITTED.features, profiles(x=[1.0], p=[None], s=[None]), {})
    assert matched.values["z"].isna().all()
    assert matched.reasons.loc[("N0", "all"), "z"] == "not answered"


def test_a_composition_that_is_not_there_at_all_is_a_problem_of_each_part():
    with pytest.raises(StudyError) as caught:
        match_features(FITTED.features, profiles(x=[1.0]), {})
    assert [problem.where[-1] for problem in caught.value.problems] == ["p", "s", "z"]


def test_errors_correlate_as_they_did_when_the_types_were_built():
    known = pd.DataFrame([[1.0, 0.4], [0.4, 1.0]], index=["x", "p"], columns=["x", "p"])
    new = profiles(x=[1.0], p=[0.4], s=[0.3], z=[0.3])
    matched, _ = match_features(FITTED.features, new, {}, known)
    assert matched.error_correlation.loc["x", "p"] == 0.4
    assert matched.error_correlation.loc["x", "s"] == 0
