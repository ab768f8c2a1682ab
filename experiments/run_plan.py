"""What a run will do: the specifications it will fit, and how long that should take."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from site_typology.grid import Grid, Laid, lay_out
from site_typology.grid_material import GridSource, evidence_sites, facts_of, feature_sets
from site_typology.grid_runs import expected_seconds, in_words, null_name
from site_typology.models.working import WorkingScale
from site_typology.nulltest import types_to_try
from site_typology.report_specifications import plan_words
from site_typology.screening import screen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from site_typology.settings import ProposeSettings
    from site_typology.specification_curve import SpecificationCurve
    from site_typology.study import Study
    from site_typology.typology import Typology

# Costs in searches for types in one data set, from the steps of runs with 24 and 25 sites.
SEARCHES_OF_REFERENCE = 2
SEARCHES_FOR_NUMBER = 80
SEARCHES_A_REFIT = 0.1
SEARCHES_OF_STABILITY = 5
SEARCHES_OF_AGREEMENT = 0.5
SEARCHES_OF_POWER = 2.2


@dataclass(frozen=True)
class GridPlan:
    """A grid laid out for a study."""

    source: GridSource
    laid: Laid


def plan_grid(study: Study, settings: ProposeSettings, grid: Grid, seed: int) -> GridPlan:
    """Lay the grid of a specification out for a study.

    Raises
    ------
    StudyError
        Families or features that the study does not have, or profiles that allow no search.
    """
    chosen = study.typology_profiles()
    sets = feature_sets(grid, chosen.features)
    profiles = {"declared": chosen}
    plain = study.unweighted_profiles() if "none" in grid.weights else None
    if plain is not None:
        profiles["none"] = plain.select(round=chosen.rounds[-1])
    sites = evidence_sites(chosen, settings.min_observed, settings.subsample, seed)
    source = GridSource(
        profiles, sets, sites, grid, settings.min_observed, settings.min_sites, settings.alpha, seed
    )
    ks = types_to_try(len(sites), settings.max_types)
    laid = lay_out(grid, list(sets), ks, facts_of(source), seed)
    return GridPlan(source, laid)


def try_grid(
    planned: GridPlan,
    typology: Typology,
    *,
    out: Path | None = None,
    key: str = "",
    workers: int = 1,
    progress: Callable[[str, float], None] | None = None,
) -> SpecificationCurve:
    """Fit the specifications of a grid and hold them against the typology.

    Parameters
    ----------
    planned : GridPlan
    typology : Typology
    out, key, workers, progress
        As in `site_typology.grid_runs.run_grid`.

    Returns
    -------
    SpecificationCurve
    """
    from site_typology.grid_runs import run_grid
    from site_typology.specification_curve import specification_curve

    source, laid = planned.source, planned.laid
    run = run_grid(source, laid.listed, out=out, key=key, workers=workers, progress=progress)
    evidence = typology.evidence
    proposal = typology.labels if evidence.claimed else None
    return specification_curve(run, laid, source.sites, proposal, evidence.p_value)


def expected_words(
    study: Study, settings: ProposeSettings, grid: Grid | None, seed: int, workers: int
) -> list[str]:
    """Say what a run will do and how long it should take, after timing a few fits.

    Parameters
    ----------
    study : Study
    settings : ProposeSettings
    grid : Grid or None
    seed : int
    workers : int

    Returns
    -------
    list of str
        Lines.

    Raises
    ------
    StudyError
        As `plan_grid` does.
    """
    planned = None if grid is None else plan_grid(study, settings, grid, seed)
    ks, search = _timed_search(study, settings)
    search /= workers
    lines = [_evidence_words(settings, ks, search)]
    if planned is not None:
        laid = planned.laid
        seconds = expected_seconds(planned.source, laid.listed, workers)
        lines += plan_words(len(laid.listed), laid.possible, laid.left_out, seconds)
        if draws := planned.source.grid.null_draws:
            tests = len({null_name(one) for one in laid.listed})
            most = in_words(SEARCHES_OF_REFERENCE * draws * tests * search)
            lines.append(
                f"Null tests of specifications: {tests}, each with up to {draws} data sets without "
                f"types of each kind; at most about {most}."
            )
    return lines


def _timed_search(study: Study, settings: ProposeSettings) -> tuple[tuple[int, ...], float]:
    """Numbers of types tried, and the seconds that one search for them takes."""
    from site_typology.models.typedness import typedness

    screened = screen(study.typology_profiles(), settings.min_observed).profiles
    few = screened.select(sites=screened.sites[: settings.subsample])
    data = WorkingScale.fit(few).transform(few)
    ks = types_to_try(data.n, settings.max_types)
    typedness(data, ks, 1)  # The first compiles.
    begun = time.monotonic()
    typedness(data, ks, 1)
    return ks, time.monotonic() - begun


def _evidence_words(settings: ProposeSettings, ks: tuple[int, ...], search: float) -> str:
    """Give the time that the evidence should take, by a model of its cost in searches."""
    fits = len(ks) * (1 + len(settings.algorithms) * len(settings.spaces)) * settings.bootstraps
    searches = (
        SEARCHES_OF_REFERENCE * settings.reference_draws
        + SEARCHES_FOR_NUMBER * max(1.0, settings.number_resamples / 39)
        + SEARCHES_A_REFIT * fits
        + SEARCHES_OF_STABILITY * settings.stability_references
        + SEARCHES_OF_AGREEMENT * settings.agreement_replicates
    )
    separations = len({settings.separation, *settings.separations})
    power = SEARCHES_OF_POWER * settings.power_replicates * separations
    return (
        f"Evidence for the proposal: {settings.reference_draws} data sets without types and "
        f"{settings.bootstraps} resamples a candidate; roughly {in_words(searches * search)}, or "
        f"{in_words((searches + power) * search)} if power has to be found (one search was timed)."
    )
