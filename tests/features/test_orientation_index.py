"""The orientation index: by hand, its error, its laws, what sources say of one another."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from site_typology.errors import StudyError
from site_typology.features.profiler import build_profiles
from site_typology.profiles import SiteProfiles

TIME = {
    "name": "time",
    "builder": "orientation_time",
    "args": {
        "table": "survey",
        "of": "informants",
        "columns": {"direct": "d", "indirect": "i", "whole_school": "w"},
    },
}
VIEW = {"name": "view", "builder": "mean", "args": {"table": "views", "column": "v"}}
INDEX = {
    "name": "index",
    "builder": "orientation_index",
    "use": "evaluate",
    "args": {"sources": [{"feature": "time"}, {"feature": "view", "weight": 3}]},
}


def survey(rng, truth, people=12, spread=0.4, sites=None):
    """Informants' time splits whose log-ratio of whole-school to direct work is `truth`."""
    at = np.repeat(np.arange(len(truth)), people)
    ratio = np.exp(truth[at] + spread * rng.standard_normal(len(at)))
    indirect = rng.uniform(0.1, 0.3, len(at))
    direct = (1 - indirect) / (1 + ratio)
    names = at.astype(str) if sites is None else np.asarray(sites)[at]
    return pd.DataFrame({"site": names, "d": direct, "i": indirect, "w": direct * ratio})


def views(rng, truth, people=8, spread=1.0):
    at = np.repeat(np.arange(len(truth)), people)
    return pd.DataFrame(
        {"site": at.astype(str), "v": truth[at] + spread * rng.standard_normal(len(at))}
    )


def names_of(truth):
    return [str(at) for at in range(len(truth))]


def overall(profiles, measure, one="time", other="view"):
    frame = profiles.source_agreement
    rows = frame[(frame["measure"] == measure) & (frame["site"] == "")]
    rows = rows[(rows["one"] == one) & (rows["other"] == other)]
    return float(rows["value"].iloc[0])


def test_the_index_is_the_weighted_mean_of_standardised_sources(study):
    rows = pd.DataFrame({"site": list("AABBCC"), "d": [6.0, 4, 3, 3, 2, 2], "i": 2.0,
                         "w": [2.0, 4, 5, 5, 6, 6]})  # fmt: skip
    said = pd.DataFrame({"site": list("AABBCC"), "v": [1.0, 2, 2, 3, 5, 5]})
    args = {
        "sources": [
            {"feature": "time", "centre": 0.0, "spread": 2.0},
            {"feature": "view", "weight": 3, "centre": 3.0, "spread": 1.5},
        ]
    }
    tables = study({"survey": rows, "views": said}, [TIME, VIEW, {**INDEX, "args": args}])
    profiles = build_profiles(tables)
    shares = profiles.values[["time.direct", "time.indirect", "time.whole_school"]].to_numpy()
    errors = profiles.standard_errors[["time.direct", "time.indirect", "time.whole_school"]]
    units = (1 - (shares**2).sum(axis=1)) / (errors**2).sum(axis=1)
    smooth = (units.to_numpy()[:, None] * shares + 0.5) / (units.to_numpy()[:, None] + 1.5)
    ratio = np.log(smooth[:, 2] / smooth[:, 0])
    view = (np.array([1.5, 2.5, 5.0]) - 3) / 1.5
    assert profiles.values["index"].tolist() == pytest.approx(0.25 * ratio / 2 + 0.75 * view)
    # Cov(direct, whole school) of three parts that add up to 1, from their variances.
    v = (errors**2).to_numpy()
    covariance = (v[:, 1] - v[:, 0] - v[:, 2]) / 2
    shrink = units.to_numpy() / (units.to_numpy() + 1.5)
    a, b = shrink / smooth[:, 2], shrink / smooth[:, 0]
    variance = a**2 * v[:, 2] + b**2 * v[:, 0] - 2 * a * b * covariance
    of_view = profiles.standard_errors["view"].to_numpy() / 1.5
    expected = np.sqrt(0.25**2 * variance / 4 + 0.75**2 * of_view**2)
    assert profiles.standard_errors["index"].tolist() == pytest.approx(expected)
    assert profiles.counts["index"].tolist() == [2, 2, 2]
    info = profiles.info("index")
    assert info.measurement["weight of view"] == 0.75
    assert info.measurement["spread of time"] == 2
    assert "time 1, view 3" in info.definition


