"""How types are looked for: what is fixed before the data are looked at."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from site_typology.errors import Problems
from site_typology.verdict import Thresholds

FEWEST_DRAWN = 50
"""Sites of the smallest sub-sample: fewer would miss types that all sites show."""


@dataclass(frozen=True)
class ProposeSettings:
    """Settings of `site_typology.propose`.

    Parameters
    ----------
    algorithms : tuple of str
        Tried beside the errors-in-variables mixture of the proposal; names of
        `site_typology.models.clusterers.CLUSTERERS`.
    spaces : tuple of str
        Names of `site_typology.models.reducers.SPACES`; ``"families"`` for one space a family of
        features, ``"family:NAME"`` for one of them.
    max_types : int, optional
        Most types tried; by default 4, and 5 from 60 sites on.
    separation : float
        Separation between types that matters, in within-type SDs.
    min_sites : int
        Smallest type that may be claimed.
    min_observed : float
        Share of the build features that a site needs to be placed.
    draws : int
        Sets of plausible values.
    bootstraps : int
        Resamples of the sites a candidate.
    stability_references : int
        Data sets without types whose stability is shown beside that of the proposal.
    reference_draws : int
        Data sets drawn from one population in the null test.
    number_resamples : int
        Resamples of sites and measurement, to count how often each number of types is chosen.
    agreement_replicates, power_replicates : int
        Data sets simulated for the expected agreement and, a separation, for the power.
    separations : tuple of float
        Separations tried for the power, beside `separation`.
    alpha : float
        Largest p-value that speaks for types.
    subsample : int
        Sites that the evidence rests on at most: of more, so many are drawn at random for the null
        test, candidates, stability, agreement and power, and the types found are fitted to all.

    Raises
    ------
    StudyError
        A setting out of range or an unknown name; lists every one.

    Examples
    --------
    >>> ProposeSettings(draws=0)
    Traceback (most recent call last):
    ...
    site_typology.errors.StudyError: settings: 1 problem
      draws  Expected at least 1, found 0.
    """

    algorithms: tuple[str, ...] = ("kmeans", "kmedoids", "ward", "gmm", "spectral", "hdbscan")
    spaces: tuple[str, ...] = ("features", "pca")
    max_types: int | None = None
    separation: float = 6.0
    min_sites: int = 3
    min_observed: float = 1 / 3
    draws: int = 20
    bootstraps: int = 50
    stability_references: int = 20
    reference_draws: int = 99
    number_resamples: int = 20
    agreement_replicates: int = 40
    power_replicates: int = 40
    separations: tuple[float, ...] = (6.0, 8.0, 10.0)
    alpha: float = 0.05
    subsample: int = 400

    def __post_init__(self) -> None:
        for name in ("algorithms", "spaces", "separations"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        _check(self)

    @property
    def thresholds(self) -> Thresholds:
        """Thresholds of the verdict under these settings."""
        return Thresholds(p_value=self.alpha, min_sites=self.min_sites)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> ProposeSettings:
        """Make settings from `to_dict` output or a specification; unknown names are refused."""
        known = {field.name for field in dataclasses.fields(cls)}
        found = Problems("settings")
        for name in content:
            if name not in known:
                found.add(str(name), f"Is not a setting. Settings: {', '.join(sorted(known))}.")
        found.raise_if_any()
        return cls(**content)


def _check(settings: ProposeSettings) -> None:
    from site_typology.models.clusterers import CLUSTERERS
    from site_typology.models.reducers import FAMILIES, FAMILY, SPACES, is_space

    found = Problems("settings")
    spaces = [*SPACES, FAMILIES, f"{FAMILY}NAME"]
    for what, known in (("algorithms", list(CLUSTERERS)), ("spaces", spaces)):
        given = getattr(settings, what)
        for name in given:
            if name not in known and not (what == "spaces" and is_space(name)):
                found.add(what, f"{name!r} is none of: {', '.join(known)}.")
        if len(set(given)) < len(given):
            found.add(what, "Names one twice.")
        if not given:
            found.add(what, "Is empty. Name one at least.")
    least = {
        "min_sites": 2,
        "draws": 1,
        "bootstraps": 1,
        "stability_references": 1,
        "reference_draws": 1,
        "number_resamples": 2,
        "agreement_replicates": 1,
        "power_replicates": 1,
        "subsample": FEWEST_DRAWN,
    }
    if settings.max_types is not None:
        least["max_types"] = 2
    for name, lowest in least.items():
        value = getattr(settings, name)
        if value < lowest:
            found.add(name, f"Expected at least {lowest}, found {value}.")
    if min((settings.separation, *settings.separations)) <= 0:
        found.add("separation", "Expected more than 0.")
    if not 0 < settings.min_observed <= 1:
        found.add("min_observed", f"Expected more than 0, up to 1; found {settings.min_observed}.")
    if not 0 < settings.alpha < 1:
        found.add("alpha", f"Expected a probability between 0 and 1, found {settings.alpha}.")
    elif settings.reference_draws + 1 < 1 / settings.alpha:
        found.add(
            "reference_draws",
            f"With {settings.reference_draws} draws no p-value can reach {settings.alpha}. "
            f"Draw at least {int(1 / settings.alpha + 0.5) - 1}.",
        )
    found.raise_if_any()
