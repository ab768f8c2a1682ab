"""One site among the types: what speaks for a type, what sets it apart, and its true profile.

All of it is exact, since types share their covariance: over the seen cells of a site the log-odds
of two types is linear in the values, and the squared distance to a type is a quadratic form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from site_typology.models.mixture import TypeModel

RIDGE = 1e-8
"""As in `site_typology.models.kernels`, so that both give the same probabilities."""


@dataclass(frozen=True)
class SiteCells:
    """One site on the working scale.

    Parameters
    ----------
    values : ndarray, shape (q,)
        NaN where there is a gap.
    errors : ndarray, shape (q, q)
        Covariance of its errors, 0 in gaps.
    """

    values: np.ndarray
    errors: np.ndarray

    @property
    def seen(self) -> np.ndarray:
        """Columns that have a value."""
        return np.flatnonzero(~np.isnan(self.values))

    def covariance(self, model: TypeModel) -> np.ndarray:
        """Covariance of the seen values within a type, measurement error included."""
        seen = np.ix_(self.seen, self.seen)
        return np.asarray(model.covariance[seen] + self.errors[seen] + RIDGE * np.eye(len(seen[0])))


@dataclass(frozen=True)
class Terms:
    """A figure of one site as a sum: what the mean of all sites has, and a term for each column.

    Parameters
    ----------
    base : float
        The figure of a site at the mean of all, seen in the same cells with the same errors.
    terms : ndarray, shape (q,)
        What each working column adds; 0 in gaps.
    """

    base: float
    terms: np.ndarray

    @property
    def total(self) -> float:
        """The figure of the site."""
        return self.base + float(self.terms.sum())


def log_odds_terms(model: TypeModel, site: SiteCells, own: int, other: int) -> Terms:
    """Split the log-odds of two types into what each column contributes.

    With ``S`` the covariance of the seen cells, the log-odds is ``log(w_own / w_other) + a'(y -
    middle)`` where ``a = S^-1 (mean_own - mean_other)`` and ``middle`` lies half-way between the
    means. A column contributes ``a_j (y_j - c_j)``, c the mean of all sites: for a linear score
    these are the Shapley values of the interventional game (Lundberg and Lee 2017, *NeurIPS* 30,
    corollary 1; Janzing, Minorics and Bloebaum 2020, *AISTATS*), whatever the correlations.

    Parameters
    ----------
    model : TypeModel
    site : SiteCells
    own, other : int
        Types, from 0.

    Returns
    -------
    Terms
        Adds up to the log-odds of the membership probabilities.

    Examples
    --------
    >>> from site_typology.models.mixture import TypeModel
    >>> model = TypeModel(np.array([0.5, 0.5]), np.array([[0.0, 0.0], [4.0, 2.0]]), np.eye(2))
    >>> terms = log_odds_terms(model, SiteCells(np.array([3.0, np.nan]), np.zeros((2, 2))), 1, 0)
    >>> terms.terms.round(4).tolist(), round(terms.total, 4)
    ([4.0, 0.0], 4.0)
    """
    seen = site.seen
    centre = model.weights @ model.means
    apart = model.means[own] - model.means[other]
    slope = np.linalg.solve(site.covariance(model), apart[seen])
    terms = np.zeros(len(site.values))
    terms[seen] = slope * (site.values - centre)[seen]
    middle = (model.means[own] + model.means[other]) / 2
    prior = np.log(model.weights[own]) - np.log(model.weights[other])
    return Terms(float(prior + slope @ (centre - middle)[seen]), terms)


def distance_terms(model: TypeModel, site: SiteCells, own: int) -> Terms:
    """Split the squared distance to a type into what each column adds.

    A column adds ``d_j (S^-1 d)_j`` with ``d`` the site's deviation from the type: its own squared
    term and half of each product with another column, the Shapley value (1953) of the game whose
    worth of a set of columns is the quadratic form restricted to them.

    Parameters
    ----------
    model : TypeModel
    site : SiteCells
    own : int
        Type, from 0.

    Returns
    -------
    Terms
        Base 0; adds up to the squared distance.

    Examples
    --------
    >>> from site_typology.models.mixture import TypeModel
    >>> model = TypeModel(np.ones(1), np.zeros((1, 2)), np.eye(2))
    >>> distance_terms(model, SiteCells(np.array([3.0, 1.0]), np.zeros((2, 2))), 0).terms.round(4)
    array([9., 1.])
    """
    seen = site.seen
    off = (site.values - model.means[own])[seen]
    terms = np.zeros(len(site.values))
    terms[seen] = off * np.linalg.solve(site.covariance(model), off)
    return Terms(0.0, terms)


def true_profiles(model: TypeModel, site: SiteCells) -> tuple[np.ndarray, np.ndarray]:
    """Say where the site's true profile lies if it is of each type.

    Parameters
    ----------
    model : TypeModel
    site : SiteCells

    Returns
    -------
    means : ndarray, shape (k, q)
    covariance : ndarray, shape (q, q)
        The same whichever the type; 0 where a value is exact.

    Examples
    --------
    >>> from site_typology.models.mixture import TypeModel
    >>> model = TypeModel(np.array([0.5, 0.5]), np.array([[0.0], [4.0]]), np.eye(1))
    >>> means, covariance = true_profiles(model, SiteCells(np.array([2.0]), np.eye(1)))
    >>> means.ravel().round(2).tolist(), covariance.round(2).tolist()
    ([1.0, 3.0], [[0.5]])
    """
    seen = site.seen
    link = model.covariance[:, seen]
    gain = np.linalg.solve(site.covariance(model), link.T).T
    off = site.values[seen] - model.means[:, seen]
    covariance = model.covariance - gain @ link.T
    return model.means + off @ gain.T, (covariance + covariance.T) / 2
