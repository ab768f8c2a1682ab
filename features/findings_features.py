"""Findings about features: reliability, sources, doubles, values far out, changes."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from site_typology.features.assessment import Assessment
from site_typology.features.finding import (
    ACT,
    AGREEMENT,
    CHANGES,
    EXTREMES,
    FINE,
    LOOK,
    PRECISION,
    SAME,
    Finding,
    counted,
    named,
    some_of,
)
from site_typology.features.precision import MEASURED, POOR, TARGET, UNKNOWN
from site_typology.features.returns import in_round
from site_typology.features.sourceagreement import source_words

CONCORDANCE = "concordance, error taken out"
MOST_FLAGS = 5
"""Sentences on single items that are shown; a scale's own table has all of them."""


def precision_finding(assessment: Assessment) -> Finding:
    """Say how many features tell sites apart."""
    title = "How well each feature tells sites apart"
    table = assessment.precision
    unknown = table[(table["error"] == UNKNOWN)]
    todo = [f"The error of {named(list(unknown['title']))} is not known."] if len(unknown) else []
    against = [
        row.title for row in table.itertuples() if row.measurement.get("lowest_item_rest", 0.0) < 0
    ]
    if against:
        todo.append(
            f"An item of {named(against)} runs against the others: is it worded the other way?"
        )
    flags = [flag for info in assessment.profiles.features for flag in info.flags]
    todo += list(dict.fromkeys(flags))[:MOST_FLAGS]
    build = table[(table["use"] == "build") & (table["error"] == MEASURED)]
    if build.empty:
        has = "is known to have" if len(unknown) else "has"
        found = f"No feature {has} a measurement error above 0, so none has a reliability."
        level = ACT if against else LOOK if todo else FINE
        return Finding(PRECISION, title, level, found, " ".join(todo))
    good = int((build["reliability"] >= TARGET).sum())
    poor = build[build["reliability"] < POOR]
    one = len(build) == 1
    verb = "reaches" if good == 1 else "does not reach" if one else "reach"
    found = (
        f"{some_of(good, len(build), 'feature')} with an error that {'builds' if one else 'build'} "
        f"types {verb} a reliability of {TARGET:g}"
    )
    if len(poor) and one:
        found += "; more noise than signal sets sites apart"
    elif len(poor):
        found += f"; at {len(poor)} more noise than signal sets sites apart"
    if len(poor):
        todo.append(
            "Do not read differences between single sites on "
            f"{named(list(poor.sort_values('reliability')['title']))}."
        )
    short = good < len(build)
    level = ACT if len(poor) or against else LOOK if todo or short else FINE
    return Finding(PRECISION, title, level, f"{found}.", " ".join(todo))


def agreement_finding(assessment: Assessment) -> Finding:
    """Say whether sources that measure the same thing agree."""
    title = "Do sources agree?"
    agreement = in_round(assessment.profiles.source_agreement, assessment.round)
    overall = agreement[agreement["site"] == ""]
    titles = {info.name: info.title for info in assessment.profiles.features}
    by = ["feature", "one", "other", "one_group", "other_group"]
    pairs = list(overall.groupby(by, sort=False))
    if not pairs:
        found = "No feature is put together from several sources, so none can disagree."
        return Finding(AGREEMENT, title, FINE, found)
    words, level = [], FINE
    for (feature, one, other, group, other_group), rows in pairs:
        figures = dict(zip(rows["measure"], rows["value"], strict=True))
        sites = int(rows["n"].max())
        beyond = figures.get("sites beyond error")
        sources = f"{source_words(one, group)} and {source_words(other, other_group)}"
        part = f"{titles.get(str(feature), feature)}, {sources}: "
        if beyond is not None:
            part += f"they differ by more than error at {beyond:.0f} of {counted(sites, 'site')}"
            # One site in twenty would without any difference.
            level = LOOK if beyond > max(1.0, 0.1 * sites) else level
        if CONCORDANCE in figures:
            comma = ", " if beyond is not None else ""
            part += f"{comma}concordance {figures[CONCORDANCE]:.2f} with error taken out"
        words.append(part)
    todo = "Read the combined figure with the figures of its sources beside it."
    return Finding(AGREEMENT, title, level, f"{'; '.join(words)}.", todo if level == LOOK else "")


