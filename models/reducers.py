"""Spaces to cluster in: fixed linear maps from the working scale to comparable coordinates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

VARIANCE_KEPT = 0.8


@dataclass(frozen=True)
class Space:
    """A linear map of working columns.

    Parameters
    ----------
    name : str
    coordinates : tuple of str
        Names of the new coordinates.
    centre : ndarray, shape (q,)
        Subtracted first.
    loadings : ndarray, shape (q, n_coordinates)
    variance : ndarray, shape (n_coordinates,)
        Share of the variance of the standardised profiles that each coordinate carries.
    """

    name: str
    coordinates: tuple[str, ...]
    centre: Floats
    loadings: Floats
    variance: Floats

    def transform(self, points: Floats) -> Floats:
        """Coordinates of points, shape ``(..., q)`` to ``(..., n_coordinates)``.

        Examples
        --------
        >>> space = features_space(np.zeros(2), np.diag([4.0, 1.0]), ["a", "b"])
        >>> space.transform(np.array([2.0, 3.0])).tolist()
        [1.0, 3.0]
        """
        return np.asarray((points - self.centre) @ self.loadings)


def features_space(mean: Floats, covariance: Floats, columns: Sequence[str]) -> Space:
    """Every working column, in SDs of the true profiles.

    Parameters
    ----------
    mean : ndarray, shape (q,)
    covariance : ndarray, shape (q, q)
        Of the true profiles, measurement error taken out.
    columns : sequence of str
    """
    spread = np.sqrt(np.diag(covariance))
    share = np.full(len(spread), 1 / len(spread))
    return Space("features", tuple(columns), mean, np.diag(1 / spread), share)


def pca_space(mean: Floats, covariance: Floats, columns: Sequence[str]) -> Space:
    """Leading principal components of the true profiles' correlation matrix.

    As many as carry 80 % of the variance, two at least (Jolliffe 2002, section 6.1.1). The
    covariance has measurement error taken out, so that a noisy feature does not make a
    component of its own. The largest loading of each component is positive.

    Parameters
    ----------
    mean, covariance, columns
        As in `features_space`.

    Examples
    --------
    >>> space = pca_space(np.zeros(3), np.eye(3) + 8, ["a", "b", "c"])
    >>> space.coordinates, space.variance.round(2).tolist()
    (('component 1', 'component 2'), [0.93, 0.04])
    """
    spread = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(spread, spread))
    values, vectors = values[::-1], vectors[:, ::-1]
    share = values / values.sum()
    enough = int(np.searchsorted(np.cumsum(share), VARIANCE_KEPT) + 1)
    kept = min(max(2, enough), len(share))
    vectors = vectors[:, :kept]
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(kept)]
    loadings = vectors * np.sign(largest) / spread[:, None]
    names = tuple(f"component {at + 1}" for at in range(kept))
    return Space("pca", names, mean, loadings, share[:kept])


SPACES: Mapping[str, Callable[[Floats, Floats, Sequence[str]], Space]] = {
    "features": features_space,
    "pca": pca_space,
}
