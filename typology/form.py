"""What a file of new sites may hold: the columns that a typology knows, and what fits in them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from site_typology.feature_info import FeatureInfo
from site_typology.models.ordinal import OrdinalBlock
from site_typology.profile_checks import INDEX
from site_typology.profile_files import COUNT, ERROR
from site_typology.spreadsheet import restore
from site_typology.typology import Typology

MOST_SPANS = 1e6
"""Times the span of the fitted sites from which a standard error is taken for a mistake."""
KIND_LIMITS = {"share": (0.0, 1.0), "composition": (0.0, 1.0)}
NEAR = 0.75
"""How alike two column names are, from 0 to 1, when one is suggested for the other."""
MOST_HEADING = 200
"""Signs of a heading that is looked into; none of ours is longer, or its own length counts."""
ROUNDING = 1e-12
MOST_UNKNOWN = 100
"""Columns that are not known, for which a known one is looked for; a file may hold thousands."""


@dataclass(frozen=True)
class Field:
    """One feature as new sites give it.

    Parameters
    ----------
    info : FeatureInfo
    used : bool
        Whether a site is placed by it; the others are only kept.
    uncertain : bool
        Whether fitted sites know it with an error, so that new ones should say theirs.
    counted : bool
        Whether fitted sites know the number behind it.
    limits : tuple of float or None
        Lowest and highest possible value.
    codes : tuple of str or float
        Code frame: categories of the fitted sites, or the levels of an ordinal feature.
    seen : tuple of float or None
        Smallest, median and largest value of the fitted sites.
    """

    info: FeatureInfo
    used: bool
    uncertain: bool
    counted: bool
    limits: tuple[float, float] | None
    codes: tuple[str, ...] | tuple[float, ...]
    seen: tuple[float, float, float] | None

    @property
    def name(self) -> str:
        """Name of the feature."""
        return self.info.name

    @property
    def category(self) -> bool:
        """Whether its values are names and not numbers."""
        return self.info.kind == "category"

    @property
    def levels(self) -> tuple[float, ...]:
        """Levels of an ordinal feature."""
        return tuple(code for code in self.codes if isinstance(code, float))

    @property
    def heading(self) -> str:
        """Name of its column in a template: with the unit, where there is one."""
        return f"{self.name} [{self.info.unit}]" if self.info.unit else self.name

    def limits_of(self, ending: str) -> tuple[float, float]:
        """Lowest and highest number that one of its columns takes, by its ending.

        A standard error is bounded by `MOST_SPANS`: far beyond, its square is no number any more.
        """
        if not ending:
            return self.limits or (-np.inf, np.inf)
        if ending != ERROR or self.seen is None:
            return 0.0, np.inf
        span = max(self.seen[2], 0.0) - min(self.seen[0], 0.0)
        return 0.0, MOST_SPANS * span if span else np.inf

    @property
    def columns(self) -> tuple[str, ...]:
        """Names that its columns may have."""
        if self.category:
            return (self.name, self.name + COUNT)
        return (self.name, self.name + ERROR, self.name + COUNT)


@dataclass(frozen=True)
class Form:
    """Every column that new sites may have.

    Parameters
    ----------
    title : str
        Name of the typology.
    fields : tuple of Field
        Those that sites are placed by come first.

    Examples
    --------
    >>> wsa = Field(FeatureInfo("wsa", unit="points"), True, True, False, None, (), None)
    >>> form = Form("Wave 1", (wsa,))
    >>> form.read_heading("wsa [points]"), form.suggestion("WSA score")
    (('wsa', 'points'), 'wsa')
    """

    title: str
    fields: tuple[Field, ...]

    @classmethod
    def of(cls, typology: Typology) -> Form:
        """Learn it from the sites that a typology was fitted to."""
        used = {info.name for info in typology.assigner.features}
        infos = sorted(typology.profiles.features, key=lambda info: info.name not in used)
        return cls(
            typology.name, tuple(_field(info, typology, info.name in used) for info in infos)
        )

    @property
    def used(self) -> tuple[Field, ...]:
        """Fields that sites are placed by."""
        return tuple(field for field in self.fields if field.used)

    @cached_property
    def known(self) -> Mapping[str, tuple[Field, str]]:
        """Field and ending (``""``, ``__se`` or ``__n``) by the name of a column."""
        return {
            column: (field, column.removeprefix(field.name))
            for field in self.fields
            for column in field.columns
        }

    def read_heading(self, text: str) -> tuple[str, str | None]:
        """Split a column's heading into name and unit; None where it says no unit."""
        text = restore(text.strip())
        if text in self.known or text in INDEX or self.is_long(text) or not text.endswith("]"):
            return text, None
        name, mark, unit = text[:-1].rpartition("[")
        return (name.rstrip(), unit.strip()) if mark and "]" not in unit else (text, None)

    def is_long(self, text: str) -> bool:
        """Whether a heading is longer than any that is looked into."""
        return len(text) > self._longest

    @cached_property
    def _longest(self) -> int:
        return max([MOST_HEADING, *(len(field.heading) for field in self.fields)])

    def suggestion(self, name: str, *, named: bool = True) -> str:
        """The known column that a name is nearest to; ``""`` where it is like none.

        Without `named`, ``site`` and ``round`` are no columns.
        """
        if self.is_long(name):
            return ""
        columns = [*(INDEX if named else []), *self.known]
        plain = {_plain(column): column for column in columns}
        own = _plain(name)
        if own in plain:
            return plain[own]
        near = difflib.get_close_matches(own, plain, n=1, cutoff=NEAR)
        if near:
            return plain[near[0]]
        # A standard error is like no value, whatever words they share.
        ending = next((end for end in (ERROR, COUNT) if name.lower().endswith(end)), "")
        words = [_plain(word) for word in re.split(r"[\W_]+", name[: len(name) - len(ending)])]
        parts = {
            "".join(words[first:last]) + ending
            for first in range(len(words))
            for last in range(first + 1, len(words) + 1)
        }
        within = [column for key, column in plain.items() if len(key) > 2 and key in parts]
        return max(within, key=len, default="")


