"""Measure whether response weights leave intervals of site means that hold the truth.

    python benchmarks/weighted_coverage.py [--runs 25]

25 sites whose means differ; 12 or 40 people asked at each, of two phases that answer with chances
.7 and .3 and whose answers differ by three standard deviations. Weights by raking to the list of
those asked. Prints the share of sites whose 95 % interval holds the mean of everybody asked, with
weights and without, and the Monte Carlo error of the first.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from site_typology.study import Study

SITES = [f"{at:02d}" for at in range(25)]
STUDY = """
[study]
name = "coverage"
sites = "sites"
[tables.sites]
path = "sites.csv"
site = "site"
[tables.settings]
path = "settings.csv"
site = "site"
[tables.survey]
path = "survey.csv"
role = "survey"
site = "site"
eligible = { table = "sites", column = "asked" }
[[features]]
name = "score"
builder = "mean"
args = { table = "survey", column = "y" }
"""
WEIGHTS = """
[weights.response]
table = "survey"
method = "raking"
frame = { table = "settings", on = "urn" }
columns = ["phase"]
"""


def covered(folder: Path, study: str, truth: pd.Series) -> float:
    """Share of the sites with a value whose interval holds the truth."""
    (folder / "study.toml").write_text(study)
    profiles = Study.load(folder / "study.toml").profiles()
    low, high = (frame["score"].droplevel("round").dropna() for frame in profiles.intervals())
    true = truth.loc[low.index]
    return float(((low <= true) & (true <= high)).mean())


def run(asked: int, seed: int) -> tuple[float, float]:
    """Coverage in one simulated study, with weights and without."""
    rng = np.random.default_rng([seed, asked])
    site = np.repeat(np.arange(len(SITES)), asked)
    second = rng.random(len(site)) < 0.5
    answers = rng.normal(0, 0.7, len(SITES))[site] + 3.0 * second + rng.normal(size=len(site))
    people = pd.DataFrame(
        {
            "site": np.array(SITES)[site],
            "urn": [f"u{at}" for at in range(len(site))],
            "phase": np.where(second, "b", "a"),
            "y": answers,
        }
    )
    answered = rng.random(len(site)) < np.where(second, 0.3, 0.7)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        pd.DataFrame({"site": SITES, "asked": asked}).to_csv(folder / "sites.csv", index=False)
        people.drop(columns="y").to_csv(folder / "settings.csv", index=False)
        people[answered].drop(columns="phase").to_csv(folder / "survey.csv", index=False)
        truth = people.groupby("site")["y"].mean()
        return covered(folder, STUDY + WEIGHTS, truth), covered(folder, STUDY, truth)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=25)
    runs = parser.parse_args().runs
    print(f"{'asked a site':>12}{'weighted':>10}{'±':>7}{'without':>10}")
    for asked in (12, 40):
        found = np.array([run(asked, seed) for seed in range(runs)])
        error = found[:, 0].std(ddof=1) / np.sqrt(runs)
        print(f"{asked:>12}{found[:, 0].mean():>10.3f}{error:>7.3f}{found[:, 1].mean():>10.3f}")


if __name__ == "__main__":
    main()
