"""The change that response weights make to the values of sites."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import pandas as pd

from site_typology.features.profiler import build_profiles
from site_typology.features.tables import StudyTables
from site_typology.features.weighting import without_response_weights
from site_typology.profiles import SiteProfiles

EFFECT_COLUMNS = ["feature", "round", "site", "weighted", "unweighted", "change", "in_errors"]
SUMMARY_COLUMNS = [
    "feature", "round", "sites", "mean_change", "largest_change", "site", "in_spreads",
    "rank_correlation", "error_ratio",
]  # fmt: skip


def weight_effect(tables: StudyTables) -> pd.DataFrame:
    """Values of every feature from a weighted table, with response weights and without.

    Without means with the weights that the table's file has, or none.

    Parameters
    ----------
    tables : StudyTables
        With response weights; see `site_typology.features.weighting.apply_weights`.

    Returns
    -------
    DataFrame
        Columns `EFFECT_COLUMNS`, where both values are there: `change` is weighted - unweighted
        and `in_errors` that over the unweighted standard error. Categories are left out.
    """
    pair = _both(tables)
    return _long(*pair) if pair is not None else pd.DataFrame(columns=EFFECT_COLUMNS)


def effect_summary(tables: StudyTables) -> pd.DataFrame:
    """What response weights do to each feature over its sites.

    Returns
    -------
    DataFrame
        Columns `SUMMARY_COLUMNS`: the mean and the largest absolute change and the ``site`` of the
        latter, the mean absolute change in standard deviations of the unweighted values, Spearman's
        correlation of the sites' values (NaN with fewer than three sites or no spread), and the
        median ratio of standard errors, weighted to unweighted, which the weights raise.
    """
    pair = _both(tables)
    if pair is None:
        return pd.DataFrame(columns=SUMMARY_COLUMNS)
    long = _long(*pair)
    ratio = pair[0].standard_errors / pair[1].standard_errors.where(pair[1].standard_errors > 0)
    parts = []
    for (feature, round_), rows in long.groupby(["feature", "round"], sort=False):
        size = rows["change"].abs()
        spread = float(rows["unweighted"].std()) if len(rows) > 2 else float("nan")
        there = ratio.xs(str(round_), level="round")[str(feature)].dropna()
        parts.append(
            {
                "feature": feature,
                "round": round_,
                "sites": len(rows),
                "mean_change": float(size.mean()),
                "largest_change": float(size.max()),
                "site": rows.loc[size.idxmax(), "site"],
                "in_spreads": float(size.mean()) / spread if spread > 0 else float("nan"),
                "rank_correlation": _spearman(rows),
                "error_ratio": float(there.median()) if len(there) else float("nan"),
            }
        )
    return pd.DataFrame(parts, columns=SUMMARY_COLUMNS)


def _both(tables: StudyTables) -> tuple[SiteProfiles, SiteProfiles] | None:
    """Profiles of the features that use a weighted table, with the weights and without."""
    features = tuple(each for each in tables.declaration.features if each.name in _used(tables))
    if not features:
        return None
    own = dataclasses.replace(
        tables, declaration=tables.declaration.model_copy(update={"features": features})
    )
    return build_profiles(own), build_profiles(without_response_weights(own))


def _used(tables: StudyTables) -> set[str]:
    """Features whose arguments name a weighted table or its scale, and features tied to them."""
    declared = tables.declaration
    named = {name for name, table in tables.tables.items() if table.adjusted_weight}
    named |= {scale.name for scale in declared.scales if scale.table in named}
    texts = {feature.name: set(_texts(feature.args)) for feature in declared.features}
    used = {name for name, own in texts.items() if own & named}
    while True:
        # A feature made from other features needs them, and changes with them.
        more = {name for name, own in texts.items() if own & used}
        more |= {name for name in texts if any(name in texts[each] for each in used | more)}
        if more <= used:
            return used
        used |= more


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


def _long(with_weights: SiteProfiles, without: SiteProfiles) -> pd.DataFrame:
    parts = []
    for info in with_weights.features:
        if info.kind == "category":
            continue
        both = pd.DataFrame(
            {
                "weighted": with_weights.values[info.name].astype(float),
                "unweighted": without.values[info.name].astype(float),
                "error": without.standard_errors[info.name].astype(float),
            }
        ).dropna(subset=["weighted", "unweighted"])
        both = both.assign(feature=info.name, change=both["weighted"] - both["unweighted"])
        both["in_errors"] = both["change"] / both["error"].where(both["error"] > 0)
        parts.append(both.reset_index()[EFFECT_COLUMNS])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=EFFECT_COLUMNS)


def _spearman(rows: pd.DataFrame) -> float:
    ranks = rows[["weighted", "unweighted"]].rank()
    if len(rows) < 3 or (ranks.std() == 0).any():
        return float("nan")
    return float(np.corrcoef(ranks["weighted"], ranks["unweighted"])[0, 1])
