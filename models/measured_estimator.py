"""What estimators of true profiles share: reading X and errors, likelihood, settings."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from site_typology.models.measured import Units, read_errors
from site_typology.models.mixture import TypeModel
from site_typology.models.working import WorkingData

CALM = 2
"""Steps in a row that have to change less than the tolerance before EM has converged."""


class MeasuredEstimator(BaseEstimator):
    """Base of estimators whose `fit` and `score` take `errors` beside X, and X with gaps.

    `errors` are metadata of the rows: with ``set_config(enable_metadata_routing=True)`` a
    `Pipeline` or `GridSearchCV` hands each part of the rows its own.
    """

    __metadata_request__fit: ClassVar = {"errors": True}
    __metadata_request__score: ClassVar = {"errors": True}

    _units: Units
    _model: TypeModel

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that gaps are welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def score_samples(self, X: Any, errors: Any = None) -> np.ndarray:
        """Log-likelihood of the cells seen at each site, shape (n,)."""
        data, volume = self._read(X, errors)
        return np.asarray(self._model.site_log_likelihoods(data) - volume)

    def score(self, X: Any, y: Any = None, errors: Any = None, sample_weight: Any = None) -> float:
        """Mean log-likelihood of a site, as cross-validation compares settings by.

        `sample_weight`, shape (n,), weighs the sites in the mean. With routing of metadata,
        scikit-learn's `Pipeline.score` refuses a last step whose `score` does not know it.
        """
        return float(np.average(self.score_samples(X, errors), weights=sample_weight))

    def _read_first(self, X: Any, errors: Any) -> tuple[WorkingData, np.ndarray]:
        """Learn columns and units from X; give what `_read` gives."""
        values, covariances = read_errors(
            validate_data(
                self, X, dtype=np.float64, ensure_all_finite="allow-nan", ensure_min_samples=2
            ),
            errors,
        )
        self._units = Units.of(values)
        return self._units.data(values, covariances), self._units.log_volume(values)

    def _read(self, X: Any, errors: Any) -> tuple[WorkingData, np.ndarray]:
        """Data on unit spread, and what each site's log-likelihood loses by leaving it."""
        check_is_fitted(self)
        values, covariances = read_errors(
            validate_data(self, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan"),
            errors,
        )
        return self._units.data(values, covariances), self._units.log_volume(values)


def check_settings(settings: Mapping[str, tuple[Any, float, bool]]) -> None:
    """Refuse settings below their least value, or not whole where they count.

    Parameters
    ----------
    settings : mapping of str to (value, least, whole)

    Raises
    ------
    ValueError
        Lists every setting that is wrong.
    """
    wrong = []
    for name, (value, least, whole) in settings.items():
        number = isinstance(value, Real) and math.isfinite(value)
        if not number or value < least or (whole and value != int(value)):
            kind = "a whole number" if whole else "a number"
            wrong.append(f"{name} should be {kind} of {least:g} or more; found {value!r}.")
    if wrong:
        raise ValueError(" ".join(wrong))


def seed_of(random_state: Any) -> int:
    """Give a seed from an integer, a `RandomState` or None, as scikit-learn takes them."""
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def has_converged(path: np.ndarray, enough: float) -> bool:
    """Whether the last steps changed less than enough; warns as scikit-learn does if not."""
    last = np.abs(np.diff(path[-CALM - 1 :]))
    converged = len(last) == CALM and bool((last < enough).all())
    if not converged:
        warnings.warn(
            f"EM has not converged in {len(path) - 1} steps. Increase max_iter or tol.",
            ConvergenceWarning,
            stacklevel=3,
        )
    return converged
