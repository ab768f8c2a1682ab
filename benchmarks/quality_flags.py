"""How often the quality report flags what is there, and what is not.

    python benchmarks/quality_flags.py

Simulated studies with known truth; figures with their Monte Carlo errors, about 20 seconds.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from site_typology import SiteProfiles
from site_typology.features.extremes import CUTOFF, robust_z
from site_typology.features.redundancy import ALIKE, LEAST_ALIKE, corrected_correlation
from site_typology.features.roundchanges import round_changes

SEED = 2021


def share(flags: Iterable[bool | np.bool_]) -> str:
    """A share in per cent with its Monte Carlo error."""
    found = np.array(list(flags), dtype=float)
    error = found.std() / np.sqrt(len(found))
    return f"{100 * found.mean():.1f} % (± {100 * error:.1f})"


def extremes(random: np.random.Generator) -> None:
    print("\nValues far from the rest, errors unequal, half the variance between sites error")
    for sites in (10, 25, 150):
        false, true = [], []
        for _ in range(8000 // sites):
            errors = random.uniform(0.4, 0.9, sites)
            values = 0.7 * random.normal(size=sites) + errors * random.normal(size=sites)
            false.extend(np.abs(robust_z(values, errors)) > CUTOFF)
            values[0] += 6
            true.append(np.abs(robust_z(values, errors))[0] > CUTOFF)
        print(f"{sites:4d} sites: flagged {share(false)}; one moved by 6 SDs: {share(true)}")


def doubles(random: np.random.Generator) -> None:
    print("\nPairs said to tell nearly the same, by true correlation")
    for reliability in (0.8, 0.5):
        error = np.sqrt((1 - reliability) / reliability)
        for sites in (25, 60, 150):
            found = [
                f"{true:g}: {share(listed(random, sites, true, error) for _ in range(1500))}"
                for true in (0.5, 0.8, 1.0)
            ]
            print(f"reliability {reliability:g}, {sites:3d} sites  " + "   ".join(found))


def listed(random: np.random.Generator, sites: int, true: float, error: float) -> bool:
    common = random.normal(size=sites)
    other = true * common + np.sqrt(1 - true**2) * random.normal(size=sites)
    x, y = (each + error * random.normal(size=sites) for each in (common, other))
    known = np.full(sites, error)
    corrected, low, high = corrected_correlation(x, known, y, known)
    return abs(corrected) >= ALIKE and min(abs(low), abs(high)) >= LEAST_ALIKE and low * high > 0


def changes(random: np.random.Generator) -> None:
    print("\nChanges between rounds, 25 sites and 8 features, error of each figure .5")
    sites = [f"S{at:02d}" for at in range(25)]
    index = pd.MultiIndex.from_product([["1", "2"], sites], names=["round", "site"])
    any_flag, false, true = [], [], []
    for _ in range(200):
        before = random.normal(size=(25, 8))
        after = before.copy()
        after[:3, 0] += 3.0
        for moved, later in ((False, before), (True, after)):
            seen = np.concatenate([before, later]) + 0.5 * random.normal(size=(50, 8))
            values = pd.DataFrame(seen, index, [f"f{at}" for at in range(8)]).swaplevel()
            flags = round_changes(SiteProfiles.from_frame(values, values * 0 + 0.5))
            flagged = flags[flags["flag"] != ""]
            planted = flagged["site"].isin(sites[:3]) & (flagged["feature"] == "f0")
            if moved:
                true += [True] * int(planted.sum()) + [False] * (3 - int(planted.sum()))
                false.append(float((~planted).mean()) if len(flagged) else 0.0)
            else:
                any_flag.append(len(flagged) > 0)
    print(f"studies without a change that have a flag: {share(any_flag)}")
    print(f"three figures moved by 3, found: {share(true)}; false among the flags: {share(false)}")


if __name__ == "__main__":
    generator = np.random.default_rng(SEED)
    extremes(generator)
    doubles(generator)
    changes(generator)