def test_intervals_of_the_index_cover_the_truth(study):
    """400 sites: coverage of nominal 95 % intervals, Monte Carlo error .011."""
    rng = np.random.default_rng(3)
    truth = rng.normal(-0.5, 0.6, 400)
    known = {"centre": 0.0, "spread": 1.0}
    sources = [{"feature": "time", **known}, {"feature": "view", **known}]
    feature = {**INDEX, "args": {"sources": sources}}
    frames = {"survey": survey(rng, truth), "views": views(rng, truth)}
    profiles = build_profiles(study(frames, [TIME, VIEW, feature], sites=names_of(truth)))
    # The log of a mean share is not the mean of logs: a constant of about .01 here.
    error = profiles.values["index"].to_numpy() - truth
    assert abs(error.mean()) < 0.03
    covered = (np.abs(error) <= 1.96 * profiles.standard_errors["index"].to_numpy()).mean()
    assert covered == pytest.approx(0.95, abs=0.03)


def test_the_spread_of_a_source_leaves_error_out(study):
    """Sites differ by SD .5, informants' means err by .5: Monte Carlo error .015 of 2,000 sites."""
    rng = np.random.default_rng(10)
    truth = rng.normal(0, 0.5, 2000)
    frames = {"survey": survey(rng, truth), "views": views(rng, truth, people=4)}
    profiles = build_profiles(study(frames, [TIME, VIEW, INDEX], sites=names_of(truth)))
    assert profiles.info("index").measurement["spread of view"] == pytest.approx(0.5, abs=0.05)
    # Where error is all there is, a tenth of the variance still counts.
    frames["views"] = views(rng, 0 * truth, people=4)
    profiles = build_profiles(study(frames, [TIME, VIEW, INDEX], sites=names_of(truth)))
    assert profiles.info("index").measurement["spread of view"] == pytest.approx(
        np.sqrt(0.1 * 0.25), rel=0.35
    )


def test_a_part_of_zero_is_said_and_has_a_log_ratio(study):
    rng = np.random.default_rng(11)
    truth = rng.normal(0, 0.5, 6)
    rows = survey(rng, truth)
    rows.loc[rows["site"] == "2", "w"] = 0.0
    frames = {"survey": rows, "views": views(rng, truth)}
    profiles = build_profiles(study(frames, [TIME, VIEW, INDEX], sites=names_of(truth)))
    info = profiles.info("time.whole_school")
    assert info.measurement["zeros"] == 1
    assert "Exactly 0 at 1 of 6 sites" in info.definition
    assert "zeros" not in profiles.info("time.direct").measurement
    assert np.isfinite(profiles.values["index"]).all()
    assert (profiles.standard_errors["index"] > 0).all()


def test_weights_order_and_unit_of_sources(study):
    rng = np.random.default_rng(4)
    truth = rng.normal(0, 0.5, 30)
    frames = {"survey": survey(rng, truth), "views": views(rng, truth)}

    def index(view=1.0, **args):
        tables = {**frames, "views": frames["views"].assign(v=lambda rows: rows["v"] * view)}
        features = [{**INDEX, "args": {**INDEX["args"], **args}}, TIME, VIEW]
        return build_profiles(study(tables, features, sites=names_of(truth)))

    base = index()
    turned = list(reversed(INDEX["args"]["sources"]))
    assert np.allclose(index(sources=turned).values["index"], base.values["index"])
    doubled = [{**source, "weight": 2 * source.get("weight", 1)} for source in turned]
    assert np.allclose(index(sources=doubled).values["index"], base.values["index"])
    assert np.allclose(index(view=10.0).values["index"], base.values["index"])
    sources = [{"feature": "time"}, {"feature": "view", "weight": 3, "higher": "clinical"}]
    reversed_view = index(view=-1.0, sources=sources)
    assert np.allclose(reversed_view.values["index"], base.values["index"])
    assert overall(reversed_view, "correlation") == pytest.approx(overall(base, "correlation"))


