"""Response propensities: how likely everybody asked was to answer, given what is known of them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

CERTAIN = 1e-9
"""Propensities nearer to 0 or 1 are taken as 0 or 1, with no information in them."""


class NoPropensityError(ValueError):
    """A model of response that cannot be fitted."""


@dataclass(frozen=True)
class ResponseModel:
    """A logistic regression of response on what is known of everybody asked.

    Parameters
    ----------
    asked, answered : ndarray, shape (c,)
        Numbers in each cell.
    propensity : ndarray, shape (c,)
        Estimated chance to answer.
    design : ndarray, shape (c, p)
    covariance : ndarray, shape (p, p)
        Of the coefficients: the inverse of the information.
    """

    asked: np.ndarray
    answered: np.ndarray
    propensity: np.ndarray
    design: np.ndarray
    covariance: np.ndarray


def design_matrix(
    cells: pd.DataFrame, columns: Sequence[str], numeric: Sequence[str]
) -> np.ndarray:
    """Main effects of some columns: an intercept, dummies for text, numbers standardised.

    Parameters
    ----------
    cells : DataFrame
        One row a cell; nothing missing.
    columns : sequence of str
    numeric : sequence of str
        Those of `columns` taken as numbers.

    Returns
    -------
    ndarray, shape (c, p)

    Examples
    --------
    >>> cells = pd.DataFrame({"phase": ["primary", "secondary"], "pupils": [200.0, 900.0]})
    >>> design_matrix(cells, ["phase", "pupils"], ["pupils"])
    array([[ 1.,  0., -1.],
           [ 1.,  1.,  1.]])
    """
    parts = [np.ones((len(cells), 1))]
    for column in columns:
        if column in numeric:
            numbers = cells[column].to_numpy(dtype=float)
            spread = numbers.std()
            parts.append(((numbers - numbers.mean()) / (spread if spread > 0 else 1.0))[:, None])
        else:
            codes, levels = pd.factorize(cells[column], sort=True)
            parts.append((codes[:, None] == np.arange(1, len(levels))).astype(float))
    return np.concatenate(parts, axis=1)


def fit_response(asked: np.ndarray, answered: np.ndarray, design: np.ndarray) -> ResponseModel:
    """Fit response propensities by logistic regression (statsmodels; Little 1986, section 3).

    A cell where everybody answered, or a category of such cells, has a propensity that runs to 1;
    the other propensities do not depend on how far it got.

    Parameters
    ----------
    asked, answered : ndarray, shape (c,)
        Numbers asked (above 0) and, of them, answered.
    design : ndarray, shape (c, p)
        See `design_matrix`; redundant columns are left out.

    Returns
    -------
    ResponseModel

    Raises
    ------
    NoPropensityError
        The fit does not converge.

    Examples
    --------
    >>> asked, answered = np.array([10.0, 20.0]), np.array([5.0, 5.0])
    >>> fit_response(asked, answered, np.array([[1.0, 0], [1, 1]])).propensity.round(6)
    array([0.5 , 0.25])
    """
    from scipy.linalg import qr
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM

    _, triangle, order = qr(design, mode="economic", pivoting=True)
    size = np.abs(np.diag(triangle))
    independent = design[:, np.sort(order[: int((size > 1e-10 * size[0]).sum())])]
    with warnings.catch_warnings():
        # That everybody in a category answered is no fault; convergence is checked below.
        warnings.simplefilter("ignore")
        with np.errstate(all="ignore"):
            model = GLM(np.column_stack([answered, asked - answered]), independent, Binomial())
            fitted = np.asarray(model.fit(maxiter=100, tol=1e-12).fittedvalues, dtype=float)
    # At the maximum the expected number who answer is the observed one for every column.
    gap = np.abs(independent.T @ (asked * fitted - answered)).max()
    if not gap < 1e-6 * asked.sum():
        raise NoPropensityError("the logistic regression of response does not converge")
    fitted = np.where(fitted < CERTAIN, 0.0, np.where(fitted > 1 - CERTAIN, 1.0, fitted))
    weight = asked * fitted * (1 - fitted)
    covariance = np.linalg.pinv(independent.T @ (weight[:, None] * independent), hermitian=True)
    return ResponseModel(asked, answered, fitted, independent, covariance)


def propensity_classes(model: ResponseModel, classes: int) -> np.ndarray:
    """Propensities shared within classes of alike estimated ones (Little 1986, section 3.2).

    Cells are put in order of their propensity and cut into classes of about the same number
    asked; a class's propensity is its response rate. It leans less on the model than 1/p does.

    Returns
    -------
    ndarray, shape (c,)
        0 in a class where nobody answered.

    Examples
    --------
    >>> asked, answered = np.array([10.0, 10, 10, 10]), np.array([1.0, 2, 6, 7])
    >>> model = ResponseModel(asked, answered, answered / 10, np.ones((4, 1)), np.ones((1, 1)))
    >>> propensity_classes(model, 2)
    array([0.15, 0.15, 0.65, 0.65])
    """
    order = np.argsort(model.propensity, kind="stable")
    asked = model.asked[order]
    middle = (np.cumsum(asked) - asked / 2) / asked.sum()
    # Equal propensities belong together, whatever the order of their cells.
    level = np.searchsorted(
        np.unique(model.propensity.round(12)), model.propensity[order].round(12)
    )
    place = np.bincount(level, asked * middle) / np.bincount(level, asked)
    member = np.minimum((place[level] * classes).astype(int), classes - 1)
    rate = np.bincount(member, model.answered[order], minlength=classes) / np.maximum(
        np.bincount(member, asked, minlength=classes), 1e-300
    )
    shared = np.empty(len(asked))
    shared[order] = rate[member]
    return shared
