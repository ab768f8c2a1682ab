"""The catalogue of clusterers: every way of grouping sites, behind one contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from site_typology.models.working import WorkingData

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

NO_TYPE = 0


@dataclass(frozen=True)
class View:
    """What a clusterer sees of the sites.

    Parameters
    ----------
    points : ndarray, shape (n_sites, n_coordinates)
        One set of plausible values in some space, without gaps.
    data : WorkingData
        The measured profiles of the same sites: with errors and gaps.
    """

    points: Floats
    data: WorkingData


@dataclass(frozen=True)
class Partition:
    """Types of sites as one fit gives them.

    Parameters
    ----------
    labels : ndarray of int, shape (n_sites,)
        1, 2, ...; `NO_TYPE` (0) where the clusterer gives none.
    reason : str
        Why a site has no type; ``""`` where every site has one.
    """

    labels: Labels
    reason: str = ""

    @property
    def n_types(self) -> int:
        """Number of types with at least one site."""
        return len(np.unique(self.labels[self.labels != NO_TYPE]))


class Clusterer(Protocol):
    """A way of grouping sites.

    ``fit(view, k, seed)`` returns a `Partition`: the same seed gives the same labels. `k` is
    the number of types asked for and is not looked at where `chooses_k` says so. A clusterer is
    fitted to every set of plausible values where `over_draws` says so; one that is not takes
    errors and gaps into account itself.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    chooses_k: ClassVar[bool]
    over_draws: ClassVar[bool]

    def fit(self, view: View, k: int, seed: int) -> Partition:
        """Group the sites of a view."""


class KMeans:
    """k-means, best of ten starts by k-means++ (Arthur & Vassilvitskii 2007), compiled."""

    name: ClassVar[str] = "kmeans"
    title: ClassVar[str] = "k-means"
    chooses_k: ClassVar[bool] = False
    over_draws: ClassVar[bool] = True
    starts: ClassVar[int] = 10
    steps: ClassVar[int] = 100

    def fit(self, view: View, k: int, seed: int) -> Partition:
        """Group the sites around `k` centres."""
        from site_typology.models.kernels import kmeans

        k = _no_more_than_distinct(view.points, k)
        uniforms = np.random.default_rng(seed).random((self.starts, k))
        points = np.ascontiguousarray(view.points, dtype=float)
        return Partition(_numbered(kmeans(points, k, uniforms, self.steps)))


class Ward:
    """Ward's minimum variance hierarchy, cut at `k` (Ward 1963; scipy)."""

    name: ClassVar[str] = "ward"
    title: ClassVar[str] = "Ward"
    chooses_k: ClassVar[bool] = False
    over_draws: ClassVar[bool] = True

    def fit(self, view: View, k: int, seed: int) -> Partition:
        """Group the sites by merging those nearest to each other; `seed` plays no part."""
        from scipy.cluster.hierarchy import fcluster, linkage

        tree = linkage(view.points, method="ward")
        return Partition(_numbered(fcluster(tree, k, criterion="maxclust")))


class GaussianMixture:
    """Gaussian mixture with one covariance for all types (scikit-learn, started by k-means).

    One shared covariance: with some 25 sites a covariance for each type cannot be estimated.
    """

    name: ClassVar[str] = "gmm"
    title: ClassVar[str] = "Gaussian mixture"
    chooses_k: ClassVar[bool] = False
    over_draws: ClassVar[bool] = True
    steps: ClassVar[int] = 50
    ridge: ClassVar[float] = 1e-2

    def fit(self, view: View, k: int, seed: int) -> Partition:
        """Group the sites by their most probable component."""
        import warnings

        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture as Estimator

        k = _no_more_than_distinct(view.points, k)
        estimator = Estimator(
            k,
            covariance_type="tied",
            max_iter=self.steps,
            reg_covar=self.ridge,
            random_state=seed,
        )
        with warnings.catch_warnings():
            # Labels settle long before the likelihood does; stability measures what is left.
            warnings.simplefilter("ignore", ConvergenceWarning)
            labels = estimator.fit_predict(view.points)
        return Partition(_numbered(labels))


class HDBSCAN:
    """Density clusters that persist over scales (Campello 2013; the package hdbscan).

    It finds the number of types itself and leaves sites in thin regions without a type. The
    smallest cluster is a twentieth of the sites, at least three.
    """

    name: ClassVar[str] = "hdbscan"
    title: ClassVar[str] = "HDBSCAN"
    chooses_k: ClassVar[bool] = True
    over_draws: ClassVar[bool] = True
    share: ClassVar[float] = 0.05
    reason: ClassVar[str] = "noise: too few similar sites nearby to form a type"

    def fit(self, view: View, k: int, seed: int) -> Partition:
        """Group the sites by density; `k` and `seed` play no part."""
        import hdbscan

        smallest = max(3, int(np.ceil(self.share * len(view.points))))
        if len(view.points) <= smallest:
            return Partition(np.zeros(len(view.points), dtype=np.int64), self.reason)
        estimator = hdbscan.HDBSCAN(min_cluster_size=smallest, core_dist_n_jobs=1)
        found = estimator.fit(view.points).labels_
        labels = np.where(found < 0, NO_TYPE, found + 1).astype(np.int64)
        return Partition(labels, self.reason if (labels == NO_TYPE).any() else "")


class Mixture:
    """The errors-in-variables mixture of `site_typology.models.mixture`.

    It works on the measured profiles with their errors and gaps, and not on plausible values.
    Its budget is that of the null test's fits, since stability needs hundreds of them.
    """

    name: ClassVar[str] = "mixture"
    title: ClassVar[str] = "Mixture with measurement error"
    chooses_k: ClassVar[bool] = False
    over_draws: ClassVar[bool] = False

    def fit(self, view: View, k: int, seed: int) -> Partition:
        """Group the sites by their most probable type."""
        from site_typology.models.mixture import BUDGET, fit_types

        model = fit_types(view.data, k, seed, budget=BUDGET)
        return Partition(_numbered(model.memberships(view.data).argmax(axis=1)))


CLUSTERERS: Mapping[str, Clusterer] = {
    clusterer.name: clusterer
    for clusterer in (KMeans(), Ward(), GaussianMixture(), HDBSCAN(), Mixture())
}


def _numbered(labels: NDArray[np.integer]) -> Labels:
    """Number types 1, 2, ... without a gap."""
    return np.asarray(np.unique(labels, return_inverse=True)[1] + 1, dtype=np.int64)


def _no_more_than_distinct(points: Floats, k: int) -> int:
    return min(k, len(np.unique(points, axis=0)))
