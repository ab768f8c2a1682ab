"""The list of simulated sites, and their monthly activity by function."""

from __future__ import annotations

import numpy as np
import pandas as pd

from site_typology.simulated_informants import expected_time
from site_typology.simulated_scenarios import ROUNDS, Scenario
from site_typology.simulated_truth import Floats, Truth

REGIONS = (
    "East of England", "London", "Midlands", "North East and Yorkshire", "North West",
    "South East", "South West",
)  # fmt: skip
LEADS = (
    "NHS mental health trust",
    "NHS community trust",
    "Local authority",
    "Voluntary sector",
)
_LEAD_LOGITS = np.array([1.2, 0.2, 0.0, -0.5])
_LEAD_SLOPES = np.array([-0.4, 0.0, 0.2, 0.4])

FUNCTIONS = ("direct", "group", "indirect", "whole_school")
RECORDED = {"direct": 0.95, "group": 0.9, "indirect": 0.6, "whole_school": 0.1}
"""Share of the minutes of each function that reaches the activity data (assumption; DOMAIN 1 says
that routine monitoring hardly records whole-school work)."""
_GROUP_SHARE = 0.15
_TEAM_MINUTES = 5.0 * 20 * 6 * 60
_SUPPRESSED_BELOW = 8


def draw_teams(scenario: Scenario, seed: np.random.SeedSequence) -> np.ndarray:
    """Draw the number of teams of each site, shape (n_sites,)."""
    rng = np.random.default_rng(seed)
    low, high = scenario.teams
    chance = (scenario.teams_mean - low) / (high - low)
    return low + rng.binomial(high - low, chance, scenario.sites)


def draw_invited(scenario: Scenario, seed: np.random.SeedSequence) -> np.ndarray:
    """Draw how many key informants are invited at each site in a round, shape (n_sites,)."""
    rng = np.random.default_rng(seed)
    return np.maximum(rng.poisson(scenario.informants, scenario.sites), 1)


def draw_returns(truth: Truth, missingness: float, seed: np.random.SeedSequence) -> np.ndarray:
    """Draw which sites send a return; fewer of those under strain, shape (n_sites,) of bool."""
    rng = np.random.default_rng(seed)
    strain = truth.strain()
    gone = rng.random(len(strain)) < np.clip(missingness * np.exp(0.5 * strain), 0, 0.9)
    return np.asarray(~gone)


def list_sites(
    truth: Truth,
    teams: np.ndarray,
    settings: np.ndarray,
    invited: np.ndarray,
    seed: np.random.SeedSequence,
) -> pd.DataFrame:
    """Make the list of sites.

    Parameters
    ----------
    truth : Truth
    teams, settings, invited : array of int, shape (n_sites,)
    seed : SeedSequence

    Returns
    -------
    DataFrame
        One row a site.
    """
    rng = np.random.default_rng(seed)
    size = len(truth.sites)
    logits = _LEAD_LOGITS + truth.level("orientation")[:, None] * _LEAD_SLOPES
    weights = np.exp(logits)
    steps = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)[:, :-1]
    lead = (rng.random(size)[:, None] > steps).sum(axis=1)
    return pd.DataFrame(
        {
            "site": truth.sites,
            "site_name": [f"Simulated site {at}" for at in range(1, size + 1)],
            "region": np.array(REGIONS)[rng.integers(0, len(REGIONS), size)],
            "lead_organisation": np.array(LEADS)[lead],
            "teams": teams,
            "settings_invited": settings,
            "key_informants_invited": invited,
        }
    )


def recorded_time(truth: Truth, round_at: int = -1) -> Floats:
    """Shares of minutes that activity data show, biased towards direct work.

    Parameters
    ----------
    truth : Truth
    round_at : int

    Returns
    -------
    array, shape (n_sites, 4)
        In the order of `FUNCTIONS`.
    """
    minutes = _recorded_minutes(truth, round_at)
    return np.asarray(minutes / minutes.sum(axis=1, keepdims=True))


def _recorded_minutes(truth: Truth, round_at: int) -> Floats:
    direct, indirect, whole_school = expected_time(truth, round_at).T
    shares = [direct * (1 - _GROUP_SHARE), direct * _GROUP_SHARE, indirect, whole_school]
    recorded = np.array([RECORDED[function] for function in FUNCTIONS])
    return np.asarray(np.column_stack(shares) * recorded)


def draw_activity(
    truth: Truth, teams: np.ndarray, returned: np.ndarray, seed: np.random.SeedSequence
) -> pd.DataFrame:
    """Draw minutes and contacts by site, month and function as routine data record them.

    Parameters
    ----------
    truth : Truth
    teams : array of int, shape (n_sites,)
    returned : array of bool, shape (n_sites,)
        Sites that sent their activity.
    seed : SeedSequence

    Returns
    -------
    DataFrame
        Minutes are ``c`` where fewer than 8 contacts stand behind them, ``x`` where a month was
        not sent; contacts likewise.
    """
    rng = np.random.default_rng(seed)
    rounds = []
    for round_at, name in enumerate(ROUNDS):
        months = [f"{2020 + round_at}-{month:02d}" for month in range(1, 13)]
        index = pd.MultiIndex.from_product(
            [np.flatnonzero(returned), months, FUNCTIONS], names=["at", "month", "function"]
        )
        rows = index.to_frame(index=False).astype({"at": np.int64})
        at = rows["at"].to_numpy()
        function = rows["function"].map({name: at for at, name in enumerate(FUNCTIONS)})
        share = _recorded_minutes(truth, round_at)[at, function.to_numpy(dtype=np.int64)]
        noise = np.exp(0.2 * rng.standard_normal(len(rows)))
        minutes = np.rint(_TEAM_MINUTES * teams[at] * share * noise).astype(int)
        contacts = np.maximum(minutes // 50, 1)
        unsent = (rng.random((len(truth.sites), 12)) < 0.02)[
            at, rows["month"].str[-2:].astype(int) - 1
        ]
        mark = np.where(unsent, "x", np.where(contacts < _SUPPRESSED_BELOW, "c", ""))
        rounds.append(
            pd.DataFrame(
                {
                    "site": np.array(truth.sites)[at],
                    "round": name,
                    "month": rows["month"],
                    "function": rows["function"],
                    "minutes": np.where(mark == "", minutes.astype(str), mark),
                    "contacts": np.where(mark == "", contacts.astype(str), mark),
                }
            )
        )
    return pd.concat(rounds, ignore_index=True)
