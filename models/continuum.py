"""A continuum: sites along one line or bent curve, as an errors-in-variables model.

The true profile of a site at place t of the curve is ``N(curve(t), covariance)``, with t between
-1 and 1 and a density of one mode along it. The curve is a polynomial of the second degree, fitted
as the generative topographic mapping is (Bishop, Svensen and Williams 1998, *Neural Computation*
10, 215-234): a mixture on a grid of places whose means are bound to the curve. Its covariance is
shrunk like that of types (`site_typology.models.mixture`), so that the two can be compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from site_typology.models.mixture_starts import OnePopulation
from site_typology.models.unimodal import add_errors

if TYPE_CHECKING:
    from site_typology.models.mixture import TypeModel
    from site_typology.models.working import WorkingData

NODES = 21
"""Places on the grid."""
RIDGE = np.array([0.0, 0.15, 0.6])
"""Weight, in sites, with which the level, slope and bend of the curve are drawn to 0."""
FIRST_STEPS, LAST_STEPS = 8, 40
TOLERANCE = 1e-3
_PLACES = 2 * (np.arange(NODES) + 0.5) / NODES - 1


def _basis(places: np.ndarray) -> np.ndarray:
    """1, t and t squared less its mean over even places, shape (n, 3)."""
    return np.column_stack([np.ones(len(places)), places, places**2 - 1 / 3])


@dataclass(frozen=True)
class Continuum:
    """Sites along a curve.

    Parameters
    ----------
    weights : ndarray, shape (nodes,)
        Share of sites at each place of the grid from -1 to 1.
    means : ndarray, shape (nodes, q)
        The curve at these places, on the working scale.
    covariance : ndarray, shape (q, q)
        Spread of the true profiles about the curve.
    log_likelihood : float
        Of the data that it was fitted to.
    """

    weights: np.ndarray
    means: np.ndarray
    covariance: np.ndarray
    log_likelihood: float

    def memberships(self, data: WorkingData) -> np.ndarray:
        """Probability of each place at each site, shape (n, nodes)."""
        from site_typology.models.mixture import TypeModel

        return TypeModel(self.weights, self.means, self.covariance).memberships(data)

    @property
    def along(self) -> float:
        """Variance of the true profiles along the curve, over all columns."""
        shares = self.weights / self.weights.sum()
        return float(shares @ ((self.means - shares @ self.means) ** 2).sum(axis=1))

    @property
    def share(self) -> float:
        """Share of the variance of the true profiles that lies along the curve."""
        return self.along / (self.along + float(np.trace(self.covariance)))

    @property
    def dominance(self) -> float:
        """Variance along the curve, in times that of the widest direction across it."""
        return self.along / float(np.linalg.eigvalsh(self.covariance)[-1])

    def reliability(self, data: WorkingData) -> float:
        """Share of the variance of the sites' places that is not doubt about them."""
        chances = self.memberships(data)
        means = chances @ _PLACES
        doubt = float((chances @ _PLACES**2 - means**2).mean())
        spread = float(means.var())
        return spread / (spread + doubt)

    def places(self, data: WorkingData, level: float = 0.95) -> np.ndarray:
        """Place of each site along the curve with its interval, shape (n, 3): mean, low, high.

        Each place of the grid stands for the piece of the curve about it, and the ends of the
        interval lie inside such pieces.

        Parameters
        ----------
        data : WorkingData
        level : float
            Probability of the interval.
        """
        chances = self.memberships(data)
        ends = np.linspace(-1, 1, NODES + 1)
        tail = (1 - level) / 2
        limits = [
            np.interp([tail, 1 - tail], np.append(0.0, np.cumsum(row)), ends) for row in chances
        ]
        return np.column_stack([chances @ _PLACES, np.array(limits)])

    def simulate(self, data: WorkingData, rng: np.random.Generator) -> WorkingData:
        """Draw true profiles for the sites of `data` and give them its errors and gaps."""
        return add_errors(self.draw(rng, data.n), data, rng)

    def draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Draw n true profiles, shape (n, q); places between two nodes lie on the line between."""
        at = rng.choice(NODES, size=n, p=self.weights / self.weights.sum())
        beside = rng.random(n) - 0.5
        other = (at + np.where(beside > 0, 1, -1)).clip(0, NODES - 1)
        along = self.means[at] + np.abs(beside)[:, None] * (self.means[other] - self.means[at])
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.clip(values, 0, None))
        return np.asarray(along + rng.normal(size=along.shape) @ root.T)


def fit_continuum(one: OnePopulation, shrink: float, types: TypeModel | None = None) -> Continuum:
    """Fit a continuum to sites of which one population has been fitted.

    Parameters
    ----------
    one : OnePopulation
    shrink : float
        Weight, in sites, of the diagonal that the covariance is shrunk to.
    types : TypeModel, optional
        Three types, through which curves are tried in each order.

    Returns
    -------
    Continuum
        The start that ended with the highest log-likelihood.

    Examples
    --------
    >>> from site_typology.models.mixture import BUDGET
    >>> from site_typology.models.mixture_starts import one_population
    >>> from site_typology.models.plausible import SeenCells
    >>> from site_typology.models.working import exact_data
    >>> along = np.linspace(-1, 1, 40)
    >>> rows = np.column_stack([4 * along, 4 * along**2]) + 0.1 * np.sin(9 * along)[:, None]
    >>> data = exact_data(rows)
    >>> found = fit_continuum(one_population(SeenCells.of(data), 20.0, BUDGET), 20.0)
    >>> bool(abs(np.corrcoef(found.places(data)[:, 0], along)[0, 1]) > 0.99)
    True
    """
    from site_typology.models import continuum_kernels

    anchor = np.ascontiguousarray(np.diag(one.covariance))
    basis = np.ascontiguousarray(_basis(_PLACES))

    def climb(state: _State, steps: int) -> float:
        return float(
            continuum_kernels.climb_curve(
                *one.seen.blocks, *state, basis, RIDGE, anchor, shrink, steps, TOLERANCE
            )
        )

    states = [_state_of(one, order, shrink) for order in _orders(one, types)]
    reached = [climb(state, FIRST_STEPS) for state in states]
    best = states[int(np.argmax(reached))]
    log_likelihood = climb(best, LAST_STEPS)
    weights, means, covariance, _ = best
    return Continuum(weights, means, covariance, log_likelihood)


_State = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _orders(one: OnePopulation, types: TypeModel | None) -> Iterator[np.ndarray]:
    """Orders of the sites along a curve to start from, each as one number a site."""
    components = one.components
    yield components[:, 0]
    if components.shape[1] < 2:
        return
    yield components[:, 1]
    yield _around_a_circle(components[:, :2])
    if types is not None and types.k == 3:
        for middle in range(3):
            ends = [at for at in range(3) if at != middle]
            yield _along_path(one, types.means[[ends[0], middle, ends[1]]])


def _around_a_circle(points: np.ndarray) -> np.ndarray:
    """Angle about the centre of the circle through the points, from their widest gap on.

    The circle is that of least algebraic squares (Kasa 1976, *IEEE Trans. Instrum. Meas.* 25).
    """
    left = np.column_stack([2 * points, np.ones(len(points))])
    centre = np.linalg.lstsq(left, (points**2).sum(axis=1), rcond=None)[0][:2]
    angle = np.arctan2(points[:, 1] - centre[1], points[:, 0] - centre[0])
    turned = np.sort(angle)
    gaps = np.diff(np.append(turned, turned[0] + 2 * np.pi))
    return np.asarray(np.mod(angle - turned[gaps.argmax()] - 1e-9, 2 * np.pi))


def _along_path(one: OnePopulation, corners: np.ndarray) -> np.ndarray:
    """Where sites fall nearest to the path through three corners, 0 to 2."""
    inverse = np.linalg.inv(one.covariance)
    places, distances = [], []
    for at in range(2):
        leg = corners[at + 1] - corners[at]
        length = max(float(leg @ inverse @ leg), 1e-12)
        share = np.clip((one.blups - corners[at]) @ inverse @ leg / length, 0, 1)
        beside = one.blups - corners[at] - share[:, None] * leg
        places.append(at + share)
        distances.append(np.einsum("na,ab,nb->n", beside, inverse, beside))
    return np.asarray(np.where(distances[0] < distances[1], places[0], places[1]))


def _state_of(one: OnePopulation, order: np.ndarray, shrink: float) -> _State:
    """Weights, means, covariance and curve from an order: one regression on even places."""
    n = len(order)
    ranks = np.argsort(np.argsort(order, kind="stable"), kind="stable")
    basis = _basis(2 * (ranks + 0.5) / n - 1)
    curve = np.linalg.solve(basis.T @ basis + np.diag(RIDGE), basis.T @ one.blups)
    means = _basis(_PLACES) @ curve
    rest = one.blups - basis @ curve
    within = (rest.T @ rest + one.spreads.sum(axis=0)) / n
    variance = np.diag(one.covariance)
    target = np.maximum(variance - means.var(axis=0), 0.05 * variance)
    covariance = (n * within + shrink * np.diag(target)) / (n + shrink)
    return (
        np.full(NODES, 1 / NODES),
        np.ascontiguousarray(means),
        np.ascontiguousarray(covariance),
        np.ascontiguousarray(curve),
    )
