"""The last look before something leaves the team: no name of a site, no unique category in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

SHORTEST = 2


def named_in(texts: Iterable[tuple[str, str]], names: Iterable[str]) -> list[tuple[str, str]]:
    """Find names that stand in texts as whole words.

    Parameters
    ----------
    texts : iterable of (str, str)
        Where a text stands, and the text.
    names : iterable of str
        Names of one character or of digits alone are left out: they stand in any report.

    Returns
    -------
    list of (str, str)
        Place and name, each pair once.

    Examples
    --------
    >>> named_in([("title", "Teams of North End"), ("lead", "12 sites")], ["North End", "12"])
    [('title', 'North End')]
    """
    sought = {
        name: re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
        for name in names
        if len(name) >= SHORTEST and not re.fullmatch(r"[\d\W]+", name)
    }
    pairs = [
        (place, name)
        for place, text in texts
        for name, pattern in sought.items()
        if name in text and pattern.search(text)
    ]
    return list(dict.fromkeys(pairs))


def is_unmistakable(name: str) -> bool:
    """Whether a name can only be a name: several words, or a digit in it.

    A site called Reading would be found in the report's own words.

    Examples
    --------
    >>> [is_unmistakable(name) for name in ("Reading", "North End", "T31")]
    [False, True, True]
    """
    return bool(re.search(r"\d|\w\W+\w", name))


def figure_texts(figures: Mapping[str, str]) -> list[tuple[str, str]]:
    """Every text of figures, alternative text included, each with its figure."""
    return [(f"figure {name}", re.sub(r"<[^>]*>", " ", svg)) for name, svg in figures.items()]
