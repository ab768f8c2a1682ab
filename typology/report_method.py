"""Part of the report on how it was done: models tried, settings, versions."""

from __future__ import annotations

import dataclasses
import platform
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from site_typology.report_words import figure

if TYPE_CHECKING:
    from site_typology.results import Evidence, NullTest
    from site_typology.typology import Typology

PACKAGES = (
    "site-typology",
    "numpy",
    "scipy",
    "pandas",
    "scikit-learn",
    "hdbscan",
    "umap-learn",
    "shap",
    "stepmix",
    "numba",
    "matplotlib",
)


def versions() -> list[tuple[str, str]]:
    """Software with versions, Python first."""
    return [
        ("Python", platform.python_version()),
        *((name, metadata.version(name)) for name in PACKAGES),
    ]


def settings_table(typology: Typology) -> list[tuple[str, str]]:
    """Every setting of the search, as name and value."""
    rows = [("seed", str(typology.seed))]
    for field in dataclasses.fields(typology.settings):
        value = getattr(typology.settings, field.name)
        if dataclasses.is_dataclass(value):
            rows += [
                (f"{field.name}: {part.name}".replace("_", " "), _text(getattr(value, part.name)))
                for part in dataclasses.fields(value)
            ]
        else:
            rows.append((field.name.replace("_", " "), _text(value)))
    return rows


def _text(value: Any) -> str:
    if value is None:
        return "by the number of sites"
    if isinstance(value, tuple | list):
        return ", ".join(_text(part) for part in value)
    return figure(value) if isinstance(value, float) else str(value)


def candidate_rows(typology: Typology) -> list[dict[str, Any]]:
    """Every model tried, one population included, with class sizes and figures."""
    sizes = {candidate.name: _sizes(candidate.labels) for candidate in typology.candidates}
    rows = []
    for row in typology.evidence.candidates.to_dict("records"):
        rows.append(
            {
                "name": row["name"],
                "sizes": sizes.get(row["name"], ""),
                "unassigned": int(row["unassigned"]),
                "proposed": bool(row["proposed"]),
                **{
                    key: figure(_number(row[key]))
                    for key in ("stability", "min_stability", "silhouette", "agreement")
                },
            }
        )
    return rows


def _sizes(labels: pd.Series) -> str:
    return ", ".join(str(count) for count in labels.dropna().value_counts())


def _number(value: Any) -> float:
    return float("nan") if value is None or pd.isna(value) else float(value)


def gain_rows(test: NullTest) -> list[dict[str, str]]:
    """Fit of each number of types beside one population and beside data without types."""
    return [
        {
            "k": str(int(row["k"])),
            "gain": figure(row["gain"]),
            "reference": _without_types(row["reference_mean"], row["reference_sd"]),
            "standardised": figure(row["standardised"]),
        }
        for row in test.gains.to_dict("records")
    ]


def _without_types(mean: float, spread: float) -> str:
    if pd.isna(mean):
        return "too few have as many types"
    return f"{figure(mean)} (SD {figure(spread)})"


NUMERALS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def number_rows(evidence: Evidence) -> list[dict[str, str]]:
    """How often each number of types is chosen, with its Monte Carlo error."""
    return [
        {
            "k": "none" if row["k"] == 1 else str(int(row["k"])),
            "share": f"{row['share']:.0%} (± {row['monte_carlo_error']:.0%})",
        }
        for row in evidence.number_of_types.to_dict("records")
    ]


def number_words(evidence: Evidence) -> str:
    """Say how often each number of types is chosen, the most frequent first; "" if not counted."""
    table = evidence.number_of_types.sort_values(["share", "k"], ascending=[False, True])
    said: list[str] = []
    for row in table[table["share"] > 0].to_dict("records"):
        k = 0 if row["k"] == 1 else int(row["k"])
        types = NUMERALS[k] if k < len(NUMERALS) else str(k)
        if not said:
            chosen = "no types are" if k == 0 else f"{types} types are"
            said.append(f"{chosen} chosen in {row['share']:.0%} of {row['resamples']} resamples")
        else:
            said.append(f"{types} in {row['share']:.0%}")
    if not said:
        return ""
    return (
        "With up to a fifth of the sites left out at random, and the others measured as if a fifth "
        f"of the answers were missing, {', '.join(said)}."
    )


def stability_rows(evidence: Evidence) -> list[dict[str, str]]:
    """Stability of the types that the data come nearest to, beside data without types."""
    return [
        {
            "type": str(int(row["type"])),
            "own": _with_range(row["mean"], row["low"], row["high"]),
            "reading": str(row["reading"]),
            "reference": _with_range(
                row["reference_mean"], row["reference_low"], row["reference_high"]
            ),
        }
        for row in evidence.type_stability.to_dict("records")
    ]


def stability_words(evidence: Evidence) -> list[str]:
    """Say where resamples disagree, and how well one half of the sites foretells the other."""
    figures = evidence.figures
    within = figures.get("instability_within", np.nan)
    between = figures.get("instability_between", np.nan)
    strength = figures.get("prediction_strength", np.nan)
    words = []
    if not np.isnan(between):
        first = "" if np.isnan(within) else f" {within:.2f} with the same plausible profiles and"
        words.append(
            "Two resamples disagree (1 less the adjusted Rand index) by"
            f"{first} {between:.2f} with different ones; the difference is what measurement error "
            "and gaps add to the drawing of sites."
        )
    if not np.isnan(strength):
        without = figures.get("reference_prediction_strength", np.nan)
        words.append(
            f"Types of one half of the sites foretell those of the other half with a prediction "
            f"strength of {strength:.2f} (0.8 and more is strong), and of {figure(without)} in "
            "data without types (Tibshirani and Walther 2005)."
        )
    return words


def _with_range(mean: float, low: float, high: float) -> str:
    return "–" if np.isnan(mean) else f"{mean:.2f} ({low:.2f} to {high:.2f})"
