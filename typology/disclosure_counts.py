"""Counts that may leave the team: small ones hidden, others rounded, totals that tell hidden."""

from __future__ import annotations

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
    chapter 4. Of the counts in one sum with an exposed one the smallest is hidden, parts before
    totals, until the audit over all tables passes. Hiding more only widens what is possible, so a
    count that passed once stays protected.

    Examples
    --------
    >>> counts = {("a",): 3, ("b",): 9, ("c",): 30, ("all",): 42}
    >>> safe = safe_counts(counts, [(("all",), (("a",), ("b",), ("c",)))], Disclosure())
    >>> [safe.text((name,)) for name in ("a", "b", "c", "all")]
    ['*', '*', '30', '40']
    """
    known = known or {}
    why = {key: SMALL for key, count in counts.items() if 0 < count <= rules.small_number}
    if rules.secondary:
        system = _System(counts, sums, rules, known, order)
        nothing = system.audit(counts)
        for key in list(why):
            system.protect(key, why, nothing.feasible(key))
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
    known: Mapping[Key, int]
    order: Sequence[Key]

    def audit(self, hidden: Collection[Key]) -> Audit:
        """Say what a reader knows when those of `hidden` that are not 0 are hidden."""
        ranges: dict[Key, Range] = {}
        for key, count in self.counts.items():
            hides = key in hidden and count > 0
            shown = None if hides else rounded(count, self.rules.round_to)
            ranges[key] = told_by(shown, self.rules)
        ranges |= {key: (count, count) for key, count in self.known.items()}
        return Audit(self.sums, ranges, self.order)

    def protect(self, key: Key, why: dict[Key, str], at_best: Range) -> None:
        """Hide others, into `why`, until a small count can be anything that is small."""
        least, most = max(at_best[0], 1), min(at_best[1], self.rules.small_number)
        while True:
            low, high = self.audit(why).feasible(key)
            beside = None if low <= least and high >= most else self._beside(key, why)
            if beside is None:
                return
            why[beside] = COMPLEMENT

    def _beside(self, key: Key, why: Mapping[Key, str]) -> Key | None:
        """Choose what to hide next: the smallest count that fits, parts before totals.

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
        totals = {total for total, _ in self.sums}
        for among in (telling, close, farther, self.sums):
            members = [each for each in _members(among) if self.counts[each] > 0]
            fit = [each for each in members if each not in why and each not in self.known]
            if fit:
                return min(fit, key=lambda each: (each in totals, self.counts[each], each))
        return None


def _members(sums: Sequence[Sum]) -> set[Key]:
    return {member for total, parts in sums for member in (total, *parts)}
