"""Plan a study: sites, informants and response against power, false alarms and agreement."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from site_typology.errors import Problem, Problems, StudyError
from site_typology.nulltest import types_to_try
from site_typology.planning_material import Design, Material, assumed_material
from site_typology.planning_settings import Assumptions, PlanSettings
from site_typology.planning_table import plan_table, sites_needed
from site_typology.planning_words import placing, sentence
from site_typology.profiles import SiteProfiles
from site_typology.study import Study

if TYPE_CHECKING:
    from collections.abc import Sequence

    from site_typology.declaration import TypologySection
    from site_typology.models.parallel import Progress

__all__ = ["Plan", "plan"]


@dataclass(frozen=True)
class Plan:
    """What was simulated for a study that is planned.

    Parameters
    ----------
    table : DataFrame
        One row for each number of sites, informants, response and separation; its columns are
        described on the page on planning. Errors are Monte Carlo standard errors.
    settings : PlanSettings
        With the separation that matters settled.
    assumptions : tuple of str
        What was taken for granted, in sentences.
    """

    table: pd.DataFrame
    settings: PlanSettings
    assumptions: tuple[str, ...]

    @cached_property
    def needed(self) -> pd.DataFrame:
        """Sites needed for the separation that matters, by informants and response."""
        return sites_needed(self.table, self.settings)

    @property
    def sentence(self) -> str:
        """How many sites it takes, or that no design tried is enough and what would be."""
        return sentence(self.table, self.needed, self.settings)

    @property
    def placing(self) -> str:
        """How well sites could be placed there."""
        return placing(self.needed, self.settings)

    def figure(self) -> str:
        """Draw power against sites, by informants and response, as an ``<svg>`` element."""
        from site_typology.figure_canvas import render
        from site_typology.figures_planning import plan_drawing

        return render("plan", plan_drawing(self.table, self.settings))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; NaN becomes None."""
        return {
            "sentence": self.sentence,
            "placing": self.placing,
            "assumptions": list(self.assumptions),
            "settings": self.settings.to_dict(),
            "needed": _records(self.needed),
            "table": _records(self.table),
        }

    def save(self, out: str | Path) -> Path:
        """Write ``plan.csv``, ``plan.json`` and ``plan.svg`` to a folder.

        Parameters
        ----------
        out : str or Path
            Other files in it are left alone.

        Raises
        ------
        StudyError
            The folder cannot be written.
        """
        import json

        from site_typology.figure_canvas import save
        from site_typology.output import write_csv, write_whole

        def fill(folder: Path) -> None:
            write_csv(self.table, folder / "plan.csv")
            text = json.dumps(self.to_dict(), indent=1, allow_nan=False)
            (folder / "plan.json").write_text(text + "\n", encoding="utf-8")
            (folder / "plan.svg").write_text(save(self.figure()), encoding="utf-8")

        return write_whole(Path(out), fill)


