"""Rounds at their edges: all sites shift, one table serves several rounds, nobody is followed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from site_typology import SiteProfiles
from site_typology.assign import OUTSIDE, Assigner
from site_typology.errors import StudyError
from site_typology.models.mixture import BUDGET, fit_types
from site_typology.models.working import WorkingScale
from site_typology.rounds import Rounds, follow_rounds
from site_typology.rounds_advice import advise
from site_typology.rounds_drift import drift_table
from site_typology.rounds_files import rounds_html, summary
from site_typology.rounds_fit import FitTest, MoversTest, judge_rounds
from site_typology.rounds_replays import Replay, Setting, fit_statistics
from site_typology.rounds_sites import NOTHING_NEW, joined
from site_typology.typical_errors import typical_errors

SITES = [f"S{at:02d}" for at in range(20)]


def measured(values: np.ndarray, sites: list[str] = SITES) -> SiteProfiles:
    frame = pd.DataFrame(values, sites, list("abc"))
    return SiteProfiles.from_frame(frame, frame * 0 + 0.2)


def draw(seed: int, shift: float = 0.0) -> np.ndarray:
    """Two types in turn, their means 6 within-type SDs apart in each of three features."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(20, 3)) + 6 * (np.arange(20) % 2)[:, None] + shift


@pytest.fixture(scope="module")
def assigner() -> Assigner:
    profiles = measured(draw(1))
    scale = WorkingScale.fit(profiles)
    model = fit_types(scale.transform(profiles), 2, 1, budget=BUDGET)
    return Assigner(
        tuple(profiles.features), scale, model, {1: "First", 2: "Second"}, 1 / 3,
        float(np.log(OUTSIDE)), typical_errors(profiles), sites=20,
    )  # fmt: skip


def followed(assigner: Assigner, *later: SiteProfiles) -> Rounds:
    rounds = {str(at + 2): profiles for at, profiles in enumerate(later)}
    profiles = joined({"1": measured(draw(1)), **rounds})
    return follow_rounds(assigner, profiles, base="1", seed=1, replicates=19)


@pytest.mark.parametrize("shift", [4.0, 8.0, 40.0])
def test_sites_that_all_shift_beyond_the_types_are_followed_and_none_moves(
    assigner: Assigner, shift: float
) -> None:
    found = followed(assigner, measured(draw(2, shift)))
    beyond = found.sites["why"].str.startswith("none of these")
    assert beyond.sum() >= 12
    assert found.sites.loc[beyond, "naive_to"].isna().all()
    assert found.steps["followed"].item() == 20
    assert set(found.sites["call"]) == {"stayed"}
    assert found.advice.counsel == "refit"


# --- One table serves several rounds -------------------------------------------------------------


def test_a_repeated_column_counts_as_a_gap_in_moves_and_fit(assigner: Assigner) -> None:
    repeated, blank = draw(2), draw(2)
    repeated[:, 0], blank[:, 0] = draw(1)[:, 0], np.nan
    one, other = (followed(assigner, measured(values)) for values in (repeated, blank))
    assert one.repeated == {"2": ("a",)}
    assert one.fit == other.fit
    pd.testing.assert_frame_equal(one.steps.drop(columns="naive_movers"),
                                  other.steps.drop(columns="naive_movers"))  # fmt: skip


def test_a_column_repeated_between_later_rounds_counts_once(assigner: Assigner) -> None:
    third = draw(3)
    third[:, :2] = draw(2)[:, :2]
    found = followed(assigner, measured(draw(2)), measured(third))
    assert found.repeated == {"2": (), "3": ("a", "b")}
    assert "Round 3 has the same values as another round in a, b" in summary(found)[-1]


def test_a_site_with_repeated_values_alone_is_not_followed(assigner: Assigner) -> None:
    second = draw(2)
    second[:, :2] = draw(1)[:, :2]
    second[4, 2] = np.nan
    site = followed(assigner, measured(second)).sites.set_index("site").loc["S04"]
    assert (site["status"], site["why"], site["call"]) == (
        "not enough data in 2", NOTHING_NEW, "",
    )  # fmt: skip


def test_a_round_that_measured_nothing_anew_is_refused(assigner: Assigner) -> None:
    with pytest.raises(StudyError, match=r"round 2  Every value is the same as in another round"):
        followed(assigner, measured(draw(1)))


# --- Nobody is followed --------------------------------------------------------------------------


def test_a_round_without_enough_data_is_refused(assigner: Assigner) -> None:
    with pytest.raises(StudyError, match=r"round 2  None of its 20 sites has enough data"):
        followed(assigner, measured(np.full((20, 3), np.nan)))


def test_sites_with_enough_data_in_one_round_each_are_refused(assigner: Assigner) -> None:
    first, second = draw(1), draw(2)
    first[:10], second[10:] = np.nan, np.nan
    profiles = joined({"1": measured(first), "2": measured(second)})
    with pytest.raises(StudyError, match=r"No site has enough data, measured anew, in two rounds"):
        follow_rounds(assigner, profiles, base="1", replicates=19)


