"""One unimodal population that looks like the data: the reference for the null test.

A Gaussian reference takes skewed or heavy-tailed sites for types. So the principal scores and
then the margins of the reference follow sinh-arcsinh curves, which bend and stretch but have one
mode whatever their parameters (Jones and Pewsey 2009, *Biometrika* 96, 761-780), and later scores
may bend with the first, as along a curved continuum. Curves are fitted by penalised maximum
likelihood, each site's error taken into account; sites then get their own error and gaps again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from site_typology.models.plausible import (
    Population,
    SeenCells,
    fit_population,
    matrix_roots,
    posterior_of,
)

if TYPE_CHECKING:
    from site_typology.models.working import WorkingData

SKEW_SD = 0.7
TAIL_SD = 0.7
BEND_SD = 0.35
"""Prior standard deviations of a curve's skewness and log tail weight, and of a score's bend."""
FLOOR = 0.2
"""Least error of a score that a curve is fitted to, in units of its spread: quadrature's limit."""
EXACT_PRIOR, BLURRED_PRIOR = 0.2, 5.0
"""Weight, in sites, of the diagonal in the covariance that reference data are drawn with.

Of exact values the first, next to none: a reference rounder than the data makes correlated features
look like types. Of values that are all error the second, since their covariance is hardly known.
"""
SAMPLE = 8_000
"""Profiles drawn to learn the margins that the principal scores lead to."""
LIMITS = (1.5, 0.9)
"""Largest absolute skewness and log tail weight of a curve."""
_NODES = np.linspace(-4.0, 4.0, 81)
_LOG_MASS = -0.5 * _NODES**2 - np.log(np.exp(-0.5 * _NODES**2).sum())
_MASS = np.exp(_LOG_MASS)
_ARCS = np.arcsinh(_NODES)
_LEVELS = np.linspace(-4.0, 4.0, 201)


@dataclass(frozen=True)
class Curve:
    """A sinh-arcsinh curve with mean 0 and standard deviation 1.

    Parameters
    ----------
    skewness : float
        epsilon of Jones and Pewsey; 0 is symmetric.
    tail : float
        log of their delta; below 0 the tails are heavier than the normal's.

    Examples
    --------
    >>> Curve(0.0, 0.0).of_normal(np.array([-1.0, 0.0, 2.0])).round(2).tolist()
    [-1.0, 0.0, 2.0]
    """

    skewness: float
    tail: float

    def of_normal(self, normal: np.ndarray) -> np.ndarray:
        """Turn standard normal values into values of the curve; increasing."""
        raw = _sinh_arcsinh(_NODES, self.skewness, self.tail)
        mean = _MASS @ raw
        spread = np.sqrt(_MASS @ (raw - mean) ** 2)
        return np.asarray((_sinh_arcsinh(normal, self.skewness, self.tail) - mean) / spread)


def _sinh_arcsinh(normal: np.ndarray, skewness: float, tail: float) -> np.ndarray:
    """Equation 2 of Jones and Pewsey, solved for the variable."""
    return np.asarray(np.sinh((np.arcsinh(normal) + skewness) * np.exp(-tail)))


def fit_curve(
    values: np.ndarray,
    variances: np.ndarray,
    skew_sd: float = SKEW_SD,
    tail_sd: float = TAIL_SD,
) -> Curve:
    """Fit a curve to standardised values with known error variances.

    Maximises the log-likelihood of ``value = curve + error`` by quadrature over the curve's
    normal variable, with normal penalties on skewness and log tail weight.

    Parameters
    ----------
    values, variances : ndarray, shape (n,)
        Of a variable with mean 0 and variance 1 under the population; NaN values are left out.

    Returns
    -------
    Curve
    """
    from site_typology.models import curve_kernels

    known = ~np.isnan(values) & np.isfinite(variances)
    found = curve_kernels.fit_sinh_arcsinh(
        np.ascontiguousarray(values[known]),
        np.maximum(variances[known], FLOOR**2),
        _ARCS,
        _LOG_MASS,
        np.array([skew_sd, tail_sd]),
        np.array(LIMITS),
    )
    return Curve(float(found[0]), float(found[1]))


