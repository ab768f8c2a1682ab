"""What a method's answer is worth beside the truth, and how many of them are summed up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.stats import norm
from sklearn.metrics import adjusted_rand_score

BINS = 10
NO_TYPE = -1
"""Label of a site that a method gives no type."""


@dataclass(frozen=True)
class Answer:
    """What a method says about one data set.

    Parameters
    ----------
    claims : bool
        Whether it says that there are two types or more.
    k : int
    labels : ndarray of int
        Type of each site, `NO_TYPE` for none.
    confidence : ndarray, optional
        Probability that it gives to each site's type.
    verdict : str
        In its own words, where it has any.
    figures : mapping of str to float
        What it rests on, kept with the results.
    """

    claims: bool
    k: int
    labels: np.ndarray
    confidence: np.ndarray | None = None
    verdict: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)


def score(answer: Answer, truth: np.ndarray) -> dict[str, object]:
    """Compare an answer with the true types; agreement counts the sites that were given a type."""
    row: dict[str, object] = {"claims": answer.claims, "k": answer.k}
    if answer.verdict:
        row["verdict"] = answer.verdict
    if answer.figures:
        row["figures"] = dict(answer.figures)
    types = len(np.unique(truth))
    if not answer.claims or types == 1:
        return row
    placed = answer.labels != NO_TYPE
    row["right_k"] = answer.k == types
    row["placed"] = float(placed.mean())
    row["ari"] = float(adjusted_rand_score(truth[placed], answer.labels[placed]))
    if answer.confidence is not None:
        right = matched(truth[placed], answer.labels[placed])
        row["bins"] = calibration_bins(answer.confidence[placed], right).tolist()
    return row


def matched(truth: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Whether each site's type is its true one, types matched one to one for the most agreement.

    A type beyond the number of true ones has no partner, so that its sites are wrong.
    """
    true, found = np.unique(truth, return_inverse=True), np.unique(labels, return_inverse=True)
    table = np.zeros((len(found[0]), len(true[0])), dtype=int)
    np.add.at(table, (found[1], true[1]), 1)
    partner = np.full(len(found[0]), -1)
    rows, columns = linear_sum_assignment(-table)
    partner[rows] = columns
    return np.asarray(partner[found[1]] == true[1])


def calibration_bins(confidence: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Sites, sum of confidences and number right in ten bins of equal width; shape (10, 3)."""
    at = np.minimum((confidence * BINS).astype(int), BINS - 1)
    bins = np.zeros((BINS, 3))
    np.add.at(bins, at, np.column_stack([np.ones(len(at)), confidence, right]))
    return bins


def expected_calibration_error(bins: np.ndarray) -> float:
    """Mean distance of share right from mean confidence, bins weighted by their sites.

    Naeini, Cooper and Hauskrecht (2015), *Obtaining well calibrated probabilities using Bayesian
    binning*, AAAI.
    """
    return float(np.abs(bins[:, 2] - bins[:, 1]).sum() / bins[:, 0].sum())


def wilson(successes: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Score interval of a share (Wilson 1927, *JASA* 22)."""
    z = float(norm.ppf((1 + level) / 2))
    share = successes / trials
    centre = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials)
    half *= np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def mean_with_error(values: Sequence[float]) -> str:
    """Mean with its Monte Carlo error, the standard deviation over the root of the number."""
    if not values:
        return "-"
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return f"{np.mean(values):.2f} ({np.std(values, ddof=1) / np.sqrt(len(values)):.2f})"
