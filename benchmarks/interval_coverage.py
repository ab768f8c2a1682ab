"""Measure how often the 95 % intervals of site values hold the true value.

    python benchmarks/interval_coverage.py [--runs 200] [--seed 1]

Prints three tables. Two are exact, over every count by its probability: shares of n informants at
one fixed true share, and shares among eligible people of whom half answered. The third is
simulated: 25 sites whose true values differ, as sites do, with 3, 8 and 30 informants (or staff) a
site on average; the share of sites whose interval holds their true value, raw and partially
pooled, with the Monte Carlo error of the raw one, and the root mean squared error of the pooled
values over that of the raw ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import stats

from site_typology.feature_info import FeatureInfo
from site_typology.features.aggregate import moments
from site_typology.features.measurement import (
    half_count_variance,
    population_factor,
    site_variance,
    variance_freedom,
)
from site_typology.features.pooledcounts import pooled_count_variance, pooled_share_variance
from site_typology.features.selection import WEIGHT
from site_typology.features.shares import USED, count_shares, informant_shares
from site_typology.features.tables import ROUND, SITE
from site_typology.intervals import feature_interval, share_interval
from site_typology.pooling import pooled_frames, pooled_interval

SITES = 25
NUMBERS = (3, 8, 30)
SHARES = (0.02, 0.05, 0.5, 0.95, 0.98)
Draw = tuple[np.ndarray, pd.DataFrame, pd.DataFrame, pd.DataFrame, list[FeatureInfo]]
"""True values (sites, features), values, errors and counts, and the features."""


def coverage_of_share(p: float, n: int) -> float:
    """Exact coverage at one true share."""
    counts = np.arange(n + 1)
    variance = half_count_variance(counts / n, np.full(n + 1, float(n)))
    low, high = share_interval(counts / n, np.sqrt(variance))
    return float(stats.binom.pmf(counts, n, p) @ ((low <= p) & (p <= high)))


def coverage_of_eligible(mean: float, n: int, eligible: int) -> float:
    """Exact coverage of the share among few eligible people, over sites (beta with 20 units)."""
    counts, size = np.arange(n + 1), np.full(n + 1, float(n))
    factor = population_factor(size, np.full(n + 1, float(eligible)))
    low, high = share_interval(counts / n, np.sqrt(half_count_variance(counts / n, size) * factor))
    true = np.arange(eligible + 1)
    chance = stats.hypergeom.pmf(counts, eligible, true[:, None], n)
    share = true[:, None] / eligible
    held = (low <= share + 1e-12) & (share <= high + 1e-12)
    among = stats.betabinom.pmf(true, eligible, 20 * mean, 20 * (1 - mean))
    return float(among @ (chance * held).sum(axis=1))


def sizes(rng: np.random.Generator, n: int, least: int = 1) -> np.ndarray:
    return np.maximum(rng.poisson(n, SITES), least)


def framed(
    truth: np.ndarray, value: np.ndarray, error: np.ndarray, n: np.ndarray, infos: list[FeatureInfo]
) -> Draw:
    index = pd.MultiIndex.from_product([range(SITES), ["all"]], names=["site", "round"])
    names = [info.name for info in infos]
    tables = (pd.DataFrame(table, index=index, columns=names) for table in (value, error, n))
    return (truth, *tables, infos)


def informants(site: np.ndarray, weight: np.ndarray | None = None, **columns: np.ndarray):
    named = [f"{at:03d}" for at in site]
    fixed = {SITE: named, ROUND: "all", USED: True}
    return pd.DataFrame({**fixed, WEIGHT: 1.0 if weight is None else weight, **columns})


def one(name: str, kind: str, **figures: float) -> list[FeatureInfo]:
    return [FeatureInfo(name, kind=kind, measurement=figures)]


def means(rng: np.random.Generator, n: int, unequal: float = 0.0, weighted: float = 0.0) -> Draw:
    size = sizes(rng, n)
    site = np.repeat(np.arange(SITES), size)
    truth = rng.normal(3, 0.5, SITES)
    spread = np.exp(rng.normal(0, unequal, SITES))
    weight = np.exp(rng.normal(0, weighted, len(site)))
    answers = rng.normal(truth[site], spread[site])
    return of_informants(truth, informants(site, weight, y=answers))


def of_informants(truth: np.ndarray, rows: pd.DataFrame) -> Draw:
    sums = moments(rows, ["y"])
    error = np.sqrt(site_variance(sums) / sums.effective)
    info = one("y", "continuous", error_df=float(variance_freedom(sums)[0]))
    return framed(truth[:, None], sums.mean, error, sums.n, info)


def scale_near_its_top(rng: np.random.Generator, n: int) -> Draw:
    """Mean of five items of 1 to 5, most of them answered 4 or 5."""
    size = sizes(rng, n)
    site = np.repeat(np.arange(SITES), size)
    mean = rng.normal(4.3, 0.4, SITES)

    def score(of_site: np.ndarray) -> np.ndarray:
        person = rng.normal(mean[of_site], 0.7)
        items = np.round(person[:, None] + rng.normal(0, 0.8, (len(of_site), 5)))
        return items.clip(1, 5).mean(axis=1)

    truth = score(np.repeat(np.arange(SITES), 4_000)).reshape(SITES, -1).mean(axis=1)
    return of_informants(truth, informants(site, y=score(site)))


def shares(rng: np.random.Generator, n: int, mean: float, alike: float = 20.0) -> Draw:
    size = sizes(rng, n).astype(float)
    truth = rng.beta(mean * alike, (1 - mean) * alike, SITES)
    value = rng.binomial(size.astype(int), truth) / size
    error = np.sqrt(half_count_variance(value, size))
    return framed(truth[:, None], value[:, None], error[:, None], size[:, None], one("y", "share"))


MIX = np.array([0.6, 0.32, 0.08])


def site_mix(rng: np.random.Generator) -> np.ndarray:
    mix = rng.dirichlet(20 * MIX, SITES) + 1e-4
    return mix / mix.sum(axis=1, keepdims=True)


def composition(rng: np.random.Generator, n: int, counted: bool = False) -> Draw:
    """Informants' own shares of three functions, or contacts of three kinds."""
    truth = site_mix(rng)
    site = np.repeat(np.arange(SITES), sizes(rng, n))
    if counted:
        each = np.stack([rng.multinomial(1, truth[at]) for at in site])
    else:
        each = np.stack([rng.dirichlet(6 * truth[at]) for at in site])
    rows = informants(site, **{f"y.{part}": each[:, part] for part in range(3)})
    names = [f"y.{part}" for part in range(3)]
    made = count_shares(rows, names) if counted else informant_shares(rows, names, np.ones(SITES))
    infos = [FeatureInfo(name, kind="composition", composition="y") for name in names]
    n_ = np.repeat(made.n[:, None], 3, axis=1)
    return framed(truth, made.value, made.standard_error, n_, infos)


