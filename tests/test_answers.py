"""The whole answer for a site: why, peers, what is possible, what to collect, and that it holds."""

from __future__ import annotations

import dataclasses
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from site_typology import FeatureInfo, SiteProfiles, StudyError, load
from site_typology.answering import COLUMNS
from site_typology.assign import Assignment
from site_typology.fitted_sites import FittedSites, Natural
from site_typology.models.mixture import fit_types
from site_typology.models.working import WorkingScale

NAMES = ["wsa", "clinical", "need", "advice", "reach"]
UNITS = {"need": FeatureInfo("need", unit="points")}


def profiles_of(rows: dict[str, list[float | None]], error: float = 0.5) -> SiteProfiles:
    values = pd.DataFrame.from_dict(rows, orient="index", columns=NAMES, dtype=float)
    errors = pd.DataFrame(error, values.index, values.columns)
    return SiteProfiles.from_frame(values, errors, kinds=UNITS)


def centre(typed, number: int) -> list[float]:
    return typed.scale.to_natural(typed.model.means)[NAMES].iloc[number - 1].tolist()


def between(typed, share: float = 0.5) -> list[float]:
    pairs = zip(centre(typed, 1), centre(typed, 2), strict=True)
    return [share * one + (1 - share) * two for one, two in pairs]


def test_one_site_or_many_together_give_identical_answers(typed):
    together = typed.assign(typed.profiles).answers
    alone = [typed.assign(typed.profiles.select(sites=[s])).answers for s in typed.labels.index]
    pd.testing.assert_frame_equal(pd.concat(alone, ignore_index=True), together, check_exact=True)
    many = typed.assign(typed.profiles)
    for site in typed.labels.index[:8]:
        own = typed.assign(typed.profiles.select(sites=[site])).detail(site)
        assert own == many.detail(site)


def test_ten_thousand_sites_together_are_answered_as_each_alone(typed):
    random = np.random.default_rng(1)
    n = 10_000
    middles = np.array([centre(typed, number) for number in (1, 2, 3)])
    values = middles[random.integers(0, 3, n)] + 3 * random.normal(size=(n, 5))
    values[random.random((n, 5)) < 0.3] = np.nan
    rows = pd.DataFrame(values, [f"N{at}" for at in range(n)], NAMES)
    errors = pd.DataFrame(random.uniform(0.2, 3.0, (n, 5)), rows.index, NAMES)
    many = typed.assign(SiteProfiles.from_frame(rows, errors, kinds=UNITS))
    assert set(many.frame["reason"].str[:4]) == {"", "none", "not "}
    for at in (0, 1, 2, 4999, 9998, 9999):
        alone = SiteProfiles.from_frame(rows.iloc[[at]], errors.iloc[[at]], kinds=UNITS)
        assert typed.assign(alone).detail(f"N{at}") == many.detail(f"N{at}")


def test_answers_are_the_same_after_saving(typed, tmp_path):
    again = load(typed.save(tmp_path / "typology"))
    rows = profiles_of({"A": between(typed), "B": [None, *centre(typed, 3)[1:]]})
    pd.testing.assert_frame_equal(
        again.assign(rows).answers, typed.assign(rows).answers, check_exact=True
    )


def test_the_frame_gains_few_plain_columns_and_loses_none(typed):
    assigned = typed.assign(typed.profiles)
    answers = assigned.answers
    assert list(answers.columns) == [*assigned.frame.columns, *COLUMNS]
    pd.testing.assert_frame_equal(answers[assigned.frame.columns], assigned.frame)
    assert all(answers[name].str.len().ge(0).all() for name in COLUMNS)


def test_the_contract_names_every_column(typed):
    page = Path(__file__).parents[1] / "docs" / "contracts" / "output.md"
    section = page.read_text("utf-8").split("## The answer of an assignment")[1].split("\n## ")[0]
    assert tuple(re.findall(r"^\| `(\w+)` \|", section, re.M)) == COLUMNS


def test_fitted_sites_keep_their_type_and_confidence_and_are_not_their_own_peers(typed):
    assigned = typed.assign(typed.profiles)
    own = typed.memberships.set_index("site")
    for site in own.index[own["type"].notna()]:
        answer = assigned.detail(site)
        assert (answer.type, answer.confidence) == (own["type"][site], own["confidence"][site])
        peers = [peer.site for peer in answer.peers]
        assert len(peers) == 5 and site not in peers
        assert {peer.type for peer in answer.peers} == {answer.type}


