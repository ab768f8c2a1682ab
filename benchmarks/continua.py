"""Measure how often a continuum is named, and how surely sites are placed on one.

    python benchmarks/continua.py [--replicates 100]

First table: worlds of ``worlds.py`` without types; the share of data sets in which the three rules
of `site_typology.axis` name a continuum, which ``cloud`` and ``heavy`` are not. Second table: sites
evenly along a straight and a bent line in six features, where the true place is known; rank
correlation of the score with it, and the share of sites whose 95 % interval covers it. Monte Carlo
errors in brackets.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import spearmanr
from worlds import simulate

from site_typology.axis import find_axis
from site_typology.models.working import WorkingData, exact_data

WORLDS = ("cloud", "heavy", "line", "skewed", "curve")
FIRST_SEED = 9_100_000


def along_a_line(n: int, bend: float, seed: int) -> tuple[WorkingData, np.ndarray]:
    """Sites evenly along a line in six features, with spread across it and errors of 0.5."""
    rng = np.random.default_rng(seed)
    place = rng.uniform(-1, 1, n)
    truth = 0.4 * rng.normal(size=(n, 6))
    truth[:, :3] += 2 * place[:, None]
    truth[:, 3] += bend * (place**2 - 1 / 3)
    values = truth + 0.5 * rng.normal(size=(n, 6))
    return exact_data(values, np.broadcast_to(0.25 * np.eye(6), (n, 6, 6)).copy()), place


def placed(n: int, bend: float, seed: int) -> tuple[float, float]:
    """Rank correlation of score and place, and share of intervals that cover the place."""
    data, place = along_a_line(n, bend, seed)
    found = find_axis(data).scores[["score", "low", "high"]].to_numpy() / 50 - 1
    rank = float(spearmanr(found[:, 0], place).statistic)
    if rank < 0:
        place = -place
    inside = (found[:, 1] <= place) & (place <= found[:, 2])
    return abs(rank), float(inside.mean())


def with_error(values: list[float]) -> str:
    """Mean and its Monte Carlo error."""
    return f"{np.mean(values):.3f} ({np.std(values) / np.sqrt(len(values)):.3f})"


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=100)
    given = parser.parse_args()
    seeds = range(FIRST_SEED, FIRST_SEED + given.replicates)
    print("| world | 25 sites | 60 sites | 150 sites | 25 sites, 3 informants, 40 % gaps |")
    print("|---|---|---|---|---|")
    for world in WORLDS:
        cells = []
        for n, more in ((25, {}), (60, {}), (150, {}), (25, {"informants": 3.0, "missing": 0.4})):
            found = [find_axis(simulate(world, n, seed, **more)[0]) for seed in seeds]
            cells.append(with_error([float(each.is_continuum) for each in found]))
        print(f"| {world} | {' | '.join(cells)} |", flush=True)
    print("\n| line | sites | rank correlation with the true place | intervals that cover it |")
    print("|---|---|---|---|")
    for name, bend in (("straight", 0.0), ("bent", 3.0)):
        for n in (25, 60, 150):
            ranks, cover = zip(*(placed(n, bend, seed) for seed in seeds), strict=True)
            print(f"| {name} | {n} | {with_error(list(ranks))} | {with_error(list(cover))} |")


if __name__ == "__main__":
    main()
