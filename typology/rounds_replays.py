"""Rounds simulated from the types in which nothing changed: what error alone would show.

Parametric bootstrap (Efron and Tibshirani 1993, *An Introduction to the Bootstrap*, chapter 16)
with the search for the types in it: each replicate simulates the round that the types came from and
fits them again. Without that, types fitted to few sites would seem to fit no other round, and sites
would seem to leave them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from site_typology.assign import OUTSIDE

if TYPE_CHECKING:
    from site_typology.models.mixture import TypeModel
    from site_typology.models.transitions import RoundsData
    from site_typology.models.working import WorkingData

MATTERS = 2.0
"""How far the centre of each type has to move, in within-type SDs, for a change that matters."""
REFIT_UP_TO = 1000
"""Sites up to which types are fitted again to simulated data; beyond, they are as good as known."""
_EM_STEPS = 50


@dataclass(frozen=True)
class Setting:
    """What replays are simulated from.

    Parameters
    ----------
    model : TypeModel
        The types, fitted to `old`.
    old : WorkingData
        Sites with enough data in the round that the types came from.
    new : mapping of str to WorkingData
        The same of every other round.
    steps : mapping of str to ndarray, shape (k, k)
        How types in the old round went on to types in each other round.
    persistence : float
        Share of the within-type covariance that stays with a site.
    rounds : tuple of str
        In order of time; the one that is not in `new` is the old one.
    followed : RoundsData
        What was measured of the followed sites.
    sites : tuple of str
        The followed sites.
    """

    model: TypeModel
    old: WorkingData
    new: Mapping[str, WorkingData]
    steps: Mapping[str, np.ndarray]
    persistence: float
    rounds: tuple[str, ...]
    followed: RoundsData
    sites: tuple[str, ...]


@dataclass(frozen=True)
class Replay:
    """Statistics of one replicate; see `fit_statistics` for those of a round.

    Parameters
    ----------
    unchanged, steady, moved : mapping of str to tuple of float
        By round: nothing changed but that sites move as was estimated; shares of types as they
        were too; and the centre of each type `MATTERS` within-type SDs away.
    movers : ndarray, shape (rounds - 1,)
        Estimated share of movers where nobody moves.
    """

    unchanged: Mapping[str, tuple[float, float, float]]
    steady: Mapping[str, tuple[float, float, float]]
    moved: Mapping[str, tuple[float, float, float]]
    movers: np.ndarray


def replay(setting: Setting, seed: int, at: int) -> Replay:
    """Simulate one replicate, and measure it as the data are measured."""
    rng = np.random.default_rng([seed, at])
    world = without_optimism(setting.model, setting.old)
    root = np.linalg.cholesky(world.covariance)
    old = setting.old
    kinds = rng.choice(world.k, size=old.n, p=world.weights)
    lasting = np.sqrt(setting.persistence) * rng.normal(size=(old.n, old.q)) @ root.T
    simulated = _measured(world, world.means[kinds] + lasting, setting, old, rng)
    refitted = _refit(simulated, world, kinds, seed + at)
    place = {site: row for row, site in enumerate(old.sites)}
    directions = rng.normal(size=world.means.shape)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    centres = world.means + MATTERS * directions @ root.T
    found: dict[str, dict[str, tuple[float, float, float]]] = {}
    still = {}
    for round_, data in setting.new.items():
        rows = np.array([place.get(site, -1) for site in data.sites])
        stays = np.sqrt(setting.persistence) * rng.normal(size=(data.n, data.q)) @ root.T
        stays[rows >= 0] = lasting[rows[rows >= 0]]
        own = rng.choice(world.k, size=data.n, p=world.weights)
        own[rows >= 0] = kinds[rows[rows >= 0]]
        moves = setting.steps[round_]
        for name, means, matrix in (
            ("unchanged", world.means, moves),
            ("steady", world.means, steady(moves, world.weights)),
            ("moved", centres, moves),
        ):
            later = np.where(rows >= 0, _drawn(matrix, own, rng), own)
            measured = _measured(world, means[later] + stays, setting, data, rng)
            found.setdefault(name, {})[round_] = fit_statistics(refitted, simulated, measured)
        still[round_] = _measured(world, world.means[own] + stays, setting, data, rng)
    movers = _movers(setting, refitted, simulated, still)
    return Replay(found["unchanged"], found["steady"], found["moved"], movers)


def fit_statistics(
    model: TypeModel, old: WorkingData, new: WorkingData
) -> tuple[float, float, float]:
    """How types fit a new round.

    Returns
    -------
    float
        Mean log-likelihood of a site of the new round, the shares of the types fitted afresh (EM).
    float
        By how much that is above the one with the shares as they were.
    float
        Share of its sites that lie beyond all types, by the rule of assignment.
    """
    from scipy.special import logsumexp

    from site_typology.models.plausible import SeenCells

    joint = model.log_joint(SeenCells.of(new))
    single = logsumexp(joint, axis=1)
    densities = joint - np.log(model.weights)
    weights = model.weights
    for _ in range(_EM_STEPS):
        logs = densities + np.log(weights)
        weights = np.exp(logs - logsumexp(logs, axis=1, keepdims=True)).mean(axis=0)
        weights = np.maximum(weights, 1e-12)
    fresh = float(logsumexp(densities + np.log(weights), axis=1).mean())
    reach = min(float(np.log(OUTSIDE)), float(_tails(model, old, old.n).min()))
    beyond = _tails(model, new, old.n) < reach
    return fresh, fresh - float(single.mean()), float(beyond.mean())


def without_optimism(model: TypeModel, data: WorkingData) -> TypeModel:
    """Take back what fitting types to few sites adds to their distances.

    Estimated means scatter around the true ones, which adds ``(k - 1) / n`` times the mean
    covariance of what is seen to the scatter between types (as in one-way analysis of variance).
    The covariance stays: divided by ``n - k`` in place of ``n`` it would make the simulated rounds
    more diffuse than rounds are, in which types that changed seem to fit.
    """
    n, k = data.n, model.k
    inverse = np.linalg.inv(model.covariance)
    centre = model.weights @ model.means
    apart = model.means - centre
    between = float(np.einsum("k,kq,qr,kr->", model.weights, apart, inverse, apart))
    seen = np.where(data.observed[:, :, None] & data.observed[:, None, :], data.errors, 0.0)
    noise = (k - 1) / n * (data.q + float(np.einsum("qr,nrq->n", inverse, seen).mean()))
    kept = 0.0 if between <= 0 else float(np.sqrt(max(0.0, 1 - noise / between)))
    return dataclasses.replace(model, means=centre + kept * apart)


def steady(steps: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Moves as frequent as in `steps` that leave the shares of the types as they are.

    Examples
    --------
    >>> matrix = steady(np.array([[0.9, 0.1], [0.3, 0.7]]), np.array([0.5, 0.5]))
    >>> matrix.round(2).tolist()
    [[0.8, 0.2], [0.2, 0.8]]
    """
    stay = float(weights @ np.diag(steps))
    rest = 1 - float(weights @ weights)
    moving = 0.0 if rest <= 0 else min(1.0, (1 - stay) / rest)
    return np.asarray((1 - moving) * np.eye(len(weights)) + moving * weights[None, :])


