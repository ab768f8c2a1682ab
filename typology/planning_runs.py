"""Run the simulations of a plan, so that an interrupted run goes on where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from site_typology import __version__
from site_typology.models.parallel import run_tasks
from site_typology.planning_material import Design, Material
from site_typology.planning_settings import PlanSettings
from site_typology.planning_simulation import Outcome, Task, simulate_one
from site_typology.run_file import RunFile

Progress = Callable[[str, float], None]
RUNS = "plan-runs.jsonl"
AHEAD = 4
"""Data sets a process between two times that results are written down."""


def tasks(designs: Sequence[Design], settings: PlanSettings) -> Iterator[Task]:
    """Every data set of a plan: for each design, none and each separation, every replicate."""
    for design in designs:
        for separation in (0.0, *settings.separations):
            for replicate in range(settings.replicates):
                yield Task(design, separation, replicate)


def run_plan(
    material: Material,
    settings: PlanSettings,
    designs: Sequence[Design],
    *,
    out: Path | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> dict[Task, Outcome]:
    """Simulate what has not been simulated yet.

    Parameters
    ----------
    material : Material
    settings : PlanSettings
    designs : sequence of Design
    out : Path, optional
        Folder of the file of runs. What stands there for the same material and settings is not
        simulated again; a larger plan takes over the part that it has in common with it.
    workers : int
        The results are the same for any number.
    progress : callable, optional
        Called with what is done and the share done.

    Returns
    -------
    dict of Task to Outcome
    """
    wanted = list(tasks(designs, settings))
    key = run_key(material, settings)
    runs = run_file(None if out is None else out / RUNS, key)
    named = {task.name: task for task in wanted}
    done = {named[name]: outcome for name, outcome in runs.read(named).items()}
    left = [task for task in wanted if task not in done]
    one = partial(simulate_one, material, settings)
    size = 1 if workers == 1 else AHEAD * workers
    for start in range(0, len(left), size):
        batch = left[start : start + size]
        if progress is not None:
            progress(_stage(batch[0]), len(done) / len(wanted))
        found = dict(zip(batch, run_tasks(one, batch, workers=workers), strict=True))
        runs.append({task.name: outcome for task, outcome in found.items()})
        done.update(found)
    if progress is not None:
        progress("simulated", 1.0)
    return {task: done[task] for task in wanted}


def run_key(material: Material, settings: PlanSettings) -> str:
    """Hash of everything that a simulated data set depends on, beside its task."""
    varied = ("sites", "informants", "response", "separations", "matters", "replicates", "alpha",
              "target")  # fmt: skip
    fixed = {name: value for name, value in settings.to_dict().items() if name not in varied}
    content = {"material": material.hash, "version": __version__, **fixed}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def run_file(path: Path | None, key: str) -> RunFile[Outcome]:
    """Simulated data sets of a plan with a key from `run_key`, as they are kept on the disk."""
    return RunFile(path, key, Outcome.to_dict, Outcome.from_dict)


def _stage(task: Task) -> str:
    of = task.design
    words = [f"{of.sites} sites"]
    if of.informants is not None:
        words.append(f"{of.informants} informants")
    if of.response is not None:
        words.append(f"{of.response:.0%} response")
    return ", ".join([*words, f"{task.separation:g} SD apart" if task.separation else "no types"])
