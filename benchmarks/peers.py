"""Other ways to decide whether sites fall into types, as they are commonly used.

Every peer gets what the engine prepared: the sites with enough data on the working scale (square
roots of rates, arcsine roots of shares, log-ratios of compositions, so that columns have full
rank), each column with mean 0 and standard deviation 1. Gaps are filled with 0, the mean of the
column; StepMix takes them as they are (full information maximum likelihood). Numbers of types go
from 1, or 2 where a rule cannot say 1, to 6. Peers in R: `peers_r.py` and `peers.R`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from scoring import NO_TYPE, Answer
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import silhouette_score
from sklearn.mixture import GaussianMixture

MOST_TYPES = 6
STARTS = 10
SLOW_STARTS = 5
"""Of StepMix, which takes most of the time."""


def standardised(values: np.ndarray) -> np.ndarray:
    """Columns with mean 0 and standard deviation 1 over what is known; gaps stay."""
    spread = np.nanstd(values, axis=0)
    return np.asarray((values - np.nanmean(values, axis=0)) / np.where(spread > 0, spread, 1.0))


def filled(values: np.ndarray) -> np.ndarray:
    """Standardised values with the mean of the column where there is a gap."""
    return np.nan_to_num(standardised(values))


def kmeans_silhouette(values: np.ndarray, seed: int) -> Answer:
    """k-means, 2 to 6 types, the best mean silhouette (Rousseeuw 1987). It cannot say one."""
    rows = filled(values)
    tried = {}
    for k in range(2, min(MOST_TYPES, len(rows) - 1) + 1):
        labels = KMeans(k, n_init=STARTS, random_state=seed).fit_predict(rows)
        tried[k] = (silhouette_score(rows, labels), labels)
    k = max(tried, key=lambda number: tried[number][0])
    return Answer(True, k, tried[k][1])


def mixture_bic(values: np.ndarray, seed: int) -> Answer:
    """Gaussian mixture, 1 to 6 types and four forms of covariance, the lowest BIC."""
    rows = filled(values)
    fits = [
        GaussianMixture(k, covariance_type=form, n_init=STARTS, random_state=seed).fit(rows)
        for k in range(1, MOST_TYPES + 1)
        for form in ("spherical", "diag", "tied", "full")
    ]
    best = min(fits, key=lambda fit: fit.bic(rows))
    return _by_memberships(best.predict_proba(rows))


def stepmix_bic(values: np.ndarray, seed: int) -> Answer:
    """Latent profiles (StepMix, ``continuous_nan``), 1 to 6 types, the lowest finite BIC.

    Variances by type and feature collapse where a type has one known value; such a fit has no
    BIC, and another number of types is taken.
    """
    from stepmix import StepMix

    rows = standardised(values)
    tried = {}
    with np.errstate(all="ignore"):
        for k in range(1, MOST_TYPES + 1):
            fit = StepMix(
                k,
                measurement="continuous_nan",
                n_init=SLOW_STARTS,
                random_state=seed,
                progress_bar=0,
            ).fit(rows)
            tried[k] = (float(fit.bic(rows)), fit)
    best = min((pair for pair in tried.values() if np.isfinite(pair[0])), key=lambda pair: pair[0])[
        1
    ]
    return _by_memberships(best.predict_proba(rows))


def hdbscan_defaults(values: np.ndarray, seed: int) -> Answer:
    """HDBSCAN with its defaults; sites that it calls noise have no type. Takes no seed."""
    from hdbscan import HDBSCAN

    labels = HDBSCAN(core_dist_n_jobs=1).fit_predict(filled(values))
    k = len(set(labels.tolist()) - {NO_TYPE})
    return Answer(k > 1, max(k, 1), labels)


def _by_memberships(chances: np.ndarray) -> Answer:
    """Sites in their likeliest types; a type that no site is likeliest in is not counted."""
    labels = chances.argmax(axis=1)
    k = len(np.unique(labels))
    return Answer(k > 1, k, labels, chances.max(axis=1))


PEERS: dict[str, Callable[[np.ndarray, int], Answer]] = {
    "kmeans": kmeans_silhouette,
    "gmm": mixture_bic,
    "stepmix": stepmix_bic,
    "hdbscan": hdbscan_defaults,
}


def ask(name: str, values: np.ndarray, seed: int) -> Answer:
    """Let one peer answer; numpy seeds have 32 bits."""
    with warnings.catch_warnings():
        # Used as they come: a peer that stops before it converges answers all the same.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return PEERS[name](values, seed % 2**32)
