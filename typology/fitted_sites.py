"""What the sites that a typology was fitted to lend to the answer for a new one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from site_typology.report_words import Unit

if TYPE_CHECKING:
    from site_typology.assign import Assigner
    from site_typology.feature_info import FeatureInfo
    from site_typology.models.conformal import Calibration
    from site_typology.models.site_terms import SiteCells
    from site_typology.models.working import WorkingData
    from site_typology.typology import Typology


@dataclass(frozen=True)
class Group:
    """A feature, or the features of one composition, and their working columns.

    Parameters
    ----------
    name : str
        Of the feature or the composition.
    members : tuple of int
        Places of the features among those that types are built from.
    columns : ndarray of int
    level : bool
        Whether it is an ordered level, which a second look would not make finer.
    error : ndarray, shape (columns, columns)
        Typical covariance of its measurement error: the mean over the fitted sites.
    """

    name: str
    members: tuple[int, ...]
    columns: np.ndarray
    level: bool
    error: np.ndarray


@dataclass(frozen=True)
class Natural:
    """Features in natural units.

    Parameters
    ----------
    infos : tuple of FeatureInfo
    values, errors : ndarray, shape (n, features)
        NaN where there is a gap.
    """

    infos: tuple[FeatureInfo, ...]
    values: np.ndarray
    errors: np.ndarray


@dataclass(frozen=True)
class FittedSites:
    """The fitted sites, ready to be compared with new ones.

    Parameters
    ----------
    assigner : Assigner
    data : WorkingData
    natural : Natural
    types : dict of str to int
        Types by site, of those that have one.
    """

    assigner: Assigner
    data: WorkingData
    natural: Natural
    types: dict[str, int]

    @classmethod
    def of(cls, typology: Typology) -> FittedSites:
        """Take them from a typology."""
        own = typology.profiles.select(use="build", sites=list(typology.posterior_means.index))
        infos = typology.assigner.features
        names = [info.name for info in infos]
        frames = (own.values[names], own.standard_errors[names])
        values, errors = (frame.to_numpy(dtype=float, na_value=np.nan) for frame in frames)
        types = typology.labels.dropna().astype(int).to_dict()
        data = typology.scale.transform(own)
        return cls(typology.assigner, data, Natural(infos, values, errors), types)

    @cached_property
    def name_order(self) -> np.ndarray:
        """Place of each site in the order of names, to tell ties apart."""
        order = np.argsort(np.array(self.data.sites, dtype=str), kind="stable")
        place = np.empty(len(order), dtype=int)
        place[order] = np.arange(len(order))
        return place

    @cached_property
    def means(self) -> np.ndarray:
        """Mean of every feature over the sites where it is known."""
        return np.asarray(np.nanmean(self.natural.values, axis=0))

    @cached_property
    def spreads(self) -> np.ndarray:
        """Standard deviation of every feature; 1 where it does not vary."""
        found = np.nanstd(self.natural.values, axis=0, ddof=1)
        return np.asarray(np.where(found > 0, found, 1.0))

    @cached_property
    def type_means(self) -> np.ndarray:
        """Middle of each type in natural units, shape (k, features)."""
        return self._natural(self.assigner.model.means)

    @cached_property
    def centre(self) -> np.ndarray:
        """Middle of all types in natural units: where a feature speaks for none of them.

        Contributions are against the mean of the types on the working scale. Brought back, it is
        not the mean of the sites' values, which may lie on the other side of a value.
        """
        model = self.assigner.model
        return np.asarray(self._natural(model.weights @ model.means)[0])

    def _natural(self, points: np.ndarray) -> np.ndarray:
        """Bring points of the working scale to natural units, shape (m, features)."""
        frame = self.assigner.scale.to_natural(points)
        names = [info.name for info in self.natural.infos]
        return np.asarray(frame[names].to_numpy(dtype=float))

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """How the values of each feature are written."""
        import pandas as pd

        columns = (pd.Series(column) for column in self.natural.values.T)
        return tuple(
            Unit.of(info, column) for info, column in zip(self.natural.infos, columns, strict=True)
        )

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Features and compositions in the order of the working scale."""
        from site_typology.models.ordinal import OrdinalBlock

        place = {info.name: at for at, info in enumerate(self.natural.infos)}
        found, at = [], 0
        for block in self.assigner.scale.blocks:
            columns = np.arange(at, at + len(block.columns))
            at += len(block.columns)
            members = tuple(place[name] for name in block.features)
            info = self.natural.infos[members[0]]
            known = self.data.observed[:, columns].all(axis=1)
            error = self.data.errors[np.ix_(known, columns, columns)].mean(axis=0)
            level = isinstance(block, OrdinalBlock)
            found.append(Group(info.composition or info.name, members, columns, level, error))
        return tuple(found)

    @cached_property
    def places(self) -> Places:
        """Where the true profiles of the fitted sites lie."""
        from site_typology.models.site_terms import SiteCells

        chances = self.assigner.model.memberships(self.data)
        places = [
            Place.of(self.assigner, SiteCells(self.data.values[at], self.data.errors[at]), chance)
            for at, chance in enumerate(chances)
        ]
        points = np.stack([place.point for place in places])
        return Places(points, np.array([place.unknown for place in places]))

    @cached_property
    def calibration(self) -> Calibration:
        """What they say of how far memberships can be trusted."""
        from site_typology.models.conformal import calibrate

        return calibrate(self.assigner.model, self.data)


@dataclass(frozen=True)
class Places:
    """Where true profiles lie: points (n, q) in within-type SDs, and what is unknown (n,)."""

    points: np.ndarray
    unknown: np.ndarray


@dataclass(frozen=True)
class Place:
    """Where one true profile lies.

    Parameters
    ----------
    point : ndarray, shape (q,)
        Its mean, turned and scaled so that sites of one type have unit variance in every
        direction.
    unknown : float
        Expected squared distance of the true profile from there.
    """

    point: np.ndarray
    unknown: float

    @classmethod
    def of(cls, assigner: Assigner, site: SiteCells, chances: np.ndarray) -> Place:
        """Place a site, over the types that it may be of."""
        from site_typology.models.site_terms import true_profiles

        means, covariance = true_profiles(assigner.model, site)
        inverse = np.linalg.inv(np.linalg.cholesky(assigner.model.covariance))
        points = means @ inverse.T
        point = chances @ points
        within = float(((inverse @ covariance) * inverse).sum())
        between = float(chances @ ((points - point) ** 2).sum(axis=1))
        return cls(point, max(within, 0.0) + between)