@dataclass(frozen=True)
class UnimodalPopulation:
    """A population of true profiles with one mode, of the data's mean, covariance and shape.

    Parameters
    ----------
    population : Population
        Mean and covariance.
    curves : tuple of Curve
        Shapes of the principal scores, from the widest.
    bends : ndarray, shape (q,)
        Correlation of each principal score with the square of the first; 0 for the first.
    margins : tuple of Curve
        Shapes of the features.
    generated : ndarray, shape (201, q)
        Quantiles of the features before their margins are bent, at normal levels -4 to 4.
    """

    population: Population
    curves: tuple[Curve, ...]
    bends: np.ndarray
    margins: tuple[Curve, ...]
    generated: np.ndarray

    @classmethod
    def fit(
        cls, data: WorkingData, population: Population | None = None, *, bend_sd: float = BEND_SD
    ) -> UnimodalPopulation:
        """Fit shapes to the data, given each site's error and gaps.

        Parameters
        ----------
        data : WorkingData
        population : Population, optional
            Fitted to the data by default.
        bend_sd : float
            Prior standard deviation of the bend of later scores with the first; 0 for none.
        """
        population = population or fit_population(data, shrink=_prior(data))
        seen = SeenCells.of(data)
        scores, errors, widths = _principal_scores(population, seen)
        square, bends = _bends(scores, errors, widths, bend_sd)
        left = np.sqrt(1 - bends**2)
        curves = []
        for at in range(data.q):
            value = (scores[:, at] - bends[at] * square) / left[at]
            curves.append(fit_curve(value, errors[:, at] / left[at] ** 2))
        spread = np.sqrt(np.diag(population.covariance))
        margins = tuple(
            fit_curve(
                (data.values[:, at] - population.mean[at]) / spread[at],
                data.errors[:, at, at] / spread[at] ** 2,
            )
            for at in range(data.q)
        )
        shape = cls(population, tuple(curves), bends, margins, np.empty((0, data.q)))
        sample = np.sort(shape._before_margins(np.random.default_rng(20090), SAMPLE), axis=0)
        places = (_normal_cdf(_LEVELS) * (SAMPLE - 1)).round().astype(int)
        generated = sample[places]
        return cls(population, tuple(curves), bends, margins, generated)

    def draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Draw n true profiles, shape (n, q)."""
        return self._bent(self._before_margins(rng, n))

    def simulate(self, data: WorkingData, rng: np.random.Generator) -> WorkingData:
        """Draw true profiles for the sites of `data` and give them its errors and gaps."""
        return add_errors(self.draw(rng, data.n), data, rng)

    def _before_margins(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Profiles whose principal scores have their shapes and bends."""
        values, vectors = _axes(self.population.covariance)
        normal = rng.normal(size=(n, len(values)))
        shaped = np.column_stack(
            [curve.of_normal(normal[:, at]) for at, curve in enumerate(self.curves)]
        )
        centre, spread = _moments_of_square(self.curves[0])
        square = (shaped[:, 0] ** 2 - centre) / spread
        scores = shaped * np.sqrt(1 - self.bends**2) + square[:, None] * self.bends
        return np.asarray(self.population.mean + (scores * np.sqrt(values)) @ vectors.T)

    def _bent(self, profiles: np.ndarray) -> np.ndarray:
        """Give each feature its fitted margin, keeping the order of the sites."""
        spread = np.sqrt(np.diag(self.population.covariance))
        bent = np.empty_like(profiles)
        for at, curve in enumerate(self.margins):
            level = np.interp(profiles[:, at], self.generated[:, at], _LEVELS)
            bent[:, at] = self.population.mean[at] + spread[at] * curve.of_normal(level)
        return bent


