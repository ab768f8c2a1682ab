"""The errors-in-variables mixture as a scikit-learn estimator."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.utils.validation import check_is_fitted

from site_typology.models.measured_estimator import (
    CALM,
    MeasuredEstimator,
    check_settings,
    has_converged,
    seed_of,
)
from site_typology.models.mixture import TYPE_PRIOR, Budget, search_types
from site_typology.models.plausible import Population, matrix_roots, posterior


class ErrorsInVariablesMixture(MeasuredEstimator):
    """Gaussian mixture of true profiles, seen with known measurement error and gaps.

    The true profile of a site of component j is ``N(mean_j, covariance)``, what is seen of it
    carries the site's own error covariance, and a gap is a cell with infinite error: the extreme
    deconvolution of Bovy, Hogg and Roweis (2011) with one covariance for all components, shrunk
    to a diagonal after Friedman (1989), so that some 25 sites can bear 15 columns. Fitted by EM
    from k-means in several spaces.

    Parameters
    ----------
    n_components : int, default=1
    shrinkage : float, default=20.0
        Weight, in sites, of a diagonal covariance: the variance of one population less what lies
        between the components (with one component, the covariance's own diagonal). 0 gives
        maximum likelihood.
    n_init : int, default=20
        k-means runs in each space; the best run of each is a start. Spaces are the first
        n_components - 1, 3, 5 and all principal components of the posterior means, the means
        standardised, and their first 3, 5 and 8 components at equal variance. Up to 100 sites
        single runs and Ward's groups are starts too.
    labels_init : array-like of int, shape (n,), optional
        Components 0 to n_components - 1 to start from, in place of k-means.
    max_iter : int, default=1000
        EM steps of the best start at most; the other starts take 20.
    tol : float, default=1e-5
        EM ends when two steps in a row change the log-likelihood a site by less than this.
    random_state : int, RandomState or None

    Attributes
    ----------
    weights_ : ndarray, shape (n_components,)
        From the largest to the smallest.
    means_ : ndarray, shape (n_components, n_features)
    covariance_ : ndarray, shape (n_features, n_features)
        Of true profiles within a component, in the units of X.
    converged_ : bool
    n_iter_ : int
    lower_bound_ : float
        Mean log-likelihood of the cells seen at a site.
    lower_bounds_ : ndarray, shape (steps + 1,)
        At the start and after each step. They never fall when `shrinkage` is 0; with shrinkage
        the steps settle a little below the highest likelihood on the way.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, shape (n_features,)
        Where X has names.

    Notes
    -----
    With no error, no gaps and no shrinkage this is
    ``sklearn.mixture.GaussianMixture(covariance_type="tied", reg_covar=0)``.

    References
    ----------
    Bovy, J., Hogg, D. W. and Roweis, S. T. (2011). Extreme deconvolution: inferring complete
    distribution functions from noisy, heterogeneous and incomplete observations. *Annals of
    Applied Statistics* 5(2B), 1657-1677.

    Fraley, C. and Raftery, A. E. (2007). Bayesian regularization for normal mixture estimation
    and model-based clustering. *Journal of Classification* 24, 155-181.

    Friedman, J. H. (1989). Regularized discriminant analysis. *JASA* 84, 165-175.

    Examples
    --------
    >>> import numpy as np
    >>> from site_typology import ErrorsInVariablesMixture
    >>> rng = np.random.default_rng(1)
    >>> values = np.repeat([[0.0, 0.0], [6.0, 6.0]], [20, 10], axis=0) + rng.normal(size=(30, 2))
    >>> errors = rng.uniform(0.2, 1.0, size=(30, 2))
    >>> values[0, 1] = np.nan
    >>> model = ErrorsInVariablesMixture(2, random_state=1).fit(values, errors=errors)
    >>> model.weights_.round(2).tolist()
    [0.67, 0.33]
    >>> new, error = np.array([[5.5, np.nan], [4.0, 4.0]]), np.array([[0.5, 0.5], [4.0, 4.0]])
    >>> model.predict_proba(new, errors=error).round(1).tolist()
    [[0.0, 1.0], [0.5, 0.5]]
    """

    __metadata_request__predict: ClassVar = {"errors": True}
    __metadata_request__predict_proba: ClassVar = {"errors": True}

    def __init__(
        self,
        n_components: int = 1,
        *,
        shrinkage: float = TYPE_PRIOR,
        n_init: int = 20,
        labels_init: Any = None,
        max_iter: int = 1000,
        tol: float = 1e-5,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.shrinkage = shrinkage
        self.n_init = n_init
        self.labels_init = labels_init
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that this is a density, as its own mixtures are."""
        tags = super().__sklearn_tags__()
        tags.estimator_type = "density_estimator"
        return tags

    def fit(self, X: Any, y: Any = None, errors: Any = None) -> ErrorsInVariablesMixture:
        """Fit the components.

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
        ErrorsInVariablesMixture
            Itself.
        """
        self._check_settings()
        data, volume = self._read_first(X, errors)
        enough = float(self.tol) * data.n
        fit = search_types(
            data,
            int(self.n_components),
            seed_of(self.random_state),
            self._given_starts(data.n),
            shrink=float(self.shrinkage),
            budget=self._budget(enough),
        )
        self._model = fit.model
        self.weights_ = fit.model.weights
        self.means_ = self._units.points(fit.model.means)
        self.covariance_ = self._units.covariances(fit.model.covariance)
        self.lower_bounds_ = (fit.path - volume.sum()) / data.n
        self.lower_bound_ = float(self.lower_bounds_[-1])
        self.n_iter_ = len(fit.path) - 1
        self.converged_ = has_converged(fit.path, enough)
        return self

    def fit_predict(self, X: Any, y: Any = None, errors: Any = None) -> np.ndarray:
        """Fit, and give the most probable component of the same sites."""
        return self.fit(X, errors=errors).predict(X, errors=errors)

    def predict(self, X: Any, errors: Any = None) -> np.ndarray:
        """Most probable component of each site, shape (n,), counted from 0."""
        return np.asarray(self.predict_proba(X, errors).argmax(axis=1))

    def predict_proba(self, X: Any, errors: Any = None) -> np.ndarray:
        """Probability of each component given what was seen, shape (n, n_components)."""
        data, _ = self._read(X, errors)
        return self._model.memberships(data)

    def posterior(self, X: Any, errors: Any = None) -> tuple[np.ndarray, np.ndarray]:
        """Say what is known of each true profile, over all components.

        Parameters
        ----------
        X, errors
            As in `fit`.

        Returns
        -------
        means : ndarray, shape (n, n_features)
        covariances : ndarray, shape (n, n_features, n_features)
            Within components, and between them as far as a site's component is not sure.
        """
        data, _ = self._read(X, errors)
        model = self._model
        chances = model.memberships(data)
        parts = [posterior(Population(mean, model.covariance), data) for mean in model.means]
        each = np.stack([means for means, _ in parts])
        means = np.einsum("nk,knq->nq", chances, each)
        off = each - means
        between = np.einsum("nk,kna,knb->nab", chances, off, off)
        return self._units.points(means), self._units.covariances(parts[0][1] + between)

    def aic(self, X: Any, errors: Any = None) -> float:
        """Akaike's criterion; shrinkage is not counted, so that it charges too much."""
        found = self.score_samples(X, errors)
        return float(2 * self._n_parameters() - 2 * found.sum())

    def bic(self, X: Any, errors: Any = None) -> float:
        """Schwarz's criterion; shrinkage is not counted, so that it charges too much."""
        found = self.score_samples(X, errors)
        return float(self._n_parameters() * np.log(len(found)) - 2 * found.sum())

    def sample(self, n_samples: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Draw true profiles (n_samples, n_features) and their components (n_samples,)."""
        check_is_fitted(self)
        check_settings({"n_samples": (n_samples, 1, True)})
        model = self._model
        rng = np.random.default_rng(seed_of(self.random_state))
        labels = np.sort(rng.choice(model.k, size=int(n_samples), p=model.weights))
        noise = rng.normal(size=(len(labels), model.means.shape[1]))
        root = matrix_roots(model.covariance[None])[0]
        return self._units.points(model.means[labels] + noise @ root), labels

    def _n_parameters(self) -> int:
        k, q = self._model.means.shape
        return int(k - 1 + k * q + q * (q + 1) // 2)

    def _budget(self, enough: float) -> Budget:
        first = min(20, int(self.max_iter))
        return Budget(
            population_steps=int(self.max_iter),
            kmeans_runs=int(self.n_init) if self.labels_init is None else 0,
            first_steps=first,
            last_steps=int(self.max_iter) - first,
            population_tolerance=enough,
            last_tolerance=enough,
            calm=CALM,
        )

    def _check_settings(self) -> None:
        check_settings(
            {
                "n_components": (self.n_components, 1, True),
                "shrinkage": (self.shrinkage, 0, False),
                "n_init": (self.n_init, 1, True),
                "max_iter": (self.max_iter, 1, True),
                "tol": (self.tol, 0, False),
            }
        )

    def _given_starts(self, n: int) -> list[np.ndarray]:
        if self.n_components > n:
            raise ValueError(
                f"Expected n_samples >= n_components; found n_components = {self.n_components} "
                f"and n_samples = {n}."
            )
        if self.labels_init is None:
            return []
        labels = np.asarray(self.labels_init)
        known = np.isin(labels, np.arange(self.n_components))
        if labels.shape != (n,) or not known.all():
            raise ValueError(
                f"labels_init: expected {n} labels, one a row of X, from 0 to "
                f"{self.n_components - 1}; found shape {labels.shape} and labels "
                f"{np.unique(labels)[:10].tolist()}."
            )
        return [labels.astype(np.int64)]
