"""What the resamples behind the proposal's stability say, kept whole, and how to read the index."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

STABLE_COLUMNS = (
    "type",
    "mean",
    "low",
    "high",
    "replicates",
    "reading",
    "reference_mean",
    "reference_low",
    "reference_high",
)
"""Columns of the table of the types' stability."""
STABLE_FIGURES = ("mean", "low", "high", "reference_mean", "reference_low", "reference_high")
"""Those of them that may be unknown."""
PAIR_COLUMNS = ("site", "other", "share", "replicates")
"""Columns of the table of co-membership."""
REPLICATES = "stability_"
"""What names of arrays of replicates begin with in a file."""
MOST_SITES = 500
"""Up to this many sites, pairs are kept: a table of pairs grows with their square."""


@dataclass(frozen=True)
class Replicates:
    """Every replicate of the proposal's stability, and of the same on data without types.

    Parameters
    ----------
    jaccard : ndarray, shape (replicates, k)
        Bootstrap Jaccard of each type; NaN where the replicate drew no site of it.
    draw : ndarray of int, shape (replicates,)
        Set of plausible values that each replicate rests on.
    reference : ndarray, shape (reference_draws, k)
        Mean bootstrap Jaccard of the types of each reference data set, largest type first.
    together, both : ndarray of int, shape (n, n)
        Replicates that put two sites in one type, and that drew both; 0 x 0 for more than
        `MOST_SITES` sites.
    """

    jaccard: np.ndarray
    draw: np.ndarray
    reference: np.ndarray
    together: np.ndarray
    both: np.ndarray

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Arrays by name, for a file without pickle."""
        return {f"{REPLICATES}{name}": value for name, value in vars(self).items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Replicates:
        """Make replicates from `to_arrays` output."""
        names = cls.__dataclass_fields__
        return cls(**{name: arrays[f"{REPLICATES}{name}"] for name in names})

    def pairs(self, sites: Sequence[str]) -> pd.DataFrame:
        """One row a pair of sites; columns `PAIR_COLUMNS`.

        Examples
        --------
        >>> none = np.empty((0, 1))
        >>> both = np.array([[3, 2], [2, 3]])
        >>> found = Replicates(none, none, none, np.array([[3, 1], [1, 3]]), both)
        >>> found.pairs(["North", "South"]).to_dict("records")
        [{'site': 'North', 'other': 'South', 'share': 0.5, 'replicates': 2}]
        """
        first, second = np.triu_indices(len(self.both), 1)
        together, both = self.together[first, second], self.both[first, second]
        share = np.full(len(first), np.nan)
        np.divide(together, both, out=share, where=both > 0)
        names = np.array(list(sites), dtype=object)
        columns = (names[first], names[second], share, both.astype(np.int64))
        return pd.DataFrame(dict(zip(PAIR_COLUMNS, columns, strict=True)))


def stability_table(jaccard: np.ndarray, reference: np.ndarray) -> pd.DataFrame:
    """Sum up the bootstrap Jaccard of each type beside that of reference data.

    Parameters
    ----------
    jaccard, reference : ndarray
        As in `Replicates`.

    Returns
    -------
    DataFrame
        Columns `STABLE_COLUMNS`: mean and 5 % and 95 % quantiles over replicates, Hennig's
        reading of the mean, and the same over reference data sets for the type as large.

    Examples
    --------
    >>> table = stability_table(np.array([[0.9], [0.7]]), np.array([[0.5], [0.7]]))
    >>> table[["mean", "reading", "reference_mean"]].values.tolist()
    [[0.8, 'stable', 0.6]]
    """
    rows = []
    for at in range(jaccard.shape[1]):
        known = jaccard[~np.isnan(jaccard[:, at]), at]
        own = _summary(known)
        without = _summary(reference[~np.isnan(reference[:, at]), at])
        rows.append((at + 1, *own, len(known), stability_word(own[0]), *without))
    return pd.DataFrame(rows, columns=list(STABLE_COLUMNS))


def stability_word(jaccard: float) -> str:
    """Say a bootstrap Jaccard similarity by Hennig's (2007) reading.

    Examples
    --------
    >>> [stability_word(jaccard) for jaccard in (0.9, 0.75, 0.7, 0.5, float("nan"))]
    ['highly stable', 'stable', 'a pattern, not a stable type', 'doubtful', 'not measured']
    """
    if math.isnan(jaccard):
        return "not measured"
    if jaccard >= 0.85:
        return "highly stable"
    if jaccard >= 0.75:
        return "stable"
    return "a pattern, not a stable type" if jaccard >= 0.6 else "doubtful"


def _summary(known: np.ndarray) -> tuple[float, float, float]:
    if not len(known):
        return (math.nan, math.nan, math.nan)
    low, high = np.quantile(known, (0.05, 0.95))
    return float(known.mean()), float(low), float(high)
