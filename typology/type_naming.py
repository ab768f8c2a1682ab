"""Names that people gave types: checked, and carried over to the types of a later run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from site_typology.errors import Problems

LEAST_SHARED = 0.5
"""Share of the sites of two types together that both must have for a name to be carried over."""
FEWEST_SHARED = 3
"""Sites that both types must have, so that one or two in common do not pass for agreement."""
LONGEST_NAME = 80


@dataclass(frozen=True)
class CarriedNames:
    """Names for the types of a run, taken over from an earlier one.

    Parameters
    ----------
    names : mapping of int to str
        By type of the later run.
    notes : tuple of str
        For each name, in words, where it went or why it went nowhere.
    """

    names: Mapping[int, str]
    notes: tuple[str, ...]


def carry_names(
    names: Mapping[int, str],
    before: pd.Series,
    after: pd.Series,
    least: float = LEAST_SHARED,
) -> CarriedNames:
    """Carry names over to the types that have most sites in common with the old ones.

    Types are matched one to one so that the sites that they share, as a share of the sites of
    either (Jaccard), add up to most: the assignment problem (Kuhn 1955). Sites that only one of
    the two runs has placed do not count, for nothing is known of them in the other. A match of
    `least` or less, or of fewer than three sites, carries nothing: above one half, no other type
    can have as much in common.

    Parameters
    ----------
    names : mapping of int to str
        Names that people gave, by type of the earlier run.
    before, after : Series
        Type of each site (index: site) in the earlier and the later run; missing for none.
    least : float
        A name is carried where the shared sites are more than this share.

    Returns
    -------
    CarriedNames

    Examples
    --------
    >>> before = pd.Series([1, 1, 1, 2, 2], index=list("ABCDE"))
    >>> after = pd.Series([2, 2, 2, 1, 1], index=list("ABCDE"))
    >>> carry_names({1: "Whole school"}, before, after).names
    {2: 'Whole school'}
    """
    from scipy.optimize import linear_sum_assignment

    counts, shared = _shared(before, after)
    both = counts.to_numpy()
    rows, columns = linear_sum_assignment(-shared)
    matched = {
        int(counts.index[row]): (
            int(counts.columns[column]),
            float(shared[row, column]),
            int(both[row, column]),
        )
        for row, column in zip(rows, columns, strict=True)
    }
    carried: dict[int, str] = {}
    notes = []
    for number, name in sorted(names.items()):
        new, share, sites = matched.get(number, (0, 0.0, 0))
        if share > least and sites >= FEWEST_SHARED:
            carried[new] = name
            notes.append(
                f"The name '{name}' was carried over to type {new}: {_said(share, sites)}."
            )
        else:
            most = f"; the nearest, type {new}, {_said(share, sites)}" if new else ""
            notes.append(
                f"The name '{name}' of type {number} could not be carried over: no type has more "
                f"than {least:.0%} of its sites, and {FEWEST_SHARED}, in common with it{most}."
            )
    return CarriedNames(carried, tuple(notes))


def _said(share: float, sites: int) -> str:
    return f"{share:.0%} of the sites of either type are in both ({sites})"


def _shared(before: pd.Series, after: pd.Series) -> tuple[pd.DataFrame, np.ndarray]:
    """Sites in common of each type before and each after, and their Jaccard.

    Only sites that both runs have placed count.
    """
    both = pd.DataFrame({"before": before, "after": after}).dropna().astype(int)
    counts = pd.crosstab(both["before"], both["after"])
    table = counts.to_numpy(dtype=float)
    either = table.sum(axis=1)[:, None] + table.sum(axis=0)[None, :] - table
    return counts, table / np.maximum(either, 1)


def check_names(names: Mapping[int, str], types: Mapping[int, str], found: Problems) -> None:
    """Note every name that cannot be given.

    Parameters
    ----------
    names : mapping of int to str
        To be given, by type.
    types : mapping of int to str
        Names that the types have now.
    found : Problems

    Examples
    --------
    >>> found = Problems("review")
    >>> check_names({3: "Whole school", 1: " "}, {1: "Type 1", 2: "Type 2"}, found)
    >>> [problem.message for problem in found]
    ['There is no type 3. Types: 1, 2.', 'The name is empty. Give one, or leave it out.']
    """
    for number, name in names.items():
        if number not in types:
            known = ", ".join(map(str, types)) or "none, for none is claimed"
            found.add("--name", f"There is no type {number}. Types: {known}.")
        if not name.strip():
            found.add("--name", "The name is empty. Give one, or leave it out.")
        if len(name) > LONGEST_NAME:
            long = f"{len(name)} characters; {LONGEST_NAME} at most. Shorten it."
            found.add("--name", f"Type {number}: {long}")
        if not name.isprintable():
            found.add("--name", f"Type {number}: holds characters that cannot be printed.")
    wanted = {**types, **names}
    folded = [name.strip().casefold() for name in wanted.values()]
    for number, name in names.items():
        if folded.count(name.strip().casefold()) > 1:
            found.add("--name", f"Two types would be called {name!r}. Give type {number} another.")