def _prior(data: WorkingData) -> float:
    """Weight of the diagonal, by the share of the variance between sites that is error."""
    seen = data.observed.sum(axis=0) > 1
    values, observed = data.values[:, seen], data.observed[:, seen]
    variances = np.einsum("ijj->ij", data.errors)[:, seen]
    error = np.nanmean(np.where(observed, variances, np.nan), axis=0)
    share = np.clip(error / np.maximum(np.nanvar(values, axis=0), 1e-12), 0, 1)
    mean = float(share.mean()) if len(share) else 1.0
    return EXACT_PRIOR + (BLURRED_PRIOR - EXACT_PRIOR) * mean


def add_errors(truth: np.ndarray, data: WorkingData, rng: np.random.Generator) -> WorkingData:
    """Give true profiles the errors, gaps and levels of the sites of `data`; errors are normal."""
    errors = data.errors.copy()
    for own in data.levels:  # A level follows from the true value, without noise of its own.
        errors[:, own.column, own.column] = 0.0
    noise = (matrix_roots(errors) @ rng.normal(size=truth.shape)[:, :, None])[:, :, 0]
    return data.measured(truth + noise)


def _axes(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Variances (widest first) and directions of the principal scores."""
    values, vectors = np.linalg.eigh(covariance)
    return np.clip(values[::-1], 1e-10, None), vectors[:, ::-1]


def _principal_scores(
    population: Population, seen: SeenCells
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Principal scores in units of their spread, undone of shrinkage, with their error variances.

    A posterior N(m, c) under the prior N(0, 1) is what a value ``m / (1 - c)`` with the error
    variance ``c / (1 - c)`` would leave. Also gives the posterior variance itself.
    """
    means, covariances = posterior_of(population, seen)
    values, vectors = _axes(population.covariance)
    scaled = vectors / np.sqrt(values)
    posterior_mean = (means - population.mean) @ scaled
    left = np.einsum("nab,aj,bj->nj", covariances, scaled, scaled).clip(0, 1)
    known = np.maximum(1 - left, 1e-6)
    scores = np.where(known > 0.02, posterior_mean / known, np.nan)
    return scores, left / known, left


def _bends(
    scores: np.ndarray, errors: np.ndarray, left: np.ndarray, bend_sd: float
) -> tuple[np.ndarray, np.ndarray]:
    """Expected standardised square of the first score, and every other score's slope on it.

    Regressing on the expected square, not on the square of the estimate, undoes the attenuation
    by error (regression calibration; Carroll and others 2006, *Measurement Error*, chapter 4).
    """
    bends = np.zeros(scores.shape[1])
    first = np.where(np.isnan(scores[:, 0]), 0.0, scores[:, 0]) * (1 - left[:, 0])
    square = first**2 + left[:, 0]
    square = (square - square.mean()) / np.sqrt(max(_spread_of_square(first), 1e-6))
    if bend_sd <= 0:
        return square, bends
    for at in range(1, scores.shape[1]):
        known = ~np.isnan(scores[:, at])
        weight = 1 / (1 + errors[known, at])
        x, y = square[known], scores[known, at]
        slope = (weight * x) @ y / ((weight * x) @ x + 1 / bend_sd**2)
        bends[at] = np.clip(slope, -0.9, 0.9)
    return square, bends


def _spread_of_square(first: np.ndarray) -> float:
    """Variance of the square of a unit-variance score, judged from its kurtosis; 2 if normal."""
    kurtosis = (first**4).mean() / max(float((first**2).mean() ** 2), 1e-12)
    return float(np.clip(kurtosis - 1, 0.5, 6))


def _moments_of_square(curve: Curve) -> tuple[float, float]:
    """Mean and standard deviation of the square of a curve."""
    square = curve.of_normal(_NODES) ** 2
    mean = float(_MASS @ square)
    return mean, float(np.sqrt(_MASS @ (square - mean) ** 2))


def _normal_cdf(levels: np.ndarray) -> np.ndarray:
    from scipy.special import ndtr

    return np.asarray(ndtr(levels))
