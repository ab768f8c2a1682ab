"""Errors that features share because the same informants answered them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from site_typology.features.answers import joint_rows
from site_typology.features.contract import Built
from site_typology.features.tables import ROUND, SITE

LEAST_PAIRS = 10
"""Informants beyond the sites' means that a correlation needs."""

MOST_CELLS = 5_000_000
"""Answers that correlations are taken from; of larger tables, those of every second, third, ...
site. With 20 features that is 250,000 informants: standard error of a correlation 0.002."""


def error_correlation(built: Sequence[Built]) -> pd.DataFrame:
    """Correlation between the errors of features at one site, shape (q, q).

    For two features answered by the same informants, the errors of their means correlate as the
    answers do within sites, damped where not everyone answered both: r n_fg / sqrt(n_f n_g),
    averaged over sites and rounds. Where single answers are not given, the product of what the
    two say of their common error stands in for it. Parts of a composition and features of
    different informants stand as uncorrelated. The matrix is brought to the nearest one that can
    be a correlation by raising negative eigenvalues to 0 and scaling the diagonal back to 1.

    Parameters
    ----------
    built : sequence of Built

    Returns
    -------
    DataFrame
        Features by features, unit diagonal.
    """
    names = [info.name for each in built for info in each.infos]
    matrix = pd.DataFrame(np.eye(len(names)), index=names, columns=names)
    for table in sorted({each.table for each in built if each.informants is not None}):
        asked = [each.informants for each in built if each.table == table]
        answers = [each for each in asked if each is not None]
        features = [each.name for each in answers]
        if len(features) > 1:
            rows = joint_rows(answers, MOST_CELLS)
            matrix.loc[features, features] = _within_correlation(rows, features)
    common = {
        each.infos[0].name: (each.answered_by, each.common_error)
        for each in built
        if each.answered_by
    }
    for one, (people, part) in common.items():
        for other, (same_people, other_part) in common.items():
            if one != other and people == same_people:
                matrix.loc[one, other] = part * other_part
    return matrix


def _within_correlation(rows: pd.DataFrame, features: list[str]) -> np.ndarray:
    """Damped, pooled within-site correlation, shape (q, q)."""
    group = rows.groupby([SITE, ROUND], sort=False).ngroup().to_numpy()
    values = rows[features].to_numpy(dtype=float)
    there = ~np.isnan(values)
    counts = _sums(there.astype(float), group)
    means = _sums(np.nan_to_num(values), group) / np.where(counts > 0, counts, np.nan)
    residuals = np.nan_to_num(values - means[group])
    squares = residuals.T @ residuals
    pairs = there.T.astype(float) @ there.astype(float)
    scale = np.sqrt(np.outer(np.diag(squares), np.diag(squares)))
    # Residual products only exist where both answered; their expectation shrinks with the overlap.
    own = np.sqrt(np.outer(np.diag(pairs), np.diag(pairs)))
    enough = pairs - len(counts) >= LEAST_PAIRS
    correlation = np.divide(
        squares * own, scale * pairs, out=np.zeros_like(scale), where=(scale > 0) & enough
    )
    damped = np.clip(correlation, -1, 1) * _overlap(there, group, counts)
    np.fill_diagonal(damped, 1.0)
    return _nearest(damped)


def _overlap(there: np.ndarray, group: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean over groups of n_fg / sqrt(n_f n_g), shape (q, q)."""
    q = there.shape[1]
    overlap = np.eye(q)
    for one in range(q):
        both = _sums(there[:, [one]] & there, group)
        product = np.sqrt(counts[:, [one]] * counts)
        usable = product > 0
        share = np.divide(both, product, out=np.zeros_like(both), where=usable)
        overlap[one] = share.sum(axis=0) / np.maximum(usable.sum(axis=0), 1)
    return overlap


def _sums(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    columns = [np.bincount(group, weights=column) for column in values.T.astype(float)]
    return np.stack(columns, axis=1)


def _nearest(matrix: np.ndarray) -> np.ndarray:
    roots, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    if roots.min() >= 0:
        return matrix
    raised = (vectors * np.maximum(roots, 1e-8)) @ vectors.T
    size = np.sqrt(np.diag(raised))
    return np.asarray(raised / np.outer(size, size))
