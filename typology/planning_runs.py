"""Run the simulations of a plan, so that an interrupted run goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from site_typology import __version__
from site_typology.models.parallel import run_tasks
from site_typology.planning_material import Design, Material
from site_typology.planning_settings import PlanSettings
from site_typology.planning_simulation import Outcome, Task, simulate_one

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
    runs = RunFile(None if out is None else out / RUNS, key)
    done = runs.read({task.name: task for task in wanted})
    left = [task for task in wanted if task not in done]
    one = partial(simulate_one, material, settings)
    size = 1 if workers == 1 else AHEAD * workers
    for start in range(0, len(left), size):
        batch = left[start : start + size]
        if progress is not None:
            progress(_stage(batch[0]), len(done) / len(wanted))
        found = dict(zip(batch, run_tasks(one, batch, workers=workers), strict=True))
        runs.append(found)
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


class RunFile:
    """Finished data sets, one a line, with the key of the plan that they belong to.

    Parameters
    ----------
    path : Path or None
        None keeps nothing.
    key : str
        From `run_key`; lines with another are left alone.
    """

    def __init__(self, path: Path | None, key: str) -> None:
        self.path = path
        self.key = key

    def read(self, wanted: dict[str, Task]) -> dict[Task, Outcome]:
        """Read the outcomes of tasks by name; a half-written last line is cut off.

        A line that says nothing that can be read is passed over: its data set is simulated again.
        """
        if self.path is None or not self.path.exists():
            return {}
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            with self.path.open("r+b") as file:
                file.truncate(len(whole))
        done = {}
        for line in whole.splitlines():
            found = _parsed(line)
            if found is not None and found[0] == self.key and found[1] in wanted:
                done[wanted[found[1]]] = found[2]
        return done

    def append(self, found: dict[Task, Outcome]) -> None:
        """Write outcomes down, on the disk before this returns."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lines = [
            json.dumps({"key": self.key, "task": task.name, **outcome.to_dict()}, allow_nan=False)
            for task, outcome in found.items()
        ]
        with self.path.open("ab") as file:
            file.write(("\n".join(lines) + "\n").encode())
            file.flush()
            os.fsync(file.fileno())


def _parsed(line: bytes) -> tuple[str, str, Outcome] | None:
    try:
        content = json.loads(line)
        return content.pop("key"), content.pop("task"), Outcome.from_dict(content)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _stage(task: Task) -> str:
    of = task.design
    words = [f"{of.sites} sites"]
    if of.informants is not None:
        words.append(f"{of.informants} informants")
    if of.response is not None:
        words.append(f"{of.response:.0%} response")
    return ", ".join([*words, f"{task.separation:g} SD apart" if task.separation else "no types"])