def test_shares_and_base_add_up_to_the_log_odds_of_type_and_next(typed):
    row = [None if at == 3 else value for at, value in enumerate(between(typed, 0.7))]
    answer = typed.assign(profiles_of({"A": row}, error=2.0)).detail("A")
    log_odds = np.log(answer.confidence / answer.next.probability)
    assert_allclose(answer.base + sum(share.amount for share in answer.shares), log_odds, rtol=1e-9)
    assert "advice" not in {share.feature for share in answer.shares}
    assert [gap.feature for gap in answer.gaps] == ["advice"]
    assert (answer.observed, answer.features) == (4, 5)
    sizes = [abs(share.amount) for share in answer.shares]
    assert sizes == sorted(sizes, reverse=True)


def test_why_names_what_sets_the_type_apart(typed):
    answer = typed.assign(profiles_of({"A": centre(typed, 1)})).detail("A")
    leading = answer.shares[0]
    assert leading.feature in ("wsa", "need", "clinical")
    assert f"{leading.title} {leading.value} (middle of all {leading.mean})" in answer.why
    assert answer.why.startswith("Over 99% sure of type 1")
    assert answer.why.count(".") - answer.why.count("(middle of all") >= 1


def test_what_a_figure_is_told_beside_is_where_it_would_say_nothing(typed):
    """Contributions are against the mean of the types' middles, weighed by size."""
    model = typed.model
    middle = typed.scale.to_natural(model.weights @ model.means)[NAMES].iloc[0]
    answer = typed.assign(profiles_of({"A": centre(typed, 1)})).detail("A")
    units = dict(zip(NAMES, typed.fitted.units, strict=True))
    assert {share.feature: share.mean for share in answer.shares} == {
        name: units[name].write(middle[name]) for name in NAMES
    }


def test_skewed_values_lie_on_the_side_of_it_that_they_count_for(typed):
    """Shares about 90 %: their mean is not where their log-odds are on average."""
    random = np.random.default_rng(3)
    log_odds = random.normal(size=(60, 3)) + np.repeat([[1.0], [5.0]], 30, axis=0)
    rows = pd.DataFrame(
        1 / (1 + np.exp(-log_odds)), [f"S{at:02d}" for at in range(60)], list("abc")
    )
    infos = {name: FeatureInfo(name, kind="share") for name in "abc"}
    profiles = SiteProfiles.from_frame(rows, rows * 0 + 0.01, kinds=infos)
    scale = WorkingScale.fit(profiles)
    data = scale.transform(profiles)
    assigner = dataclasses.replace(
        typed.assigner, features=profiles.features, scale=scale, model=fit_types(data, 2, seed=1)
    )
    natural = Natural(tuple(profiles.features), rows.to_numpy(), rows.to_numpy() * 0)
    fitted = FittedSites(assigner, data, natural, {})
    off = data.values - assigner.model.weights @ assigner.model.means
    assert_array_equal(np.sign(off), np.sign(rows.to_numpy() - fitted.centre))
    assert (np.sign(off) != np.sign(rows.to_numpy() - fitted.means)).any()


def test_a_stranger_is_told_what_sets_it_apart(typed):
    far = centre(typed, 1)
    far[4] += 25.0
    answer = typed.assign(profiles_of({"Far": far})).detail("Far")
    assert answer.status == "none of these"
    assert answer.type is None and answer.confidence is None and answer.next is None
    assert answer.shares[0].feature == "reach" and "reach" in answer.why
    total = sum(share.amount for share in answer.shares)
    assert_allclose(total, answer.distance**2, rtol=1e-6)
    assert answer.as_far < 0.001
    assert len(answer.peers) == 5


