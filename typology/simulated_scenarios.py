"""The scenarios that can be simulated, and every number that sets one apart from another."""

from __future__ import annotations

from dataclasses import dataclass

ROUNDS = ("1", "2")
TYPE_SHARES: dict[int, tuple[float, ...]] = {
    0: (1.0,),
    1: (1.0,),
    2: (0.6, 0.4),
    3: (0.5, 0.3, 0.2),
    4: (0.4, 0.3, 0.2, 0.1),
    5: (0.3, 0.25, 0.2, 0.15, 0.1),
}
"""Shares of the types, by their number; none and one both mean one population."""


@dataclass(frozen=True)
class Scenario:
    """Everything that a simulated study is made from, apart from the seed.

    Parameters
    ----------
    title : str
        What the study is, for its readers.
    sites : int
        Number of sites.
    types : int
        Number of types in the true profiles, 0 to 5; 0 and 1 mean one population.
    separation : float
        Mahalanobis distance between any two types, in within-type SDs of the true profiles.
    informants : float
        Mean number of key informants invited at a site in a round.
    response : float
        Share of invited key informants who answer; settings answer `SETTINGS_RESPONSE` times this.
    missingness : float
        Share of survey answers missing at a typical site; returns are missing as often.
    teams : tuple of int
        Fewest and most teams of a site.
    teams_mean : float
        Mean number of teams of a site.
    settings_per_team : float
        Settings served by one team at a typical site.
    climate_spread : float
        SD between sites, within a type, of what settings report (points of a 1-5 scale).
    climate_noise : float
        SD between the settings of a site around that (points of a 1-5 scale).
    """

    title: str
    sites: int
    types: int
    separation: float
    informants: float
    response: float
    missingness: float
    teams: tuple[int, int]
    teams_mean: float
    settings_per_team: float
    climate_spread: float
    climate_noise: float


SETTINGS_RESPONSE = 0.5
"""Response of settings relative to that of key informants (assumption)."""

SCENARIOS: dict[str, Scenario] = {
    "trailblazer": Scenario(
        title="Simulated study in the shape of the published Trailblazer evaluation",
        sites=25,
        types=0,
        separation=6.0,
        informants=15.0,
        response=0.3,
        missingness=0.15,
        teams=(1, 5),
        teams_mean=2.32,
        settings_per_team=18.0,
        climate_spread=0.22,
        climate_noise=0.74,
    ),
    "well_measured": Scenario(
        title="Simulated study as it would need to be measured to find types",
        sites=120,
        types=3,
        separation=10.0,
        informants=38.0,
        response=0.65,
        missingness=0.03,
        teams=(6, 10),
        teams_mean=8.0,
        settings_per_team=11.0,
        climate_spread=0.3,
        climate_noise=0.45,
    ),
}
"""Scenarios by name: `trailblazer` (the published situation) and `well_measured`."""