def rates(rng: np.random.Generator, n: int, mean: float) -> Draw:
    exposure = sizes(rng, n).astype(float)
    truth = rng.gamma(8, mean / 8, SITES)
    count = rng.poisson(truth * exposure).astype(float)
    value, error = count / exposure, np.sqrt(count + 0.5) / exposure
    table = (value[:, None], error[:, None], exposure[:, None])
    return framed(truth[:, None], *table, one("y", "rate"))


def stability(rng: np.random.Generator, n: int) -> Draw:
    start = sizes(rng, n).astype(float)
    truth = rng.beta(0.78 * 20, 0.22 * 20, SITES)
    value = rng.binomial(start.astype(int), truth) / start
    error = np.sqrt(pooled_share_variance(value, start))
    table = (value[:, None], error[:, None], start[:, None])
    return framed(truth[:, None], *table, one("y", "share", from_counts=1.0))


def leavers(rng: np.random.Generator, n: int) -> Draw:
    """A year of posts that lose their holder at the site's rate and stay empty three months."""
    start = sizes(rng, n)
    hazard = rng.gamma(8, 0.25 / 8, SITES)

    def year(posts: int, rate: float) -> tuple[float, float]:
        left = np.zeros(posts)
        held_until = rng.exponential(1 / rate, posts)
        while (held_until < 1).any():
            left += held_until < 1
            again = held_until + 0.25 + rng.exponential(1 / rate, posts)
            held_until = np.where(held_until < 1, again, held_until)
            empty_at_end = held_until - 1
        at_end = posts if not left.any() else posts - int((left > 0) @ (empty_at_end < 0))
        return float(left.sum()), (posts + at_end) / 2

    counted = np.array([year(int(k), rate) for k, rate in zip(start, hazard, strict=True)])
    truth = np.array([np.divide(*year(20_000, rate)) for rate in hazard])
    count, exposure = counted.T
    error = np.sqrt(pooled_count_variance(count, exposure)) / exposure
    table = ((count / exposure)[:, None], error[:, None], exposure[:, None])
    return framed(truth[:, None], *table, one("y", "rate", from_counts=1.0))


