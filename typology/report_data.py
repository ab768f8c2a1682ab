"""Parts of the report about the data: tables read, response, features and what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from site_typology.declaration import Disclosure
from site_typology.feature_info import FeatureInfo
from site_typology.figure_canvas import listed
from site_typology.report_words import count_of, figure

if TYPE_CHECKING:
    from site_typology.profiles import SiteProfiles

MEASURES = {
    "icc1": "ICC(1)",
    "icc2": "ICC(2)",
    "alpha": "alpha",
    "omega": "omega",
    "lowest_item_rest": "lowest item-rest correlation",
    "rwg_median": "median r_wg(j)",
    "rwg_agreeing": "sites with r_wg(j) of .70 and more",
    "ad_median": "median average deviation",
    "reliability": "reliability",
    "informants_per_site": "informants a site",
    "response_rate": "response rate",
    "zeros": "sites with exactly 0",
    "coverage": "rows with what is needed",
    "same_total": "rows with the most common total",
    "off_total": "rows set aside for their total",
}
PERCENT = ("rwg_agreeing", "response_rate", "coverage", "same_total", "off_total")
NOT_SHOWN = ("error_df", "from_counts", "flagged_items")
"""Figures that intervals are formed with, or that stand in words elsewhere."""


def measure_words(name: str, value: float) -> str:
    """Write one figure of a feature's measurement with its name.

    Examples
    --------
    >>> measure_words("icc1", 0.21), measure_words("rwg_agreeing", 1.0)
    ('ICC(1) 0.21', 'sites with r_wg(j) of .70 and more 100%')
    """
    text = f"{value:.0%}" if name in PERCENT else figure(value)
    return f"{MEASURES.get(name, name.replace('_', ' '))} {text}"


def ledger_table(ledger: pd.DataFrame, sources: Mapping[str, str]) -> list[dict[str, Any]]:
    """For each table the rows read, used and set aside with reasons, and the sites linked."""
    tables = list(dict.fromkeys([*ledger["table"].astype(str), *sources]))
    return [
        _ledger_row(name, ledger[ledger["table"] == name], sources.get(name, "")) for name in tables
    ]


def _ledger_row(name: str, entries: pd.DataFrame, source: str) -> dict[str, Any]:
    rows = entries[entries["entry"] == "rows"]
    aside = rows[rows["outcome"] == "set aside"].groupby("reason", sort=False)["n"].sum()
    sites = entries[entries["entry"] == "site"]
    without = sites[sites["outcome"] == "no rows"]["site"].drop_duplicates().astype(str)
    linked = sites[sites["outcome"] == "linked"]["site"].nunique()
    dropped = entries[entries["entry"] == "column"]
    return {
        "table": name,
        "source": source,
        "rows": f"{int(rows['n'].sum()):,}",
        "used": f"{int(rows.loc[rows['outcome'] == 'used', 'n'].sum()):,}",
        "aside": f"{int(aside.sum()):,}",
        "reasons": [f"{reason}: {count_of(int(n), 'row')}" for reason, n in aside.items()],
        "linked": f"{linked:,}",
        "without": listed(list(without)) or "none",
        "dropped": count_of(len(dropped), "column") if len(dropped) else "",
    }


def feature_table(profiles: SiteProfiles, disclosure: Disclosure) -> list[dict[str, Any]]:
    """For each feature what it is, how many sites have it, why others do not, and how sure."""
    return [_feature_row(profiles, info, disclosure) for info in profiles.features]


def _feature_row(
    profiles: SiteProfiles, info: FeatureInfo, disclosure: Disclosure
) -> dict[str, Any]:
    reasons = profiles.reasons[info.name].value_counts().drop("", errors="ignore")
    counts = profiles.counts[info.name].dropna()
    total = len(profiles)
    return {
        "title": info.title,
        "definition": info.definition,
        "source": info.source,
        "family": info.family,
        "use": _use_words(info),
        "known": f"{total - int(reasons.sum())} of {total}",
        "reasons": [f"{reason}: {count}" for reason, count in reasons.items()],
        "n": figure(float(counts.median())) if len(counts) else "not known",
        "thin": int((counts < disclosure.min_informants).sum()),
        "measures": [
            measure_words(name, float(value))
            for name, value in info.measurement.items()
            if name not in NOT_SHOWN
        ],
        "flags": list(info.flags),
    }


def _use_words(info: FeatureInfo) -> str:
    if info.builds:
        return "builds types"
    return "builds some candidates" if info.use == "build" else "describes only"


def missing_share(profiles: SiteProfiles) -> float:
    """Share of cells without a value among the features that types are built from."""
    build = [info.name for info in profiles.features if info.builds]
    return float(np.mean(profiles.values[build].isna().to_numpy())) if build else 0.0
