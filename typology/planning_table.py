"""From simulated data sets to a table, and to the number of sites needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from site_typology.planning_material import Design
from site_typology.planning_settings import PlanSettings
from site_typology.planning_simulation import Outcome, Task
from site_typology.power import deviations, rejected, share_error

COLUMNS = (
    "sites", "informants", "response", "separation", "power", "power_error", "false_alarms",
    "false_alarms_error", "agreement", "agreement_error", "agreement_if_found", "placed",
    "placed_error", "rightly", "rightly_error", "reliability", "answering", "apart", "replicates",
)  # fmt: skip
DRAWS, RANGE = 400, (0.1, 0.9)
"""Draws of the powers that the range of the sites needed is over, and its quantiles."""


def plan_table(
    outcomes: Mapping[Task, Outcome], designs: Sequence[Design], settings: PlanSettings
) -> pd.DataFrame:
    """Summarise simulated data sets, one row a design and separation.

    Parameters
    ----------
    outcomes : mapping of Task to Outcome
        From `run_plan`.
    designs : sequence of Design
    settings : PlanSettings

    Returns
    -------
    DataFrame
        Columns `COLUMNS`. Errors are Monte Carlo standard errors.
    """
    rows = []
    for design in designs:

        def of(separation: float, design: Design = design) -> list[Outcome]:
            return [outcomes[Task(design, separation, at)] for at in range(settings.replicates)]

        alarms = found_types(of(0.0), settings.alpha)
        for separation in settings.separations:
            row = {
                "sites": design.sites,
                "informants": np.nan if design.informants is None else design.informants,
                "response": np.nan if design.response is None else design.response,
                "separation": separation,
                "false_alarms": float(alarms.mean()),
                "false_alarms_error": share_error(float(alarms.mean()), len(alarms)),
            }
            rows.append({**row, **_figures(of(separation), settings.alpha)})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def found_types(outcomes: Sequence[Outcome], alpha: float) -> np.ndarray:
    """Which data sets the null test finds types in, deviations from their references pooled."""
    tested = np.array([len(one.gains) > 0 for one in outcomes])
    found = np.zeros(len(outcomes), dtype=bool)
    if tested.any():
        observed = np.array([one.gains for one in outcomes if one.gains])
        reference = np.array([one.reference for one in outcomes if one.gains])
        found[tested] = rejected(*deviations(observed, reference), alpha)
    return found


def _figures(outcomes: Sequence[Outcome], alpha: float) -> dict[str, float]:
    count = len(outcomes)
    found = found_types(outcomes, alpha)
    agreement = np.array([one.agreement for one in outcomes])
    # As sure as they are right: `site_typology.models.temperature.fit_temperature`, in steps.
    too_sure = np.mean([np.array(one.sureness) - one.right for one in outcomes], axis=0)
    at = int(np.abs(too_sure).argmin())
    placed = np.array([one.placed[at] for one in outcomes])
    rightly = np.array([one.rightly[at] for one in outcomes])
    root = np.sqrt(count)
    return {
        "power": float(found.mean()),
        "power_error": share_error(float(found.mean()), count),
        "agreement": float(agreement.mean()),
        "agreement_error": float(agreement.std(ddof=1) / root),
        "agreement_if_found": float(agreement[found].mean()) if found.any() else float("nan"),
        "placed": float(placed.mean()),
        "placed_error": float(placed.std(ddof=1) / root),
        "rightly": float(rightly.mean()),
        "rightly_error": float(rightly.std(ddof=1) / root),
        "reliability": float(np.mean([one.reliability for one in outcomes])),
        "answering": float(np.mean([one.answering for one in outcomes])),
        "apart": float(np.mean([one.apart for one in outcomes])),
        "replicates": count,
    }


def crossing(sites: np.ndarray, power: np.ndarray, target: float) -> float:
    """Fewest sites with the power asked for, between those tried; NaN if none has it.

    Power is first made not to fall with the sites (isotonic regression; Barlow and others 1972,
    *Statistical Inference under Order Restrictions*), then interpolated in the log of the sites.

    Parameters
    ----------
    sites : ndarray, increasing
    power : ndarray
    target : float

    Examples
    --------
    >>> round(crossing(np.array([25, 100]), np.array([0.6, 1.0]), 0.8), 6)
    50.0
    >>> crossing(np.array([25, 100]), np.array([0.9, 1.0]), 0.8)
    25.0
    """
    from sklearn.isotonic import isotonic_regression

    smooth = isotonic_regression(power.astype(float))
    reached = np.flatnonzero(smooth >= target - 1e-12)
    if not len(reached):
        return float("nan")
    at = int(reached[0])
    if at == 0:
        return float(sites[0])
    low, high = smooth[at - 1], smooth[at]
    way = (target - low) / (high - low)
    logs = np.log(sites[at - 1 : at + 1])
    return float(np.exp(logs[0] + way * (logs[1] - logs[0])))


def site_range(
    sites: np.ndarray, power: np.ndarray, replicates: int, target: float
) -> tuple[float, float]:
    """Range of the sites needed that leaves a tenth of the Monte Carlo error on each side.

    Each power is drawn from its Beta posterior under Jeffreys' prior, and `crossing` found anew.
    NaN is beyond the most sites tried.

    Examples
    --------
    >>> low, high = site_range(np.array([25, 100]), np.array([0.6, 1.0]), 40, 0.8)
    >>> bool(25 <= low < 50 < high < 100)
    True
    """
    rng = np.random.default_rng(1972)
    hits = power * replicates
    drawn = rng.beta(hits + 0.5, replicates - hits + 0.5, size=(DRAWS, len(power)))
    found = np.array([crossing(sites, one, target) for one in drawn])
    ordered = np.sort(np.where(np.isnan(found), np.inf, found))
    low, high = (float(ordered[int(share * (DRAWS - 1))]) for share in RANGE)
    return (low if np.isfinite(low) else np.nan), (high if np.isfinite(high) else np.nan)


def sites_needed(table: pd.DataFrame, settings: PlanSettings) -> pd.DataFrame:
    """Sites needed to find types of the separation that matters, by informants and response.

    Returns
    -------
    DataFrame
        ``informants, response, sites, low, high, fewest_tried, answering, agreement, placed,
        rightly``, one row each informants and response. `sites` is NaN where the power asked for
        is not reached; 80 % of the Monte Carlo error lies between `low` and `high` (`site_range`).
        `agreement`, `placed` and `rightly` are what is expected there.
    """
    here = table[table["separation"] == settings.matters]
    rows = []
    for (informants, response), one in here.groupby(["informants", "response"], dropna=False):
        one = one.sort_values("sites")
        tried, power = one["sites"].to_numpy(), one["power"].to_numpy()
        low, high = site_range(tried, power, settings.replicates, settings.target)
        needed = crossing(tried, power, settings.target)
        at = np.log(needed if needed == needed else tried[-1])
        there = {
            name: float(np.interp(at, np.log(tried), one[name]))
            for name in ("agreement", "placed", "rightly")
        }
        rows.append(
            {
                "informants": informants,
                "response": response,
                "sites": needed,
                "low": low,
                "high": high,
                "fewest_tried": bool(needed == tried[0]),
                "answering": float(one["answering"].iloc[0]),
                **there,
            }
        )
    return pd.DataFrame(rows)
