import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from site_typology.errors import StudyError
from site_typology.simulated_answers import Codes, expected_mean, with_gaps
from site_typology.simulated_informants import INFORMANT_SD, ORIENTATION, draw_informants
from site_typology.simulated_informants import expected_time as expected_time_of
from site_typology.simulated_scenarios import SCENARIOS
from site_typology.simulated_settings import true_mix
from site_typology.simulated_truth import draw_truth
from site_typology.simulation import simulate

FILES = {
    "activity.csv",
    "establishment.csv",
    "key_informants.sav",
    "participating_settings.csv",
    "settings.csv",
    "settings_links.csv",
    "settings_survey.csv",
    "sites.csv",
    "study.toml",
    "truth/census.csv",
    "truth/levels.csv",
    "truth/parameters.json",
    "truth/profiles.csv",
    "truth/types.csv",
    "workforce.csv",
}


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def trailblazer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published situation, with more sites so that averages can be told."""
    return simulate(tmp_path_factory.mktemp("sim") / "t", sites=150, seed=11).parent


def read_survey(folder: Path) -> tuple[list[list[str]], pd.DataFrame]:
    with (folder / "settings_survey.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    return rows[:3], pd.DataFrame(rows[3:], columns=rows[0])


def read_workforce(folder: Path) -> pd.DataFrame:
    return pd.read_csv(
        folder / "workforce.csv", dtype={"employee_id": str}, parse_dates=["start_date", "end_date"]
    )


def test_same_arguments_same_bytes(tmp_path: Path) -> None:
    first = simulate(tmp_path / "a", scenario="well_measured", sites=12, seed=5).parent
    again = simulate(tmp_path / "b", scenario="well_measured", sites=12, seed=5).parent
    other = simulate(tmp_path / "c", scenario="well_measured", sites=12, seed=6).parent
    assert set(contents(first)) == FILES
    assert contents(first) == contents(again)
    same = {name for name, content in contents(first).items() if content == contents(other)[name]}
    assert same == {"study.toml"}


def test_the_time_of_writing_leaves_no_trace(trailblazer: Path) -> None:
    _, meta = pyreadstat.read_sav(trailblazer / "key_informants.sav", metadataonly=True)
    assert str(meta.creation_time) == "2022-02-28 12:00:00"


def test_an_earlier_simulation_is_replaced_and_other_files_stay(tmp_path: Path) -> None:
    folder = simulate(tmp_path / "s", sites=8, seed=1).parent
    (folder / "notes.txt").write_text("mine")
    simulate(folder, sites=9, seed=1)
    assert len(pd.read_csv(folder / "sites.csv")) == 9
    assert (folder / "notes.txt").read_text() == "mine"
    assert not [path for path in tmp_path.iterdir() if path != folder]


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(StudyError, match="holds no earlier simulation"):
        simulate(tmp_path, seed=1)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(StudyError, match="is a file"):
        simulate(tmp_path / "thesis.txt", seed=1)


def test_every_wrong_argument_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError) as caught:
        simulate(
            tmp_path / "s",
            scenario="nowhere",
            sites=0,
            types=6,
            separation=-1,
            informants=0.5,
            response=0,
            missingness=1,
            seed=-1,
        )
    assert [problem.where for problem in caught.value.problems] == [
        "scenario",
        "sites",
        "types",
        "separation",
        "informants",
        "response",
        "missingness",
        "seed",
    ]
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("wrong", [{"sites": 2.5}, {"sites": True}, {"response": float("nan")}])
def test_numbers_of_the_wrong_kind_are_refused(tmp_path: Path, wrong: dict[str, float]) -> None:
    with pytest.raises(StudyError, match=next(iter(wrong))):
        simulate(tmp_path / "s", seed=1, **wrong)


def test_types_need_sites(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="4 types need 12 sites or more; found 11"):
        simulate(tmp_path / "s", sites=11, types=4, seed=1)


@pytest.mark.parametrize("k", [2, 3, 4, 5])
def test_types_are_equally_far_apart_and_spread_over_all_dimensions(k: int) -> None:
    scenario = dataclasses.replace(SCENARIOS["well_measured"], types=k, separation=7.0, sites=40)
    truth = draw_truth(scenario, np.random.SeedSequence(3))
    inverse = np.linalg.inv(truth.correlation)
    for a in range(k):
        for b in range(a):
            step = truth.type_means[a] - truth.type_means[b]
            assert step @ inverse @ step == pytest.approx(49.0)
    assert (np.ptp(truth.type_means, axis=0) > 0.2).all()


def test_levels_have_the_stated_covariance_within_types() -> None:
    scenario = dataclasses.replace(SCENARIOS["well_measured"], sites=20_000)
    truth = draw_truth(scenario, np.random.SeedSequence(4))
    within = truth.levels[-1] - truth.type_means[truth.types - 1]
    assert np.cov(within.T) == pytest.approx(truth.correlation, abs=0.04)
    assert np.bincount(truth.types)[1:].tolist() == [10_000, 6_000, 4_000]
    assert truth.levels[-1].mean(axis=0) == pytest.approx(np.zeros(16), abs=0.1)


@pytest.mark.parametrize("types", [0, 1])
def test_one_population_has_no_types(tmp_path: Path, types: int) -> None:
    folder = simulate(tmp_path / "s", sites=6, types=types, seed=1).parent
    listed = pd.read_csv(folder / "truth" / "types.csv", dtype=str, keep_default_na=False)
    assert listed["type"].tolist() == [""] * 6


def test_types_are_written_apart(tmp_path: Path) -> None:
    folder = simulate(tmp_path / "s", sites=20, types=3, seed=1).parent
    listed = pd.read_csv(folder / "truth" / "types.csv")
    assert listed["type"].value_counts().to_dict() == {1: 10, 2: 6, 3: 4}
    assert listed["site"].tolist() == pd.read_csv(folder / "sites.csv")["site"].tolist()
    content = json.loads((folder / "truth" / "parameters.json").read_text())
    assert (content["scenario"], content["types"], content["seed"]) == ("trailblazer", 3, 1)


def test_expected_scale_is_what_many_informants_say() -> None:
    scenario = dataclasses.replace(SCENARIOS["trailblazer"], sites=3)
    truth = draw_truth(scenario, np.random.SeedSequence(8))
    survey = draw_informants(truth, np.full(3, 60_000), 1.0, 0.0, np.random.SeedSequence(9))
    frame = survey.rows
    frame = frame[frame["round"] == 2]
    items = frame[list(ORIENTATION.items)].copy()
    items[list(ORIENTATION.reverse)] = 6 - items[list(ORIENTATION.reverse)]
    told = items.mean(axis=1).groupby(frame["site"]).mean()
    true = expected_mean(ORIENTATION, truth.value("orientation"), INFORMANT_SD)
    assert told.to_numpy() == pytest.approx(true, abs=0.01)
    asked = frame[frame["role"] != 5]
    percent = asked[["time_direct", "time_indirect", "time_whole_school"]]
    assert (percent.sum(axis=1) == 100).all()
    split = percent.groupby(asked["site"]).mean().to_numpy() / 100
    assert split == pytest.approx(expected_time_of(truth), abs=0.01)
    census = survey.census.xs("2", level="round")
    assert census["whole_school_orientation"].to_numpy() == pytest.approx(told.to_numpy())
    assert census["time.direct"].to_numpy() == pytest.approx(split[:, 0])


def test_gaps_are_as_many_as_asked_and_more_under_strain() -> None:
    codes = Codes(not_applicable=-7, dont_know=-8, refused=-9, skipped=np.nan)
    rng = np.random.default_rng(1)
    calm = with_gaps(np.full(100_000, 3.0), np.zeros(100_000), 0.2, codes, rng)
    strained = with_gaps(np.full(100_000, 3.0), np.full(100_000, 1.5), 0.2, codes, rng)
    assert (calm != 3).mean() == pytest.approx(0.2, abs=0.01)
    assert (calm == -8).mean() == pytest.approx(0.1, abs=0.01)
    assert (strained != 3).mean() == pytest.approx(0.2 * np.exp(0.45), abs=0.01)


def test_teams_and_settings_are_as_published(trailblazer: Path) -> None:
    sites = pd.read_csv(trailblazer / "sites.csv")
    links = pd.read_csv(trailblazer / "participating_settings.csv")
    assert sites["teams"].mean() == pytest.approx(58 / 25, abs=0.25)
    assert len(links) / sites["teams"].sum() == pytest.approx(1050 / 58, rel=0.1)
    assert sites["settings_invited"].sum() == len(links)


def icc1(score: pd.Series, site: pd.Series) -> float:
    """ICC(1) of unequal groups from the one-way analysis of variance."""
    groups = score.groupby(site)
    counts, total = groups.size(), len(score)
    between = (counts * (groups.mean() - score.mean()) ** 2).sum() / (len(counts) - 1)
    within = ((score - groups.transform("mean")) ** 2).sum() / (total - len(counts))
    size = (total - (counts**2).sum() / total) / (len(counts) - 1)
    return float((between - within) / (between + (size - 1) * within))


def test_climate_scales_carry_little_between_sites(trailblazer: Path) -> None:
    _, survey = read_survey(trailblazer)
    links = pd.read_csv(trailblazer / "participating_settings.csv", dtype=str)
    rows = survey[survey["Status"] == "0"].merge(links, on="URN")
    found = []
    for items, reverse in (
        ([f"Q2_{at}" for at in range(1, 7)], ["Q2_3", "Q2_5"]),
        ([f"Q3_{at}" for at in range(1, 5)], ["Q3_4"]),
    ):
        answers = rows[items].apply(pd.to_numeric, errors="coerce")
        answers = answers.where(answers.isin([1, 2, 3, 4, 5]))
        answers[reverse] = 6 - answers[reverse]
        for _, scores in answers.mean(axis=1).dropna().groupby(rows["Round"]):
            found.append(icc1(scores, rows.loc[scores.index, "site"]))
    assert len(found) == 4
    assert 0.03 < np.mean(found) < 0.10


def test_leavers_are_as_many_as_published(trailblazer: Path) -> None:
    staff = read_workforce(trailblazer)
    staff = staff[staff["role"].isin(["EMHP", "EMHP trainee"])]
    staff = staff[staff["assignment_category"] != "Bank"]
    start, end = pd.Timestamp("2020-01-01"), pd.Timestamp("2021-12-31")
    stays = staff.groupby("employee_id").agg(
        start=("start_date", "min"), end=("end_date", lambda ends: ends.max(skipna=False)),
        last=("leaving_reason", "last"),
    )  # fmt: skip
    until = stays["end"].fillna(pd.Timestamp("2030-01-01"))
    days = (until.clip(upper=end) - stays["start"].clip(lower=start)).dt.days.clip(lower=0)
    left = until.between(start, end) & (stays["last"] != "End of fixed term contract")
    assert 0.22 <= left.sum() / (days.sum() / 365.25) <= 0.26


def test_staff_histories_hold_together(trailblazer: Path) -> None:
    staff = read_workforce(trailblazer)
    assert staff["assignment_number"].is_unique
    over = staff.dropna(subset="end_date")
    assert (over["end_date"] > over["start_date"]).all()
    assert (over["leaving_reason"].notna() & (over["end_date"] <= "2022-02-28")).all()
    assert staff.loc[staff["end_date"].isna(), "leaving_reason"].isna().all()
    at = pd.Timestamp("2021-12-31")
    now = staff[(staff["start_date"] <= at) & ~(staff["end_date"] <= at)]
    assert now.groupby("employee_id")["fte"].sum().max() <= 1.0 + 1e-9
    assert (now.groupby("employee_id").size() == 2).mean() > 0.02
    assert set(staff["assignment_category"]) == {"Permanent", "Fixed term", "Bank"}
    funded = pd.read_csv(trailblazer / "establishment.csv").groupby("site")["funded_fte"].sum()
    filled = now.groupby("site")["fte"].sum().reindex(funded.index, fill_value=0)
    assert (filled <= funded + 1e-9).all()
    assert 1 - filled.sum() / funded.sum() == pytest.approx(0.13, abs=0.03)


def test_response_and_returns_are_worse_where_posts_are_vacant(trailblazer: Path) -> None:
    truth = pd.read_csv(trailblazer / "truth" / "profiles.csv", dtype={"round": str})
    vacancy = truth[truth["round"] == "2"].set_index("site")["vacancy_rate"]
    invited = pd.read_csv(trailblazer / "sites.csv", index_col="site")["key_informants_invited"]
    frame, _ = pyreadstat.read_sav(trailblazer / "key_informants.sav")
    answered = frame.groupby("site").size().reindex(invited.index, fill_value=0)
    rate = answered / (2 * invited)
    assert rate.mean() == pytest.approx(0.3, abs=0.04)
    assert rate.corr(vacancy.reindex(invited.index)) < -0.3
    returned = set(read_workforce(trailblazer)["site"])
    assert 0.75 < len(returned) / len(invited) < 0.95
    assert vacancy[~vacancy.index.isin(returned)].mean() > vacancy.mean()


def test_spss_file_keeps_labels_and_reasons(trailblazer: Path) -> None:
    frame, meta = pyreadstat.read_sav(trailblazer / "key_informants.sav", user_missing=True)
    assert set(frame["o1"].dropna()) == {-9, -8, -7, 1, 2, 3, 4, 5}
    assert frame["o1"].isna().any()
    assert meta.variable_value_labels["o1"][-8] == "Don't know"
    assert meta.column_names_to_labels["o3"] == "The team is first of all a treatment service"
    assert {each["lo"] for each in meta.missing_ranges["time_direct"]} == {-7, -8, -9}
    turned = frame.where(frame[["o1", "o3"]] > 0)[["o1", "o3"]].corr().loc["o1", "o3"]
    assert turned < -0.1


def test_settings_survey_is_a_qualtrics_export(trailblazer: Path) -> None:
    header, survey = read_survey(trailblazer)
    assert header[0][:3] == ["StartDate", "EndDate", "Status"]
    assert header[1][0] == "Start Date"
    assert json.loads(header[2][0]) == {"ImportId": "startDate", "timeZone": "Europe/London"}
    assert {"IPAddress", "RecipientEmail", "RecipientLastName"} <= set(survey)
    assert survey["ResponseId"].is_unique
    assert (survey["Status"] == "1").sum() == 6
    assert set(survey["Q3_4"]) == {"", "1", "2", "3", "4", "5", "8", "9", "-99"}
    assert set(survey.loc[survey["Status"] == "0", "Round"]) == {"1", "2"}
    assert 0 < (survey["URN"] == "999999").sum() < 40


def test_settings_list_has_the_shape_of_the_register(trailblazer: Path) -> None:
    raw = (trailblazer / "settings.csv").read_bytes()
    with pytest.raises(UnicodeDecodeError):
        raw.decode("utf-8")
    register = pd.read_csv(
        trailblazer / "settings.csv", dtype=str, encoding="cp1252", keep_default_na=False
    )
    assert register["URN"].is_unique
    assert register["EstablishmentName"].str.contains("’").any()
    assert set(register["EstablishmentStatus (name)"]) == {"Open", "Closed"}
    closed = register["EstablishmentStatus (name)"] == "Closed"
    assert register.loc[closed, "CloseDate"].str.fullmatch(r"\d\d-\d\d-\d{4}").all()
    assert (register.loc[~closed, "CloseDate"] == "").all()
    colleges = register["PhaseOfEducation (name)"] == "16 plus"
    assert (register.loc[colleges, "NumberOfPupils"] == "").all()
    special = register["TypeOfEstablishment (code)"].isin(
        ["07", "08", "10", "12", "33", "36", "44"]
    )
    assert (register.loc[special, "PhaseOfEducation (name)"] == "Not applicable").all()
    links = pd.read_csv(trailblazer / "participating_settings.csv", dtype=str)
    assert set(links["URN"]) < set(register["URN"])


def test_settings_follow_the_true_mix() -> None:
    scenario = dataclasses.replace(SCENARIOS["well_measured"], sites=50)
    mix = true_mix(draw_truth(scenario, np.random.SeedSequence(2)))
    assert mix.sum(axis=1) == pytest.approx(np.ones(50))
    assert (mix.std(axis=0)[1:3] > 0.03).all()


def test_routine_activity_hardly_shows_whole_school_work(trailblazer: Path) -> None:
    activity = pd.read_csv(trailblazer / "activity.csv")
    minutes = pd.to_numeric(activity["minutes"], errors="coerce")
    shares = minutes.groupby(activity["function"]).sum() / minutes.sum()
    truth = pd.read_csv(trailblazer / "truth" / "profiles.csv")
    assert shares["whole_school"] < truth["time.whole_school"].mean() / 3
    assert shares["direct"] > truth["time.direct"].mean()
    assert (activity["minutes"] == "x").mean() == pytest.approx(0.02, abs=0.01)


@pytest.mark.parametrize("sites", [1, 2, 3])
def test_few_sites_can_be_simulated(tmp_path: Path, sites: int) -> None:
    folder = simulate(tmp_path / "s", sites=sites, response=0.01, missingness=0.8, seed=2).parent
    assert len(pd.read_csv(folder / "sites.csv")) == sites
    assert set(contents(folder)) == FILES


def test_nobody_answering_still_makes_files(tmp_path: Path) -> None:
    folder = simulate(tmp_path / "s", sites=2, response=1e-6, seed=2).parent
    frame, _ = pyreadstat.read_sav(folder / "key_informants.sav")
    assert len(frame) == 0
    header, survey = read_survey(folder)
    assert len(survey) == 0
    assert len(header) == 3


def test_everybody_answering(tmp_path: Path) -> None:
    folder = simulate(tmp_path / "s", sites=3, response=1, missingness=0, seed=2).parent
    invited = pd.read_csv(folder / "sites.csv")["key_informants_invited"].sum()
    frame, _ = pyreadstat.read_sav(folder / "key_informants.sav")
    assert len(frame) == 2 * invited
    assert not frame["o1"].isna().any()
