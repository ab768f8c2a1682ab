"""What published counts give away: the least and most that a hidden one can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Key = tuple[str, ...]
"""What a count is of, such as ``("Type 1", "charity")``; the same key is the same count."""
Sum = tuple[Key, tuple[Key, ...]]
"""A total and the counts that add up to it."""
Range = tuple[float, float]


@dataclass(frozen=True)
class Audit:
    """What a reader can work out from published counts.

    Parameters
    ----------
    sums : sequence of Sum
        Every total of every table; counts with one key are one unknown in all of them.
    ranges : mapping of Key to Range
        What is published, or known anyway, of each count: its least and most.
    """

    sums: Sequence[Sum]
    ranges: Mapping[Key, Range]

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
        Disclosure Control, section 4.2.1, have it for single tables. The relations of a table
        with totals are those of a network, so the limits are those of the linear programmes.

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

        equations = self._connected(key)
        own = sorted({key}.union(*({total, *parts} for total, parts in equations)))
        at = {each: place for place, each in enumerate(own)}
        matrix = np.zeros((len(equations), len(own)))
        for row, (total, parts) in enumerate(equations):
            matrix[row, at[total]] = 1
            for part in parts:
                matrix[row, at[part]] -= 1
        limits = np.array([self.ranges[each] for each in own], dtype=float)
        found = []
        for sign in (1, -1):
            cost = np.zeros(len(own))
            cost[at[key]] = sign
            solved = milp(
                cost,
                integrality=np.ones(len(own)),
                bounds=Bounds(limits[:, 0], np.minimum(limits[:, 1], MOST)),
                constraints=LinearConstraint(matrix, 0, 0) if equations else None,
            )
            if solved.x is None:
                raise ValueError(f"These counts contradict each other: {solved.message}")
            found.append(float(np.round(solved.x[at[key]])))
        return found[0], (np.inf if found[1] >= MOST / 2 else found[1])

    def _connected(self, key: Key) -> list[Sum]:
        """Sums that tell of this count, directly or through others that are not known exactly."""
        open_keys, left, found = {key}, list(self.sums), []
        while reached := [each for each in left if open_keys & {each[0], *each[1]}]:
            left = [each for each in left if each not in reached]
            found += reached
            members = {member for total, parts in reached for member in (total, *parts)}
            open_keys |= {each for each in members if self.ranges[each][0] < self.ranges[each][1]}
        return found


MOST = 1e7
"""Stands for no limit: no study counts so many."""
