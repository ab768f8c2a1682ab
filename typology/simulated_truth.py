"""True site profiles and types, from which every simulated table follows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from site_typology.simulated_scenarios import ROUNDS, TYPE_SHARES, Scenario

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DRIFT = 0.4
"""SD of the change from round to round, in within-type SDs (assumption)."""


@dataclass(frozen=True)
class Dimension:
    """One dimension of a true profile, on the scale where types are separated.

    Parameters
    ----------
    name : str
    link : {"identity", "log", "logit"}
        How the dimension becomes a natural value.
    centre, spread : float
        Mean and within-type SD on the link scale.
    school, turbulence : float
        Loadings on two factors that make the dimensions correlate within a type.
    changes : bool
        Whether it may differ between the rounds.
    """

    name: str
    link: str
    centre: float
    spread: float
    school: float
    turbulence: float
    changes: bool = False

    def natural(self, level: Floats) -> Floats:
        """Natural values of standardised levels."""
        on_link = self.centre + self.spread * level
        if self.link == "log":
            return np.exp(on_link)
        if self.link == "logit":
            return 1 / (1 + np.exp(-on_link))
        return on_link


def _logit(share: float) -> float:
    return float(np.log(share / (1 - share)))


def dimensions(scenario: Scenario) -> tuple[Dimension, ...]:
    """Say what a true profile consists of in `scenario`.

    Sixteen dimensions, so that each takes the same part in what separates types.

    Examples
    --------
    >>> from site_typology.simulated_scenarios import SCENARIOS
    >>> len(dimensions(SCENARIOS["trailblazer"]))
    16
    """
    climate = scenario.climate_spread
    per_team = float(np.log(scenario.settings_per_team))
    return (
        Dimension("orientation", "identity", 3.2, 0.3, 0.5, 0.0, True),
        Dimension("liaison", "identity", 3.4, 0.3, -0.4, -0.2, True),
        Dimension("time_direct", "identity", 0.0, 0.35, -0.5, 0.0, True),
        Dimension("time_indirect", "identity", 0.0, 0.35, -0.2, 0.1, True),
        Dimension("wsa_support", "identity", 3.3, climate, 0.5, -0.2, True),
        Dimension("access", "identity", 3.4, climate, 0.0, -0.4, True),
        Dimension("training", "logit", 0.0, 0.5, 0.4, -0.2, True),
        Dimension("contact_days", "log", float(np.log(4.0)), 0.3, 0.3, -0.2, True),
        Dimension("emhp_leaving", "log", float(np.log(0.23)), 0.35, 0.0, 0.5),
        Dimension("vacancy", "logit", _logit(0.12), 0.55, 0.0, 0.5),
        Dimension("other_leaving", "log", float(np.log(0.15)), 0.4, 0.0, 0.5),
        Dimension("mix_secondary", "identity", 0.0, 0.35, -0.3, 0.0),
        Dimension("mix_special", "identity", 0.0, 0.45, -0.2, 0.1),
        Dimension("mix_post16", "identity", 0.0, 0.45, -0.3, 0.0),
        Dimension("need", "identity", 22.0, 3.0, 0.0, 0.3),
        Dimension("reach", "log", per_team, 0.2, 0.0, 0.2),
    )


# What goes with a team at home in its schools, so that the first contrast between types reads as
# the "two differing logics" of the published evaluation.
_SCHOOL_SIDE = np.array([1, -1, -1, -1, 1, -1, 1, 1, -1, -1, -1, -1, -1, -1, 1, -1], dtype=float)


@dataclass(frozen=True)
class Truth:
    """True profiles of the sites of a simulated study.

    Parameters
    ----------
    sites : tuple of str
    types : array of int, shape (n_sites,)
        Types from 1; all 0 where there is one population.
    dimensions : tuple of Dimension
    levels : array, shape (n_rounds, n_sites, n_dimensions)
        Standardised levels: within-type SD 1 and overall mean about 0.
    type_means : array, shape (n_types, n_dimensions)
    correlation : array, shape (n_dimensions, n_dimensions)
        Within-type correlation of the levels.
    """

    sites: tuple[str, ...]
    types: Ints
    dimensions: tuple[Dimension, ...]
    levels: Floats
    type_means: Floats
    correlation: Floats

    def level(self, name: str, round_at: int = -1) -> Floats:
        """Standardised levels of one dimension in one round, shape (n_sites,)."""
        return self.levels[round_at, :, self._place(name)]

    def value(self, name: str, round_at: int = -1) -> Floats:
        """Natural values of one dimension in one round, shape (n_sites,)."""
        return self.dimensions[self._place(name)].natural(self.level(name, round_at))

    def strain(self) -> Floats:
        """Vacancy of each site in SDs over the sites; it drives non-response (0 for one site)."""
        level = self.level("vacancy")
        spread = float(level.std())
        return (level - level.mean()) / spread if spread > 0 else np.zeros_like(level)

    def _place(self, name: str) -> int:
        return [dimension.name for dimension in self.dimensions].index(name)


def draw_truth(scenario: Scenario, seed: np.random.SeedSequence) -> Truth:
    """Draw true profiles of all sites in all rounds.

    Types have one within-type covariance and the same Mahalanobis distance from one another
    (EVIDENCE: equal pairwise separation), spread evenly over all dimensions.

    Parameters
    ----------
    scenario : Scenario
    seed : SeedSequence

    Returns
    -------
    Truth

    Examples
    --------
    >>> from site_typology.simulated_scenarios import SCENARIOS
    >>> truth = draw_truth(SCENARIOS["well_measured"], np.random.SeedSequence(1))
    >>> np.bincount(truth.types)[1:].tolist()
    [60, 36, 24]
    """
    rng = np.random.default_rng(seed)
    parts = dimensions(scenario)
    correlation = _within_type_correlation(parts)
    means = _type_means(scenario, correlation)
    types = _allocate_types(scenario, rng)
    root = np.linalg.cholesky(correlation)
    profile = rng.standard_normal((scenario.sites, len(parts))) @ root.T
    if scenario.types > 1:
        profile += means[types - 1]
    changes = np.array([part.changes for part in parts], dtype=float)
    step = DRIFT * changes * (rng.standard_normal(profile.shape) @ root.T)
    width = max(2, len(str(scenario.sites)))
    sites = tuple(f"S{at:0{width}d}" for at in range(1, scenario.sites + 1))
    levels = np.stack([profile + step * (len(ROUNDS) - 1 - at) for at in range(len(ROUNDS))])
    return Truth(sites, types, parts, levels, means, correlation)


def _within_type_correlation(parts: tuple[Dimension, ...]) -> Floats:
    loadings = np.array([[part.school, part.turbulence] for part in parts])
    shared = loadings @ loadings.T
    np.fill_diagonal(shared, 1.0)
    return np.asarray(shared)


def _type_means(scenario: Scenario, correlation: Floats) -> Floats:
    """Vertices of a regular simplex, turned into the dimensions; their weighted mean is zero."""
    k = max(scenario.types, 1)
    directions = _even_directions(len(correlation))[:, : k - 1]
    corners = scenario.separation / np.sqrt(2) * _helmert(k)
    values, vectors = np.linalg.eigh(correlation)
    root = vectors @ np.diag(np.sqrt(values)) @ vectors.T
    means = corners @ directions.T @ root
    shares = np.array(TYPE_SHARES[scenario.types])
    return np.asarray(means - shares @ means)


def _helmert(k: int) -> Floats:
    """Orthonormal contrasts of k corners, shape (k, k - 1): each against those before it."""
    contrasts = np.zeros((k, k - 1))
    for at in range(1, k):
        contrasts[:at, at - 1] = -1.0
        contrasts[at, at - 1] = at
        contrasts[:, at - 1] /= np.sqrt(at * (at + 1))
    return contrasts


def _even_directions(size: int) -> Floats:
    """Orthonormal directions in which every dimension has the same weight (Sylvester 1867)."""
    matrix = np.ones((1, 1))
    while len(matrix) < size:
        matrix = np.kron(matrix, np.array([[1.0, 1.0], [1.0, -1.0]]))
    order = [0, 5, 10, 15]
    return np.asarray(_SCHOOL_SIDE[:, None] * matrix[:, order] / np.sqrt(size))


def _allocate_types(scenario: Scenario, rng: np.random.Generator) -> Ints:
    if scenario.types < 2:
        return np.zeros(scenario.sites, dtype=np.int64)
    exact = scenario.sites * np.array(TYPE_SHARES[scenario.types])
    sizes = np.floor(exact).astype(int)
    for at in np.argsort(sizes - exact, kind="stable")[: scenario.sites - sizes.sum()]:
        sizes[at] += 1
    return rng.permutation(np.repeat(np.arange(1, scenario.types + 1), sizes))
