"""What to do with a typology after another round: keep it, fit it again, or collect more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from site_typology.results import Rule
from site_typology.rounds_fit import LEVEL, FitTest, bonferroni
from site_typology.rounds_replays import MATTERS
from site_typology.rounds_sites import FOLLOWED

Counsel = Literal["keep", "refit", "collect more"]
POWER = 0.8
DRIFT_SD = 0.5
UNCLEAR = 0.2
FOLLOWED_SHARE = 0.6
REFIT_RULES = ("types_fit", "none_of_these", "drift")
"""Rules whose failure says that the old types no longer describe the sites."""


@dataclass(frozen=True)
class Advice:
    """What to do, and the rules that led there, fixed before the data are looked at.

    Parameters
    ----------
    counsel : {"keep", "refit", "collect more"}
        *refit* where a rule of `REFIT_RULES` fails; else *collect more* where another fails or no
        typology is claimed; else *keep*.
    why, would_change : str
    rules : tuple of Rule
    """

    counsel: Counsel
    why: str
    would_change: str
    rules: tuple[Rule, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values; NaN becomes None."""
        rules = [rule.to_dict() for rule in self.rules]
        return {
            "counsel": self.counsel,
            "why": self.why,
            "would_change": self.would_change,
            "rules": rules,
        }


def advise(
    claimed: bool,
    sites: pd.DataFrame,
    steps: pd.DataFrame,
    drift: pd.DataFrame,
    fit: Sequence[FitTest],
) -> Advice:
    """Say whether to keep a typology, to fit it again or to collect more.

    Parameters
    ----------
    claimed : bool
        Whether the typology claims types.
    sites, steps, drift : DataFrame
        As in `site_typology.rounds.Rounds`.
    fit : sequence of FitTest

    Returns
    -------
    Advice
        Each rule takes the worst round or step.
    """
    rules = (*_fit_rules(fit), _drift_rule(drift), *_data_rules(sites, steps, fit))
    broken = [rule for rule in rules if not rule.holds]
    against = [rule for rule in broken if rule.name in REFIT_RULES]
    said = " ".join(rule.meaning for rule in (against or broken))
    if against:
        why = f"The old types no longer describe the sites well. Not so: {said}"
        change = (
            "A new typology of the latest round, compared with the old one by site-typology "
            "compare, would show what the types have become. The old one still says what the "
            "sites were."
        )
        return Advice("refit", why, change, rules)
    if broken or not claimed:
        none = "" if claimed else "No types are claimed, so there is nothing to keep yet. "
        why = (
            f"{none}The later rounds do not speak against the old description, but the data could "
            "not tell."
        )
        if broken:
            why += f" Not so: {said}"
        change = (
            "More sites measured in both rounds and more informants a site; site-typology plan "
            "says how many. Until then the old types are provisional."
        )
        return Advice("collect more", why, change, rules)
    return Advice(
        "keep",
        "The old types describe the later rounds as well as if nothing had changed, and no feature "
        "has drifted far. That is no proof that nothing did.",
        f"A p-value of the fit below {LEVEL:g}, more sites beyond all types than expected, or a "
        f"feature that drifts by {DRIFT_SD:g} SD.",
        rules,
    )


def _over_rounds(p: Sequence[float]) -> float:
    return float(bonferroni(np.array(p), len(p)).min())


def _fit_rules(fit: Sequence[FitTest]) -> tuple[Rule, ...]:
    return (
        Rule(
            "types_fit",
            _over_rounds([test.p_types for test in fit]),
            LEVEL,
            ">",
            "Rounds in which the types stayed as they were would often look as unlike the old "
            "types as this.",
        ),
        Rule(
            "none_of_these",
            _over_rounds([test.p_none for test in fit]),
            LEVEL,
            ">",
            "As many sites beyond all types would often be there by error alone.",
        ),
    )


def _drift_rule(drift: pd.DataFrame) -> Rule:
    # Only the part that moves between types do not explain: these are no reason to fit again.
    sure = drift[drift["p_holm"] <= LEVEL]["level_sd"].abs().dropna()
    return Rule(
        "drift",
        float(sure.max()) if len(sure) else 0.0,
        DRIFT_SD,
        "<=",
        f"No feature has surely drifted (Holm) by more than {DRIFT_SD:g} SD of the sites, moves "
        "between types apart.",
    )


def _data_rules(
    sites: pd.DataFrame, steps: pd.DataFrame, fit: Sequence[FitTest]
) -> tuple[Rule, ...]:
    shares = []
    for row in steps.itertuples():
        here = (sites["from_round"] == row.from_round) & (sites["to_round"] == row.to_round)
        shares.append(float((sites[here]["status"] == FOLLOWED).mean()))
    unclear = steps["unclear"] / steps["followed"].replace(0, np.nan)
    return (
        Rule(
            "power",
            min(test.power for test in fit),
            POWER,
            ">=",
            f"Types whose centres had moved by {MATTERS:g} within-type SDs would have been seen "
            "not to fit.",
        ),
        Rule(
            "clear_sites",
            float(unclear.max(skipna=False)),
            UNCLEAR,
            "<=",
            "Of nearly all sites it is clear whether they moved.",
        ),
        Rule(
            "followed",
            min(shares),
            FOLLOWED_SHARE,
            ">=",
            "Most sites have enough data in both rounds.",
        ),
    )
