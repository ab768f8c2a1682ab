"""A surrogate of type membership: a forest on natural features, and how faithful it is."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

TREES = 60
DEPTH = 6


@dataclass(frozen=True)
class Fidelity:
    """How well a surrogate tells the types apart on sites that it has not seen.

    Parameters
    ----------
    mean, sd : float
        Balanced accuracy, mean and standard deviation over repeats of the cross-validation;
        NaN where a type has fewer than two sites, so that none can be held out.
    chance : float
        Balanced accuracy of guessing, ``1 / k``.
    """

    mean: float
    sd: float
    chance: float

    @property
    def above_chance(self) -> float:
        """Share of the way from guessing to perfect; NaN where there is no fidelity."""
        return (self.mean - self.chance) / (1 - self.chance) if self.chance < 1 else float("nan")


@dataclass(frozen=True)
class Surrogate:
    """A fitted forest with the features and types it knows.

    Parameters
    ----------
    forest : sklearn.ensemble.ExtraTreesClassifier
    features : tuple of str
    types : tuple of int
    """

    forest: Any
    features: tuple[str, ...]
    types: tuple[int, ...]

    def probabilities(self, values: pd.DataFrame) -> np.ndarray:
        """Probability of each type, shape (n_sites, n_types); gaps are allowed."""
        return np.asarray(self.forest.predict_proba(self._matrix(values)))

    def shap_values(self, values: pd.DataFrame) -> np.ndarray:
        """Shapley values of the type probabilities, shape (n_sites, n_features, n_types).

        For each site and type they add up to its probability less the forest's mean probability
        (tree-path-dependent TreeSHAP, Lundberg et al. 2020, Nature Machine Intelligence 2).
        """
        explainer = shap_package().TreeExplainer(
            self.forest, feature_perturbation="tree_path_dependent"
        )
        shares = explainer.shap_values(self._matrix(values), check_additivity=True)
        return np.asarray(shares)

    def _matrix(self, values: pd.DataFrame) -> np.ndarray:
        cells = values[list(self.features)].to_numpy(dtype=float, na_value=np.nan)
        return np.asarray(cells)


def fit_surrogate(values: pd.DataFrame, labels: pd.Series, seed: int) -> Surrogate:
    """Fit a forest that predicts the type of a site from its natural features.

    Missing values stay missing: each split learns to which side they go.

    Parameters
    ----------
    values : DataFrame, shape (n_sites, n_features)
        Numbers in natural units; NaN where missing.
    labels : Series of Int64
        Type of each site by the same index; sites without a type are left out of the fit.
    seed : int
        Below 2**32.

    Returns
    -------
    Surrogate

    Raises
    ------
    ValueError
        Fewer than two types are left.

    Examples
    --------
    >>> values = pd.DataFrame({"wsa": [0.1, 0.2, None, 0.8, 0.9, 0.7]})
    >>> surrogate = fit_surrogate(values, pd.Series([1, 1, 1, 2, 2, 2], dtype="Int64"), seed=0)
    >>> surrogate.probabilities(values).argmax(axis=1).tolist()
    [0, 0, 0, 1, 1, 1]
    """
    from sklearn.ensemble import ExtraTreesClassifier

    placed = labels.notna().to_numpy()
    known = labels[placed].astype(int).to_numpy()
    if len(np.unique(known)) < 2:
        raise ValueError("A surrogate needs sites of two types or more.")
    forest = ExtraTreesClassifier(
        TREES, max_depth=DEPTH, class_weight="balanced", random_state=seed, n_jobs=1
    )
    forest.fit(values[placed].to_numpy(dtype=float, na_value=np.nan), known)
    return Surrogate(forest, tuple(map(str, values.columns)), tuple(map(int, forest.classes_)))


def cross_validate(
    values: pd.DataFrame, labels: pd.Series, seed: int, repeats: int = 3, folds: int = 5
) -> Fidelity:
    """Measure fidelity by repeated stratified cross-validation over sites.

    Parameters
    ----------
    values, labels
        As for `fit_surrogate`.
    seed : int
    repeats, folds : int
        Folds are at most the number of sites in the smallest type.

    Returns
    -------
    Fidelity
        Balanced accuracy of the pooled held-out predictions of each repeat (Brodersen et al.
        2010, ICPR: mean over types of the share of their sites told right).
    """
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import StratifiedKFold

    placed = labels.notna().to_numpy()
    values, known = values[placed], labels[placed].astype(int)
    sizes = known.value_counts()
    chance = 1 / max(len(sizes), 1)
    if len(sizes) < 2 or sizes.min() < 2:
        return Fidelity(float("nan"), float("nan"), chance)
    scores = []
    for repeat in np.random.SeedSequence(seed).spawn(repeats):
        state = int(repeat.generate_state(1)[0])
        splits = StratifiedKFold(min(folds, int(sizes.min())), shuffle=True, random_state=state)
        told = np.zeros(len(known), dtype=int)
        for train, held in splits.split(values, known):
            fitted = fit_surrogate(values.iloc[train], known.iloc[train], state)
            best = fitted.probabilities(values.iloc[held]).argmax(axis=1)
            told[held] = np.asarray(fitted.types)[best]
        scores.append(balanced_accuracy_score(known.to_numpy(), told))
    return Fidelity(float(np.mean(scores)), float(np.std(scores, ddof=1)), chance)


def shap_package() -> Any:
    """Import shap without the notice that it gives under matplotlib 3.11."""
    # shap 0.51 sets up its colour maps on import with a call that matplotlib 3.11 announces to
    # deprecate; the notice says nothing about our results.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        import shap
    return shap