def test_a_step_over_which_nobody_is_followed_says_so(assigner: Assigner) -> None:
    second, third = draw(2), draw(3)
    second[:10], third[10:] = np.nan, np.nan
    found = followed(assigner, measured(second), measured(third))
    assert found.steps["followed"].tolist() == [10, 0]
    assert "Round 2 to 3: no site has enough data in both" in " ".join(summary(found))
    assert "nan" not in " ".join(summary(found))
    assert "</html>" in rounds_html(found)


# --- Rules that can fail -------------------------------------------------------------------------


def test_a_round_of_another_shape_fails_the_fit_rules_at_the_fewest_replicates(
    assigner: Assigner,
) -> None:
    wild = np.random.default_rng(5).normal(size=(20, 3)) * 4 + 3
    found = followed(assigner, measured(wild))
    assert found.fit[0].replicates == 19
    rules = {rule.name: rule for rule in found.advice.rules}
    assert rules["types_fit"].figure == 0.05
    assert not rules["types_fit"].holds
    assert not rules["none_of_these"].holds


FIT = FitTest("2", 50, -10.0, -10.0, 0.4, 0.5, 0.0, 0.0, 1.0, 0.9, 99)


def test_the_smallest_p_value_fails_the_rules_over_several_rounds() -> None:
    sites = pd.DataFrame({"from_round": "1", "to_round": "2", "status": ["followed"] * 20})
    steps = pd.DataFrame({"from_round": ["1"], "to_round": ["2"], "followed": [20], "unclear": [0]})
    drift = pd.DataFrame({"p_holm": [0.6], "level_sd": [0.0]})
    for rounds in range(1, 12):
        low = dataclasses.replace(FIT, p_types=1 / (20 * rounds))
        found = advise(True, sites, steps, drift, [low, *[FIT] * (rounds - 1)])
        assert found.counsel == "refit"


def canned(logs: list[float], moved: list[float]):
    """Replicates with these log-likelihoods, in two later rounds or in one."""

    def replay(setting: Setting, seed: int, at: int) -> Replay:
        same, changed = ({name: (values[at % len(values)], 0.0, 0.0) for name in setting.new}
                         for values in (logs, moved))  # fmt: skip
        return Replay(same, same, changed, np.zeros(1))

    return replay


@pytest.mark.parametrize(("rounds", "replicates", "power"), [(1, 19, 0.25), (2, 39, 0.25)])
def test_the_power_is_how_often_the_rule_refuses_and_replicates_suffice_for_it(
    assigner: Assigner, monkeypatch: pytest.MonkeyPatch, rounds: int, replicates: int, power: float
) -> None:
    """Of logs 0 to 18 (38), .5 has one below: p = 2 / 20 is no refusal, though below the 5 %."""
    logs = [float(at) for at in range(replicates)]
    moved = [-1.0, 0.5, 0.5, 0.5]
    monkeypatch.setattr("site_typology.rounds_fit.replay", canned(logs, moved))
    data = assigner.scale.transform(measured(draw(2)))
    setting = Setting(
        assigner.model, data, {str(at + 2): data for at in range(rounds)}, {}, 0.5, ("1", "2"),
        None, (),
    )  # fmt: skip
    fits, _ = judge_rounds(setting, np.zeros(1), seed=1, replicates=19)
    assert fits[0].replicates == replicates
    assert fits[0].power == pytest.approx(power, abs=1 / replicates)


def test_sites_beyond_all_types_are_those_that_assignment_says(assigner: Assigner) -> None:
    profiles = measured(draw(1))
    own = assigner.reaching(min(assigner.reach, float(assigner.log_tails(profiles).min())))
    old = assigner.scale.transform(profiles)
    shares = []
    for shift in (1.5, 2.0, 2.5, 3.0, 3.5):
        later = measured(draw(2, shift))
        said = own.place(later)["reason"].str.startswith("none of these").mean()
        share = fit_statistics(own.model, old, own.working(later))[2]
        assert share == said
        shares.append(share)
    assert 0 < np.mean(shares) < 1


def test_rounding_does_not_decide_whether_sites_moved() -> None:
    alone = np.array([0.1, 0.2]) - 1e-12
    assert MoversTest(0.2, alone).p == pytest.approx(2 / 3)
    assert MoversTest(0.201, alone).p == pytest.approx(1 / 3)


def test_exact_values_that_all_change_by_the_same_amount_have_drifted() -> None:
    index = pd.MultiIndex.from_product([list("ABCD"), ["1", "2"]], names=["site", "round"])
    values = pd.DataFrame({"x": [0.0, 3, 1, 4, 2, 5, 3, 6]}, index)
    row = drift_table(SiteProfiles.from_frame(values, values * 0)).iloc[0]
    assert row["change"] == 3
    assert row["p"] == row["p_holm"] == 0
