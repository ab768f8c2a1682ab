"""Compare the pooled test of a plan with the null test itself, on the same data sets.

    python benchmarks/plan_pooling.py --sites 25 --separations 0 6 8 --replicates 100

A plan draws a few reference data sets for each simulated one and pools them; the null test draws
99 for each. Prints how often each finds types, with Monte Carlo errors, and how often they agree.
Separation 0 has no types: what is found there are false alarms.
"""

from __future__ import annotations

import argparse

import numpy as np

from site_typology.nulltest import null_test
from site_typology.planning_material import Design, assumed_material
from site_typology.planning_runs import Task, plant, simulate_one
from site_typology.planning_settings import Assumptions, PlanSettings
from site_typology.planning_table import found_types
from site_typology.power import share_error


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
    print("| separation | data sets | plan | null test | agree |\n|---|---|---|---|---|")
    for separation in given.separations:
        tasks = [Task(design, separation, at) for at in range(given.replicates)]
        pooled = found_types([simulate_one(material, settings, one) for one in tasks], 0.05)
        alone = np.array(
            [
                null_test(
                    plant(material, settings, one).data, draws=given.draws, seed=one.replicate
                ).p_value
                <= 0.05
                for one in tasks
            ]
        )
        cells = [
            f"{found.mean():.2f} ({share_error(float(found.mean()), given.replicates):.2f})"
            for found in (pooled, alone)
        ]
        same = (pooled == alone).mean()
        print(f"| {separation:g} | {given.replicates} | {' | '.join(cells)} | {same:.2f} |")


if __name__ == "__main__":
    main()
