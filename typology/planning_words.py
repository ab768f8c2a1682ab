"""A plan in words: how many sites it takes, or what would do, and how well sites are placed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from site_typology.planning_settings import PlanSettings
from site_typology.verdict import Thresholds
from site_typology.verdict_words import beside

NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight"}
MOST_OPTIONS = 3


def sentence(table: pd.DataFrame, needed: pd.DataFrame, settings: PlanSettings) -> str:
    """Say how many sites it takes, or that no design tried is enough and what would be."""
    goal = (
        f"To find {NUMBERS[settings.k]} types {settings.matters:g} SD apart with "
        f"{settings.target:.0%} power"
    )
    reached = needed[needed["sites"].notna()].sort_values(["sites", "answering"], kind="stable")
    if reached.empty:
        return _not_reached(table, settings)
    options: list[str] = []
    least = np.inf
    for row in reached.to_dict("records"):
        asks = row["answering"] if row["answering"] == row["answering"] else 0.0
        if asks < least and len(options) < MOST_OPTIONS:
            options.append(_option(row))
            least = asks
    how = "Read off between the numbers of sites tried; in brackets, 80% of the Monte Carlo error."
    return f"{goal} you need {', or '.join(options)}. {how}"


def _option(row: Mapping[str, float]) -> str:
    sites = f"about {row['sites']:.0f} sites"
    if row["fewest_tried"]:
        sites = f"{row['sites']:.0f} sites, the fewest tried, or fewer"
    low = f"{row['low']:.0f}" if row["low"] == row["low"] else "more than tried"
    high = f"{row['high']:.0f}" if row["high"] == row["high"] else "more than tried"
    return f"{sites} ({low} to {high}) {under(row['informants'], row['response'])}"


def under(informants: float, response: float) -> str:
    """Informants and response in words.

    Examples
    --------
    >>> under(12, 0.5), under(float("nan"), 0.5), under(float("nan"), float("nan"))
    ('with 12 informants and 50% answering', 'with 50% answering', 'with informants as now')
    """
    words = []
    if informants == informants:
        words.append(f"{informants:g} informant{'' if informants == 1 else 's'}")
    if response == response:
        words.append(f"{response:.0%} answering")
    return f"with {' and '.join(words) or 'informants as now'}"


def _not_reached(table: pd.DataFrame, settings: PlanSettings) -> str:
    """Say the largest power seen and what would do."""
    here = table[table["separation"] == settings.matters]
    best = here.loc[here["power"].idxmax()]
    seen = (
        f"No design tried finds {NUMBERS[settings.k]} types {settings.matters:g} SD apart with "
        f"{settings.target:.0%} power: the most was {best['power']:.0%} (Monte Carlo error "
        f"{best['power_error']:.0%}) at {best['sites']:.0f} sites "
        f"{under(best['informants'], best['response'])}."
    )
    enough = table[(table["power"] >= settings.target) & (table["separation"] > settings.matters)]
    if len(enough):
        easiest = enough.sort_values(["separation", "sites"]).iloc[0]
        return (
            f"{seen} Types {easiest['separation']:g} SD apart would be found at "
            f"{easiest['sites']:.0f} sites {under(easiest['informants'], easiest['response'])}."
        )
    return f"{seen} {_what_helps(here)}"


def _what_helps(here: pd.DataFrame) -> str:
    """Say which of the things varied raised power most, from its least to its most."""
    words = {"sites": "sites", "informants": "informants", "response": "response"}
    rises = {}
    for name in words:
        means = here.groupby(name)["power"].mean()
        if len(means) > 1:
            rises[name] = float(means.iloc[-1] - means.iloc[0])
    if not rises or max(rises.values()) <= 0:
        return "Try more sites, more informants or a higher response."
    most = max(rises, key=lambda name: rises[name])
    low, high = here[most].min(), here[most].max()
    shown = [f"{value:.0%}" if most == "response" else f"{value:g}" for value in (low, high)]
    return (
        f"Of what was varied, {words[most]} raised power most (by {rises[most]:.0%} from "
        f"{shown[0]} to {shown[1]}); try more of it."
    )


def placing(needed: pd.DataFrame, settings: PlanSettings) -> str:
    """Say how well sites could be placed where the sentence says, or with the most sites tried."""
    reached = needed[needed["sites"].notna()].sort_values(["sites", "answering"], kind="stable")
    row = (needed.sort_values("agreement", ascending=False) if reached.empty else reached).iloc[0]
    claim = Thresholds().expected_agreement
    agreement = row["agreement"]
    short = (
        f" A claim needs an agreement of {claim:g} (of three types, about 7 sites in 100 "
        "misplaced): types would show there and mostly not be claimed."
    )
    return (
        f"{'With the most sites tried' if reached.empty else 'There'}, "
        f"{under(row['informants'], row['response'])}, types that are fitted agree with the true "
        f"ones by {beside(agreement, claim, 2)} (adjusted Rand index; 1 is perfect, 0 is chance), "
        f"and {row['placed']:.0%} of the sites are placed with confidence {settings.confidence:g} "
        f"or more, {row['rightly']:.0%} of all sites rightly so."
        f"{short if agreement < claim and not reached.empty else ''}"
    )
