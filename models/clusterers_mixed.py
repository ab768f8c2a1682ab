"""Clusterers that read measured profiles with their gaps and categories: k-medoids and StepMix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from site_typology.models.grouping import (
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
    starts_of_few: ClassVar[int] = 1000

    def fit(self, view: View, k: int, seed: int) -> Partition:
        """Group the sites around `k` of them."""
        from site_typology.models.distance import gower
        from site_typology.models.medoids import kmedoids

        distances = gower(view.mixed)
        n = len(distances)
        k = min(k, n)
        random = np.random.default_rng(seed)
        runs = self.starts + self.starts_of_few // n
        starts = random.random((runs, n)).argsort(axis=1)[:, :k]
        return Partition(numbered(kmedoids(distances, k, np.ascontiguousarray(starts))))


class StepMix:
    """Latent profiles and classes by StepMix, gaps by full information maximum likelihood.

    The measured profiles on the working scale, independent within a type and with the same
    variances in every type, as is usual for latent profiles, and categories in use ``"build"``
    as multinomials (Morin and others 2025, *Journal of Statistical Software* 113(8)). StepMix
    itself fits types of unit variance or of variances of their own, which collapse onto single
    sites when these are few; so fits of unit variance alternate with a scale for each feature
    that brings its variance within types to 1. It knows of gaps and not of errors.
    """

    name: ClassVar[str] = "stepmix"
    title: ClassVar[str] = "Latent profiles (StepMix)"
    chooses_k: ClassVar[bool] = False
    over_draws: ClassVar[bool] = False
    own_space: ClassVar[str] = "measured"
    natural: ClassVar[bool] = True
    starts: ClassVar[int] = 3
    rounds: ClassVar[int] = 3
    steps: ClassVar[int] = 100
    tolerance: ClassVar[float] = 1e-4
    least_spread: ClassVar[float] = 0.1

    def fit(self, view: View, k: int, seed: int) -> Partition:
        """Group the sites by their most probable class: best likelihood of three starts."""
        known = (~np.isnan(view.data.values)).sum(axis=0) > 1
        values = view.data.values[:, known]
        codes = view.mixed.categories
        categories = np.where(codes < 0, np.nan, codes)
        k = no_more_than_distinct(np.column_stack([values, categories]), k)
        tried = [self._start(values, categories, k, seed + at) for at in range(self.starts)]
        return Partition(numbered(max(tried, key=lambda one: one[0])[1]))

    def _start(self, values: Floats, categories: Floats, k: int, seed: int) -> tuple[float, Labels]:
        """One start: its mean log-likelihood, and its labels."""
        spread = np.nanstd(values, axis=0)
        floor = np.where(spread > 0, self.least_spread * spread, 1.0)
        scale = np.maximum(spread / 2, floor)
        likelihood, labels = -np.inf, np.ones(len(values), dtype=np.int64)
        for _ in range(self.rounds):
            rows = np.column_stack([values / scale, categories])
            estimator = self._fitted(rows, values.shape[1], k, seed)
            chances = estimator.predict_proba(rows)
            change = (~np.isnan(values) * np.log(scale)).sum() / len(values)
            likelihood = float(estimator.lower_bound_) - change
            labels = chances.argmax(axis=1)
            means = estimator.get_parameters()["measurement"]["profile"]["means"] * scale
            squares = (values[:, None, :] - means) ** 2
            known = ~np.isnan(values)
            within = np.nansum(chances[:, :, None] * squares, axis=(0, 1)) / known.sum(axis=0)
            scale = np.maximum(np.sqrt(within), floor)
        return likelihood, labels

    def _fitted(self, rows: Floats, width: int, k: int, seed: int) -> Estimator:
        import warnings

        from sklearn.exceptions import ConvergenceWarning
        from stepmix import StepMix as Estimator

        measurement: dict[str, Any] = {
            "profile": {"model": "gaussian_unit_nan", "n_columns": width}
        }
        if rows.shape[1] > width:
            more = {"model": "categorical_nan", "n_columns": rows.shape[1] - width}
            measurement["category"] = more
        estimator = Estimator(
            k,
            measurement=measurement,
            max_iter=self.steps,
            abs_tol=self.tolerance,
            random_state=seed % 2**32,
            progress_bar=0,
        )
        with warnings.catch_warnings():
            # Labels settle long before the likelihood does; stability measures what is left.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return estimator.fit(rows)