def _drawn(steps: np.ndarray, kinds: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    reached = steps[kinds].cumsum(axis=1)
    return np.asarray((rng.random((len(kinds), 1)) * reached[:, -1:] > reached).sum(axis=1))


def _measured(
    world: TypeModel,
    expected: np.ndarray,
    setting: Setting,
    data: WorkingData,
    rng: np.random.Generator,
) -> WorkingData:
    """Add what is new in a round, and its sites' errors and gaps."""
    from site_typology.models.unimodal import add_errors

    root = np.linalg.cholesky(world.covariance) * np.sqrt(1 - setting.persistence)
    return add_errors(expected + rng.normal(size=expected.shape) @ root.T, data, rng)


def _refit(data: WorkingData, world: TypeModel, kinds: np.ndarray, seed: int) -> TypeModel:
    from site_typology.models.mixture import TYPE_PRIOR, Budget, fit_types
    from site_typology.models.plausible import POPULATION_PRIOR

    if data.n > REFIT_UP_TO:
        return world
    shrink = TYPE_PRIOR if world.k > 1 else POPULATION_PRIOR
    budget = Budget(kmeans_runs=1, finalists=2)
    return fit_types(data, world.k, seed, [kinds], shrink=shrink, budget=budget)


def _tails(model: TypeModel, data: WorkingData, fitted: int) -> np.ndarray:
    """Log probability that a member is as far from its type as each site from its nearest."""
    from site_typology.models.tails import log_tail

    squares = model.distances(data)
    nearest = squares.argmin(axis=1)
    smallest = squares[np.arange(data.n), nearest]
    return log_tail(model, smallest, nearest, model.observed(data), fitted)


def _movers(
    setting: Setting, model: TypeModel, old: WorkingData, still: Mapping[str, WorkingData]
) -> np.ndarray:
    """Estimated share of movers of the followed sites in simulated rounds."""
    from site_typology.models.transitions import fit_transitions, moving

    values = np.full_like(setting.followed.values, np.nan)
    errors = np.zeros_like(setting.followed.errors)
    for at, round_ in enumerate(setting.rounds):
        data = still.get(round_, old)
        place = {site: row for row, site in enumerate(data.sites)}
        here = [row for row, site in enumerate(setting.sites) if site in place]
        rows = [place[setting.sites[row]] for row in here]
        values[here, at], errors[here, at] = data.values[rows], data.errors[rows]
    values[np.isnan(setting.followed.values)] = np.nan
    followed = dataclasses.replace(setting.followed, values=values, errors=errors)
    persistence = (setting.persistence,)
    found = fit_transitions(followed, model.means, model.covariance, persistence)
    return moving(found.path_probabilities(), found.paths, followed)
