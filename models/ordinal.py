"""Ordered categories on a scale of their own: levels of an unseen normal variable.

An ordinal feature takes few levels, and the steps between them need not be alike. Behind it stands
a normal variable that is cut into levels (Pearson 1900; Olsson 1979, *Psychometrika* 44, 443-460),
with cuts where the shares of the sites ask for them. Of a site at one level the variable is known
but for its place between two cuts: a truncated normal, whose mean and variance are those that a
measured value with an error would leave of a standard normal variable (moment matching; Minka 2001,
*Expectation Propagation for Approximate Bayesian Inference*). That value and that error are what
the models take, so that an ordinal feature is a feature with measurement error, and two levels are
told apart no more surely than they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from site_typology.models.links import Cells


@dataclass(frozen=True)
class Levels:
    """What a working column can hold if it comes from ordered levels.

    Parameters
    ----------
    column : int
        Of the working data.
    cuts : ndarray, shape (levels - 1,)
        Between the levels, on the scale of the true profiles.
    values, variances : ndarray, shape (levels,)
        What stands for each level, and the variance of its error.
    """

    column: int
    cuts: np.ndarray
    values: np.ndarray
    variances: np.ndarray

    def measure(self, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give true values (n,) what stands for their levels, and its error variance."""
        at = np.searchsorted(self.cuts, truth)
        return self.values[at], self.variances[at]


@dataclass(frozen=True)
class OrdinalBlock:
    """One ordinal feature whose levels are known exactly.

    Parameters
    ----------
    name : str
    levels : tuple of float
        Codes of the levels, from the lowest; at least two.
    cuts : tuple of float
        Standard normal quantiles between them.

    Examples
    --------
    >>> block = OrdinalBlock("need", (1.0, 2.0), (0.0,))
    >>> block.values.round(3).tolist(), block.variances.round(3).tolist()
    ([-1.253, 1.253], [0.571, 0.571])
    """

    name: str
    levels: tuple[float, ...]
    cuts: tuple[float, ...]

    @classmethod
    def fit(cls, name: str, known: np.ndarray) -> OrdinalBlock:
        """Learn levels and cuts from the sites that have a value.

        Half a site is added to each level, so that the outer levels of few sites are not taken
        for rarer than they may be.
        """
        levels, counts = np.unique(known, return_counts=True)
        shares = np.cumsum(counts + 0.5)[:-1] / (len(known) + 0.5 * len(levels))
        return cls(name, tuple(levels.tolist()), tuple(_quantiles(shares).tolist()))

    @property
    def features(self) -> tuple[str, ...]:
        """The one feature."""
        return (self.name,)

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column, named as the feature."""
        return (self.name,)

    @property
    def values(self) -> np.ndarray:
        """What stands for each level, shape (levels,)."""
        mean, left = self._truncated()
        return np.asarray(mean / (1 - left))

    @property
    def variances(self) -> np.ndarray:
        """Variance of the error of each level's value, shape (levels,)."""
        left = self._truncated()[1]
        return np.asarray(left / (1 - left))

    def _truncated(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of a standard normal variable between the cuts about each level."""
        from scipy.stats import truncnorm

        low, high = np.array([-np.inf, *self.cuts]), np.array([*self.cuts, np.inf])
        mean, variance = truncnorm.stats(low, high, moments="mv")
        return np.asarray(mean), np.asarray(variance)

    def link(self, profiles: Cells) -> np.ndarray:
        """Give linked values, shape (n, 1); a code between two levels counts as the nearer one."""
        at, missing = self._places(profiles)
        return np.where(missing, np.nan, self.values[at])[:, None]

    def error(self, profiles: Cells) -> np.ndarray:
        """Give error variances of the linked values, shape (n, 1, 1)."""
        at, missing = self._places(profiles)
        return np.where(missing, 0.0, self.variances[at])[:, None, None]

    def _places(self, profiles: Cells) -> tuple[np.ndarray, np.ndarray]:
        codes = profiles.values[self.name].to_numpy(dtype=float, na_value=np.nan)
        missing = np.isnan(codes)
        levels = np.array(self.levels)
        between = (levels[1:] + levels[:-1]) / 2
        return np.searchsorted(between, np.where(missing, levels[0], codes)), missing

    def unlink(self, points: np.ndarray) -> np.ndarray:
        """Bring linked values (m, 1) back to the levels that they fall into."""
        return np.asarray(np.array(self.levels)[np.searchsorted(self.cuts, points)])

    def on_scale(self, column: int, centre: float, spread: float) -> Levels:
        """The levels on a standardised scale."""
        return Levels(
            column,
            (np.array(self.cuts) - centre) / spread,
            (self.values - centre) / spread,
            self.variances / spread**2,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"name": self.name, "levels": list(self.levels), "cuts": list(self.cuts)}


def _quantiles(shares: np.ndarray) -> np.ndarray:
    from scipy.special import ndtri

    return np.asarray(ndtri(shares))
