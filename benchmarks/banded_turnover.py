"""How often intervals of turnover from bands cover the true rate, at schools of real sizes.

    python benchmarks/banded_turnover.py --replicates 40

The schools are those of the TALIS study (`examples/talis2018_ita`), with their teachers on roll.
A replicate draws a rate for each school from a gamma distribution with the mean and shape that
the study's own bands have, a Poisson count at that rate, and bands the count as the questionnaire
does. The features are then built from the bands by the package: by `banded_rate`, whatever the
open band is taken to end at, and for comparison from the middles of the bands by `rate`, where "16
or more" stands at 20. Counts are not cut, so that the open band's end is wrong at times.

Prints the share of schools whose interval holds the true rate, by value ± 1.96 standard errors
(with its Monte Carlo error) and by the interval of the report, of all schools and of those in the
open band; the mean standard error, the root mean squared error and the reliability; then what the
end of the open band changes in the study itself.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from site_typology.errors import Problems
from site_typology.features.bandedcounts import fitted_rates
from site_typology.features.linking import read_tables
from site_typology.features.profiler import build_profiles
from site_typology.features.tables import ROUND, ROW, SITE, StudyTables, Table
from site_typology.intervals import feature_interval
from site_typology.profiles import SiteProfiles
from site_typology.study_file import parse_declaration, read_declaration

STUDY = Path(__file__).parents[1] / "examples" / "talis2018_ita" / "study.toml"
FEATURES = ("leavers", "joiners", "absent")
ENDS = (25, 40, 100)
OPEN, OPEN_MIDDLE = "5", 20.0
MIDDLE = "__middle__"


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    found = Problems(STUDY.name)
    tables = read_tables(read_declaration(STUDY), STUDY.parent, found)
    found.raise_if_any()
    print(
        "| feature | built by | ± 1.96 | in the open band | interval | in the open band "
        "| mean SE | RMSE | reliability |\n|---|---|---|---|---|---|---|---|---|"
    )
    for name in FEATURES:
        tried = [trial(tables, name, [asked.seed, at]) for at in range(asked.replicates)]
        for way, rows in pd.concat(tried).groupby("way", sort=False):
            error = rows["covered"].std(ddof=1) / np.sqrt(len(rows))
            shown = rows.drop(columns="way").mean()
            print(
                f"| {name} | {way} | {shown['covered']:.3f} ({error:.3f}) | {shown['open']:.3f} "
                f"| {shown['by_kind']:.3f} | {shown['by_kind_open']:.3f} "
                f"| {shown['error']:.3f} | {shown['rmse']:.3f} | {shown['reliability']:.2f} |",
                flush=True,
            )
    print("\n| feature | open band ends at | mean | mean SE | reliability |\n|---|---|---|---|---|")
    for name in FEATURES:
        for end in ENDS:
            profiles = built(tables, [declared(tables, name, end)])
            value, error = profiles.values[name].astype(float), profiles.standard_errors[name]
            reliable = profiles.info(name).measurement["reliability"]
            print(f"| {name} | {end} | {value.mean():.3f} | {error.mean():.3f} | {reliable:.2f} |")


def trial(tables: StudyTables, name: str, seed: list[int]) -> pd.DataFrame:
    """Draw counts, band them, build them in each way and compare with the rates drawn."""
    bands = banded(tables, name)
    rolls, _ = known(tables, name)
    rate, shape = fitted(tables, name)
    rng = np.random.default_rng([*seed, FEATURES.index(name)])
    true = rng.gamma(shape, rate / shape, len(rolls))
    counts = rng.poisson(true * rolls.to_numpy())
    drawn = pd.Series([code_of(count, bands) for count in counts], index=rolls.index)
    middles = {code: (low + high) / 2 for code, (low, high) in bands.items()} | {OPEN: OPEN_MIDDLE}
    again = with_codes(tables, name, drawn, drawn.map(middles))
    ways = {f"banded_rate, to {end}": declared(tables, name, end) for end in ENDS}
    ways["rate, middles"] = middle_feature(tables, name)
    rows = []
    for way, feature in ways.items():
        profiles = built(again, [feature])
        value = profiles.values[name].droplevel("round").astype(float)[rolls.index].to_numpy()
        error = profiles.standard_errors[name].droplevel("round")[rolls.index].to_numpy()
        n = profiles.counts[name].droplevel("round")[rolls.index].to_numpy(dtype=float)
        low, high = feature_interval(profiles.info(name), value, error, n)
        hit, inside = np.abs(value - true) <= 1.96 * error, (low <= true) & (true <= high)
        top = (drawn == OPEN).to_numpy()
        rows.append(
            {
                "way": way,
                "covered": hit.mean(),
                "open": hit[top].mean() if top.any() else np.nan,
                "by_kind": inside.mean(),
                "by_kind_open": inside[top].mean() if top.any() else np.nan,
                "error": error.mean(),
                "rmse": np.sqrt(np.mean((value - true) ** 2)),
                "reliability": profiles.info(name).measurement["reliability"],
            }
        )
    return pd.DataFrame(rows)


def declared(tables: StudyTables, name: str, end: int) -> dict[str, Any]:
    """The study's own feature, with another end of the open band."""
    content = tables.declaration.model_dump(exclude_unset=True)
    feature = next(each for each in content["features"] if each["name"] == name)
    bands = {**feature["args"]["numerator"]["bands"], OPEN: [16, end]}
    numerator = {**feature["args"]["numerator"], "bands": bands}
    args = {**feature["args"], "numerator": numerator}
    return {**feature, "use": "build", "args": args}


