"""Rounds under one typology: sites accounted for, movers, drift, fit, advice, files, command."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from site_typology import SiteProfiles, Typology
from site_typology.cli import main
from site_typology.errors import StudyError
from site_typology.experiments.rounds_tracking import log_rounds
from site_typology.experiments.store import choose_store, open_store, tracking
from site_typology.results import Rule
from site_typology.rounds import Rounds, follow_rounds
from site_typology.rounds_advice import advise
from site_typology.rounds_drift import drift_table
from site_typology.rounds_files import FILES, summary, write_rounds
from site_typology.rounds_fit import FitTest
from site_typology.rounds_replays import without_optimism
from site_typology.rounds_sites import joined
from site_typology.simulation import simulate

BUILD = ["wsa", "clinical", "need", "advice", "reach"]
MOVED = {"Site 00": "Site 01", "Site 03": "Site 02"}
"""Sites that look in the later round as another site of another type did in the earlier one."""


def later_round(profiles: SiteProfiles, *, shift: float = 0.0, seed: int = 9) -> SiteProfiles:
    """The same sites measured again; some move, one is gone, one is new, one has nothing."""
    rng = np.random.default_rng(seed)
    values = profiles.values.copy()
    numbers = values[BUILD]
    before = numbers.copy()
    for site, other in MOVED.items():
        numbers.loc[(site, "all")] = before.loc[(other, "all")].to_numpy()
    values[BUILD] = numbers + shift + 0.3 * rng.normal(size=numbers.shape)
    values.loc[("Site 09", "all"), BUILD] = np.nan
    frame = values.droplevel("round").rename(index={"Site 10": "Site 99"})
    errors = pd.DataFrame(0.5, frame.index, BUILD)
    return SiteProfiles.from_frame(
        frame, errors, kinds={info.name: info for info in profiles.features}
    )


@pytest.fixture(scope="module")
def found(typed: Typology) -> Rounds:
    profiles = joined({"2022": typed.profiles, "2024": later_round(typed.profiles)})
    return follow_rounds(typed.assigner, profiles, base="2022", seed=1, replicates=19)


def test_the_sites_that_moved_are_named_and_others_stay(found: Rounds) -> None:
    sites = found.sites.set_index("site")
    assert set(sites.index[sites["call"] == "moved"]) == set(MOVED)
    assert found.steps["movers"].item() == pytest.approx(2, abs=0.5)
    assert found.steps["movers_low"].item() <= 2 <= found.steps["movers_high"].item()
    assert found.steps["movers_found"].item()


def test_every_site_of_either_round_is_accounted_for(found: Rounds) -> None:
    status = found.sites.set_index("site")["status"]
    assert len(status) == 31
    assert status["Site 10"] == "only in 2022"
    assert status["Site 99"] == "only in 2024"
    assert status["Site 09"] == "not enough data in 2024"
    assert status["Site 07"].startswith("not enough data in")
    assert "not enough data" in found.sites.set_index("site").loc["Site 09", "why"]
    assert (status == "followed").sum() == found.steps["followed"].item() == 27


def test_transitions_are_shares_that_add_up(found: Rounds) -> None:
    sums = found.transitions.groupby("from_type")["share"].sum()
    np.testing.assert_allclose(sums, 1.0)
    assert found.transitions["expected_sites"].sum() == pytest.approx(27)
    assert found.transitions["naive_sites"].sum() == 27
    assert (found.transitions["low"] <= found.transitions["high"]).all()


def test_the_types_bear_the_numbers_of_the_typology_on_both_sides(
    found: Rounds, typed: Typology
) -> None:
    sites = found.sites.set_index("site")
    stayed = sites[sites["call"] == "stayed"]
    assert (stayed["from_type"] == typed.labels[stayed.index]).all()
    assert found.flows[0].numbers == {kind: kind for kind in typed.names}
    assert found.flows[0].flow["sites"].sum() == 29


def test_the_order_of_the_sites_does_not_matter(typed: Typology, found: Rounds) -> None:
    profiles = joined({"2022": typed.profiles, "2024": later_round(typed.profiles)})
    turned = profiles.select(sites=profiles.sites[::-1])
    again = follow_rounds(
        typed.assigner, turned, base="2022", rounds=["2022", "2024"], seed=1, replicates=19
    )
    first, second = (each.sites.set_index("site")["p_moved"] for each in (found, again))
    np.testing.assert_allclose(first, second[first.index], atol=0.03)


def test_a_table_that_serves_both_rounds_says_nothing_of_moves(typed: Typology) -> None:
    second = later_round(typed.profiles)
    second.values["need"] = typed.profiles.values["need"].to_numpy()
    missing = second.values["need"].isna()
    second.standard_errors["need"] = second.standard_errors["need"].fillna(0.5).mask(missing)
    second.reasons["need"] = np.where(missing, "not answered", "")
    profiles = joined({"1": typed.profiles, "2": second})
    again = follow_rounds(typed.assigner, profiles, base="1", seed=1, replicates=19)
    assert again.repeated == {"2": ("need",)}
    assert any("one table serves both" in sentence for sentence in summary(again))


def test_a_shift_of_all_sites_is_drift_and_no_move(typed: Typology) -> None:
    profiles = joined({"1": typed.profiles, "2": later_round(typed.profiles, shift=1.5)})
    shifted = follow_rounds(typed.assigner, profiles, base="1", seed=1, replicates=19)
    assert set(shifted.sites.loc[shifted.sites["call"] == "moved", "site"]) == set(MOVED)
    drift = shifted.drift.set_index("feature")
    # Two sites that move by 12 SDs blur the mean of one feature.
    assert (drift.loc[BUILD, "p_holm"] < 0.05).sum() >= 4
    np.testing.assert_allclose(drift.loc[BUILD, "level"], 1.5, atol=0.6)
    assert shifted.advice.counsel == "refit"


def test_unchanged_rounds_are_not_refitted(found: Rounds) -> None:
    assert found.advice.counsel != "refit"
    assert found.fit[0].p_types > 0.05
    assert 0 <= found.fit[0].power <= 1


def test_a_typology_that_claims_nothing_gets_drift_and_no_advice_to_keep(
    untyped: Typology,
) -> None:
    profiles = joined({"1": untyped.profiles, "2": later_round(untyped.profiles)})
    again = follow_rounds(untyped.assigner, profiles, base="1", seed=1, replicates=19)
    assert again.advice.counsel != "keep"
    assert again.steps["movers"].item() == 0
    assert len(again.drift) == len(BUILD)


def test_rounds_that_are_not_there_are_refused_with_those_that_are(typed: Typology) -> None:
    profiles = joined({"1": typed.profiles, "2": later_round(typed.profiles)})
    with pytest.raises(StudyError) as told:
        follow_rounds(typed.assigner, profiles, base="1", rounds=["2", "3", "2"])
    assert "round 3  Not among the profiles. Rounds: 1, 2." in str(told.value)
    assert "round 2  Named twice" in str(told.value)
    assert "fitted to round 1; take it in" in str(told.value)


def test_rounds_without_a_site_in_common_are_refused(typed: Typology) -> None:
    other = later_round(typed.profiles)
    frame = other.values.droplevel("round").rename(index=lambda site: f"New {site}")
    moved = SiteProfiles.from_frame(
        frame, frame[BUILD] * 0 + 0.5, kinds={info.name: info for info in other.features}
    )
    with pytest.raises(StudyError, match="No site is in two rounds"):
        follow_rounds(
            typed.assigner, joined({"1": typed.profiles, "2": moved}), base="1", replicates=19
        )


# --- Drift ---------------------------------------------------------------------------------------


def test_drift_of_exact_values_is_the_paired_t_test() -> None:
    """Changes 1, 2, 3, 2: mean 2, SE .408, t = 4.899 with 3 df, p = .0163."""
    index = pd.MultiIndex.from_product([list("ABCD"), ["1", "2"]], names=["site", "round"])
    values = pd.DataFrame({"x": [0.0, 1, 1, 3, 2, 5, 3, 5]}, index)
    row = drift_table(SiteProfiles.from_frame(values)).iloc[0]
    assert row["change"] == pytest.approx(2.0)
    assert row["p"] == pytest.approx(0.016282, abs=1e-5)
    assert row["high"] == pytest.approx(2 + 3.182446 * 0.408248, abs=1e-5)
    assert row["change_sd"] == pytest.approx(2 / np.std([0, 1, 2, 3], ddof=1))


def test_units_scale_drift_and_leave_its_p_values() -> None:
    rng = np.random.default_rng(1)
    index = pd.MultiIndex.from_product([range(12), ["1", "2"]], names=["site", "round"])
    values = pd.DataFrame({"x": rng.normal(size=24)}, index)
    one = drift_table(SiteProfiles.from_frame(values, values * 0 + 0.4)).iloc[0]
    ten = drift_table(SiteProfiles.from_frame(values * 10, values * 0 + 4)).iloc[0]
    assert ten["change"] == pytest.approx(10 * one["change"], rel=1e-4)
    assert ten["p"] == pytest.approx(one["p"], rel=1e-3)


# --- Fit and advice ------------------------------------------------------------------------------


def test_optimism_taken_back_is_that_of_one_way_analysis_of_variance() -> None:
    """Without error: kept share sqrt(1 - (k - 1) q / (n B)), B in within-type units."""
    from site_typology.models.mixture import TypeModel
    from site_typology.models.working import exact_data

    model = TypeModel(np.array([0.5, 0.5]), np.array([[-1.0], [1.0]]), np.eye(1))
    found = without_optimism(model, exact_data(np.linspace(-2, 2, 10)[:, None]))
    np.testing.assert_allclose(found.means[1], np.sqrt(1 - 0.1))
    np.testing.assert_array_equal(found.covariance, model.covariance)


FIT = FitTest("2", 50, -10.0, -10.0, 0.4, 0.5, 0.0, 0.0, 1.0, 0.9, 99)


@pytest.mark.parametrize(
    ("claimed", "fit", "level", "unclear", "counsel"),
    [
        (True, {}, 0.1, 1, "keep"),
        (True, {"p_types": 0.01}, 0.1, 1, "refit"),
        (True, {"p_none": 0.02}, 0.1, 1, "refit"),
        (True, {}, 0.9, 1, "refit"),
        (True, {"power": 0.3}, 0.1, 1, "collect more"),
        (True, {}, 0.1, 6, "collect more"),
        (False, {}, 0.1, 1, "collect more"),
    ],
)
def test_the_advice_follows_its_rules(
    claimed: bool, fit: dict[str, float], level: float, unclear: int, counsel: str
) -> None:
    sites = pd.DataFrame({"from_round": "1", "to_round": "2", "status": ["followed"] * 20})
    steps = pd.DataFrame(
        {"from_round": ["1"], "to_round": ["2"], "followed": [20], "unclear": [unclear]}
    )
    drift = pd.DataFrame({"p_holm": [0.01, 0.6], "level_sd": [level, 3.0]})
    advice = advise(claimed, sites, steps, drift, [dataclasses.replace(FIT, **fit)])
    assert advice.counsel == counsel
    assert all(isinstance(rule, Rule) for rule in advice.rules)


# --- Files, command, MLflow ----------------------------------------------------------------------


def test_files_come_whole_and_escape_what_people_wrote(found: Rounds, tmp_path: Path) -> None:
    names = {kind: f"<b>{name}</b>" for kind, name in found.names.items()}
    hostile = dataclasses.replace(
        found, names=names, sites=found.sites.replace("Site 00", "=<script>1</script>")
    )
    out = write_rounds(tmp_path / "out", hostile)
    assert {path.name for path in out.iterdir()} == {*FILES, "flow-2022-2024.svg"}
    page = (out / "rounds.html").read_text(encoding="utf-8")
    assert "<script>" not in page
    assert "<b>" not in page
    assert "'=<script>" in (out / "sites.csv").read_text(encoding="utf-8")
    kept = json.loads((out / "rounds.json").read_text(encoding="utf-8"))
    assert kept["advice"]["counsel"] == found.advice.counsel
    assert len(kept["transitions"]) == 9


def test_runs_are_linked_with_the_typology_and_with_earlier_rounds(
    found: Rounds, typed: Typology, tmp_path: Path
) -> None:
    out = write_rounds(tmp_path / "out", found)
    store = choose_store(tmp_path)
    client = open_store(store)
    with tracking(store):
        experiment = client.create_experiment("study", artifact_location=tmp_path.as_uri())
        tags = {"kind": "summary", "data_hash": typed.profiles.hash, "seed": "5", "k": "3"}
        summary_run = client.create_run(experiment, tags=tags).info.run_id
    first = log_rounds(found, typed, "study", store, folder=out)
    second = log_rounds(found, typed, "study", store, folder=out)
    with tracking(store):
        run = client.get_run(second)
        files = {item.path for item in client.list_artifacts(second)}
    assert run.data.tags["typology_run"] == summary_run
    assert run.data.tags["earlier_rounds_run"] == first
    assert run.data.tags["rounds"] == "2022, 2024"
    assert run.info.status == "FINISHED"
    assert run.data.metrics["movers/2022-2024"] == found.steps["movers"].item()
    assert set(FILES) <= files


def test_the_command_follows_a_study_of_two_rounds(
    tmp_path: Path, quick: object, capsys: pytest.CaptureFixture[str]
) -> None:
    from site_typology import Study, propose

    study = simulate(tmp_path / "study", scenario="well_measured", sites=30, seed=1)
    typology = propose(Study.load(study).typology_profiles(), seed=1, settings=quick)
    typology.save(tmp_path / "run" / "typology")
    arguments = ["rounds", str(study), "--model", str(tmp_path / "run")]
    out = tmp_path / "out"
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--out", str(out), "--replicates", "19", "--json"])
    assert ended.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rounds"] == ["1", "2"]
    assert told["base"] == "2"
    assert told["repeated"]["1"]
    assert told["steps"][0]["called"] == 0
    assert (out / "rounds.html").is_file()
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--out", str(out), "--from", "7"])
    assert ended.value.code == 2
    assert "round 7  Not among the profiles. Rounds: 1, 2." in capsys.readouterr().err
