"""How well moves between rounds are told from measurement error, and change of the types is seen.

Sites of three types, 14 dimensions of survey and counted features (`worlds.py`), 15 % of cells
missing, in two rounds. The types are fitted to the first round as it was measured, told only their
number. Half of the within-type covariance stays with a site. With ``--out`` results are kept, and
the same command goes on where it was.

python benchmarks/rounds.py --replicates 12 --out bench-rounds.jsonl
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from worlds import Moves, simulate_rounds

from site_typology.assign import OUTSIDE, Assigner
from site_typology.models.mixture import BUDGET, fit_types
from site_typology.models.working import WorkingScale
from site_typology.profiles import SiteProfiles
from site_typology.rounds import follow_rounds
from site_typology.rounds_sites import FOLLOWED, joined
from site_typology.rounds_tables import MOVED
from site_typology.typical_errors import typical_errors

TYPES, BASE = 3, "1"


@dataclass(frozen=True)
class Cell:
    """One situation."""

    name: str
    sites: int
    separation: float
    informants: float
    moves: Moves


CELLS = (
    Cell("nobody moves", 25, 8.0, 3.0, Moves()),
    Cell("nobody moves", 25, 8.0, 12.0, Moves()),
    Cell("nobody moves", 60, 6.0, 6.0, Moves()),
    Cell("nobody moves, same informants", 60, 6.0, 6.0, Moves(same_informants=True)),
    Cell("20 % move", 25, 8.0, 12.0, Moves(moving=0.2)),
    Cell("20 % move", 60, 6.0, 6.0, Moves(moving=0.2)),
    Cell("20 % move, nothing carried", 60, 6.0, 6.0, Moves(moving=0.2, carried=False)),
    Cell("types drift by 2 SDs", 25, 8.0, 12.0, Moves(drift=2.0)),
    Cell("types drift by 2 SDs", 60, 6.0, 6.0, Moves(drift=2.0)),
    Cell("all shift by 2 SDs", 60, 6.0, 6.0, Moves(shift=2.0)),
)


def fitted(profiles: SiteProfiles, seed: int) -> Assigner:
    """Types of one round, as a typology keeps them."""
    scale = WorkingScale.fit(profiles)
    model = fit_types(scale.transform(profiles), TYPES, seed, budget=BUDGET)
    names = {at + 1: f"Type {at + 1}" for at in range(TYPES)}
    assigner = Assigner(
        tuple(profiles.features), scale, model, names, 1 / 3, float(np.log(OUTSIDE)),
        typical_errors(profiles), sites=len(profiles.sites),
    )  # fmt: skip
    return assigner.reaching(min(assigner.reach, float(assigner.log_tails(profiles).min())))


def measure(cell: Cell, seed: int, replicates: int) -> dict[str, float]:
    """Figures of one data set."""
    rounds, types = simulate_rounds(
        cell.sites, seed, cell.moves, separation=cell.separation, k=TYPES,
        informants=cell.informants,
    )  # fmt: skip
    found = follow_rounds(
        fitted(rounds[0], seed), joined({BASE: rounds[0], "2": rounds[1]}), base=BASE, seed=seed,
        replicates=replicates,
    )  # fmt: skip
    own = found.sites[found.sites["status"] == FOLLOWED]
    place = [int(site.removeprefix("S")) for site in own["site"]]
    true = (types[0] != types[1])[place]
    called = (own["call"] == "moved").to_numpy()
    ungated = (own["p_moved"] >= MOVED).to_numpy(dtype=bool)
    step, fit = found.steps.iloc[0], found.fit[0]
    n = len(own)
    return {
        "followed": n,
        "naive": step["naive_movers"] / n,
        "estimated": step["movers"] / n,
        "called": float(called.mean()),
        "called_without_test": float(ungated.mean()),
        "false_called": float(called[~true].mean()),
        "sensitivity": float(called[true].mean()) if true.any() else np.nan,
        "covered": float(step["movers_low"] <= true.sum() <= step["movers_high"]),
        "movers_found": float(step["movers_found"]),
        "p_types": fit.p_types,
        "types_rejected": float(fit.p_types <= 0.05),
        "none_rejected": float(fit.p_none <= 0.05),
        "stated_power": fit.power,
        "drift_found": float((found.drift["p_holm"] <= 0.05).any()),
        "refit": float(found.advice.counsel == "refit"),
        "collect_more": float(found.advice.counsel == "collect more"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=12)
    parser.add_argument("--simulated", type=int, default=39, help="rounds without change, each")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    rows = []
    if asked.out and asked.out.exists():
        rows = [json.loads(line) for line in asked.out.read_text(encoding="utf-8").splitlines()]
    done = {(row["cell"], row["seed"]) for row in rows}
    for seed in range(asked.replicates):
        for at, cell in enumerate(CELLS):
            if (at, seed) in done:
                continue
            rows.append({"cell": at, "seed": seed, **measure(cell, seed, asked.simulated)})
            if asked.out:
                with asked.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(rows[-1]) + "\n")
    show(pd.DataFrame(rows))


def show(rows: pd.DataFrame) -> None:
    """Mean of every figure by cell, with its Monte Carlo error."""
    for at, own in rows.groupby("cell"):
        cell = CELLS[int(at)]
        print(
            f"\n{cell.name}: {cell.sites} sites, {cell.separation:g} SDs apart, "
            f"{cell.informants:g} informants; {len(own)} data sets"
        )
        for name in own.columns.drop(["cell", "seed"]):
            values = own[name].astype(float).dropna()
            if len(values):
                error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
                print(f"  {name:20} {values.mean():.3f} ({error:.3f})")


if __name__ == "__main__":
    main()
