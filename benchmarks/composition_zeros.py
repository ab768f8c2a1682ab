"""What the log-ratio scale does with parts that are 0: error against the truth, by treatment.

Sites with true shares about (.70, .25, .05) and m units drawn at each. Prints, for each m, the
share of cells that are 0, the root mean squared error of the isometric log-ratios for three ways
to treat zeros, and how often the stated 95 % interval of ours covers the truth.

- ours: (m p + 4 mix) / (m + 4), the mix being that of all sites (`site_typology.models.links`);
- simple: zeros become .65 / m and the others shrink in proportion (multiplicative simple
  replacement, Martín-Fernández, Barceló-Vidal & Pawlowsky-Glahn 2003, with .65 of
  the smallest share that can be seen);
- Bayesian: zeros become their posterior mean with √m units of prior at equal shares and the
  others shrink in proportion (Martín-Fernández, Hron, Templ, Filzmoser & Palarea-Albaladejo
  2015, square-root prior).

Run with ``python benchmarks/composition_zeros.py``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from site_typology.models.links import blocks_of, contrasts
from site_typology.profiles import SiteProfiles

SITES, SEED = 4000, 11
CENTRE, SPREAD = np.log([0.70, 0.25, 0.05]), 0.5
SEEN = 0.65


def replaced(shares: np.ndarray, small: np.ndarray) -> np.ndarray:
    """Shares with zeros raised to `small` and the other parts shrunk in proportion."""
    zero = shares == 0
    added = np.where(zero, small, 0.0)
    return np.where(zero, small, shares * (1 - added.sum(axis=1, keepdims=True)))


def main() -> None:
    """Print the table."""
    rng = np.random.default_rng(SEED)
    logs = CENTRE + SPREAD * rng.standard_normal((SITES, 3))
    truth = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
    basis = contrasts(3).T
    print("  m  zeros   ours  simple  Bayesian  coverage of ours")
    for m in (8, 15, 30, 100):
        shares = rng.multinomial(m, truth) / m
        error = np.sqrt(truth * (1 - truth) / m)
        names = [str(at) for at in range(SITES)]
        columns = ["x.a", "x.b", "x.c"]
        profiles = SiteProfiles.from_frame(
            pd.DataFrame(shares, index=names, columns=columns),
            pd.DataFrame(error, index=names, columns=columns),
            kinds=dict.fromkeys(columns, "composition:x"),
        )
        block = blocks_of(profiles)[0]
        ours = block.link(profiles)
        stated = np.sqrt(np.einsum("gkk->gk", block.error(profiles)))
        others = {
            "simple": replaced(shares, np.full_like(shares, SEEN / m)),
            "Bayesian": replaced(shares, np.full_like(shares, 1 / 3 / (np.sqrt(m) + 1))),
        }
        goal = np.log(truth) @ basis
        rmse = {"ours": np.sqrt(((ours - goal) ** 2).mean())}
        for name, made in others.items():
            rmse[name] = np.sqrt(((np.log(made) @ basis - goal) ** 2).mean())
        covered = (np.abs(ours - goal) <= 1.96 * stated).mean()
        print(
            f"{m:3d}  {(shares == 0).mean():5.3f}  {rmse['ours']:5.3f}  {rmse['simple']:6.3f}  "
            f"{rmse['Bayesian']:8.3f}  {covered:16.3f}"
        )


if __name__ == "__main__":
    main()