def test_a_site_without_a_source_is_empty_or_rests_on_the_others(study):
    rng = np.random.default_rng(5)
    truth = rng.normal(0, 0.5, 10)
    frames = {"survey": survey(rng, truth), "views": views(rng, truth)}
    frames["views"] = frames["views"][~frames["views"]["site"].isin(["3", "4"])]
    frames["survey"] = frames["survey"][frames["survey"]["site"] != "4"]
    both = {"name": "both", **{key: INDEX[key] for key in ("builder", "use", "args")}}
    either = {**INDEX, "args": {**INDEX["args"], "min_sources": 1}}
    profiles = build_profiles(study(frames, [TIME, VIEW, both, either], sites=names_of(truth)))
    assert profiles.reasons.loc[("3", "all"), "both"] == "not asked"
    assert profiles.counts.loc[("3", "all"), "index"] == 1
    assert profiles.reasons.loc[("4", "all"), "index"] == "not asked"
    assert (profiles.counts["both"].dropna() == 2).all()
    assert "3" not in set(profiles.source_agreement["site"])


def test_routine_data_that_miss_whole_school_work_disagree_and_the_frame_says_where(study):
    """Recorded whole-school minutes are a tenth of the true ones, at one site all of them."""
    rng = np.random.default_rng(6)
    truth = rng.normal(-0.8, 0.5, 40)
    minutes = 6000 * np.exp(0.1 * rng.standard_normal((40, 12, 2)))
    share = 1 / (1 + np.exp(-truth))
    recorded = np.full(40, 0.1)
    recorded[7] = 1.0
    activity = pd.DataFrame(
        [
            (str(at), month, minutes[at, month, 0] * (1 - share[at]),
             minutes[at, month, 1] * share[at] * recorded[at])
            for at in range(40)
            for month in range(12)
        ],
        columns=["site", "month", "direct", "wsa"],
    )  # fmt: skip
    routine = {
        "name": "routine",
        "builder": "composition",
        "args": {
            "table": "activity",
            "columns": {"direct": "direct", "whole_school": "wsa"},
            "of": "total",
        },
    }
    index = {
        **INDEX,
        "args": {"sources": [{"feature": "time"}, {"feature": "routine"}, {"feature": "view"}]},
    }
    frames = {
        "survey": survey(rng, truth, spread=0.3), "activity": activity,
        "views": views(rng, truth, spread=1.5),
    }  # fmt: skip
    profiles = build_profiles(study(frames, [TIME, VIEW, routine, index], sites=names_of(truth)))
    frame = profiles.source_agreement
    pair = frame[(frame["one"] == "time") & (frame["other"] == "routine")]
    assert set(pair["scale"]) == {"as measured"}
    shift = overall(profiles, "mean difference", "time", "routine")
    # 39 of 40 sites are off by log 10; informants' means add .01, months the rest.
    assert shift == pytest.approx(np.log(10) * 39 / 40, abs=0.06)
    differences = pair[pair["measure"] == "difference"].set_index("site")
    assert (differences["beyond_error"].drop("7") == "yes").all()
    apart = pair[(pair["measure"] == "departure") & (pair["beyond_error"] == "yes")]
    assert apart.set_index("site")["value"].idxmin() == "7"
    assert len(apart) < 10
    # Concordance sees the shift, correlation does not; error taken out both are larger.
    assert overall(profiles, "correlation, error taken out", "time", "routine") > 0.7
    assert overall(profiles, "concordance", "time", "routine") < 0.2
    noisy = overall(profiles, "correlation", "time", "view")
    assert overall(profiles, "correlation, error taken out", "time", "view") > noisy + 0.05
    standardised = frame[(frame["one"] == "time") & (frame["other"] == "view")]
    assert set(standardised["scale"]) == {"standardised"}


