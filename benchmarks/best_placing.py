"""How well sites can be placed at all: by types as they are, so many sites that nothing hides them.

    python benchmarks/best_placing.py
    python benchmarks/best_placing.py --cells types:1000:3:4,informants=30 --replicates 5

Types are fitted to many sites, from the true types as one of the starts, and every site gets its
likeliest type. What then keeps the agreement with the truth below 1 are the informants, counts and
gaps of each site, which no way of looking for types can undo. Adjusted Rand index, Monte Carlo
error in brackets.
"""

from __future__ import annotations

import argparse

from cells import Cell, parse
from evidence_tasks import study_of
from scoring import mean_with_error
from sklearn.metrics import adjusted_rand_score

from site_typology.models.mixture import BUDGET, fit_types

CELLS = [f"types:1000:{k}:{separation}" for k in (3, 4) for separation in (4, 6, 8, 10)]


def main() -> None:
    """Print one line a cell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", nargs="+", default=CELLS)
    parser.add_argument("--replicates", type=int, default=10, help="data sets a cell")
    parser.add_argument("--first-seed", type=int, default=19_000_000)
    given = parser.parse_args()
    for cell in map(parse, given.cells):
        seeds = range(given.first_seed, given.first_seed + given.replicates)
        found = [placed_rightly(cell, seed) for seed in seeds]
        print(f"{cell.name}, {len(found)} data sets: {mean_with_error(found)}", flush=True)


def placed_rightly(cell: Cell, seed: int) -> float:
    """Agreement with the true types, over the sites with enough data."""
    study = study_of(cell, seed)
    model = fit_types(study.data, cell.k, seed, [study.truth], budget=BUDGET)
    found = model.memberships(study.data).argmax(axis=1)
    return float(adjusted_rand_score(study.truth, found))


if __name__ == "__main__":
    main()
