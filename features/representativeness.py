"""How alike those who answered are to everybody asked: the R-indicator and its parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from site_typology.features.propensity import ResponseModel


@dataclass(frozen=True)
class Representativeness:
    """An R-indicator of a survey's response.

    Parameters
    ----------
    r : float
        1 - 2 S with S adjusted for bias: 1 where everybody is equally likely to answer.
    r_unadjusted : float
        1 - 2 S of the estimated propensities; too low in small surveys.
    standard_error : float
        Of `r_unadjusted`, from the errors of the model's coefficients; NaN where S is 0.
    variation : float
        S / response rate: the largest bias of a mean, in standard deviations of the answers,
        that the response explained here could make (Schouten, Cobben & Bethlehem 2009,
        section 2.4, there B_m).
    rate : float
        Answered by asked.
    """

    r: float
    r_unadjusted: float
    standard_error: float
    variation: float
    rate: float


def r_indicator(model: ResponseModel) -> Representativeness:
    """The R-indicator of a model of response in which everybody asked is known.

    R = 1 - 2 S(p), with S² the variance of the propensities p over everybody asked (Schouten,
    Cobben & Bethlehem 2009, equation 4). Errors in the estimated p add to their variance and make
    response look less representative than it is; so, as Shlomo, Skinner & Schouten (2012, section
    3) do, the mean variance that p owes to the coefficients, z'Cz with z = p (1 - p) x and C
    their covariance, is taken off, here about the mean of p as S² is. The standard error follows
    from C by the delta method.

    Returns
    -------
    Representativeness

    Examples
    --------
    >>> from site_typology.features.propensity import fit_response
    >>> asked, answered = np.array([100.0, 100.0]), np.array([60.0, 40.0])
    >>> found = r_indicator(fit_response(asked, answered, np.array([[1.0, 0], [1, 1]])))
    >>> round(found.r_unadjusted, 3), round(found.r, 3), round(found.variation, 3)
    (0.799, 0.812, 0.188)
    """
    share = model.asked / model.asked.sum()
    freedom = model.asked.sum() / max(model.asked.sum() - 1.0, 1.0)
    mean = float(share @ model.propensity)
    away = model.propensity - mean
    variance = freedom * float(share @ away**2)
    slope = (model.propensity * (1 - model.propensity))[:, None] * model.design
    centred = slope - share @ slope
    noise = freedom * float(share @ np.einsum("ij,jk,ik->i", centred, model.covariance, centred))
    adjusted = float(np.sqrt(max(variance - noise, 0.0)))
    spread = float(np.sqrt(variance))
    gradient = 2.0 * freedom * (share * away) @ slope
    of_variance = float(np.sqrt(max(gradient @ model.covariance @ gradient, 0.0)))
    return Representativeness(
        r=1.0 - 2.0 * adjusted,
        r_unadjusted=1.0 - 2.0 * spread,
        standard_error=of_variance / spread if spread > 1e-12 else float("nan"),
        variation=adjusted / mean if mean > 0 else float("nan"),
        rate=float(model.answered.sum() / model.asked.sum()),
    )


def partial_r(cells: pd.DataFrame, column: str) -> pd.DataFrame:
    """Unconditional partial R-indicators: how unlike response is over one column's categories.

    A category's is √(n/N) (its response rate - the overall one): below 0 where too few answered.
    The root of the sum of their squares is the column's own (Schouten, Shlomo & Skinner 2011,
    equations 10 and 12).

    Parameters
    ----------
    cells : DataFrame
        Columns ``asked, answered`` and `column`.

    Returns
    -------
    DataFrame
        ``category, asked, answered, rate, partial``, in the order of the categories.

    Examples
    --------
    >>> cells = pd.DataFrame({"phase": ["a", "b"], "asked": [75, 25], "answered": [45, 5]})
    >>> partial_r(cells, "phase")[["category", "rate", "partial"]].round(3).values.tolist()
    [['a', 0.6, 0.087], ['b', 0.2, -0.15]]
    """
    sums = cells.groupby(column, sort=True)[["asked", "answered"]].sum()
    sums = sums[sums["asked"] > 0]
    rate = sums["answered"] / sums["asked"]
    overall = sums["answered"].sum() / sums["asked"].sum()
    return pd.DataFrame(
        {
            "category": [str(name) for name in sums.index],
            "asked": sums["asked"].to_numpy(dtype=float),
            "answered": sums["answered"].to_numpy(dtype=float),
            "rate": rate.to_numpy(dtype=float),
            "partial": (np.sqrt(sums["asked"] / sums["asked"].sum()) * (rate - overall)).to_numpy(),
        }
    )
