"""Numbers and verdicts as a reader without statistics would have them said."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from site_typology.feature_info import FeatureInfo
from site_typology.placing import TIMES, at_times
from site_typology.replicates import stability_word
from site_typology.verdict_words import beside, told_apart

if TYPE_CHECKING:
    from site_typology.results import Evidence, Rule

GLOSSARY = (
    ("Site", "A place where the programme runs, as the study lists it."),
    ("Feature", "One thing measured at every site, such as the share of time on a kind of work."),
    ("Profile", "All features of one site together."),
    (
        "Type",
        "A group of sites whose profiles are alike and unlike those of other groups. A type is a "
        "description, not a grade: types are numbered by size and have no order.",
    ),
    ("One population", "Sites that differ from each other by degrees only, without groups."),
    (
        "Membership probability",
        "How sure it is that a site belongs to a type, given what is known and not known of it. "
        "1 is certain.",
    ),
    ("Borderline site", "A site whose membership probability in its type is below 0.8."),
    (
        "Measurement error",
        "The part of a site's figure that would change if other people had answered, or another "
        "month had been counted.",
    ),
    (
        "95% interval",
        "Where the mean of sites like these lies, as far as the data tell: the procedure is right "
        "in 95 of 100 studies. Types were found in the same data, so intervals of different types "
        "describe them; they do not test that types differ.",
    ),
    (
        "Null test",
        "The same search for types in simulated studies that have none but are otherwise like this "
        "one (same correlations, errors and gaps). If they often look as grouped as the data, the "
        "data show no types. The p-value is the share that do, the data themselves counted among "
        "them.",
    ),
    (
        "Continuum, axis",
        "Sites that differ by degrees along one line, which may be bent. A site's place on it runs "
        "from 0 to 100 and comes with an interval; neither end is better.",
    ),
    (
        "Separation",
        "How far apart types are, in standard deviations of sites of one type. Six and more is "
        "far: hardly a site lies between.",
    ),
    ("Power", "How often types of a given separation would be found in data like these."),
    (
        "Stability (Jaccard)",
        "Whether a type comes back when sites are drawn again: the share of sites that the old "
        "and the new type have in common. Below 0.6 is doubtful, 0.75 and above stable, 0.85 and "
        "above highly stable (Hennig 2007).",
    ),
    (
        "Adjusted Rand index",
        "How alike two groupings of the same sites are: 1 is identical, 0 is what chance gives.",
    ),
    (
        "Log-odds",
        "The logarithm of how many times as probable one type is as another for a site: 0 where "
        "both are equally probable, 1 where the one is 2.7 times as probable, 4.6 a hundred times.",
    ),
    (
        "Shapley value, contribution",
        "The part of a site's log-odds (or probability) that belongs to one feature, compared with "
        "an average site. The parts of all features add up to the whole. It says what goes with "
        "membership, not what brings it about.",
    ),
    (
        "Surrogate, fidelity",
        "A simple model that imitates the typology so that it can be explained, where the "
        "typology's own model cannot be; and how often it is right about sites it has not seen "
        "(balanced: each type counts the same).",
    ),
    (
        "ICC(1)",
        "Share of the variation between informants that lies between sites. Near 0, a site's mean "
        "of a few informants is mostly noise.",
    ),
)

USES = {"build": "builds types", "evaluate": "describes only"}
"""What a feature is for, or a table whose features are."""

BADGES = {
    "supported": "Supported",
    "tentative": "Tentative",
    "not supported": "Not supported",
    "insufficient": "Insufficient data",
}


def headline(evidence: Evidence, sites: int) -> str:
    """Say the verdict in one sentence."""
    lined = evidence.axis is not None and evidence.axis.is_continuum
    return {
        "supported": f"The {sites} sites fall into {evidence.k} types.",
        "tentative": (
            f"There are signs of {evidence.k} types, but they are not firm enough to rest "
            "decisions on."
        ),
        "not supported": "The data do not support a typology."
        + (" Sites form a continuum along one axis." if lined else ""),
        "insufficient": "These data cannot tell which sites belong together."
        if evidence.unplaced
        else "These data cannot tell whether there are types of sites.",
    }[evidence.verdict]


def heading_without_types(evidence: Evidence) -> str:
    """Heading of the part about the sites where no types are claimed."""
    return "The sites together" if evidence.unplaced else "The sites as one population"


def key_figures(evidence: Evidence) -> list[str]:
    """Say the figures behind the verdict in plain words."""
    test = evidence.null_test
    words = [
        f"Of {test.draws} simulated studies like this one but without types, "
        f"{test.exceeding or 'none'} looked as grouped as this study or more "
        f"(p = {figure(test.p_value)})."
    ]
    stability = evidence.type_stability.dropna(subset="mean")
    if evidence.claimed and len(stability):
        least = stability.sort_values("mean").iloc[0]
        words.append(
            f"When sites are drawn again, types come back: the least stable is type "
            f"{int(least['type'])}, with {least['mean']:.0%} of its sites in common on average "
            f"({stability_word(least['mean'])}). {_without_types(least)}".rstrip()
        )
    expected = evidence.figures.get("expected_agreement", math.nan)
    if evidence.claimed and not math.isnan(expected):
        words.append(
            f"If these types are true, sites measured like this are placed with an agreement of "
            f"{expected:.2f} (1 is perfect, 0 is guessing)."
        )
    if evidence.unplaced:
        words += _unplaced(evidence, expected)
    if evidence.power is not None and len(evidence.power.table):
        smallest = evidence.power.smallest_separation
        words += [
            f"Types {row.separation:g} standard deviations apart would be found in "
            f"{row.power:.0%} of studies like this one."
            for row in evidence.power.table.sort_values("separation").itertuples()
        ]
        words.append(
            f"None of these separations is found in {evidence.power.target:.0%} of studies, which "
            "is what was asked for."
            if math.isnan(smallest)
            else f"The smallest separation found in at least {evidence.power.target:.0%} of "
            f"studies is {smallest:g}."
        )
    return words


def _unplaced(evidence: Evidence, expected: float) -> list[str]:
    """Say how well sites could be placed now and with more information; a claim needs more."""
    needed = next(rule.threshold for rule in evidence.rules if rule.name == "expected_agreement")
    words = [
        f"If the {evidence.best_k} types nearest to the data were true, sites measured like this "
        f"would be placed with an agreement of {told_apart(expected, needed)} (1 is perfect, 0 is "
        f"guessing); no types are claimed below {needed:g}."
    ]
    for times in TIMES:
        better = evidence.figures.get(at_times(times))
        if better is not None:
            words.append(
                f"With {times:g} times the information in each measured value it would be "
                f"{told_apart(better, needed)}."
            )
    return words


def _without_types(row: pd.Series) -> str:
    """Say how the stability of a type looks where there are none; empty where that is unknown."""
    if math.isnan(row["reference_mean"]):
        return ""
    return (
        f"In simulated studies without types it is {row['reference_mean']:.0%} "
        f"({row['reference_low']:.0%} to {row['reference_high']:.0%})."
    )


def rule_words(rule: Rule) -> dict[str, str]:
    """Write one rule as the cells of a table."""
    relation = {"<=": "at most", ">=": "at least"}[rule.relation]
    return {
        "name": rule.name.replace("_", " "),
        "meaning": rule.meaning,
        "found": "could not be computed" if math.isnan(rule.figure) else _beside(rule.figure, rule),
        "needed": f"{relation} {_beside(rule.threshold, rule)}",
        "holds": "holds" if rule.holds else "does not hold",
    }


def _beside(value: float, rule: Rule) -> str:
    """Write a figure of a rule so that it can be compared with its threshold."""
    if rule.threshold == int(rule.threshold) and rule.threshold > 1:
        return figure(value)
    return beside(value, rule.threshold, 3 if rule.threshold < 0.1 else 2)


def figure(value: float) -> str:
    """Write a number with about three figures that matter.

    Examples
    --------
    >>> [figure(value) for value in (0.01, 0.3333, -2.0, 1234.5, 0.00012, float("nan"))]
    ['0.01', '0.333', '−2', '1,234', '0.00012', '–']
    """
    if value is None or math.isnan(value):
        return "–"
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}".replace("-", "−")
    text = f"{value:.{2 if abs(value) < 0.001 else 3}g}"
    if "e" in text:
        text = f"{value:.6f}".rstrip("0")
    return text.replace("-", "−")


@dataclass(frozen=True)
class Unit:
    """How the values of one feature are written: with the same decimals wherever they stand."""

    percent: bool
    decimals: int

    @classmethod
    def of(cls, info: FeatureInfo, values: pd.Series) -> Unit:
        """Choose decimals by how far sites spread: two figures of the standard deviation."""
        percent = info.kind in ("share", "composition")
        known = values.dropna().to_numpy(dtype=float) * (100 if percent else 1)
        spread = float(np.std(known)) if len(known) else 0.0
        decimals = 2 if spread == 0 else 1 - math.floor(math.log10(spread))
        return cls(percent, min(max(decimals, 0), 1 if percent else 6))

    def write(self, value: float) -> str:
        """Write one value.

        Examples
        --------
        >>> Unit(False, 1).write(-2.36), Unit(True, 0).write(0.127), Unit(True, 0).write(math.nan)
        ('−2.4', '13%', '–')
        """
        if math.isnan(value):
            return "–"
        text = f"{value:.{self.decimals}%}" if self.percent else f"{value:,.{self.decimals}f}"
        zero = not any(digit in text for digit in "123456789")
        return text.lstrip("-") if zero else text.replace("-", "−")

    def rounded(self, value: float) -> float:
        """Round a value to what `write` says.

        Examples
        --------
        >>> Unit(False, 1).rounded(-2.36), Unit(True, 0).rounded(0.127)
        (-2.4, 0.13)
        """
        return round(value, self.decimals + (2 if self.percent else 0))

    def interval(self, mean: float, low: float, high: float) -> str:
        """Write a mean with its interval."""
        if math.isnan(mean):
            return "not known"
        if math.isnan(low):
            return self.write(mean)
        return f"{self.write(mean)} ({self.write(low)} to {self.write(high)})"


def count_of(number: int, noun: str) -> str:
    """Write a count with its noun.

    Examples
    --------
    >>> count_of(1, "site"), count_of(3, "site")
    ('1 site', '3 sites')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
