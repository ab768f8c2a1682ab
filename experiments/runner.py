"""Run a whole study: profiles, types and evidence, explanation, files, MLflow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from site_typology.errors import Problem
from site_typology.experiments.records import Origin
from site_typology.experiments.store import (
    Store,
    TrackingError,
    choose_store,
    given_uri,
    open_store,
)
from site_typology.experiments.tracking import Tracked, log_typology
from site_typology.output import check_writable, write_outputs

if TYPE_CHECKING:
    from site_typology.explain import Explanation
    from site_typology.settings import ProposeSettings
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
    """

    typology: Typology
    explanation: Explanation
    out: Path
    tracked: Tracked

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
    seed: int = 0,
    workers: int = 1,
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
    seed : int
        The same seed gives the same results.
    workers : int
        Processes; they do not change the results.
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
        The profiles allow no search for types, or `out` cannot be written; nothing is written.
    TrackingError
        The store does not answer or cannot be opened. Found out before the work starts, where the
        store was named or is there already; where it happens later, the results in `out` are
        complete.
    """
    from site_typology.explain import explain
    from site_typology.proposal import propose

    out, told = Path(out), progress or (lambda step, done: None)
    check_writable(out)
    chosen = study.typology_profiles()
    store = choose_store(out, tracking_uri)
    if given_uri(tracking_uri) or (store.database is not None and store.database.exists()):
        # A store that cannot be used is better known now than after the work. The default one is
        # made only when there is something to keep.
        open_store(store)
    typology = propose(
        chosen, seed=seed, settings=settings, workers=workers, progress=progress, name=study.name
    )
    told("explaining", 0.0)
    explanation = explain(typology, seed=seed)
    told("drawing and writing", 0.0)
    _write(study, typology, explanation, out)
    told("tracking", 0.0)
    tracked = track_results(study, typology, explanation, out=out, store=store)
    told("tracking", 1.0)
    return RunResult(typology, explanation, out, tracked)


def _write(study: Study, typology: Typology, explanation: Explanation, out: Path) -> None:
    from site_typology.document_reading import read_page
    from site_typology.figure_canvas import render, render_png
    from site_typology.figures import drawings
    from site_typology.figures_quality import reliability_drawing
    from site_typology.report import report_html
    from site_typology.report_files import report_files

    laid_out = drawings(typology, explanation)
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
    )
    if reliability := reliability_drawing(assessment.precision):
        laid_out["reliability"] = reliability
    files = report_files(
        read_page(report),
        {name: render_png(drawing) for name, drawing in laid_out.items()},
        {"internal": True, "disclosure": rules.model_dump()},
    )
    write_outputs(out, typology, study.profiles(), report, drawn, explanation, files)


def track_results(
    study: Study, typology: Typology, explanation: Explanation, *, out: Path, store: Store
) -> Tracked:
    """Log results that stand in `out`.

    Raises
    ------
    TrackingError
        The store does not answer; says that the results are kept, and where.
    """
    origin = Origin(study.name, study.hash, study.path)
    try:
        return log_typology(typology, origin, store, folder=out, explanation=explanation)
    except TrackingError as error:
        kept = Problem("results", f"Complete in {out}; only the MLflow runs are missing.")
        raise TrackingError(error.source, [*error.problems, kept]) from error
