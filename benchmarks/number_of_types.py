"""Measure what the shares of each number of types mean, where the truth is known.

    python benchmarks/number_of_types.py --cells cloud:25 types:25:3:10 --replicates 20

A cell is WORLD:SITES, or types:SITES:TYPES:SEPARATION. Prints, as a Markdown table, the mean share
of each number over data sets with the standard error of that mean, and in how many data sets the
number with the largest share is the true one. With --repeat N each data set is counted N times
with other seeds, and the spread of a share between them is printed beside the Monte Carlo error
that it states. Publish figures only from seeds nothing was tuned on.
"""

from __future__ import annotations

import argparse
import time
from functools import partial

import numpy as np
from worlds import WORLDS, simulate

from site_typology.models.parallel import run_tasks
from site_typology.nulltest import types_to_try
from site_typology.number_of_types import number_shares
from site_typology.power import share_error

DEFAULT_CELLS = ("cloud:25", "types:25:3:10")


def truth_of(cell: str) -> tuple[str, int, int, float]:
    """World, sites, types and separation of a cell."""
    world, sites, *rest = cell.split(":")
    k, separation = (int(rest[0]), float(rest[1])) if rest else (1, 0.0)
    return world, int(sites), k, separation


def one_data_set(
    cell: str, resamples: int, repeat: int, seed: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Shares and stated errors, shape (repeat, largest k), and processor seconds a count."""
    world, sites, k, separation = truth_of(cell)
    data, _ = simulate(world, sites, seed, separation=separation, k=k)
    begun = time.process_time()
    found = [
        number_shares(data, types_to_try(sites), resamples=resamples, seed=1_000 * at + 1)
        for at in range(repeat)
    ]
    spent = (time.process_time() - begun) / repeat
    shares, errors = (
        np.array([table[name].to_numpy() for table in found])
        for name in ("share", "monte_carlo_error")
    )
    return shares, errors, spent


def row_of(cell: str, found: list[tuple[np.ndarray, np.ndarray, float]]) -> str:
    """One row of the table."""
    k = truth_of(cell)[2]
    shares = np.array([every[0] for every, _, _ in found])
    error = shares.std(axis=0, ddof=1) / np.sqrt(len(found))
    right = float((shares.argmax(axis=1) + 1 == k).mean())
    cells = [
        f"{mean:.2f} ({spread:.2f})"
        for mean, spread in zip(shares.mean(axis=0), error, strict=True)
    ]
    between, stated = (
        np.sqrt(np.mean(parts))
        for parts in (
            [every.var(axis=0, ddof=1)[k - 1] for every, _, _ in found if len(every) > 1]
            or [np.nan],
            [(errors**2)[:, k - 1].mean() for _, errors, _ in found],
        )
    )
    seconds = np.median([spent for _, _, spent in found])
    last = f"{right:.2f} ({share_error(right, len(found)):.2f}) | {between:.2f} | {stated:.2f}"
    return f"| {cell} | {len(found)} | {' | '.join(cells)} | {last} | {seconds:.1f} |"


def main() -> None:
    """Run the cells asked for and print one row each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", nargs="+", default=DEFAULT_CELLS, help=", ".join(WORLDS))
    parser.add_argument("--replicates", type=int, default=20, help="data sets a cell")
    parser.add_argument("--resamples", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=1, help="counts a data set")
    parser.add_argument("--first-seed", type=int, default=20_000_000)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    for cell in given.cells:
        top = max(types_to_try(truth_of(cell)[1]))
        heads = ["cell", "sets", *(f"k = {k}" for k in range(1, top + 1)), "right"]
        heads += ["spread of a share", "stated error", "CPU seconds a count"]
        print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
        seeds = [given.first_seed + at for at in range(given.replicates)]
        task = partial(one_data_set, cell, given.resamples, given.repeat)
        print(row_of(cell, run_tasks(task, seeds, workers=given.workers)), flush=True)


if __name__ == "__main__":
    main()
