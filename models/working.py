"""The working scale: links by kind, delta-method errors, and unit spread.

Errors on the working scale hardly depend on the value, so that sites can be compared: shares by
arcsine root, rates by square root (Bartlett 1947, *Biometrics* 3), compositions by smoothed
isometric log-ratios (Egozcue and others 2003, *Mathematical Geology* 35).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from site_typology.errors import Problems
from site_typology.models.links import (
    Block,
    SingleBlock,
    block_from_dict,
    blocks_of,
    refuse_unknown_errors,
)
from site_typology.models.ordinal import Levels, OrdinalBlock

if TYPE_CHECKING:
    import pandas as pd

    from site_typology.profiles import SiteProfiles


@dataclass(frozen=True)
class WorkingData:
    """Site profiles on the working scale.

    Parameters
    ----------
    values : ndarray, shape (n, q)
        Standardised values; NaN where there is a gap.
    errors : ndarray, shape (n, q, q)
        Covariance of the errors of each site; 0 where a value is exact or missing.
    sites : tuple of str, length n
    columns : tuple of str, length q
        Working columns: a feature's name, or ``NAME.ilr1``, ``NAME.ilr2``, ... of a composition.
    natural : tuple of tuple of str, length q
        Features behind each working column.
    levels : tuple of Levels
        Columns that come from ordered levels, whose values and errors follow from these.

    Examples
    --------
    >>> data = exact_data(np.array([[0.1, 1.2], [np.nan, -0.3]]))
    >>> data.n, data.q, data.observed.tolist()
    (2, 2, [[True, True], [False, True]])
    """

    values: np.ndarray
    errors: np.ndarray
    sites: tuple[str, ...]
    columns: tuple[str, ...]
    natural: tuple[tuple[str, ...], ...]
    levels: tuple[Levels, ...] = ()

    @property
    def n(self) -> int:
        """Number of sites."""
        return int(self.values.shape[0])

    @property
    def q(self) -> int:
        """Number of working columns."""
        return int(self.values.shape[1])

    @property
    def observed(self) -> np.ndarray:
        """Which cells have a value, shape (n, q)."""
        return np.asarray(~np.isnan(self.values))

    def with_values(self, values: np.ndarray) -> WorkingData:
        """Give other values to the same sites, with the same errors."""
        return dataclasses.replace(self, values=values)

    def scaled(self, factor: float) -> WorkingData:
        """Scale the variances of all errors but those that follow from levels."""
        scale = np.full((self.q, self.q), factor)
        fixed = [own.column for own in self.levels]
        scale[fixed, :] = 1.0
        scale[:, fixed] = 1.0
        return dataclasses.replace(self, errors=self.errors * scale)

    def measured(self, truth: np.ndarray) -> WorkingData:
        """Give the same sites values (n, q), their gaps, and levels where levels are measured."""
        values, errors = truth.copy(), self.errors
        if self.levels:
            errors = errors.copy()
        for own in self.levels:
            at = own.column
            values[:, at], errors[:, at, at] = own.measure(truth[:, at])
            errors[~self.observed[:, at], at, at] = 0.0
        return dataclasses.replace(
            self, values=np.where(self.observed, values, np.nan), errors=errors
        )


def exact_data(values: np.ndarray, errors: np.ndarray | None = None) -> WorkingData:
    """Make working data from plain arrays, without error unless `errors` (n, q, q) says so."""
    values = np.asarray(values, dtype=float)
    n, q = values.shape
    columns = tuple(f"x{at + 1}" for at in range(q))
    return WorkingData(
        values,
        np.zeros((n, q, q)) if errors is None else np.asarray(errors, dtype=float),
        tuple(f"S{at + 1:03d}" for at in range(n)),
        columns,
        tuple((name,) for name in columns),
    )


@dataclass(frozen=True)
class WorkingScale:
    """Links from natural units to the working scale, with the centre and spread to standardise by.

    Parameters
    ----------
    blocks : tuple of Block
        One a feature or composition, in the order of the working columns.
    centre, spread : ndarray, shape (q,)
        Mean and standard deviation of the linked values of the sites that the scale was fitted to.

    Examples
    --------
    >>> import pandas as pd
    >>> from site_typology.profiles import SiteProfiles
    >>> shares = pd.DataFrame({"turnover": [0.1, 0.2, 0.4]}, index=["A", "B", "C"])
    >>> profiles = SiteProfiles.from_frame(shares, kinds={"turnover": "share"})
    >>> scale = WorkingScale.fit(profiles)
    >>> scale.to_natural(scale.transform(profiles).values)["turnover"].round(6).tolist()
    [0.1, 0.2, 0.4]
    """

    blocks: tuple[Block, ...]
    centre: np.ndarray
    spread: np.ndarray

    @classmethod
    def fit(cls, profiles: SiteProfiles, blocks: Sequence[Block] | None = None) -> WorkingScale:
        """Learn links, centre and spread from the features that types may be built from.

        Parameters
        ----------
        profiles : SiteProfiles
            Features with use ``"evaluate"`` are left aside.
        blocks : sequence of Block, optional
            Links of the same features, where they are not to be those of their kinds.

        Returns
        -------
        WorkingScale

        Raises
        ------
        StudyError
            No feature to build from, or a feature that is the same at every site, has fewer
            than two values or a value without an error.
        """
        blocks = blocks_of(profiles) if blocks is None else tuple(blocks)
        found = Problems("profiles")
        if not blocks:
            found.add("features", "No feature has use = 'build'. Types need at least one.")
            found.raise_if_any()
        refuse_unknown_errors(profiles, [name for block in blocks for name in block.features])
        linked = np.column_stack([block.link(profiles) for block in blocks])
        names = [name for block in blocks for name in block.columns]
        centre, spread = np.zeros(len(names)), np.ones(len(names))
        for at, name in enumerate(names):
            known = linked[~np.isnan(linked[:, at]), at]
            if len(known) < 2:
                found.add(name, f"Has {len(known)} values; two or more are needed to build types.")
            elif np.ptp(known) <= 1e-12 * max(1.0, float(np.abs(known).max())):
                found.add(name, "Is the same at every site. Leave it out, or use = 'evaluate'.")
            else:
                centre[at], spread[at] = known.mean(), known.std(ddof=1)
        found.raise_if_any()
        return cls(blocks, centre, spread)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the working columns."""
        return tuple(name for block in self.blocks for name in block.columns)

    @property
    def natural(self) -> tuple[tuple[str, ...], ...]:
        """Features behind each working column."""
        return tuple(block.features for block in self.blocks for _ in block.columns)

    @property
    def features(self) -> tuple[str, ...]:
        """Natural features that the scale needs."""
        return tuple(name for block in self.blocks for name in block.features)

    def transform(self, profiles: SiteProfiles) -> WorkingData:
        """Put profiles on the working scale.

        Parameters
        ----------
        profiles : SiteProfiles
            One row a site and round; its order is kept.

        Returns
        -------
        WorkingData

        Raises
        ------
        StudyError
            Features that the scale was fitted to are missing from the profiles, or values have
            no standard error.
        """
        found = Problems("profiles")
        for name in self.features:
            if name not in profiles.values.columns:
                found.add(name, "The typology was built from this feature; the profiles lack it.")
        found.raise_if_any()
        refuse_unknown_errors(profiles, self.features)
        values = np.column_stack([block.link(profiles) for block in self.blocks])
        errors = self._errors(profiles)
        gaps = np.isnan(values)
        errors[gaps[:, :, None] | gaps[:, None, :]] = 0.0
        return WorkingData(
            (values - self.centre) / self.spread,
            errors / np.multiply.outer(self.spread, self.spread),
            tuple(profiles.values.index.get_level_values("site")),
            self.columns,
            self.natural,
            tuple(
                block.on_scale(at, self.centre[at], self.spread[at])
                for at, block in self._starts()
                if isinstance(block, OrdinalBlock)
            ),
        )

    def _starts(self) -> Iterator[tuple[int, Block]]:
        """Blocks with the place of their first column."""
        at = 0
        for block in self.blocks:
            yield at, block
            at += len(block.columns)

    def _errors(self, profiles: SiteProfiles) -> np.ndarray:
        """Error covariances before standardising: blocks, and correlations between features."""
        n, q = len(profiles), len(self.columns)
        errors = np.zeros((n, q, q))
        single: list[tuple[int, str]] = []
        for at, block in self._starts():
            width = len(block.columns)
            errors[:, at : at + width, at : at + width] = block.error(profiles)
            if isinstance(block, SingleBlock):
                single.append((at, block.name))
        places = np.array([place for place, _ in single], dtype=int)
        names = [name for _, name in single]
        correlation = self.error_correlation(profiles.error_correlation, names)
        deviation = np.sqrt(errors[:, places, places])
        shared = deviation[:, :, None] * deviation[:, None, :] * correlation
        errors[:, places[:, None], places[None, :]] = shared
        return errors

    @staticmethod
    def error_correlation(known: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
        """Correlation between the errors of features, one that can be."""
        return _nearest_correlation(known.loc[names, names].to_numpy(dtype=float))

    def to_natural(self, points: np.ndarray) -> pd.DataFrame:
        """Bring points of the working scale back to natural units.

        Parameters
        ----------
        points : ndarray, shape (m, q)

        Returns
        -------
        DataFrame, shape (m, n_features)
            A composition comes back as its smoothed parts, which add up to 1.
        """
        import pandas as pd

        linked = np.atleast_2d(np.asarray(points, dtype=float)) * self.spread + self.centre
        parts = {}
        for at, block in self._starts():
            natural = block.unlink(linked[:, at : at + len(block.columns)])
            parts.update({name: natural[:, i] for i, name in enumerate(block.features)})
        return pd.DataFrame(parts)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "blocks": [block.to_dict() for block in self.blocks],
            "centre": self.centre.tolist(),
            "spread": self.spread.tolist(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> WorkingScale:
        """Make a scale from `to_dict` output."""
        return cls(
            tuple(block_from_dict(block) for block in content["blocks"]),
            np.array(content["centre"], dtype=float),
            np.array(content["spread"], dtype=float),
        )


def _nearest_correlation(matrix: np.ndarray) -> np.ndarray:
    """Clip negative eigenvalues, so that rounded or pieced-together correlations stay possible."""
    if len(matrix) == 0:
        return matrix
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    if values[0] >= 0:
        return matrix
    clipped = (vectors * np.clip(values, 0, None)) @ vectors.T
    scale = 1 / np.sqrt(np.diag(clipped))
    return np.asarray(clipped * scale[:, None] * scale[None, :])
