"""The key-informant survey of a simulated study, as an SPSS file with user-missing codes."""

from __future__ import annotations

import errno
import warnings
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
from site_typology.simulated_scenarios import ROUNDS
from site_typology.simulated_truth import Floats, Truth

INFORMANT_SD = 0.45
"""SD of key informants of one site, points of a 1-5 scale: 1.5 times that of sites (EVIDENCE)."""
TIME_NOISE = 0.525
"""SD of key informants' reports of the time split in log-ratios: 1.5 times that of sites."""
TIME_BASE = {"direct": 0.55, "indirect": 0.2, "whole_school": 0.25}
"""Time split of a typical site (assumption: more direct work than whole-school, DOMAIN 1)."""

ORIENTATION = Scale(
    "whole_school_orientation",
    "orientation",
    ("o1", "o2", "o3", "o4", "o5", "o6"),
    ("o3", "o6"),
    (
        "The team helps schools to shape their whole-school approach",
        "Work with staff and parents counts as much as work with pupils",
        "The team is first of all a treatment service",
        "The team joins in what the school plans for wellbeing",
        "Schools see the team as part of the school",
        "Targets for individual work decide how the team spends its time",
    ),
)
LIAISON = Scale(
    "specialist_liaison",
    "liaison",
    ("l1", "l2", "l3", "l4"),
    ("l3",),
    (
        "The team and specialist services discuss children together",
        "Referral on to specialist services works well",
        "The team is on its own when a child needs more help",
        "Specialist services know what the team offers",
    ),
)
SCALES = (ORIENTATION, LIAISON)
ROLES = {
    1: "Site lead",
    2: "Team manager or supervisor",
    3: "Practitioner",
    4: "School or college lead",
    5: "Commissioner",
}
CODES = Codes(not_applicable=-7.0, dont_know=-8.0, refused=-9.0, skipped=np.nan)
_CODE_LABELS = {-7.0: "Not applicable", -8.0: "Don't know", -9.0: "Refused"}
_LIKERT_LABELS = {
    1.0: "Strongly disagree",
    2.0: "Disagree",
    3.0: "Neither agree nor disagree",
    4.0: "Agree",
    5.0: "Strongly agree",
}
_FIRST_BASIS = np.array([2.0, -1.0, -1.0]) / np.sqrt(6)
_SECOND_BASIS = np.array([0.0, 1.0, -1.0]) / np.sqrt(2)


def draw_informants(
    truth: Truth,
    invited: np.ndarray,
    response: float,
    missingness: float,
    seed: np.random.SeedSequence,
) -> Survey:
    """Draw the answers of key informants in all rounds.

    Parameters
    ----------
    truth : Truth
    invited : array of int, shape (n_sites,)
    response, missingness : float
    seed : SeedSequence

    Returns
    -------
    Survey
        One row an informant and round; missing answers as codes, skipped ones as NaN.
    """
    rng = np.random.default_rng(seed)
    strain = truth.strain()
    rounds, census = [], []
    everyone = np.repeat(np.arange(len(strain)), invited)
    shares = [0.15, 0.25, 0.25, 0.25, 0.1]
    for round_at, name in enumerate(ROUNDS):
        role = rng.choice(list(ROLES), size=len(everyone), p=shares).astype(float)
        answers = draw_answers(SCALES, truth, everyone, round_at, INFORMANT_SD, rng)
        percent = _time_percent(truth, everyone, round_at, role, rng)
        told = {f"time.{part}": column / 100 for part, column in percent.items()}
        census.append(census_of(scale_scores(SCALES, answers) | told, truth, everyone, name))
        responding = draw_respondents(invited, response, strain, rng)
        at = everyone[responding]
        columns: dict[str, object] = {
            "site": np.array(truth.sites)[at],
            "round": np.full(len(at), float(name)),
            "role": role[responding],
        }
        for item, answer in answers.items():
            columns[item] = with_gaps(answer[responding], strain[at], missingness, CODES, rng)
        given = {part: column[responding] for part, column in percent.items()}
        columns |= _with_time_gaps(given, strain[at], missingness, rng)
        rounds.append(pd.DataFrame(columns))
    frame = pd.concat(rounds, ignore_index=True)
    frame.insert(0, "informant", [f"K{at:05d}" for at in rng.permutation(len(frame)) + 1])
    frame["email"] = [f"informant{at}@example.org" for at in range(1, len(frame) + 1)]
    return Survey(frame, pd.concat(census))


