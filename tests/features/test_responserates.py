"""Response rates by site, setting and group, R-indicators of a study, and the effect of weights."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from site_typology.declaration import Eligible
from site_typology.errors import Problems, StudyError
from site_typology.features.profiler import build_profiles
from site_typology.features.responserates import (
    representativeness,
    response_by_group,
    response_by_setting,
    response_rates,
    silent_settings,
)
from site_typology.features.tables import StudyTables
from site_typology.features.weighteffect import effect_summary, weight_effect
from site_typology.features.weighting import apply_weights, without_response_weights
from site_typology.profiles import SiteProfiles
from site_typology.weighting_declaration import Weighting

DATA = Path(os.environ.get("SITE_TYPOLOGY_DATA", Path(__file__).parents[3] / "shared" / "data"))
MEAN = {"name": "score", "builder": "mean", "args": {"table": "survey", "column": "y"}}
OTHER = {"name": "size", "builder": "column", "args": {"table": "sites", "column": "pupils"}}
SITES = pd.DataFrame({"site": ["A", "B"], "pupils": [10.0, 20.0]})

# Site A: primaries a1 to a3 (two answer, one of them twice), secondary a4 (answers).
# Site B: primary b1 (answers), secondaries b2 to b4 (none answers).
SETTINGS = pd.DataFrame(
    {
        "site": list("AAAABBBB"),
        "urn": ["a1", "a2", "a3", "a4", "b1", "b2", "b3", "b4"],
        "phase": ["primary"] * 3 + ["secondary", "primary"] + ["secondary"] * 3,
    }
)
SURVEY = pd.DataFrame(
    {
        "site": list("AAAAB"),
        "urn": ["a1", "a1", "a2", "a4", "b1"],
        "y": [1.0, 2.0, 3.0, 9.0, 5.0],
    }
)


def weigh(tables: StudyTables, **weighting: Any) -> StudyTables:
    declared = Weighting.model_validate(
        {
            "table": "survey",
            "columns": ["phase"],
            "frame": {"table": "settings", "on": "urn"},
            **weighting,
        }
    )
    study = tables.declaration.model_copy(update={"weights": {"w": declared}})
    found = Problems("study.toml")
    weighted = apply_weights(dataclasses.replace(tables, declaration=study), found)
    found.raise_if_any()
    return weighted


@pytest.fixture
def returns(study):
    frames = {"settings": SETTINGS, "survey": SURVEY}
    return study(frames, [MEAN, OTHER], sites=SITES)


def test_a_setting_that_answers_twice_answered_once(returns):
    found = response_by_setting(weigh(returns, method="none")).set_index("site")
    assert found["asked"].to_dict() == {"": 8, "A": 4, "B": 4}
    assert found["answered"].to_dict() == {"": 4, "A": 3, "B": 1}
    assert found["rate"].to_dict() == {"": 0.5, "A": 0.75, "B": 0.25}


def test_settings_without_an_answer_are_named(returns):
    found = silent_settings(weigh(returns, method="none"))
    assert found["setting"].tolist() == ["a3", "b2", "b3", "b4"]
    assert found["site"].tolist() == list("ABBB")


def test_groups_and_their_r_indicator(returns):
    described = weigh(returns, method="none")
    groups = response_by_group(described).set_index("category")
    assert groups["rate"].to_dict() == {"primary": 0.75, "secondary": 0.25}
    assert groups["partial"].to_dict() == pytest.approx(
        {"primary": 0.25 / np.sqrt(2), "secondary": -0.25 / np.sqrt(2)}
    )
    found = representativeness(described).iloc[0]
    # Two groups of four: S² = 8/7 · .25².
    assert found["r_unadjusted"] == pytest.approx(1 - 2 * np.sqrt(8 / 7 * 0.0625))
    assert (found["asked"], found["answered"], found["reason"]) == (8, 4, "")


def test_an_indicator_that_cannot_be_had_says_why(study):
    nobody = SURVEY.assign(urn="elsewhere")
    tables = study({"settings": SETTINGS, "survey": nobody}, [MEAN], sites=SITES)
    found = representativeness(weigh(tables, method="none")).iloc[0]
    assert np.isnan(found["r"]) and found["reason"] == "nobody answered"
    over = study({"settings": SETTINGS, "survey": pd.concat([SURVEY] * 3).assign(
        phase="primary")}, [MEAN], sites=SITES)  # fmt: skip
    described = weigh(over, method="none", frame={"table": "settings"})
    assert representativeness(described)["reason"].tolist() == ["more answered than were asked"]


def test_propensity_weights_by_hand(returns):
    """A primary stands for 4/3 settings, a secondary for 4; a1 answers twice."""
    profiles = build_profiles(weigh(returns, method="propensity"))
    expected = ((1 + 2 + 3) * 4 / 3 + 9 * 4) / (3 * 4 / 3 + 4)
    assert profiles.values.loc[("A", "all"), "score"] == pytest.approx(expected)


def test_the_effect_is_the_difference_of_two_builds(returns):
    weighted = weigh(returns, method="propensity")
    one = build_profiles(weighted).values["score"]
    two = build_profiles(without_response_weights(weighted)).values["score"]
    effect = weight_effect(weighted).set_index(["site", "round"])
    assert set(effect["feature"]) == {"score"}  # 'size' comes from another table
    np.testing.assert_allclose(effect["change"], one - two)
    summary = effect_summary(weighted).set_index("feature").loc["score"]
    assert summary["largest_change"] == pytest.approx((one - two).abs().max())
    assert summary["site"] == "A" and summary["sites"] == 2
    assert weight_effect(returns).empty and effect_summary(returns).empty


def test_the_report_is_saved_with_the_profiles(returns, tmp_path):
    profiles = build_profiles(weigh(returns, method="propensity"))
    profiles.save(tmp_path)
    again = SiteProfiles.load(tmp_path).weighting
    pd.testing.assert_frame_equal(again, profiles.weighting)
    assert profiles.select(sites=["A"]).weighting.equals(profiles.weighting)


def test_sites_of_unknown_size_leave_the_overall_rate_alone():
    response = pd.DataFrame(
        {
            "table": "staff",
            "site": ["A", "B", "C", "D"],
            "round": "all",
            "eligible": [4.0, 6.0, np.nan, 0.0],
            "responded": [1, 3, 9, 0],
        }
    )
    found = response_rates(response).set_index("site")["rate"]
    assert found[""] == pytest.approx(0.4)
    assert found[["C", "D"]].isna().all()


@pytest.mark.real_data
@pytest.mark.skipif(
    not (DATA / "nyc2011").is_dir(),
    reason=f"The real data are not in {DATA}; set SITE_TYPOLOGY_DATA to where they are.",
)
@pytest.mark.parametrize("group", ["p", "t", "s"])
def test_rates_of_three_groups_are_those_the_city_states(group):
    """Respondents over eligible people, to the whole percent that the city rounds to."""
    path = DATA / "nyc2011" / "survey_all.txt"
    rows = pd.read_csv(path, sep="\t", dtype=str, encoding="utf-8-sig").iloc[:-1]
    numbers = {
        name: pd.to_numeric(rows[f"{name}_{group}"], errors="coerce") for name in ("N", "nr", "rr")
    }
    response = pd.DataFrame(
        {
            "table": group,
            "site": rows["dbn"],
            "round": "all",
            "eligible": numbers["nr"],
            "responded": numbers["N"],
        }
    )
    found = response_rates(response).iloc[1:]
    stated = numbers["rr"].to_numpy()
    ours = 100 * found["rate"].clip(upper=1).to_numpy()
    both = np.isfinite(ours) & np.isfinite(stated)
    assert both.sum() > 250
    assert np.abs(ours - stated)[both].max() <= 0.5 + 1e-9


ASKED = {"name": "asked", "builder": "column", "args": {"table": "survey", "column": "asked"}}


def test_a_survey_published_as_counts_has_an_indicator_and_no_weights(study):
    """Two kinds of sites, 60 of 100 and 40 of 100 answered: the doctest of `r_indicator`."""
    published = pd.DataFrame(
        {
            "site": list("ABC"),
            "phase": ["p", "p", "s"],
            "asked": [50.0, 50.0, 100.0],
            "n": [25.0, 35.0, 40.0],
        }
    )
    tables = study({"list": published, "survey": published}, [ASKED])
    survey = tables.tables["survey"]
    eligible = Eligible(table="survey", column="asked", answered="n")
    declared = survey.declaration.model_copy(update={"eligible": eligible})
    counted = dataclasses.replace(survey, declaration=declared)
    tables = dataclasses.replace(tables, tables={**tables.tables, "survey": counted})
    frame = {"table": "list", "count": "asked"}
    found = representativeness(weigh(tables, method="none", frame=frame, columns=["phase"]))
    assert found["r"].round(3).to_list() == [0.812]
    with pytest.raises(StudyError, match="has none to weigh"):
        weigh(tables, method="raking", frame=frame, columns=["phase"])