def test_activity_without_whole_school_work_is_never_compared_as_if_it_had_it(study):
    rng = np.random.default_rng(7)
    truth = rng.normal(0, 0.5, 20)
    activity = pd.DataFrame({"site": names_of(truth), "direct": 2.0, "indirect": np.exp(truth)})
    routine = {
        "name": "routine",
        "builder": "composition",
        "args": {
            "table": "activity", "columns": {"direct": "direct", "indirect": "indirect"},
            "of": "total",
        },
    }  # fmt: skip
    index = {**INDEX, "args": {"sources": [{"feature": "time"}, {"feature": "routine"}]}}
    frames = {"survey": survey(rng, truth), "activity": activity}
    profiles = build_profiles(study(frames, [TIME, routine, index], sites=names_of(truth)))
    assert set(profiles.source_agreement["scale"]) == {"standardised"}
    assert overall(profiles, "correlation", "time", "routine") > 0.8


def test_agreement_is_saved_and_kept_by_selection(study, tmp_path):
    rng = np.random.default_rng(8)
    truth = rng.normal(0, 0.5, 12)
    frames = {"survey": survey(rng, truth), "views": views(rng, truth)}
    profiles = build_profiles(study(frames, [TIME, VIEW, INDEX], sites=names_of(truth)))
    profiles.save(tmp_path)
    again = SiteProfiles.load(tmp_path)
    pd.testing.assert_frame_equal(again.source_agreement, profiles.source_agreement)
    kept = profiles.select(use="build").source_agreement
    assert kept is profiles.source_agreement
    (tmp_path / "source_agreement.parquet").unlink()
    assert SiteProfiles.load(tmp_path).source_agreement.empty


def test_what_cannot_be_an_index_is_refused(study):
    rng = np.random.default_rng(9)
    truth = rng.normal(0, 0.5, 5)
    frames = {"survey": survey(rng, truth), "views": views(rng, truth).assign(who="lead")}

    def refused(*features):
        with pytest.raises(StudyError) as caught:
            build_profiles(study(frames, list(features), sites=names_of(truth)))
        return "\n".join(f"{each.where}: {each.message}" for each in caught.value.problems)

    def index(*sources, **more):
        return {**INDEX, "args": {"sources": list(sources)}, **more}

    time, view = {"feature": "time"}, {"feature": "view"}
    assert "'veiw', which is no feature" in refused(TIME, VIEW, index(time, {"feature": "veiw"}))
    assert "would count twice" in refused(TIME, VIEW, index(time, view, use="build"))
    assert "Names 'time' twice" in refused(TIME, VIEW, index(time, time))
    assert "'a', 'b' cannot be made" in refused(
        TIME, {**index(time, {"feature": "b"}), "name": "a"},
        {**index(time, {"feature": "a"}), "name": "b"},
    )  # fmt: skip
    assert "only 2 sources" in refused(
        TIME, VIEW, {**INDEX, "args": {"sources": [time, view], "min_sources": 3}}
    )
    unknown = {"feature": "time", "whole_school": ["wsa"], "clinical": ["direct"]}
    assert "'time' has no part 'wsa'" in refused(TIME, VIEW, index(unknown, view))
    assert "'view' is no composition" in refused(
        TIME, VIEW, index(time, {"feature": "view", "clinical": ["direct"]})
    )
    assert "its parts say which way" in refused(
        TIME, VIEW, index({"feature": "time", "higher": "clinical"}, view)
    )
    who = {"name": "who", "builder": "category", "use": "evaluate",
           "args": {"table": "views", "column": "who"}}  # fmt: skip
    assert "'who' is a category" in refused(TIME, who, index(time, {"feature": "who"}))
    both = {"feature": "time", "whole_school": ["direct"], "clinical": ["direct"]}
    assert "both whole-school and clinical" in refused(TIME, VIEW, index(both, view))
