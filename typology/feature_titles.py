"""Words for what an explanation speaks of: a feature, or a composition as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from site_typology.feature_info import FeatureInfo


def titles_of(features: Sequence[FeatureInfo]) -> dict[str, str]:
    """Titles by name, of every feature and of every composition.

    A composition has what the titles of its parts begin with, up to a colon, or its name.

    Examples
    --------
    >>> from site_typology.feature_info import FeatureInfo
    >>> parts = [FeatureInfo(f"time.{p}", composition="time", label=f"Time: {p}") for p in "ab"]
    >>> titles_of([*parts, FeatureInfo("need")])
    {'time.a': 'Time: a', 'time.b': 'Time: b', 'need': 'need', 'time': 'Time (all parts)'}
    """
    titles = {info.name: info.title for info in features}
    for name in dict.fromkeys(info.composition for info in features if info.composition):
        parts = [info.title for info in features if info.composition == name]
        begins = {part.partition(":")[0] for part in parts if ":" in part}
        alike = len(begins) == 1 and all(":" in part for part in parts)
        titles[name] = f"{begins.pop() if alike else name.replace('_', ' ')} (all parts)"
    return titles
