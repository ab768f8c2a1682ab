"""How often types are claimed, right and wrong, by the evidence engine and by its peers.

    python benchmarks/evidence.py --out bench-evidence --workers 2
    python benchmarks/evidence.py --out bench-evidence --table
    python benchmarks/evidence.py --out small --cells cloud:25 types:25:3:8 \
        --methods site-typology kmeans gap --replicates 20 site-typology=4

Every method gets the same simulated studies. Results are added to OUT/results.jsonl one by one, so
that a run that was stopped goes on where it was; --table prints what the file has. Cells are
WORLD:SITES or types:SITES:TYPES:SEPARATION with options such as ,informants=3,missing=0.4,noise=6.

--engine whole runs `site_typology.propose` as users do. --engine verdict takes its steps up to the
first that rules a claim out: the same claims at a fraction of the time, but not whether "no types"
would be "not supported" or "insufficient", and not the time that users wait. Publish
figures only from seeds that nothing is tuned on; they begin at 9000000.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from cells import default_cells, parse
from engine import CLAIM_ONLY, ENGINES, WHOLE
from evidence_table import TITLES, tables
from evidence_tasks import Task, carried_out, planned
from joblib import Parallel, delayed
from peers import PEERS
from peers_r import R_PEERS, left_out
from results_file import Results

FIRST_SEED = 9_000_000
METHODS = (WHOLE, *PEERS, *R_PEERS)
REPLICATES = 100
SLOW_REPLICATES = {WHOLE: 20, "stepmix": 20}
"""Of those that take most of the time, where no number is asked for."""


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
