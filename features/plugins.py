"""Builders that other installed packages add.

A package names its builders under the entry point group `GROUP`; a study then uses them by name,
like those that are shipped. Only packages that somebody installed are asked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from site_typology.features.contract import Builder

GROUP = "site_typology.builders"


@dataclass(frozen=True)
class PlugIns:
    """What installed packages add.

    Parameters
    ----------
    builders : mapping of str to Builder
        By the name that a study uses.
    faults : mapping of str to str
        Why the plug-in of a name cannot be used.
    """

    builders: Mapping[str, Builder[Any]]
    faults: Mapping[str, str]


@cache
def plug_ins(taken: frozenset[str]) -> PlugIns:
    """Load the builders that installed packages offer; one that fails is kept with the reason.

    Parameters
    ----------
    taken : frozenset of str
        Names that plug-ins cannot have.
    """
    builders: dict[str, Builder[Any]] = {}
    faults: dict[str, str] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda each: (each.name, each.value)):
        fault, builder = _loaded(entry, {*taken, *builders})
        if builder is not None:
            builders[entry.name] = builder
        else:
            faults[entry.name] = fault
    return PlugIns(builders, faults)


def _loaded(entry: EntryPoint, taken: Collection[str]) -> tuple[str, Builder[Any] | None]:
    """The builder of one entry point, or what is wrong with it."""
    origin = f"{entry.value} of {entry.dist.name if entry.dist else 'an unknown package'}"
    if entry.name in taken:
        return f"{origin}: the name '{entry.name}' is taken.", None
    try:
        made = entry.load()()
    except Exception as error:  # noqa: BLE001 - the code of others may fail in any way
        return f"{origin} cannot be loaded: {type(error).__name__}: {error}.", None
    if not isinstance(made, Builder):
        return f"{origin} is no site_typology.features.contract.Builder.", None
    missing = [name for name in ("name", "kind", "Args") if not hasattr(made, name)]
    if missing:
        return f"{origin} lacks {', '.join(missing)}.", None
    if made.name != entry.name:
        return f"{origin} calls itself '{made.name}'; the entry point must have that name.", None
    return "", made
