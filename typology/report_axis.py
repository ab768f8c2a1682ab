"""The part of the report about the axis: what it is made of, where sites lie, two-rule groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from site_typology.report_words import Unit, figure, rule_words
from site_typology.two_rules import axis_table, two_rules

if TYPE_CHECKING:
    from site_typology.feature_info import FeatureInfo
    from site_typology.typology import Typology

THIRDS = ("lower", "middle", "upper")
MOST_FEATURES = 12
MOST_SITES = 400


def axis_content(typology: Typology) -> dict[str, Any] | None:
    """Say everything that the report shows of the axis; None where sites do not lie along one.

    Parameters
    ----------
    typology : Typology

    Returns
    -------
    dict or None
        ``rules``, ``thirds`` (features that change along the axis, the most first),
        ``left_out`` of them, ``cuts`` and ``groups`` of the two rules, and ``sites``.
    """
    axis = typology.evidence.axis
    if axis is None or not axis.is_continuum:
        return None
    rows = _thirds(typology, axis.scores.set_index("site")["score"])
    grouped = two_rules(typology)
    table = axis_table(typology, grouped)
    return {
        "rules": [rule_words(rule) for rule in axis.rules],
        "thirds": rows[:MOST_FEATURES],
        "left_out": max(0, len(rows) - MOST_FEATURES),
        "cuts": []
        if grouped is None
        else [
            {"title": info.title, "cut": _unit(typology, info).write(cut), "unit": info.unit}
            for info, cut in zip(grouped.features, grouped.cuts, strict=True)
        ],
        "groups": _group_rows(table),
        "ungrouped": int((table["group"] == "").sum()),
        "sites": [_site_row(row) for row in table.head(MOST_SITES).itertuples()],
        "more_sites": max(0, len(table) - MOST_SITES),
    }


def _unit(typology: Typology, info: FeatureInfo) -> Unit:
    return Unit.of(info, typology.profiles.values[info.name].astype(float))


def _thirds(typology: Typology, scores: pd.Series) -> list[dict[str, Any]]:
    """Mean of each feature over the lower, middle and upper third of the sites on the axis."""
    ranks = scores.rank(method="first")
    third = np.ceil(3 * ranks / len(ranks)).astype(int)
    rows = []
    for info in typology.profiles.features:
        if info.kind == "category":
            continue
        values = typology.profiles.values[info.name].astype(float).droplevel("round")
        own = values.reindex(scores.index)
        means = [float(own[third == at].mean()) for at in (1, 2, 3)]
        spread = float(own.std())
        if np.isnan(means).any() or not spread > 0:
            continue
        unit = _unit(typology, info)
        cells = dict(zip(THIRDS, map(unit.write, means), strict=True))
        steps = np.ptp(means) / spread
        rows.append(
            {"title": info.title, "unit": info.unit, "use": info.use, "steps": steps, **cells}
        )
    return sorted(rows, key=lambda row: -row["steps"])


def _group_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    grouped = table[table["group"] != ""].groupby("group")
    return [
        {
            "group": group,
            "sites": len(own),
            "sure": int(own["sure"].sum()),
            "score": figure(float(own["score"].mean())),
        }
        for group, own in grouped
    ]


def _site_row(row: Any) -> dict[str, str]:
    known = not np.isnan(row.score)
    return {
        "site": row.site,
        "score": f"{row.score:.0f}" if known else "–",
        "interval": f"{row.low:.0f} to {row.high:.0f}" if known else "–",
        "group": row.group or "–",
        "sure": ("yes" if row.sure else "no") if row.group else "–",
        "reason": row.reason,
    }
