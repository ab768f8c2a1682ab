"""Types as an errors-in-variables Gaussian mixture: means differ, the within-type covariance not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from site_typology.models.working import WorkingData


@dataclass(frozen=True)
class TypeModel:
    """Types of true profiles, from the largest to the smallest.

    Parameters
    ----------
    weights : ndarray, shape (k,)
    means : ndarray, shape (k, q)
    covariance : ndarray, shape (q, q)
        Within-type covariance, the same in every type.
    """

    weights: np.ndarray
    means: np.ndarray
    covariance: np.ndarray

    @property
    def k(self) -> int:
        """Number of types."""
        return len(self.weights)

    def log_likelihood(self, data: WorkingData) -> float:
        """Log-likelihood of the observed cells."""
        raise NotImplementedError

    def memberships(self, data: WorkingData) -> np.ndarray:
        """Membership probabilities, shape (n, k)."""
        raise NotImplementedError

    def distances(self, data: WorkingData) -> np.ndarray:
        """Squared Mahalanobis distance to each type, error included, over observed cells (n, k)."""
        raise NotImplementedError

    def observed(self, data: WorkingData) -> np.ndarray:
        """Count the observed working columns of each site, shape (n,)."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        raise NotImplementedError

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> TypeModel:
        """Make a model from `to_dict` output."""
        raise NotImplementedError


@dataclass(frozen=True)
class Gain:
    """Log-likelihood gained by k types over one population.

    Parameters
    ----------
    raw : float
        Log-likelihood of k types minus that of one population.
    penalised : float
        `raw` minus the number of further free means and weights, ``(k - 1) (q + 1)`` (as AIC).
    """

    raw: float
    penalised: float


def fit_types(
    data: WorkingData,
    k: int,
    seed: int,
    starts: int | None = None,
    *,
    shrink: float = 20.0,
) -> TypeModel:
    """Fit k types; k = 1 is one population."""
    raise NotImplementedError


def gains(data: WorkingData, ks: Sequence[int], seed: int) -> dict[int, Gain]:
    """Gain in log-likelihood at each number of types, all with the same budget."""
    raise NotImplementedError
