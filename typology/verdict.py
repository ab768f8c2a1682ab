"""The verdict: rules fixed in advance, and what they make of the figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from site_typology.results import Against, Power, Rule, Verdict
from site_typology.verdict_words import why, would_change


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
    p_value, p_error : float
        Of the null test, and its Monte Carlo error.
    expected_agreement, relative_entropy, stability, agreement : float
        As in `Thresholds`, at `best_k`.
    smallest_type : int
        Sites of the smallest type at `best_k`.
    separation : float
        Separation between types that the study declared to matter, in within-type SDs.
    against : {"one population", "a continuum"}
        What the null test is against: of the two, that which the data are more like.
    planted : int
        Types that the power was simulated for.
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
    p_error: float
    expected_agreement: float
    relative_entropy: float
    stability: float
    smallest_type: int
    agreement: float
    separation: float
    against: Against
    planted: int
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
    >>> found = Figures(25, 3, 0.01, 0.01, 0.9, 0.95, 0.8, 6, 0.7, 6.0, "one population", 3)
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
    said = why(verdict, figures, limits, failing)
    change = would_change(verdict, figures, limits, rules, failing)
    return Judgement(verdict, rules, said, change)


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
            "Were the types known, sites would belong clearly to one type each (1 is certain, 0 "
            "is guessing).",
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
