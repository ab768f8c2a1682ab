"""How far from its type a new member would lie, when the type itself was estimated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from site_typology.models.mixture import TYPE_PRIOR

if TYPE_CHECKING:
    from site_typology.models.mixture import TypeModel

_SMALLEST = np.finfo(float).tiny


def log_tail(
    model: TypeModel,
    squares: np.ndarray,
    kinds: np.ndarray,
    observed: np.ndarray,
    sites: int | None,
) -> np.ndarray:
    """Log probability that a new member lies at least as far from its type.

    With known types the squared distance over m cells is chi-square with m degrees of freedom.
    With a mean of n sites and a covariance of v degrees of freedom it is ``(1 + 1/n) v m /
    (v - m + 1)`` times F with m and v - m + 1 (Hotelling 1931, *Ann. Math. Statist.* 2; Anderson
    2003, *An Introduction to Multivariate Statistical Analysis*, theorem 5.2.2). The diagonal that
    the covariance is shrunk to counts with its weight, so that v is the number of sites less the
    number of types plus `TYPE_PRIOR`. Measurement error is taken as if it were estimated too,
    which errs on the side of taking a site in.

    Parameters
    ----------
    model : TypeModel
    squares : ndarray, shape (n,)
        Squared distances.
    kinds : ndarray of int, shape (n,)
        The type that each is the distance to, from 0.
    observed : ndarray of int, shape (n,)
        Cells that it is over; a site without any is as near as can be.
    sites : int or None
        Sites that the types were fitted to; None where the types are known.

    Returns
    -------
    ndarray, shape (n,)

    Examples
    --------
    >>> from site_typology.models.mixture import TypeModel
    >>> one = TypeModel(np.ones(1), np.zeros((1, 2)), np.eye(2))
    >>> far = np.array([18.0]), np.array([0]), np.array([2])
    >>> [round(float(np.exp(log_tail(one, *far, sites)[0])), 5) for sites in (None, 500, 25)]
    [0.00012, 0.00015, 0.0008]
    """
    from scipy.special import betainc

    cells = np.maximum(observed, 1)
    if sites is None:
        from scipy.stats import chi2

        return np.asarray(np.where(observed > 0, chi2.logsf(squares, cells), 0.0))
    freedom = np.maximum(sites - model.k + TYPE_PRIOR, cells)
    below = freedom - cells + 1
    members = np.maximum(model.weights * sites, 1.0)[kinds]
    ratio = squares * below / (freedom * (1 + 1 / members))
    tail = betainc(below / 2, cells / 2, below / (below + ratio))
    return np.asarray(np.where(observed > 0, np.log(np.maximum(tail, _SMALLEST)), 0.0))
