"""Means of sites that may leave the team: enough sites, enough people, no single person to read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from site_typology.declaration import Disclosure
from site_typology.describe import is_claimed, site_groups, type_profiles, type_sizes
from site_typology.disclosure_counts import COMPLEMENT, HIDDEN
from site_typology.feature_info import FeatureInfo
from site_typology.features.builders import BUILDERS
from site_typology.report_words import Unit

if TYPE_CHECKING:
    from site_typology.typology import Typology

STEPS = (0.01, 0.05, 0.1, 0.2)
"""What shares and rates are rounded to: the first no less than what two people make of them."""
BAND = 0.1
STAFFING = "staffing"
ALL = "all"
UNKNOWN, ONE_PERSON = "people not known", "one person would show"


@dataclass(frozen=True)
class SafeMean:
    """A mean as it may be shown, and why it is hidden, or ``""``."""

    text: str
    why: str = ""


@dataclass(frozen=True)
class FeatureMeans:
    """The means of one feature by type; of all sites as ``"all"`` where no types are claimed."""

    info: FeatureInfo
    means: dict[str, SafeMean]


@dataclass(frozen=True)
class _Material:
    """What one feature's means are made of: sites that carry it, with the people behind each."""

    info: FeatureInfo
    unit: Unit
    spread: float
    values: np.ndarray
    people: np.ndarray
    groups: np.ndarray


def safe_means(typology: Typology, rules: Disclosure) -> list[FeatureMeans]:
    """Give the mean of every feature in every type as it may be shown.

    Parameters
    ----------
    typology : Typology
    rules : Disclosure

    Returns
    -------
    list of FeatureMeans
        Plain means over the sites of a type that have the feature from ``min_informants`` people
        or more. Hidden where fewer than ``min_sites`` sites do; where a part of a composition is
        hidden so are the others. There is no mean over all types: it is the types' means weighted
        by their numbers of sites, so a few features would tell those numbers.

    Notes
    -----
    A share or rate from few people tells of one: 12.5% is one of eight. One person more or less
    moves a mean over m sites, the smallest of n people, by at most 1 / (m n). Shares and rates are
    rounded to a step of twice that or more, so that at least two numbers of people fit whatever is
    shown: to 1, 5, 10 or 20 points, and hidden where 20 are too few. Staffing figures of teams
    under ``min_staff`` are given as a band. Intervals are left out: their widths tell how many
    sites stand behind them. With ``round_to = 1`` figures are exact.
    """
    rows = [
        FeatureMeans(info, _means(typology, info, rules))
        for info in typology.profiles.features
        if info.kind != "category"
    ]
    return _with_apart(typology, _complements(rows))


def _means(typology: Typology, info: FeatureInfo, rules: Disclosure) -> dict[str, SafeMean]:
    values = typology.profiles.values[info.name].to_numpy(dtype=float, na_value=np.nan)
    people = typology.profiles.counts[info.name].to_numpy(dtype=float, na_value=np.nan)
    unknown = np.isnan(people) & (rules.unknown_counts == "show")
    carries = ~np.isnan(values) & ((people >= rules.min_informants) | unknown)
    groups = site_groups(typology)
    known = values[~np.isnan(values)]
    spread = float(np.std(known)) if len(known) else 0.0
    unit = Unit.of(info, typology.profiles.values[info.name].astype(float))
    material = _Material(info, unit, spread, values[carries], people[carries], groups[carries])
    whose = {label: 1 if label == ALL else int(label) for label in type_sizes(typology)}
    found = {}
    for label, group in whose.items():
        nobody_knows = bool(np.isnan(people[(groups == group) & ~np.isnan(values)]).all())
        found[label] = _mean(material, group, rules, nobody_knows)
    return found


