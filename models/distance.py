"""Gower's distance between profiles in natural units: kinds on their own scales, gaps left out.

Every feature of a profile has a distance between 0 and 1, and the distance of two sites is the
mean over the features known at both (Gower 1971, *Biometrics* 27, 857-871):

- numbers (continuous, share, rate): the difference over the range. The range lies between the 5 %
  and 95 % quantiles, and leaves out at least the lowest and the highest site, so that one outlier
  does not press all others together; a difference beyond it counts as 1.
- ordinal: the difference of mid-ranks over their range (Podani 1999, *Taxon* 48, equation 3).
- category: 0 where equal, 1 where not.
- composition: one feature, half the sum of absolute differences of its parts, over half the sum of
  their ranges. In two parts it counts as the share of either would.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

    from site_typology.feature_info import FeatureInfo
    from site_typology.profiles import SiteProfiles

Floats = NDArray[np.float64]

TAIL = 0.05
FEWEST_TO_TRIM = 5
"""From this many known values on, the range leaves out the lowest and the highest."""


@dataclass(frozen=True)
class NaturalProfiles:
    """Profiles of sites, laid out so that absolute differences are Gower's.

    Parameters
    ----------
    scaled : ndarray, shape (n, columns)
        The distance of a feature is the sum of absolute differences over its columns, 1 at most;
        NaN where there is a gap.
    feature : ndarray of int, shape (columns,)
        Which feature each column belongs to: 0, 1, ... in order, without a gap.
    categories : ndarray of int, shape (n, n_categories)
        Categories as 0, 1, ...; -1 in a gap. They are among the scaled columns too.
    """

    scaled: Floats
    feature: NDArray[np.int64]
    categories: NDArray[np.int64]

    @classmethod
    def of_numbers(cls, values: Floats) -> NaturalProfiles:
        """Lay out plain numbers, each column a continuous feature; NaN is a gap."""
        ranges = np.array([trimmed_range(column) for column in values.T])
        nothing = np.empty((len(values), 0), dtype=np.int64)
        return cls(values / ranges, np.arange(values.shape[1]), nothing)

    def rows(self, at: NDArray[np.intp]) -> NaturalProfiles:
        """Keep some sites; ranges stay those of all."""
        return dataclasses.replace(
            self, scaled=self.scaled[at], categories=np.ascontiguousarray(self.categories[at])
        )


@dataclass(frozen=True)
class _Numbers:
    """One feature in numbers, or the parts of one composition: how its columns are scaled."""

    names: tuple[str, ...]
    range: float
    levels: Floats | None = None
    ranks: Floats | None = None

    def scale(self, values: Floats) -> Floats:
        if self.levels is None or self.ranks is None:
            return np.asarray(values / self.range)
        gaps = np.isnan(values)
        ranked = np.interp(np.where(gaps, self.levels[0], values), self.levels, self.ranks)
        return np.where(gaps, np.nan, ranked / self.range)


@dataclass(frozen=True)
class GowerScale:
    """Ranges, ranks and categories of measured profiles, to lay out profiles by.

    Parameters
    ----------
    numbers : tuple
        Features in numbers and compositions.
    categories : tuple of (str, tuple of str)
        Each category that builds, and its values.
    """

    numbers: tuple[_Numbers, ...]
    categories: tuple[tuple[str, tuple[str, ...]], ...]

    @classmethod
    def fit(cls, profiles: SiteProfiles) -> GowerScale:
        """Learn scales from the features in use ``"build"``, categories included."""
        groups: dict[str, list[FeatureInfo]] = {}
        categories = []
        for info in profiles.features:
            if info.use != "build":
                continue
            if info.kind == "category":
                known = profiles.values[info.name].dropna().astype(str)
                categories.append((info.name, tuple(sorted(set(known)))))
            else:
                groups.setdefault(info.composition or info.name, []).append(info)
        numbers = tuple(_numbers(infos, profiles.values) for infos in groups.values())
        return cls(numbers, tuple(categories))

    def lay_out(self, values: pd.DataFrame, categories: pd.DataFrame) -> NaturalProfiles:
        """Lay out profiles.

        Parameters
        ----------
        values : DataFrame
            Features in natural units, one row a site.
        categories : DataFrame
            Rows alike, with the categories.

        Examples
        --------
        >>> import pandas as pd
        >>> from site_typology.feature_info import FeatureInfo
        >>> from site_typology.profiles import SiteProfiles
        >>> table = pd.DataFrame({"wsa": [1.0, 3.0, 2.0], "lead": ["NHS", "charity", None]})
        >>> kinds = {"lead": FeatureInfo("lead", kind="category")}
        >>> profiles = SiteProfiles.from_frame(table, kinds=kinds)
        >>> scale = GowerScale.fit(profiles)
        >>> gower(scale.lay_out(profiles.values, profiles.values)).tolist()
        [[0.0, 1.0, 0.5], [1.0, 0.0, 0.5], [0.5, 0.5, 0.0]]
        """
        numbers = self.numbers_of(values)
        widths = [len(own.names) for own in self.numbers]
        codes = np.empty((len(values), len(self.categories)), dtype=np.int64)
        blocks = [numbers]
        for at, (name, known) in enumerate(self.categories):
            cells = categories[name]
            place = {value: number for number, value in enumerate(known)}
            # A value that was not there when the scale was made is unlike all that were.
            codes[:, at] = [
                -1 if gap else place.get(str(cell), len(known))
                for cell, gap in zip(cells, cells.isna(), strict=True)
            ]
            here = np.where(codes[:, [at]] == np.arange(len(known) + 1), 0.5, 0.0)
            blocks.append(np.where(codes[:, [at]] < 0, np.nan, here))
            widths.append(len(known) + 1)
        feature = np.repeat(np.arange(len(widths)), widths)
        return NaturalProfiles(np.column_stack(blocks), feature, codes)

    def numbers_of(self, values: pd.DataFrame) -> Floats:
        """Lay out the features in numbers alone: the first columns of `lay_out`."""
        names = [name for own in self.numbers for name in own.names]
        table = values[names].to_numpy(dtype=float, na_value=np.nan)
        blocks, at = [], 0
        for own in self.numbers:
            block = table[:, at : at + len(own.names)]
            at += len(own.names)
            # Parts of a composition are known together, or not at all.
            gap = np.isnan(block).any(axis=1, keepdims=True)
            blocks.append(own.scale(np.where(gap, np.nan, block)))
        return np.column_stack(blocks) if blocks else np.empty((len(values), 0))


def trimmed_range(values: Floats) -> float:
    """Range between the 5 % and 95 % quantiles, without the lowest and highest value at least.

    The whole range where fewer than five values are known or the trimmed one is 0; 1 where all
    values are alike.

    Examples
    --------
    >>> trimmed_range(np.array([0.0, 1.0, 2.0, 3.0, 4.0, 1000.0]))
    3.0
    """
    known = values[~np.isnan(values)]
    if len(known) == 0:
        return 1.0
    trimmed = 0.0
    if len(known) >= FEWEST_TO_TRIM:
        tail = max(TAIL, 1 / (len(known) - 1))
        low, high = np.quantile(known, [tail, 1 - tail])
        trimmed = float(high - low)
    return trimmed or float(np.ptp(known)) or 1.0


def gower(profiles: NaturalProfiles) -> Floats:
    """Gower distances of all pairs of sites.

    A gap leaves a pair's comparison and the features known at both weigh the same again. Two
    sites with no feature known at both get the mean distance of all pairs that have one, which
    says neither that they are alike nor that they are not; 1 where no pair has.

    Parameters
    ----------
    profiles : NaturalProfiles

    Returns
    -------
    ndarray, shape (n, n)
        Symmetric, from 0 to 1, 0 on the diagonal.

    Examples
    --------
    >>> gaps = np.array([[0.0, np.nan], [1.0, 0.0], [np.nan, 1.0]])
    >>> gower(NaturalProfiles.of_numbers(gaps)).tolist()
    [[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]
    """
    from site_typology.models.medoids import gower_sums

    n = len(profiles.scaled)
    sums, shared = gower_sums(np.ascontiguousarray(profiles.scaled), profiles.feature)
    known = shared > 0
    distances = np.divide(sums, shared, out=np.zeros((n, n)), where=known)
    apart = known & ~np.eye(n, dtype=bool)
    distances[~known] = distances[apart].mean() if apart.any() else 1.0
    np.fill_diagonal(distances, 0.0)
    return np.asarray(distances)


def _numbers(infos: Sequence[FeatureInfo], values: pd.DataFrame) -> _Numbers:
    names = tuple(info.name for info in infos)
    known = values[list(names)].to_numpy(dtype=float, na_value=np.nan)
    if infos[0].kind != "ordinal":
        return _Numbers(names, float(sum(trimmed_range(part) for part in known.T)))
    seen = known[~np.isnan(known)]
    levels, counts = np.unique(seen, return_counts=True)
    if len(levels) < 2:
        return _Numbers(names, 1.0)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return _Numbers(names, float(ranks[-1] - ranks[0]), levels, ranks)
