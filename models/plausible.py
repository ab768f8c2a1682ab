"""One population of true profiles behind noisy, gappy ones, and plausible values drawn from it.

A missing cell and a measurement error are one thing: a missing cell has infinite error. The
observed profile of site i is ``y_i = x_i + e_i`` with ``x_i ~ N(mean, covariance)`` and
``e_i ~ N(0, E_i)``, ``E_i`` known. EM for this model: Little and Rubin (2002), *Statistical
Analysis with Missing Data*, chapter 11; with known error covariance it is the empirical Bayes
model of Fay and Herriot (1979) for vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from site_typology.models.working import WorkingData


@dataclass(frozen=True)
class Population:
    """Mean and covariance of the true profiles.

    Parameters
    ----------
    mean : ndarray, shape (q,)
    covariance : ndarray, shape (q, q)
    """

    mean: np.ndarray
    covariance: np.ndarray


def fit_population(data: WorkingData, *, shrink: float = 5.0) -> Population:
    """Fit."""
    raise NotImplementedError


def posterior(population: Population, data: WorkingData) -> tuple[np.ndarray, np.ndarray]:
    """Give posterior means (n, q) and covariances (n, q, q)."""
    raise NotImplementedError


def plausible_values(
    population: Population, data: WorkingData, draws: int, seed: int
) -> np.ndarray:
    """Draw plausible values (draws, n, q)."""
    raise NotImplementedError
