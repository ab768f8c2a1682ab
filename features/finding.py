"""One finding of the quality report: its words and what they are made with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from site_typology.features.rawtable import listed

FINE, LOOK, ACT = "fine", "look", "act"
MOST_NAMED = 6

SECTIONS = (
    "chase", "response", "weights", "missing", "reliability", "few informants", "sources", "twice",
    "extreme", "rounds",
)  # fmt: skip
"""Sections of the report, in its order."""
CHASE, RETURNS, WEIGHTS, MISSING, PRECISION, THIN, AGREEMENT, SAME, EXTREMES, CHANGES = SECTIONS


@dataclass(frozen=True)
class Finding:
    """What was found about one side of the data.

    Parameters
    ----------
    section : str
        One of `SECTIONS`.
    title : str
        Heading of the section.
    level : {"fine", "look", "act"}
        Nothing to do, something to look at, or something to do.
    found : str
        What was found, in a sentence.
    do : str
        What to do about it; ``""`` where there is nothing to do.
    """

    section: str
    title: str
    level: str
    found: str
    do: str = ""


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun.

    Examples
    --------
    >>> counted(1, "site"), counted(1200, "site"), counted(2, "reply", "replies")
    ('1 site', '1,200 sites', '2 replies')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def some_of(some: int, total: int, noun: str) -> str:
    """Some of a number of things, as the subject of a sentence.

    Examples
    --------
    >>> some_of(0, 1, "feature"), some_of(1, 1, "feature"), some_of(2, 7, "feature")
    ('The one feature', 'The one feature', '2 of the 7 features')
    """
    return f"The one {noun}" if total == 1 else f"{some:,} of the {total:,} {noun}s"


def named(names: Sequence[object]) -> str:
    """The first names, and how many more there are."""
    return listed([str(name) for name in names], MOST_NAMED)
