"""Staff of simulated sites: assignment histories and funded establishment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from site_typology.simulated_truth import Floats, Truth

HISTORY_START = np.datetime64("2017-01-01")
EXTRACT_DATE = np.datetime64("2022-02-28")
WINDOWS = {"1": ("2019-01-01", "2020-12-31"), "2": ("2020-01-01", "2021-12-31")}
"""Window of the staffing features in each round (assumption: two years, so that they can tell)."""
WINDOW_YEARS = 2.0
YEAR_DAYS = 365.25

TRAINEE, PRACTITIONER = "EMHP trainee", "EMHP"
OTHER_ROLES = ("Supervisor", "Senior practitioner", "Team lead", "Administrator")
END_OF_TRAINING = "End of training - qualified"
END_OF_CONTRACT = "End of fixed term contract"
LEAVING_REASONS = (
    "Voluntary resignation - promotion",
    "Voluntary resignation - relocation",
    "Voluntary resignation - work life balance",
    "Voluntary resignation - other",
    "Career break",
    "Retirement",
)
BANDS = {
    TRAINEE: "4", PRACTITIONER: "5", "Supervisor": "7", "Senior practitioner": "6",
    "Team lead": "7", "Administrator": "3",
}  # fmt: skip

# Posts of one team: role and FTE (assumption: four EMHPs a team and the seniors around them).
_TEAM_POSTS = (
    (PRACTITIONER, 1.0), (PRACTITIONER, 1.0), (PRACTITIONER, 1.0), (PRACTITIONER, 1.0),
    ("Supervisor", 1.0), ("Senior practitioner", 0.8), ("Team lead", 1.0), ("Administrator", 0.6),
)  # fmt: skip
_TRAINED_HERE = 0.5
_ENDS_WITH_TRAINING = 0.08
_TWO_ASSIGNMENTS = 0.04
_BANK = 0.05


@dataclass(frozen=True)
class Staff:
    """The staff returns of a simulated study.

    Parameters
    ----------
    workforce : DataFrame
        One row an assignment; a person may hold two, or several one after another.
    establishment : DataFrame
        Funded FTE by site and role.
    """

    workforce: pd.DataFrame
    establishment: pd.DataFrame


def draw_staff(
    truth: Truth, teams: np.ndarray, returned: np.ndarray, seed: np.random.SeedSequence
) -> Staff:
    """Draw assignment histories from each site's leaving and vacancy rates.

    A post is filled, left after an exponential time, and filled again after another one, whose
    mean follows from the vacancy rate v and the leaving rate: (v / (1 - v)) / leaving.

    Parameters
    ----------
    truth : Truth
    teams : array of int, shape (n_sites,)
    returned : array of bool, shape (n_sites,)
        Sites that sent their staff returns.
    seed : SeedSequence

    Returns
    -------
    Staff
    """
    rng = np.random.default_rng(seed)
    posts = _posts(truth, teams)
    spells = _with_training(_spells(posts, truth, rng), rng)
    rows = pd.concat([_with_second_assignments(spells, rng), _bank(posts, rng)], ignore_index=True)
    begun = rows["start"] <= float((EXTRACT_DATE - HISTORY_START).astype(int))
    sent = returned[rows["at"].to_numpy(dtype=np.int64)]
    rows = rows[sent & begun].reset_index(drop=True)
    sites = np.array(truth.sites)
    funded = posts[returned[posts["at"].to_numpy()]].groupby(["at", "role"], sort=True)["fte"].sum()
    funded = funded.round(2).reset_index()
    establishment = pd.DataFrame(
        {"site": sites[funded["at"]], "role": funded["role"], "funded_fte": funded["fte"]}
    )
    return Staff(_as_extract(rows, sites, rng), establishment)


def true_stability(truth: Truth) -> Floats:
    """Chance that other staff in post at the start of a window are there at its end, (n_sites,)."""
    return np.asarray(np.exp(-WINDOW_YEARS * truth.value("other_leaving")))


def true_leaver_rate(truth: Truth) -> Floats:
    """Expected EMHP leavers over a window by mean headcount, (n_sites,)."""
    return np.asarray(WINDOW_YEARS * truth.value("emhp_leaving"))


def _posts(truth: Truth, teams: np.ndarray) -> pd.DataFrame:
    at = np.repeat(np.arange(len(truth.sites)), teams * len(_TEAM_POSTS))
    pattern = np.tile(np.arange(len(_TEAM_POSTS)), int(teams.sum()))
    roles = np.array([role for role, _ in _TEAM_POSTS])
    ftes = np.array([fte for _, fte in _TEAM_POSTS])
    return pd.DataFrame({"at": at, "role": roles[pattern], "fte": ftes[pattern]})


def _spells(posts: pd.DataFrame, truth: Truth, rng: np.random.Generator) -> pd.DataFrame:
    """Stays of people in posts, in days since the start of the history; each stay one person."""
    at = posts["at"].to_numpy()
    practitioner = (posts["role"] == PRACTITIONER).to_numpy()
    leaving = np.where(
        practitioner, truth.value("emhp_leaving")[at], truth.value("other_leaving")[at]
    )
    vacancy = truth.value("vacancy")[at]
    stay_days = YEAR_DAYS / leaving
    gap_days = stay_days * vacancy / (1 - vacancy)
    horizon = float((EXTRACT_DATE - HISTORY_START).astype(int))
    clock = np.where(rng.random(len(at)) < vacancy, gap_days * rng.exponential(size=len(at)), 0.0)
    found = []
    while (open_posts := clock <= horizon).any():
        start = np.where(clock > 0, clock, -rng.exponential(size=len(at)) * 200)
        end = np.maximum(clock, 0.0) + stay_days * rng.exponential(size=len(at))
        spell = posts.assign(start=np.floor(start), end=np.floor(end) + 1)
        found.append(spell[open_posts])
        clock = end + 1 + gap_days * rng.exponential(size=len(at))
    spells = pd.concat(found, ignore_index=True)
    return spells.assign(person=rng.permutation(len(spells)), number=1, reason="")


def _with_training(spells: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Let some EMHPs begin as trainees on a fixed term of a year."""
    trained = (spells["role"] == PRACTITIONER) & (spells["start"] > 0)
    trained &= rng.random(len(spells)) < _TRAINED_HERE
    stays = spells["end"] - spells["start"] > YEAR_DAYS
    goes = rng.random(len(spells)) < _ENDS_WITH_TRAINING
    qualified = spells["start"] + np.floor(YEAR_DAYS)
    trainee = spells[trained].assign(role=TRAINEE)
    moves_on, ends = (trained & stays & ~goes), (trained & stays & goes)
    over = moves_on[trained] | ends[trained]
    trainee.loc[over, "end"] = qualified[trained][over]
    trainee.loc[moves_on[trained], "reason"] = END_OF_TRAINING
    trainee.loc[ends[trained], "reason"] = END_OF_CONTRACT
    after = spells[moves_on].assign(start=qualified[moves_on] + 1, number=2)
    after = after[after["end"] > after["start"]]
    return pd.concat([spells[~trained], trainee, after], ignore_index=True)


