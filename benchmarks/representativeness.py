"""How near the R-indicator comes to the truth in small surveys, and its standard error.

Prints, for surveys of eight groups: the true R, the mean of the adjusted and of the unadjusted
indicator, the standard deviation of the latter over surveys, and its mean standard error.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from site_typology.features.propensity import design_matrix, fit_response
from site_typology.features.representativeness import r_indicator

REPLICATES = 1_000
SLOPES = (np.zeros(5), np.array([0.0, 0.8, -0.6, 0.4, 0.5]))


def main() -> None:
    """Simulate surveys of several sizes, with response at random and not."""
    rng = np.random.default_rng(1)
    cells = pd.DataFrame([(a, b) for a in "xyzw" for b in "uv"], columns=["a", "b"])
    design = design_matrix(cells, ["a", "b"], [])
    print("asked  truth  adjusted  unadjusted     sd  mean se")
    for each in (10, 40, 200):
        asked = np.full(len(cells), float(each))
        for slope in SLOPES:
            chance = 1 / (1 + np.exp(0.5 - design @ slope))
            truth = 1 - 2 * np.repeat(chance, each).std(ddof=1)
            found = [
                r_indicator(fit_response(asked, rng.binomial(each, chance) * 1.0, design))
                for _ in range(REPLICATES)
            ]
            adjusted, raw, error = np.array(
                [(f.r, f.r_unadjusted, f.standard_error) for f in found]
            ).T
            print(
                f"{int(asked.sum()):5d}  {truth:5.3f}  {adjusted.mean():8.3f}  {raw.mean():10.3f}"
                f"  {raw.std():5.3f}  {np.nanmean(error):7.3f}"
            )


if __name__ == "__main__":
    main()
