"""How well sites could be placed in types, were they true: the gate before a claim."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from site_typology.models.mixture import BUDGET, TypeModel, fit_types
from site_typology.models.parallel import Kept, Progress, run_tasks
from site_typology.models.plausible import SeenCells
from site_typology.models.temperature import fit_temperature, temperature_error, tempered
from site_typology.models.typedness import LEAST_SITES
from site_typology.models.unimodal import add_errors
from site_typology.models.working import WorkingData
from site_typology.number_of_types import NumberRule

STAGE: Final = "expected agreement"
TIMES: Final = (2.0, 4.0, 8.0)
"""Times the information in each measured value that are tried where there is too little."""


@dataclass(frozen=True)
class Agreement:
    """How well sites could be placed if the fitted types were true.

    Parameters
    ----------
    adjusted_rand : float
        Mean adjusted Rand index of refitted types with simulated ones; NaN for one type.
    adjusted_rand_error : float
        Its Monte Carlo standard error.
    relative_entropy : float
        Certainty of the memberships of the data, `relative_entropy`.
    expected_relative_entropy : float
        The same, mean over the simulated data sets.
    temperature : float
        At which the simulated sites are as sure of their types as they are right, their number
        chosen anew where a rule was given; 1 for one type.
    temperature_error : float
        Its Monte Carlo standard error.
    replicates : int
    """

    adjusted_rand: float
    adjusted_rand_error: float
    relative_entropy: float
    expected_relative_entropy: float
    temperature: float
    temperature_error: float
    replicates: int


def relative_entropy(memberships: np.ndarray) -> float:
    """Certainty of memberships: 1 minus their entropy over its maximum (Celeux, Soromenho 1996).

    Parameters
    ----------
    memberships : ndarray, shape (n, k)

    Returns
    -------
    float
        1 where every site is certain of its type, 0 where none says anything; NaN for one type.

    Examples
    --------
    >>> relative_entropy(np.array([[1.0, 0.0], [0.5, 0.5]]))
    0.5
    """
    n, k = memberships.shape
    if k < 2:
        return float("nan")
    kept = np.clip(memberships, 1e-300, 1)
    return float(1 + (memberships * np.log(kept)).sum() / (n * np.log(k)))


def expected_agreement(
    model: TypeModel,
    data: WorkingData,
    *,
    rule: NumberRule | None = None,
    replicates: int = 40,
    seed: int = 0,
    stage: str = STAGE,
    workers: int = 1,
    progress: Progress | None = None,
    kept: Kept | None = None,
) -> Agreement:
    """Simulate from the fitted types with the same errors and gaps, refit, and compare.

    Parameters
    ----------
    model : TypeModel
        Fitted to `data`.
    data : WorkingData
    rule : NumberRule, optional
        How the data got their number of types. The temperature is then that of sites whose number
        of types is chosen by it: a type missed or added makes sites sure and wrong.
    replicates : int
    seed : int
        Results are the same for any number of `workers`.
    stage : str
    workers : int
    progress : callable, optional
    kept : Kept, optional
        As in `run_tasks`.

    Returns
    -------
    Agreement

    Examples
    --------
    >>> from site_typology.models.working import exact_data
    >>> rng = np.random.default_rng(1)
    >>> rows = exact_data(np.vstack([rng.normal(0, 1, (15, 3)), rng.normal(9, 1, (15, 3))]))
    >>> expected_agreement(fit_types(rows, 2, seed=1), rows, replicates=5).adjusted_rand
    1.0
    """
    certainty = relative_entropy(model.memberships(data))
    if model.k < 2:
        return Agreement(float("nan"), float("nan"), certainty, certainty, 1.0, 0.0, 0)
    streams = np.random.SeedSequence(seed).spawn(replicates)
    refits = run_tasks(
        partial(_refit, model, data, rule),
        streams,
        workers=workers,
        progress=progress,
        stage=stage,
        kept=kept,
    )
    found = np.array([figures for figures, _ in refits])
    placed = [log_joint for _, log_joint in refits]
    spread = float(found[:, 0].std(ddof=1)) if replicates > 1 else float("nan")
    return Agreement(
        float(found[:, 0].mean()),
        spread / np.sqrt(replicates),
        certainty,
        float(found[:, 1].mean()),
        fit_temperature(np.vstack(placed)),
        temperature_error(placed, seed),
        replicates,
    )


def at_times(times: float) -> str:
    """Name of the figure that is the agreement with so many times the information."""
    return f"expected_agreement_at_{times:g}_times"


def measured_better(
    model: TypeModel,
    data: WorkingData,
    enough: float,
    *,
    replicates: int = 40,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
    kept: Kept | None = None,
) -> tuple[tuple[float, float], ...]:
    """Find how many times the information in each value would place the sites well enough.

    Twice the informants at a site, or records of twice the people or time, halve the variance of
    what is measured there. Gaps stay gaps, and values that are known exactly as they are.

    Parameters
    ----------
    model : TypeModel
        Fitted to `data`.
    data : WorkingData
    enough : float
        Expected agreement at which it ends.
    replicates, seed, workers, progress, kept
        As in `expected_agreement`.

    Returns
    -------
    tuple of (float, float)
        Times the information, of `TIMES`, and the agreement expected with it; empty where no
        value has an error.

    Examples
    --------
    >>> from site_typology.models.working import exact_data
    >>> rng = np.random.default_rng(1)
    >>> rows = np.vstack([rng.normal(0, 1, (15, 3)), rng.normal(4, 1, (15, 3))])
    >>> vague = exact_data(rows, np.tile(9 * np.eye(3), (30, 1, 1)))
    >>> model = TypeModel(np.array([0.5, 0.5]), np.array([[0.0] * 3, [4.0] * 3]), np.eye(3))
    >>> [times for times, _ in measured_better(model, vague, 0.8, replicates=5)]
    [2.0, 4.0]
    """
    if np.array_equal(data.scaled(0.5).errors, data.errors):
        return ()
    found: list[tuple[float, float]] = []
    for times in TIMES:
        better = expected_agreement(
            model,
            data.scaled(1 / times),
            replicates=replicates,
            seed=seed,
            stage=f"{STAGE} at {times:g} times the information",
            workers=workers,
            progress=progress,
            kept=kept,
        )
        found.append((times, better.adjusted_rand))
        if better.adjusted_rand >= enough:
            break
    return tuple(found)


def _refit(
    model: TypeModel, data: WorkingData, rule: NumberRule | None, stream: np.random.SeedSequence
) -> tuple[np.ndarray, np.ndarray]:
    """Refit the types to simulated sites, and place these.

    Returns
    -------
    ndarray, shape (2,)
        Adjusted Rand index and relative entropy, told the number of types.
    ndarray, shape (n, width)
        Log joint densities of the refitted types and each site, `_true_first`; the number of types
        chosen by the rule, if there is one, and width the most there can be. No rows where a type
        was given fewer sites than a type needs: what cannot be found again says nothing of how well
        types are known that were found.
    """
    from sklearn.metrics import adjusted_rand_score

    rng = np.random.default_rng(stream)
    labels = rng.choice(model.k, size=data.n, p=model.weights)
    root = np.linalg.cholesky(model.covariance)
    truth = model.means[labels] + rng.normal(size=data.values.shape) @ root.T
    drawn = add_errors(truth, data, rng)
    search_seed = int(rng.integers(2**31))
    fitted = fit_types(drawn, model.k, search_seed, budget=BUDGET)
    memberships = fitted.memberships(drawn)
    agreement = adjusted_rand_score(labels, memberships.argmax(axis=1))
    width = model.k if rule is None else max(model.k, *rule.ks)
    log_joint = np.empty((0, width))
    if np.bincount(labels, minlength=model.k).min() >= (rule.least if rule else LEAST_SITES):
        number = model.k if rule is None else rule.number_in(drawn, search_seed)
        if number != model.k:
            fitted = fit_types(drawn, number, search_seed, budget=BUDGET)
        log_joint = _true_first(fitted, labels, model.k, drawn, width)
    return np.array([agreement, relative_entropy(memberships)]), log_joint


def _true_first(
    model: TypeModel, labels: np.ndarray, k: int, data: WorkingData, width: int
) -> np.ndarray:
    """Log joint densities with the true type of each site in the first of `width` columns.

    Types are matched one to one with the k true ones. A true type without a partner, and columns
    beyond the types that there are, have a density of 0.
    """
    from scipy.optimize import linear_sum_assignment

    found = model.log_joint(SeenCells.of(data))
    shared = np.eye(k)[labels].T @ tempered(found, 1.0)
    true, partners = linear_sum_assignment(-shared)
    partner = np.full(k, model.k)
    partner[true] = partners
    every = np.pad(found, ((0, 0), (0, width - model.k)), constant_values=-np.inf)
    order = np.argsort(np.arange(width) != partner[labels][:, None], axis=1, kind="stable")
    return np.take_along_axis(every, order, axis=1)
