"""Plausible profiles in natural units, for clusterers and spaces that know kinds and categories."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from site_typology.models.distance import GowerScale, NaturalProfiles

if TYPE_CHECKING:
    from site_typology.models.working import WorkingScale
    from site_typology.profiles import SiteProfiles

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class NaturalSites:
    """Measured sites in natural units, and the way from plausible values back to these units.

    Parameters
    ----------
    working : WorkingScale
    gower : GowerScale
    measured : NaturalProfiles
        The profiles as they were measured, categories in use ``"build"`` included.
    families : tuple of str
        Family of each working column.
    """

    working: WorkingScale
    gower: GowerScale
    measured: NaturalProfiles
    families: tuple[str, ...]

    @classmethod
    def of_profiles(cls, profiles: SiteProfiles, working: WorkingScale) -> NaturalSites:
        """Lay out the measured profiles of one round.

        Parameters
        ----------
        profiles : SiteProfiles
            Sites in the order of the working data, with all features.
        working : WorkingScale
        """
        gower = GowerScale.fit(profiles)
        families = tuple(profiles.info(features[0]).family for features in working.natural)
        measured = gower.lay_out(profiles.values, profiles.values)
        return cls(working, gower, measured, families)

    def rows(self, at: NDArray[np.intp]) -> NaturalSites:
        """Keep some sites; scales stay those of all."""
        return dataclasses.replace(self, measured=self.measured.rows(at))

    def at(self, points: Floats) -> NaturalProfiles:
        """Lay out plausible values of the same sites; what was not measured stays a gap.

        Parameters
        ----------
        points : ndarray, shape (n, q)
            On the working scale.
        """
        numbers = self.gower.numbers_of(self.working.to_natural(points))
        scaled = self.measured.scaled.copy()
        gaps = np.isnan(scaled[:, : numbers.shape[1]])
        scaled[:, : numbers.shape[1]] = np.where(gaps, np.nan, numbers)
        return dataclasses.replace(self.measured, scaled=scaled)
