"""How often a feature that did not build the types is said to go with them, wrongly and rightly.

    python benchmarks/evaluation_features.py [--replicates 1000] [--permutations 199]

Three types are fitted to five measured build features of each data set, and evaluation features
are tested by `site_typology.models.association`. False alarms: features that have nothing to do
with the types, of several shapes, with errors and gaps that go with the types or not; and, to show
what the rules of `site_typology.evaluation` are for, build features and features that share the
build features' errors, tested all the same. Power: the mean of one type is shifted. Beside it the
usual F test of the most probable types. Monte Carlo errors in
brackets.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable

import numpy as np
from scipy import stats

from site_typology.evaluation import weights_of
from site_typology.models.association import association_test
from site_typology.models.mixture import BUDGET, fit_types
from site_typology.models.working import exact_data

FEATURES, TYPES, FIRST_SEED, LEVEL = 5, 3, 7_300_000, 0.05
SHARES = (0.5, 0.3, 0.2)

Drawn = tuple[np.ndarray, np.ndarray]


class World:
    """Sites with measured build features, the types fitted to them, and the truth behind."""

    def __init__(self, n: int, separation: float, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        counts = np.floor(np.array(SHARES) * n).astype(int)
        counts[0] += n - counts.sum()
        self.truth = np.repeat(np.arange(TYPES), counts)
        centres = np.eye(TYPES, FEATURES) * separation / np.sqrt(2)
        true = centres[self.truth] + self.rng.normal(size=(n, FEATURES))
        self.errors = self.rng.uniform(0.3, 1.2, n)
        self.noise = self.rng.normal(size=(n, FEATURES))
        self.measured = true + self.errors[:, None] * self.noise
        variances = self.errors[:, None, None] ** 2 * np.eye(FEATURES)
        data = exact_data(self.measured, variances)
        self.shares = fit_types(data, TYPES, seed, budget=BUDGET).memberships(data)

    def ours(self, drawn: Drawn, permutations: int, seed: int) -> float:
        """Our p-value."""
        values, errors = drawn
        known = ~np.isnan(values)
        weights = weights_of(values[known], errors[known])
        return association_test(
            values[known][:, None], weights[:, None], self.shares[known], seed, permutations
        ).p_value

    def usual(self, drawn: Drawn) -> float:
        """The p-value of the F test of the most probable types."""
        values, labels = drawn[0], self.shares.argmax(axis=1)
        groups = [values[(labels == at) & ~np.isnan(values)] for at in range(TYPES)]
        groups = [group for group in groups if len(group) > 1]
        return float(stats.f_oneway(*groups).pvalue) if len(groups) > 1 else 1.0


def exact(world: World) -> Drawn:
    """Normal values known exactly."""
    n = len(world.truth)
    return world.rng.normal(size=n), np.zeros(n)


def skewed(world: World) -> Drawn:
    """Log-normal values known exactly."""
    n = len(world.truth)
    return np.exp(world.rng.normal(size=n)), np.zeros(n)


def unlike_errors(world: World) -> Drawn:
    """Values with errors three times as large in the smallest type, more gaps in the largest."""
    n = len(world.truth)
    errors = np.where(world.truth == TYPES - 1, 1.8, 0.6)
    values = world.rng.normal(size=n) + errors * world.rng.normal(size=n)
    gaps = world.rng.random(n) < np.where(world.truth == 0, 0.4, 0.1)
    return np.where(gaps, np.nan, values), errors


def built(world: World) -> Drawn:
    """The build feature that the fitted types differ in most: double dipping."""
    labels = world.shares.argmax(axis=1)
    means = [world.measured[labels == at].mean(axis=0) for at in np.unique(labels)]
    return world.measured[:, int(np.ptp(means, axis=0).argmax())], world.errors


def shared_errors(world: World) -> Drawn:
    """Unrelated values whose errors correlate by 0.7 with those of the build features' mean."""
    n = len(world.truth)
    common = world.noise[:, :TYPES].mean(axis=1) * np.sqrt(TYPES)
    own = 0.7 * common + np.sqrt(1 - 0.7**2) * world.rng.normal(size=n)
    return 0.5 * world.rng.normal(size=n) + world.errors * own, world.errors


def shifted(by: float) -> Callable[[World], Drawn]:
    """Values whose mean is `by` SDs higher in the second type, with error."""

    def draw(world: World) -> Drawn:
        n = len(world.truth)
        values = world.rng.normal(size=n) + by * (world.truth == 1)
        return values + world.errors * world.rng.normal(size=n), world.errors

    return draw


def rejected(
    draw: Callable[[World], Drawn],
    n: int,
    separation: float,
    seeds: Iterable[int],
    permutations: int,
) -> tuple[float, float]:
    """Share of data sets in which our test, and the usual one, reject at `LEVEL`."""
    ours, usual = [], []
    for seed in seeds:
        world = World(n, separation, seed)
        drawn = draw(world)
        ours.append(world.ours(drawn, permutations, seed) <= LEVEL)
        usual.append(world.usual(drawn) <= LEVEL)
    return float(np.mean(ours)), float(np.mean(usual))


ROWS: tuple[tuple[str, Callable[[World], Drawn], int, float], ...] = (
    ("unrelated, exact", exact, 25, 4.0),
    ("unrelated, exact", exact, 60, 4.0),
    ("unrelated, exact, no types", exact, 60, 0.0),
    ("unrelated, skewed", skewed, 25, 4.0),
    ("unrelated, skewed", skewed, 60, 4.0),
    ("unrelated, errors and gaps go with types", unlike_errors, 25, 4.0),
    ("unrelated, errors and gaps go with types", unlike_errors, 60, 4.0),
    ("second type 1 SD higher", shifted(1.0), 60, 4.0),
    ("second type 1 SD higher", shifted(1.0), 120, 4.0),
    ("second type 2 SDs higher", shifted(2.0), 25, 4.0),
    ("second type 2 SDs higher", shifted(2.0), 60, 4.0),
    ("second type 1 SD higher, types clear", shifted(1.0), 60, 8.0),
    ("refused: a build feature, no types", built, 60, 0.0),
    ("refused: shares errors, no types", shared_errors, 60, 0.0),
)


def main() -> None:
    """Print one row a feature and number of sites."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--permutations", type=int, default=199)
    given = parser.parse_args()
    seeds = range(FIRST_SEED, FIRST_SEED + given.replicates)
    print(f"Share of {given.replicates} data sets with p of at most {LEVEL}\n")
    print("| feature | sites | separation | ours | usual F test |")
    print("|---|---|---|---|---|")
    for name, draw, n, separation in ROWS:
        shares = rejected(draw, n, separation, seeds, given.permutations)
        cells = [
            f"{share:.3f} ({np.sqrt(share * (1 - share) / given.replicates):.3f})"
            for share in shares
        ]
        print(f"| {name} | {n} | {separation:g} | {cells[0]} | {cells[1]} |", flush=True)


if __name__ == "__main__":
    main()
