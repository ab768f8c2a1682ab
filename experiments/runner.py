"""Run a whole study: profiles, types and evidence, explanation, files, MLflow."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from site_typology.errors import Problem, StudyError
from site_typology.experiments.carried import earlier_names
from site_typology.experiments.origin import Origin, now, read_run_file
from site_typology.experiments.store import (
    Store,
    TrackingError,
    choose_store,
    given_uri,
    open_store,
)
from site_typology.experiments.tracking import Tracked, log_typology
from site_typology.output import RUN_FILE, check_writable, write_outputs

if TYPE_CHECKING:
    from site_typology.explain import Explanation
    from site_typology.grid import Grid
    from site_typology.settings import ProposeSettings
    from site_typology.specification_curve import SpecificationCurve
    from site_typology.study import Study
    from site_typology.typology import Typology

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class RunResult:
    """What a run made and where it stands.

    Parameters
    ----------
    typology : Typology
    explanation : Explanation
    out : Path
        Folder with the files of the output contract.
    tracked : Tracked
        The runs and the model in MLflow.
    curve : SpecificationCurve, optional
        Where a grid was tried.
    """

    typology: Typology
    explanation: Explanation
    out: Path
    tracked: Tracked
    curve: SpecificationCurve | None = None

    @property
    def tracking_uri(self) -> str:
        """The MLflow store, without credentials."""
        return self.tracked.store.shown

    @property
    def run_id(self) -> str:
        """The summary run."""
        return self.tracked.summary_run


def run_study(
    study: Study,
    *,
    out: str | Path,
    settings: ProposeSettings | None = None,
    grid: Grid | None = None,
    seed: int = 0,
    workers: int = 1,
    resume: bool = False,
    specification: str = "",
    tracking_uri: str | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Take a study from its tables to a tracked proposal.

    Parameters
    ----------
    study : Study
    out : str or Path
        Folder for the results; see the output contract.
    settings : ProposeSettings, optional
        See `read_spec`.
    grid : Grid, optional
        Choices that the typology should survive; see `read_whole_spec`.
    seed : int
        The same seed gives the same results.
    workers : int
        Processes, or what `pool` says; they do not change the results.
    resume : bool
        Go on from what an interrupted run left in `out`; the result is the same as without the
        interruption.
    specification : str
        Name of the specification that the settings come from, for the record.
    tracking_uri : str, optional
        MLflow store; see `choose_store`.
    progress : callable, optional
        Called with a step and the share of it that is done, from 0 to 1.

    Returns
    -------
    RunResult

    Raises
    ------
    StudyError
        The profiles allow no search for types, the grid names what the study does not have, `out`
        cannot be written, what is to be resumed belongs to another run, or another process runs
        into `out`; nothing is written.
    TrackingError
        The store does not answer or cannot be opened. Found out before the work starts, where the
        store was named or is there already; where it happens later, the results in `out` are
        complete.
    """
    from site_typology.experiments.run_parts import run_parts
    from site_typology.experiments.run_plan import plan_grid, try_grid
    from site_typology.explain import explain
    from site_typology.proposal import propose
    from site_typology.settings import ProposeSettings

    out, told, started = Path(out), progress or (lambda step, done: None), now()
    check_writable(out)
    study.typology_profiles()
    store = choose_store(out, tracking_uri)
    if given_uri(tracking_uri) or (store.database is not None and store.database.exists()):
        # A store that cannot be used is better known now than after the work. The default one is
        # made only when there is something to keep.
        open_store(store)
    settings = settings or ProposeSettings()
    planned = None if grid is None else plan_grid(study, settings, grid, seed)
    parts = run_parts(out, study, settings, grid, seed)
    with parts.begun(resume=resume):
        typology = parts.typology() or parts.keep(
            propose(
                study.typology_profiles(),
                seed=seed,
                settings=settings,
                workers=workers,
                progress=progress,
                name=study.name,
                kept=parts.evidence,
            )
        )
        curve = None
        if planned is not None:
            curve = try_grid(
                planned,
                typology,
                out=parts.folder,
                key=parts.key,
                workers=workers,
                progress=progress,
            )
        carried = earlier_names(typology, study.name, store)
        typology = typology.named(carried.names)
        told("explaining", 0.0)
        explanation = explain(typology, seed=seed)
        told("drawing and writing", 0.0)
        origin = Origin(
            study.name,
            study.hash,
            study.path,
            specification=specification,
            workers=workers,
            started=started,
            explanation=fidelity(explanation),
            grid=grid.model_dump(mode="json") if grid else None,
            specifications={} if curve is None else curve.metrics,
            names=carried.names,
            name_notes=carried.notes,
        ).settled(typology)
        _write(study, typology, explanation, out, origin, curve)
        told("tracking", 0.0)
        tracked = track_results(typology, origin, out=out, store=store, progress=told)
        told("tracking", 1.0)
        parts.clear()
    return RunResult(typology, explanation, out, tracked, curve)


