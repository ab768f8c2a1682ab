"""Plain arrays with standard errors and gaps, checked and put on unit spread.

What the estimators for scikit-learn share: they take ``X`` and ``errors`` as people have them, and
hand the EM of this package values of unit spread, so that units do not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from site_typology.models.working import exact_data

if TYPE_CHECKING:
    from site_typology.models.working import WorkingData


@dataclass(frozen=True)
class Units:
    """Centre and spread of each column, to standardise by.

    Parameters
    ----------
    centre, spread : ndarray, shape (q,)

    Examples
    --------
    >>> units = Units.of(np.array([[1.0, 5.0], [3.0, 5.0], [np.nan, np.nan]]))
    >>> units.centre.tolist(), units.spread.tolist()
    ([2.0, 5.0], [1.0, 1.0])
    """

    centre: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> Units:
        """Mean and standard deviation of what is seen; spread 1 where nothing differs."""
        seen = ~np.isnan(values)
        count = np.maximum(seen.sum(axis=0), 1)
        centre = np.where(seen, values, 0.0).sum(axis=0) / count
        spread = np.sqrt((np.where(seen, values - centre, 0.0) ** 2).sum(axis=0) / count)
        level = 1e-12 * np.maximum(np.abs(centre), 1e-300)
        return cls(centre, np.where(spread <= level, 1.0, spread))

    def data(self, values: np.ndarray, errors: np.ndarray) -> WorkingData:
        """Working data on unit spread, from values (n, q) and error covariances (n, q, q)."""
        return exact_data(
            (values - self.centre) / self.spread,
            errors / np.multiply.outer(self.spread, self.spread),
        )

    def points(self, points: np.ndarray) -> np.ndarray:
        """Points of unit spread in the units of the columns."""
        return np.asarray(points * self.spread + self.centre)

    def covariances(self, covariances: np.ndarray) -> np.ndarray:
        """Covariances of unit spread in the units of the columns."""
        return np.asarray(covariances * np.multiply.outer(self.spread, self.spread))

    def log_volume(self, values: np.ndarray) -> np.ndarray:
        """What a log-likelihood loses at each site by leaving unit spread, shape (n,)."""
        return np.asarray((~np.isnan(values)) @ np.log(self.spread))


def read_errors(values: np.ndarray, errors: Any) -> tuple[np.ndarray, np.ndarray]:
    """Check errors against values and give both as the EM takes them.

    Parameters
    ----------
    values : ndarray, shape (n, q)
        NaN where there is a gap.
    errors : None, array-like of shape (n, q), or of shape (n, q, q)
        Standard errors or error covariances. Those of gaps are not read; an infinite one makes
        a gap of its cell.

    Returns
    -------
    values : ndarray, shape (n, q)
    errors : ndarray, shape (n, q, q)
        0 where there is a gap.

    Raises
    ------
    ValueError
        Wrong shape, or errors that are missing, negative or no covariance. All are listed.

    Examples
    --------
    >>> values, errors = read_errors(np.array([[1.0, 2.0, np.nan]]), [[0.5, np.inf, np.nan]])
    >>> values.tolist(), errors[0].diagonal().tolist()
    ([[1.0, nan, nan]], [0.25, 0.0, 0.0])
    """
    n, q = values.shape
    if errors is None:
        return values, np.zeros((n, q, q))
    given = np.array(errors, dtype=float)
    if given.shape not in ((n, q), (n, q, q)):
        raise ValueError(
            f"Expected errors of shape ({n}, {q}), standard errors, or ({n}, {q}, {q}), "
            f"covariances, as X has {n} rows and {q} columns; found {given.shape}."
        )
    own = given if given.ndim == 2 else np.einsum("njj->nj", given)
    seen = ~np.isnan(values) & (own != np.inf)
    problems = _unusable(own, seen)
    both = seen[:, :, None] & seen[:, None, :]
    if given.ndim == 2:
        covariances = np.where(seen, given, 0.0)[:, :, None] ** 2 * np.eye(q)
    else:
        covariances = np.where(both, given, 0.0)
        problems = problems or _no_covariances(covariances)
    if problems:
        raise ValueError("errors: " + " ".join(problems))
    return np.where(seen, values, np.nan), covariances


def _unusable(own: np.ndarray, seen: np.ndarray) -> list[str]:
    """Say which values have no error and which errors are negative."""
    problems = []
    unknown, negative = np.isnan(own) & seen, (own < 0) & seen
    if unknown.any():
        row, column = np.argwhere(unknown)[0]
        problems.append(
            f"{unknown.sum()} values of X have NaN for an error (first: row {row}, column "
            f"{column}). Give 0 for an exact value, or make the value a gap."
        )
    if negative.any():
        row, column = np.argwhere(negative)[0]
        problems.append(
            f"{negative.sum()} are negative (first: row {row}, column {column}). "
            "Give standard errors or variances of 0 or more."
        )
    return problems


def _no_covariances(covariances: np.ndarray) -> list[str]:
    """Say which matrices are not symmetric and positive semi-definite."""
    if not np.isfinite(covariances).all():
        rows = np.flatnonzero(~np.isfinite(covariances).all(axis=(1, 2)))
        return [f"Covariances between seen cells are not finite in rows {_few(rows)}."]
    size = np.einsum("njj->nj", covariances).max(axis=1, initial=0.0)
    skew = np.abs(covariances - covariances.mT).max(axis=(1, 2)) > 1e-8 * size
    least = np.linalg.eigvalsh((covariances + covariances.mT) / 2)[:, 0]
    rows = np.flatnonzero(skew | (least < -1e-8 * size))
    if not len(rows):
        return []
    return [f"Not symmetric and positive semi-definite in rows {_few(rows)}."]


def _few(rows: np.ndarray) -> str:
    return ", ".join(str(row) for row in rows[:5]) + (", ..." if len(rows) > 5 else "")