CASES: dict[str, Callable[[np.random.Generator, int], Draw]] = {
    "mean, one variance": means,
    "mean, variances differ (CV .4)": lambda rng, n: means(rng, n, unequal=0.4),
    "mean, design weights": lambda rng, n: means(rng, n, weighted=0.5),
    "scale of 1 to 5 near its top": scale_near_its_top,
    **{f"share about {p:g}": lambda rng, n, p=p: shares(rng, n, p) for p in SHARES},
    "informants' shares of time": composition,
    "shares of contacts": lambda rng, n: composition(rng, n, counted=True),
    "rate about .2": lambda rng, n: rates(rng, n, 0.2),
    "rate about 2": lambda rng, n: rates(rng, n, 2.0),
    "stability index about .78": stability,
    "leaver rate about .25": leavers,
}


def measured(draw: Draw) -> tuple[float, float, float, float]:
    """Coverage raw and pooled, and mean squared errors raw and pooled."""
    truth, values, errors, counts, infos = draw
    pooled, pooled_errors = pooled_frames(values, errors, counts, infos)
    found = []
    for at, info in enumerate(infos):
        name, true = info.name, truth[:, at]
        columns = (frame[name].to_numpy() for frame in (values, errors, counts))
        low, high = feature_interval(info, *columns)
        own = (low <= true) & (true <= high)
        drawn_to = (frame[name].to_numpy() for frame in (pooled, pooled_errors, values))
        low, high = pooled_interval(info, *drawn_to)
        drawn = (low <= true) & (true <= high)
        raw = np.mean((values[name].to_numpy() - true) ** 2)
        found.append((own.mean(), drawn.mean(), raw, np.mean((pooled[name] - true) ** 2)))
    return tuple(np.mean(found, axis=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    print("Exact coverage of a share at one true share")
    print(f"{'true share':>12}" + "".join(f"{f'n = {n}':>10}" for n in NUMBERS))
    for p in SHARES[:3]:
        print(f"{p:>12g}" + "".join(f"{coverage_of_share(p, n):>10.3f}" for n in NUMBERS))
    print("Exact coverage of the share among twice as many eligible, over sites")
    for mean in (0.05, 0.5):
        few = (coverage_of_eligible(mean, n, 2 * n) for n in NUMBERS)
        print(f"{mean:>12g}" + "".join(f"{value:>10.3f}" for value in few))
    print(f"\nCoverage over {SITES} sites, {asked.runs} runs")
    print(f"{'':34}{'n':>4}{'raw':>8}{'±':>7}{'pooled':>8}{'RMSE pooled/raw':>17}")
    for name, draw in CASES.items():
        for n in NUMBERS:
            rng = np.random.default_rng([asked.seed, n, list(CASES).index(name)])
            runs = np.array([measured(draw(rng, n)) for _ in range(asked.runs)])
            raw, pooled, squared, shrunk = runs.mean(axis=0)
            error = runs[:, 0].std(ddof=1) / np.sqrt(asked.runs)
            ratio = np.sqrt(shrunk / squared)
            figures = f"{raw:>8.3f}{error:>7.3f}{pooled:>8.3f}{ratio:>17.2f}"
            print(f"{name:34}{n:>4}{figures}", flush=True)


if __name__ == "__main__":
    main()
