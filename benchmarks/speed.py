"""Small resampled fits against scikit-learn in the same run, as ratios: ``make bench``.

    python benchmarks/speed.py

Ratios depend less on the machine than times do. Everything runs on one thread and is counted in
processor seconds, compiled code after compiling. scikit-learn's mixture gets complete values
without error, which it needs, and the same types, starts and steps at most.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits
from worlds import simulate

from site_typology.models import kernels
from site_typology.models.mixture import BUDGET, fit_types
from site_typology.nulltest import null_test

TYPES, RUNS, SECONDS = 3, 10, 1.0


def seconds(task: Callable[[int], object]) -> float:
    """Processor seconds a call, over at least `SECONDS` after one call to warm up."""
    task(0)
    begun, calls = time.process_time(), 0
    while time.process_time() - begun < SECONDS:
        calls += 1
        task(calls)
    return (time.process_time() - begun) / calls


def compare(n: int) -> None:
    """Print one row for each kind of fit at n sites."""
    data, _ = simulate("types", n, 1, separation=8.0)
    mean = np.nanmean(data.values, axis=0)
    filled = np.ascontiguousarray(np.where(data.observed, data.values, mean))
    steps = BUDGET.first_steps + BUDGET.last_steps

    def kmeans(seed: int) -> None:
        uniforms = np.random.default_rng(seed).random((RUNS, TYPES))
        kernels.kmeans(filled, TYPES, uniforms, 300)

    def sklearn_kmeans(seed: int) -> None:
        KMeans(TYPES, n_init=RUNS, random_state=seed).fit(filled)

    def mixture(seed: int) -> None:
        fit_types(data, TYPES, seed, budget=BUDGET)

    def sklearn_mixture(seed: int) -> None:
        GaussianMixture(
            TYPES, covariance_type="tied", n_init=4, max_iter=steps, random_state=seed
        ).fit(filled)

    for name, ours, theirs in (
        ("k-means, 10 starts", kmeans, sklearn_kmeans),
        ("mixture, 4 starts (ours with errors and gaps)", mixture, sklearn_mixture),
    ):
        mine, other = seconds(ours), seconds(theirs)
        print(f"| {name} | {n} | {mine * 1e3:.2f} | {other * 1e3:.2f} | {other / mine:.1f} |")


def main() -> None:
    """Print the table of ratios, and the time of whole null tests."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    with threadpool_limits(1):
        print(
            "| fit | sites | ours, ms | scikit-learn, ms | times as fast |\n|---|---|---|---|---|"
        )
        for n in (25, 60, 150):
            compare(n)
        print("\n| null test, 99 reference draws, 14 columns | CPU s |\n|---|---|")
        for n in (25, 60):
            data, _ = simulate("cloud", n, 1)
            begun = time.process_time()
            null_test(data, draws=99, seed=1)
            print(f"| {n} sites | {time.process_time() - begun:.1f} |", flush=True)


if __name__ == "__main__":
    main()
