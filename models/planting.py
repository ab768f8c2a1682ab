"""Types planted into a population: its mean and covariance stay, its sites fall into types."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from site_typology.models.plausible import Population

LEAN = 1.0
"""How much types lie along the widest directions: exponent of the principal variances."""


@dataclass(frozen=True)
class PlantedTypes:
    """Types at equal distances from each other, hidden in a population.

    The covariance of all sites together stays that of the population, so that the planted data
    spread as the seen ones do: what lies between types is taken from within them. Directions
    are random, leaning to the widest: types far apart in units of their own spread are what
    makes a direction wide.

    Parameters
    ----------
    weights : ndarray, shape (k,)
    means : ndarray, shape (k, q)
    root : ndarray, shape (q, q)
        A root of the within-type covariance.
    """

    weights: np.ndarray
    means: np.ndarray
    root: np.ndarray

    @classmethod
    def draw(
        cls, population: Population, k: int, separation: float, rng: np.random.Generator
    ) -> PlantedTypes:
        """Plant k types at pairwise Mahalanobis distance `separation` (within-type units).

        Parameters
        ----------
        population : Population
        k : int
            At most one more than there are working columns.
        separation : float
        rng : numpy.random.Generator

        Raises
        ------
        ValueError
            So many types cannot lie at equal distances in so few columns.

        Examples
        --------
        >>> seen = Population(np.zeros(3), np.diag([2.0, 1.0, 0.5]))
        >>> planted = PlantedTypes.draw(seen, 3, 8.0, np.random.default_rng(1))
        >>> gap = np.linalg.solve(planted.root, planted.means[0] - planted.means[2])
        >>> round(float(np.sqrt(gap @ gap)), 6)
        8.0
        """
        q = len(population.mean)
        if k - 1 > q:
            raise ValueError(f"Expected at most {q + 1} types in {q} columns; found {k}.")
        weights = type_sizes(k)
        corners = np.linalg.svd(np.eye(k) - 1 / k)[0][:, : k - 1] * separation / np.sqrt(2)
        corners = corners - weights @ corners
        between = (corners.T * weights) @ corners
        values, vectors = np.linalg.eigh(population.covariance)
        values = np.clip(values, 1e-10, None)
        lean = (values / values[-1])[:, None] ** LEAN
        directions = np.linalg.qr(lean * rng.normal(size=(q, k - 1)))[0]
        shrunk = np.linalg.inv(np.linalg.cholesky(np.eye(k - 1) + between))
        squeeze = np.eye(q) + directions @ (shrunk - np.eye(k - 1)) @ directions.T
        root = (vectors * np.sqrt(values)) @ squeeze
        return cls(weights, population.mean + corners @ (root @ directions).T, root)

    def simulate(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw true profiles (n, q) and types (n,); sizes as even to the weights as they can be."""
        counts = np.floor(self.weights * n).astype(int)
        counts[: n - counts.sum()] += 1
        labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
        noise = rng.normal(size=(n, self.root.shape[0])) @ self.root.T
        return self.means[labels] + noise, labels


def type_sizes(k: int) -> np.ndarray:
    """Shares of planted types, unequal as found types are: 3 types .5, .33, .17.

    Examples
    --------
    >>> type_sizes(3).round(2).tolist()
    [0.5, 0.33, 0.17]
    """
    sizes = np.arange(k, 0, -1, dtype=float)
    return np.asarray(sizes / sizes.sum())
