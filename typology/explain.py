"""Why a site is of its type: Shapley values of a surrogate, shown only when it is faithful."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from site_typology.describe import is_claimed

if TYPE_CHECKING:
    from site_typology.models.surrogate import Fidelity
    from site_typology.typology import Typology

FAITHFUL = 0.5
"""Least share of the way from guessing to perfect before an explanation is shown; a convention."""
ONE_WAY = 0.3
"""Least correlation of value and Shapley value before a direction is told."""
DRAWS = 10
MOST_ROWS = 20_000
TYPE_COLUMNS = ["type", "feature", "importance", "direction", "spread"]
SITE_COLUMNS = ["site", "type", "feature", "value", "shap", "spread", "next_type", "shap_next"]


@dataclass(frozen=True)
class Explanation:
    """What membership is associated with, and how far that can be believed.

    Parameters
    ----------
    shown : bool
        Whether the surrogate is faithful enough to be looked at; the tables are empty if not.
    why_not : str
        The reason where it is not shown; ``""`` where it is.
    fidelity, fidelity_sd, chance : float
        Cross-validated balanced accuracy of the surrogate on sites it has not seen, its standard
        deviation over repeats, and that of guessing.
    per_type : DataFrame
        Columns ``type, feature, importance, direction, spread``: mean size of the Shapley values
        for the type's probability over all sites; correlation of value and Shapley value, so that
        a positive direction means that higher values speak for the type; standard deviation of
        the importance over plausible values. Most important first within a type.
    per_site : DataFrame
        Columns ``site, type, feature, value, shap, spread, next_type, shap_next``: the site's
        value in natural units (NaN where missing), the Shapley value for its own type with its
        standard deviation over plausible values, and the one for its next type.
    """

    shown: bool
    why_not: str
    fidelity: float
    fidelity_sd: float
    chance: float
    per_type: pd.DataFrame
    per_site: pd.DataFrame


def direction_word(direction: float) -> str:
    """Say which values speak for a type.

    Examples
    --------
    >>> [direction_word(direction) for direction in (0.9, -0.9, 0.1)]
    ['higher', 'lower', '']
    """
    if abs(direction) < ONE_WAY:
        return ""
    return "higher" if direction > 0 else "lower"


@dataclass(frozen=True)
class _Shares:
    """Shapley values and the values behind them, over draws: (draws, n, q, k) and (draws, n, q)."""

    shap: np.ndarray
    values: np.ndarray
    features: tuple[str, ...]


def explain(typology: Typology, *, seed: int) -> Explanation:
    """Explain membership by a surrogate on natural features.

    A forest learns the types from the features in natural units, gaps left as gaps. Its fidelity
    is measured on sites held out. If it is more than half way from guessing to perfect, Shapley
    values (TreeSHAP, Lundberg et al. 2020) are computed for plausible true profiles of every site
    (measurement error and gaps filled in from the type model), each with a forest of its own, and
    averaged; their spread says what of it is noise.

    Parameters
    ----------
    typology : Typology
    seed : int

    Returns
    -------
    Explanation
        Not shown, with the reason, where no typology is claimed, where a type has a single site,
        or where the surrogate is not faithful.
    """
    if not is_claimed(typology):
        return _not_shown("No typology is claimed, so there is no membership to explain.")
    from site_typology.models.surrogate import cross_validate

    observed, labels = _placed_sites(typology)
    fidelity = cross_validate(observed, labels, seed)
    if np.isnan(fidelity.mean):
        return _not_shown(
            "A type has fewer than two sites, so that no site can be held out to test the "
            "surrogate.",
            fidelity,
        )
    if fidelity.above_chance < FAITHFUL:
        return _not_shown(
            f"The surrogate tells the type of a site it has not seen in {fidelity.mean:.0%} of "
            f"cases on average over types, where guessing gives {fidelity.chance:.0%}. That is "
            "too little to explain membership by it.",
            fidelity,
        )
    shares = _shapley_shares(typology, observed, labels, seed)
    return Explanation(
        True,
        "",
        fidelity.mean,
        fidelity.sd,
        fidelity.chance,
        _per_type(shares),
        _per_site(typology, observed, shares),
    )


def _not_shown(why: str, fidelity: Fidelity | None = None) -> Explanation:
    nothing = float("nan")
    return Explanation(
        False,
        why,
        fidelity.mean if fidelity else nothing,
        fidelity.sd if fidelity else nothing,
        fidelity.chance if fidelity else nothing,
        pd.DataFrame(columns=TYPE_COLUMNS),
        pd.DataFrame(columns=SITE_COLUMNS),
    )


def _placed_sites(typology: Typology) -> tuple[pd.DataFrame, pd.Series]:
    """Natural values that types were built from, and types, of the sites that have one."""
    labels = typology.labels.dropna()
    values = typology.profiles.values.droplevel("round")
    return values.loc[labels.index, list(typology.scale.features)].astype(float), labels


def _shapley_shares(
    typology: Typology, observed: pd.DataFrame, labels: pd.Series, seed: int
) -> _Shares:
    """Shapley values of plausible profiles, each draw explained by a forest of its own."""
    from site_typology.models.surrogate import fit_surrogate

    draws = int(np.clip(MOST_ROWS // len(observed), 2, DRAWS))
    shap_values, values = [], []
    states = np.random.SeedSequence(seed).generate_state(draws)
    every = _plausible_profiles(typology, list(labels.index), draws, seed)
    for state, plausible in zip(states, every, strict=True):
        surrogate = fit_surrogate(observed, labels, int(state))
        shap_values.append(surrogate.shap_values(plausible))
        values.append(plausible.to_numpy(dtype=float))
    return _Shares(np.stack(shap_values), np.stack(values), tuple(observed.columns))


def _plausible_profiles(
    typology: Typology, sites: list[str], draws: int, seed: int
) -> list[pd.DataFrame]:
    """Draw each site's type from its memberships, then its true profile within that type."""
    from site_typology.models.plausible import Population, plausible_values

    data = typology.scale.transform(typology.profiles.select(sites=sites))
    model = typology.model
    memberships = model.memberships(data)
    within = np.stack(
        [
            plausible_values(Population(mean, model.covariance), data, draws, seed + 1 + at)
            for at, mean in enumerate(model.means)
        ]
    )
    uniform = np.random.default_rng(np.random.SeedSequence(seed)).random((draws, len(sites), 1))
    chosen = (uniform > memberships.cumsum(axis=1)).sum(axis=2).clip(max=len(model.means) - 1)
    rows = np.arange(len(sites))
    return [typology.scale.to_natural(within[chosen[at], at, rows]) for at in range(draws)]


