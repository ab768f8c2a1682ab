"""What is left to do in the benchmark of evidence, and doing it: data sets in, rows out."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from cells import Cell, parse
from engine import RUN, prepared
from peers import PEERS, ask
from peers_r import R_PEERS, ask_r
from results_file import Key, Row
from scoring import score
from threadpoolctl import threadpool_limits

import site_typology as st
from site_typology.models.working import WorkingData

BLOCK = 10
"""Seeds that are finished in every cell before the next ones begin."""


@dataclass(frozen=True)
class Study:
    """Simulated profiles, and working data and true types of the sites with enough data."""

    profiles: st.SiteProfiles
    data: WorkingData
    truth: np.ndarray


@dataclass(frozen=True)
class Task:
    """Methods that answer about some data sets of one cell, in one process."""

    cell: str
    jobs: tuple[tuple[int, str], ...]


def planned(
    cells: Sequence[str], replicates: dict[str, int], first_seed: int, done: set[Key]
) -> Iterator[Task]:
    """What is left to do: a task a data set, one for the engine, and one a block for R."""
    for begin in range(0, max(replicates.values(), default=0), BLOCK):
        for cell in cells:
            wanted = [
                (first_seed + at, method)
                for at in range(begin, begin + BLOCK)
                for method, number in replicates.items()
                if at < number and (cell, method, first_seed + at) not in done
            ]
            in_r = tuple(job for job in wanted if job[1] in R_PEERS)
            if in_r:
                yield Task(cell, in_r)
            for seed in sorted({seed for seed, _ in wanted}):
                own = [job for job in wanted if job[0] == seed and job not in in_r]
                quick = tuple(job for job in own if job[1] in PEERS)
                if quick:
                    yield Task(cell, quick)
                yield from (Task(cell, (job,)) for job in own if job[1] in RUN)


def carried_out(task: Task) -> list[Row]:
    """Rows of one task; every process computes on one thread.

    Data that `site_typology.propose` refuses are no claim for any method, with the reason.
    """
    cell = parse(task.cell)
    studies: dict[int, Study] = {}
    rows = []
    for seed in dict.fromkeys(seed for seed, _ in task.jobs):
        try:
            studies[seed] = study_of(cell, seed)
        except st.StudyError as error:
            reason = " ".join(str(error).split())
            rows += [
                _as_row(cell, method, seed, None, 0.0, reason)
                for at, method in task.jobs
                if at == seed
            ]
    jobs = [job for job in task.jobs if job[0] in studies]
    with threadpool_limits(1):
        if task.jobs[0][1] in R_PEERS:
            return rows + _in_r(cell, jobs, studies)
        return rows + [_row(cell, seed, method, studies[seed]) for seed, method in jobs]


def _row(cell: Cell, seed: int, method: str, study: Study) -> Row:
    begun = time.process_time()
    if method in RUN:
        answer = RUN[method](study.profiles, seed)
    else:
        answer = ask(method, study.data.values, seed)
    spent = time.process_time() - begun
    return _as_row(cell, method, seed, score(answer, study.truth), spent)


def _in_r(cell: Cell, jobs: Sequence[tuple[int, str]], studies: dict[int, Study]) -> list[Row]:
    values = {seed: study.data.values for seed, study in studies.items()}
    return [
        _as_row(
            cell,
            one.method,
            one.seed,
            score(one.answer, studies[one.seed].truth),
            one.seconds,
            one.error,
        )
        for one in (ask_r(jobs, values) if jobs else [])
    ]


def study_of(cell: Cell, seed: int) -> Study:
    """Simulate a data set of the cell."""
    profiles, truth = cell.simulate(seed)
    data = prepared(profiles)
    at = {site: place for place, site in enumerate(profiles.sites)}
    return Study(profiles, data, truth[[at[site] for site in data.sites]])


def _as_row(
    cell: Cell,
    method: str,
    seed: int,
    scored: Row | None,
    seconds: float,
    error: str = "",
) -> Row:
    row: Row = {"cell": cell.name, "method": method, "seed": seed}
    row |= scored or {"claims": False, "k": 1}
    row |= {"seconds": round(seconds, 4), "code": code()}
    return row | {"error": error} if error else row


@cache
def code() -> str:
    """Short name of the code behind a row, so that a table can say when there are several."""
    folder, here = Path(st.__file__).parent, Path(__file__).parent
    names = ("worlds.py", "cells.py", "engine.py", "peers.py", "peers.R")
    files = [*sorted(folder.glob("*.py")), *sorted(folder.glob("models/*.py"))]
    files += [here / name for name in names]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:8]
