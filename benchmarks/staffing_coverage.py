"""Measure how often 95 % intervals of staffing features cover each site's true value.

    python benchmarks/staffing_coverage.py --replicates 60

A replicate is a study of 25 sites with teams of one size. Each site has its own rate of leaving
(log-normal about --leaving a year) and of vacancy; posts are left and filled again, and
the features are built from the extract by the package's own builders, window two years (retention
at 24 months: four). Prints the share of sites whose interval holds the true value: value ± 1.96
standard errors, the interval of the report (`site_typology.intervals`), and value ± 1.96 errors on
the scale that types are built on (arcsine root, square root); and the share of sites with a value.
A Monte Carlo error over whole studies follows each share.
"""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np
import pandas as pd

from site_typology.features.profiler import build_profiles
from site_typology.features.tables import ROUND, ROW, SITE, StudyTables, Table
from site_typology.intervals import feature_interval
from site_typology.models.links import LINK_OF_KIND, SingleBlock
from site_typology.models.parallel import run_tasks
from site_typology.profiles import LEDGER_COLUMNS
from site_typology.study_file import parse_declaration

SITES = 25
YEAR = 365.25
HISTORY = 6 * YEAR
FIRST = pd.Timestamp("2018-01-01")
TWO_YEARS, FOUR_YEARS = ["2020-01-01", "2021-12-31"], ["2018-01-01", "2021-12-31"]
LAST = float((pd.Timestamp("2021-12-31") - FIRST).days)
VACANCY, TEMPORARY = 0.12, 0.15
COLUMNS = ("covered", "by_kind", "covered_linked", "known")
BANDS = {"1": [0, 0], "2": [1, 5], "3": [6, 10], "4": [11, 15], "5": [16, 40]}


def declared() -> list[dict[str, object]]:
    """Features that are tried."""
    posts = {"table": "staff", "person": "id", "start": "from", "end": "to", "fte": "fte"}
    window, long = {**posts, "window": TWO_YEARS}, {**posts, "window": FOUR_YEARS}
    date = {**posts, "at": "2021-06-30"}
    temporary = {"column": "kind", "values": ["Fixed term"]}
    funded = {"table": "teams", "column": "funded"}
    banded = {"table": "teams", "column": "left", "bands": BANDS}
    one = {"start": "from", "end": "to", "at": "2021-06-30", "table": "staff"}
    return [
        {"name": name, "builder": builder, "args": args}
        for name, builder, args in (
            ("stability_index", "stability_index", window),
            ("stability_index_fte", "stability_index", {**window, "measure": "fte"}),
            ("leaver_rate", "leaver_rate", window),
            ("leaver_rate_fte", "leaver_rate", {**window, "measure": "fte"}),
            ("leavers_per_year", "leavers_per_year", window),
            ("retention_6", "retention", {**window, "months": 6}),
            ("retention_12", "retention", {**window, "months": 12}),
            ("retention_12_fte", "retention", {**window, "months": 12, "measure": "fte"}),
            ("retention_24", "retention", {**long, "months": 24}),
            ("retention_12_window", "retention", {**window, "months": 12, "since": "window"}),
            ("temporary_share", "temporary_share", {**date, "temporary": temporary}),
            ("vacancy_rate", "vacancy_rate", {**one, "fte": "whole", "funded": funded}),
            ("banded_rate", "banded_rate", {"numerator": banded, "denominator": funded}),
        )
    ]


def one_study(heads: int, leaving: float, spread: float, seed: int) -> pd.DataFrame:
    """Build one study and say for each site and feature whether the interval covers."""
    rng = np.random.default_rng([seed, heads, round(1000 * leaving)])
    rates = leaving * np.exp(rng.normal(-(spread**2) / 2, spread, SITES))
    vacant = rng.beta(8 * VACANCY, 8 * (1 - VACANCY), SITES)
    temporary = rng.beta(8 * TEMPORARY, 8 * (1 - TEMPORARY), SITES)
    tables = study(heads, rates, vacant, temporary, rng)
    profiles = build_profiles(tables)
    truth = {
        "leavers_per_year": rates,
        "banded_rate": rates,
        "temporary_share": temporary,
        "vacancy_rate": vacant,
        "retention_6": np.exp(-rates / 2),
        "retention_12": np.exp(-rates),
        "retention_12_fte": np.exp(-rates),
        "retention_24": np.exp(-2 * rates),
        "retention_12_window": np.exp(-rates),
        **dict.fromkeys(("leaver_rate", "leaver_rate_fte"), 2 * rates),
        **{name: np.exp(-2 * rates) for name in ("stability_index", "stability_index_fte")},
    }
    rows = []
    for info in profiles.features:
        block = SingleBlock(info.name, LINK_OF_KIND[info.kind])
        value = profiles.values[info.name].to_numpy(dtype=float)
        error = profiles.standard_errors[info.name].to_numpy(dtype=float)
        linked, spread_linked = block.link(profiles)[:, 0], np.sqrt(block.error(profiles)[:, 0, 0])
        true = truth[info.name]
        root = np.arcsin(np.sqrt(true)) if block.kind == "arcsine root" else np.sqrt(true)
        root = true if block.kind == "identity" else root
        known = ~np.isnan(value)
        n = profiles.counts[info.name].to_numpy(dtype=float)
        low, high = feature_interval(info, value, error, n)
        rows.append(
            {
                "feature": info.name,
                "covered": (np.abs(value - true) <= 1.96 * error)[known].mean(),
                "by_kind": ((low <= true) & (true <= high))[known].mean(),
                "covered_linked": (np.abs(linked - root) <= 1.96 * spread_linked)[known].mean(),
                "known": known.mean(),
            }
        )
    return pd.DataFrame(rows)


