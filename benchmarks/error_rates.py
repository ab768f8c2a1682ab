"""Measure how often a typology is claimed, where there are types and where there are none.

    python benchmarks/error_rates.py --cells cloud:25 skewed:25 types:25:3:8 --replicates 100

A cell is WORLD:SITES, or types:SITES:TYPES:SEPARATION. Prints a Markdown table with Monte Carlo
errors. Seeds begin at --first-seed: publish figures only from seeds nothing was tuned on.
"""

from __future__ import annotations

import argparse
import time
from functools import partial

import numpy as np
from sklearn.metrics import adjusted_rand_score
from worlds import WORLDS, simulate

from site_typology.models.mixture import fit_types
from site_typology.models.parallel import run_tasks
from site_typology.models.typedness import LEAST_SITES
from site_typology.nulltest import null_test
from site_typology.number_of_types import nearest_number
from site_typology.power import expected_agreement
from site_typology.verdict import Thresholds

DEFAULT_CELLS = [
    *(f"{world}:{sites}" for sites in (25, 60, 150) for world in ("cloud", "skewed")),
    *("curve:25", "line:25", "heavy:25", "types_covariance:25"),
    *("types:25:3:8", "types:25:4:8", "types:60:3:6", "types:150:3:4"),
]
LIMITS = Thresholds()


def one_data_set(cell: str, draws: int, gate: int, seed: int) -> dict[str, float]:
    """Simulate, test, and where one population is rejected choose k, fit and pass the gate."""
    world, sites, *rest = cell.split(":")
    k, separation = (int(rest[0]), float(rest[1])) if rest else (1, 0.0)
    data, labels = simulate(world, int(sites), seed, separation=separation, k=k)
    test = null_test(data, draws=draws, seed=seed)
    row = {"rejected": float(test.p_value <= LIMITS.p_value), "claimed": 0.0, "p": test.p_value}
    if not row["rejected"]:
        return row
    chosen = nearest_number(test)
    model = fit_types(data, chosen, seed, least=LEAST_SITES)
    placed = model.memberships(data).argmax(axis=1)
    found = expected_agreement(model, data, replicates=gate, seed=seed)
    row["claimed"] = float(
        found.adjusted_rand >= LIMITS.expected_agreement
        and found.relative_entropy >= LIMITS.relative_entropy
    )
    if k > 1:
        row |= {"right_k": float(chosen == k), "ari": adjusted_rand_score(labels, placed)}
    row |= {"expected_ari": found.adjusted_rand, "entropy": found.relative_entropy}
    return row


def summary(rows: list[dict[str, float]], name: str) -> str:
    """Mean of what rows have of one name, with its Monte Carlo error."""
    values = np.array([row[name] for row in rows if name in row])
    if not len(values):
        return "-"
    smooth = (values.sum() + 0.5) / (len(values) + 1)
    share = set(np.unique(values)) <= {0.0, 1.0}
    spread = np.sqrt(smooth * (1 - smooth)) if share else values.std()
    return f"{values.mean():.2f} ({spread / np.sqrt(len(values)):.2f})"


def main() -> None:
    """Run the cells asked for and print one row each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", nargs="+", default=DEFAULT_CELLS, help=", ".join(WORLDS))
    parser.add_argument("--replicates", type=int, default=100)
    parser.add_argument("--draws", type=int, default=99, help="reference draws a null test")
    parser.add_argument("--gate", type=int, default=20, help="replicates of the gate")
    parser.add_argument("--first-seed", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    print("| cell | sets | rejected | claimed after the gate | k right | adjusted Rand", end="")
    print(" | expected | certainty | seconds a set |\n|---|---|---|---|---|---|---|---|---|")
    for cell in given.cells:
        begun = time.perf_counter()
        seeds = [given.first_seed + at for at in range(given.replicates)]
        rows = run_tasks(
            partial(one_data_set, cell, given.draws, given.gate), seeds, workers=given.workers
        )
        names = ("rejected", "claimed", "right_k", "ari", "expected_ari", "entropy")
        shown = " | ".join(summary(rows, name) for name in names)
        spent = (time.perf_counter() - begun) / len(rows)
        print(f"| {cell} | {len(rows)} | {shown} | {spent:.1f} |", flush=True)


if __name__ == "__main__":
    main()
