"""What one feature, or composition, takes to be asked for: its link and its typical error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from site_typology.models.links import CompositionBlock
from site_typology.models.ordinal import OrdinalBlock

if TYPE_CHECKING:
    from site_typology.feature_info import FeatureInfo
    from site_typology.models.links import Block
    from site_typology.typology import Typology


@dataclass(frozen=True)
class Question:
    """One feature, or all parts of one composition.

    Parameters
    ----------
    name, title : str
    block : Block
        Its link to the working scale.
    infos : tuple of FeatureInfo
    seen : tuple of (float, float)
        Smallest and largest value at the fitted sites, of each feature.
    variance : ndarray, shape (columns,)
        Variance of the error of a typical fitted site, on the working scale: the mean; 0 for
        ordered levels, whose error follows from the level.
    single : ndarray, shape (columns,), or None
        Variance behind one informant, the median of the fitted sites; None where it is not known.
    units, units_each : float
        Of a composition: units that a typical one rests on, and units that an informant adds.
    """

    name: str
    title: str
    block: Block
    infos: tuple[FeatureInfo, ...]
    seen: tuple[tuple[float, float], ...]
    variance: np.ndarray
    single: np.ndarray | None
    units: float
    units_each: float

    @property
    def counted(self) -> bool:
        """Whether it matters how many informants stand behind a value."""
        return self.single is not None

    def number(self, counts: pd.DataFrame) -> np.ndarray:
        """How many informants stand behind each site's value; NaN where unknown."""
        return _most(counts, self.block.features)

    def variances(self, number: np.ndarray) -> np.ndarray:
        """Error variances (n, columns) given the number of informants (n,)."""
        typical = np.repeat(self.variance[None], len(number), axis=0)
        if self.single is None:
            return typical
        known = number > 0
        each = self.single / np.where(known, number, 1.0)[:, None]
        return np.where(known[:, None], each, typical)

    def units_of(self, number: np.ndarray) -> np.ndarray:
        """Units that a composition rests on (n,) given the number of informants."""
        if self.single is None:
            return np.full(len(number), self.units)
        known = number > 0
        return np.where(known, self.units_each * np.where(known, number, 1.0), self.units)


def questions_of(typology: Typology) -> tuple[Question, ...]:
    """Every feature and composition of a typology, in the order of the working scale."""
    from site_typology.feature_titles import titles_of

    fitted = typology.fitted
    titles = titles_of(typology.assigner.features)
    own = typology.profiles.select(use="build", sites=list(fitted.data.sites))
    found = []
    for group, block in zip(fitted.groups, typology.scale.blocks, strict=True):
        infos = tuple(fitted.natural.infos[at] for at in group.members)
        values = fitted.natural.values[:, list(group.members)]
        seen = tuple(
            (float(low), float(high))
            for low, high in zip(np.nanmin(values, 0), np.nanmax(values, 0), strict=True)
        )
        known = np.asarray(fitted.data.observed[:, group.columns].all(axis=1))
        number = _most(own.counts, block.features)
        errors = np.einsum("njj->nj", fitted.data.errors)[:, group.columns]
        counted: np.ndarray = np.asarray(known & (number > 0) & (errors > 0).all(axis=1))
        units = np.full(len(known), 1.0)
        if isinstance(block, CompositionBlock):
            units = block.units(own)
        single = None
        each = 1.0
        if counted.any() and not isinstance(block, OrdinalBlock):
            single = np.median(number[counted, None] * errors[counted], axis=0)
            each = float(np.median(units[counted] / number[counted]))
        level = isinstance(block, OrdinalBlock)
        variance = np.zeros(len(group.columns)) if level else np.diag(group.error).copy()
        typical = float(np.median(units[known]))
        title = titles[group.name]
        found.append(
            Question(group.name, title, block, infos, seen, variance, single, typical, each)
        )
    return tuple(found)


def _most(counts: pd.DataFrame, names: tuple[str, ...]) -> np.ndarray:
    """Largest number of informants over some features; NaN where none is known."""
    given = counts[list(names)].to_numpy(dtype=float, na_value=np.nan)
    largest = np.where(np.isnan(given), -np.inf, given).max(axis=1)
    return np.asarray(np.where(largest == -np.inf, np.nan, largest), dtype=float)