def shown_list(values: Sequence[object], most: int = 12) -> str:
    """List codes in words, the first of many."""
    shown = [f"{value:g}" if isinstance(value, float) else str(value) for value in values]
    more = len(shown) - most
    return ", ".join(shown[:most]) + (f" and {more} more" if more > 0 else "")


def _plain(name: str) -> str:
    """A name without case and signs, its ending kept apart."""
    stem, mark, ending = name.partition("__")
    return re.sub(r"[^0-9a-z]", "", stem.lower()) + mark + ending.strip().lower()


def _field(info: FeatureInfo, typology: Typology, used: bool) -> Field:
    profiles = typology.profiles
    values = profiles.values[info.name].dropna()
    counted = bool(profiles.counts[info.name].notna().any())
    if info.kind == "category":
        codes = tuple(sorted(map(str, values.unique())))
        return Field(info, used, False, False, None, codes, None)
    number = values.to_numpy(dtype=float)
    # What is left of rounding, as in 1 - 0.7 - 0.3, would be shown as the smallest value.
    number = np.where(np.abs(number) < ROUNDING, 0.0, number)
    seen = (
        (float(number.min()), float(np.median(number)), float(number.max()))
        if len(number)
        else None
    )
    uncertain = bool((profiles.standard_errors[info.name] > 0).any())
    limits = KIND_LIMITS.get(info.kind, info.range)
    levels = _levels(info.name, typology)
    return Field(info, used, uncertain, counted, limits, levels, seen)


def _levels(name: str, typology: Typology) -> tuple[float, ...]:
    for block in typology.scale.blocks:
        if isinstance(block, OrdinalBlock) and block.name == name:
            return block.levels
    return ()
