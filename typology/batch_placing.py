"""Place many sites at once: the answer of `Assigner.place`, without a table of profiles.

Sites that plainly have a type are placed here, on plain arrays; every other one (too little data,
too far out, no typology claimed) is handed back, to get its reason where reasons are given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from site_typology.assign import Assigner
from site_typology.feature_info import fewest_features, usable_cells
from site_typology.models.links import SingleBlock
from site_typology.profile_files import COUNT, ERROR
from site_typology.typology import Typology

NEAR_REACH = 1 - 1e-9
"""Share of the reach from which a site is looked at again, so that rounding decides nothing."""
SMALLEST_TAIL = 1e-300


@dataclass(frozen=True)
class _Cells:
    """Values, errors and n of used features, as links take them."""

    values: pd.DataFrame
    standard_errors: pd.DataFrame
    counts: pd.DataFrame


@dataclass(frozen=True)
class Placement:
    """Where sites lie among the types.

    Parameters
    ----------
    chances : ndarray, shape (n, k)
        Membership probabilities.
    ranks : ndarray of int, shape (n, 2)
        Likeliest type and the next, from 0; -1 where there is none.
    distance : ndarray, shape (n,)
        To the nearest type, in within-type SDs.
    plain : ndarray of bool, shape (n,)
        Whether this is the answer; the others have to be asked of the typology.
    """

    chances: np.ndarray
    ranks: np.ndarray
    distance: np.ndarray
    plain: np.ndarray


class Placer:
    """Places chunks of sites by the columns of a file.

    Parameters
    ----------
    typology : Typology
    """

    def __init__(self, typology: Typology) -> None:
        self.assigner: Assigner = typology.assigner
        self.names = [info.name for info in self.assigner.features]
        scale, model = self.assigner.scale, self.assigner.model
        self._log_weights = np.log(model.weights)
        self._means = np.ascontiguousarray(model.means)
        self._covariance = np.ascontiguousarray(model.covariance)
        self._temperature = float(model.temperature)
        self._starts: list[int] = []
        at = 0
        for block in scale.blocks:
            self._starts.append(at)
            at += len(block.columns)
        self._correlation = self._single_correlation(typology.profiles.error_correlation)
        self._places = np.array(
            [
                (start + row, start + column)
                for start, block in zip(self._starts, scale.blocks, strict=True)
                if not isinstance(block, SingleBlock)
                for row in range(len(block.columns))
                for column in range(row, len(block.columns))
            ],
            dtype=np.int64,
        ).reshape(-1, 2)
        self._reach = self._farthest()

    def place(self, numbers: Mapping[str, np.ndarray]) -> Placement:
        """Place sites, given their columns (``FEATURE``, ``FEATURE__se``, ``FEATURE__n``)."""
        from site_typology.models.placement import place

        cells = self._cells(numbers)
        scale = self.assigner.scale
        linked = np.column_stack([block.link(cells) for block in scale.blocks])
        deviations, extra = self._errors(cells, len(linked))
        values = (linked - scale.centre) / scale.spread
        chances, ranks, squares = place(
            values,
            deviations,
            self._correlation,
            extra,
            self._places,
            self._log_weights,
            self._means,
            self._covariance,
            self._temperature,
        )
        observed = (~np.isnan(values)).sum(axis=1)
        plain = squares <= self._reach[observed]
        plain &= self._enough(numbers)
        if self.assigner.no_claim:
            plain[:] = False
        return Placement(chances, ranks, np.sqrt(squares), plain)

    def _cells(self, numbers: Mapping[str, np.ndarray]) -> _Cells:
        values = {name: numbers[name] for name in self.names}
        size = len(next(iter(values.values())))
        zeros, unknown = np.zeros(size), np.full(size, np.nan)
        errors, counts = {}, {}
        for name in self.names:
            counts[name] = numbers.get(name + COUNT, unknown)
            error = numbers.get(name + ERROR, zeros)
            missing = np.isnan(error)
            if missing.any():
                error = np.where(missing, self.assigner.errors[name].of(counts[name]), error)
            errors[name] = error
        return _Cells(*(pd.DataFrame(own, copy=False) for own in (values, errors, counts)))

    def _errors(self, cells: _Cells, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Standard errors of single columns, and the covariances of all others, standardised."""
        scale = self.assigner.scale
        deviations = np.zeros((n, len(scale.columns)))
        extra = np.empty((n, len(self._places)))
        at = 0
        for start, block in zip(self._starts, scale.blocks, strict=True):
            covariance = block.error(cells)
            if isinstance(block, SingleBlock):
                deviations[:, start] = np.sqrt(covariance[:, 0, 0]) / scale.spread[start]
                continue
            for row in range(len(block.columns)):
                for column in range(row, len(block.columns)):
                    shared = scale.spread[start + row] * scale.spread[start + column]
                    extra[:, at] = covariance[:, row, column] / shared
                    at += 1
        return deviations, extra

    def _enough(self, numbers: Mapping[str, np.ndarray]) -> np.ndarray:
        usable = usable_cells(numbers, self.assigner.features)
        needed = fewest_features(self.assigner.min_observed, len(self.names))
        return np.asarray(usable.sum(axis=1) >= needed)

    def _single_correlation(self, known: pd.DataFrame) -> np.ndarray:
        scale = self.assigner.scale
        correlation = np.zeros((len(scale.columns),) * 2)
        single = [
            (start, block.name)
            for start, block in zip(self._starts, scale.blocks, strict=True)
            if isinstance(block, SingleBlock)
        ]
        places = np.array([start for start, _ in single], dtype=int)
        correlation[np.ix_(places, places)] = scale.error_correlation(
            known, [name for _, name in single]
        )
        return correlation

    def _farthest(self) -> np.ndarray:
        """Squared distance up to which a site is surely taken in, by the columns it is seen in."""
        from scipy.stats import chi2

        q = len(self.assigner.scale.columns)
        tail = max(np.exp(self.assigner.reach), SMALLEST_TAIL)
        reach = chi2.isf(tail, np.arange(1, q + 1)) * NEAR_REACH
        return np.concatenate([[np.inf], reach])
