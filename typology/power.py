"""Power: how often planted types would be found, and how well sites could be placed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from site_typology.models.mixture import TypeModel
from site_typology.models.plausible import Population
from site_typology.models.working import WorkingData
from site_typology.results import Power

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Agreement:
    """How well sites could be placed if the fitted types were true (the gate of the verdict).

    Parameters
    ----------
    adjusted_rand : float
        Mean adjusted Rand index of refitted types with simulated ones.
    adjusted_rand_error : float
        Its Monte Carlo standard error.
    relative_entropy : float
        1 minus the entropy of the memberships of the data over its maximum; 1 is certain.
    expected_relative_entropy : float
        The same, mean over the simulated data sets.
    replicates : int
    """

    adjusted_rand: float
    adjusted_rand_error: float
    relative_entropy: float
    expected_relative_entropy: float
    replicates: int


def power(
    data: WorkingData,
    population: Population | None = None,
    *,
    separations: Sequence[float] = (6.0, 8.0, 10.0),
    k: int = 3,
    replicates: int = 40,
    reference_draws: int = 5,
    alpha: float = 0.05,
    target: float = 0.8,
    ks: Sequence[int] | None = None,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> Power:
    """Plant k types and count how often the null test rejects."""
    raise NotImplementedError


def expected_agreement(
    model: TypeModel,
    data: WorkingData,
    *,
    replicates: int = 40,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> Agreement:
    """Simulate from the fitted types with the same errors and gaps, refit, compare."""
    raise NotImplementedError