def test_too_little_data_says_what_to_collect(typed):
    reach = centre(typed, 1)[4]
    answer = typed.assign(profiles_of({"A": [None, None, None, None, reach]})).detail("A")
    assert answer.status == "not enough data"
    assert answer.collect_words.startswith("1 more feature with a value is needed. Measure ")
    best, pair = answer.collect[0], answer.collect[-1]
    # Types lie along wsa, clinical and need; advice hardly tells them apart.
    assert {best.features[0]} < {"wsa", "clinical", "need"}
    assert len(pair.features) == 2 and pair.settled > best.settled
    assert pair.confidence > best.confidence > max(one.probability for one in answer.probabilities)
    assert answer.peers == () and answer.shares == () and answer.picture() == ""


def test_a_sure_answer_asks_for_nothing_and_an_unsure_one_for_a_better_measurement(typed):
    sure = typed.assign(profiles_of({"A": centre(typed, 1)})).detail("A")
    assert sure.collect == () and sure.collect_words == ""
    unsure = typed.assign(profiles_of({"A": between(typed)}, error=6.0)).detail("A")
    assert unsure.confidence < 0.95
    assert "(once more)" in unsure.collect_words
    assert not any(unsure.collect[0].missing)
    exact = typed.assign(profiles_of({"A": [*between(typed)[:4], None]}, error=0.0)).detail("A")
    assert {name for own in exact.collect for name in own.features} <= {"reach"}


def test_possible_types_are_given_from_nine_sites_a_type_on(typed):
    answer = typed.assign(profiles_of({"A": centre(typed, 1)})).detail("A")
    assert answer.possible == (1,)
    assert "about 90% of new sites" in answer.possible_words
    smallest = int(typed.labels.value_counts().min())
    assert smallest == 9


def test_details_are_plain_values_for_json(typed):
    rows = {"A": centre(typed, 1), "B": [None] * 4 + [0.0], "C": [60.0, -60.0, 60.0, 60.0, -60.0]}
    assigned = typed.assign(profiles_of(rows))
    for site in rows:
        found = assigned.detail(site).to_dict()
        assert json.loads(json.dumps(found, allow_nan=False))["site"] == site


def test_no_types_are_made_up_where_none_are_claimed(untyped):
    answer = untyped.assign(untyped.profiles).detail("Site 01")
    assert answer.status == "no typology claimed"
    assert answer.type is None and answer.probabilities == () and answer.possible == ()
    assert answer.why.startswith("No typology claimed")
    assert len(answer.peers) == 5 and {peer.type for peer in answer.peers} == {None}
    json.dumps(answer.to_dict(), allow_nan=False)


def test_peers_share_what_stands_out_in_both(typed):
    answer = typed.assign(profiles_of({"A": centre(typed, 1)})).detail("A")
    means = typed.profiles.values[NAMES].mean()
    for peer in answer.peers:
        own = typed.profiles.values.loc[peer.site].iloc[0]
        for name in peer.alike:
            new = centre(typed, 1)[NAMES.index(name)]
            assert np.sign(own[name] - means[name]) == np.sign(new - means[name])
            assert name in peer.words
    distances = [peer.distance for peer in answer.peers]
    assert distances == sorted(distances)


def test_a_site_of_which_little_is_known_is_near_to_none(typed):
    known = typed.assign(profiles_of({"A": centre(typed, 1)})).detail("A").peers[0].distance
    vague = typed.assign(profiles_of({"A": centre(typed, 1)}, error=5.0)).detail("A").peers[0]
    assert vague.distance > known + 0.5


def test_the_picture_says_in_words_what_it_shows(typed):
    for row, word in ((between(typed, 0.6), "log-odds"), ([60.0, 0.0, 0.0, 0.0, 60.0], "squared")):
        answer = typed.assign(profiles_of({"<A & B>": row})).detail("<A & B>")
        root = ET.fromstring(answer.picture())  # noqa: S314 - our own text
        title, description = (root.find("{*}" + name).text for name in ("title", "desc"))
        assert "<A & B>" in title and word in description and answer.why in description
        assert all(share.title in description for share in answer.shares)


def test_a_site_or_round_that_was_not_assigned_is_refused(typed):
    assigned = typed.assign(profiles_of({"A": centre(typed, 1)}))
    with pytest.raises(StudyError, match="'B' is not among the 1 profiles"):
        assigned.detail("B")
    with pytest.raises(StudyError, match="round '2020'"):
        assigned.detail("A", "2020")
    with pytest.raises(StudyError, match=r"Typology\.assign"):
        Assignment(assigned.frame).detail("A")
