"""Shapley values of membership over plausible profiles: in closed form, or of a surrogate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from site_typology.models.working import WorkingData
    from site_typology.typology import Typology

SURROGATE_DRAWS, SURROGATE_ROWS = 10, 20_000
EXACT_DRAWS, EXACT_ROWS = 50, 125_000

Method = Literal["exact", "surrogate"]


def placed_members(typology: Typology) -> pd.DataFrame:
    """Memberships of the sites that have a type, by site, in order of their names.

    What is drawn for a site must not depend on where it stands in a table.
    """
    members = typology.memberships.dropna(subset="type").set_index("site")
    return members.sort_index(key=lambda sites: sites.astype(str), kind="stable")


@dataclass(frozen=True)
class Placed:
    """Sites that have a type.

    Parameters
    ----------
    sites : tuple of str
        In order of their names.
    labels : ndarray of int, shape (n,)
        Type of each site, from 1.
    following : ndarray of int, shape (n,)
        Next type of each site, from 1.
    data : WorkingData
        Their measured profiles on the working scale.
    observed : DataFrame
        The same in natural units, the features that types were built from.
    """

    sites: tuple[str, ...]
    labels: np.ndarray
    following: np.ndarray
    data: WorkingData
    observed: pd.DataFrame

    @classmethod
    def of(cls, typology: Typology) -> Placed:
        """Look up the sites of a typology that have a type."""
        members = placed_members(typology)
        sites = list(members.index)
        profiles = typology.profiles.select(sites=sites)
        values = profiles.values.droplevel("round")[list(typology.scale.features)]
        return cls(
            tuple(map(str, sites)),
            members["type"].to_numpy(dtype=int),
            members["next_type"].to_numpy(dtype=int),
            typology.scale.transform(profiles),
            values.astype(float),
        )

    def series(self) -> pd.Series:
        """Types by site."""
        return pd.Series(self.labels, index=self.observed.index, dtype="Int64")


@dataclass(frozen=True)
class Shares:
    """Shapley values of the placed sites at several plausible profiles.

    Parameters
    ----------
    method : {"exact", "surrogate"}
    sites : tuple of str
        In order of their names.
    players : tuple of str
        What a value is given to: a feature, or a whole composition.
    parts : tuple of tuple of str
        Features of each player.
    owner : ndarray of int, shape (q,)
        Player of each working column.
    base : ndarray, shape (k,)
        Mean over the background of what is explained.
    types : ndarray, shape (draws, n, players, k)
        For every type: of its log-odds against the others on average (`exact`), or of its
        probability (`surrogate`).
    nearest : ndarray, shape (draws, n, players)
        Of the site's own type against its next: the log-odds, or the difference in probability.
    measured : ndarray, shape (n, players)
        Of the log-odds that the assignment gives own and next type, at the measured values with
        their errors and gaps; NaN for a surrogate.
    measured_base : ndarray, shape (n,)
        What `measured` adds up to the log-odds with.
    known : ndarray of bool, shape (n, players)
        Whether anything of it was measured at the site.
    natural : DataFrame
        Plausible values in natural units, draw after draw: ``draws * n`` rows.
    """

    method: Method
    sites: tuple[str, ...]
    players: tuple[str, ...]
    parts: tuple[tuple[str, ...], ...]
    owner: np.ndarray
    base: np.ndarray
    types: np.ndarray
    nearest: np.ndarray
    measured: np.ndarray
    measured_base: np.ndarray
    known: np.ndarray
    natural: pd.DataFrame

    def leading(self, player: int, label: int) -> tuple[str, float]:
        """Which feature of a player goes with a type most, and the correlation of the two."""
        against = self.types[:, :, player, label].ravel()
        found = {name: _correlation(self.natural[name], against) for name in self.parts[player]}
        name = max(found, key=lambda each: abs(found[each]))
        return name, found[name]

    def to_shap(self, label: int, titles: dict[str, str]) -> Any:
        """One type's values as `shap.Explanation`, for SHAP's own plots.

        Values are means over the draws; the data beside them are plausible values in natural
        units, of a composition those of the part that goes with the type most.

        Parameters
        ----------
        label : int
            Type, from 1.
        titles : dict of str to str
            Names of the players.
        """
        from site_typology.models.shapley import as_explanation

        draws, n = self.types.shape[:2]
        named = [self.leading(at, label - 1)[0] for at in range(len(self.players))]
        data = self.natural[named].to_numpy().reshape(draws, n, len(named)).mean(axis=0)
        values = self.types[:, :, :, label - 1].mean(axis=0)
        return as_explanation(
            values, self.base[label - 1], data, [titles[each] for each in self.players]
        )


def _correlation(x: Any, y: np.ndarray) -> float:
    x = np.asarray(x, dtype=float)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])


def exact_shares(typology: Typology, placed: Placed, seed: int) -> Shares:
    """Shapley values of the types' log-odds at plausible profiles, in closed form.

    Background: all plausible profiles of all placed sites, each counting the same.
    """
    from site_typology.models.measured_scores import measured_contributions
    from site_typology.models.quadratic import Quadratics, against_others, column_groups
    from site_typology.models.shapley import Background, owned, shapley_values

    model, scale = typology.model, typology.scale
    players, owner = column_groups([block.name for block in scale.blocks for _ in block.columns])
    points = plausible_points(typology, placed, _draws(placed, EXACT_DRAWS, EXACT_ROWS), seed)
    draws, n, q = points.shape
    flat = points.reshape(draws * n, q)
    background = Background.of(flat)
    scores = Quadratics.of_gaussians(model.weights, model.means, model.covariance)
    odds = scores.combined(against_others(model.k) / model.temperature)
    types = shapley_values(odds, background, flat, owner).reshape(draws, n, -1, model.k)
    own, other, rows = placed.labels - 1, placed.following - 1, np.arange(n)
    # Own against next is the difference of two such averages times (k - 1) / k.
    nearest = (types[:, rows, :, own] - types[:, rows, :, other]) * (model.k - 1) / model.k
    centre = model.weights @ model.means
    measured, base = measured_contributions(model, placed.data, (own, other), centre, owner)
    return Shares(
        "exact",
        placed.sites,
        players,
        tuple(block.features for block in scale.blocks),
        owner,
        background.expected(odds),
        types,
        np.moveaxis(nearest, 0, 1),
        measured,
        base,
        owned(placed.data.observed.astype(float), owner) > 0,
        scale.to_natural(flat),
    )


def surrogate_shares(typology: Typology, placed: Placed, seed: int) -> Shares:
    """TreeSHAP of plausible profiles, each draw explained by a forest of its own.

    The forest knows the parts of a composition one by one; their values are added up.
    """
    from site_typology.models.quadratic import column_groups
    from site_typology.models.shapley import owned
    from site_typology.models.surrogate import fit_surrogate

    blocks = typology.scale.blocks
    players, owner = column_groups([block.name for block in blocks for _ in block.columns])
    _, features = column_groups([block.name for block in blocks for _ in block.features])
    draws = _draws(placed, SURROGATE_DRAWS, SURROGATE_ROWS)
    labels = placed.series()
    found, base, naturals = [], [], []
    states = np.random.SeedSequence(seed).generate_state(draws)
    for state, points in zip(states, plausible_points(typology, placed, draws, seed), strict=True):
        natural = typology.scale.to_natural(points)
        surrogate = fit_surrogate(placed.observed, labels, int(state))
        # A type that no site has is none that the forest knows.
        types = np.zeros((len(points), len(players), typology.k))
        values = owned(np.moveaxis(surrogate.shap_values(natural), 1, 2), features)
        types[:, :, np.array(surrogate.types) - 1] = np.moveaxis(values, 1, 2)
        mean = np.zeros(typology.k)
        mean[np.array(surrogate.types) - 1] = surrogate.probabilities(natural).mean(axis=0)
        found.append(types)
        base.append(mean - types.sum(axis=1).mean(axis=0))
        naturals.append(natural)
    types = np.stack(found)
    rows = np.arange(len(placed.sites))
    nearest = types[:, rows, :, placed.labels - 1] - types[:, rows, :, placed.following - 1]
    nothing = np.full(types.shape[1:3], np.nan)
    return Shares(
        "surrogate",
        placed.sites,
        players,
        tuple(block.features for block in blocks),
        owner,
        np.mean(base, axis=0),
        types,
        np.moveaxis(nearest, 0, 1),
        nothing,
        nothing[:, 0],
        owned(placed.data.observed.astype(float), owner) > 0,
        pd.concat(naturals, ignore_index=True),
    )


def _draws(placed: Placed, most: int, rows: int) -> int:
    return int(np.clip(rows // len(placed.sites), 2, most))


def plausible_points(typology: Typology, placed: Placed, draws: int, seed: int) -> np.ndarray:
    """Draw each site's type from its memberships, then its true profile within that type.

    Returns
    -------
    ndarray, shape (draws, n, q)
        On the working scale.
    """
    from site_typology.models.plausible import Population, plausible_values

    model, n = typology.model, len(placed.sites)
    memberships = model.memberships(placed.data)
    within = np.stack(
        [
            plausible_values(Population(mean, model.covariance), placed.data, draws, seed + 1 + at)
            for at, mean in enumerate(model.means)
        ]
    )
    uniform = np.random.default_rng(np.random.SeedSequence(seed)).random((draws, n, 1))
    chosen = (uniform > memberships.cumsum(axis=1)).sum(axis=2).clip(max=model.k - 1)
    return np.asarray(within[chosen, np.arange(draws)[:, None], np.arange(n)])
