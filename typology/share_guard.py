"""The last look before something leaves the team: no name of a site, no unique category in it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from site_typology.document import clean

SHORTEST = 2
SHORTEST_CODE = 4
"""Fewer digits than these are a number that any text may say."""


def named_in(
    texts: Iterable[tuple[str, str]], names: Iterable[str], *, codes: bool = False
) -> list[tuple[str, str]]:
    """Find names that stand in texts as whole words, however they are written.

    Parameters
    ----------
    texts : iterable of (str, str)
        Where a text stands, and the text.
    names : iterable of str
        Names of one character or of digits alone are left out: they stand in any report. Capitals,
        blanks and forms of the same letter make no difference.
    codes : bool, default False
        Look for names of 4 digits or more too, such as reference numbers of schools.

    Returns
    -------
    list of (str, str)
        Place and name, each pair once.

    Examples
    --------
    >>> named_in([("title", "Teams of NORTH  END"), ("lead", "12 sites")], ["North End", "12"])
    [('title', 'North End')]
    >>> named_in([("title", "School 100482")], ["100482"], codes=True)
    [('title', '100482')]
    """
    sought = {}
    for name in names:
        plain = _plain(name)
        is_number = re.fullmatch(r"[\d\W_]+", plain) is not None
        if len(plain) >= SHORTEST and (not is_number or (codes and len(plain) >= SHORTEST_CODE)):
            sought[name] = (plain, re.compile(rf"(?<!\w){re.escape(plain)}(?!\w)"))
    pairs = [
        (place, name)
        for place, text in ((place, _plain(text)) for place, text in texts)
        for name, (plain, pattern) in sought.items()
        if plain in text and pattern.search(text)
    ]
    return list(dict.fromkeys(pairs))


def _plain(text: str) -> str:
    """Bring texts that read alike to one form: capitals, blanks, composed and wide letters."""
    # Casefolding may take letters apart again, so the form is made before and after.
    folded = unicodedata.normalize("NFKC", text).casefold()
    shown = (each for each in folded if unicodedata.category(each) != "Cf")
    return clean(unicodedata.normalize("NFKC", "".join(shown)))


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