def study(
    heads: int,
    rates: np.ndarray,
    vacant: np.ndarray,
    temporary: np.ndarray,
    rng: np.random.Generator,
) -> StudyTables:
    """An extract of posts that are left and filled again, and a table of teams."""
    rows = []
    for at, rate in enumerate(rates):
        site, gap = f"S{at:02}", vacant[at] / (1 - vacant[at]) / rate
        for post in range(heads):
            clock = -HISTORY + (rng.exponential(gap * YEAR) if rng.random() < vacant[at] else 0.0)
            while clock < LAST:
                end = clock + rng.exponential(YEAR / rate)
                kind = "Fixed term" if rng.random() < temporary[at] else "Permanent"
                rows.append((site, f"{site}-{post}-{clock:.0f}", clock, end, kind))
                clock = end + rng.exponential(gap * YEAR)
    staff = pd.DataFrame(rows, columns=["site", "id", "from", "to", "kind"])
    staff["fte"] = rng.choice([0.5, 0.8, 1.0], len(staff))
    staff["whole"] = 1.0
    gone = staff["to"] <= LAST
    for column, late in (("from", 0), ("to", 1)):
        days = pd.to_timedelta(np.floor(staff[column]) + late, unit="D")
        staff[column] = (FIRST + days).dt.strftime("%Y-%m-%d")
    staff["to"] = staff["to"].where(gone)
    left = rng.poisson(rates * heads)
    codes = [next(c for c, (_, high) in BANDS.items() if n <= high or c == "5") for n in left]
    sites = [f"S{at:02}" for at in range(len(rates))]
    teams = pd.DataFrame({"site": sites, "funded": float(heads), "left": codes})
    return in_memory({"staff": staff, "teams": teams})


def in_memory(frames: dict[str, pd.DataFrame]) -> StudyTables:
    """A study of tables that were never files."""
    content = {
        "study": {"name": "made", "sites": "teams"},
        "tables": {name: {"path": f"{name}.csv", "site": "site"} for name in frames},
        "features": declared(),
    }
    declaration = parse_declaration(content)
    tables = {}
    for name, frame in frames.items():
        placed = {SITE: frame["site"], ROUND: "all", ROW: range(1, len(frame) + 1)}
        none = pd.DataFrame(index=frame.index)
        tables[name] = Table.of(name, declaration.tables[name], frame.assign(**placed), none)
    ledger = pd.DataFrame(columns=LEDGER_COLUMNS)
    response = pd.DataFrame(columns=["table", "site", "round", "eligible", "responded"])
    return StudyTables(declaration, tuple(frames["teams"]["site"]), tables, ledger, response)


def with_error(values: pd.Series) -> str:
    """Mean over studies with its Monte Carlo error."""
    found = values.dropna()
    if found.empty:
        return "-"
    return f"{found.mean():.3f} ({found.std(ddof=1) / np.sqrt(len(found)):.3f})"


def main() -> None:
    """Print one table for each rate of leaving."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=40)
    parser.add_argument("--heads", type=int, nargs="+", default=[3, 8, 30])
    parser.add_argument("--leaving", type=float, nargs="+", default=[0.05, 0.23, 0.5])
    parser.add_argument("--spread", type=float, default=0.4)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=0)
    asked = parser.parse_args()
    seeds = list(range(asked.first_seed, asked.first_seed + asked.replicates))
    print("| leaving a year | heads | feature | ± 1.96 | by kind | working scale | with a value |")
    print("|---|---|---|---|---|---|---|")
    for leaving in asked.leaving:
        for heads in asked.heads:
            tried = partial(one_study, heads, leaving, asked.spread)
            found = pd.concat(run_tasks(tried, seeds, workers=asked.workers))
            for name, rows in found.groupby("feature", sort=False):
                shares = [with_error(rows[c]) for c in COLUMNS]
                print(f"| {leaving:g} | {heads} | {name} | {' | '.join(shares)} |", flush=True)


if __name__ == "__main__":
    main()
