"""What the types look like: profiles with intervals, suggested names, typical and borderline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from site_typology.feature_info import FeatureInfo
from site_typology.type_means import group_means, within_limits

if TYPE_CHECKING:
    from site_typology.typology import Typology

BORDERLINE = 0.8
"""A site whose membership probability is below this is borderline."""
SET_APART = 0.5
"""Least distance from the mean of all sites, in SDs, for a feature to name a type."""
NAMED = 3
"""Most typical sites named for a type."""
PROFILE_COLUMNS = ["type", "feature", "mean", "low", "high", "n", "z", "z_low", "z_high", "apart"]


def describe_types(typology: Typology) -> pd.DataFrame:
    """Describe each type in one row, the frame behind ``types.csv``.

    Parameters
    ----------
    typology : Typology

    Returns
    -------
    DataFrame
        Columns ``type, name, sites, share, stability, typical, borderline``, then for each
        feature ``FEATURE, FEATURE__low, FEATURE__high`` in natural units: the mean of the type's
        sites and its 95% interval, measurement error included (see
        `site_typology.type_means.group_means`). A category has its most common value, with its
        count. A feature that bears the name of one of the first columns stands as
        ``FEATURE__mean``. One row with type ``"all"`` where no types are claimed.
    """
    profile = type_profiles(typology)
    names = type_names(typology, profile)
    sizes = type_sizes(typology)
    rows = []
    for label, size in sizes.items():
        row: dict[str, object] = {
            "type": label,
            "name": names[label],
            "sites": size,
            "share": size / len(typology.profiles.sites),
            "stability": stability_of(typology, label),
            "typical": "; ".join(typical_sites(typology, label)),
            "borderline": "; ".join(borderline_sites(typology, label)),
        }
        own = profile[profile["type"] == label].set_index("feature")
        for info in typology.profiles.features:
            # A feature may be called "stability" too; the columns of the contract come first.
            column = f"{info.name}__mean" if info.name in row else info.name
            if info.kind == "category":
                row[column] = _most_common(typology, info, label)
            else:
                row[column] = own.loc[info.name, "mean"]
                row[f"{info.name}__low"] = own.loc[info.name, "low"]
                row[f"{info.name}__high"] = own.loc[info.name, "high"]
        rows.append(row)
    return pd.DataFrame(rows)


def type_sizes(typology: Typology) -> dict[str, int]:
    """Count the sites of each type claimed, in order; all of them as ``"all"`` where none is."""
    if not is_claimed(typology):
        return {"all": len(typology.profiles.sites)}
    counts = typology.labels.value_counts()
    return {str(label): int(counts.get(label, 0)) for label in range(1, typology.k + 1)}


def is_claimed(typology: Typology) -> bool:
    """Whether sites were given types."""
    return bool(typology.evidence.claimed and typology.k > 1 and typology.labels.notna().any())


def type_profiles(typology: Typology) -> pd.DataFrame:
    """Give the mean and interval of every numeric feature in every type, long.

    Parameters
    ----------
    typology : Typology

    Returns
    -------
    DataFrame
        Columns `PROFILE_COLUMNS`: in natural units ``mean, low, high``; ``n`` sites behind them;
        ``z`` and its limits, in SDs of all sites from the mean of all sites; ``apart``, whether
        the interval leaves the mean of all sites out and ``z`` is at least `SET_APART`.
    """
    profiles = typology.profiles
    claimed = is_claimed(typology)
    groups = site_groups(typology)
    rows = []
    for info in profiles.features:
        if info.kind == "category":
            continue
        values = profiles.values[info.name].to_numpy(dtype=float, na_value=np.nan)
        errors = profiles.standard_errors[info.name].to_numpy(dtype=float, na_value=np.nan)
        centre, spread = centre_and_spread(values)
        placed = groups > 0
        means = group_means(values[placed], errors[placed], groups[placed])
        for group, mean in within_limits(means, info).iterrows():
            z, low, high = (mean[["mean", "low", "high"]].to_numpy() - centre) / spread
            apart = claimed and bool((low > 0 or high < 0) and abs(z) >= SET_APART)
            label = str(group) if claimed else "all"
            found = (mean["mean"], mean["low"], mean["high"], int(mean["n"]))
            rows.append((label, info.name, *found, z, low, high, apart))
    return pd.DataFrame(rows, columns=PROFILE_COLUMNS)


def site_groups(typology: Typology) -> np.ndarray:
    """Type of each site of the profiles, 0 where it has none; 1 for all where none is claimed."""
    sites = typology.profiles.sites
    if not is_claimed(typology):
        return np.ones(len(sites), dtype=int)
    return np.asarray(typology.labels.reindex(sites).fillna(0).to_numpy(dtype=int))


def centre_and_spread(values: np.ndarray) -> tuple[float, float]:
    """Mean and SD of the known values; an SD of 1 where they do not vary, NaN where none is."""
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan"), 1.0
    spread = float(np.std(known, ddof=1)) if len(known) > 1 else 0.0
    return float(np.mean(known)), spread or 1.0


def type_names(typology: Typology, profile: pd.DataFrame | None = None) -> dict[str, str]:
    """Name each type: the name people gave it, else one suggested by what sets it apart.

    Parameters
    ----------
    typology : Typology
    profile : DataFrame, optional
        From `type_profiles`, where it is at hand.

    Returns
    -------
    dict of str to str
        By type, ``"1"`` to ``"k"``; ``{"all": "All sites"}`` where no types are claimed.
    """
    if not is_claimed(typology):
        return {"all": "All sites"}
    profile = type_profiles(typology) if profile is None else profile
    names = suggest_names(profile, {info.name: info for info in typology.profiles.features})
    given = {str(label): name for label, name in typology.names.items()}
    return {
        label: given[label] if _is_own(given.get(label, ""), label) else suggested
        for label, suggested in names.items()
    }


def suggest_names(profile: pd.DataFrame, infos: dict[str, FeatureInfo]) -> dict[str, str]:
    """Suggest a working name for each type from the features that set it apart most.

    Parameters
    ----------
    profile : DataFrame
        From `type_profiles`.
    infos : dict of str to FeatureInfo
        By feature.

    Returns
    -------
    dict of str to str
        Two features at most, one of each composition; no two types share a name.

    Examples
    --------
    >>> profile = pd.DataFrame(
    ...     [("1", "wsa", 1.2, True), ("2", "wsa", -0.9, True)],
    ...     columns=["type", "feature", "z", "apart"],
    ... )
    >>> suggest_names(profile, {"wsa": FeatureInfo("wsa", label="Whole-school time")})
    {'1': 'Higher whole-school time', '2': 'Lower whole-school time'}
    """
    names: dict[str, str] = {}
    for label, own in profile.groupby("type", sort=False):
        words = _words(own, infos)
        name = "; ".join(words[:2]) or "Close to the average site"
        name = name[0].upper() + name[1:]
        names[str(label)] = f"{name} ({label})" if name in names.values() else name
    return names


def _words(own: pd.DataFrame, infos: dict[str, FeatureInfo]) -> list[str]:
    apart = own[own["apart"].astype(bool)]
    apart = apart.iloc[np.argsort(-apart["z"].abs().to_numpy(), kind="stable")]
    words, seen = [], set()
    for feature, z in zip(apart["feature"], apart["z"], strict=True):
        info = infos[feature]
        if not info.builds or (info.composition and info.composition in seen):
            continue
        seen.add(info.composition)
        words.append(f"{'higher' if z > 0 else 'lower'} {as_inside_sentence(info.title)}")
    return words


def as_inside_sentence(title: str) -> str:
    """Begin a title with a small letter, unless it begins with an abbreviation.

    Examples
    --------
    >>> as_inside_sentence("Staff stability"), as_inside_sentence("WSA time")
    ('staff stability', 'WSA time')
    """
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]


def typical_sites(typology: Typology, label: str, most: int = NAMED) -> list[str]:
    """Name the sites nearest to the middle of a type, of those that are not borderline."""
    own = _members(typology, label)
    clear = own[own["confidence"] >= BORDERLINE]
    return list(clear.sort_values(["distance", "site"])["site"].head(most))


def borderline_sites(typology: Typology, label: str) -> list[str]:
    """Name the sites of a type whose membership is least sure, least sure first."""
    own = _members(typology, label)
    unsure = own[own["confidence"] < BORDERLINE]
    return list(unsure.sort_values(["confidence", "site"])["site"])


def _members(typology: Typology, label: str) -> pd.DataFrame:
    memberships = typology.memberships
    if label == "all":
        return memberships.iloc[:0]
    return memberships[(memberships["type"] == int(label)).fillna(False)]


def stability_of(typology: Typology, label: str) -> float:
    """Mean bootstrap Jaccard of a type; NaN where it was not measured."""
    found = typology.evidence.type_stability
    if label == "all" or typology.k != typology.evidence.best_k:
        return float("nan")
    own = found.loc[found["type"].astype(str) == label, "mean"]
    return float(own.iloc[0]) if len(own) else float("nan")


def _most_common(typology: Typology, info: FeatureInfo, label: str) -> str:
    groups = site_groups(typology)
    inside = groups == (1 if label == "all" else int(label))
    known = typology.profiles.values[info.name][inside].dropna().astype(str)
    if not len(known):
        return ""
    counts = known.value_counts()
    top = sorted(counts[counts == counts.max()].index)[0]
    return f"{top} ({counts.max()} of {len(known)})"


def _is_own(name: str, label: str) -> bool:
    return bool(name) and name.casefold() not in (label, f"type {label}")
