"""The catalogue of clusterers: every way of grouping sites, behind one contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from site_typology.models.clusterers_mixed import KMedoids, StepMix
from site_typology.models.grouping import (
    NO_TYPE,
    Clusterer,
    Floats,
    Partition,
    View,
    no_more_than_distinct,
    numbered,
)

__all__ = ["CLUSTERERS", "NO_TYPE", "Clusterer", "Partition", "View"]


class KMeans:
    """k-means, best of ten starts by greedy k-means++ (Arthur & Vassilvitskii 2007), compiled."""

    name: ClassVar[str] = "kmeans"
    title: ClassVar[str] = "k-means"
    chooses_k: ClassVar[bool] = False
    over_draws: ClassVar[bool] = True
    own_space: ClassVar[str] = ""
    natural: ClassVar[bool] = False
    starts: ClassVar[int] = 10
    steps: ClassVar[int] = 100
    trials: ClassVar[int] = 3

    def fit(self, view: View, k: int, seed: int) -> Partition:
        """Group the sites around `k` centres."""
        from site_typology.models.kmeans import settled_kmeans

        k = no_more_than_distinct(view.points, k)
        uniforms = np.random.default_rng(seed).random((self.starts, k))
        points = np.ascontiguousarray(view.points, dtype=float)
        return Partition(numbered(settled_kmeans(points, k, uniforms, self.steps, self.trials)))


class Ward:
    """Ward's minimum variance hierarchy, cut at `k` (Ward 1963; scipy)."""

    name: ClassVar[str] = "ward"
    title: ClassVar[str] = "Ward"
    chooses_k: ClassVar[bool] = False
    over_draws: ClassVar[bool] = True
    own_space: ClassVar[str] = ""
    natural: ClassVar[bool] = False

    def fit(self, view: View, k: int, seed: int) -> Partition:
        """Group the sites by merging those nearest to each other; `seed` plays no part."""
        from scipy.cluster.hierarchy import fcluster, linkage

        tree = linkage(view.points, method="ward")
        return Partition(numbered(fcluster(tree, k, criterion="maxclust")))


class GaussianMixture:
    """Gaussian mixture with one covariance for all types (scikit-learn, started by k-means).

    One shared covariance: with some 25 sites a covariance for each type cannot be estimated.
    """

    name: ClassVar[str] = "gmm"
    title: ClassVar[str] = "Gaussian mixture"
    chooses_k: ClassVar[bool] = False
    over_draws: ClassVar[bool] = True
    own_space: ClassVar[str] = ""
    natural: ClassVar[bool] = False
    steps: ClassVar[int] = 50
    ridge: ClassVar[float] = 1e-2

    def fit(self, view: View, k: int, seed: int) -> Partition:
        """Group the sites by their most probable component."""
        import warnings

        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture as Estimator

        k = no_more_than_distinct(view.points, k)
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
        return Partition(numbered(labels))


class Spectral:
    """Spectral clustering of a graph of neighbours (Ng, Jordan & Weiss 2002; numpy and scipy).

    Two sites are alike by ``exp(-d^2 / (s t))``, with s and t the distances of each to its
    seventh neighbour, so that thin and dense regions count alike (Zelnik-Manor & Perona 2004,
    *Advances in Neural Information Processing Systems* 17); no less than a millionth, so that
    the graph stays in one piece. Labels come from the leading eigenvectors of the normalised
    graph by pivoted QR (Damle, Minden & Ying 2019, *Information and Inference* 8), which needs no
    random start; tests hold it to scikit-learn's. Memory grows with the square of the sites.
    """

    name: ClassVar[str] = "spectral"
    title: ClassVar[str] = "Spectral"
    chooses_k: ClassVar[bool] = False
    over_draws: ClassVar[bool] = True
    own_space: ClassVar[str] = ""
    natural: ClassVar[bool] = False
    neighbour: ClassVar[int] = 7
    least: ClassVar[float] = 1e-6
    few: ClassVar[int] = 200

    def fit(self, view: View, k: int, seed: int) -> Partition:
        """Group the sites by cutting the graph into `k` parts; `seed` plays no part."""
        from scipy.linalg import qr

        k = no_more_than_distinct(view.points, k)
        if k < 2:
            return Partition(np.ones(len(view.points), dtype=np.int64))
        alike = self.affinity(view.points)
        weight = 1 / np.sqrt(alike.sum(axis=1))
        graph = alike * weight[:, None] * weight[None, :]
        vectors = self._leading(graph, k) * weight[:, None]
        # Columns that differ most stand for the parts; turn the vectors towards them.
        chosen = qr(vectors.T, mode="r", pivoting=True)[1][:k]
        left, _, right = np.linalg.svd(vectors[chosen].T)
        return Partition(numbered(np.abs(vectors @ (left @ right)).argmax(axis=1)))

    def _leading(self, graph: Floats, k: int) -> Floats:
        """Eigenvectors of the k largest eigenvalues: all at once for few sites, else by steps."""
        from scipy.linalg import eigh
        from scipy.sparse.linalg import eigsh

        n = len(graph)
        if n <= self.few:
            return np.asarray(eigh(graph, subset_by_index=[n - k, n - 1])[1])
        return np.asarray(eigsh(graph, k, which="LA", v0=np.ones(n))[1])

    def affinity(self, points: Floats) -> Floats:
        """How alike sites are, shape (n, n), 0 on the diagonal."""
        from scipy.spatial.distance import cdist

        apart = cdist(points, points)
        at = min(self.neighbour, len(points) - 1)
        reach = np.partition(apart, at, axis=1)[:, at]
        # Copies of one site have no distance to their neighbours: the least that others have.
        reach = np.where(reach > 0, reach, reach[reach > 0].min(initial=apart.max()))
        alike = np.maximum(np.exp(-(apart**2) / np.outer(reach, reach)), self.least)
        np.fill_diagonal(alike, 0.0)
        return np.asarray(alike)


class HDBSCAN:
    """Density clusters that persist over scales (Campello 2013; the package hdbscan).

    It finds the number of types itself and leaves sites in thin regions without a type. The
    smallest cluster is a twentieth of the sites, at least three.
    """

    name: ClassVar[str] = "hdbscan"
    title: ClassVar[str] = "HDBSCAN"
    chooses_k: ClassVar[bool] = True
    over_draws: ClassVar[bool] = True
    own_space: ClassVar[str] = ""
    natural: ClassVar[bool] = False
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
    own_space: ClassVar[str] = "features"
    natural: ClassVar[bool] = False

    def fit(self, view: View, k: int, seed: int) -> Partition:
        """Group the sites by their most probable type."""
        from site_typology.models.mixture import BUDGET, fit_types

        model = fit_types(view.data, min(k, view.data.n), seed, budget=BUDGET)
        return Partition(numbered(model.memberships(view.data).argmax(axis=1)))


CLUSTERERS: Mapping[str, Clusterer] = {
    clusterer.name: clusterer
    for clusterer in (
        KMeans(),
        KMedoids(),
        Ward(),
        GaussianMixture(),
        Spectral(),
        HDBSCAN(),
        StepMix(),
        Mixture(),
    )
}
