"""What a feature of a profile is: kind, use, family, definition and how it was measured."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class FeatureInfo:
    """What one feature of a profile is.

    Parameters
    ----------
    name : str
        Name of the column; a part of a composition is ``COMPOSITION.PART``.
    kind : {"continuous", "share", "composition", "rate", "ordinal", "category"}
        Kind of value; it decides the scale that clustering works on.
    use : {"build", "evaluate"}
        Whether types may be built from it or only described by it; see `builds`.
    composition : str
        Name of the composition that the feature is a part of, or ``""``.
    measurement : mapping of str to float
        What is known of its measurement, by name: ``icc1``, ``icc2``, ``alpha``, ``omega``,
        ``informants_per_site``, ``response_rate`` and more; see the page on measurement.
    range : tuple of float, optional
        Lowest and highest possible value in natural units.
    flags : tuple of str
        Sentences on what should be looked at, such as an item keyed the wrong way.
    """

    name: str
    kind: str = "continuous"
    use: str = "build"
    family: str = "other"
    label: str = ""
    definition: str = ""
    unit: str = ""
    builder: str = ""
    source: str = ""
    informant: str = ""
    composition: str = ""
    measurement: Mapping[str, float] = field(default_factory=dict)
    range: tuple[float, float] | None = None
    flags: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The label, or the name where there is none."""
        return self.label or self.name

    @property
    def builds(self) -> bool:
        """Whether the proposed types are built from it: use ``"build"`` and not a category.

        A category in use ``"build"`` enters the candidates that take categories, and no more
        (docs/decisions/0006, 0015).
        """
        return self.use == "build" and self.kind != "category"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        plain = {"measurement": dict(self.measurement), "flags": list(self.flags)}
        return {**dataclasses.asdict(self), **plain}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> FeatureInfo:
        """Make a feature from `to_dict` output."""
        limits = content.get("range")
        tuples = {
            "range": tuple(limits) if limits is not None else None,
            "flags": tuple(content.get("flags", ())),
        }
        return cls(**{**content, **tuples})


def usable_cells(
    values: Mapping[str, np.ndarray | pd.Series], infos: Sequence[FeatureInfo]
) -> np.ndarray:
    """Say which cells say something: those with a value, parts only where their mix is whole.

    A composition that lacks a part, or whose parts add up to nothing, has no log-ratios, so that
    its other parts place no site.

    Parameters
    ----------
    values : mapping of str to array, shape (n,)
        Columns in natural units; NaN where there is no value.
    infos : sequence of FeatureInfo

    Returns
    -------
    ndarray of bool, shape (n, len(infos))

    Examples
    --------
    >>> parts = [FeatureInfo(f"mix.{name}", "composition", composition="mix") for name in "ab"]
    >>> values = {"mix.a": np.array([0.4, 0.4, 0.0]), "mix.b": np.array([0.6, np.nan, 0.0])}
    >>> usable_cells(values, parts).tolist()
    [[True, True], [False, False], [False, False]]
    """
    known = np.column_stack([~pd.isna(np.asarray(values[info.name])) for info in infos])
    for mix in {info.composition for info in infos} - {""}:
        parts = [at for at, info in enumerate(infos) if info.composition == mix]
        shares = [np.asarray(values[infos[at].name], dtype=float) for at in parts]
        known[:, parts] = (np.sum(shares, axis=0) > 0)[:, None]
    return known


def fewest_features(min_observed: float, features: int) -> int:
    """Number of features that a site needs to be placed, one at least.

    Parameters
    ----------
    min_observed : float
        Share of the features.
    features : int

    Examples
    --------
    >>> fewest_features(1 / 3, 12), fewest_features(1 / 3, 13), fewest_features(0.01, 9)
    (4, 5, 1)
    """
    return max(1, math.ceil(min_observed * features - 1e-9))
