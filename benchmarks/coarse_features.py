"""How often one population is taken for types when its features have few exact values.

    python benchmarks/coarse_features.py [--replicates 50]

Five correlated features of 40 sites are cut into levels, and given as numbers or as ordinal. Prints
the share of data sets in which the null test rejects, with its Monte Carlo error; and for three
types 6 SDs apart beside them, how often they are found and how well their sites are placed.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from site_typology.models.mixture import fit_types
from site_typology.models.working import WorkingScale
from site_typology.nulltest import null_test
from site_typology.profiles import SiteProfiles

SITES, FEATURES, SHARED, FIRST_SEED = 40, 5, 0.3, 9_200_000


def profiles(
    levels: int, seed: int, kind: str, separation: float
) -> tuple[SiteProfiles, np.ndarray]:
    """Sites of one population, or of three types `separation` within-type SDs apart."""
    rng = np.random.default_rng(seed)
    correlation = SHARED * np.ones((FEATURES, FEATURES)) + (1 - SHARED) * np.eye(FEATURES)
    root = np.linalg.cholesky(correlation)
    labels = np.repeat([0, 1, 2], [20, 12, 8])
    corners = np.eye(3) * separation / np.sqrt(2)
    directions = np.linalg.qr(rng.normal(size=(FEATURES, 3)))[0]
    values = (rng.normal(size=(SITES, FEATURES)) + corners[labels] @ directions.T) @ root.T
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    coarse = np.digitize(values, np.linspace(-1.5, 1.5, levels + 1)[1:-1]) + 1.0
    frame = pd.DataFrame(coarse, columns=[f"x{at}" for at in range(FEATURES)])
    return SiteProfiles.from_frame(frame, kinds=dict.fromkeys(frame, kind)), labels


def tested(levels: int, seed: int, kind: str, separation: float) -> tuple[bool, float]:
    """Whether types are found, and adjusted Rand index of three types with the truth."""
    given, labels = profiles(levels, seed, kind, separation)
    data = WorkingScale.fit(given).transform(given)
    found = null_test(data, draws=39, seed=seed).p_value <= 0.05
    placed = fit_types(data, 3, seed).memberships(data).argmax(axis=1)
    return found, adjusted_rand_score(labels, placed)


def main() -> None:
    """Print one row a number of levels and kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=50)
    given = parser.parse_args()
    seeds = range(FIRST_SEED, FIRST_SEED + given.replicates)
    print("| levels | given as | one population rejected | three types found | adjusted Rand |")
    print("|---|---|---|---|---|")
    for levels in (2, 3, 4, 5, 7):
        for kind in ("continuous", "ordinal"):
            none = [tested(levels, seed, kind, 0.0)[0] for seed in seeds]
            types = [tested(levels, seed, kind, 6.0) for seed in seeds]
            cells = [none, [found for found, _ in types], [rand for _, rand in types]]
            shown = " | ".join(
                f"{np.mean(cell):.2f} ({np.std(cell) / np.sqrt(len(cell)):.2f})" for cell in cells
            )
            print(
                f"| {levels} | {'numbers' if kind == 'continuous' else kind} | {shown} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
