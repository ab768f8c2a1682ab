"""The settings survey of a simulated study, as a Qualtrics export with three header rows."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd

from site_typology.simulated_answers import (
    Codes,
    Scale,
    Survey,
    census_of,
    draw_answers,
    draw_respondents,
    scale_scores,
    with_gaps,
)
from site_typology.simulated_scenarios import ROUNDS, SETTINGS_RESPONSE, Scenario
from site_typology.simulated_truth import Floats, Truth

WSA_SUPPORT = Scale(
    "wsa_support",
    "wsa_support",
    ("Q2_1", "Q2_2", "Q2_3", "Q2_4", "Q2_5", "Q2_6"),
    ("Q2_3", "Q2_5"),
    (
        "The team has helped us to plan for wellbeing in the whole school",
        "Our staff feel more able to support pupils since working with the team",
        "The team has little to do with what we do for all pupils",
        "The team takes part in meetings on our policies",
        "We would plan for wellbeing in the same way without the team",
        "Parents and carers hear from the team through us",
    ),
)
ACCESS = Scale(
    "access",
    "access",
    ("Q3_1", "Q3_2", "Q3_3", "Q3_4"),
    ("Q3_4",),
    (
        "It is clear to us whom we can refer",
        "Pupils are seen soon after we refer them",
        "The team tells us what came of a referral",
        "Too many of our referrals are turned down",
    ),
)
SCALES = (WSA_SUPPORT, ACCESS)
CODES = Codes(not_applicable=9.0, dont_know=8.0, refused=-99.0, skipped=-99.0)
"""Codes in the export; a question seen and left empty is -99."""
DAYS_CODES = Codes(not_applicable=-97.0, dont_know=-98.0, refused=-99.0, skipped=-99.0)
_PREVIEWS = 6
_UNKNOWN_URN = 0.01
_LEFT_EARLY = 0.06

PERSONAL = (
    "IPAddress", "RecipientLastName", "RecipientFirstName", "RecipientEmail",
    "LocationLatitude", "LocationLongitude",
)  # fmt: skip
_TEXTS = {
    "StartDate": "Start Date",
    "EndDate": "End Date",
    "Status": "Response Type",
    "IPAddress": "IP Address",
    "Progress": "Progress",
    "Duration (in seconds)": "Duration (in seconds)",
    "Finished": "Finished",
    "RecordedDate": "Recorded Date",
    "ResponseId": "Response ID",
    "RecipientLastName": "Recipient Last Name",
    "RecipientFirstName": "Recipient First Name",
    "RecipientEmail": "Recipient Email",
    "ExternalReference": "External Data Reference",
    "LocationLatitude": "Location Latitude",
    "LocationLongitude": "Location Longitude",
    "DistributionChannel": "Distribution Channel",
    "UserLanguage": "User Language",
    "Q4": "In the past year, have staff of your setting had training from the team?",
    "Q5": "On about how many days a month is someone from the team in your setting?",
    "URN": "URN",
    "Round": "Round",
}
_IMPORT_IDS = {
    "StartDate": "startDate",
    "EndDate": "endDate",
    "Status": "status",
    "IPAddress": "ipAddress",
    "Progress": "progress",
    "Duration (in seconds)": "duration",
    "Finished": "finished",
    "RecordedDate": "recordedDate",
    "ResponseId": "_recordId",
    "RecipientLastName": "recipientLastName",
    "RecipientFirstName": "recipientFirstName",
    "RecipientEmail": "recipientEmail",
    "ExternalReference": "externalDataReference",
    "LocationLatitude": "locationLatitude",
    "LocationLongitude": "locationLongitude",
    "DistributionChannel": "distributionChannel",
    "UserLanguage": "userLanguage",
    "URN": "URN",
    "Round": "Round",
}


def draw_settings_survey(
    truth: Truth, participation: pd.DataFrame, scenario: Scenario, seed: np.random.SeedSequence
) -> Survey:
    """Draw the answers of settings in all rounds, one questionnaire a setting and round.

    Parameters
    ----------
    truth : Truth
    participation : DataFrame
        Columns ``URN, site``, in the order of sites.
    scenario : Scenario
    seed : SeedSequence

    Returns
    -------
    Survey
        One row a questionnaire that came back, all columns of the export, all text.
    """
    rng = np.random.default_rng(seed)
    strain = truth.strain()
    everyone = np.searchsorted(np.array(truth.sites), participation["site"].to_numpy())
    invited = np.bincount(everyone, minlength=len(strain))
    response = scenario.response * SETTINGS_RESPONSE
    rounds, census = [], []
    for round_at, name in enumerate(ROUNDS):
        answers = draw_answers(SCALES, truth, everyone, round_at, scenario.climate_noise, rng)
        scores = scale_scores(SCALES, answers)
        trained = rng.random(len(everyone)) < truth.value("training", round_at)[everyone]
        answers["Q4"] = np.where(trained, 1.0, 2.0)
        days = rng.poisson(truth.value("contact_days", round_at)[everyone])
        answers["Q5"] = np.minimum(days, 31).astype(float)
        scores |= {"staff_training": trained.astype(float), "contact_days": answers["Q5"]}
        census.append(census_of(scores, truth, everyone, name))
        responding = draw_respondents(invited, response, strain, rng)
        given = {question: answer[responding] for question, answer in answers.items()}
        rows = _with_codes(given, strain[everyone[responding]], scenario.missingness, rng)
        rows["URN"] = participation["URN"].to_numpy()[responding]
        rows["Round"] = name
        rounds.append(_with_metadata(rows, round_at, rng))
    frame = pd.concat(rounds, ignore_index=True)
    return Survey(_with_faults(frame, rng), pd.concat(census))


def _with_codes(
    answers: dict[str, Floats], strain: Floats, missingness: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Answers as text, with the codes of the export where there is none."""
    columns = {
        question: with_gaps(
            answer, strain, missingness, DAYS_CODES if question == "Q5" else CODES, rng
        )
        for question, answer in answers.items()
    }
    return pd.DataFrame(columns).astype(int).astype(str)


