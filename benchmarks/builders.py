"""Site means from a large survey: this package beside SQL and Polars by hand: ``make bench``.

    python benchmarks/builders.py [--rows 10000000] [--sites 25000] [--items 20] [--repeats 3]

A survey is made in a temporary folder: answers from 1 to 5, the codes -8 (don't know) and -9
(refused), blank cells, and weights. Each way computes, for every site and item, the weighted
mean, the variance between informants, the number of answers, the share of missing cells and the
sum of the weights. Each runs in a fresh process, in turn and several times; the best
time counts, and the highest peak of memory. The numbers must agree to 1e-9.

The lines of this package: ``aggregation`` asks its tables for the sums alone; ``whole study`` reads
the study file, checks every column and rule, links the rows, keeps the ledger and builds the
profiles with their standard errors and reasons.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from site_typology.declaration import Engine
    from site_typology.study import Study

SEED = 20_260_722
CODES = {"-8": "don't know", "-9": "refused"}
CHUNK = 1_000_000
AGREEMENT = 1e-9


def make_survey(folder: Path, rows: int, sites: int, items: int) -> None:
    """Write ``survey.parquet``, ``sites.csv`` and ``study.toml``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(SEED)
    names = np.array([f"S{at:05d}" for at in range(sites)])
    level = rng.normal(3.0, 0.4, (sites, items)).astype("float32")
    (folder / "sites.csv").write_text("site\n" + "\n".join(names) + "\n")
    fields = [("site", pa.string()), ("weight", pa.float64())]
    schema = pa.schema([*fields, *((f"q{at + 1}", pa.int8()) for at in range(items))])
    with pq.ParquetWriter(folder / "survey.parquet", schema) as writer:
        for start in range(0, rows, CHUNK):
            n = min(CHUNK, rows - start)
            at = rng.integers(0, sites, n)
            columns = [pa.array(names[at]), pa.array(rng.gamma(4.0, 0.25, n).round(3) + 0.1)]
            for item in range(items):
                drawn = rng.normal(level[at, item], 1.0).round().clip(1, 5).astype("int8")
                chance = rng.random(n, dtype="float32")
                drawn[chance < 0.05] = -8
                drawn[chance < 0.02] = -9
                columns.append(pa.array(drawn, mask=chance > 0.96))
            writer.write_table(pa.table(columns, schema))
    (folder / "study.toml").write_text(study_text(items))


def study_text(items: int) -> str:
    """The study file of the survey: each item is a feature."""
    codes = ", ".join(f'"{code}" = "{reason}"' for code, reason in CODES.items())
    rules = "\n".join(
        f"[tables.survey.columns.q{at}]\nmissing = {{ {codes} }}\nrange = [1, 5]"
        for at in range(1, items + 1)
    )
    features = "\n".join(
        f'[[features]]\nname = "q{at}"\nbuilder = "mean"\n'
        f'args = {{ table = "survey", column = "q{at}" }}'
        for at in range(1, items + 1)
    )
    return (
        '[study]\nname = "large"\nsites = "sites"\n'
        '[tables.sites]\npath = "sites.csv"\nsite = "site"\n'
        '[tables.survey]\npath = "survey.parquet"\nrole = "survey"\nsite = "site"\n'
        f'weight = "weight"\n{rules}\n{features}\n'
    )


def with_sql(folder: Path, items: int) -> pd.DataFrame:
    """The best SQL for DuckDB that we found: CASE, since FILTER took six times as long."""
    import duckdb

    names = [f"q{at}" for at in range(1, items + 1)]
    clean = ", ".join(f"CASE WHEN {q} > 0 THEN weight END AS w_{q}, {q}" for q in names)
    asked = ", ".join(
        f"count(w_{q}) AS n_{q}, sum(w_{q}) AS w_{q}, sum(w_{q} * w_{q}) AS ww_{q}, "
        f"sum(w_{q} * {q}) AS wy_{q}, sum(w_{q} * ({q} * {q})) AS wyy_{q}"
        for q in names
    )
    query = (
        f"SELECT site, count(*) AS rows, {asked} "  # noqa: S608
        f"FROM (SELECT site, {clean} FROM '{folder / 'survey.parquet'}') GROUP BY site"
    )
    return finished(duckdb.sql(query).df().sort_values("site", ignore_index=True), items)


def with_polars(folder: Path, items: int) -> pd.DataFrame:
    """The best Polars that we found: lazy, streaming, answers cleaned once."""
    import polars as pl

    clean: list[pl.Expr] = []
    asked = [pl.len().alias("rows")]
    for q in (f"q{at}" for at in range(1, items + 1)):
        there, weight, answer = pl.col(q) > 0, pl.col("weight"), pl.col(q).cast(pl.Float64)
        clean += [
            pl.when(there).then(weight).otherwise(0.0).alias(f"w_{q}"),
            pl.when(there).then(weight * weight).otherwise(0.0).alias(f"ww_{q}"),
            pl.when(there).then(weight * answer).otherwise(0.0).alias(f"wy_{q}"),
            pl.when(there).then(weight * answer * answer).otherwise(0.0).alias(f"wyy_{q}"),
        ]
        asked += [pl.col(f"{kind}_{q}").sum() for kind in ("w", "ww", "wy", "wyy")]
        asked.append((pl.col(q) > 0).sum().alias(f"n_{q}"))
    lazy = pl.scan_parquet(folder / "survey.parquet").with_columns(clean)
    table = lazy.group_by("site").agg(asked).collect(engine="streaming").sort("site")
    return finished(table.to_pandas(), items)


