"""Sentences of an answer: why a site is of its type, what sets it apart, which types remain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from site_typology.answer import Chance, Share
from site_typology.collecting import percent
from site_typology.describe import as_inside_sentence
from site_typology.peers import joined
from site_typology.report_words import count_of

MOST_FOR, MOST_AGAINST = 3, 1
WORTH_SAYING = 0.1
"""Least part of all that speaks for a type, for one feature to be named."""


def type_words(number: int, name: str) -> str:
    """Name a type in a sentence.

    Examples
    --------
    >>> type_words(2, "Higher need"), type_words(2, "Type 2")
    ('type 2 (Higher need)', 'type 2')
    """
    plain = name.casefold() in ("", f"type {number}", str(number))
    return f"type {number}" if plain else f"type {number} ({name})"


def why_type(own: Chance, other: Chance | None, shares: Sequence[Share], base: float) -> str:
    """Say in one sentence why a site is of its type rather than the next."""
    start = f"{percent(own.probability)} sure of {type_words(own.type, own.name)}"
    start = start[0].upper() + start[1:]
    if other is None:
        return f"{start}, the only type."
    start += f" rather than {type_words(other.type, other.name)} ({percent(other.probability)})"
    speaking = [share for share in shares if share.amount > 0]
    against = [share for share in shares if share.amount < 0]
    total = sum(share.amount for share in speaking) + max(base, 0.0)
    named = [share for share in speaking if share.amount >= WORTH_SAYING * total][:MOST_FOR]
    if not named:
        return (
            f"{start}: nothing that is known sets it apart from the middle of all sites, where "
            f"type {own.type} is the likelier."
        )
    verb = "speaks" if len(named) == 1 else "speak"
    sentence = f"{start}: {joined([_figures(share) for share in named])} {verb} for it"
    most = [share for share in against if -share.amount >= WORTH_SAYING * total][:MOST_AGAINST]
    return sentence + (f", {_figures(most[0])} against it." if most else ".")


def why_none(nearest: Chance, farther: float, shares: Sequence[Share]) -> str:
    """Say in one sentence what sets a site apart from the nearest type."""
    start = (
        f"Farther from {type_words(nearest.type, nearest.name)}, the nearest, than "
        f"{farther:.2%} of its members would be"
    )
    total = sum(share.amount for share in shares if share.amount > 0)
    named = [share for share in shares if share.amount >= WORTH_SAYING * total][:MOST_FOR]
    if not named:
        return f"{start}."
    verb = "sets" if len(named) == 1 else "set"
    parts = [_figures(share, "middle of the type") for share in named]
    return f"{start}: {joined(parts)} {verb} it apart most."


def _figures(share: Share, mean: str = "middle of all") -> str:
    return f"{as_inside_sentence(share.title)} {share.value} ({mean} {share.mean})"


def possible_words(
    possible: Sequence[int], names: Mapping[int, str], level: float, counts: np.ndarray, least: int
) -> str:
    """Say what the set of possible types means, or why there is none.

    Parameters
    ----------
    possible : sequence of int
    names : mapping of int to str
    level : float
    counts : ndarray of int, shape (k,)
        Fitted sites of each type.
    least : int
        Fewest sites a type that such a set takes.
    """
    if not possible:
        few = [at + 1 for at, count in enumerate(counts) if count < least]
        each = joined([f"type {kind} has {counts[kind - 1]}" for kind in few])
        return (
            f"No set of types with a {level:.0%} guarantee can be given: it takes {least} sites of "
            f"each type, and {each}. Read the probabilities as the model's own."
        )
    listed = joined([type_words(kind, names[kind]) for kind in possible])
    return (
        f"{listed[0].upper()}{listed[1:]}: sets made this way hold the type that the typology "
        f"gives for about {level:.0%} of new sites of each type, if they are like the fitted ones."
    )


def shortfall_words(needed: int, collect: str) -> str:
    """Say how many more features a site needs, and which to begin with."""
    start = f"{count_of(needed, 'more feature')} with a value {'is' if needed == 1 else 'are'}"
    return f"{start} needed. {collect}".rstrip()
