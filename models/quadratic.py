"""Scores that are quadratic in the features: mixtures of Gaussians and nearest centroids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Quadratics:
    """One quadratic an output: ``constant + slope @ x + x @ curvature @ x / 2``.

    Parameters
    ----------
    constant : ndarray, shape (outputs,)
    slope : ndarray, shape (outputs, q)
    curvature : ndarray, shape (outputs, q, q), optional
        Symmetric; None where every output is linear.

    Examples
    --------
    >>> scores = Quadratics.of_centroids(np.array([[0.0], [2.0]]))
    >>> scores(np.array([[0.0], [1.0]])).tolist()
    [[0.0, -2.0], [0.0, 0.0]]
    >>> scores.combined(np.array([[1.0, -1.0]]))(np.array([[0.0], [1.0]])).tolist()
    [[2.0], [0.0]]
    """

    constant: np.ndarray
    slope: np.ndarray
    curvature: np.ndarray | None = None

    @classmethod
    def of_gaussians(
        cls, weights: np.ndarray, means: np.ndarray, covariances: np.ndarray
    ) -> Quadratics:
        """Log joint densities ``log w_j + log N(x; mean_j, covariance_j)`` of a mixture.

        Differences of two of them are the log-odds of two types (Fisher's discriminant functions;
        Hastie, Tibshirani & Friedman 2009, *Elements of Statistical Learning*, 4.9 to 4.12). What
        is the same in all types is left out where they share their covariance.

        Parameters
        ----------
        weights : ndarray, shape (k,)
        means : ndarray, shape (k, q)
        covariances : ndarray, shape (q, q) or (k, q, q)
            One for all types, or one each.
        """
        shared = covariances.ndim == 2
        each = covariances[None] if shared else covariances
        slope = np.linalg.solve(each, means[:, :, None])[:, :, 0]
        constant = np.log(weights) - 0.5 * np.einsum("kq,kq->k", slope, means)
        if shared:
            return cls(constant, slope)
        inverse = np.linalg.inv(each)
        volume = np.linalg.slogdet(each)[1] + means.shape[1] * np.log(2 * np.pi)
        return cls(constant - 0.5 * volume, slope, -(inverse + inverse.mT) / 2)

    @classmethod
    def of_centroids(cls, centroids: np.ndarray) -> Quadratics:
        """Half the squared distance to each centroid (k, q), negative; less what all share.

        The nearest centroid has the highest score. ``|x|^2 / 2`` is the same for all and left out,
        so that the scores are linear.
        """
        return cls(-0.5 * np.einsum("kq,kq->k", centroids, centroids), centroids)

    def combined(self, weights: np.ndarray) -> Quadratics:
        """Weighted sums of the outputs, weights of shape (new outputs, outputs)."""
        curvature = self.curvature
        if curvature is not None:
            curvature = np.tensordot(weights, curvature, 1)
        return Quadratics(weights @ self.constant, weights @ self.slope, curvature)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Score points (n, q), giving (n, outputs)."""
        scores = points @ self.slope.T + self.constant
        if self.curvature is not None:
            for at, own in enumerate(self.curvature):
                scores[:, at] += 0.5 * np.einsum("nq,nq->n", points @ own, points)
        return np.asarray(scores)


def against_others(k: int) -> np.ndarray:
    """Weights that turn scores of k types into log-odds of each against the mean of the others.

    Row a gives ``s_a - mean of s_b over b other than a``, the average of the pairwise log-odds of
    type a against every other type.

    Examples
    --------
    >>> against_others(3).tolist()
    [[1.0, -0.5, -0.5], [-0.5, 1.0, -0.5], [-0.5, -0.5, 1.0]]
    """
    return np.where(np.eye(k, dtype=bool), 1.0, -1.0 / max(k - 1, 1))


def column_groups(owners: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """Players in order of appearance, and which player owns each column.

    Examples
    --------
    >>> names, owner = column_groups(["need", "time", "time"])
    >>> names, owner.tolist()
    (('need', 'time'), [0, 1, 1])
    """
    names = tuple(dict.fromkeys(owners))
    return names, np.array([names.index(owner) for owner in owners], dtype=np.intp)
