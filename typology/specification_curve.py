"""The specification curve: how far the answer survives other reasonable choices.

Simonsohn, Simmons and Nelson (2020), *Nature Human Behaviour* 4: every reasonable specification is
fitted, the results are shown in order, and beneath them the choices behind each. The curve never
chooses: the proposal is made by rules fixed before the run (docs/decisions/0004).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from site_typology.grid import CHOICES, Choices, Laid, as_proposed
from site_typology.grid_runs import GridRun, null_name
from site_typology.specification_agreement import (
    kept_companions,
    mean_with_others,
    pairwise_agreement,
)
from site_typology.specification_choices import (
    centred_agreement,
    comparable,
    explained_shares,
)

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

COLUMNS: Final = (
    "specification", *CHOICES, "as_proposed", "n_types", "sites", "placed", "compared",
    "agreement", "stability", "min_stability", "silhouette", "null_test", "p_value", "reason",
)  # fmt: skip
"""Columns of the table of specifications."""
SITE_COLUMNS: Final = ("site", "type", "specifications", "kept", "mostly_kept")
"""Columns of the table of sites."""
OWN_TEST, RUN, NOT_RUN = "of the proposal", "run", "not run"
"""Whose null test stands beside a specification."""
MOSTLY = 0.5
"""Jaccard similarity of companions from which on they count as mostly the same."""


@dataclass(frozen=True)
class SpecificationCurve:
    """What all specifications say together.

    Parameters
    ----------
    table : DataFrame
        One row a specification, columns `COLUMNS`, in order of the grid.
    sites : DataFrame
        One row a site that the evidence rests on, columns `SITE_COLUMNS`.
    explained : mapping of str to float
        Share of the variation in agreement that each choice with two levels or more explains.
    explained_from : int
        Specifications that `explained` rests on: without a claim, those that can all be compared
        with each other.
    explained_at_k : mapping of str to float
        The same among specifications that find as many types as the proposal; empty where none is
        claimed.
    left_out : mapping of str to int
        Reason to number of combinations that were not tried for it.
    possible : int
        Specifications that could have been fitted, those left undrawn included.
    k : int
        Types of the proposal; 0 where none is claimed, and agreement is with each other.
    """

    table: pd.DataFrame
    sites: pd.DataFrame
    explained: Mapping[str, float]
    explained_from: int
    explained_at_k: Mapping[str, float]
    left_out: Mapping[str, int]
    possible: int
    k: int

    @property
    def claimed(self) -> bool:
        """Whether agreement is with the proposal."""
        return self.k > 0

    @property
    def at_k(self) -> pd.DataFrame:
        """Specifications that find as many types as the proposal."""
        return self.table[self.table["n_types"] == self.k]

    @property
    def agreement(self) -> pd.Series:
        """Agreement of the specifications that have one."""
        return self.table["agreement"].dropna()

    @property
    def metrics(self) -> dict[str, float]:
        """Figures that sum the curve up."""
        agreement = self.agreement
        figures = {
            "specifications": float(len(self.table)),
            "specification_agreement_median": float(agreement.median()),
            "specification_agreement_lowest": float(agreement.min()),
        }
        if self.claimed:
            same = self.at_k["agreement"].median()
            figures["specification_agreement_median_at_k"] = float(same)
        return figures

    def levels(self) -> pd.DataFrame:
        """Specifications and median agreement of every level; ``choice, level, ...``."""
        rows = []
        for choice in CHOICES:
            for level, own in self.table.groupby(choice, sort=False):
                rows.append(
                    {
                        "choice": choice,
                        "level": str(level),
                        "specifications": len(own),
                        "median_agreement": float(own["agreement"].median()),
                    }
                )
        return pd.DataFrame(rows, columns=["choice", "level", "specifications", "median_agreement"])

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "agreement_with": "the proposal" if self.claimed else "the other specifications",
            "specifications": len(self.table),
            "possible": self.possible,
            "not_fitted": int(self.table["agreement"].isna().sum()),
            "median_agreement": _plain(self.agreement.median()),
            "lowest_agreement": _plain(self.agreement.min()),
            "median_agreement_at_k": _plain(self.at_k["agreement"].median()),
            "explained": {name: _plain(share) for name, share in self.explained.items()},
            "explained_from": self.explained_from,
            "explained_at_k": {name: _plain(share) for name, share in self.explained_at_k.items()},
            "levels": [
                {name: _plain(value) for name, value in row.items()}
                for row in self.levels().to_dict("records")
            ],
            "left_out": dict(self.left_out),
        }


def specification_curve(
    run: GridRun, laid: Laid, sites: Sequence[str], proposal: pd.Series | None, p_value: float
) -> SpecificationCurve:
    """Compare every specification with the proposal, or with each other where none is claimed.

    Parameters
    ----------
    run : GridRun
    laid : Laid
    sites : sequence of str
        Sites of the labels.
    proposal : Series of Int64 or None
        Type by site; None where no typology is claimed.
    p_value : float
        Of the null test of the proposal.
    """
    fitted = list(run.fitted.items())
    labels = np.array([one.labels for _, one in fitted], dtype=np.int64).reshape(-1, len(sites))
    own = None
    if proposal is not None:
        own = proposal.reindex(list(sites)).fillna(0).to_numpy(dtype=np.int64)
        pairs = pairwise_agreement(labels, own[None])
        agreement = pairs[:, 0]
        compared = ((labels > 0) & (own > 0)).sum(axis=1)
    else:
        pairs = pairwise_agreement(labels, labels)
        agreement, compared = mean_with_others(pairs), (labels > 0).sum(axis=1)
    rows = [
        _row(at, choices, one, run, p_value)
        | {"agreement": agreement[at], "compared": int(compared[at])}
        for at, (choices, one) in enumerate(fitted)
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    k = 0 if own is None else int(own.max())
    known = table["agreement"].notna()
    counted = table[known]
    if own is None:
        counted = counted.iloc[comparable(pairs[np.ix_(known, known)])]
    return SpecificationCurve(
        table=table,
        sites=_sites(labels, own, sites),
        explained=_explained(counted, None if k else pairs),
        explained_from=len(counted),
        explained_at_k=_explained(table[known & (table["n_types"] == k)], None) if k else {},
        left_out=laid.left_out,
        possible=laid.possible,
        k=k,
    )


def _row(at: int, choices: Choices, one: Any, run: GridRun, p_value: float) -> dict[str, Any]:
    labels = np.array(one.labels)
    null = run.nulls.get(null_name(choices))
    same = (choices.features, choices.link, choices.weights) == ("all", "working", "declared")
    own = RUN if null is not None else OWN_TEST if same else NOT_RUN
    return {
        "specification": at + 1,
        **{name: getattr(choices, name) for name in CHOICES},
        "k": choices.number,
        "as_proposed": as_proposed(choices),
        "n_types": len(set(labels[labels > 0].tolist())),
        "sites": one.sites,
        "placed": int((labels > 0).sum()),
        "stability": one.stability,
        "min_stability": one.min_stability,
        "silhouette": one.silhouette,
        "null_test": own,
        "p_value": null.p_value if null is not None else p_value if same else float("nan"),
        "reason": one.reason,
    }


def _sites(labels: Labels, own: Labels | None, sites: Sequence[str]) -> pd.DataFrame:
    """For each site, how far specifications keep its companions."""
    rows = []
    for at, site in enumerate(sites):
        if own is None:
            similar = kept_companions(labels, labels, at)
            similar = similar[np.triu_indices(len(labels), 1)]
            counted = int((labels[:, at] > 0).sum())
        else:
            similar = kept_companions(labels, own[None], at)[:, 0]
            counted = int((~np.isnan(similar)).sum())
        known = similar[~np.isnan(similar)]
        rows.append(
            {
                "site": site,
                "type": pd.NA if own is None or own[at] == 0 else int(own[at]),
                "specifications": counted,
                "kept": float(known.mean()) if len(known) else float("nan"),
                "mostly_kept": float((known >= MOSTLY).mean()) if len(known) else float("nan"),
            }
        )
    frame = pd.DataFrame(rows, columns=list(SITE_COLUMNS))
    return frame.astype({"type": "Int64"})


def _explained(rows: pd.DataFrame, pairs: Floats | None) -> dict[str, float]:
    """Shares of the variation in agreement, or in the answer itself where `pairs` are given."""
    levels = {name: rows[name].astype(str).tolist() for name in CHOICES}
    varied = {name: own for name, own in levels.items() if len(set(own)) > 1}
    if not varied:
        return {}
    if pairs is not None:
        gram = centred_agreement(pairs[np.ix_(rows.index, rows.index)])
    else:
        away = rows["agreement"].to_numpy() - rows["agreement"].mean()
        gram = np.outer(away, away)
    return explained_shares(gram, varied)


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and value != value else value