def expected_time(truth: Truth, round_at: int = -1) -> Floats:
    """Mean over infinitely many informants of the share of time by function.

    Integrated over the informants' noise by Gauss-Hermite quadrature, 15 nodes a dimension.

    Parameters
    ----------
    truth : Truth
    round_at : int

    Returns
    -------
    array, shape (n_sites, 3)
        Shares in the order of `TIME_BASE`.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(15)
    weights = weights / weights.sum()
    first, second = _time_levels(truth, round_at)
    total = np.zeros((len(truth.sites), 3))
    for node_1, weight_1 in zip(nodes, weights, strict=True):
        for node_2, weight_2 in zip(nodes, weights, strict=True):
            shares = _time_shares(first + TIME_NOISE * node_1, second + TIME_NOISE * node_2)
            total += weight_1 * weight_2 * shares
    return total


def _time_levels(truth: Truth, round_at: int) -> tuple[Floats, Floats]:
    return truth.value("time_direct", round_at), truth.value("time_indirect", round_at)


def _time_shares(first: Floats, second: Floats) -> Floats:
    """Shares from isometric log-ratios around the typical time split."""
    logits = np.log(np.array(list(TIME_BASE.values())))
    logits = logits + first[:, None] * _FIRST_BASIS + second[:, None] * _SECOND_BASIS
    weights = np.exp(logits)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _time_percent(
    truth: Truth, at: np.ndarray, round_at: int, role: Floats, rng: np.random.Generator
) -> dict[str, Floats]:
    """Percentages of time in steps of five; NaN for commissioners, who are not asked."""
    first, second = _time_levels(truth, round_at)
    shares = _time_shares(
        first[at] + TIME_NOISE * rng.standard_normal(len(at)),
        second[at] + TIME_NOISE * rng.standard_normal(len(at)),
    )
    percent = np.where(role[:, None] == 5, np.nan, 5.0 * _round_to_total(20 * shares, 20))
    return dict(zip(TIME_BASE, percent.T, strict=True))


def _with_time_gaps(
    percent: dict[str, Floats], strain: Floats, missingness: float, rng: np.random.Generator
) -> dict[str, Floats]:
    """Give the whole question a code where it is not answered or not asked."""
    first = next(iter(percent.values()))
    gap = with_gaps(np.nan_to_num(first), strain, missingness, CODES, rng)
    unanswered = (gap < 0) | np.isnan(gap)
    return {
        f"time_{part}": np.where(
            np.isnan(column), CODES.not_applicable, np.where(unanswered, gap, column)
        )
        for part, column in percent.items()
    }


def _round_to_total(amounts: Floats, total: int) -> Floats:
    """Round each row to whole numbers that add up to `total` (largest remainders)."""
    floor = np.floor(amounts)
    short = (total - floor.sum(axis=1)).astype(int)
    rank = np.argsort(np.argsort(floor - amounts, axis=1, kind="stable"), axis=1, kind="stable")
    return np.asarray(floor + (rank < short[:, None]))


def write_informants(frame: pd.DataFrame, path: Path) -> None:
    """Write the survey as SPSS; the same rows give the same bytes.

    Parameters
    ----------
    frame : DataFrame
        From `draw_informants`.
    path : Path
        A ``.sav`` file to write.
    """
    import pyreadstat

    items = [item for scale in SCALES for item in scale.items]
    asked = [*items, *(f"time_{part}" for part in TIME_BASE)]
    labels: dict[str, dict[int | float, str]] = {
        item: {**_LIKERT_LABELS, **_CODE_LABELS} for item in items
    }
    labels |= {f"time_{part}": dict(_CODE_LABELS) for part in TIME_BASE}
    labels["role"] = {float(code): label for code, label in ROLES.items()}
    labels["round"] = {1.0: "Winter 2020/21", 2.0: "Winter 2021/22"}
    wording = {
        "informant": "Informant",
        "site": "Site",
        "round": "Survey round",
        "role": "What is your role at the site?",
        "email": "E-mail address",
    }
    for scale in SCALES:
        wording |= dict(zip(scale.items, scale.wording, strict=True))
    for part in TIME_BASE:
        wording[f"time_{part}"] = f"Percentage of the teams' time: {part.replace('_', ' ')}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=FutureWarning)
        try:
            pyreadstat.write_sav(
                frame,
                str(path),
                file_label="Simulated key-informant survey",
                column_labels=wording,
                variable_value_labels=labels,
                missing_ranges={column: [-7.0, -8.0, -9.0] for column in asked},
            )
        except pyreadstat.ReadstatError as error:
            raise OSError(errno.EIO, f"{error}, as on a full disk", str(path)) from error
    _fix_creation_time(path)


def _fix_creation_time(path: Path) -> None:
    """Overwrite date and time of writing in the file header (bytes 92 to 109 of a .sav file)."""
    with path.open("r+b") as file:
        file.seek(92)
        file.write(b"28 Feb 22" + b"12:00:00")
