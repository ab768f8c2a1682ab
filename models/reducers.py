"""Spaces to cluster in: fixed linear maps from the working scale to comparable coordinates.

Each takes the mean and covariance of the true profiles, measurement error taken out, so that a
noisy feature does not make a component of its own.
"""

from __future__ import annotations

import dataclasses
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
    offset : ndarray, shape (n_sites, n_coordinates), optional
        Added to each site's coordinates: what its categories are worth.
    """

    name: str
    coordinates: tuple[str, ...]
    centre: Floats
    loadings: Floats
    variance: Floats
    offset: Floats | None = None

    def transform(self, points: Floats) -> Floats:
        """Coordinates of points, shape ``(..., q)`` to ``(..., n_coordinates)``.

        Examples
        --------
        >>> space = features_space(np.zeros(2), np.diag([4.0, 1.0]), ["a", "b"])
        >>> space.transform(np.array([2.0, 3.0])).tolist()
        [1.0, 3.0]
        """
        coordinates = (points - self.centre) @ self.loadings
        return np.asarray(coordinates if self.offset is None else coordinates + self.offset)


@dataclass(frozen=True)
class Categories:
    """Categories of the sites, for a space that takes them.

    Parameters
    ----------
    codes : ndarray of int, shape (n_sites, n_categories)
        0, 1, ...; -1 in a gap.
    means : ndarray, shape (n_sites, q)
        Posterior means of the true profiles of the same sites.
    """

    codes: NDArray[np.int64]
    means: Floats


def features_space(
    mean: Floats, covariance: Floats, columns: Sequence[str], categories: Categories | None = None
) -> Space:
    """Every working column, in SDs of the true profiles.

    Parameters
    ----------
    mean : ndarray, shape (q,)
    covariance : ndarray, shape (q, q)
        Of the true profiles, measurement error taken out.
    columns : sequence of str
    categories : Categories, optional
        Plays no part.
    """
    spread = np.sqrt(np.diag(covariance))
    share = np.full(len(spread), 1 / len(spread))
    return Space("features", tuple(columns), mean, np.diag(1 / spread), share)


def pca_space(
    mean: Floats, covariance: Floats, columns: Sequence[str], categories: Categories | None = None
) -> Space:
    """Leading principal components of the true profiles' correlation matrix.

    As many as carry 80 % of the variance, two at least (Jolliffe 2002, section 6.1.1). The
    largest loading of each component is positive. `categories` plays no part.

    Parameters
    ----------
    mean, covariance, columns, categories
        As in `features_space`.

    Examples
    --------
    >>> space = pca_space(np.zeros(3), np.eye(3) + 8, ["a", "b", "c"])
    >>> space.coordinates, space.variance.round(2).tolist()
    (('component 1', 'component 2'), [0.93, 0.04])
    """
    spread = np.sqrt(np.diag(covariance))
    vectors, share = _components(covariance / np.outer(spread, spread))
    return Space("pca", _names(share), mean, vectors / spread[:, None], share)


def famd_space(
    mean: Floats, covariance: Floats, columns: Sequence[str], categories: Categories | None = None
) -> Space:
    """Leading components of features and categories together: factor analysis of mixed data.

    A category enters as one indicator a value, centred and over the root of its share, so that a
    category weighs as much as a feature in the first component it makes (Pagès 2004, *Revue de
    statistique appliquée* 52(4)). The correlations among features have measurement error taken
    out; those with categories rest on posterior means. A gap in a category lies at the mean of
    all sites. Without categories it is `pca_space`.

    Parameters
    ----------
    mean, covariance, columns, categories
        As in `features_space`.

    Examples
    --------
    >>> lead = Categories(np.array([[0], [0], [1], [1]]), np.array([[1.0], [1], [-1], [-1]]))
    >>> space = famd_space(np.zeros(1), np.eye(1), ["a"], lead)
    >>> space.transform(lead.means)[:, 0].round(3).tolist()
    [1.414, 1.414, -1.414, -1.414]
    """
    spread = np.sqrt(np.diag(covariance))
    q = len(spread)
    indicators = np.empty((0, 0)) if categories is None else _indicators(categories.codes)
    if categories is None or not indicators.shape[1]:
        return dataclasses.replace(pca_space(mean, covariance, columns), name="famd")
    n = len(indicators)
    scores = (categories.means - categories.means.mean(axis=0)) / spread
    joint = np.empty((q + indicators.shape[1],) * 2)
    joint[:q, :q] = covariance / np.outer(spread, spread)
    joint[q:, :q] = indicators.T @ scores / n
    joint[:q, q:] = joint[q:, :q].T
    joint[q:, q:] = indicators.T @ indicators / n
    vectors, share = _components(joint)
    loadings = vectors[:q] / spread[:, None]
    return Space("famd", _names(share), mean, loadings, share, indicators @ vectors[q:])


def family_spaces(
    mean: Floats, covariance: Floats, columns: Sequence[str], families: Sequence[str]
) -> dict[str, Space]:
    """One space a family of features, ``family:NAME``: its columns in SDs of the true profiles.

    Parameters
    ----------
    mean, covariance, columns
        As in `features_space`.
    families : sequence of str
        Family of each column.

    Examples
    --------
    >>> found = family_spaces(np.zeros(3), np.eye(3), ["a", "b", "c"], ["who", "how", "who"])
    >>> {name: space.coordinates for name, space in found.items()}
    {'family:how': ('b',), 'family:who': ('a', 'c')}
    """
    whole = features_space(mean, covariance, columns)
    spaces = {}
    for family in sorted(set(families)):
        own = [at for at, name in enumerate(families) if name == family]
        name = f"{FAMILY}{family}"
        share = np.full(len(own), 1 / len(own))
        coordinates = tuple(columns[at] for at in own)
        spaces[name] = Space(name, coordinates, mean, whole.loadings[:, own], share)
    return spaces


def is_space(name: str) -> bool:
    """Whether a specification may name this space: one of `SPACES`, families, or one family.

    Examples
    --------
    >>> is_space("pca"), is_space("families"), is_space("family:orientation"), is_space("umap")
    (True, True, True, False)
    """
    return name in SPACES or name == FAMILIES or name.startswith(FAMILY)


def _components(correlation: Floats) -> tuple[Floats, Floats]:
    """Leading eigenvectors (columns, largest entry positive) and their share of the variance."""
    values, vectors = np.linalg.eigh(correlation)
    values, vectors = np.clip(values[::-1], 0, None), vectors[:, ::-1]
    share = values / values.sum()
    enough = int(np.searchsorted(np.cumsum(share), VARIANCE_KEPT) + 1)
    kept = min(max(2, enough), len(share))
    vectors = vectors[:, :kept]
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(kept)]
    return vectors * np.sign(largest), share[:kept]


def _names(share: Floats) -> tuple[str, ...]:
    return tuple(f"component {at + 1}" for at in range(len(share)))


def _indicators(codes: NDArray[np.int64]) -> Floats:
    """Centred indicators over the root of their share, shape (n, values); 0 in a gap."""
    columns = []
    for category in codes.T:
        known = category >= 0
        for value in np.unique(category[known]):
            share = (category[known] == value).mean()
            own = ((category == value) - share) / np.sqrt(share)
            columns.append(np.where(known, own, 0.0))
    return np.column_stack(columns) if columns else np.empty((len(codes), 0))


FAMILIES = "families"
"""Stands for one space a family."""
FAMILY = "family:"
SPACES: Mapping[str, Callable[[Floats, Floats, Sequence[str], Categories | None], Space]] = {
    "features": features_space,
    "pca": pca_space,
    "famd": famd_space,
}
