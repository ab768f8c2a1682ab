"""The population of true profiles as a scikit-learn transformer."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from site_typology.models.measured_estimator import (
    CALM,
    MeasuredEstimator,
    check_settings,
    has_converged,
    seed_of,
)
from site_typology.models.mixture import TypeModel
from site_typology.models.plausible import (
    POPULATION_PRIOR,
    Population,
    SeenCells,
    matrix_roots,
    plausible_values,
    population_of,
    posterior,
)


class TrueProfiles(OneToOneFeatureMixin, TransformerMixin, MeasuredEstimator):
    """True profiles behind values with measurement error and gaps: one multivariate normal.

    Site i shows ``y_i = x_i + e_i`` where it was seen, with ``x_i ~ N(mean, covariance)`` and
    ``e_i ~ N(0, E_i)``, ``E_i`` known: the area-level model of Fay and Herriot (1979) for vectors,
    fitted by EM with missing cells (Little and Rubin 2002, chapters 8 and 11). A gap is a cell
    with infinite error.

    Parameters
    ----------
    shrinkage : float, default=5.0
        Weight, in sites, with which the covariance is drawn to its own diagonal (Friedman 1989).
        0 gives maximum likelihood, which needs many more sites than columns.
    max_iter : int, default=1000
        EM steps at most.
    tol : float, default=1e-5
        EM ends when two steps in a row change the log-likelihood a site by less than this.

    Attributes
    ----------
    mean_ : ndarray, shape (n_features,)
    covariance_ : ndarray, shape (n_features, n_features)
        Of the true profiles, in the units of X.
    log_likelihood_ : float
        Of the cells seen in `fit`, all sites together.
    log_likelihoods_ : ndarray, shape (steps + 1,)
        At the start and after each step. They never fall when `shrinkage` is 0; with shrinkage
        the steps settle a little below the highest likelihood on the way.
    n_iter_ : int
    converged_ : bool
    n_features_in_ : int
    feature_names_in_ : ndarray of str, shape (n_features,)
        Where X has names.

    Notes
    -----
    Values are taken as missing at random given the values seen, and errors as known and normal.
    Columns are put on unit spread inside; results do not depend on units.

    References
    ----------
    Fay, R. E. and Herriot, R. A. (1979). Estimates of income for small places. *JASA* 74, 269-277.

    Friedman, J. H. (1989). Regularized discriminant analysis. *JASA* 84, 165-175.

    Little, R. J. A. and Rubin, D. B. (2002). *Statistical Analysis with Missing Data*, 2nd ed.

    Examples
    --------
    >>> import numpy as np
    >>> from site_typology import TrueProfiles
    >>> values = np.array([[1.0, 2.0], [2.0, np.nan], [4.0, 5.0], [5.0, 7.0], [3.0, 3.0]])
    >>> errors = np.array([[0.1, 0.1], [0.1, 1.0], [0.1, 0.1], [0.1, 0.1], [0.1, 2.0]])
    >>> model = TrueProfiles(shrinkage=1.0).fit(values, errors=errors)
    >>> model.transform(values, errors=errors).round(1).tolist()
    [[1.0, 2.0], [2.0, 3.3], [4.0, 5.0], [5.0, 7.0], [3.0, 3.9]]
    """

    __metadata_request__transform: ClassVar = {"errors": True}

    def __init__(
        self, *, shrinkage: float = POPULATION_PRIOR, max_iter: int = 1000, tol: float = 1e-5
    ) -> None:
        self.shrinkage = shrinkage
        self.max_iter = max_iter
        self.tol = tol

    def fit(self, X: Any, y: Any = None, errors: Any = None) -> TrueProfiles:
        """Fit mean and covariance of the true profiles.

        Parameters
        ----------
        X : array-like, shape (n, n_features)
            NaN where there is a gap.
        y : None
            Not used.
        errors : None, array-like of shape (n, n_features) or (n, n_features, n_features)
            Standard errors or error covariances of each site; None where all values are exact.

        Returns
        -------
        TrueProfiles
            Itself.
        """
        check_settings(
            {
                "shrinkage": (self.shrinkage, 0, False),
                "max_iter": (self.max_iter, 1, True),
                "tol": (self.tol, 0, False),
            }
        )
        data, volume = self._read_first(X, errors)
        enough = float(self.tol) * data.n
        found, path = population_of(
            SeenCells.of(data), float(self.shrinkage), int(self.max_iter), enough, CALM
        )
        self._model = TypeModel(np.ones(1), found.mean[None, :], found.covariance)
        self.mean_ = self._units.points(found.mean)
        self.covariance_ = self._units.covariances(found.covariance)
        self.log_likelihoods_ = path - volume.sum()
        self.log_likelihood_ = float(self.log_likelihoods_[-1])
        self.n_iter_ = len(path) - 1
        self.converged_ = has_converged(path, enough)
        return self

    def fit_transform(self, X: Any, y: Any = None, errors: Any = None) -> np.ndarray:
        """Fit, and give the posterior means of the same sites."""
        return self.fit(X, errors=errors).transform(X, errors=errors)

    def transform(self, X: Any, errors: Any = None) -> np.ndarray:
        """Give the posterior means of true profiles, shape (n, n_features); parameters as `fit`."""
        return self.posterior(X, errors)[0]

    def posterior(self, X: Any, errors: Any = None) -> tuple[np.ndarray, np.ndarray]:
        """Say what is known of each true profile.

        Parameters
        ----------
        X, errors
            As in `fit`.

        Returns
        -------
        means : ndarray, shape (n, n_features)
        covariances : ndarray, shape (n, n_features, n_features)
            0 where a value is exact.
        """
        data, _ = self._read(X, errors)
        means, covariances = posterior(self._population(), data)
        return self._units.points(means), self._units.covariances(covariances)

    def plausible_values(
        self, X: Any, errors: Any = None, *, n_draws: int = 20, random_state: Any = None
    ) -> np.ndarray:
        """Draw true profiles that the data leave possible.

        Parameters
        ----------
        X, errors
            As in `fit`.
        n_draws : int
        random_state : int, RandomState or None

        Returns
        -------
        ndarray, shape (n_draws, n, n_features)
            The first draws of a seed are the same however many are asked for. The population's
            mean and covariance are taken as known; their own uncertainty is left out.
        """
        check_settings({"n_draws": (n_draws, 1, True)})
        data, _ = self._read(X, errors)
        seed = seed_of(random_state)
        return self._units.points(plausible_values(self._population(), data, int(n_draws), seed))

    def sample(self, n_samples: int = 1, *, random_state: Any = None) -> np.ndarray:
        """Draw true profiles of new sites, shape (n_samples, n_features)."""
        check_is_fitted(self)
        check_settings({"n_samples": (n_samples, 1, True)})
        rng = np.random.default_rng(seed_of(random_state))
        noise = rng.normal(size=(int(n_samples), len(self.mean_)))
        root = matrix_roots(self._model.covariance[None])[0]
        return self._units.points(self._model.means[0] + noise @ root)

    def _population(self) -> Population:
        return Population(self._model.means[0], self._model.covariance)
