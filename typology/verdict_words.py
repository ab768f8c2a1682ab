"""The verdict in words: why it is what it is, and what would change it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from site_typology.results import Against, Rule, Verdict

if TYPE_CHECKING:
    from site_typology.verdict import Figures, Thresholds

NONE_FOUND: Final = "The data do not support a typology"
ENOUGH: Final[Mapping[Against, str]] = {
    "one population": "one population describes the sites as well",
    "a continuum": "a continuum, sites along a line that may bend, describes them as well",
}
PLANTED: Final = {2: "Two", 3: "Three"}
WITHOUT: Final[Mapping[Against, str]] = {
    "one population": "sites without types",
    "a continuum": "sites along a continuum",
}


def why(verdict: Verdict, figures: Figures, limits: Thresholds, failing: Sequence[Rule]) -> str:
    """Say why the verdict is what it is, with the figures behind it."""
    k = figures.best_k
    rare = (
        f"{figures.sites} sites fall into {k} types: {WITHOUT[figures.against]}, with the same "
        f"correlations, errors and gaps, look as typed with probability {_p_value(figures)}"
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
        f"{WITHOUT[figures.against].capitalize()}, with the same correlations, errors and gaps, "
        f"look as typed as these {figures.sites} sites with probability {_p_value(figures)}"
    )
    if _is_unplaced(verdict, figures, limits):
        return (
            f"The data cannot tell which sites belong together. {test}. But "
            f"{_unplaced(figures, limits)}."
        )
    if verdict == "not supported":
        return (
            f"{NONE_FOUND}: {ENOUGH[figures.against]}. {test}. {_found_power(figures)}, so their "
            "absence means something."
        )
    return (
        f"The data cannot tell whether there are types. {test}; but {_lower(_found_power(figures))}"
        f", less than the {limits.power:.0%} asked for, so that types could be there unseen."
    )


def would_change(
    verdict: Verdict,
    figures: Figures,
    limits: Thresholds,
    rules: Sequence[Rule],
    failing: Sequence[Rule],
) -> str:
    """Say what would change the verdict: the remedy of each rule that fails, or what is near."""
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


def _is_unplaced(verdict: Verdict, figures: Figures, limits: Thresholds) -> bool:
    return verdict == "insufficient" and figures.p_value <= limits.p_value


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


def beside(figure: float, threshold: float, decimals: int) -> str:
    """Write a figure to stand beside its threshold, with more digits where they would look alike.

    Examples
    --------
    >>> beside(0.64, 0.8, 2), beside(0.7969, 0.8, 2), beside(0.8, 0.8, 2)
    ('0.64', '0.797', '0.80')
    """
    shown = f"{figure:.{decimals}f}"
    alike = figure != threshold and float(shown) == threshold
    return told_apart(figure, threshold) if alike else shown


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
    error = figures.power.error_at(figures.separation)
    return (
        f"{PLANTED[figures.planted]} types {figures.separation:g} within-type SDs apart would be "
        f"found in data like these with probability {chance:.2f} (Monte Carlo error {error:.2f})"
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


def _p_value(figures: Figures) -> str:
    digits = 3 if figures.p_value < 0.1 else 2
    error = f"{figures.p_error:.{digits}f}"
    return f"{figures.p_value:.{digits}f} (Monte Carlo error {error})"


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]
