"""How often one population is taken for types when its features have few exact values.

Run: python benchmarks/coarse_features.py
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from site_typology import screening
from site_typology.profiles import SiteProfiles
from site_typology.proposal import propose
from site_typology.settings import ProposeSettings

SITES, FEATURES, SHARED, DATA_SETS = 40, 5, 0.3, 6


def main() -> None:
    """Print false claims of the null test by number of levels."""
    screening.FEWEST_LEVELS = 0  # The check itself is what is being justified.
    settings = ProposeSettings(
        algorithms=("kmeans",),
        spaces=("features",),
        draws=4,
        bootstraps=4,
        reference_draws=39,
        number_resamples=2,
        power_replicates=4,
        separations=(6.0,),
    )
    for levels in (3, 4, 5, 7):
        claims = sum(_rejects(levels, seed, settings) for seed in range(DATA_SETS))
        print(f"{levels} levels: rejected in {claims} of {DATA_SETS} data sets")


def _rejects(levels: int, seed: int, settings: ProposeSettings) -> bool:
    rng = np.random.default_rng(seed)
    correlation = SHARED * np.ones((FEATURES, FEATURES)) + (1 - SHARED) * np.eye(FEATURES)
    values = rng.normal(size=(SITES, FEATURES)) @ np.linalg.cholesky(correlation).T
    coarse = np.digitize(values, np.linspace(-1.3, 1.3, levels - 1)) + 1.0
    frame = pd.DataFrame(coarse, columns=[f"x{at}" for at in range(FEATURES)])
    typology = propose(SiteProfiles.from_frame(frame), seed=1, settings=settings)
    return typology.evidence.p_value <= settings.alpha


if __name__ == "__main__":
    main()
