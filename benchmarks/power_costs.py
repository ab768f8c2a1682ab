"""Where the power of the null test goes, and whether the power that a verdict states is right.

    python benchmarks/power_costs.py --cells types:25:3:8 --replicates 60
    python benchmarks/power_costs.py --cells cloud:25 --replicates 20 --separations 6 8

A cell with types gives the share of data sets in which the null test rejects: as it is, without
its comparison with a continuum, and told the number of types, so that it looks for no other. A
cell without types gives the power that a verdict on its data sets would state for three types at
each separation, mean over data sets; it is to be compared with what the cells with types show.
Monte Carlo errors in brackets.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from cells import Cell, parse
from engine import SETTINGS, default_null_test, prepared

from site_typology.nulltest import types_to_try
from site_typology.power import power, share_error


def main() -> None:
    """Run the cells asked for and print one row each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", nargs="+", default=["types:25:3:8", "cloud:25"])
    parser.add_argument("--replicates", type=int, default=20, help="data sets a cell")
    parser.add_argument("--separations", type=float, nargs="+", default=[6.0, 8.0])
    parser.add_argument("--first-seed", type=int, default=19_000_000)
    given = parser.parse_args()
    for cell in map(parse, given.cells):
        seeds = range(given.first_seed, given.first_seed + given.replicates)
        if cell.k > 1:
            print(found_in(cell, seeds), flush=True)
        else:
            print(stated_in(cell, seeds, given.separations), flush=True)


def found_in(cell: Cell, seeds: Sequence[int]) -> str:
    """Row of a cell with types: how often the null test rejects, in three forms of it."""
    shares: dict[str, list[bool]] = {}
    for seed in seeds:
        data = prepared(cell.simulate(seed)[0])
        tried = types_to_try(data.n, SETTINGS.max_types)
        for form, ks in (("as it is", tried), ("told the number of types", (cell.k,))):
            test = default_null_test(data, ks, seed)
            rejects = test.p_value <= SETTINGS.alpha
            one_rejected = rejects or test.against == "a continuum"
            shares.setdefault(form, []).append(rejects)
            shares.setdefault(f"{form}, no continuum", []).append(one_rejected)
    told = [
        f"{form} {np.mean(found):.2f} ({share_error(float(np.mean(found)), len(found)):.2f})"
        for form, found in shares.items()
    ]
    return f"{cell.name}, {len(seeds)} data sets: rejects {'; '.join(told)}"


def stated_in(cell: Cell, seeds: Sequence[int], separations: Sequence[float]) -> str:
    """Row of a cell without types: the power stated at each separation."""
    tables = [
        power(
            prepared(cell.simulate(seed)[0]),
            separations=separations,
            replicates=SETTINGS.power_replicates,
            alpha=SETTINGS.alpha,
            target=SETTINGS.thresholds.power,
            at_least=max(separations),
            least=SETTINGS.min_sites,
            seed=seed,
        ).table
        for seed in seeds
    ]
    stated = np.array([table["power"] for table in tables])
    error = stated.std(axis=0, ddof=1) / np.sqrt(len(stated))
    told = [
        f"{separation:g} SDs {mean:.2f} ({each:.2f})"
        for separation, mean, each in zip(
            sorted(separations), stated.mean(axis=0), error, strict=True
        )
    ]
    return f"{cell.name}, {len(seeds)} data sets: power stated {'; '.join(told)}"


if __name__ == "__main__":
    main()
