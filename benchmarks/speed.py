"""Small resampled fits against scikit-learn and R in the same run, as ratios: ``make bench``.

    python benchmarks/speed.py

Ratios depend less on the machine than times do. Everything runs on one thread and is counted in
processor seconds, compiled code after compiling. scikit-learn's mixture gets complete values
without error, which it needs, and the same types, starts and steps at most. k-means of both ends
where no label changes, from ten starts; `inertia` compares what they reach on the same resamples.
R's fpc is optional (``apt-get install r-cran-fpc``); without it the table says so.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits
from worlds import simulate

from site_typology.models.clusterers import CLUSTERERS, View
from site_typology.models.kmeans import settled_kmeans
from site_typology.models.mixture import BUDGET, fit_types
from site_typology.models.resampling import kmeans_stability
from site_typology.models.working import exact_data

TYPES, RUNS, SECONDS = 3, 10, 2.0
SITES = (25, 100, 500)
RESAMPLES = 100


def seconds(task: Callable[[int], object]) -> float:
    """Processor seconds a call, over at least `SECONDS` after one call to warm up."""
    task(0)
    begun, calls = time.process_time(), 0
    while time.process_time() - begun < SECONDS:
        calls += 1
        task(calls)
    return (time.process_time() - begun) / calls


def complete(n: int) -> np.ndarray:
    """Values of n sites of three types, gaps filled with the mean of the column."""
    data, _ = simulate("types", n, 1, separation=8.0)
    mean = np.nanmean(data.values, axis=0)
    return np.ascontiguousarray(np.where(data.observed, data.values, mean))


def resample(points: np.ndarray, seed: int) -> np.ndarray:
    """Draw as many sites again, with replacement."""
    rng = np.random.default_rng(seed)
    return np.ascontiguousarray(points[rng.integers(len(points), size=len(points))])


def our_kmeans(points: np.ndarray, seed: int) -> np.ndarray:
    """Labels of the best of ten starts."""
    return settled_kmeans(points, TYPES, np.random.default_rng(seed).random((RUNS, TYPES)), 300, 3)


def our_resamples(points: np.ndarray, seed: int) -> list[np.ndarray]:
    """Labels of a hundred resamples, all random numbers drawn at once."""
    rng = np.random.default_rng(seed)
    drawn = points[rng.integers(len(points), size=(RESAMPLES, len(points)))]
    uniforms = rng.random((RESAMPLES, RUNS, TYPES))
    return [
        settled_kmeans(own, TYPES, start, 300, 3)
        for own, start in zip(drawn, uniforms, strict=True)
    ]


def inertia(points: np.ndarray, labels: np.ndarray) -> float:
    """Squared distances to the means of the groups."""
    own = (points[labels == label] for label in np.unique(labels))
    return sum(float(((part - part.mean(axis=0)) ** 2).sum()) for part in own)


def compare_kmeans(n: int) -> None:
    """Print the row of k-means on bootstrap resamples of n sites, inertia included."""
    points = complete(n)
    mine = seconds(lambda seed: our_resamples(points, seed)) / RESAMPLES
    other = seconds(
        lambda seed: KMeans(TYPES, n_init=RUNS, random_state=seed).fit(resample(points, seed))
    )
    better, ratios = 0, []
    for seed in range(RESAMPLES):
        drawn = resample(points, seed)
        ours = inertia(drawn, our_kmeans(drawn, seed))
        theirs = inertia(drawn, KMeans(TYPES, n_init=RUNS, random_state=seed).fit(drawn).labels_)
        better += ours <= theirs * (1 + 1e-9)
        ratios.append(ours / theirs)
    print(
        f"| k-means, 10 starts | {n} | {mine * 1e3:.3f} | {other * 1e3:.2f} | {other / mine:.1f} "
        f"| {np.mean(ratios):.4f}; no worse in {better} of {RESAMPLES} |",
        flush=True,
    )


def compare_mixture(n: int) -> None:
    """Print the row of the mixture at n sites."""
    data, _ = simulate("types", n, 1, separation=8.0)
    points, steps = complete(n), BUDGET.first_steps + BUDGET.last_steps
    mine = seconds(lambda seed: fit_types(data, TYPES, seed, budget=BUDGET))
    other = seconds(
        lambda seed: GaussianMixture(
            TYPES, covariance_type="tied", n_init=4, max_iter=steps, random_state=seed
        ).fit(points)
    )
    print(
        f"| mixture (ours with errors and gaps) | {n} | {mine * 1e3:.2f} | {other * 1e3:.2f} "
        f"| {other / mine:.1f} | |",
        flush=True,
    )


def compare_clusterboot(n: int, rscript: str) -> None:
    """Print the row of bootstrap stability of k-means against R's fpc, both with ten starts."""
    points = complete(n)
    clusterer, data = CLUSTERERS["kmeans"], exact_data(points)
    reference = clusterer.fit(View(points, data), TYPES, 1).labels

    def ours(seed: int) -> np.ndarray:
        return kmeans_stability(points[None], TYPES, reference, RESAMPLES, seed).per_type

    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "points.csv"
        np.savetxt(table, points, delimiter=",")
        script = Path(__file__).with_name("clusterboot.R")
        sizes = [str(RESAMPLES), str(TYPES), str(RUNS)]
        found = subprocess.run(  # noqa: S603  # our own script
            [rscript, str(script), str(table), *sizes], capture_output=True, text=True
        )
    if found.returncode:
        print(f"| {n} | fpc is not installed or failed: {found.stderr.strip()[:60]} | | | | |")
        return
    other, *theirs = map(float, found.stdout.split())
    mine = seconds(ours)
    shown = [", ".join(f"{value:.2f}" for value in values) for values in (sorted(ours(1)), theirs)]
    print(
        f"| {n} | {mine:.3f} | {other:.2f} | {other / mine:.0f} | {shown[0]} | {shown[1]} |",
        flush=True,
    )


def main() -> None:
    """Print the tables of ratios."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    with threadpool_limits(1):
        print("| fit | sites | ours, ms | scikit-learn, ms | times as fast | inertia, ours / its |")
        print("|---|---|---|---|---|---|")
        for n in SITES:
            compare_kmeans(n)
        for n in (25, 60, 150):
            compare_mixture(n)
        print(f"\nStability of k-means over {RESAMPLES} bootstraps, and fpc's clusterboot in R\n")
        rscript = shutil.which("Rscript")
        if rscript is None:
            print("R is not installed: not compared.")
        else:
            print("| sites | ours, s | R, s | times as fast | Jaccard, ours | Jaccard, R |")
            print("|---|---|---|---|---|---|")
            for n in SITES:
                compare_clusterboot(n, rscript)


if __name__ == "__main__":
    main()
