"""Groups of informants: combined as declared, not pooled over people, and compared."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from site_typology.errors import StudyError
from site_typology.features.assessment import assess
from site_typology.features.findings import findings
from site_typology.features.profiler import build_profiles
from site_typology.profiles import SiteProfiles
from site_typology.report_sources import agreement_rows

ROWS = pd.DataFrame(
    {
        "site": ["A"] * 10 + ["B"] * 4 + ["C"] * 2,
        "who": ["lead", *["staff"] * 9, "lead", "lead", "staff", "staff", "lead", "lead"],
        "v": [1.0, *[5.0] * 4, *[4.0] * 5, 2, 4, 3, 3, 2, 2],
    }
)


def group(name):
    where = [{"column": "who", "values": [name]}]
    return {
        "name": name, "builder": "mean", "use": "evaluate", "unit": "points",
        "args": {"table": "survey", "column": "v", "where": where},
    }  # fmt: skip


def both(**args):
    groups = {"leads": "lead", "staff": "staff"}
    return {"name": "view", "builder": "combined", "args": {"groups": groups, **args}}


def built(study, *features, rows=ROWS, **more):
    return build_profiles(study({"survey": rows}, list(features), **more))


def test_nine_of_staff_do_not_outvote_one_lead(study):
    profiles = built(study, group("lead"), group("staff"), both())
    values = profiles.values.droplevel("round")
    staff = (4 * 5 + 5 * 4) / 9
    assert values["view"].tolist() == pytest.approx([(1 + staff) / 2, 3, np.nan], nan_ok=True)
    assert profiles.counts["view"].tolist() == pytest.approx([10, 4, np.nan], nan_ok=True)
    errors = profiles.standard_errors
    expected = np.hypot(errors["lead"], errors["staff"]) / 2
    assert errors["view"].tolist() == pytest.approx(expected.tolist(), nan_ok=True)
    # Site C has no staff: two groups are needed, and the reason is that of the group.
    assert profiles.reasons.loc[("C", "all"), "view"] == profiles.reasons.loc[("C", "all"), "staff"]
    info = profiles.info("view")
    assert (info.unit, info.informant, info.use) == ("points", "leads, staff", "build")
    assert "every group alike" in info.definition


def test_by_weights_by_precision_and_with_one_group(study):
    groups = [group("lead"), group("staff")]
    values = built(study, *groups, both(by={"leads": 1, "staff": 3})).values["view"]
    assert values.iloc[1] == pytest.approx((3 + 3 * 3) / 4)
    precise = built(study, *groups, both(by="precision"))
    weight = 1 / precise.standard_errors[["lead", "staff"]].to_numpy() ** 2
    expected = (weight * precise.values[["lead", "staff"]]).sum(axis=1) / weight.sum(axis=1)
    assert precise.values["view"].iloc[:2].tolist() == pytest.approx(expected.iloc[:2].tolist())
    assert precise.standard_errors["view"].iloc[0] == pytest.approx(weight[0].sum() ** -0.5)
    one = built(study, *groups, both(min_groups=1))
    assert one.values["view"].iloc[2] == 2
    assert one.standard_errors["view"].iloc[2] == one.standard_errors["lead"].iloc[2]
    assert one.counts["view"].iloc[2] == 2


def test_a_group_twice_as_large_counts_no_more(study):
    lead, staff = ROWS[ROWS["who"] == "lead"], ROWS[ROWS["who"] == "staff"]
    features = [group("lead"), group("staff"), both()]
    once = built(study, *features).values["view"]
    doubled = built(study, *features, rows=pd.concat([lead, staff, staff])).values["view"]
    assert doubled.tolist() == pytest.approx(once.tolist(), nan_ok=True)


def test_agreement_of_groups_is_reported_as_measured(study):
    rng = np.random.default_rng(1)
    truth = rng.normal(3, 0.6, 300)
    at = np.repeat(np.arange(300), 12)
    who = np.tile(np.array(["lead"] * 4 + ["staff"] * 8), 300)
    said = truth[at] + 0.5 * (who == "staff") + rng.normal(0, 1, len(at))
    rows = pd.DataFrame({"site": at.astype(str), "who": who, "v": said})
    names = [str(number) for number in range(300)]
    profiles = built(study, group("lead"), group("staff"), both(), rows=rows, sites=names)
    frame = profiles.source_agreement
    assert set(frame["feature"]) == {"view"} and set(frame["scale"]) == {"as measured"}
    over = frame[frame["site"] == ""].set_index("measure")["value"].astype(float)
    # Staff say half a point more, and otherwise the same: Monte Carlo error .035 of the mean.
    assert over["mean difference"] == pytest.approx(-0.5, abs=0.1)
    assert over["correlation"] < 0.7
    assert over["correlation, error taken out"] > 0.85
    assert over["concordance, error taken out"] == pytest.approx(
        2 * 0.36 / (2 * 0.36 + 0.25), abs=0.1
    )
    error = profiles.values["view"] - (truth + 0.25)
    covered = (error.abs() <= 1.96 * profiles.standard_errors["view"]).mean()
    assert covered == pytest.approx(0.95, abs=0.035)


def test_what_cannot_be_combined_is_refused(study):
    def refused(*features, rows=ROWS):
        with pytest.raises(StudyError) as caught:
            built(study, *features, rows=rows)
        return "\n".join(f"{each.where}: {each.message}" for each in caught.value.problems)

    groups = [group("lead"), group("staff")]
    assert "needs a weight for each of: leads, staff" in refused(*groups, both(by={"leads": 1}))
    assert "above 0" in refused(*groups, both(by={"leads": 1, "staff": 0}))
    assert "only 2 groups" in refused(*groups, both(min_groups=3))
    assert "'staff', which is no feature" in refused(group("lead"), both())
    built_from = [{**each, "use": "build"} for each in groups]
    assert "'lead', 'staff', which builds types too" in refused(*built_from, both())
    share = {"name": "staff", "builder": "share", "use": "evaluate",
             "args": {"table": "survey", "column": "v", "values": ["5"]}}  # fmt: skip
    assert "not on one scale (lead: continuous; staff: share from 0 to 1)" in refused(
        groups[0], share, both()
    )
    single = ROWS.drop_duplicates(["site", "who"])
    with pytest.raises(StudyError, match="'lead' has a value without a standard error at 'A', 'B'"):
        built(
            study, *groups, both(by="precision"), rows=single,
            declared={"survey": {"role": "survey"}},
        )  # fmt: skip


def test_agreement_names_the_groups_and_their_features(study):
    profiles = built(study, group("lead"), group("staff"), both())
    frame = profiles.source_agreement
    assert set(frame["one"]) == {"lead"} and set(frame["one_group"]) == {"leads"}
    assert set(frame["other"]) == {"staff"} and set(frame["other_group"]) == {"staff"}
    assessment = assess(profiles)
    said = {found.section: found.found for found in findings(assessment)}["sources"]
    assert said.startswith("view, leads (lead) and staff:")
    assert agreement_rows(assessment)["pairs"][0]["one"] == "leads (lead)"


def test_profiles_saved_before_groups_were_named_still_load(study, tmp_path):
    profiles = built(study, group("lead"), group("staff"), both())
    profiles.source_agreement = profiles.source_agreement.drop(columns=["one_group", "other_group"])
    profiles.save(tmp_path / "p")
    again = SiteProfiles.load(tmp_path / "p").source_agreement
    assert set(again["one_group"]) == {""} and set(again["one"]) == {"lead"}