def middle_feature(tables: StudyTables, name: str) -> dict[str, Any]:
    """The rate of the middles of the bands."""
    feature = declared(tables, name, ENDS[0])
    numerator = {"table": "principals", "column": MIDDLE}
    return {**feature, "builder": "rate", "args": {**feature["args"], "numerator": numerator}}


def banded(tables: StudyTables, name: str) -> dict[str, tuple[int, int]]:
    """Bands of a feature as the study declares them."""
    feature = next(each for each in tables.declaration.features if each.name == name)
    return {code: tuple(band) for code, band in feature.args["numerator"]["bands"].items()}


def known(tables: StudyTables, name: str) -> tuple[pd.Series, pd.Series]:
    """Teachers on roll and code of the band, by school that has both."""
    column = column_of(tables, name)
    frame = tables.tables["principals"].collect([SITE, "TC3G13A", column]).set_index(SITE).dropna()
    return frame["TC3G13A"], frame[column].map(lambda code: f"{code:g}")


def fitted(tables: StudyTables, name: str) -> tuple[float, float]:
    """Mean and shape of the rates that the study's own bands have."""
    bands = banded(tables, name)
    rolls, codes = known(tables, name)
    low, high = (codes.map(lambda code, at=at: float(bands[code][at])).to_numpy() for at in (0, 1))
    return fitted_rates(low, high, rolls.to_numpy())


def column_of(tables: StudyTables, name: str) -> str:
    """Column of the questionnaire that a feature is built from."""
    feature = next(each for each in tables.declaration.features if each.name == name)
    return str(feature.args["numerator"]["column"])


def code_of(count: int, bands: dict[str, tuple[int, int]]) -> str:
    """Band that a count falls in; beyond the last one it is the open one."""
    return next((code for code, (_, high) in bands.items() if count <= high), OPEN)


def with_codes(tables: StudyTables, name: str, codes: pd.Series, middles: pd.Series) -> StudyTables:
    """The study with other answers of the schools that gave one."""
    principals = tables.tables["principals"]
    column = column_of(tables, name)
    frame = principals.collect([SITE, ROUND, ROW, "TC3G13A"])
    frame = frame[frame[SITE].isin(codes.index)].reset_index(drop=True)
    frame[column] = frame[SITE].map(codes).astype(float)
    frame[MIDDLE] = frame[SITE].map(middles)
    none = pd.DataFrame(index=frame.index)
    table = Table.of("principals", principals.declaration, frame, none)
    return StudyTables(
        tables.declaration,
        tables.sites,
        {**tables.tables, "principals": table},
        tables.ledger,
        tables.response,
    )


def built(tables: StudyTables, features: list[dict[str, Any]]) -> SiteProfiles:
    """Profiles of some features."""
    content = {**tables.declaration.model_dump(exclude_unset=True), "features": features}
    return build_profiles(
        StudyTables(
            parse_declaration(content),
            tables.sites,
            tables.tables,
            tables.ledger,
            tables.response,
        )
    )


if __name__ == "__main__":
    main()
