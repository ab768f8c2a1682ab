"""True values of the features that a simulated study declares, and how truth is written."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from site_typology.simulated_answers import expected_mean
from site_typology.simulated_gias import CLASSES, RARE
from site_typology.simulated_informants import (
    INFORMANT_SD,
    LIAISON,
    ORIENTATION,
    TIME_BASE,
    expected_time,
)
from site_typology.simulated_scenarios import ROUNDS, Scenario
from site_typology.simulated_settings import true_mix
from site_typology.simulated_settings_survey import ACCESS, WSA_SUPPORT
from site_typology.simulated_sites import FUNCTIONS, recorded_time
from site_typology.simulated_staff import true_leaver_rate, true_stability
from site_typology.simulated_truth import Truth


def true_profiles(truth: Truth, scenario: Scenario) -> pd.DataFrame:
    """What each feature would be with infinitely many informants, staff and settings.

    Parameters
    ----------
    truth : Truth
    scenario : Scenario

    Returns
    -------
    DataFrame, shape (n_sites * n_rounds, n_features)
        Index (site, round); columns named as the features of the study file.
    """
    rounds = []
    for round_at, name in enumerate(ROUNDS):
        index = pd.MultiIndex.from_product([truth.sites, [name]], names=["site", "round"])
        rounds.append(pd.DataFrame(_columns(truth, scenario, round_at), index=index))
    return pd.concat(rounds).loc[[(site, name) for site in truth.sites for name in ROUNDS]]


def _columns(truth: Truth, scenario: Scenario, round_at: int) -> dict[str, np.ndarray]:
    columns: dict[str, np.ndarray] = {}
    for scale, spread in (
        (ORIENTATION, INFORMANT_SD),
        (LIAISON, INFORMANT_SD),
        (WSA_SUPPORT, scenario.climate_noise),
        (ACCESS, scenario.climate_noise),
    ):
        site_means = truth.value(scale.dimension, round_at)
        columns[scale.name] = expected_mean(scale, site_means, spread)
    columns |= _parts("time", TIME_BASE, expected_time(truth, round_at))
    columns["staff_training"] = truth.value("training", round_at)
    columns["contact_days"] = truth.value("contact_days", round_at)
    columns["emhp_leaver_rate"] = true_leaver_rate(truth)
    columns["other_staff_stability"] = true_stability(truth)
    columns["vacancy_rate"] = truth.value("vacancy", round_at)
    mix = true_mix(truth)
    common = mix[:, [name not in RARE for name in CLASSES]]
    names = [name for name in CLASSES if name not in RARE]
    columns |= _parts("setting_mix", names, common / common.sum(axis=1, keepdims=True))
    columns["setting_diversity"] = 1 - (mix**2).sum(axis=1)
    columns["need"] = truth.value("need", round_at)
    columns["settings_per_team"] = truth.value("reach", round_at)
    columns |= _parts("recorded_time", FUNCTIONS, recorded_time(truth, round_at))
    return columns


def _parts(name: str, parts: Iterable[str], shares: np.ndarray) -> dict[str, np.ndarray]:
    return {f"{name}.{part}": share for part, share in zip(parts, shares.T, strict=True)}


def write_truth(
    truth: Truth,
    scenario: Scenario,
    census: pd.DataFrame,
    settings: dict[str, object],
    folder: Path,
) -> None:
    """Write true types, profiles and parameters, and what full response would have shown.

    Parameters
    ----------
    truth : Truth
    scenario : Scenario
    census : DataFrame
        Index (site, round): features of surveys, had everyone answered.
    settings : dict
        What was asked for: scenario name and seed.
    folder : Path
        Exists.
    """
    types = ["" if number == 0 else str(number) for number in truth.types]
    pd.DataFrame({"site": truth.sites, "type": types}).to_csv(
        folder / "types.csv", index=False, lineterminator="\n"
    )
    true_profiles(truth, scenario).to_csv(
        folder / "profiles.csv", float_format="%.6f", lineterminator="\n"
    )
    census.to_csv(folder / "census.csv", float_format="%.6f", lineterminator="\n")
    names = [dimension.name for dimension in truth.dimensions]
    index = pd.MultiIndex.from_product([ROUNDS, truth.sites], names=["round", "site"])
    levels = truth.levels.reshape(len(index), len(names))
    pd.DataFrame(levels, index=index, columns=names).to_csv(
        folder / "levels.csv", float_format="%.6f", lineterminator="\n"
    )
    content = {
        **settings,
        **asdict(scenario),
        "dimensions": [asdict(dimension) for dimension in truth.dimensions],
        "within_type_correlation": truth.correlation.round(9).tolist(),
        "type_means": truth.type_means.round(9).tolist(),
    }
    text = json.dumps(content, indent=1) + "\n"
    (folder / "parameters.json").write_text(text, encoding="utf-8", newline="\n")
