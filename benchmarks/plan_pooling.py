"""Compare the test that a plan uses with the null test itself, on the same data sets.

    python benchmarks/plan_pooling.py --sites 25 --separations 0 6 8 --replicates 100

A plan draws a few reference data sets for each simulated one and pools how they differ from their
mean; the null test draws 99 for each. Prints how often each finds types, with Monte Carlo errors,
how often they agree, and the same for references pooled as they are.
Separation 0 has no types: what is found there are false alarms.
"""

from __future__ import annotations

import argparse

import numpy as np

from site_typology.nulltest import null_test
from site_typology.planning_material import Design, assumed_material
from site_typology.planning_settings import Assumptions, PlanSettings
from site_typology.planning_simulation import Task, plant, simulate_one
from site_typology.planning_table import found_types
from site_typology.power import rejected, share_error


def main() -> None:
    """Run the separations asked for and print one row each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=25)
    parser.add_argument("--separations", type=float, nargs="+", default=[0.0, 6.0, 8.0])
    parser.add_argument("--replicates", type=int, default=100)
    parser.add_argument("--draws", type=int, default=99, help="reference draws of the null test")
    parser.add_argument("--icc1", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=1_000_000)
    given = parser.parse_args()
    settings = PlanSettings(sites=(given.sites,), replicates=given.replicates, seed=given.seed)
    material = assumed_material(Assumptions(icc1=given.icc1), (12,), (0.5,))
    design = Design(given.sites, 12, 0.5)
    print("| separation | data sets | null test | plan | agree | pooled | agree |")
    print("|---|---|---|---|---|---|---|")
    for separation in given.separations:
        tasks = [Task(design, separation, at) for at in range(given.replicates)]
        outcomes = [simulate_one(material, settings, one) for one in tasks]
        planned = found_types(outcomes, 0.05)
        observed = np.array([one.gains for one in outcomes])
        pooled = rejected(observed, np.vstack([one.reference for one in outcomes]), 0.05)
        alone = np.array(
            [
                null_test(
                    plant(material, settings, one).data, draws=given.draws, seed=one.replicate
                ).p_value
                <= 0.05
                for one in tasks
            ]
        )
        cells = [f"{separation:g}", f"{given.replicates}", _share(alone)]
        for found in (planned, pooled):
            cells += [_share(found), f"{(found == alone).mean():.2f}"]
        print(f"| {' | '.join(cells)} |", flush=True)


def _share(found: np.ndarray) -> str:
    return f"{found.mean():.2f} ({share_error(float(found.mean()), len(found)):.2f})"


if __name__ == "__main__":
    main()
