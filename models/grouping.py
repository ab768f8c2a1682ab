"""The contract of clusterers: what they see of the sites, and what they give back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from site_typology.models.distance import NaturalProfiles
from site_typology.models.working import WorkingData

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

NO_TYPE = 0


@dataclass(frozen=True)
class View:
    """What a clusterer sees of the sites.

    Parameters
    ----------
    points : ndarray, shape (n_sites, n_coordinates)
        One set of plausible values in some space, without gaps.
    data : WorkingData
        The measured profiles of the same sites: with errors and gaps.
    natural : NaturalProfiles, optional
        The same sites in natural units, kinds and categories on scales of their own, with the
        gaps that were measured; given to clusterers that say `natural`.
    """

    points: Floats
    data: WorkingData
    natural: NaturalProfiles | None = None

    @property
    def mixed(self) -> NaturalProfiles:
        """`natural`, or the measured values as plain numbers where it is not given."""
        return self.natural or NaturalProfiles.of_numbers(self.data.values)


@dataclass(frozen=True)
class Partition:
    """Types of sites as one fit gives them.

    Parameters
    ----------
    labels : ndarray of int, shape (n_sites,)
        1, 2, ...; `NO_TYPE` (0) where the clusterer gives none.
    reason : str or ndarray of str, shape (n_sites,)
        Why a site has no type, one for all or one each; ``""`` where every site has one.
    """

    labels: Labels
    reason: str | NDArray[np.str_] = ""

    @property
    def reasons(self) -> NDArray[np.str_]:
        """Why each site has no type; ``""`` where it has one."""
        return np.where(self.labels == NO_TYPE, self.reason, "")

    @property
    def n_types(self) -> int:
        """Number of types with at least one site."""
        return len(np.unique(self.labels[self.labels != NO_TYPE]))


class Clusterer(Protocol):
    """A way of grouping sites.

    ``fit(view, k, seed)`` returns a `Partition`: the same seed gives the same labels. `k` is
    the number of types asked for and is not looked at where `chooses_k` says so. A clusterer is
    fitted to every set of plausible values where `over_draws` says so; one that is not takes
    gaps into account itself. `own_space` names the scale of a clusterer that does not work on
    points in a space; ``""`` for one that is tried in every space. `natural` asks for the
    profiles in natural units.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    chooses_k: ClassVar[bool]
    over_draws: ClassVar[bool]
    own_space: ClassVar[str]
    natural: ClassVar[bool]

    def fit(self, view: View, k: int, seed: int) -> Partition:
        """Group the sites of a view."""


def numbered(labels: NDArray[np.integer]) -> Labels:
    """Number types 1, 2, ... without a gap."""
    return np.asarray(np.unique(labels, return_inverse=True)[1] + 1, dtype=np.int64)


def no_more_than_distinct(points: Floats, k: int) -> int:
    """`k`, or the number of distinct rows where that is smaller; gaps are alike."""
    return min(k, len(np.unique(np.nan_to_num(points, nan=np.inf), axis=0)))
