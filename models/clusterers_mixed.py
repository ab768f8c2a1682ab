"""Clusterers that read measured profiles with their gaps and categories: k-medoids and StepMix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from site_typology.models.grouping import (
    NO_TYPE,
    Floats,
    Labels,
    Partition,
    View,
    no_more_than_distinct,
    numbered,
)

if TYPE_CHECKING:
    from stepmix import StepMix as Estimator


class KMedoids:
    """k-medoids on Gower's distance of profiles in natural units (`site_typology.models.distance`).

    Every type has a site in its middle; gaps leave the comparison, and categories in use
    ``"build"`` take part. Partitioning around medoids (Kaufman & Rousseeuw 1990, chapter 2), by
    the swaps of FasterPAM (Schubert & Rousseeuw 2021, *Information Systems* 101), from PAM's own
    first medoids and ten random ones, the cheapest kept; compiled.
    """

    name: ClassVar[str] = "kmedoids"
    title: ClassVar[str] = "k-medoids on Gower distance"
    chooses_k: ClassVar[bool] = False
    over_draws: ClassVar[bool] = True
    own_space: ClassVar[str] = "gower"
    natural: ClassVar[bool] = True
    starts: ClassVar[int] = 10

    def fit(self, view: View, k: int, seed: int) -> Partition:
        """Group the sites around `k` of them."""
        from site_typology.models.distance import gower
        from site_typology.models.medoids import kmedoids

        distances = gower(view.mixed)
        n = len(distances)
        k = min(k, n)
        random = np.random.default_rng(seed)
        starts = random.random((self.starts, n)).argsort(axis=1)[:, :k]
        return Partition(numbered(kmedoids(distances, k, np.ascontiguousarray(starts))))


class StepMix:
    """Latent profiles and classes by StepMix, gaps by full information maximum likelihood.

    The measured profiles on the working scale, independent within a type with one variance a
    type, and categories in use ``"build"`` as multinomials (Morin and others 2025, *Journal of
    Statistical Software* 113(8)). It knows of gaps and not of errors. Best likelihood of the
    starts in which no type collapsed onto one point; where all did, no site has a type.
    """

    name: ClassVar[str] = "stepmix"
    title: ClassVar[str] = "Latent profiles (StepMix)"
    chooses_k: ClassVar[bool] = False
    over_draws: ClassVar[bool] = False
    own_space: ClassVar[str] = "measured"
    natural: ClassVar[bool] = True
    starts: ClassVar[int] = 10
    steps: ClassVar[int] = 200
    tolerance: ClassVar[float] = 1e-5
    least_variance: ClassVar[float] = 1e-3
    reason: ClassVar[str] = "no type: the latent profiles collapsed onto single sites"

    def fit(self, view: View, k: int, seed: int) -> Partition:
        """Group the sites by their most probable class."""
        values = view.data.values
        known = (~np.isnan(values)).sum(axis=0) > 1
        codes = view.mixed.categories
        categories = np.where(codes < 0, np.nan, codes)
        k = no_more_than_distinct(np.column_stack([values[:, known], categories]), k)
        best, found = -np.inf, None
        for start in range(self.starts):
            likelihood, labels = self._start(values[:, known], categories, k, seed + start)
            if likelihood > best:
                best, found = likelihood, labels
        if found is None:
            return Partition(np.full(len(values), NO_TYPE, dtype=np.int64), self.reason)
        return Partition(numbered(found))

    def _start(self, values: Floats, categories: Floats, k: int, seed: int) -> tuple[float, Labels]:
        """One start: its likelihood, -inf where a type collapsed, and its labels."""
        import warnings

        from sklearn.exceptions import ConvergenceWarning
        from stepmix import StepMix as Estimator

        measurement: dict[str, Any] = {
            "profile": {"model": "gaussian_spherical_nan", "n_columns": values.shape[1]}
        }
        if categories.shape[1]:
            measurement["category"] = {
                "model": "categorical_nan",
                "n_columns": categories.shape[1],
            }
        estimator = Estimator(
            k,
            measurement=measurement,
            max_iter=self.steps,
            abs_tol=self.tolerance,
            random_state=seed % 2**32,
            progress_bar=0,
        )
        rows = np.column_stack([values, categories])
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            # Labels settle long before the likelihood does. A type that collapses onto one site
            # divides by its variance of 0; such a start is set aside below.
            warnings.simplefilter("ignore", ConvergenceWarning)
            estimator.fit(rows)
            labels = estimator.predict(rows)
        return (-np.inf if self._collapsed(estimator) else float(estimator.lower_bound_)), labels

    def _collapsed(self, estimator: Estimator) -> bool:
        variances = estimator.get_parameters()["measurement"]["profile"]["covariances"]
        return not bool((variances > self.least_variance).all())
