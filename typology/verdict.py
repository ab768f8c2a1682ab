"""The verdict: rules fixed in advance, what they make of the figures, and why in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from site_typology.results import Power, Rule, Verdict

NONE_FOUND: Final = (
    "The data do not support a typology: one population, or a continuum, describes the sites "
    "as well."
)


@dataclass(frozen=True)
class Thresholds:
    """What the figures are compared with, before the data are looked at.

    Parameters
    ----------
    p_value : float
        Largest p-value of the null test that speaks for types.
    expected_agreement : float
        Below it no types are claimed: sites could not be placed in them. From 0.8 on, recovery of
        a partition is called good (Steinley 2004, *Psychological Methods* 9, 386-396).
    relative_entropy : float
        Fixed on simulated studies: below it types were there, yet memberships were unclear.
    stability : float
        Mean bootstrap Jaccard of the least stable type; Hennig (2007) warns below 0.6.
    stable : float
        Where the same source calls a type stable; told, and not a rule.
    min_sites : int
        Smallest type that may be claimed.
    agreement : float
        Median adjusted Rand index of other algorithms with the proposal.
    power : float
        Probability of finding types of the declared separation, needed to say there are none.
    """

    p_value: float = 0.05
    expected_agreement: float = 0.8
    relative_entropy: float = 0.82
    stability: float = 0.6
    stable: float = 0.75
    min_sites: int = 3
    agreement: float = 0.5
    power: float = 0.8


@dataclass(frozen=True)
class Figures:
    """What was found; NaN where a figure could not be computed.

    Parameters
    ----------
    sites : int
        Sites with enough data.
    best_k : int
        Number of types that the data come nearest to.
    p_value : float
    expected_agreement, relative_entropy, stability, agreement : float
        As in `Thresholds`, at `best_k`.
    smallest_type : int
        Sites of the smallest type at `best_k`.
    separation : float
        Separation between types that the study declared to matter, in within-type SDs.
    power : Power or None
        None where the null test rejected one population.
    measured_better : sequence of (float, float) or None
        Times the information in each measured value, and the agreement expected with it; empty
        where no value has an error. Tried where the null test rejects and the expected agreement
        is short of its threshold, else None.
    """

    sites: int
    best_k: int
    p_value: float
    expected_agreement: float
    relative_entropy: float
    stability: float
    smallest_type: int
    agreement: float
    separation: float
    power: Power | None = None
    measured_better: Sequence[tuple[float, float]] | None = None


@dataclass(frozen=True)
class Judgement:
    """A verdict with the rules behind it and its reasons in words."""

    verdict: Verdict
    rules: tuple[Rule, ...]
    why: str
    would_change: str


def judge(figures: Figures, thresholds: Thresholds | None = None) -> Judgement:
    """Apply the rules.

    *supported*: every rule holds. *tentative*: the null test rejects, sites can be placed, and
    another rule fails. *not supported*: the null test does not reject, and the data would have
    shown types of the declared separation. *insufficient*: it does not reject, and they would not;
    or it rejects, and sites could not be placed in the types (expected agreement).

    Parameters
    ----------
    figures : Figures
    thresholds : Thresholds, optional

    Returns
    -------
    Judgement

    Examples
    --------
    >>> found = Figures(25, 3, 0.01, 0.9, 0.95, 0.8, 6, 0.7, 6.0)
    >>> judge(found).verdict
    'supported'
    """
    limits = thresholds or Thresholds()
    rules = _rules(figures, limits)
    named = {rule.name: rule for rule in rules}
    failing = [rule for rule in rules if not rule.holds]
    verdict: Verdict
    if named["null_test"].holds and not named["expected_agreement"].holds:
        verdict = "insufficient"
    elif named["null_test"].holds:
        verdict = "tentative" if failing else "supported"
    else:
        shown = "power" in named and named["power"].holds
        verdict = "not supported" if shown else "insufficient"
    why = _why(verdict, figures, limits, failing)
    return Judgement(verdict, rules, why, _would_change(verdict, figures, limits, rules, failing))


def _is_unplaced(verdict: Verdict, figures: Figures, limits: Thresholds) -> bool:
    return verdict == "insufficient" and figures.p_value <= limits.p_value


def _rules(figures: Figures, limits: Thresholds) -> tuple[Rule, ...]:
    k = figures.best_k
    rules = [
        Rule(
            "null_test",
            figures.p_value,
            limits.p_value,
            "<=",
            "One population, or a continuum, with the same correlations, errors and gaps seldom "
            "looks as typed as these data.",
        ),
        Rule(
            "expected_agreement",
            figures.expected_agreement,
            limits.expected_agreement,
            ">=",
            f"Were the {k} types true, sites measured as these were would be placed correctly "
            "(adjusted Rand index; 1 is perfect, 0 is chance). Without it no types are claimed.",
        ),
        Rule(
            "relative_entropy",
            figures.relative_entropy,
            limits.relative_entropy,
            ">=",
            "Sites belong clearly to one type each (1 is certain, 0 is guessing).",
        ),
        Rule(
            "stability",
            figures.stability,
            limits.stability,
            ">=",
            "Every type comes back when sites are drawn again (Jaccard similarity of the least "
            f"stable type; {limits.stable:g} and above is called stable).",
        ),
        Rule(
            "smallest_type",
            float(figures.smallest_type),
            float(limits.min_sites),
            ">=",
            "The smallest type has enough sites to be described.",
        ),
        Rule(
            "agreement",
            figures.agreement,
            limits.agreement,
            ">=",
            "Other algorithms group the sites alike (median adjusted Rand index with the "
            "proposal).",
        ),
    ]
    if figures.power is not None:
        rules.append(
            Rule(
                "power",
                figures.power.at(figures.separation),
                limits.power,
                ">=",
                f"Types {figures.separation:g} within-type SDs apart, the separation that the "
                "study declared to matter, would have been found in data like these.",
            )
        )
    return tuple(rules)


def _why(verdict: Verdict, figures: Figures, limits: Thresholds, failing: Sequence[Rule]) -> str:
    k = figures.best_k
    rare = (
        f"{figures.sites} sites fall into {k} types: sites without types, with the same "
        f"correlations, errors and gaps, look as typed with probability {_p(figures.p_value)}"
    )
    if verdict == "supported":
        least = "stable" if figures.stability >= limits.stable else "not far above doubtful"
        return (
            f"{rare}. Sites can be placed (expected agreement {figures.expected_agreement:.2f}, "
            f"relative entropy {figures.relative_entropy:.2f}), the least stable type is {least} "
            f"(Jaccard {figures.stability:.2f}), and other algorithms agree "
            f"({figures.agreement:.2f})."
        )
    if verdict == "tentative":
        reasons = "; ".join(_failure(rule) for rule in failing)
        return f"{rare}. But the types are not firm enough to rest decisions on: {reasons}."
    test = (
        "Sites without types, with the same correlations, errors and gaps, look as typed as these "
        f"{figures.sites} sites with probability {_p(figures.p_value)}"
    )
    if _is_unplaced(verdict, figures, limits):
        return (
            f"The data cannot tell which sites belong together. {test}. But "
            f"{_unplaced(figures, limits)}."
        )
    if verdict == "not supported":
        return f"{NONE_FOUND} {test}. {_found_power(figures)}, so their absence means something."
    return (
        f"The data cannot tell whether there are types. {test}; but {_lower(_found_power(figures))}"
        f", less than the {limits.power:.0%} asked for, so that types could be there unseen."
    )


def _would_change(
    verdict: Verdict,
    figures: Figures,
    limits: Thresholds,
    rules: Sequence[Rule],
    failing: Sequence[Rule],
) -> str:
    if verdict == "supported":
        nearest = min(rules, key=_margin)
        return (
            "The verdict would be weaker if a rule failed; the nearest to its threshold is the "
            f"{nearest.name.replace('_', ' ')} ({nearest.figure:.3g}, needs {_needed(nearest)}). "
            "New sites, or a second round, that do not fit the types would speak against them."
        )
    if verdict == "tentative":
        return " ".join(dict.fromkeys(_REMEDIES[rule.name] for rule in failing))
    if _is_unplaced(verdict, figures, limits):
        return _if_measured_better(figures, limits)
    return f"{_within_reach(figures, limits)} {_MORE_POWER[verdict]}"


_MORE_POWER: Final = {
    "not supported": (
        "Types on features that are not in the profiles, or closer together than that, are not "
        "ruled out."
    ),
    "insufficient": (
        "More informants a site, fewer gaps, more sites, or fewer features chosen before the "
        "data are looked at would make types easier to find; the command 'site-typology plan' "
        "simulates how much of each is needed."
    ),
}

_ELSE: Final = "More sites, fewer gaps, or features that tell types apart better are needed."
_REMEDIES: Final = {
    "expected_agreement": (
        "More informants a site and fewer gaps would place sites more surely: the measurement, "
        "not the number of types, is what limits it."
    ),
    "relative_entropy": (
        "More informants a site and fewer gaps would make memberships clearer; borderline sites "
        "are listed with their next type."
    ),
    "stability": "More sites like those of the least stable type would show whether it comes back.",
    "smallest_type": (
        "More sites like those of the smallest type would show whether it is a type or a few "
        "unusual sites."
    ),
    "agreement": (
        "Types that several algorithms find would be firmer; compare the candidates to see which "
        "sites they place differently."
    ),
}


def told_apart(figure: float, threshold: float) -> str:
    """Write a figure with as many digits as it takes to tell it from its threshold.

    Examples
    --------
    >>> told_apart(0.64, 0.8), told_apart(0.79996, 0.8)
    ('0.64', '0.79996')
    """
    for digits in range(3, 8):
        shown = f"{figure:.{digits}g}"
        if float(shown) != threshold:
            return shown
    return repr(figure)


def _needed(rule: Rule) -> str:
    return f"{'at most' if rule.relation == '<=' else 'at least'} {rule.threshold:g}"


def _failure(rule: Rule) -> str:
    words = {
        "relative_entropy": "memberships are not clear enough",
        "stability": "the least stable type does not come back often enough",
        "smallest_type": "the smallest type has too few sites",
        "agreement": "other algorithms group the sites differently",
    }[rule.name]
    if np.isnan(rule.figure):
        return f"{words} (could not be computed; needs {_needed(rule)})"
    return f"{words} ({told_apart(rule.figure, rule.threshold)}, needs {_needed(rule)})"


def _unplaced(figures: Figures, limits: Thresholds) -> str:
    """Say how well sites could be placed, where that is short of what a claim needs."""
    if np.isnan(figures.expected_agreement):
        return "how well sites could be placed in types could not be computed"
    return (
        f"if the {figures.best_k} types nearest to the data were true, sites measured as these "
        "were would be placed in them with an agreement of only "
        f"{told_apart(figures.expected_agreement, limits.expected_agreement)} (adjusted Rand "
        f"index; a claim needs at least {limits.expected_agreement:g})"
    )


def _if_measured_better(figures: Figures, limits: Thresholds) -> str:
    """Say what would place the sites, with the agreement that more information a value brings."""
    if figures.measured_better is None:
        return _REMEDIES["expected_agreement"]
    if not figures.measured_better:
        return (
            f"The values are known without error, so that more informants would not help. {_ELSE}"
        )
    times, agreement = figures.measured_better[-1]
    if agreement >= limits.expected_agreement:
        return (
            f"{_REMEDIES['expected_agreement']} Were these the types, {times:g} times as many "
            "informants a site, and records of as much more, would bring the agreement to about "
            f"{agreement:.2f}, with gaps as they are."
        )
    most = max(agreement for _, agreement in figures.measured_better)
    return (
        f"Were these the types, even {times:g} times as many informants a site, and records of as "
        "much more, would bring the agreement to no more than about "
        f"{told_apart(most, limits.expected_agreement)}, with gaps as they are. {_ELSE}"
    )


def _found_power(figures: Figures) -> str:
    if figures.power is None:
        return "The chance of finding types in data like these was not simulated"
    chance = figures.power.at(figures.separation)
    return (
        f"Types {figures.separation:g} within-type SDs apart would be found in data like these "
        f"with probability {chance:.2f}"
    )


def _within_reach(figures: Figures, limits: Thresholds) -> str:
    if figures.power is None:
        return ""
    smallest = figures.power.smallest_separation
    tried = figures.power.table["separation"]
    if np.isnan(smallest):
        return (
            f"No separation tried, up to {tried.max():g} within-type SDs, would be found with "
            f"probability {limits.power:.2f}."
        )
    return (
        f"The smallest separation tried that would be found with probability {limits.power:.2f} "
        f"is {smallest:g} within-type SDs."
    )


def _margin(rule: Rule) -> float:
    """Distance of a rule that holds from its threshold, as a share of the room there is."""
    if rule.relation == "<=":
        return (rule.threshold - rule.figure) / rule.threshold
    if rule.name == "smallest_type":
        return (rule.figure - rule.threshold) / rule.figure
    return (rule.figure - rule.threshold) / (1 - rule.threshold)


def _p(value: float) -> str:
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]
