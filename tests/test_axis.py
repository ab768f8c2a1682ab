"""The axis: when a continuum is named, where sites lie on it, and the groups of two rules."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from site_typology import load, propose
from site_typology.axis import axis_words, find_axis
from site_typology.models.working import exact_data
from site_typology.profiles import SiteProfiles
from site_typology.report import report_html
from site_typology.results import Axis
from site_typology.settings import ProposeSettings
from site_typology.two_rules import AXIS_COLUMNS, axis_table, two_rules
from site_typology.verdict_words import WITHOUT

QUICK = ProposeSettings(
    algorithms=("kmeans",),
    spaces=("features",),
    draws=3,
    bootstraps=5,
    stability_references=2,
    reference_draws=19,
    agreement_replicates=5,
    power_replicates=3,
    separations=(6.0,),
)


def along_a_line(n, seed, bend=0.0, error=0.5):
    """Six features: three rise along the line, one bends with it, two do neither."""
    rng = np.random.default_rng(seed)
    place = rng.uniform(-1, 1, n)
    truth = 0.4 * rng.normal(size=(n, 6))
    truth[:, :3] += 2 * place[:, None]
    truth[:, 3] += bend * (place**2 - 1 / 3)
    return truth + error * rng.normal(size=(n, 6)), place


def profiles_of(values, error=0.5):
    frame = pd.DataFrame(values, columns=["rise", "climb", "grow", "turn", "other", "more"])
    frame.index = pd.Index([f"S{at:02d}" for at in range(len(frame))])
    errors = pd.DataFrame(error, index=frame.index, columns=frame.columns).mask(frame.isna())
    return SiteProfiles.from_frame(frame, errors)


@pytest.fixture(scope="module")
def continuum():
    values, place = along_a_line(30, 5)
    values[3, :2] = np.nan
    values[7, 1:] = np.nan
    return propose(profiles_of(values), seed=1, settings=QUICK), place


@pytest.mark.parametrize("bend", [0.0, 3.0])
def test_sites_along_a_line_are_a_continuum_and_the_score_is_their_place(bend):
    values, place = along_a_line(60, 1, bend)
    found = find_axis(exact_data(values, np.broadcast_to(0.25 * np.eye(6), (60, 6, 6)).copy()))
    assert found.is_continuum
    ranks = found.scores["score"].rank()
    assert ranks.corr(pd.Series(place).rank()) > 0.9
    ordered = found.scores[["low", "score", "high"]].to_numpy()
    assert (np.diff(ordered, axis=1) >= 0).all()
    assert ordered.min() >= 0 and ordered.max() <= 100


def test_intervals_cover_the_true_places():
    covered = []
    for seed in range(30):
        values, place = along_a_line(60, 100 + seed)
        errors = np.broadcast_to(0.25 * np.eye(6), (60, 6, 6)).copy()
        found = find_axis(exact_data(values, errors)).scores
        inside = (found["low"] / 50 - 1 <= place) & (place <= found["high"] / 50 - 1)
        covered.append(inside.mean())
    # 30 sets of 60 sites; between sets the share varies by about .04, so its mean by .008.
    assert 0.91 < np.mean(covered) < 0.985


def test_features_that_have_nothing_in_common_are_no_continuum():
    named = [
        find_axis(exact_data(np.random.default_rng(seed).normal(size=(60, 6)))).is_continuum
        for seed in range(20)
    ]
    assert sum(named) == 0


def test_the_axis_does_not_depend_on_the_order_of_sites_or_the_sign_of_an_eigenvector():
    values, _ = along_a_line(40, 2)
    there = find_axis(exact_data(values)).scores["score"].to_numpy()
    back = find_axis(exact_data(values[::-1])).scores["score"].to_numpy()[::-1]
    np.testing.assert_allclose(there, back, atol=1e-6)
    turned = find_axis(exact_data(-values)).scores
    np.testing.assert_allclose(turned["score"], 100 - there, atol=1.0)


def test_scores_rise_with_most_features_even_where_the_widest_one_falls():
    values, place = along_a_line(80, 2, error=0.1)
    values[:, 0] *= -1.2
    scores = find_axis(exact_data(values)).scores
    assert scores["score"].corr(pd.Series(place)) > 0.9
    assert (np.diff(scores[["low", "score", "high"]], axis=1) >= 0).all()


def test_a_proposal_without_types_names_the_continuum(continuum):
    typology, place = continuum
    evidence = typology.evidence
    assert evidence.verdict in ("not supported", "insufficient")
    assert evidence.axis.is_continuum
    assert axis_words(evidence.axis) in evidence.why
    assert WITHOUT[evidence.null_test.against] in evidence.why.lower()
    scores = evidence.axis.scores.set_index("site")["score"]
    placed = scores.reindex(typology.profiles.sites)
    assert placed.rank().corr(pd.Series(place, index=placed.index).rank()) > 0.9


def test_every_site_stands_in_the_table_with_its_place_group_or_reason(continuum):
    typology, _ = continuum
    table = axis_table(typology, two_rules(typology)).set_index("site")
    assert list(table.reset_index().columns) == list(AXIS_COLUMNS)
    assert list(table.index) == typology.profiles.sites
    # One feature of six is too little for a place; two rules need both of their features.
    assert np.isnan(table.loc["S07", "score"])
    rules = two_rules(typology)
    first, second = (info.name for info in rules.features)
    lacking = typology.profiles.values[[first, second]].isna().any(axis=1).droplevel("round")
    without = lacking | table["score"].isna()
    assert (table["reason"] != "").tolist() == without.tolist()
    assert (table["group"] == "").tolist() == without.tolist()
    bare = axis_table(typology, None).set_index("site")
    every = rules.groups.assign(group="higher rise, lower turn", sure=True)
    given = axis_table(typology, dataclasses.replace(rules, groups=every)).set_index("site")
    assert given.loc["S07", ["group", "sure"]].tolist() == ["", False]
    for found in (table, bare, given):
        assert found.loc["S07", "reason"].startswith("not enough data: 1 of 6 features observed")
    assert bare["reason"].drop("S07").eq("").all()


def test_groups_are_cut_at_the_medians_and_sure_outside_the_error(continuum):
    typology, _ = continuum
    rules = two_rules(typology)
    values = typology.profiles.values.droplevel("round").astype(float)
    first, second = rules.features
    assert first.name in ("rise", "climb", "grow")
    assert second.name in ("turn", "other", "more")
    assert rules.cuts[0] == values[first.name].median()
    for row in rules.groups[rules.groups["group"] != ""].itertuples():
        own = values.loc[row.site]
        sides = [
            f"{'higher' if own[info.name] > cut else 'lower'} {info.title}"
            for info, cut in zip(rules.features, rules.cuts, strict=True)
        ]
        assert row.group == ", ".join(sides)
        near = [
            abs(own[info.name] - cut) <= 1.96 * 0.5
            for info, cut in zip(rules.features, rules.cuts, strict=True)
        ]
        assert row.sure == (not any(near))


def test_it_survives_being_saved(continuum, tmp_path):
    typology, _ = continuum
    typology.save(tmp_path / "t")
    axis = load(tmp_path / "t").evidence.axis
    assert axis.to_dict() == typology.evidence.axis.to_dict()
    pd.testing.assert_frame_equal(axis.scores, typology.evidence.axis.scores)


def test_the_report_offers_the_axis_and_marks_the_groups_as_a_fallback(continuum):
    typology, _ = continuum
    page = report_html(typology, typology.explain(seed=1))
    for words in (
        "The axis that sites lie along",
        "A fallback, not a finding.",
        "Sites form a continuum along one axis",
        'aria-labelledby="axis-title axis-desc"',
    ):
        assert words in page


def test_where_the_rules_do_not_hold_nothing_is_offered(continuum):
    typology, _ = continuum
    rules = tuple(dataclasses.replace(rule, threshold=1e6) for rule in typology.evidence.axis.rules)
    axis = Axis(rules, typology.evidence.axis.scores)
    other = dataclasses.replace(
        typology, evidence=dataclasses.replace(typology.evidence, axis=axis)
    )
    assert axis_words(axis) == ""
    assert axis_table(other, two_rules(other)).empty
    assert "The axis that sites lie along" not in report_html(other, other.explain(seed=1))
