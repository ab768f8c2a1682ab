"""Settings that became others: conversions, splits and mergers in the register of schools.

A school that becomes an academy gets a new number (URN). A list of settings made earlier names the
old one, which the register has as closed. The department's file of links says which number came
after it. A setting is followed only while it is not open itself, so that a school from which
another was split off, and which goes on, stays the one it was.
"""

from __future__ import annotations

import graphlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pandas as pd

from site_typology.features.ledger import SET_ASIDE, USED
from site_typology.features.rawtable import listed
from site_typology.profiles import LEDGER_COLUMNS

STATUS = "EstablishmentStatus (name)"
"""The register's column that says which settings are open."""
OPEN, CLOSED, NOT_YET_OPEN, ABSENT = "open", "closed", "not yet open", "not in the register"

FOUND = "open in the register"
FOLLOWED = "followed to its successor"
SPLIT = "followed to several successors"
MERGED = "merged into a setting that is counted already"
ELSEWHERE = "its successor is listed at another site"
NO_SUCCESSOR = "closed without an open successor"
NO_SUCCESSOR_YET = "its successor is not yet open"


@dataclass(frozen=True)
class Followed:
    """What stands for each listed setting.

    Parameters
    ----------
    sites : DataFrame
        Columns ``key`` and ``site``: every listed number, and every number followed to.
    account : DataFrame
        Columns ``site, outcome, reason, n``: what became of the listed settings of each site.
    current : mapping of str to str
        The listed or followed number that stands today for a number that is not open; the lowest
        where a setting was split.
    problems : tuple of str
        What is wrong with the links, in sentences.
    """

    sites: pd.DataFrame
    account: pd.DataFrame
    current: Mapping[str, str]
    problems: tuple[str, ...] = ()


@dataclass
class _Chase:
    """The search for the successors of one setting."""

    found: set[str] = field(default_factory=set)
    passed: set[str] = field(default_factory=set)
    unopened: bool = False
    circle: tuple[str, ...] = ()


def status_of(numbers: pd.Series, status: pd.Series) -> dict[str, str]:
    """Say which numbers of a register are open, closed or not yet open.

    Parameters
    ----------
    numbers, status : Series of str
        Number and ``EstablishmentStatus (name)`` of each row. "Open, but proposed to close" is
        open; what is neither open nor proposed to open is closed.

    Examples
    --------
    >>> names = pd.Series(["Open", "Closed", "Proposed to open"])
    >>> status_of(pd.Series(["1", "2", "3"]), names)
    {'1': 'open', '2': 'closed', '3': 'not yet open'}
    """
    there = numbers.notna()
    words = status.fillna("").str.strip().str.casefold()
    known = words.map({"proposed to open": NOT_YET_OPEN}).astype(object)
    known = known.where(known.notna(), words.str.startswith("open").map({True: OPEN}))
    states = known.where(known.notna(), CLOSED)
    return dict(zip(numbers[there].astype(str), states[there], strict=True))


def follow(
    settings: pd.DataFrame,
    status: Mapping[str, str] | None,
    successors: Mapping[str, tuple[str, ...]],
) -> Followed:
    """Find what stands today for each setting of a list.

    Parameters
    ----------
    settings : DataFrame
        Columns ``key`` (number) and ``site``, a listed setting a row.
    status : mapping of str to str, optional
        From `status_of`. Without one, as in a survey, a setting may go by its own number and by
        every later one, and there is no account.
    successors : mapping of str to tuple of str
        From `site_typology.features.linkfile.read_successors`.

    Returns
    -------
    Followed
        A listed setting keeps its site. A successor that two sites lay claim to, and links that
        run in a circle, are problems.

    Examples
    --------
    >>> settings = pd.DataFrame({"key": ["1", "2"], "site": ["A", "A"]})
    >>> status = {"1": "closed", "2": "open", "7": "open"}
    >>> found = follow(settings, status, {"1": ("7",)})
    >>> found.sites.values.tolist()
    [['1', 'A'], ['2', 'A'], ['7', 'A']]
    >>> found.account[["reason", "n"]].values.tolist()
    [['followed to its successor', 1], ['open in the register', 1]]
    """
    own = {str(key): str(site) for key, site in settings[["key", "site"]].itertuples(index=False)}
    chases = {key: _chase(key, status or {}, successors) for key in sorted(own)}
    claims: dict[str, set[str]] = {}
    for key, chase in chases.items():
        if status is None:
            chase.found |= chase.passed
        for number in chase.found - own.keys():
            claims.setdefault(number, set()).add(own[key])
    problems = [*_circles(chases), *_claimed_twice(claims, chases, own)]
    taken = {key for key in own if (status or {}).get(key) == OPEN}
    rows = []
    for key, chase in chases.items() if status is not None else ():
        outcome, reason = _outcome(key, chase, own, status or {}, taken)
        taken |= chase.found
        rows.append((own[key], outcome, reason))
    columns = ["site", "outcome", "reason"]
    counts = pd.DataFrame(rows, columns=columns).groupby(columns).size().rename("n").reset_index()
    followed = [(number, min(sites)) for number, sites in sorted(claims.items())]
    sites = pd.DataFrame([*sorted(own.items()), *followed], columns=["key", "site"])
    current = _current(set(sites["key"]), status or {}, successors)
    return Followed(sites, counts, current, tuple(problems))


