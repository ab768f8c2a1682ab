"""Findings about returns: whom to ask, who answered, what is missing, what rests on few."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from site_typology.features.assessment import Assessment
from site_typology.features.chasing import NEXT_RETURNS
from site_typology.features.finding import (
    ACT,
    CHASE,
    FINE,
    LOOK,
    MISSING,
    RETURNS,
    THIN,
    WEIGHTS,
    Finding,
    counted,
    named,
    some_of,
)
from site_typology.features.missingcells import ASK_AGAIN, ASK_ANOTHER, ASK_FIRST
from site_typology.features.precision import MEASURED, TARGET, UNKNOWN
from site_typology.features.rawtable import listed
from site_typology.features.returns import in_round, left_out

if TYPE_CHECKING:
    import pandas as pd

LOW = 0.5
"""Response below which the table is worth a look; who did not answer may well be different."""
NOT_ALIKE = 0.8
"""R-indicator below which response is worth a look: chances to answer spread by .1 or more."""


def chase_finding(assessment: Assessment) -> Finding:
    """Say whether a few more returns are worth having, and where."""
    title = "Is it worth chasing more returns?"
    table = assessment.precision
    surveyed = table[table["n"].notna() & (table["use"] == "build")]
    own = surveyed[surveyed["error"] == MEASURED]
    if own.empty:
        return _without_errors(surveyed, title)
    now, total = int((own["reliability"] >= TARGET).sum()), len(own)
    chase = assessment.chase[assessment.chase["use"] == "build"]
    places = [f"{row.site} ({row.table})" for row in chase.head(3).itertuples()]
    ask = f"Ask first at {listed(places, 3)}." if places else ""
    if now == total:
        all_ = "the one feature" if total == 1 else f"all {total} features"
        verb = "has" if total == 1 else "have"
        found = f"Not much: {all_} from informants {verb} a reliability of {TARGET:g} "
        if ask and chase.iloc[0].known >= TARGET:
            ask = f"If there are calls to spare, {ask[0].lower()}{ask[1:]}"
        return Finding(CHASE, title, FINE, f"{found}or more.", ask)
    one = total == 1
    verb = "does not have" if one else "has" if now == 1 else "have"
    found = (
        f"{some_of(now, total, 'feature')} from informants that {'builds' if one else 'build'} "
        f"types {verb} a reliability of {TARGET:g} or more now"
    )
    short = own[(own["reliability"] < TARGET) & own["needed"].notna()]
    who = "it needs" if one else "half of the others need"
    they = "it has" if one else "they have"
    needed = (
        f" To get there, {who} {short['needed'].median():.0f} informants a site or fewer; "
        f"{they} {short['n'].median():.0f}."
        if len(short)
        else ""
    )
    if own["reliability_next"].isna().all():
        return Finding(
            CHASE, title, LOOK, f"{found}.{needed}",
            "Declare eligible (how many were asked at each site) to see where to ask.",
        )  # fmt: skip
    if not places:
        nobody = "Of those asked for what builds types nobody is left who could answer."
        return Finding(CHASE, title, FINE, f"{nobody} {found}.")
    # A feature of a table without eligible numbers stays as it is.
    later = int((own["reliability_next"].fillna(own["reliability"]) >= TARGET).sum())
    would = ("it would" if later else "it would not") if one else f"{later} would"
    found += f"; {would} if {NEXT_RETURNS} more people answered at every site."
    first = chase.iloc[0]
    rise = (
        f"At the first, {first.known:.0%} of a figure is known now and {first.known_next:.0%} then."
    )
    verb = "Yes" if later > now else "Not by a few calls"
    found = f"{found[0].lower()}{found[1:]}"
    return Finding(CHASE, title, ACT, f"{verb}: {found}{needed}", f"{ask} {rise}")


def _without_errors(surveyed: pd.DataFrame, title: str) -> Finding:
    """Say what more returns would do where no feature that builds types has an error above 0."""
    if surveyed.empty:
        found = "No feature that builds types rests on informants, so there is nobody to chase."
        return Finding(CHASE, title, FINE, found)
    unknown = surveyed[surveyed["error"] == UNKNOWN]
    if unknown.empty:
        found = "Figures from informants that build types are taken as exact."
        return Finding(CHASE, title, FINE, f"{found} More returns would add nothing to them.")
    if (unknown["n"] <= 1).all():
        return Finding(
            CHASE, title, ACT,
            f"Yes: every site rests on one informant for {named(list(unknown['title']))}, so no "
            "error is known.",
            "Ask a second one at some sites.",
        )  # fmt: skip
    return Finding(
        CHASE, title, LOOK,
        f"Not known: the error of {named(list(unknown['title']))} is not known.",
        "Give the standard errors, or the answers of single informants.",
    )  # fmt: skip


def returns_finding(assessment: Assessment) -> Finding:
    """Say how many answered, by table."""
    title = "Who answered"
    own = in_round(assessment.response, assessment.round)
    if own.empty:
        return Finding(
            RETURNS, title, LOOK,
            "No table of this study is declared a survey, so there is no response to show.",
            "If one is, set role = 'survey' and say under eligible how many were asked.",
        )  # fmt: skip
    words, todo, left, level = [], [], [], FINE
    for table, rows in own.groupby("table", sort=False):
        aside = left_out(rows)
        if aside.any():
            sites = named(list(rows.loc[aside, "site"]))
            left.append(f"The study leaves out all rows of {table} at {sites}.")
        known = rows[(rows["eligible"] > 0) & ~aside]
        returns = int(rows["responded"].sum())
        if known.empty:
            if rows["responded"].isna().all():
                words.append(f"{table}: how many answered is withheld at every site")
                continue
            if said := _answered_of_list(assessment, str(table)):
                words.append(f"{table}: {counted(returns, 'return')}, {said.words}")
                level = LOOK if said.low else level
                continue
            words.append(f"{table}: {counted(returns, 'return')}; who was asked is not declared")
            todo.append(f"Declare eligible for {table}.")
            level = LOOK
            continue
        if (known["responded"] == 0).any() or known["responded"].sum() < LOW * known[
            "eligible"
        ].sum():
            level = LOOK
        rate = known["responded"].sum() / known["eligible"].sum()
        none = int((known["responded"] == 0).sum())
        words.append(
            f"{table}: {rate:.0%} answered ({known['rate'].min():.0%} to "
            f"{known['rate'].max():.0%} by site)"
            + (f", nobody at {counted(none, 'site')}" if none else "")
        )
        over = known.loc[known["rate"] > 1, "site"]
        if len(over):
            level = LOOK
            todo.append(f"More answered than were asked for {table} at {named(list(over))}: check.")
    if assessment.silent:
        level = ACT
        words.append(f"no return in use from {named(assessment.silent)}")
        todo.insert(0, "Begin with the sites that sent nothing.")
    found = " ".join([f"{'; '.join(words)}.", *left])
    return Finding(RETURNS, title, level, found, " ".join(todo))


@dataclass(frozen=True)
class _OfList:
    """What is said of the response to a survey whose list of those asked is known."""

    words: str
    low: bool


def _answered_of_list(assessment: Assessment, table: str) -> _OfList | None:
    """Say how many of those on the list of ``[weights]`` answered; None without a list."""
    own = in_round(assessment.by_list, assessment.round)
    own = own[(own["table"] == table) & (own["asked"] > 0)]
    whole, sites = own[own["site"] == ""], own[own["site"] != ""]
    if whole.empty or sites.empty:
        return None
    asked, answered = float(whole["asked"].sum()), float(whole["answered"].sum())
    none = int((sites["answered"] == 0).sum())
    words = (
        f"from {answered:,.0f} of the {asked:,.0f} on its list of those asked "
        f"({answered / asked:.0%}, {sites['rate'].min():.0%} to {sites['rate'].max():.0%} by site)"
        + (f", nobody at {counted(none, 'site')}" if none else "")
    )
    return _OfList(words, answered < LOW * asked or none > 0)


def weights_finding(assessment: Assessment) -> Finding:
    """Say how unlike those who answered are, and what response weights change."""
    title = "Are those who answered like those who did not?"
    representative, effect = assessment.representative, assessment.weight_effect
    own = in_round(representative, assessment.round)
    if own.empty and assessment.weight_effect.empty:
        return _unknown_likeness(assessment, title)
    words, level, todo = [], FINE, ""
    for row in own.itertuples():
        if row.r != row.r:
            words.append(f"{row.table}: not known, {row.reason}")
            continue
        words.append(f"{row.table}: R-indicator {row.r:.2f} (1: everybody was as likely to answer)")
        if row.r < NOT_ALIKE:
            level = LOOK
            todo = "Ask first among the kinds of people or settings that answered least."
    changed = in_round(effect, assessment.round)
    if len(changed):
        titles = {info.name: info.title for info in assessment.profiles.features}
        most = changed.loc[changed["in_spreads"].fillna(0).idxmax()]
        words.append(
            f"response weights move figures by {changed['in_spreads'].median():.0%} of what sets "
            f"sites apart (median over features; most for ‘{titles[most['feature']]}’)"
        )
    return Finding(WEIGHTS, title, level, f"{'; '.join(words)}.", todo)


def _unknown_likeness(assessment: Assessment, title: str) -> Finding:
    """Say that nobody knows whether those who answered are like the others, where there are any."""
    own = in_round(assessment.response, assessment.round)
    if own.empty:
        return Finding(WEIGHTS, title, FINE, "No table of this study is declared a survey.")
    own = own[~left_out(own)]
    if own["eligible"].notna().all() and (own["responded"] >= own["eligible"]).all():
        return Finding(WEIGHTS, title, FINE, "Everybody who was asked has answered.")
    return Finding(
        WEIGHTS, title, LOOK,
        "Not known: the study does not say what is known of everybody asked.",
        "With [weights.NAME] and a list of those asked it can be found out.",
    )  # fmt: skip


def missing_finding(assessment: Assessment) -> Finding:
    """Say which empty cells could be filled."""
    title = "What is missing, and what can be done"
    current = assessment.current
    cells = assessment.missing[assessment.missing["round"] == assessment.round]
    if cells.empty:
        return Finding(MISSING, title, FINE, "Every cell has a value.")
    size = current.values.size
    asks = [
        (ASK_AGAIN, "could be filled by asking again"),
        (ASK_ANOTHER, "by asking someone else at the site"),
        (ASK_FIRST, "have no row for the site (ask, or check the link)"),
    ]
    counts = cells["remedy"].value_counts()
    words = [f"{int(counts[remedy]):,} {said}" for remedy, said in asks if counts.get(remedy)]
    rest = len(cells) - int(sum(counts.get(remedy, 0) for remedy, _ in asks))
    if rest:
        words.append(f"{rest:,} cannot or need not be filled")
    sites = cells.loc[cells["remedy"].isin([remedy for remedy, _ in asks]), "site"].value_counts()
    return Finding(
        MISSING,
        title,
        ACT if len(sites) else FINE,
        f"{counted(len(cells), 'cell')} of {size:,} ({len(cells) / size:.0%}) have no value: "
        f"{'; '.join(words)}.",
        f"Most could be had at {named(list(sites.index[:3]))}." if len(sites) else "",
    )


def thin_finding(assessment: Assessment) -> Finding:
    """Say which sites rest on one informant or few."""
    title = "Figures that rest on few informants"
    thin, minimum = assessment.thin, assessment.minimum
    if not assessment.precision["n"].notna().any():
        return Finding(THIN, title, FINE, "No feature rests on informants.")
    one = thin[thin["n"] <= 1]
    if thin.empty:
        return Finding(
            THIN, title, FINE,
            f"No site rests on one informant; every figure rests on {minimum} or more.",
        )  # fmt: skip
    alone = (
        f"{_rest_on_one(one['site'].nunique())} for some figure "
        f"({named(list(one['site'].unique()))})"
        if len(one)
        else "No site rests on one informant"
    )
    return Finding(
        THIN,
        title,
        ACT if len(one) else LOOK,
        f"{alone}; {counted(len(thin), 'figure')} at {counted(thin['site'].nunique(), 'site')} "
        f"rest on fewer than {minimum}.",
        "One person's view is no site's profile: ask a second one there."
        if len(one)
        else "Do not pass these figures on as they stand.",
    )


def _rest_on_one(sites: int) -> str:
    return f"{counted(sites, 'site')} {'rests' if sites == 1 else 'rest'} on one informant"
