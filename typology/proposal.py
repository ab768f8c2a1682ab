"""Propose a typology for a set of site profiles, or say that the data do not support one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from site_typology.assign import OUTSIDE, Assigner
from site_typology.errors import Problem, StudyError
from site_typology.profiles import SiteProfiles
from site_typology.screening import Screened, in_order, screen
from site_typology.settings import ProposeSettings
from site_typology.typical_errors import typical_errors
from site_typology.typology import Typology, short_reason

if TYPE_CHECKING:
    from site_typology.evidence import Findings
    from site_typology.models.mixture import TypeModel
    from site_typology.models.natural import NaturalSites
    from site_typology.models.parallel import Kept, Progress
    from site_typology.models.plausible import Population
    from site_typology.models.working import WorkingScale

__all__ = ["ProposeSettings", "propose"]


def propose(
    profiles: SiteProfiles,
    *,
    seed: int,
    settings: ProposeSettings | None = None,
    round: str | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    name: str = "study",
    kept: Kept | None = None,
) -> Typology:
    """Look for types of sites and weigh the evidence for them.

    Missing cells and measurement error are handled together, by plausible values of the true
    profiles. Types are claimed only when one population with the same correlations, errors and
    gaps hardly ever looks as typed as the data; every rule of the verdict is fixed beforehand.

    Parameters
    ----------
    profiles : SiteProfiles
        Features with use ``"build"`` make the types; others only describe them.
    seed : int
        Not negative. The same seed gives the same results for any number of workers and any
        order of sites and features.
    settings : ProposeSettings, optional
    round : str, optional
        Round to build types on; the last by default.
    workers : int
        Processes to use.
    progress : callable, optional
        Called with the name of a step and the share of it that is done.
    name : str
        Name of the typology.
    kept : Kept, optional
        Where finished tasks of the evidence are kept and looked up, so that an interrupted search
        goes on from them with the same result; nowhere by default. It has to belong to these
        profiles, settings and seed: `site_typology.experiments.runner.run_study` sees to that.

    Returns
    -------
    Typology

    Raises
    ------
    StudyError
        Fewer than six sites with enough data, fewer than two build features, or features that
        cannot tell sites apart; lists every problem.

    Examples
    --------
    >>> values = pd.DataFrame({"wsa": [1.0, 2.0], "need": [3.0, 5.0]}, index=["A", "B"])
    >>> propose(SiteProfiles.from_frame(values), seed=1)
    Traceback (most recent call last):
    ...
    site_typology.errors.StudyError: profiles: 1 problem
      sites  2 sites have enough data; at least 6 are needed to look for types. Add sites.
    """
    from site_typology.evidence import collect
    from site_typology.models.plausible import fit_population
    from site_typology.models.working import WorkingScale

    settings = settings or ProposeSettings()
    _check_seed(seed)
    if workers < 1:
        message = f"Expected 1 or more, found {workers}."
        raise StudyError("settings", [Problem("workers", message)])
    here = profiles.select(round=_round(profiles, round))
    screened = screen(here, settings.min_observed)
    scale = WorkingScale.fit(screened.profiles)
    data = scale.transform(screened.profiles)
    population = fit_population(data)
    findings = collect(
        data,
        population,
        settings,
        seed,
        apart=screened.apart,
        natural=_natural(here, screened, scale),
        workers=workers,
        progress=progress,
        kept=kept,
    )
    return _typology(name, here, screened, scale, population, findings, settings, seed)


def _typology(
    name: str,
    profiles: SiteProfiles,
    screened: Screened,
    scale: WorkingScale,
    population: Population,
    findings: Findings,
    settings: ProposeSettings,
    seed: int,
) -> Typology:
    evidence = findings.evidence
    model = findings.model if evidence.claimed else _one_type(population)
    names = {at + 1: f"Type {at + 1}" for at in range(evidence.k)} if evidence.claimed else {}
    assigner = Assigner(
        features=tuple(info for info in profiles.features if info.builds),
        scale=scale,
        model=model,
        names=names,
        min_observed=settings.min_observed,
        reach=float(np.log(OUTSIDE)),
        errors=typical_errors(screened.profiles),
        no_claim="" if evidence.claimed else short_reason(evidence),
        sites=len(screened.profiles.sites),
    )
    reach = min(assigner.reach, float(assigner.log_tails(screened.profiles).min()))
    means = pd.DataFrame(findings.means, index=screened.profiles.sites, columns=list(scale.columns))
    order = [site for site in profiles.sites if site not in screened.apart]
    typology = Typology.of(
        name=name,
        profiles=profiles,
        assigner=assigner.reaching(reach),
        population=population,
        evidence=evidence,
        candidates=findings.candidates,
        posterior_means=means.loc[order].rename_axis(index="site"),
        settings=settings,
        seed=seed,
    )
    return _with_suggested_names(typology) if evidence.claimed else typology


def _natural(profiles: SiteProfiles, screened: Screened, scale: WorkingScale) -> NaturalSites:
    """The sites that types are looked for in, with their categories, in order of name."""
    from site_typology.models.natural import NaturalSites

    return NaturalSites.of_profiles(in_order(profiles.select(sites=screened.profiles.sites)), scale)


def _with_suggested_names(typology: Typology) -> Typology:
    from site_typology.describe import type_names

    return typology.named({int(label): name for label, name in type_names(typology).items()})


def _one_type(population: Population) -> TypeModel:
    from site_typology.models.mixture import TypeModel

    return TypeModel(np.ones(1), population.mean[None, :], population.covariance)


def _round(profiles: SiteProfiles, wanted: str | None) -> str:
    if not profiles.rounds:
        raise StudyError("profiles", [Problem("sites", "There are none. Give profiles of sites.")])
    if wanted is None:
        return profiles.rounds[-1]
    if wanted not in profiles.rounds:
        message = f"{wanted!r} is not in the profiles. Rounds: {', '.join(profiles.rounds)}."
        raise StudyError("profiles", [Problem("round", message)])
    return wanted


def _check_seed(seed: int) -> None:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        message = f"Expected a whole number, 0 or more; found {seed!r}."
        raise StudyError("settings", [Problem("seed", message)])
