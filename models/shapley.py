"""Exact Shapley values of quadratic scores, in closed form.

The game of an output f at a point x is ``v(S) = E f(x_S, B_rest)``: features outside S are drawn
together from a background B (Lundberg & Lee 2017, *NeurIPS* 30; the interventional game of
Janzing, Minorics & Bloebaum 2020, *AISTATS*). Write ``m`` and ``C`` for the mean and covariance of
the background, ``d = x - m``, and ``f = constant + slope @ x + x @ H @ x / 2``. About the mean,
``f = f(m) + g @ d + d @ H @ d / 2`` with ``g = slope + H @ m``, and as ``B - m`` has mean 0,

    v(S) = f(m) + g_S @ d_S + d_S @ H_SS @ d_S / 2 + trace(H_RR C_RR) / 2,   R the rest.

Each term is a game of one or two features: a linear or squared term goes to its owner, a product
``d_i H_ij d_j`` is there only when both are in S and is halved (unanimity game, Shapley 1953),
``H_ij C_ij`` is there only when neither is and is halved with a minus sign (its dual). Together

    phi_i = d_i (g_i + (H d)_i / 2) - sum_j H_ij C_ij / 2,

which add up to ``f(x) - E f(B)``. A player that owns several columns gets the sum of its columns:
all terms between them are its own, those with others are halved as before, so that the sum is the
Shapley value of the game in which these columns enter together. For a linear f this is
``slope_i (x_i - m_i)`` (Lundberg & Lee 2017, corollary 1). Only mean and second moments of the
background enter, so the cost does not grow with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from site_typology.models.quadratic import Quadratics
from site_typology.models.surrogate import shap_package


@dataclass(frozen=True)
class Background:
    """Mean and covariance of the points that features are compared with.

    Parameters
    ----------
    mean : ndarray, shape (q,)
    covariance : ndarray, shape (q, q)

    Examples
    --------
    >>> Background.of(np.array([[0.0], [2.0]])).covariance.tolist()
    [[1.0]]
    """

    mean: np.ndarray
    covariance: np.ndarray

    @classmethod
    def of(cls, points: np.ndarray) -> Background:
        """Moments of points (n, q), each counting the same."""
        mean = points.mean(axis=0)
        off = points - mean
        return cls(mean, off.T @ off / len(points))

    def expected(self, scores: Quadratics) -> np.ndarray:
        """Mean of each output over the background, shape (outputs,)."""
        found = scores(self.mean[None])[0]
        if scores.curvature is not None:
            found = found + 0.5 * np.einsum("kab,ab->k", scores.curvature, self.covariance)
        return np.asarray(found)


def shapley_values(
    scores: Quadratics,
    background: Background,
    points: np.ndarray,
    owner: np.ndarray | None = None,
) -> np.ndarray:
    """Exact Shapley values of every output at every point.

    Parameters
    ----------
    scores : Quadratics
    background : Background
    points : ndarray, shape (n, q)
        Without gaps.
    owner : ndarray of int, shape (q,), optional
        Player, from 0, that each column belongs to; each column its own by default.

    Returns
    -------
    ndarray, shape (n, players, outputs)
        Over players they add up to ``scores(points) - background.expected(scores)``.

    Examples
    --------
    >>> product = Quadratics(np.zeros(1), np.zeros((1, 2)), np.array([[[0.0, 1.0], [1.0, 0.0]]]))
    >>> exact = Background(np.zeros(2), np.zeros((2, 2)))
    >>> shapley_values(product, exact, np.array([[2.0, 3.0]]))[0, :, 0].tolist()
    [3.0, 3.0]
    """
    off = points - background.mean
    outputs, q = scores.slope.shape
    players = q if owner is None else int(owner.max()) + 1
    # Outputs stand first in memory, so that each is one block that is written once.
    found = np.empty((outputs, len(points), players))
    for at in range(outputs):
        found[at] = _of_one(scores, at, background, off, owner)
    return np.moveaxis(found, 0, 2)


def _of_one(
    scores: Quadratics, at: int, background: Background, off: np.ndarray, owner: np.ndarray | None
) -> np.ndarray:
    """Shapley values of one output at deviations (n, q) from the background's mean."""
    slope = scores.slope[at]
    if scores.curvature is None:
        columns = off * slope
    else:
        bend = scores.curvature[at]
        columns = off @ (0.5 * bend)
        columns += slope + bend @ background.mean
        columns *= off
        columns -= 0.5 * (bend * background.covariance).sum(axis=1)
    return columns if owner is None else owned(columns, owner)


def owned(columns: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Sum columns (..., q) over the columns of each player, giving (..., players).

    Examples
    --------
    >>> owned(np.array([[1.0, 2.0, 4.0]]), np.array([0, 1, 1])).tolist()
    [[1.0, 6.0]]
    """
    return np.asarray(columns @ np.eye(int(owner.max()) + 1)[owner])


def as_explanation(
    values: np.ndarray, base: np.ndarray | float, data: np.ndarray, names: Sequence[str]
) -> Any:
    """Hand Shapley values over as `shap.Explanation`, so that SHAP's own plots draw them.

    Parameters
    ----------
    values : ndarray, shape (n, players) or (n, players, outputs)
    base : float or ndarray, shape (outputs,)
        Mean over the background.
    data : ndarray, shape (n, players)
        What the plots show beside or colour by; any units.
    names : sequence of str, length players

    Returns
    -------
    shap.Explanation
    """
    bases = np.broadcast_to(np.asarray(base, dtype=float), (len(values), *values.shape[2:]))
    return shap_package().Explanation(
        values=values, base_values=bases.copy(), data=data, feature_names=list(names)
    )
