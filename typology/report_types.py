"""Parts of the report about types and sites: cards, profile table, borderline and every site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from site_typology.declaration import Disclosure
from site_typology.describe import (
    BORDERLINE,
    is_claimed,
    stability_of,
    type_names,
    type_profiles,
    type_sizes,
    typical_sites,
)
from site_typology.feature_info import FeatureInfo
from site_typology.figure_canvas import colour, listed, mark_path, shape_name
from site_typology.figures_types import shown_features
from site_typology.replicates import stability_word
from site_typology.report_explanation import site_reasons
from site_typology.report_words import Unit, figure

if TYPE_CHECKING:
    from site_typology.explain import Explanation
    from site_typology.typology import Typology

MOST_APART = 6
MOST_CLEAR = 4
MOST_SITES = 400
MOST_NAMED = 12


def type_marks(typology: Typology) -> dict[str, dict[str, Any]]:
    """Mark, number and name of each type; empty where none is claimed."""
    if not is_claimed(typology):
        return {}
    return {
        label: {
            "label": label,
            "name": name,
            "path": mark_path(int(label)),
            "colour": colour(int(label)),
            "shape": shape_name(int(label)),
        }
        for label, name in type_names(typology).items()
    }


def type_cards(typology: Typology, disclosure: Disclosure) -> list[dict[str, Any]]:
    """One card a type: size, stability, what sets it apart, typical and borderline sites."""
    profile = type_profiles(typology)
    infos = {info.name: info for info in typology.profiles.features}
    total = len(typology.profiles.sites)
    cards = []
    for label, size in type_sizes(typology).items():
        if label == "all":
            continue
        own = profile[(profile["type"] == label) & profile["apart"].astype(bool)]
        own = own.iloc[np.argsort(-own["z"].abs().to_numpy(), kind="stable")]
        jaccard = stability_of(typology, label)
        unsure = _borderline_rows(typology)
        cards.append(
            {
                "label": label,
                "sites": size,
                "share": size / total,
                "stability": figure(jaccard),
                "stability_word": stability_word(jaccard),
                "apart": [
                    _apart_words(row, infos[row.feature], typology)
                    for row in own.head(MOST_APART).itertuples()
                ],
                "more_apart": max(0, len(own) - MOST_APART),
                "typical": listed(typical_sites(typology, label), MOST_NAMED),
                "borderline": listed(
                    list(unsure.loc[unsure["type"] == int(label), "site"]), MOST_NAMED
                ),
                "small": size < disclosure.min_sites,
            }
        )
    return cards


def _apart_words(row: Any, info: FeatureInfo, typology: Typology) -> dict[str, str]:
    values = typology.profiles.values[info.name].astype(float)
    unit = Unit.of(info, values)
    return {
        "direction": "Higher" if row.z > 0 else "Lower",
        "title": info.title,
        "value": unit.interval(row.mean, row.low, row.high),
        "all": unit.write(float(values.mean())),
        "unit": info.unit,
        "use": info.use,
    }


def profile_table(typology: Typology, disclosure: Disclosure) -> list[dict[str, Any]]:
    """Features by family: mean and interval in each type, and over all sites."""
    profile = type_profiles(typology).set_index(["feature", "type"])
    families: dict[str, list[dict[str, Any]]] = {}
    for info in typology.profiles.features:
        if info.kind == "category":
            continue
        cells = [profile.loc[(info.name, label)].to_dict() for label in type_sizes(typology)]
        row = _profile_row(typology, info, cells, disclosure)
        families.setdefault(info.family, []).append(row)
    return [{"family": family, "features": rows} for family, rows in families.items()]


def undrawn_words(typology: Typology, profile: list[dict[str, Any]]) -> str:
    """Say how many features the profile figure draws; empty where it draws all of them."""
    drawn = len(shown_features(typology, type_profiles(typology)))
    every = sum(len(group["features"]) for group in profile)
    if drawn == every:
        return ""
    verb = "is" if drawn == 1 else "are"
    return f"{drawn} of {every} features {verb} drawn; all are in the table below."


def _profile_row(
    typology: Typology, info: FeatureInfo, cells: list[dict[str, Any]], disclosure: Disclosure
) -> dict[str, Any]:
    values = typology.profiles.values[info.name].astype(float)
    unit = Unit.of(info, values)
    known = values.notna()
    errors = typology.profiles.standard_errors.loc[known, info.name].astype(float)
    # Where all sites are one group its modelled mean is the mean of all sites: one figure, not two.
    average = float(values.mean()) if is_claimed(typology) else cells[0]["mean"]
    return {
        "title": info.title,
        "unit": info.unit,
        "use": info.use,
        "cells": [
            {
                "text": unit.interval(cell["mean"], cell["low"], cell["high"]),
                "thin": 0 < cell["n"] < disclosure.min_sites,
            }
            for cell in cells
        ],
        "all": unit.write(average),
        "range": f"{unit.write(values.min())} to {unit.write(values.max())}",
        "known": int(known.sum()),
        "true_share": (share := true_share(values[known].to_numpy(), errors.to_numpy())),
        "true": "–" if np.isnan(share) else f"{share:.0%}",
    }


def true_share(values: np.ndarray, errors: np.ndarray) -> float:
    """Share of the variance between sites that measurement error leaves.

    NaN without variance, and where the error of a site is not known.

    Examples
    --------
    >>> true_share(np.array([1.0, 3.0]), np.array([1.0, 1.0]))
    0.5
    >>> true_share(np.array([1.0, 3.0]), np.array([1.0, np.nan]))
    nan
    """
    variance = float(np.var(values, ddof=1)) if len(values) > 1 else 0.0
    if variance == 0:
        return float("nan")
    # Python's max would turn the NaN of an unknown error into 0, "mostly noise".
    return float(np.maximum(0.0, 1 - np.mean(errors**2) / variance))


def one_population(profile: list[dict[str, Any]]) -> dict[str, Any]:
    """Pick the features on which sites truly differ most, and those that are mostly noise."""
    rows = [row for group in profile for row in group["features"] if row["use"] == "build"]
    known = [row for row in rows if not np.isnan(row["true_share"])]
    clear = [row for row in known if row["true_share"] >= 0.5]
    return {
        "differing": sorted(clear, key=lambda row: -row["true_share"])[:MOST_CLEAR],
        "noisy": [row["title"] for row in known if row["true_share"] < 0.5],
    }


def borderline_table(typology: Typology, explanation: Explanation) -> list[dict[str, Any]]:
    """Sites whose type is unsure, least sure first, with what speaks for and against."""
    if not is_claimed(typology):
        return []
    rows = _borderline_rows(typology).head(MOST_SITES)
    reasons = site_reasons(typology, explanation, list(rows["site"]))
    return [
        {
            "site": row.site,
            "type": str(int(row.type)),
            "confidence": f"{row.confidence:.0%}",
            "next_type": _type_number(row.next_type),
            "next_confidence": "" if pd.isna(row.next_type) else f"{row.next_confidence:.0%}",
            **reasons[row.site],
        }
        for row in rows.itertuples()
    ]


def borderline_count(typology: Typology) -> int:
    """Count the borderline sites, those beyond the table too."""
    return len(_borderline_rows(typology)) if is_claimed(typology) else 0


def sureness_words(typology: Typology) -> str:
    """Say that probabilities allow for types that were estimated; "" where nothing was changed."""
    if figure(typology.model.temperature) == "1":
        return ""
    return (
        "The types, and how many there are, were worked out from these sites and may be somewhat "
        "off. Probabilities are therefore lowered until, in simulated studies like this one, sites "
        "are on average as sure of their type as they are right."
    )


def _borderline_rows(typology: Typology) -> pd.DataFrame:
    rows = typology.memberships.dropna(subset="type")
    return rows[rows["confidence"] < BORDERLINE].sort_values(["confidence", "site"])


def site_table(typology: Typology, disclosure: Disclosure) -> dict[str, Any]:
    """Every site: type and probability or why none, known features, thin figures."""
    profiles = typology.profiles
    build = [info.name for info in profiles.features if info.builds]
    known = profiles.values[build].notna().sum(axis=1).droplevel("round")
    thin = (profiles.counts[build] < disclosure.min_informants).sum(axis=1).droplevel("round")
    rows = [
        {
            "site": row.site,
            "type": _type_number(row.type),
            "confidence": "" if pd.isna(row.confidence) else f"{row.confidence:.0%}",
            "next_type": _type_number(row.next_type),
            "reason": row.reason,
            "known": f"{known[row.site]} of {len(build)}",
            "thin": int(thin[row.site]),
        }
        for row in typology.memberships.head(MOST_SITES).itertuples()
    ]
    every = len(typology.memberships)
    placed = int(typology.memberships["type"].notna().sum())
    return {"rows": rows, "all": every, "left_out": every - len(rows), "unplaced": every - placed}


def _type_number(label: Any) -> str:
    return "" if pd.isna(label) else str(int(label))