def plan(
    study: Study | SiteProfiles | Assumptions | None = None,
    settings: PlanSettings | None = None,
    *,
    surveys: Sequence[str] | None = None,
    survey_features: Sequence[str] | None = None,
    separation: float | None = None,
    out: str | Path | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Plan:
    """Simulate how many sites, informants and answers it takes to find types.

    Each cell simulates data sets with types planted, and without, and looks for types as the
    null test does: each data set has its own unimodal reference. What the few draws of it differ
    by from their mean is pooled over the data sets of a cell, after the warp-speed bootstrap
    (Giacomini, Politis and White 2013, *Econometric Theory* 29). Then as many types are fitted
    as were planted, to see how well sites can be placed.

    Parameters
    ----------
    study : Study, SiteProfiles or Assumptions, optional
        What is known: a study or profiles with data (of their last round), whose fitted
        population, errors and gaps are used; otherwise assumptions, the default ones if nothing
        is given.
    settings : PlanSettings, optional
    surveys : sequence of str, optional
        Tables that informants and response apply to; every survey of the study by default.
    survey_features : sequence of str, optional
        For profiles that know of no surveys: features that are means over informants. By default
        those with a number behind them and an error.
    separation : float, optional
        Separation that matters, where neither study nor settings say.
    out : str or Path, optional
        Folder where each simulated data set is written down, so that a plan that was interrupted
        goes on where it was.
    workers : int
        Processes to use; the result is the same.
    progress : callable, optional
        Called with what is done and the share done.

    Returns
    -------
    Plan

    Raises
    ------
    StudyError
        Profiles that cannot carry a typology, or more types than lie apart in their features.

    Examples
    --------
    >>> tiny = PlanSettings(sites=(12,), separations=(30.0,), k=2, replicates=4)
    >>> found = plan(Assumptions(features=2, icc1=0.5, missing=0.0), tiny)
    >>> found.table[["sites", "informants", "separation", "replicates"]].to_numpy().tolist()
    [[12.0, 12.0, 30.0, 4.0]]
    """
    from site_typology.planning_runs import run_plan

    given = settings or PlanSettings()
    if isinstance(study, Study):
        stated = study.declaration.typology
        given = as_declared(given, stated)
        separation = separation or stated.separation
    material, designs = _material(study, given, surveys, survey_features)
    given = given.about(separation)
    _check_types(given, len(material.population.mean))
    outcomes = run_plan(
        material,
        given,
        designs,
        out=None if out is None else Path(out),
        workers=workers,
        progress=progress,
    )
    return Plan(plan_table(outcomes, designs, given), given, material.notes)


def as_declared(settings: PlanSettings, stated: TypologySection) -> PlanSettings:
    """Settle what a study file says of every typology of the study."""
    return dataclasses.replace(
        settings,
        min_observed=stated.min_observed,
        max_types=settings.max_types or stated.max_types,
        min_sites=stated.min_sites,
    )


def _material(
    study: Study | SiteProfiles | Assumptions | None,
    settings: PlanSettings,
    surveys: Sequence[str] | None,
    survey_features: Sequence[str] | None,
) -> tuple[Material, list[Design]]:
    """What is simulated from, and the designs tried."""
    if study is None or isinstance(study, Assumptions):
        given = study or Assumptions()
        informants = settings.informants or (given.informants,)
        response = settings.response or (given.response,)
        material = assumed_material(given, informants, response)
        return material, _designs(settings.sites, informants, response)
    from site_typology.planning_profiles import profiles_material

    profiles = study.typology_profiles() if isinstance(study, Study) else study
    if profiles.rounds:
        profiles = profiles.select(round=profiles.rounds[-1])
    material = profiles_material(
        profiles,
        min_observed=settings.min_observed,
        surveys=surveys,
        survey_features=survey_features,
    )
    if (settings.informants or settings.response) and not material.surveys:
        message = "No feature is known to be a mean over informants, so they cannot be planned."
        raise StudyError("plan", [Problem("informants", message)])
    return material, _designs(
        settings.sites, settings.informants or (None,), settings.response or (None,)
    )


def _designs(
    sites: Sequence[int], informants: Sequence[int | None], response: Sequence[float | None]
) -> list[Design]:
    return [
        Design(int(number), asked, None if share is None else float(share))
        for number in sorted(sites)
        for asked in informants
        for share in response
    ]


def _check_types(settings: PlanSettings, columns: int) -> None:
    """Refuse types that features cannot tell apart, or that the null test would not look for."""
    k, found = settings.k, Problems("plan")
    if k - 1 > columns:
        found.add(
            "types", f"At most {columns + 1} types lie apart in {columns} features; found {k}."
        )
    most = max(types_to_try(min(settings.sites), settings.max_types))
    if k > most:
        found.add(
            "types",
            f"With {min(settings.sites)} sites up to {most} types are looked for, so that {k} "
            f"would never be proposed. Set max_types = {k}, in a study file under [typology], or "
            "plan for fewer types.",
        )
    found.raise_if_any()


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    plain = frame.astype(object)
    return list(plain.where(frame.notna(), None).to_dict("records"))
