"""Counts that may leave the team: small ones hidden, others rounded, totals that tell hidden."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from site_typology.declaration import Disclosure
from site_typology.disclosure_audit import Audit, Key, Range, Sum

HIDDEN = "*"
SMALL, COMPLEMENT = "small number", "complement"


@dataclass(frozen=True)
class SafeCounts:
    """Counts as they may be shown.

    Parameters
    ----------
    shown : dict of Key to int or None
        Rounded; None where hidden.
    why : dict of Key to str
        For each hidden count `SMALL`, or `COMPLEMENT` where it is hidden to protect another.
    """

    shown: dict[Key, int | None]
    why: dict[Key, str]

    def text(self, key: Key) -> str:
        """Write one count."""
        count = self.shown[key]
        return HIDDEN if count is None else f"{count:,}"

    def share(self, part: Key, whole: Key) -> str:
        """Write a share made of the counts as shown; hidden where one of them is."""
        above, below = self.shown[part], self.shown[whole]
        return HIDDEN if above is None or not below else f"{min(above / below, 1):.0%}"


def rounded(count: int, base: int) -> int:
    """Round to the nearest multiple, halves up.

    Examples
    --------
    >>> [rounded(count, 5) for count in (8, 12, 13, 0)]
    [10, 10, 15, 0]
    """
    return (count + base // 2) // base * base


def told_by(shown: int | None, rules: Disclosure) -> Range:
    """Say what one published count tells: the least and most that it can stand for.

    Examples
    --------
    >>> told_by(10, Disclosure()), told_by(0, Disclosure()), told_by(None, Disclosure())
    ((8, 12), (0, 0), (1, inf))
    """
    if shown is None:
        return 1, np.inf  # A zero is never hidden, and a reader may know that.
    if shown == 0:
        return 0, 0
    half = rules.round_to // 2
    return max(shown - half, rules.small_number + 1), shown + rules.round_to - 1 - half


def safe_counts(
    counts: Mapping[Key, int],
    sums: Sequence[Sum],
    rules: Disclosure,
    secret: bytes,
    known: Mapping[Key, int] | None = None,
    order: Sequence[Key] = (),
) -> SafeCounts:
    """Hide small counts and as many others as it takes that nobody can work them out.

    Parameters
    ----------
    counts : mapping of Key to int
        Every count of every table, once.
    sums : sequence of Sum
        Every total with its parts, over all tables.
    rules : Disclosure
        ``small_number``, ``round_to`` and ``secondary``.
    secret : bytes
        Unknown to readers; which others are hidden hangs on it.
    known : mapping of Key to int, optional
        Counts that readers know anyway, such as the number of sites of a public programme.
    order : sequence of Key
        Counts that readers know to be in falling order, such as those of types numbered by size.

    Returns
    -------
    SafeCounts
        For each small count, whoever puts all tables together finds every value from 1 to the
        largest small number possible, or as much of it as `known`, `order` and the zeros leave
        with all else hidden.

    Notes
    -----
    Primary suppression, rounding and secondary suppression as in Hundepool et al. (2012),
    chapter 4. Which others are hidden must not hang on how large they are: were it always the
    smallest, a reader would know every hidden complement to be no larger than the counts beside
    it. So each sum first gets a complement whatever its counts are, parts before totals, in an
    order of chance that `secret` makes; then more are hidden until the audit over all tables
    passes. Hiding more only widens what is possible: a count that passed once stays protected.
    Shown by trying every one-way table of 3 parts with small rules (see the tests); for tables of
    several dimensions the audit alone is shown.

    Examples
    --------
    >>> counts = {("a",): 3, ("b",): 9, ("c",): 30, ("all",): 42}
    >>> sums = [(("all",), (("a",), ("b",), ("c",)))]
    >>> safe = safe_counts(counts, sums, Disclosure(), b"kept apart")
    >>> [safe.text((name,)) for name in ("a", "b", "c", "all")]
    ['*', '10', '*', '40']
    """
    known = known or {}
    small = [key for key, count in counts.items() if 0 < count <= rules.small_number]
    why = dict.fromkeys(small, SMALL)
    if rules.secondary:
        system = _System(counts, sums, rules, secret, known, order)
        system.cover(why)
        for key in small:
            system.protect(key, why)
    shown = {
        key: None if key in why else rounded(count, rules.round_to) for key, count in counts.items()
    }
    return SafeCounts(shown, why)


@dataclass(frozen=True)
class _System:
    """All counts with everything that a reader knows of them."""

    counts: Mapping[Key, int]
    sums: Sequence[Sum]
    rules: Disclosure
    secret: bytes
    known: Mapping[Key, int]
    order: Sequence[Key]

    def audit(self, hidden: Collection[Key], why: Mapping[Key, str] | None = None) -> Audit:
        """Say what a reader knows when those of `hidden` that are not 0 are hidden.

        With `why`, one who also guesses which are complements: so every value of a small count
        leaves these above the small ones, and would have been hidden in the same way.
        """
        ranges: dict[Key, Range] = {}
        for key, count in self.counts.items():
            hides = key in hidden and count > 0
            shown = None if hides else rounded(count, self.rules.round_to)
            ranges[key] = told_by(shown, self.rules)
            if hides and why and why.get(key) == COMPLEMENT:
                ranges[key] = (self.rules.small_number + 1, np.inf)
        ranges |= {key: (count, count) for key, count in self.known.items()}
        return Audit(self.sums, ranges, self.order)

    def cover(self, why: dict[Key, str]) -> None:
        """Hide others, into `why`, so that no sum tells a hidden count, whatever the counts are.

        Every sum with a small count needs a hidden part that is not small, where it has one, and
        every sum with a hidden count a second one. Which these are hangs on what is small, what is
        0 and on chance, on no other count: so the pattern does not tell how large they are.
        """
        open_keys = {key for key, count in self.counts.items() if count > 0} - set(self.known)
        while True:
            times: Counter[Key] = Counter()
            for each in self.sums:
                hidden = [one for one in _members([each]) if one in why]
                is_told = all(why[one] == SMALL for one in hidden) or len(hidden) == 1
                if hidden and is_told:
                    beside = set(each[1]) & open_keys - set(why)
                    # The audit says whether the total of several small ones has to go.
                    last = {each[0]} & open_keys - set(why) if len(hidden) == 1 else set()
                    times.update(beside or last)
            if not times:
                return
            # One that serves several sums goes first, so that fewer are hidden.
            chosen = min(times, key=lambda each: (-times[each], *self._turn(each)))
            why[chosen] = COMPLEMENT

    def protect(self, key: Key, why: dict[Key, str]) -> None:
        """Hide others, into `why`, until a small count can be as much as with all hidden."""
        large = {each: COMPLEMENT for each in self.counts if why.get(each) != SMALL}
        aims = [self._small(self.audit(self.counts, guess), key) for guess in ({}, large)]
        while True:
            found = [self._small(self.audit(why, guess), key) for guess in ({}, why)]
            beside = None if found == aims else self._beside(key, why)
            if beside is None:
                return
            why[beside] = COMPLEMENT

    def _small(self, audit: Audit, key: Key) -> Range:
        """Say which small values an audit leaves."""
        low, high = audit.feasible(key)
        return max(low, 1), min(high, self.rules.small_number)

    def _turn(self, key: Key) -> tuple[bool, int, bytes]:
        """Say when to hide a count: totals last, the end of a known order first, else by chance."""
        totals = {total for total, _ in self.sums} - set(self.order)
        place = -list(self.order).index(key) if key in self.order else 0
        return key in totals, place, chance_rank(key, self.secret)

    def _beside(self, key: Key, why: Mapping[Key, str]) -> Key | None:
        """Choose what to hide next: by chance of those that fit, parts before totals.

        First from sums with one hidden count, which tell it; then from those near the exposed
        count; then from those farther away.
        """
        near, left = {key}, list(self.sums)
        farther: list[Sum] = []
        while reached := [each for each in left if near & {each[0], *each[1]}]:
            left = [each for each in left if each not in reached]
            farther += reached
            near |= {each for each in _members(reached) if each in why}
        telling = [each for each in farther if sum(one in why for one in _members([each])) == 1]
        close = [each for each in farther if key in _members([each])]
        for among in (telling, close, farther, self.sums):
            members = [each for each in _members(among) if self.counts[each] > 0]
            fit = [each for each in members if each not in why and each not in self.known]
            if fit:
                return min(fit, key=self._turn)
        return None


def chance_rank(key: Key, secret: bytes) -> bytes:
    """Give a count its place in an order of chance, the same one for the same secret.

    HMAC-SHA-256: readers know neither the order nor, by trying, the secret.

    Examples
    --------
    >>> keys = [("a",), ("b",), ("c",)]
    >>> orders = [sorted(keys, key=lambda key: chance_rank(key, own)) for own in (b"1", b"1", b"2")]
    >>> orders[0] == orders[1], orders[0] == orders[2]
    (True, False)
    """
    text = json.dumps(["complement", *key])
    return hmac.new(secret, text.encode(), hashlib.sha256).digest()


def _members(sums: Sequence[Sum]) -> set[Key]:
    return {member for total, parts in sums for member in (total, *parts)}
