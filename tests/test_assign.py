"""Assignment: the same sites get the same types, strangers none, and every gap has its reason."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from site_typology import FeatureInfo, SiteProfiles, StudyError, load
from site_typology.assign import TOO_LARGE, Assigner, assign_profiles
from site_typology.models.mixture import fit_types
from site_typology.models.working import WorkingScale
from site_typology.typical_errors import typical_errors, with_typical_errors

NAMES = ["wsa", "clinical", "need", "advice", "reach"]
UNITS = {"need": FeatureInfo("need", unit="points")}


def profiles_of(rows: dict[str, list[float | None]], error: float = 0.5, kinds=UNITS):
    values = pd.DataFrame.from_dict(rows, orient="index", columns=NAMES, dtype=float)
    errors = pd.DataFrame(error, values.index, values.columns)
    return SiteProfiles.from_frame(values, errors, kinds=kinds)


def centre(typed, number: int) -> list[float]:
    return typed.scale.to_natural(typed.model.means)[NAMES].iloc[number - 1].tolist()


def test_fitted_sites_get_their_own_types_exactly(typed):
    again = typed.assign(typed.profiles).frame.drop(columns="round")
    pd.testing.assert_frame_equal(
        again[typed.memberships.columns], typed.memberships, check_exact=True
    )
    assert typed.labels.notna().sum() == 29


def test_one_site_or_many_together_give_identical_answers(typed):
    together = typed.assign(typed.profiles).frame
    alone = [typed.assign(typed.profiles.select(sites=[site])).frame for site in typed.labels.index]
    alone_together = pd.concat(alone, ignore_index=True)
    pd.testing.assert_frame_equal(alone_together, together, check_exact=True)


def test_a_site_at_the_centre_of_each_type_belongs_to_it(typed):
    rows = {f"New {number}": centre(typed, number) for number in (1, 2, 3)}
    frame = typed.assign(profiles_of(rows)).frame
    assert frame["type"].tolist() == [1, 2, 3]
    assert frame["name"].tolist() == [typed.names[number] for number in (1, 2, 3)]
    assert frame["name"].is_unique
    assert (frame["confidence"] > 0.99).all()
    np.testing.assert_allclose(frame[["p_1", "p_2", "p_3"]].sum(axis=1), 1.0)
    assert (frame["next_type"] != frame["type"]).all()


@pytest.mark.parametrize("error", [1e155, 1e200, 1e300])
def test_no_type_is_given_where_nothing_can_be_computed(typed, error):
    profiles = profiles_of({"Odd": centre(typed, 1), "Plain": centre(typed, 1)})
    profiles.standard_errors.loc["Odd", "wsa"] = error
    with np.errstate(all="ignore"):
        frame = typed.assign(profiles).frame
    assert frame["type"].tolist()[1:] == [1] and pd.isna(frame["type"][0])
    assert frame["reason"].tolist() == [TOO_LARGE, ""]
    assert frame.loc[0, ["confidence", "distance", "p_1"]].isna().all()
    assert frame["confidence"][1] > 0.99


def test_a_stranger_is_none_of_these(typed):
    frame = typed.assign(profiles_of({"Far": [60.0, -60.0, 60.0, 60.0, -60.0]})).frame
    assert frame["type"].isna().all()
    assert frame["reason"].iloc[0].startswith("none of these")
    assert np.isnan(frame["confidence"].iloc[0])
    assert frame["distance"].iloc[0] > 10


def test_a_stranger_measured_badly_is_not_called_a_stranger(typed):
    far = [value + 12.0 for value in centre(typed, 1)]
    assert typed.assign(profiles_of({"A": far})).frame["reason"].iloc[0].startswith("none of")
    assert typed.assign(profiles_of({"A": far}, error=30.0)).frame["reason"].iloc[0] == ""


def test_gaps_and_errors_lower_the_confidence(typed):
    between = [
        0.8 * first + 0.2 * second
        for first, second in zip(centre(typed, 1), centre(typed, 2), strict=True)
    ]
    sure = typed.assign(profiles_of({"A": between}, error=0.01)).frame["confidence"].iloc[0]
    vague = typed.assign(profiles_of({"A": between}, error=4.0)).frame["confidence"].iloc[0]
    assert sure > vague > 1 / 3


def test_too_little_data_is_said_with_what_is_missing(typed):
    frame = typed.assign(profiles_of({"A": [None, None, None, None, 1.0]})).frame
    reason = frame["reason"].iloc[0]
    assert reason.startswith("not enough data: 1 of 5 features observed; missing ")
    assert "wsa (not answered)" in reason
    assert frame["type"].isna().all()
    assert frame["distance"].isna().all()


def test_no_type_is_given_where_none_is_claimed(untyped):
    frame = untyped.assign(untyped.profiles).frame
    assert frame["type"].isna().all()
    assert str(frame["type"].dtype) == "Int64"
    reasons = frame.set_index("site")["reason"]
    assert reasons["Site 07"].startswith("not enough data")
    assert reasons.drop("Site 07").str.startswith("no typology claimed: ").all()


def test_features_that_differ_are_listed_together(typed):
    values = pd.DataFrame({"wsa": [0.5], "need": [1.0], "reach": [1.0], "more": [1.0]}, ["A"])
    other = SiteProfiles.from_frame(values, kinds={"wsa": "share"})
    with pytest.raises(StudyError) as refused:
        typed.assign(other)
    found = {problem.where: problem.message for problem in refused.value.problems}
    assert set(found) == {f"features.{name}" for name in ("wsa", "need", "clinical", "advice")}
    assert "Other kind: expected 'continuous', found 'share'" in found["features.wsa"]
    assert "Other unit: expected 'points', found 'none'" in found["features.need"]
    assert "Missing" in found["features.advice"]


def test_features_declared_absent_become_gaps_with_their_reason(typed):
    whole = profiles_of({"A": centre(typed, 2)})
    names = [name for name in NAMES if name != "advice"]
    lacking = SiteProfiles.from_frame(
        whole.values.droplevel("round")[names],
        whole.standard_errors.droplevel("round")[names],
        kinds=UNITS,
    )
    with pytest.raises(StudyError, match="advice"):
        typed.assign(lacking)
    gappy = typed.assign(profiles_of({"A": [*centre(typed, 2)[:3], None, centre(typed, 2)[4]]}))
    declared = typed.assign(lacking, absent={"advice": "not asked"})
    pd.testing.assert_frame_equal(declared.frame, gappy.frame)
    with pytest.raises(StudyError, match="does not use it"):
        typed.assign(whole, absent={"weather": "not asked"})


def test_further_features_are_noted_and_do_not_matter(typed):
    new = profiles_of({"A": centre(typed, 1)})
    values = new.values.droplevel("round").assign(rainfall=3.0, lead="NHS")
    errors = new.standard_errors.droplevel("round")
    more = typed.assign(SiteProfiles.from_frame(values, errors, kinds=UNITS))
    assert more.notes == ("Not used by the typology: rainfall.",)
    pd.testing.assert_frame_equal(more.frame, typed.assign(new).frame)


def test_order_of_features_does_not_matter(typed):
    new = profiles_of({"A": centre(typed, 1), "B": centre(typed, 3)})
    values = new.values.droplevel("round")[NAMES[::-1]]
    errors = new.standard_errors.droplevel("round")
    turned = SiteProfiles.from_frame(values, errors, kinds=UNITS)
    pd.testing.assert_frame_equal(typed.assign(turned).frame, typed.assign(new).frame)


def test_every_round_of_a_site_is_assigned(typed):
    rows = profiles_of({"A": centre(typed, 1), "B": centre(typed, 2)})
    index = pd.MultiIndex.from_tuples([("A", "2021"), ("A", "2022")], names=["site", "round"])
    two = SiteProfiles.from_frame(
        rows.values.set_axis(index, axis=0),
        rows.standard_errors.set_axis(index, axis=0),
        kinds=UNITS,
    )
    labels = typed.assign(two).labels
    assert labels.to_dict() == {("A", "2021"): 1, ("A", "2022"): 2}


def of_every_kind(n: int = 40) -> SiteProfiles:
    random = np.random.default_rng(3)
    parts = random.dirichlet([4.0, 2.0, 1.0], size=n)
    values = pd.DataFrame(
        {
            "score": random.normal(size=n),
            "share": random.beta(2, 3, size=n),
            "rate": random.gamma(3.0, size=n),
            "level": random.integers(1, 5, size=n).astype(float),
            "mix.a": parts[:, 0],
            "mix.b": parts[:, 1],
            "mix.c": parts[:, 2],
        },
        [f"S{at:02d}" for at in range(n)],
    )
    values.loc["S05", ["mix.a", "mix.b", "mix.c"]] = np.nan
    values.loc["S06", "score"] = np.nan
    kinds = {"share": "share", "rate": "rate", "level": "ordinal"}
    kinds |= dict.fromkeys(("mix.a", "mix.b", "mix.c"), "composition:mix")
    return SiteProfiles.from_frame(values, values * 0 + 0.05, kinds=kinds)


def test_identical_answers_alone_and_together_for_every_kind_of_feature():
    profiles = of_every_kind()
    scale = WorkingScale.fit(profiles)
    model = fit_types(scale.transform(profiles), 3, seed=1)
    names = {1: "One", 2: "Two", 3: "Three"}
    assigner = Assigner(
        profiles.features, scale, model, names, 0.3, -50.0, errors=typical_errors(profiles)
    )
    together = assign_profiles(assigner, profiles).frame
    alone = [assign_profiles(assigner, profiles.select(sites=[s])).frame for s in profiles.sites]
    pd.testing.assert_frame_equal(pd.concat(alone, ignore_index=True), together, check_exact=True)


def unknown_errors(profiles: SiteProfiles, count: float = np.nan) -> SiteProfiles:
    """Return the same profiles, no error known, each value resting on `count` informants."""
    return SiteProfiles(
        profiles.values,
        profiles.standard_errors * np.nan,
        (profiles.counts * 0 + count).fillna(count).mask(profiles.values.isna()),
        features=profiles.features,
        error_correlation=profiles.error_correlation,
    )


def test_sites_without_any_known_error_are_placed_as_the_fitted_sites_were_measured(typed):
    # Every fitted error is 0.5 without an n: the largest of them stands in.
    moved = [value + 1.5 for value in centre(typed, 1)]
    known = profiles_of({"A": moved, "B": centre(typed, 2)})
    expected = typed.assign(known).frame
    found = typed.assign(unknown_errors(known, count=1.0)).frame
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    exact = typed.assign(profiles_of({"A": moved, "B": centre(typed, 2)}, error=0.0)).frame
    assert (found["distance"] < exact["distance"]).any()


def test_an_error_that_is_not_known_is_that_of_one_informant_over_n():
    fitted = counted(errors=[0.5, 0.5, 1.0, 0.0], counts=[4.0, 4.0, 2.0, 8.0])
    typical = typical_errors(fitted)["wsa"]
    # Variances behind one informant: 1, 1 and 2 (an exact value says nothing): the median is 1.
    new = with_typical_errors(unknown_errors(fitted, 1.0), {"wsa": typical})
    assert new.standard_errors["wsa"].tolist() == [1.0] * 4
    new = with_typical_errors(unknown_errors(fitted, 4.0), {"wsa": typical})
    assert new.standard_errors["wsa"].tolist() == [0.5] * 4
    new = with_typical_errors(unknown_errors(fitted), {"wsa": typical})
    assert new.standard_errors["wsa"].tolist() == [1.0] * 4


def test_known_errors_gaps_and_features_that_were_exact_are_left_as_they_are():
    fitted = counted(errors=[0.5, 0.5, 1.0, 0.0], counts=[4.0] * 4)
    assert with_typical_errors(fitted, typical_errors(fitted)) is fitted
    exact = counted(errors=[0.0] * 4, counts=[1.0] * 4)
    new = with_typical_errors(unknown_errors(exact, 1.0), typical_errors(exact))
    assert new.standard_errors["wsa"].tolist() == [0.0] * 4
    gap = counted(errors=[0.5] * 4, counts=[4.0] * 4, values=[1.0, np.nan, 3.0, 2.0])
    new = with_typical_errors(unknown_errors(gap, 4.0), typical_errors(fitted))
    assert new.standard_errors["wsa"].isna().tolist() == [False, True, False, False]


def counted(errors, counts, values=(1.0, 2.0, 3.0, 5.0)) -> SiteProfiles:
    frames = (pd.DataFrame({"wsa": list(column)}, dtype=float) for column in (values, errors))
    return SiteProfiles.from_frame(*frames, pd.DataFrame({"wsa": counts}))


def test_sites_with_unknown_errors_get_the_same_answers_alone_and_after_saving(typed, tmp_path):
    new = unknown_errors(typed.profiles.select(use="build"), count=1.0)
    together = typed.assign(new).frame
    alone = [typed.assign(new.select(sites=[site])).frame for site in new.sites]
    pd.testing.assert_frame_equal(pd.concat(alone, ignore_index=True), together, check_exact=True)
    again = load(typed.save(tmp_path / "typology")).assign(new).frame
    pd.testing.assert_frame_equal(again, together, check_exact=True)


def test_unknown_errors_of_every_kind_of_feature_never_sharpen_an_answer():
    profiles = of_every_kind()
    scale = WorkingScale.fit(profiles)
    errors = typical_errors(profiles)
    completed = scale.transform(with_typical_errors(unknown_errors(profiles, 1.0), errors))
    data = scale.transform(profiles)
    np.testing.assert_allclose(completed.errors, data.errors)
    with pytest.raises(StudyError, match="Value without a standard error at S00"):
        scale.transform(unknown_errors(profiles, 1.0))


def test_no_site_at_all_is_refused(typed):
    with pytest.raises(StudyError, match="No site to assign"):
        typed.assign(typed.profiles.select(sites=[]))