def fidelity(explanation: Explanation) -> dict[str, float]:
    """How far an explanation can be believed, by the names of the metrics; what was computed."""
    figures = {
        "fidelity": explanation.fidelity,
        "fidelity_sd": explanation.fidelity_sd,
        "fidelity_chance": explanation.chance,
    }
    return {name: float(value) for name, value in figures.items() if math.isfinite(value)}


def _write(
    study: Study,
    typology: Typology,
    explanation: Explanation,
    out: Path,
    origin: Origin,
    curve: SpecificationCurve | None,
) -> None:
    from site_typology.document_reading import read_page
    from site_typology.figure_canvas import render, render_png
    from site_typology.figures import drawings
    from site_typology.figures_quality import reliability_drawing
    from site_typology.report import report_html
    from site_typology.report_files import report_files

    laid_out = drawings(typology, explanation, curve=curve)
    drawn = {name: render(name, drawing) for name, drawing in laid_out.items()}
    rules, assessment = study.declaration.study.disclosure, study.assess()
    report = report_html(
        typology,
        explanation,
        title=study.title,
        sources={name: table.path for name, table in study.declaration.tables.items()},
        disclosure=rules,
        figures=drawn,
        assessment=assessment,
        curve=curve,
    )
    if reliability := reliability_drawing(assessment.precision):
        laid_out["reliability"] = reliability
    files = report_files(
        read_page(report),
        {name: render_png(drawing) for name, drawing in laid_out.items()},
        {"internal": True, "disclosure": rules.model_dump()},
    )
    run = origin.to_dict(typology)
    write_outputs(out, typology, study.profiles(), report, drawn, explanation, files, curve, run)


def track_results(
    typology: Typology,
    origin: Origin,
    *,
    out: Path,
    store: Store,
    progress: Progress | None = None,
) -> Tracked:
    """Log results that stand in `out`.

    Raises
    ------
    TrackingError
        The store does not answer; says that the results are kept, where, and how to log them.
    """
    try:
        return log_typology(typology, origin, store, folder=out, progress=progress)
    except TrackingError as error:
        kept = Problem(
            "results",
            f"Complete in {out}; only runs in MLflow are missing. When it answers again, with the "
            f"same --tracking-uri: site-typology log {shlex.quote(str(out))}",
        )
        raise TrackingError(error.source, [*error.problems, kept]) from error


def log_results(
    out: str | Path, tracking_uri: str | None = None, progress: Progress | None = None
) -> Tracked:
    """Log a finished output folder, from what stands in it and nothing else.

    Parameters
    ----------
    out : str or Path
        Output folder of a run.
    tracking_uri : str, optional
        MLflow store; see `choose_store`.
    progress : callable, optional
        Called with a step and the share of it that is done, from 0 to 1.

    Returns
    -------
    Tracked
        What was logged before is found by its ``batch`` and not logged twice.

    Raises
    ------
    StudyError
        The folder does not hold the results of a finished run.
    TrackingError
        The store does not answer or refused something; try again, nothing is lost.
    """
    from site_typology.typology import load

    out = Path(out)
    content = read_run_file(out / RUN_FILE)
    typology = load(out / "typology")
    if content["data_hash"] != typology.profiles.hash:
        said = "The typology is of other data than run.json says. Run the study again."
        raise StudyError(str(out), [Problem("typology", said)])
    store = choose_store(out, tracking_uri)
    return track_results(
        typology, Origin.from_dict(content), out=out, store=store, progress=progress
    )