def _per_type(shares: _Shares) -> pd.DataFrame:
    sizes = np.abs(shares.shap).mean(axis=1)
    rows = []
    for label in range(sizes.shape[2]):
        for at, feature in enumerate(shares.features):
            direction = _correlation(
                shares.values[:, :, at].ravel(), shares.shap[:, :, at, label].ravel()
            )
            own = sizes[:, at, label]
            rows.append((label + 1, feature, own.mean(), direction, own.std(ddof=1)))
    table = pd.DataFrame(rows, columns=TYPE_COLUMNS)
    return table.sort_values(
        ["type", "importance"], ascending=[True, False], kind="stable", ignore_index=True
    )


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])


def _per_site(typology: Typology, observed: pd.DataFrame, shares: _Shares) -> pd.DataFrame:
    means, spreads = shares.shap.mean(axis=0), shares.shap.std(axis=0, ddof=1)
    members = typology.memberships.set_index("site").loc[observed.index]
    own = members["type"].to_numpy(dtype=int)
    other = members["next_type"].to_numpy(dtype=int)
    rows, q = np.arange(len(observed)), len(shares.features)
    return pd.DataFrame(
        {
            "site": np.repeat(observed.index.astype(str), q),
            "type": np.repeat(own, q),
            "feature": np.tile(np.array(shares.features, dtype=object), len(observed)),
            "value": observed.to_numpy().ravel(),
            "shap": means[rows, :, own - 1].ravel(),
            "spread": spreads[rows, :, own - 1].ravel(),
            "next_type": np.repeat(other, q),
            "shap_next": means[rows, :, other - 1].ravel(),
        },
        columns=SITE_COLUMNS,
    )
