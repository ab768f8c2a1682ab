"""Why a site is of its type: exact Shapley values of its log-odds, or those of a surrogate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from site_typology.describe import is_claimed
from site_typology.evaluation import COLUMNS as COMPARED
from site_typology.evaluation import compare_evaluation
from site_typology.feature_titles import titles_of

if TYPE_CHECKING:
    from site_typology.faithful import Faithfulness
    from site_typology.models.surrogate import Fidelity
    from site_typology.rule_list import RuleList
    from site_typology.shares import Placed, Shares
    from site_typology.typology import Typology

FAITHFUL = 0.5
"""Least share of the way from guessing to perfect before an explanation is shown; a convention."""
ONE_WAY = 0.3
"""Least correlation of value and Shapley value before a direction is told."""
TYPE_COLUMNS = ["type", "feature", "importance", "share", "direction", "part", "spread"]
SITE_COLUMNS = [
    "site", "type", "feature", "value", "known", "shap", "spread", "next_type", "against_next",
    "against_next_spread", "measured", "measured_base",
]  # fmt: skip


@dataclass(frozen=True)
class Explanation:
    """What membership is associated with, and how far that can be believed.

    Parameters
    ----------
    shown : bool
        Whether the Shapley values mean enough to be looked at; their tables are empty if not.
    why_not : str
        The reason where they are not shown; ``""`` where they are.
    method : {"exact", "surrogate", ""}
        `exact`: Shapley values of the assignment model itself, of the log-odds of types.
        `surrogate`: of a forest's probabilities, where types were not given by the model.
    fidelity, fidelity_sd, chance : float
        Balanced accuracy of what is explained, its standard deviation over repeats, and that of
        guessing. For `exact` that of the assignment model on its own sites, 1; for `surrogate`
        cross-validated on sites it has not seen.
    per_type : DataFrame
        Columns ``type, feature, importance, share, direction, part, spread``. ``importance``: mean
        size of the Shapley values for the type over all sites, of the average log-odds against
        the other types (`exact`) or of the type's probability (`surrogate`); ``share`` of all
        features' together; correlation of value and Shapley value, so that a positive
        ``direction`` means that higher values speak for the type, of a composition for the
        ``part`` where it is strongest; ``spread``: standard deviation of the importance over
        plausible values. Most important first within a type.
    per_site : DataFrame
        Columns ``site, type, feature, value, known, shap, spread, next_type, against_next,
        against_next_spread, measured, measured_base``: the site's value in natural units (NaN
        where missing, and for a composition), whether it was measured, the Shapley value for its
        own type against the others, the one for its own type against its next, each a mean over
        plausible values with its standard deviation; and, `exact` only, what the measured value
        adds to ``log p_own / p_next`` of the assignment, which is the base and all of the site's
        features together.
    shares : Shares, optional
        The Shapley values behind the tables.
    faithfulness : Faithfulness, optional
        What replacing features does to the assignment.
    rules : RuleList, optional
        Types by three splits at most.
    evaluation : DataFrame
        Evaluation features compared between types, see
        `site_typology.evaluation.compare_evaluation`.
    titles : dict of str to str
        What each feature is called.
    """

    shown: bool
    why_not: str
    method: str
    fidelity: float
    fidelity_sd: float
    chance: float
    per_type: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=TYPE_COLUMNS))
    per_site: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=SITE_COLUMNS))
    shares: Shares | None = None
    faithfulness: Faithfulness | None = None
    rules: RuleList | None = None
    evaluation: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=COMPARED))
    titles: dict[str, str] = field(default_factory=dict)

    def to_shap(self, type: int) -> Any:
        """One type's Shapley values as `shap.Explanation`, a row a site, for SHAP's own plots.

        Rows are in order of the sites' names, as in ``shares.sites``.

        Parameters
        ----------
        type : int

        Returns
        -------
        shap.Explanation

        Raises
        ------
        ValueError
            No explanation is shown, or there is no such type.
        """
        if self.shares is None:
            raise ValueError(f"There are no Shapley values. {self.why_not}")
        k = len(self.shares.base)
        if not 1 <= type <= k:
            raise ValueError(f"Expected a type from 1 to {k}; found {type}.")
        return self.shares.to_shap(type, self.titles)


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


def explain(typology: Typology, *, seed: int) -> Explanation:
    """Explain membership by features.

    The types of a mixture have log-odds that are quadratic in a site's true profile (linear where
    types share their covariance), so that Shapley values have a closed form and are those of the
    assignment model itself (`site_typology.models.shapley`). They are taken at plausible true
    profiles of every site, measurement error and gaps filled in from the type model, and averaged;
    their spread says what of it is noise. Where the sites' types are not those that the model
    gives them, a forest learns them from natural features; it is explained by TreeSHAP (Lundberg
    et al. 2020) if it is more than half way from guessing to perfect on sites held out.

    Either way a check replaces what is called important and what is called unimportant and assigns
    the sites again, and nothing is shown if the important does not matter more.

    Parameters
    ----------
    typology : Typology
    seed : int

    Returns
    -------
    Explanation
        Not shown, with the reason, where no typology is claimed, where a surrogate is not
        faithful or a type of its sites has a single one, or where the check fails.
    """
    if not is_claimed(typology):
        return _not_shown("No typology is claimed, so there is no membership to explain.")
    from site_typology.faithful import check_faithfulness
    from site_typology.rule_list import fit_rules, unit_of
    from site_typology.shares import Placed, exact_shares, surrogate_shares

    placed = Placed.of(typology)
    units = {str(name): unit_of(typology, str(name)) for name in placed.observed.columns}
    beside = {
        "rules": fit_rules(placed.observed, placed.series(), seed, units),
        "evaluation": compare_evaluation(typology, seed),
        "titles": titles_of(typology.profiles.features),
    }
    exact = bool((typology.model.memberships(placed.data).argmax(1) + 1 == placed.labels).all())
    fidelity = _fidelity(placed, exact, seed)
    if why_not := _unfaithful(fidelity):
        return _not_shown(why_not, fidelity, **beside)
    shares = (exact_shares if exact else surrogate_shares)(typology, placed, seed)
    checked = check_faithfulness(typology, placed, shares, seed)
    if checked is not None and not checked.holds:
        why_not = (
            "Replacing the features called most important changed the log-odds more than replacing "
            f"those called least important at {checked.share:.0%} of sites only, no more than half."
        )
        return _not_shown(why_not, fidelity, faithfulness=checked, **beside)
    return Explanation(
        True,
        "",
        shares.method,
        fidelity.mean,
        fidelity.sd,
        fidelity.chance,
        _per_type(shares),
        _in_order(_per_site(placed, shares), typology.memberships["site"]),
        shares,
        checked,
        **beside,
    )


def _not_shown(why: str, fidelity: Fidelity | None = None, **beside: Any) -> Explanation:
    nothing = float("nan")
    return Explanation(
        False,
        why,
        "",
        fidelity.mean if fidelity else nothing,
        fidelity.sd if fidelity else nothing,
        fidelity.chance if fidelity else nothing,
        **beside,
    )


def _fidelity(placed: Placed, exact: bool, seed: int) -> Fidelity:
    from site_typology.models.surrogate import Fidelity, cross_validate

    if exact:
        # What is explained is the assignment model, which gives every site its type.
        return Fidelity(1.0, 0.0, 1 / len(np.unique(placed.labels)))
    return cross_validate(placed.observed, placed.series(), seed)


def _unfaithful(fidelity: Fidelity) -> str:
    """Say why a surrogate means too little; empty where it means enough."""
    if np.isnan(fidelity.mean):
        return (
            "A type has fewer than two sites, so that no site can be held out to test the "
            "surrogate."
        )
    if fidelity.chance < 1 and fidelity.above_chance < FAITHFUL:
        return (
            f"The surrogate tells the type of a site it has not seen in {fidelity.mean:.0%} of "
            f"cases on average over types, where guessing gives {fidelity.chance:.0%}. That is "
            "too little to explain membership by it."
        )
    return ""


def _per_type(shares: Shares) -> pd.DataFrame:
    sizes = np.abs(shares.types).mean(axis=1)
    mean, spread = sizes.mean(axis=0), sizes.std(axis=0, ddof=1)
    rows = []
    for label in range(sizes.shape[2]):
        whole = mean[:, label].sum() or 1.0
        for at, feature in enumerate(shares.players):
            part, direction = shares.leading(at, label)
            own = mean[at, label]
            named = part if len(shares.parts[at]) > 1 else ""
            rows.append((label + 1, feature, own, own / whole, direction, named, spread[at, label]))
    table = pd.DataFrame(rows, columns=TYPE_COLUMNS)
    return table.sort_values(
        ["type", "importance"], ascending=[True, False], kind="stable", ignore_index=True
    )


def _per_site(placed: Placed, shares: Shares) -> pd.DataFrame:
    rows, players = np.arange(len(shares.sites)), len(shares.players)
    own = np.moveaxis(shares.types[:, rows, :, placed.labels - 1], 0, 1)
    values = np.column_stack(
        [
            placed.observed[parts[0]] if len(parts) == 1 else np.full(len(rows), np.nan)
            for parts in shares.parts
        ]
    )
    return pd.DataFrame(
        {
            "site": np.repeat(np.array(shares.sites, dtype=object), players),
            "type": np.repeat(placed.labels, players),
            "feature": np.tile(np.array(shares.players, dtype=object), len(rows)),
            "value": values.ravel(),
            "known": shares.known.ravel(),
            "shap": own.mean(axis=0).ravel(),
            "spread": own.std(axis=0, ddof=1).ravel(),
            "next_type": np.repeat(placed.following, players),
            "against_next": shares.nearest.mean(axis=0).ravel(),
            "against_next_spread": shares.nearest.std(axis=0, ddof=1).ravel(),
            "measured": shares.measured.ravel(),
            "measured_base": np.repeat(shares.measured_base, players),
        },
        columns=SITE_COLUMNS,
    )


def _in_order(rows: pd.DataFrame, sites: pd.Series) -> pd.DataFrame:
    """Put the rows of each site where the site stands in the table of memberships."""
    places = pd.Series(range(len(sites)), index=sites.astype(str))
    at = places.loc[rows["site"]].to_numpy()
    return rows.iloc[np.argsort(at, kind="stable")].reset_index(drop=True)
