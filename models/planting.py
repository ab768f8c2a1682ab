"""Types planted into a population: sites of a type spread as the population does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from site_typology.models.plausible import Population


@dataclass(frozen=True)
class PlantedTypes:
    """Types at equal distances from each other, hidden in a population.

    Sites of one type spread as the population does, and the types lie apart in random directions
    of its whitened space: all sites together spread more than was seen. The other reading, types
    hidden inside the seen spread, was tried and understates power far more (docs/decisions/0008).

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
        directions = np.linalg.qr(rng.normal(size=(q, k - 1)))[0]
        values, vectors = np.linalg.eigh(population.covariance)
        root = vectors * np.sqrt(np.clip(values, 1e-10, None))
        return cls(weights, population.mean + corners @ (root @ directions).T, root)

    def simulate(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw true profiles (n, q) and types (n,); sizes as even to the weights as they can be."""
        wanted = self.weights * n
        counts = np.floor(wanted).astype(int)
        largest_rests = np.argsort(counts - wanted, kind="stable")[: n - counts.sum()]
        counts[largest_rests] += 1
        labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
        noise = rng.normal(size=(n, self.root.shape[0])) @ self.root.T
        return self.means[labels] + noise, labels


def type_sizes(k: int) -> np.ndarray:
    """Shares of planted types, unequal as found types are: each .63 of the one before.

    Examples
    --------
    >>> type_sizes(3).round(2).tolist()
    [0.49, 0.31, 0.2]
    """
    sizes = 0.63 ** np.arange(k)
    return np.asarray(sizes / sizes.sum())