def finished(sums: pd.DataFrame, items: int) -> pd.DataFrame:
    """From the sums by site to the figures, one row a site."""
    figures = {}
    for at in range(1, items + 1):
        n, w, ww, wy, wyy = (
            sums[f"{kind}_q{at}"].to_numpy(dtype=float) for kind in ("n", "w", "ww", "wy", "wyy")
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            figures |= {
                f"mean_q{at}": wy / w,
                f"variance_q{at}": np.maximum(wyy - wy**2 / w, 0) / (w - ww / w),
                f"n_q{at}": n,
                f"missing_q{at}": 1 - n / sums["rows"].to_numpy(dtype=float),
                f"weight_q{at}": w,
            }
    return pd.DataFrame(figures)


def aggregation(folder: Path, items: int, engine: Engine) -> pd.DataFrame:
    """The sums alone, by this package, over tables that were loaded before."""
    return _sums(_loaded(folder, engine), items)


def _sums(study: Study, items: int) -> pd.DataFrame:
    import narwhals as nw

    from site_typology.features.aggregate import Part, summed

    table = study.tables.tables["survey"]
    names = [f"q{at}" for at in range(1, items + 1)]
    parts = [Part({name: nw.col(name)}, coded=table.coded.get(name)) for name in names]
    figures = {}
    for name, (sums, _) in zip(names, summed(table.rows, nw.col("weight"), parts), strict=True):
        spare = sums.w - sums.ww / sums.w
        figures |= {
            f"mean_{name}": sums.mean[:, 0],
            f"variance_{name}": (sums.squares_within / spare)[:, 0],
            f"n_{name}": sums.n[:, 0],
            f"missing_{name}": 1 - sums.n[:, 0] / sums.rows,
            f"weight_{name}": sums.w[:, 0],
        }
    return pd.DataFrame(figures)


def whole_study(folder: Path, items: int, engine: Engine) -> pd.DataFrame:
    """The whole road to profiles; their means and counts are compared."""
    profiles = _loaded(folder, engine).profiles()
    names = [f"q{at}" for at in range(1, items + 1)]
    means = profiles.values[names].add_prefix("mean_")
    return pd.concat([means, profiles.counts[names].add_prefix("n_")], axis=1)


def _loaded(folder: Path, engine: Engine) -> Study:
    from site_typology.study import Study

    return Study.load(folder / "study.toml", engine=engine)


WAYS: dict[str, Callable[[Path, int], pd.DataFrame]] = {
    "DuckDB SQL by hand": with_sql,
    "Polars by hand": with_polars,
    "aggregation, DuckDB": partial(aggregation, engine="duckdb"),
    "whole study, DuckDB": partial(whole_study, engine="duckdb"),
    "aggregation, Polars": partial(aggregation, engine="polars"),
    "whole study, Polars": partial(whole_study, engine="polars"),
}
BY_HAND = list(WAYS)[:2]


def run_one(way: str, folder: Path, items: int) -> None:
    """Run one way in this process, and print its time, peak and figures as JSON."""
    import duckdb  # noqa: F401
    import polars as pl  # noqa: F401

    import site_typology.study  # noqa: F401

    task = WAYS[way]
    if way.startswith("aggregation"):
        # Loading is no part of it.
        study = _loaded(folder, "duckdb" if way.endswith("DuckDB") else "polars")
        task = lambda _, items: _sums(study, items)  # noqa: E731
    wall, cpu = time.perf_counter(), time.process_time()
    figures = task(folder, items)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    figures.reset_index(drop=True).to_parquet(folder / f"{way}.parquet")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"wall": wall, "cpu": cpu, "peak": peak}))


def run(way: str, folder: Path, items: int) -> dict[str, float]:
    """Run one way in a fresh process."""
    call = [sys.executable, __file__, "--way", way, "--folder", str(folder), "--items", str(items)]
    done = subprocess.run(call, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def check_agreement(folder: Path, ways: list[str]) -> None:
    """Stop if any way gives other numbers than the SQL."""
    expected = pd.read_parquet(folder / f"{BY_HAND[0]}.parquet")
    for way in ways:
        found = pd.read_parquet(folder / f"{way}.parquet")
        pd.testing.assert_frame_equal(
            found, expected[list(found.columns)], rtol=AGREEMENT, atol=AGREEMENT, check_names=False
        )


def main() -> None:
    """Make the survey, run every way in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--sites", type=int, default=25_000)
    parser.add_argument("--items", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--way", choices=list(WAYS), help="run this one alone, on --folder")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.way:
        run_one(given.way, given.folder, given.items)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_survey(folder, given.rows, given.sites, given.items)
        measured = {way: [] for way in WAYS}
        for _ in range(given.repeats):
            for way in WAYS:
                measured[way].append(run(way, folder, given.items))
        check_agreement(folder, list(WAYS))
    best = {
        kind: {way: min(each[kind] for each in runs) for way, runs in measured.items()}
        for kind in ("wall", "cpu")
    }
    fastest = {kind: min(times[way] for way in BY_HAND) for kind, times in best.items()}
    print(
        f"{given.rows:,} rows, {given.sites:,} sites, {given.items} items; best of {given.repeats}"
    )
    print("| way | seconds | times the faster by hand | CPU seconds | times | peak GiB |")
    print("|---|---|---|---|---|---|")
    for way, runs in measured.items():
        wall, cpu = best["wall"][way], best["cpu"][way]
        print(
            f"| {way} | {wall:.2f} | {wall / fastest['wall']:.2f} | {cpu:.2f} | "
            f"{cpu / fastest['cpu']:.2f} | {max(each['peak'] for each in runs):.2f} |"
        )


if __name__ == "__main__":
    main()