def account_entries(table: str, settings: str, account: pd.DataFrame) -> pd.DataFrame:
    """Ledger entries of what became of the listed settings of each site.

    Parameters
    ----------
    table : str
        The register.
    settings : str
        The table that lists the settings.
    account : DataFrame
        From `follow`.
    """
    entries = account.assign(table=table, entry=f"settings of {settings}", round="")
    return entries[LEDGER_COLUMNS]


def _chase(
    start: str, status: Mapping[str, str], successors: Mapping[str, tuple[str, ...]]
) -> _Chase:
    """Go from a setting that is not open to the open ones that came after it."""
    chase = _Chase()
    waiting = [] if status.get(start) == OPEN else [start]
    links: dict[str, tuple[str, ...]] = {}
    while waiting:
        at = waiting.pop()
        links[at] = successors.get(at, ())
        for number in links[at]:
            state = status.get(number)
            if state == OPEN:
                chase.found.add(number)
            elif state == NOT_YET_OPEN:
                chase.unopened = True
            elif number not in links:
                waiting.append(number)
    chase.passed = links.keys() - {start}
    try:
        graphlib.TopologicalSorter(links).prepare()
    except graphlib.CycleError as error:
        # The sorter takes links for "comes after", so its circle runs against them.
        chase.circle = tuple(reversed(error.args[1]))
    return chase


def _current(
    listed: set[str], status: Mapping[str, str], successors: Mapping[str, tuple[str, ...]]
) -> dict[str, str]:
    """Which of the listed numbers answers to each number that went before it."""
    found = {old: _chase(old, status, successors).found & listed for old in sorted(successors)}
    return {old: min(numbers) for old, numbers in found.items() if numbers}


def _outcome(
    key: str,
    chase: _Chase,
    own: Mapping[str, str],
    status: Mapping[str, str],
    taken: set[str],
) -> tuple[str, str]:
    """What became of one listed setting."""
    state = status.get(key, ABSENT)
    if state == OPEN:
        return USED, FOUND
    here = {number for number in chase.found if own.get(number, own[key]) == own[key]}
    if new := here - taken:
        return USED, SPLIT if len(new) > 1 else FOLLOWED
    if here:
        return SET_ASIDE, MERGED
    if chase.found:
        return SET_ASIDE, ELSEWHERE
    if chase.unopened:
        return SET_ASIDE, NO_SUCCESSOR_YET
    return SET_ASIDE, NO_SUCCESSOR if state == CLOSED else state


def _circles(chases: Mapping[str, _Chase]) -> Iterator[str]:
    circles = {frozenset(chase.circle): chase.circle for chase in chases.values() if chase.circle}
    if circles:
        shown = listed([" to ".join(circle) for circle in circles.values()])
        yield (
            f"The links of settings of the list run in a circle: {shown}. Remove the wrong link "
            "from the file."
        )


def _claimed_twice(
    claims: Mapping[str, set[str]], chases: Mapping[str, _Chase], own: Mapping[str, str]
) -> Iterator[str]:
    several = {number: sites for number, sites in claims.items() if len(sites) > 1}
    if several:
        shown = []
        for number in sorted(several):
            before = [
                f"{key} of {own[key]}" for key, chase in chases.items() if number in chase.found
            ]
            shown.append(f"{number} (after {listed(before)})")
        yield (
            f"Settings of different sites became one: {listed(shown)}. Say whose each is by "
            "adding its number to the list of settings with its site."
        )
