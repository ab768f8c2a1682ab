"""What e-mail addresses, IP addresses and telephone numbers look like, and how to hide them."""

from __future__ import annotations

import re
from collections.abc import Iterable

_BYTE = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_HEX = r"[0-9A-Fa-f]{1,4}"
# No part can give a letter back to the next, so none is tried: the quantifiers are possessive. That
# of the group is not: nothing follows it, and early Python 3.11 keeps half a turn of such a group.
_RUN = r"[\w.+%-]++"
_EMAIL = rf"{_RUN}@[\w-]++(?:\.[\w-]++)+"
EMAIL = "e-mail address"
PATTERNS = {
    EMAIL: re.compile(_EMAIL),
    "IP address": re.compile(
        rf"(?<![\w.])(?:(?:{_BYTE}\.){{3}}{_BYTE}(?!\.?\d)"
        rf"|(?:{_HEX}:){{7}}{_HEX}|(?:{_HEX}:){{1,6}}(?::{_HEX}){{1,6}})(?!\w)"
    ),
    "telephone number": re.compile(
        r"(?<![\w.])(?:\+\d{1,3}[ -]?(?:\(0\)[ -]?)?\d(?:[ -]?\d){7,11}"
        r"|\(?0\d{2,4}\)?[ -]\d{3,4}[ -]?\d{3,4}|0[1237]\d{9})(?!\w)"
    ),
}
"""Patterns by what they find: addresses of both versions of IP; numbers written internationally,
with the area apart, or with the eleven digits of the United Kingdom."""

_EMAIL_OR_RUN = re.compile(rf"({_EMAIL})|{_RUN}")
_ENOUGH = 0.5


def masked(text: str) -> str:
    """Hide what looks like an e-mail address, an IP address or a telephone number.

    Notes
    -----
    The time grows with the length of the text, whatever it holds. An e-mail address takes the
    whole run of letters before its ``@``, so that a run that begins none holds none: it is passed
    over at once, where a search for the pattern alone would begin anew at each of its letters.
    A letter is looked at three times at most: as part of such a run, as the domain of the one
    before, and as a run of its own. The other patterns have bounded lengths.

    Examples
    --------
    >>> masked("found 'lead0@trust.example', '203.0.113.7' in rows 1, 2")
    "found '(e-mail address)', '(IP address)' in rows 1, 2"
    """
    for kind, pattern in PATTERNS.items():
        if kind == EMAIL:
            text = _EMAIL_OR_RUN.sub(lambda run: f"({EMAIL})" if run[1] else run[0], text)
        else:
            text = pattern.sub(f"({kind})", text)
    return text


def personal_kind(values: Iterable[object]) -> str:
    """What half of the texts or more look like, a key of `PATTERNS`; ``""`` if like none.

    Examples
    --------
    >>> personal_kind(["a@b.org", "c@d.org", "none"]), personal_kind(["100102", "2021-09-30"])
    ('e-mail address', '')
    """
    texts = [text.strip() for text in values if isinstance(text, str) and text.strip()]
    for kind, pattern in PATTERNS.items():
        if texts and sum(map(bool, map(pattern.fullmatch, texts))) >= _ENOUGH * len(texts):
            return kind
    return ""
