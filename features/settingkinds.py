"""Kinds of settings: by the code of their type, else by their phase.

Special schools, pupil referral units and independent schools have no phase in the register, so a
setting is classified by the code of its type first and by its phase otherwise. The mapping is
ours, not the department's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

BY_TYPE: dict[str, frozenset[int]] = {
    "special": frozenset({7, 8, 10, 12, 32, 33, 36, 44}),
    "alternative_provision": frozenset({14, 38, 42, 43}),
    "post_16": frozenset({18, 31, 39, 45, 46}),
    "independent": frozenset({6, 11}),
}
"""Codes of TypeOfEstablishment in the register (Get Information About Schools)."""

BY_PHASE = {
    "nursery": "nursery",
    "primary": "primary",
    "middle deemed primary": "primary",
    "secondary": "secondary",
    "middle deemed secondary": "secondary",
    "all-through": "all_through",
    "16 plus": "post_16",
}
OTHER = "other"
ORDER = (
    "nursery", "primary", "secondary", "all_through", "post_16",
    "special", "alternative_provision", "independent", OTHER,
)  # fmt: skip


def setting_kind(code: object, phase: object) -> str | float:
    """Kind of one setting: by the code of its type first, else by its phase.

    NaN where neither is known, ``"other"`` where both are but neither says.

    Examples
    --------
    >>> setting_kind("07", "Not applicable"), setting_kind(1, "Middle deemed primary")
    ('special', 'primary')
    >>> setting_kind("25", "Not applicable"), setting_kind(None, None)
    ('other', nan)
    """
    number = type_code(code)
    for kind, members in BY_TYPE.items():
        if number in members:
            return kind
    name = "" if pd.isna(phase) else str(phase).strip().lower()
    if name in BY_PHASE:
        return BY_PHASE[name]
    return OTHER if number is not None or name else float("nan")


def type_code(code: object) -> int | None:
    """A code of a type as a number, ``"07"`` as 7; None where it is no number.

    Examples
    --------
    >>> type_code("07"), type_code(7.0), type_code("Community school")
    (7, 7, None)
    """
    try:
        return int(float(str(code)))
    except ValueError:
        return None


def setting_kinds(types: pd.Series, phases: pd.Series) -> pd.Series:
    """Kinds of settings, a setting a row; see `setting_kind`."""
    pairs = list(zip(types, phases, strict=True))
    known = {pair: setting_kind(*pair) for pair in set(pairs)}
    return pd.Series([known[pair] for pair in pairs], index=types.index, dtype="str")


def merged(
    kinds: pd.Series, amounts: pd.Series, merge: Mapping[str, str], min_share: float | None
) -> pd.Series:
    """Merge kinds as declared, then those that are too rare into ``"other"``.

    Parameters
    ----------
    kinds : Series of str
        Kind of each setting, NaN where not known.
    amounts : Series of float
        What each setting counts.
    merge : mapping of str to str
        Kind, and the kind that it becomes.
    min_share : float, optional
        Kinds with a smaller share of all settings (or their pupils), over all sites and rounds
        together, become ``"other"``.

    Examples
    --------
    >>> kinds = pd.Series(["primary", "primary", "nursery", "independent"])
    >>> merged(kinds, pd.Series(1.0, index=kinds.index), {"nursery": "primary"}, 0.3).tolist()
    ['primary', 'primary', 'primary', 'other']
    """
    joined = kinds.map(lambda kind: merge.get(kind, kind), na_action="ignore")
    if min_share is None:
        return joined
    totals = amounts.groupby(joined).sum()
    rare = set(totals.index[totals < min_share * totals.sum()])
    return joined.map(lambda kind: OTHER if kind in rare else kind, na_action="ignore")


def in_order(kinds: Iterable[object]) -> list[str]:
    """Different kinds in the order of `ORDER`, names of one's own last."""
    found = {str(kind) for kind in kinds if kind is not np.nan and not pd.isna(kind)}
    own = sorted(found.difference(ORDER))
    return [*(kind for kind in ORDER if kind in found), *own]
