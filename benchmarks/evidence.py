"""How often types are claimed, right and wrong, by the evidence engine and by its peers.

    python benchmarks/evidence.py --out bench-evidence --workers 2
    python benchmarks/evidence.py --out bench-evidence --table
    python benchmarks/evidence.py --out small --cells cloud:25 types:25:3:8 \
        --methods site-typology kmeans gap --replicates 20 site-typology=4

Every method gets the same simulated studies. Results are added to OUT/results.jsonl one by one, so
that a run that was stopped goes on where it was; --table prints what the file has. Cells are
WORLD:SITES or types:SITES:TYPES:SEPARATION with options such as ,informants=3,missing=0.4,noise=6.

--engine whole runs `site_typology.propose` as users do. --engine verdict runs its null test, and
the rest only where that rejects: the same claims at a fraction of the time, but not whether "no
types" would be "not supported" or "insufficient", and not the time that users wait. Publish
figures only from seeds that nothing was tuned on; they begin at 9000000.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from cells import Cell, default_cells, parse
from engine import CLAIM_ONLY, ENGINES, RUN, WHOLE, prepared
from evidence_table import TITLES, tables
from joblib import Parallel, delayed
from peers import PEERS, ask
from peers_r import R_PEERS, ask_r, left_out
from results_file import Key, Results, Row
from scoring import score
from threadpoolctl import threadpool_limits

import site_typology as st
from site_typology.models.working import WorkingData

FIRST_SEED = 9_000_000
BLOCK = 10
"""Seeds that are finished in every cell before the next ones begin."""
METHODS = (WHOLE, *PEERS, *R_PEERS)
REPLICATES = 100
SLOW_REPLICATES = {WHOLE: 20, "stepmix": 20}
"""Of those that take most of the time, where no number is asked for."""


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
            studies[seed] = _study(cell, seed)
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


def _study(cell: Cell, seed: int) -> Study:
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


def run(
    tasks: Sequence[Task],
    results: Results,
    *,
    workers: int = 1,
    say: Callable[[str], None] = print,
) -> None:
    """Carry tasks out and keep the rows of each as soon as it is finished."""
    say(f"{len(tasks)} tasks to do; results go to {results.path}")
    parallel = Parallel(n_jobs=workers, batch_size=1, return_as="generator_unordered")
    finished = (
        map(carried_out, tasks)
        if workers == 1
        else parallel(delayed(carried_out)(task) for task in tasks)
    )
    for rows in finished:
        results.add(rows)


def replicates_of(given: Sequence[str], methods: Sequence[str]) -> dict[str, int]:
    """Replicates by method from arguments such as ``100 stepmix=20``."""
    plain = [item for item in given if "=" not in item]
    if len(plain) > 1:
        raise ValueError(f"--replicates: expected one number for all methods, found {plain}.")
    own = dict(item.split("=", 1) for item in given if "=" in item)
    if unknown := set(own) - set(methods):
        raise ValueError(f"--replicates: {sorted(unknown)} not among methods: {list(methods)}.")

    def number(method: str) -> int:
        usual = plain[0] if plain else SLOW_REPLICATES.get(method, REPLICATES)
        return int(own.get(method, usual))

    return {method: number(method) for method in methods}


def main() -> None:
    """Run what is left to do and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of results.jsonl")
    parser.add_argument("--cells", nargs="+", default=default_cells())
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument(
        "--replicates", nargs="+", default=[], help="data sets a cell, for all or METHOD=NUMBER"
    )
    parser.add_argument("--engine", choices=tuple(ENGINES), default="whole")
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--table", action="store_true", help="only print what the file has")
    given = parser.parse_args()
    results = Results(given.out / "results.jsonl")
    if not given.table:
        try:
            for cell in given.cells:
                parse(cell)
            replicates = replicates_of(given.replicates, given.methods)
        except ValueError as error:
            parser.error(str(error))
        if given.engine == "verdict" and WHOLE in replicates:
            replicates[CLAIM_ONLY] = replicates.pop(WHOLE)
        for method, reason in left_out().items():
            if replicates.pop(method, None):
                print(f"Left out: {TITLES[method]}: {reason}.")
        tasks = list(planned(given.cells, replicates, given.first_seed, results.keys()))
        run(tasks, results, workers=given.workers)
    print(tables(results.rows()))


if __name__ == "__main__":
    main()
