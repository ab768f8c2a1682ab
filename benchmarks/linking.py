"""Time to read, link and account for tables, as they grow: ``make bench``.

    python benchmarks/linking.py [--rows 50000] [--sites 500] [--repeats 3]

A survey whose rows find their sites through a list of settings is read at ``--rows`` rows and at
ten times as many, with ten times the settings, in memory and in DuckDB. Ten times the rows should
take at most eleven times the processor seconds. The ledger must account for every row.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from site_typology.study import Study

if TYPE_CHECKING:
    from site_typology.declaration import Engine

SEED = 20_260_901
STUDY = """\
[study]
name = "links"
sites = "sites"
unknown_sites = "drop"

[tables.sites]
path = "sites.csv"
site = "site"

[tables.settings]
path = "settings.csv"
site = "site"
unique = ["urn"]

[tables.survey]
path = "survey.csv"
link = { table = "settings", on = "urn" }
unique = ["response"]
missing = { "9" = "refused" }

[[features]]
name = "q"
builder = "mean"
args = { table = "survey", column = "q" }
"""


def make_tables(folder: Path, rows: int, sites: int) -> None:
    """Write a study with four rows of the survey a setting; one in a hundred is linked to none."""
    rng = np.random.default_rng(SEED)
    settings = max(rows // 4, sites)
    names = pd.Series([f"S{at:05d}" for at in range(sites)], name="site")
    names.to_csv(folder / "sites.csv", index=False)
    urn = 100_000 + np.arange(settings)
    listing = pd.DataFrame({"urn": urn, "site": names.to_numpy()[urn % sites]})
    listing.to_csv(folder / "settings.csv", index=False)
    survey = pd.DataFrame({"response": np.arange(rows), "urn": rng.choice(urn, rows)})
    survey.loc[rng.random(rows) < 0.01, "urn"] = 1
    survey["q"] = rng.choice([1, 2, 3, 4, 5, 9], rows)
    survey.to_csv(folder / "survey.csv", index=False)
    (folder / "study.toml").write_text(STUDY)


def seconds(folder: Path, rows: int, engine: Engine | None) -> float:
    """Processor seconds to read and link everything."""
    begun = time.process_time()
    study = Study.load(folder / "study.toml", engine=engine)
    taken = time.process_time() - begun
    ledger = study.tables.ledger.query("entry == 'rows' and table == 'survey'")
    if ledger["n"].sum() != rows:
        raise RuntimeError(f"the ledger has {ledger['n'].sum()} of {rows} rows")
    return taken


def main() -> None:
    """Print the times and their ratio for each engine."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--sites", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    print("| engine | rows | CPU seconds | 10 times the rows | times |")
    print("|---|---|---|---|---|")
    for engine in (None, "duckdb"):
        best = []
        for rows in (given.rows, 10 * given.rows):
            with tempfile.TemporaryDirectory() as name:
                make_tables(Path(name), rows, given.sites)
                taken = [seconds(Path(name), rows, engine) for _ in range(given.repeats)]
                best.append(min(taken))
        print(
            f"| {engine or 'memory'} | {given.rows:,} | {best[0]:.2f} | {best[1]:.2f} | "
            f"{best[1] / best[0]:.1f} |"
        )


if __name__ == "__main__":
    main()
