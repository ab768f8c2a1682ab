"""Power: how often planted types would be found."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd

from site_typology.models.parallel import Kept, Progress, run_tasks
from site_typology.models.planting import PlantedTypes
from site_typology.models.plausible import Population, fit_population
from site_typology.models.typedness import LEAST_SITES, typedness
from site_typology.models.unimodal import UnimodalPopulation, add_errors
from site_typology.models.working import WorkingData
from site_typology.nulltest import largest, standardise, types_to_try
from site_typology.results import Power

WAVE = 10
"""Planted data sets after which it is asked whether the answer is clear."""


def power(
    data: WorkingData,
    population: Population | None = None,
    *,
    separations: Sequence[float] = (6.0, 8.0, 10.0),
    k: int = 3,
    replicates: int = 40,
    reference_draws: int = 5,
    least: int = LEAST_SITES,
    alpha: float = 0.05,
    target: float = 0.8,
    at_least: float = 0.0,
    ks: Sequence[int] | None = None,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
    kept: Kept | None = None,
) -> Power:
    """Plant types into the population of the data and count how often the null test finds them.

    Each replicate has the sites' own errors and gaps and its own unimodal reference, fitted to
    the planted data as the null test would. What its few reference draws differ by from their
    mean is pooled with that of the other replicates of the same separation (`deviations`; after
    the warp-speed bootstrap: Giacomini, Politis and White 2013, *Econometric Theory* 29), so that
    a few draws a replicate do. The comparison with a continuum, which the null test makes where
    one population is rejected, is left out: it takes little power away.

    Parameters
    ----------
    data : WorkingData
    population : Population, optional
        Fitted to the data by default.
    separations : sequence of float
        Pairwise Mahalanobis distances between types, in units of within-type spread, which is
        taken to be that of the population (see `PlantedTypes`). Tried from the smallest up to the
        first that reaches the power asked for: types farther apart are found more often still.
    k : int
        Types planted.
    replicates : int
        Data sets a separation, at most; fewer where ten, twenty, ... of them leave no doubt on
        which side of `target` the power lies (`is_clear`).
    reference_draws : int
        Reference data sets a replicate, 2 or more, pooled over replicates.
    least : int
        Sites that every type needs.
    alpha : float
        Level of the null test.
    target : float
        Power asked for, where the search stops.
    at_least : float
        Separation that is tried in any case.
    ks : sequence of int, optional
        Numbers of types the test tries.
    seed : int
        Results are the same for any number of `workers`.
    workers : int
    progress : callable, optional
    kept : Kept, optional
        As in `run_tasks`.

    Returns
    -------
    Power

    Examples
    --------
    >>> from site_typology.models.working import exact_data
    >>> rows = np.random.default_rng(1).normal(size=(20, 3))
    >>> found = power(exact_data(rows), separations=[2.0, 20.0], k=2, replicates=6, ks=[2])
    >>> found.table["separation"].tolist()
    [2.0, 20.0]
    """
    population = population or fit_population(data)
    tried = tuple(ks or types_to_try(data.n))
    task = partial(_replicate, data, population, k, tried, reference_draws, least)
    streams = np.random.SeedSequence(seed).spawn(len(separations) * replicates)
    rows: list[dict[str, float]] = []
    for at, separation in enumerate(sorted(map(float, separations))):
        items = [(separation, own) for own in streams[at * replicates : (at + 1) * replicates]]
        found: list[tuple[np.ndarray, np.ndarray]] = []
        stage = f"power at {separation!r}".removesuffix(".0")
        for begun in range(0, replicates, WAVE):
            wave = items[begun : begun + WAVE]
            found += run_tasks(task, wave, workers=workers, stage=stage, kept=kept, first=begun)
            row = _power_at(separation, found, alpha)
            clear = is_clear(row["power"], len(found), target)
            if progress is not None:
                progress(stage, 1.0 if clear else len(found) / replicates)
            if clear:
                break
        rows.append(row)
        if rows[-1]["power"] >= target and separation >= at_least:
            break
    return Power(pd.DataFrame(rows), target)


def is_clear(share: float, count: int, target: float) -> bool:
    """Whether a share of `count` data sets lies beyond doubt above or below what is asked for.

    Beyond doubt is outside a 99 % interval (Wilson 1927, *JASA* 22): it is asked several times.

    Examples
    --------
    >>> is_clear(0.1, 10, 0.8), is_clear(0.7, 10, 0.8), is_clear(1.0, 40, 0.8)
    (True, False, True)
    """
    from scipy.stats import binomtest

    interval = binomtest(round(share * count), count).proportion_ci(0.99, "wilson")
    return bool(interval.low > target or interval.high < target)


def _power_at(
    separation: float, found: Sequence[tuple[np.ndarray, np.ndarray]], alpha: float
) -> dict[str, float]:
    """One row of the table: the share of planted data sets that the null test rejects."""
    observed = np.array([gains_found for gains_found, _ in found])
    reference = np.array([drawn for _, drawn in found])
    share = float(rejected(*deviations(observed, reference), alpha).mean())
    return {
        "separation": separation,
        "power": share,
        "standard_error": share_error(share, len(found)),
        "replicates": len(found),
    }


def _replicate(
    data: WorkingData,
    population: Population,
    k: int,
    ks: tuple[int, ...],
    draws: int,
    least: int,
    item: tuple[float, np.random.SeedSequence],
) -> tuple[np.ndarray, np.ndarray]:
    """Gains of one planted data set (ks,) and of its reference draws (draws, ks)."""
    separation, stream = item
    rng = np.random.default_rng(stream)
    types = PlantedTypes.draw(population, k, separation, rng)
    planted = add_errors(types.simulate(data.n, rng)[0], data, rng)
    return gains_and_reference(planted, ks, draws, rng, least)


def gains_and_reference(
    planted: WorkingData,
    ks: Sequence[int],
    draws: int,
    rng: np.random.Generator,
    least: int = LEAST_SITES,
) -> tuple[np.ndarray, np.ndarray]:
    """Gains of one data set (ks,) and of draws from its own unimodal reference (draws, ks).

    Parameters
    ----------
    planted : WorkingData
    ks : sequence of int
        Numbers of types tried.
    draws : int
        To be pooled over replicates, so that a few do; see `power`.
    rng : numpy.random.Generator
    least : int
        Sites that every type needs.
    """
    reference = UnimodalPopulation.fit(planted)
    drawn = [planted, *(reference.simulate(planted, rng) for _ in range(draws))]
    rows = []
    for one in drawn:
        found = typedness(one, ks, int(rng.integers(2**31)), least=least).gains
        rows.append([found[j] for j in ks])
    return np.array(rows[0]), np.array(rows[1:])


def rejected(observed: np.ndarray, reference: np.ndarray, alpha: float) -> np.ndarray:
    """Which observed gains (m, ks) have a maximum that is rare among the pooled reference's.

    Examples
    --------
    >>> reference = np.random.default_rng(1).normal(size=(99, 1))
    >>> rejected(np.array([[0.0], [9.0]]), reference, 0.05).tolist()
    [False, True]
    """
    maxima = largest(standardise(reference, reference))
    mine = largest(standardise(observed, reference))
    exceeding = (maxima[None, :] >= mine[:, None] - 1e-9).sum(axis=1)
    return np.asarray((exceeding + 1) / (len(maxima) + 1) <= alpha)


def deviations(observed: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gains less the mean of their own reference, so that those of many data sets can be pooled.

    The null test compares each data set with many draws of its own reference. Here each has a
    few, of which only what they differ by from their mean is pooled: the means themselves differ
    between data sets, with the types in them. A draw is compared with the mean of the other
    draws, its spread brought to that of a gain less the mean of all of them. A gain is NaN where
    no types of enough sites were found, and so is what it is compared with where none is known.

    Parameters
    ----------
    observed : ndarray, shape (m, ks)
    reference : ndarray, shape (m, draws, ks)
        2 draws or more.

    Returns
    -------
    observed : ndarray, shape (m, ks)
    reference : ndarray, shape (m * draws, ks)

    Examples
    --------
    >>> gain, drawn = deviations(np.array([[9.0]]), np.array([[[1.0], [3.0]]]))
    >>> gain.tolist(), drawn.round(3).tolist()
    ([[7.0]], [[-1.732], [1.732]])
    """
    known = (~np.isnan(reference)).sum(axis=1, keepdims=True).astype(float)
    total = np.nansum(reference, axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        others = (total - reference) / (known - 1)
        same_spread = np.sqrt((1 + 1 / known) / (1 + 1 / (known - 1)))
        apart = np.where(known > 1, (reference - others) * same_spread, np.nan)
        mean = np.where(known > 0, total / known, np.nan)[:, 0]
    return observed - mean, apart.reshape(-1, reference.shape[2])


def share_error(share: float, count: int) -> float:
    """Monte Carlo standard error of a share of `count` data sets, never 0.

    Half a count is added on each side, so that 40 of 40 is not taken as certain.

    Examples
    --------
    >>> round(share_error(0.5, 100), 3), round(share_error(1.0, 40), 3)
    (0.05, 0.017)
    """
    smooth = (share * count + 0.5) / (count + 1)
    return float(np.sqrt(smooth * (1 - smooth) / count))
