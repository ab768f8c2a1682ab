"""Raking: weights that reproduce the known counts of several classifications at once."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

TOLERANCE = 1e-8
"""Largest relative difference from a known count that raking may leave."""
SMALLEST = 1e-9
"""Factor, relative to the average, below which a cell counts as given no weight at all."""


class NoRakingError(ValueError):
    """Known counts that no positive weights reproduce."""


def rake(
    base: np.ndarray, codes: Sequence[np.ndarray], targets: Sequence[np.ndarray]
) -> np.ndarray:
    """Rake a table of respondents to known margins.

    The raked table has the margins `targets` and keeps the interactions of `base` (Deming &
    Stephan 1940). It is the log-linear fit with offset log(base) (Bishop, Fienberg & Holland 1975,
    section 3.5; raking ratio is case 2 of Deville & Särndal 1992), which statsmodels finds by
    maximum likelihood: quickly where the classical cycle over margins is slow, and with design
    weights in `base`. The response of the fit is any table with these margins, since its
    likelihood knows it by its margins only; `scipy.optimize.nnls` finds one, or none exists.

    Parameters
    ----------
    base : ndarray, shape (c,)
        Respondents, or the sum of their design weights, in each cell of the cross-classification
        that has any; above 0.
    codes : sequence of m ndarrays of int, each of shape (c,)
        Category of each cell in each classification, from 0.
    targets : sequence of m ndarrays, each of shape (number of categories,)
        Known counts; above 0, with one total.

    Returns
    -------
    ndarray, shape (c,)
        Weighted count of each cell.

    Raises
    ------
    NoRakingError
        No weights above 0 reproduce the counts.

    Examples
    --------
    >>> cells = np.array([20.0, 10, 10, 10])
    >>> phase, size = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    >>> rake(cells, [phase, size], [np.array([60.0, 40]), np.array([50.0, 50])]).round(3)
    array([34.113, 25.887, 15.887, 24.113])
    """
    if len(targets) == 1:
        # One classification is post-stratification: each category's count over its respondents.
        share = base / np.bincount(codes[0], base, minlength=len(targets[0]))[codes[0]]
        return np.asarray(share * targets[0][codes[0]])
    from scipy.optimize import nnls

    total = float(targets[0].sum())
    margins = np.concatenate(
        [code == np.arange(len(t))[:, None] for code, t in zip(codes, targets, strict=True)]
    ).astype(float)
    shares = np.concatenate([target / target.sum() for target in targets])
    table, gap = nnls(margins, shares)
    if gap > TOLERANCE:
        raise NoRakingError("no weights reproduce all the counts at once")
    fitted = _log_linear(table, margins, base / base.sum())
    reached = np.abs(margins @ fitted / shares - 1.0).max()
    factors = fitted / (base / base.sum())
    if not reached < TOLERANCE or factors.min() < SMALLEST:
        raise NoRakingError("only weights of 0 for some respondents would reproduce the counts")
    return np.asarray(fitted * total)


def _log_linear(table: np.ndarray, margins: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Fit main effects with offset log(base) to a table, shape (c,)."""
    from scipy.linalg import qr
    from statsmodels.genmod.families import Poisson
    from statsmodels.genmod.generalized_linear_model import GLM

    # Each classification adds up to the whole, and empty cells may make more of them redundant.
    _, triangle, order = qr(margins.T, mode="economic", pivoting=True)
    size = np.abs(np.diag(triangle))
    design = margins[np.sort(order[: int((size > 1e-10 * size[0]).sum())])].T
    model = GLM(table, design, family=Poisson(), offset=np.log(base))
    with warnings.catch_warnings():
        # Whether it converged is judged by the margins reached, not by the optimiser's word.
        warnings.simplefilter("ignore")
        with np.errstate(all="ignore"):
            try:
                # A trust region cannot overshoot, and Newton's method makes its answer exact.
                near = model.fit(
                    start_params=np.zeros(design.shape[1]),
                    method="minimize",
                    min_method="trust-exact",
                    maxiter=500,
                    disp=0,
                    skip_hessian=True,
                )
                fit = model.fit(start_params=near.params, method="newton", maxiter=50, disp=0)
            except np.linalg.LinAlgError:  # cells whose weight runs to 0 leave no information
                return np.zeros(len(base))
            fitted = np.asarray(fit.fittedvalues, dtype=float)
    return np.asarray(np.nan_to_num(fitted))
