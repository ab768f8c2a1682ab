"""Cells of the benchmark of evidence: which studies are simulated, written as users name them.

A cell is ``WORLD:SITES`` or ``types:SITES:TYPES:SEPARATION``, then options such as
``,informants=3,missing=0.4`` or ``,noise=6``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from worlds import WORLDS, simulate_profiles

from site_typology import SiteProfiles

NULL_WORLDS = ("cloud", "skewed", "line", "curve", "heavy", "discrete")
FEW = 3.0
"""Informants a site where answers are discrete."""
OPTIONS = {"informants": float, "missing": float, "noise": int}


@dataclass(frozen=True)
class Cell:
    """One row of the benchmark: its name and what `simulate_profiles` takes."""

    name: str
    world: str
    sites: int
    k: int
    separation: float
    options: dict[str, float]

    def simulate(self, seed: int) -> tuple[SiteProfiles, np.ndarray]:
        """Profiles of one simulated study and the true types of its sites."""
        return simulate_profiles(
            self.world, self.sites, seed, separation=self.separation, k=self.k, **self.options
        )


def parse(name: str) -> Cell:
    """Read a cell; a ValueError says what was expected."""
    main, *given = name.split(",")
    world, *numbers = main.split(":")
    known = ("types", *WORLDS)
    if world not in known or len(numbers) != (3 if world == "types" else 1):
        raise ValueError(
            f"{name}: expected WORLD:SITES or types:SITES:TYPES:SEPARATION; "
            f"worlds: {', '.join(WORLDS)}."
        )
    options = {"informants": FEW} if world == "discrete" else {}
    for item in given:
        key, _, value = item.partition("=")
        if key not in OPTIONS:
            raise ValueError(f"{name}: {key!r} is not an option; options: {', '.join(OPTIONS)}.")
        options[key] = OPTIONS[key](value)
    sites, k, separation = [*numbers, *("1", "0")][:3]
    return Cell(name, world, int(sites), int(k), float(separation), options)


def default_cells() -> list[str]:
    """Six worlds without types, measured well and badly, and types from near to far apart."""
    sizes = (25, 60, 150, 400)
    return [
        *(f"{world}:{sites}" for sites in sizes for world in NULL_WORLDS),
        *(f"{world}:25,informants=3,missing=0.4" for world in NULL_WORLDS),
        *(
            f"types:{sites}:{k}:{separation}"
            for sites in sizes
            for k in (3, 4)
            for separation in (4, 6, 8, 10)
        ),
        *(f"types:25:{k}:8,informants=3,missing=0.4" for k in (3, 4)),
        *(f"types:{sites}:3:8,noise=6" for sites in (25, 60)),
    ]
