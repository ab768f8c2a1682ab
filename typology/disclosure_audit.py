"""What published counts give away: the least and most that a hidden one can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

Key = tuple[str, ...]
"""What a count is of, such as ``("Type 1", "charity")``; the same key is the same count."""
Sum = tuple[Key, tuple[Key, ...]]
"""A total and the counts that add up to it."""
Range = tuple[float, float]


Relation = tuple[dict[Key, int], float, float]
"""Counts times whole numbers, and the least and most that they add up to."""
MOST = 1e7
"""Stands for no limit: no study counts so many."""


@dataclass(frozen=True)
class Audit:
    """What a reader can work out from published counts.

    Parameters
    ----------
    sums : sequence of Sum
        Every total of every table; counts with one key are one unknown in all of them.
    ranges : mapping of Key to Range
        What is published, or known anyway, of each count: its least and most.
    order : sequence of Key
        Counts known to be in falling order, such as those of types numbered by size.
    """

    sums: Sequence[Sum]
    ranges: Mapping[Key, Range]
    order: Sequence[Key] = ()

    def feasible(self, key: Key) -> Range:
        """Find the least and most that one count can be, whole numbers only.

        Parameters
        ----------
        key : tuple of str

        Returns
        -------
        tuple of float
            Infinite where nothing holds it.

        Notes
        -----
        Two integer programmes over all tables together, as Hundepool et al. (2012), Statistical
        Disclosure Control, chapter 4, have linear ones for single tables.

        Examples
        --------
        >>> audit = Audit(
        ...     [(("all",), (("a",), ("b",)))],
        ...     {("all",): (12, 12), ("a",): (1, np.inf), ("b",): (8, 10)},
        ... )
        >>> audit.feasible(("a",))
        (2.0, 4.0)
        """
        from scipy.optimize import Bounds, LinearConstraint, milp

        relations = self._connected(key)
        own = sorted({key}.union(*(members for members, _, _ in relations)))
        at = {each: place for place, each in enumerate(own)}
        matrix = np.zeros((len(relations), len(own)))
        for row, (members, _, _) in enumerate(relations):
            for member, times in members.items():
                matrix[row, at[member]] += times
        least, most = ([each[side] for each in relations] for side in (1, 2))
        limits = np.array([self.ranges[each] for each in own], dtype=float)
        found = []
        for sign in (1, -1):
            cost = np.zeros(len(own))
            cost[at[key]] = sign
            solved = milp(
                cost,
                integrality=np.ones(len(own)),
                bounds=Bounds(limits[:, 0], np.minimum(limits[:, 1], MOST)),
                constraints=LinearConstraint(matrix, least, most) if relations else None,
            )
            if solved.x is None:
                raise ValueError(f"These counts contradict each other: {solved.message}")
            found.append(float(np.round(solved.x[at[key]])))
        return found[0], (np.inf if found[1] >= MOST / 2 else found[1])

    def _connected(self, key: Key) -> list[Relation]:
        """Relations that tell of this count, directly or through others not known exactly."""
        open_keys, left, found = {key}, self._relations(), list[Relation]()
        while reached := [each for each in left if open_keys & set(each[0])]:
            left = [each for each in left if each not in reached]
            found += reached
            members = {member for relation in reached for member in relation[0]}
            open_keys |= {each for each in members if self.ranges[each][0] < self.ranges[each][1]}
        return found

    def _relations(self) -> list[Relation]:
        sums: list[Relation] = [
            ({total: 1, **dict.fromkeys(parts, -1)}, 0, 0) for total, parts in self.sums
        ]
        return sums + [({more: 1, less: -1}, 0, np.inf) for more, less in pairwise(self.order)]