def _with_second_assignments(spells: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Split some people's time over two assignments of the same dates."""
    splits = (rng.random(len(spells)) < _TWO_ASSIGNMENTS) & (spells["number"] == 1)
    splits &= spells["reason"] == ""
    second = spells[splits].assign(number=2, fte=(spells.loc[splits, "fte"] * 0.4).round(2))
    spells = spells.assign(fte=np.where(splits, (spells["fte"] * 0.6).round(2), spells["fte"]))
    return pd.concat([spells, second], ignore_index=True).assign(category="Permanent")


def _bank(posts: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Bank staff beside the establishment; no part of any rate."""
    picked = posts[rng.random(len(posts)) < _BANK]
    size = len(picked)
    start = rng.integers(400, 1700, size).astype(float)
    return picked.assign(
        start=start,
        end=start + rng.integers(30, 600, size),
        fte=0.0,
        person=1_000_000 + np.arange(size),
        number=1,
        reason="",
        category="Bank",
    )


def _as_extract(rows: pd.DataFrame, sites: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Lay the rows out as a staff extract: ids, dates, categories and leaving reasons."""
    size = len(rows)
    start = HISTORY_START + rows["start"].to_numpy().astype("timedelta64[D]")
    end = HISTORY_START + rows["end"].to_numpy().astype("timedelta64[D]")
    gone = end <= EXTRACT_DATE
    drawn = np.array(LEAVING_REASONS)[rng.integers(0, len(LEAVING_REASONS), size)]
    reason = np.where(rows["reason"] != "", rows["reason"], drawn)
    fixed = (rows["role"] == TRAINEE) | (rng.random(size) < 0.05)
    category = np.where(fixed & (rows["category"] != "Bank"), "Fixed term", rows["category"])
    person = 40_000_000 + rows["person"].to_numpy() * 7
    extract = pd.DataFrame(
        {
            "employee_id": person.astype(str),
            "assignment_number": [
                f"{who}-{number}" if number > 1 else f"{who}"
                for who, number in zip(person, rows["number"], strict=True)
            ],
            "site": sites[rows["at"].to_numpy(dtype=np.int64)],
            "staff_group": np.where(
                rows["role"] == "Administrator",
                "Administrative and Clerical",
                "Additional Professional Scientific and Technical",
            ),
            "role": rows["role"],
            "band": [BANDS[role] for role in rows["role"]],
            "assignment_category": category,
            "fte": rows["fte"].round(2),
            "start_date": start.astype(str),
            "end_date": np.where(gone, end.astype(str), ""),
            "leaving_reason": np.where(gone, reason, ""),
        }
    )
    return extract.sort_values(["site", "employee_id", "assignment_number"], kind="stable")