def _with_metadata(answers: pd.DataFrame, round_at: int, rng: np.random.Generator) -> pd.DataFrame:
    """Put before the answers what the survey software records about each response."""
    size = len(answers)
    opened = pd.Timestamp(2020 + round_at, 11, 2, 9)
    start = opened + pd.to_timedelta(rng.integers(0, 90 * 86_400, size), unit="s")
    seconds = rng.integers(240, 2400, size)
    end = start + pd.to_timedelta(seconds, unit="s")
    host = rng.integers(1, 255, size)
    metadata = pd.DataFrame(
        {
            "StartDate": start.strftime("%Y-%m-%d %H:%M:%S"),
            "EndDate": end.strftime("%Y-%m-%d %H:%M:%S"),
            "Status": "0",
            "IPAddress": [f"192.0.2.{number}" for number in host],
            "Progress": "100",
            "Duration (in seconds)": seconds.astype(str),
            "Finished": "1",
            "RecordedDate": end.strftime("%Y-%m-%d %H:%M:%S"),
            "ResponseId": [f"R_{number:015x}" for number in rng.integers(0, 2**59, size)],
            "RecipientLastName": [f"Lastname{number}" for number in host],
            "RecipientFirstName": [f"Firstname{number}" for number in host],
            "RecipientEmail": [f"lead{number}@example.org" for number in host],
            "ExternalReference": "",
            "LocationLatitude": np.round(51 + 3 * rng.random(size), 4).astype(str),
            "LocationLongitude": np.round(-3 + 3 * rng.random(size), 4).astype(str),
            "DistributionChannel": "email",
            "UserLanguage": "EN-GB",
        },
        index=answers.index,
    )
    return pd.concat([metadata, answers], axis=1)


def _with_faults(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Add what exports carry: early exits, mistyped URNs, and previews of the survey's makers."""
    size = len(frame)
    questions = [column for column in frame if column.startswith("Q")]
    early = rng.random(size) < _LEFT_EARLY
    answered = rng.integers(1, len(questions), size)
    for place, question in enumerate(questions):
        frame[question] = frame[question].mask(early & (place >= answered), "")
    progress = np.rint(100 * answered / len(questions)).astype(int).astype(str)
    frame["Progress"] = frame["Progress"].mask(early, pd.Series(progress, index=frame.index))
    frame["Finished"] = frame["Finished"].mask(early, "0")
    frame["URN"] = frame["URN"].mask(rng.random(size) < _UNKNOWN_URN, "999999")
    if size == 0:
        return frame
    previews = frame.iloc[rng.integers(0, size, _PREVIEWS)].assign(
        Status="1", IPAddress="", URN="", DistributionChannel="preview"
    )
    previews["ResponseId"] = [f"R_preview{at:07d}" for at in range(_PREVIEWS)]
    return pd.concat([previews, frame], ignore_index=True).sort_values(
        ["StartDate", "ResponseId"], kind="stable"
    )


def write_settings_survey(frame: pd.DataFrame, path: Path) -> None:
    """Write the export: names, question texts, import ids, then the responses.

    Parameters
    ----------
    frame : DataFrame
        From `draw_settings_survey`.
    path : Path
        A ``.csv`` file to write, UTF-8 with byte order mark as Qualtrics does.
    """
    texts = dict(_TEXTS)
    for scale in SCALES:
        for item, wording in zip(scale.items, scale.wording, strict=True):
            texts[item] = f"How far do you agree with these statements? - {wording}"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(frame.columns)
        writer.writerow([texts[column] for column in frame])
        writer.writerow([_import_id(column) for column in frame])
        writer.writerows(frame.itertuples(index=False))


def _import_id(column: str) -> str:
    content = {"ImportId": _IMPORT_IDS.get(column, f"QID{column.removeprefix('Q')}")}
    if column in ("StartDate", "EndDate", "RecordedDate"):
        content["timeZone"] = "Europe/London"
    return json.dumps(content, separators=(",", ":"))