def _mean(
    material: _Material,
    group: int,
    rules: Disclosure,
    nobody_knows: bool,
) -> SafeMean:
    inside = material.groups == group
    values, people = material.values[inside], material.people[inside]
    if len(values) < rules.min_sites or not len(values):
        few = f"fewer than {rules.min_sites} sites with {rules.min_informants} people or more"
        return SafeMean(HIDDEN, UNKNOWN if nobody_knows and not len(values) else few)
    mean = float(np.mean(values))
    fewest = float(np.nanmin(people)) if not np.isnan(people).all() else math.nan
    # A team of unknown size may be a small one.
    banded = _is_staffing(material.info) and not bool((people >= rules.min_staff).all())
    kind = material.info.kind
    # A rate that spreads by more than 1 counts no people in people: contacts a team, for one.
    of_people = kind in ("share", "composition") or (kind == "rate" and material.spread <= 1)
    if rules.round_to == 1:
        return SafeMean(material.unit.write(mean))
    if not of_people:
        width = _nice(material.spread)
        text = _band(mean, width, material.unit.percent) if banded else material.unit.write(mean)
        return SafeMean(text)
    step = _step(len(values), fewest)
    if math.isinf(step):
        return SafeMean(HIDDEN, ONE_PERSON)
    percent = material.unit.percent
    text = _band(mean, max(step, BAND), percent) if banded else _stepped(mean, step, percent)
    return SafeMean(text)


def _is_staffing(info: FeatureInfo) -> bool:
    builder = BUILDERS.get(info.builder)
    return info.family == STAFFING or (builder is not None and builder.family == STAFFING)


def _step(sites: int, fewest: float) -> float:
    """Find the smallest step that no person can be read off; infinite where there is none.

    Examples
    --------
    >>> _step(5, 40.0), _step(3, 40.0), _step(3, 8.0), _step(1, 8.0)
    (0.01, 0.05, 0.1, inf)
    """
    if math.isnan(fewest):
        return STEPS[1]
    return next((step for step in STEPS if step >= 2 / (sites * fewest) - 1e-12), math.inf)


def _stepped(value: float, step: float, percent: bool) -> str:
    return _written(round(value / step) * Decimal(str(step)), percent)


def _band(value: float, width: float, percent: bool) -> str:
    """Write the band that a value lies in.

    Examples
    --------
    >>> _band(0.22, 0.1, True), _band(3.7, 2.0, False)
    ('20% to 30%', '2 to 4')
    """
    at, wide = math.floor(value / width + 1e-12), Decimal(str(width))
    return f"{_written(at * wide, percent)} to {_written((at + 1) * wide, percent)}"


def _written(value: Decimal, percent: bool) -> str:
    text = f"{value * 100:.0f}%" if percent else f"{value.normalize():f}"
    return text.replace("-", "−")


def _nice(spread: float) -> float:
    """Round up to 1, 2 or 5 times a power of ten.

    Examples
    --------
    >>> _nice(0.3), _nice(14.0), _nice(0.0)
    (0.5, 20.0, 1.0)
    """
    if spread <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(spread))
    return float(f"{next(times * power for times in (1, 2, 5, 10) if times * power >= spread):g}")


def _complements(rows: list[FeatureMeans]) -> list[FeatureMeans]:
    """Hide every part of a composition of which one is hidden: the others would tell it."""
    hidden = {
        (row.info.composition, label)
        for row in rows
        for label, mean in row.means.items()
        if row.info.composition and mean.why
    }
    return [
        FeatureMeans(
            row.info,
            {
                label: SafeMean(HIDDEN, COMPLEMENT)
                if not mean.why and (row.info.composition, label) in hidden
                else mean
                for label, mean in row.means.items()
            },
        )
        for row in rows
    ]


def _with_apart(typology: Typology, rows: list[FeatureMeans]) -> list[FeatureMeans]:
    """Say beside a mean whether its interval leaves out the mean of the types' means.

    Each type counts once in that mean, so that it says nothing of how many sites a type has.
    """
    if not is_claimed(typology):
        return rows
    found = type_profiles(typology).set_index(["feature", "type"])
    said = []
    for row in rows:
        own = found.loc[row.info.name]
        middle = float(own["mean"].mean())
        words = {
            label: ", higher" if own.loc[label, "low"] > middle else ", lower"
            for label, mean in row.means.items()
            if not mean.why and not own.loc[label, "low"] <= middle <= own.loc[label, "high"]
        }
        if any(mean.why for mean in row.means.values()) or own["low"].isna().any():
            words = {}
        means = {
            label: SafeMean(mean.text + words.get(label, ""), mean.why)
            for label, mean in row.means.items()
        }
        said.append(FeatureMeans(row.info, means))
    return said
