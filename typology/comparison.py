"""Two typologies beside each other: how far they agree, what flows where, which sites change."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from site_typology.errors import Problem, StudyError

if TYPE_CHECKING:
    from site_typology.typology import Typology

NOT_PLACED = 0
"""Stands for "no type" in the flow."""
FLOW_COLUMNS = ["from_type", "to_type", "sites", "share_of_from", "share_of_to"]
SITE_COLUMNS = [
    "site",
    "status",
    "from_type",
    "to_type",
    "from_name",
    "to_name",
    "own_number",
    "from_confidence",
    "to_confidence",
    "from_reason",
    "to_reason",
]
STATUSES = ("same", "changed", "gained a type", "lost its type", "no type", "only in one")


@dataclass(frozen=True)
class Grouping:
    """One side of a comparison.

    Parameters
    ----------
    title : str
        What it is called beside the other.
    labels : Series of Int64
        Type by site, 1, 2, ...; missing where a site has none.
    names : mapping of int to str
        Names of the types.
    confidence : Series of float
        By site; NaN where it is not known.
    reasons : Series of str
        Why a site has no type, by site.
    """

    title: str
    labels: pd.Series
    names: dict[int, str]
    confidence: pd.Series
    reasons: pd.Series

    @classmethod
    def of_typology(cls, typology: Typology, title: str) -> Grouping:
        """The types that a typology claims."""
        rows = typology.memberships.set_index("site")
        return cls(
            title,
            rows["type"].astype("Int64"),
            dict(typology.names),
            rows["confidence"].astype(float),
            rows["reason"].astype("str"),
        )

    @classmethod
    def of_candidate(cls, typology: Typology, candidate: str, title: str) -> Grouping:
        """The types of one candidate, whether or not types are claimed.

        Raises
        ------
        StudyError
            There is no such candidate; lists those that there are.
        """
        known = {found.name: found for found in typology.candidates}
        if candidate not in known:
            message = f"There is no candidate {candidate!r}. Candidates: {', '.join(known)}."
            raise StudyError(title, [Problem("candidate", message)])
        found = known[candidate]
        labels = found.labels.astype("Int64")
        names = {int(kind): f"Type {kind}" for kind in sorted(labels.dropna().unique())}
        return cls(
            title,
            labels,
            names,
            pd.Series(np.nan, index=labels.index, dtype=float),
            found.reasons.astype("str"),
        )

    def renumbered(self, numbers: dict[int, int]) -> Grouping:
        """The same types under other numbers; names go with their types."""
        return dataclasses.replace(
            self,
            labels=self.labels.map(lambda kind: pd.NA if pd.isna(kind) else numbers[int(kind)])
            .astype("Int64")
            .rename(self.labels.name),
            names={numbers[kind]: name for kind, name in self.names.items()},
        )


@dataclass(frozen=True)
class Comparison:
    """How two typologies of partly the same sites agree.

    Parameters
    ----------
    before, after : Grouping
        `after` bears the numbers of `before`: its type 2 is the one that shares most with type 2
        there, all types matched together.
    numbers : dict of int to int
        Number of each type of `after` here, by the number that it has in its own typology.
    figures : dict
        ``sites_in_both``, ``placed_in_both``, ``adjusted_rand``, ``adjusted_mutual_information``,
        ``mutual_information`` (nats), ``same_type`` (share of the sites placed in both); NaN
        where fewer than two sites are placed in both.
    flow : DataFrame
        Sites by type before and after, `FLOW_COLUMNS`; type 0 is "no type". Every site that is in
        both is in one of its rows.
    sites : DataFrame
        One row a site that is in either, `SITE_COLUMNS`; `STATUSES` says what became of it.
    """

    before: Grouping
    after: Grouping
    numbers: dict[int, int]
    figures: dict[str, float]
    flow: pd.DataFrame
    sites: pd.DataFrame

    def to_dict(self) -> dict[str, Any]:
        """Everything but the sites, for JSON; NaN becomes None."""
        return {
            "before": self.before.title,
            "after": self.after.title,
            "numbers": {str(own): number for own, number in self.numbers.items()},
            "figures": {
                name: None if np.isnan(value) else value for name, value in self.figures.items()
            },
            "flow": self.flow.to_dict("records"),
            "statuses": {
                status: int((self.sites["status"] == status).sum()) for status in STATUSES
            },
        }


def compare(before: Grouping, after: Grouping, *, aligned: bool = False) -> Comparison:
    """Compare two groupings of sites, whoever made them.

    Types are matched one to one by the sites that they share (linear assignment, Kuhn 1955,
    *Naval Research Logistics Quarterly* 2); those of `after` that are left over, or share no site,
    get numbers beyond those of `before`. The adjusted Rand index (Hubert and Arabie 1985,
    *Journal of Classification* 2) and the adjusted mutual information (Vinh, Epps and Bailey 2010,
    *JMLR* 11) are 1 where both agree on every pair of sites and near 0 where they agree by chance;
    both are taken over the sites that have a type on both sides.

    Parameters
    ----------
    before, after : Grouping
    aligned : bool
        Whether the numbers mean the same types on both sides already, so that none is changed.

    Returns
    -------
    Comparison

    Raises
    ------
    StudyError
        No site is in both.

    Examples
    --------
    >>> def side(title, kinds):
    ...     sites = list("ABCD")[: len(kinds)]
    ...     nothing = pd.Series("", index=sites)
    ...     labels = pd.Series(kinds, index=sites, dtype="Int64")
    ...     return Grouping(title, labels, {1: "x", 2: "y"}, nothing.replace("", np.nan), nothing)
    >>> found = compare(side("wave 1", [1, 1, 2, 2]), side("wave 2", [2, 2, 1, 1]))
    >>> found.figures["adjusted_rand"], found.numbers, found.after.names
    (1.0, {1: 2, 2: 1}, {2: 'x', 1: 'y'})
    """
    shared = before.labels.index.intersection(after.labels.index)
    if shared.empty:
        message = "No site is in both. Compare typologies of the same sites, by the same keys."
        raise StudyError(f"{before.title} and {after.title}", [Problem("sites", message)])
    same = {kind: kind for kind in sorted(after.names)}
    numbers = same if aligned else _matched(before, after, shared)
    after = after.renumbered(numbers)
    first, second = _codes(before.labels.loc[shared]), _codes(after.labels.loc[shared])
    return Comparison(
        before,
        after,
        numbers,
        _figures(first, second),
        _flow(first, second),
        _sites(before, after, numbers),
    )


def _codes(labels: pd.Series) -> np.ndarray:
    return np.asarray(labels.fillna(NOT_PLACED), dtype=np.int64)


def _matched(before: Grouping, after: Grouping, shared: pd.Index) -> dict[int, int]:
    """A number of `before`, or one beyond, for each type of `after`."""
    from scipy.optimize import linear_sum_assignment

    old, new = sorted(before.names), sorted(after.names)
    first, second = _codes(before.labels.loc[shared]), _codes(after.labels.loc[shared])
    table = np.array([[((first == a) & (second == b)).sum() for a in old] for b in new], dtype=int)
    if not table.size:
        return {kind: kind for kind in new}
    rows, columns = linear_sum_assignment(-table)
    matched = {
        new[row]: old[column]
        for row, column in zip(rows, columns, strict=True)
        if table[row, column]
    }
    beyond = max(old)
    for kind in new:
        if kind not in matched:
            beyond += 1
            matched[kind] = beyond
    return {kind: matched[kind] for kind in new}


def _figures(first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    from sklearn.metrics import (
        adjusted_mutual_info_score,
        adjusted_rand_score,
        mutual_info_score,
    )

    both = (first != NOT_PLACED) & (second != NOT_PLACED)
    figures = {"sites_in_both": float(len(first)), "placed_in_both": float(both.sum())}
    nothing = float("nan")
    enough = both.sum() >= 2
    a, b = first[both], second[both]
    return {
        **figures,
        "adjusted_rand": float(adjusted_rand_score(a, b)) if enough else nothing,
        "adjusted_mutual_information": float(adjusted_mutual_info_score(a, b))
        if enough
        else nothing,
        "mutual_information": float(mutual_info_score(a, b)) if enough else nothing,
        "same_type": float((a == b).mean()) if enough else nothing,
    }


def _flow(first: np.ndarray, second: np.ndarray) -> pd.DataFrame:
    pairs = pd.DataFrame({"from_type": first, "to_type": second})
    counts = pairs.value_counts().rename("sites").reset_index()
    counts["share_of_from"] = counts["sites"] / counts.groupby("from_type")["sites"].transform(
        "sum"
    )
    counts["share_of_to"] = counts["sites"] / counts.groupby("to_type")["sites"].transform("sum")
    return counts.sort_values(["from_type", "to_type"], ignore_index=True)[FLOW_COLUMNS]


def _sites(before: Grouping, after: Grouping, numbers: dict[int, int]) -> pd.DataFrame:
    index = before.labels.index.union(after.labels.index)
    table = pd.DataFrame(index=index)
    for side, found in (("from", before), ("to", after)):
        table[f"{side}_type"] = found.labels.reindex(index)
        names = table[f"{side}_type"].map(found.names)
        table[f"{side}_name"] = names.astype(object).where(names.notna(), "").astype("str")
        table[f"{side}_confidence"] = found.confidence.reindex(index)
        table[f"{side}_reason"] = found.reasons.reindex(index, fill_value="not among its sites")
    own = {number: kind for kind, number in numbers.items()}
    table["own_number"] = table["to_type"].map(own).astype("Int64")
    one_side = ~(index.isin(before.labels.index) & index.isin(after.labels.index))
    had, has = table["from_type"].notna(), table["to_type"].notna()
    same = (table["from_type"] == table["to_type"]).fillna(False).astype(bool)
    table["status"] = np.select(
        [one_side, had & has & same, had & has, has, had],
        ["only in one", "same", "changed", "gained a type", "lost its type"],
        "no type",
    )
    return table.rename_axis("site").reset_index()[SITE_COLUMNS]
