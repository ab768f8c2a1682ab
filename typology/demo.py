"""The demonstration: one study as it was, one as it would need to be, through the whole road."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from rich.console import Console

from site_typology.console import output_console, print_verdict, progress_bar, tell
from site_typology.errors import Problem, StudyError

if TYPE_CHECKING:
    from site_typology.experiments.runner import RunResult
    from site_typology.grid import Grid
    from site_typology.settings import ProposeSettings

MARKER = ".site-typology-demo"
NEW_SITES = 12


@dataclass(frozen=True)
class Scene:
    """One simulated study of the demonstration."""

    scenario: str
    heading: str


SCENES = (
    Scene("trailblazer", "As the published evaluation had it: 25 sites, low response, gaps"),
    Scene("well_measured", "As it would need to be: more sites, more informants, types that exist"),
)


def run_demo(out: Path, *, seed: int, workers: int) -> None:
    """Simulate the studies into `out`, run them, assign new sites, and print a summary.

    Parameters
    ----------
    out : Path
        A new folder, or one of an earlier demonstration.
    seed, workers : int
        As for a run.

    Raises
    ------
    StudyError
        `out` holds something else.
    """
    from site_typology.experiments.spec import read_whole_spec
    from site_typology.simulation import simulate

    _claim_folder(out)
    console = output_console()
    store = f"sqlite:///{(out / 'mlflow.db').resolve()}"
    settings, grid = read_whole_spec("quick")
    results = []
    for scene in SCENES:
        study = simulate(out / scene.scenario / "study", scenario=scene.scenario, seed=seed)
        results.append(_run(study, settings, grid, seed, workers, store, scene.heading))
    for scene, result in zip(SCENES, results, strict=True):
        console.rule(scene.heading, align="left")
        print_verdict(console, result.typology.evidence)
        _tell_truth(console, result, out / scene.scenario / "study")
        tell(console, f"Report:  {result.out / 'report.html'}")
    _assign_new_sites(console, out, results[-1], seed)
    console.rule("Next", align="left")
    tell(console, f"Look at the runs:   {results[-1].tracked.command}")
    tell(console, "Run your own study: site-typology run STUDY.toml --out RESULTS")


def _claim_folder(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise StudyError(str(out), [Problem("out", "Is a file. Name a folder.")])
    if out.is_dir() and any(out.iterdir()) and not (out / MARKER).exists():
        message = "Holds something other than an earlier demonstration. Name another folder."
        raise StudyError(str(out), [Problem("out", message)])
    out.mkdir(parents=True, exist_ok=True)
    (out / MARKER).touch()


def _run(
    study: Path,
    settings: ProposeSettings,
    grid: Grid | None,
    seed: int,
    workers: int,
    store: str,
    title: str,
) -> RunResult:
    from site_typology.experiments.runner import run_study
    from site_typology.study import Study

    with progress_bar(title) as progress:
        return run_study(
            Study.load(study),
            out=study.parents[1] / "results",
            settings=settings,
            grid=grid,
            seed=seed,
            workers=workers,
            tracking_uri=store,
            progress=progress,
        )


def _tell_truth(console: Console, result: RunResult, study: Path) -> None:
    """Compare with the truth that only a simulation knows."""
    from sklearn.metrics import adjusted_rand_score

    truth = _true_types(study)
    kinds = truth[truth > 0].nunique()
    planted = f"{kinds} types" if kinds > 1 else "no types: one population"
    line = f"Truth, known because the study is simulated: {planted}."
    labels = result.typology.labels.dropna()
    if kinds > 1 and len(labels):
        index = adjusted_rand_score(truth[labels.index], labels)
        line += f" Agreement with it (adjusted Rand): {index:.2f}."
    console.print(line, highlight=False)


def _true_types(study: Path) -> pd.Series:
    return pd.read_csv(study / "truth" / "types.csv", dtype={"site": "str"}).set_index("site")[
        "type"
    ]


def _assign_new_sites(console: Console, out: Path, result: RunResult, seed: int) -> None:
    """Assign sites that the typology has not seen, drawn from the same types."""
    from site_typology.simulation import simulate
    from site_typology.study import Study

    study = simulate(
        out / "new_sites", scenario=SCENES[-1].scenario, sites=NEW_SITES, seed=seed + 1
    )
    console.rule("New sites", align="left")
    frame = result.typology.assign(Study.load(study).typology_profiles()).frame
    placed = frame["type"].notna()
    sure = frame.loc[placed, "confidence"].astype(float)
    console.print(
        f"{NEW_SITES} sites that the typology has not seen: {placed.sum()} have a type"
        + (f", confidence {np.median(sure):.2f} at the median." if len(sure) else "."),
        highlight=False,
    )
    tell(console, f"Again:   site-typology assign --model {result.out} --study {study}")
