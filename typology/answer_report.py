"""A short report of an assignment: sites by type, and those without a type and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from site_typology.differences import Difference
from site_typology.report import render_page
from site_typology.typology import Typology

TEMPLATE = "answer.html.j2"
LISTED = 200
"""Sites without a type that are named; of more, their number is told."""
UNSURE = 0.8
"""Confidence below which a site's type is called unsure."""
REASONS = ("not enough data", "none of these", "no typology claimed")


class Summary:
    """Counts sites by type and by the reason why they have none, some at a time.

    Parameters
    ----------
    typology : Typology
    """

    def __init__(self, typology: Typology) -> None:
        self.typology = typology
        self.sites = 0
        self.listed: list[tuple[str, str, str]] = []
        self._types: Counter[int] = Counter()
        self._unsure: Counter[int] = Counter()
        self._sums: Counter[int] = Counter()
        self._reasons: Counter[str] = Counter()

    def add_types(self, types: np.ndarray, confidence: np.ndarray) -> None:
        """Count sites that have a type, numbered from 1."""
        size = max(self.typology.names, default=0) + 1
        counts = np.bincount(types, minlength=size)
        unsure = np.bincount(types[confidence < UNSURE], minlength=size)
        sums = np.bincount(types, weights=confidence, minlength=size)
        for number in range(1, len(counts)):
            self._types[number] += int(counts[number])
            self._unsure[number] += int(unsure[number])
            self._sums[number] += float(sums[number])  # type: ignore[assignment]  # a sum
        self.sites += len(types)

    def add_frame(self, frame: pd.DataFrame) -> None:
        """Count the sites of an `Assignment`."""
        placed = frame["type"].notna()
        typed = frame[placed]
        self.add_types(
            typed["type"].to_numpy(dtype=np.int64), typed["confidence"].to_numpy(dtype=float)
        )
        rest = frame.loc[~placed, ["site", "round", "reason"]]
        self.sites += len(rest)
        self._reasons.update(str(reason).partition(":")[0] for reason in rest["reason"])
        spare = LISTED - len(self.listed)
        self.listed += list(rest.head(spare).itertuples(index=False, name=None))

    @property
    def placed(self) -> int:
        """Sites that have a type."""
        return sum(self._types.values())

    def rows(self) -> list[dict[str, Any]]:
        """One row a type: number, name, sites, share, unsure, mean confidence."""
        found = []
        for number, name in self.typology.names.items():
            count = self._types[number]
            found.append(
                {
                    "type": number,
                    "name": name,
                    "sites": count,
                    "share": count / self.sites if self.sites else 0.0,
                    "unsure": self._unsure[number],
                    "confidence": self._sums[number] / count if count else None,
                }
            )
        return found

    def reasons(self) -> list[tuple[str, int]]:
        """Sites by the reason why they have no type, most first."""
        return self._reasons.most_common()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "sites": self.sites,
            "with_a_type": self.placed,
            "types": self.rows(),
            "without_a_type": dict(self.reasons()),
        }


def answer_report(summary: Summary, differences: Sequence[Difference], source: str) -> str:
    """Write the report.

    Parameters
    ----------
    summary : Summary
    differences : sequence of Difference
        Worth a look, though they stop nothing.
    source : str
        What was read.

    Returns
    -------
    str
        A whole HTML page; every text in it is escaped.
    """
    evidence = summary.typology.evidence
    content: Mapping[str, Any] = {
        "title": summary.typology.name,
        "source": source,
        "verdict": evidence.verdict,
        "why": evidence.why,
        "claimed": evidence.claimed,
        "sites": summary.sites,
        "placed": summary.placed,
        "rows": summary.rows(),
        "reasons": summary.reasons(),
        "listed": summary.listed,
        "unlisted": summary.sites - summary.placed - len(summary.listed),
        "unsure_below": UNSURE,
        "differences": differences,
        "figures": {},
    }
    return render_page(TEMPLATE, content)
