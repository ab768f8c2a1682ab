"""How sure shares of routine activity are: months as draws, or contacts and sessions as draws.

Simulated sites record direct and indirect minutes month by month. How much of each is recorded in
a month varies (terms, staff away, late submissions) by a coefficient of variation about the site's
own level. Prints the share of 95 % intervals (value ± 1.96 standard errors) that hold the site's
true share, by how months vary and how many there are.

    python benchmarks/activity_draws.py
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from site_typology.features.activity import monthly_shares
from site_typology.features.mhsds import AMOUNT, MONTH, PART
from site_typology.features.selection import WEIGHT
from site_typology.features.shares import USED, count_shares
from site_typology.features.tables import ROUND, SITE

PARTS = ("direct", "indirect")
ROWS_A_MONTH = 20
VARIATIONS, MONTHS = (0.0, 0.3, 0.6), (3, 12, 24)


def activity(
    rng: np.random.Generator, truth: np.ndarray, months: int, variation: float
) -> pd.DataFrame:
    """Rows of `len(truth)` sites: site, month, part and minutes."""
    spread = np.sqrt(np.log1p(variation**2))
    frames = []
    for part, share in zip(PARTS, (truth, 1 - truth), strict=True):
        level = np.exp(rng.normal(-(spread**2) / 2, spread, (len(truth), months)))
        counts = rng.poisson(ROWS_A_MONTH * share[:, None] * level)
        at = np.repeat(np.arange(counts.size), counts.ravel())
        site = pd.Series(at // months).astype(str).str.zfill(4)
        frames.append(pd.DataFrame({SITE: site, MONTH: (at % months).astype(float), PART: part}))
    rows = pd.concat(frames, ignore_index=True)
    # Minutes of one contact vary alike in both parts, so that the true share is that of rows.
    return rows.assign(**{ROUND: "all", AMOUNT: rng.gamma(4.0, 10.0, len(rows))})


def coverage(rows: pd.DataFrame, truth: np.ndarray) -> tuple[float, float]:
    """Share of intervals that hold the true share: months as draws, and rows as draws."""
    spread = {part: rows[AMOUNT].where(rows[PART] == part, 0.0) for part in PARTS}
    alone = rows[[SITE, ROUND]].assign(**spread, **{WEIGHT: 1.0, USED: True})
    found = []
    for shares in (monthly_shares(rows, PARTS), count_shares(alone, PARTS)):
        wanted = truth[shares.index.get_level_values(0).astype(int)]
        off = np.abs(shares.value[:, 0] - wanted)
        found.append(float((off <= 1.96 * shares.standard_error[:, 0]).mean()))
    return found[0], found[1]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sites", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    print(f"Monte Carlo error about {np.sqrt(0.95 * 0.05 / options.sites):.3f}")
    print("| months vary by | months | months as draws | rows as draws |\n|---|---|---|---|")
    for variation in VARIATIONS:
        for months in MONTHS:
            truth = rng.uniform(0.3, 0.9, options.sites)
            by_month, by_row = coverage(activity(rng, truth, months, variation), truth)
            print(f"| {variation} | {months} | {by_month:.3f} | {by_row:.3f} |")


if __name__ == "__main__":
    main()