def same_finding(assessment: Assessment) -> Finding:
    """Say which features say the same thing."""
    title = "Features that say the same thing twice"
    same = assessment.same
    both = same[same["both_build"].astype(bool)]
    if same.empty:
        return Finding(SAME, title, FINE, "No two features say the same thing.")
    others = len(same) - len(both)
    described = f"{counted(others, 'other pair')} {'does' if others == 1 else 'do'}"
    if both.empty:
        return Finding(
            SAME, title, FINE,
            f"No two features that build types say the same thing; {described}.",
        )  # fmt: skip
    pairs = [f"‘{row.title}’ and ‘{row.other_title}’" for row in both.head(3).itertuples()]
    rest = f"; {described}" if len(same) > len(both) else ""
    return Finding(
        SAME,
        title,
        ACT,
        f"{counted(len(both), 'pair')} of features that build types say nearly the same about "
        f"sites ({_pairs(pairs, len(both))}){rest}.",
        "Keep one of each pair, or average them: said twice, a thing counts twice in every type.",
    )


def _pairs(shown: Sequence[str], total: int) -> str:
    more = total - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")


def extremes_finding(assessment: Assessment) -> Finding:
    """Say which sites lie far out."""
    title = "Values far from the rest"
    extremes = assessment.extremes
    if extremes.empty:
        return Finding(EXTREMES, title, FINE, "No value lies far from those of the other sites.")
    tail = extremes["tail"].astype(bool)
    single, tails = extremes[~tail], extremes[tail]
    words = []
    if len(single):
        sites = list(single["site"].value_counts().index)
        words.append(
            f"{counted(len(single), 'value')} at {counted(len(sites), 'site')} "
            f"{'lies' if len(single) == 1 else 'lie'} far from those of the other sites "
            f"({named(sites)})"
        )
    if len(tails):
        number = tails["feature"].nunique()
        verb = "has" if number == 1 else "have"
        words.append(f"{counted(number, 'feature')} {verb} a long tail of such sites")
    return Finding(
        EXTREMES,
        title,
        ACT if len(single) else LOOK,
        f"{'; '.join(words)}.",
        "Look at the rows named below: a slip in the data, or a site that is different?",
    )


def changes_finding(assessment: Assessment) -> Finding:
    """Say what changed from one round to the next."""
    title = "What changed between rounds"
    rounds = assessment.profiles.rounds
    if len(rounds) < 2:
        return Finding(CHANGES, title, FINE, "The study has one round, so nothing is compared.")
    flagged = assessment.changes[assessment.changes["flag"] != ""]
    words = [
        f"{counted(len(flagged), 'figure')} changed by more than error explains, of "
        f"{len(assessment.changes):,} compared"
        if len(flagged)
        else f"No figure changed by more than error explains, of {len(assessment.changes):,} "
        "compared"
    ]
    words += [
        f"{verb} in round {later}: {named(list(group['site']))}"
        for (later, moved), group in assessment.moved.groupby(["later", "moved"], sort=False)
        for verb in (("new" if moved == "came" else "gone"),)
    ]
    notes = assessment.feature_changes["note"]
    away = assessment.feature_changes[notes.str.startswith("no value in round")]
    if len(away):
        words.append(f"in one round only: {named(list(away['title']))}")
    return Finding(
        CHANGES,
        title,
        LOOK if len(flagged) or len(assessment.moved) or len(away) else FINE,
        f"{'; '.join(words)}.",
        _change_advice(flagged),
    )


def _change_advice(flagged: pd.DataFrame) -> str:
    if flagged.empty:
        return ""
    sites = named(list(flagged["site"].value_counts().index[:3]))
    return (
        f"Most at {sites}. Before calling it change, check that the same people were asked the "
        "same question."
    )
