"""How often one population with strongly correlated features is taken for types.

python benchmarks/correlated_features.py
"""

from __future__ import annotations

from functools import partial

import numpy as np

from site_typology.models import unimodal
from site_typology.models.parallel import run_tasks
from site_typology.models.working import exact_data
from site_typology.nulltest import null_test

SITES, FEATURES, DATA_SETS, DRAWS = 50, 5, 24, 39
ERROR_VARIANCE = 0.5
WORLDS = ("factor .9", "factor .97", "three dimensions", "factor .9, error", "factor .97, error")


def profiles(world: str, rng: np.random.Generator) -> np.ndarray:
    """Draw true profiles of one population."""
    if world.startswith("three"):
        return rng.normal(size=(SITES, 3)) @ rng.normal(size=(3, FEATURES))
    shared = float(world.split()[1].strip(","))
    own = rng.normal(size=(SITES, FEATURES))
    return np.sqrt(shared) * rng.normal(size=(SITES, 1)) + np.sqrt(1 - shared) * own


def p_value(world: str, seed: int) -> float:
    """p-value of the null test on one data set."""
    rng = np.random.default_rng(seed)
    values = profiles(world, rng)
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    errors = None
    if world.endswith("error"):
        values = values + np.sqrt(ERROR_VARIANCE) * rng.normal(size=values.shape)
        errors = np.tile(ERROR_VARIANCE * np.eye(FEATURES), (SITES, 1, 1))
    return null_test(exact_data(values, errors), draws=DRAWS, seed=seed).p_value


def main() -> None:
    """Print rejections by weight of the diagonal for exact values, and by world."""
    for weight in (unimodal.EXACT_PRIOR, unimodal.BLURRED_PRIOR):
        unimodal.EXACT_PRIOR = weight
        for world in WORLDS:
            found = np.array(run_tasks(partial(p_value, world), list(range(100, 100 + DATA_SETS))))
            print(
                f"weight {weight:g}, {world}: rejected {(found <= 0.05).sum()} of {DATA_SETS}, "
                f"mean p {found.mean():.2f}"
            )


if __name__ == "__main__":
    main()
