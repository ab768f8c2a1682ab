"""How well types and true profiles are recovered, beside imputing gaps and ignoring error.

25 sites of three types, 15 features with correlated spread within types, site means over 3 to 10
informants, 15 % of cells missing. Standard errors are estimated, as in a survey: the pooled spread
of informants within sites over the root of their number. Every method is told the number of types.

python benchmarks/recovery.py
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from site_typology import ErrorsInVariablesMixture, TrueProfiles

SITES, FEATURES, TYPES, GAPS = 25, 15, 3, 0.15
INFORMANTS = (3, 10)
WITHIN_SITE = 1.5
"""Standard deviation between informants of a site, in units of the spread within types."""
OURS = "ErrorsInVariablesMixture"
POPULATION = "TrueProfiles, then k-means"


@dataclass(frozen=True)
class World:
    """One simulated study: what is seen, and the truth behind it."""

    values: np.ndarray
    errors: np.ndarray
    truth: np.ndarray
    labels: np.ndarray


def simulate(seed: int, separation: float) -> World:
    """Simulate informants, and site means with estimated standard errors of them."""
    rng = np.random.default_rng([seed, round(10 * separation)])
    labels = np.arange(SITES) % TYPES
    centres = np.linalg.qr(rng.normal(size=(FEATURES, TYPES)))[0].T * separation / np.sqrt(2)
    loading = rng.normal(size=(FEATURES, 3))
    covariance = loading @ loading.T + 2 * np.eye(FEATURES)
    unit = 1 / np.sqrt(np.diag(covariance))
    root = np.linalg.cholesky(covariance * np.outer(unit, unit))
    # Centres stand apart by `separation` in Mahalanobis distance, whatever the correlations.
    truth = (centres[labels] + rng.normal(size=(SITES, FEATURES))) @ root.T
    counts = rng.integers(INFORMANTS[0], INFORMANTS[1] + 1, size=SITES)
    answers = [
        row + WITHIN_SITE * rng.normal(size=(count, FEATURES))
        for row, count in zip(truth, counts, strict=True)
    ]
    values = np.array([each.mean(axis=0) for each in answers])
    squares = sum(((each - each.mean(axis=0)) ** 2).sum(axis=0) for each in answers)
    pooled = np.sqrt(squares / (counts.sum() - SITES))
    errors = pooled / np.sqrt(counts)[:, None]
    values[rng.random(values.shape) < GAPS] = np.nan
    return World(values, errors, truth, labels)


def imputed(values: np.ndarray, how: str) -> np.ndarray:
    """Fill gaps with one value each, on unit spread."""
    # Experimental in scikit-learn: importing this name makes IterativeImputer importable.
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer

    imputers = {
        "mean": SimpleImputer(),
        "KNN": KNNImputer(n_neighbors=5),
        "iterative": IterativeImputer(random_state=0, max_iter=20),
    }
    scaler = StandardScaler().fit(values)
    filled = imputers[how].fit_transform(scaler.transform(values))
    return np.asarray(scaler.inverse_transform(filled))


def clustered(points: np.ndarray, how: str, seed: int) -> np.ndarray:
    """Labels that take the points as exact."""
    points = StandardScaler().fit_transform(points)
    if how == "k-means":
        return np.asarray(KMeans(TYPES, n_init=10, random_state=seed).fit_predict(points))
    model = GaussianMixture(
        TYPES, covariance_type=how, n_init=10, random_state=seed, reg_covar=1e-3
    )
    return np.asarray(model.fit_predict(points))


def recovered(world: World, seed: int) -> dict[str, tuple[float, float]]:
    """Adjusted Rand index to the true types, and RMSE of the profiles, of every method."""
    data = {"X": world.values, "errors": world.errors}

    def figures(labels: np.ndarray, profiles: np.ndarray) -> tuple[float, float]:
        rmse = np.sqrt(((profiles - world.truth) ** 2).mean())
        return float(adjusted_rand_score(world.labels, labels)), float(rmse)

    mixture = ErrorsInVariablesMixture(TYPES, random_state=seed).fit(**data)
    means = TrueProfiles().fit_transform(**data)
    found = {
        OURS: figures(mixture.predict(**data), mixture.posterior(**data)[0]),
        POPULATION: figures(clustered(means, "k-means", seed), means),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for filling in ("mean", "KNN", "iterative"):
            filled = imputed(world.values, filling)
            for how in ("tied", "diag", "spherical", "k-means"):
                name = how if how == "k-means" else f"GaussianMixture ({how})"
                found[f"{filling}, {name}"] = figures(clustered(filled, how, seed), filled)
    return found


def replicate(
    replicates: int, separation: float, measure: Callable[[World, int], dict] = recovered
) -> tuple[list[str], np.ndarray]:
    """Names of methods, and figures of shape (replicates, methods, 2)."""
    rows = [measure(simulate(seed, separation), seed) for seed in range(replicates)]
    return list(rows[0]), np.array([list(row.values()) for row in rows])


def with_error(figures: np.ndarray) -> str:
    """Mean and Monte Carlo error."""
    return f"{figures.mean():.2f} ± {figures.std(ddof=1) / np.sqrt(len(figures)):.3f}"


def main() -> None:
    """Print a table for each separation; differences are paired, ours less the method's."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--replicates", type=int, default=60)
    parser.add_argument("--separations", type=float, nargs="+", default=[4.0, 6.0, 8.0])
    given = parser.parse_args()
    for separation in given.separations:
        # Small problems are slower on several threads.
        with threadpool_limits(1):
            names, figures = replicate(given.replicates, separation)
        print(f"\nseparation {separation:g}, {given.replicates} replicates (± Monte Carlo error)\n")
        print("| method | adjusted Rand | ours more by | RMSE | ours less by |")
        print("|---|---|---|---|---|")
        for at, name in enumerate(names):
            gain = figures[:, 0] - figures[:, at]
            cells = [
                with_error(figures[:, at, 0]),
                with_error(gain[:, 0]) if at else "",
                with_error(figures[:, at, 1]),
                with_error(-gain[:, 1]) if at else "",
            ]
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
