"""What each measured feature adds to the log-odds of two types, given a site's error and gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from site_typology.models.kernels import RIDGE
from site_typology.models.shapley import owned

if TYPE_CHECKING:
    from site_typology.models.mixture import TypeModel
    from site_typology.models.working import WorkingData

SITES_AT_ONCE = 2000


def measured_contributions(
    model: TypeModel,
    data: WorkingData,
    pair: tuple[np.ndarray, np.ndarray],
    mean: np.ndarray,
    owner: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Shapley values of each site's own log-odds, measured values and all.

    What is seen of site i is ``N(mean_j, covariance + E_i)`` in type j, gaps left out, so that the
    log-odds of types a and b are linear in it with slope ``(covariance + E_i)^-1 (mean_a -
    mean_b)`` over the cells seen, divided by the temperature of memberships. A linear score has
    Shapley values ``slope * (y - mean)``, see `site_typology.models.shapley`. A gap has no part in
    the log-odds and gets 0.

    Parameters
    ----------
    model : TypeModel
    data : WorkingData
    pair : tuple of ndarray of int, each of shape (n,)
        Types a and b of each site, from 0.
    mean : ndarray, shape (q,)
        What a site is compared with.
    owner : ndarray of int, shape (q,)
        Player that each column belongs to.

    Returns
    -------
    contributions : ndarray, shape (n, players)
    base : ndarray, shape (n,)
        Log-odds of a site with the same error and gaps at `mean`; with the
        contributions it adds up to ``log p_a / p_b`` of the assignment.

    Examples
    --------
    >>> from site_typology.models.mixture import TypeModel
    >>> from site_typology.models.working import exact_data
    >>> model = TypeModel(np.array([0.5, 0.5]), np.array([[1.0, 0.0], [0.0, 0.0]]), np.eye(2))
    >>> pair = np.array([0]), np.array([1])
    >>> new = exact_data(np.array([[2.0, np.nan]]))
    >>> parts, base = measured_contributions(model, new, pair, np.zeros(2), np.arange(2))
    >>> parts.round(4).tolist(), base.round(4).tolist()
    ([[2.0, 0.0]], [-0.5])
    """
    a, b = pair
    parts = []
    base = np.log(model.weights[a] / model.weights[b]) / model.temperature
    for first in range(0, data.n, SITES_AT_ONCE):
        rows = slice(first, first + SITES_AT_ONCE)
        seen = data.observed[rows]
        apart = np.where(seen, model.means[a[rows]] - model.means[b[rows]], 0.0)
        middle = (model.means[a[rows]] + model.means[b[rows]]) / 2
        both = seen[:, :, None] & seen[:, None, :]
        spread = np.where(both, model.covariance + data.errors[rows], 0.0)
        spread += np.eye(data.q) * np.where(seen, RIDGE, 1.0)[:, :, None]
        slope = np.linalg.solve(spread, apart[:, :, None])[:, :, 0] / model.temperature
        base[rows] += (slope * (mean - middle)).sum(axis=1)
        parts.append(slope * np.where(seen, data.values[rows] - mean, 0.0))
    return owned(np.vstack(parts), owner), base
