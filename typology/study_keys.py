"""Where the keys of a study file belong, and what an unknown one may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from site_typology.declaration import StudyDeclaration

MOST_PLACES = 3
"""Sections that are named for a key which is known in others; more would help nobody."""
SURELY = 0.85
"""Likeness from which a key is suggested beside the sections that know the one given."""
LIKELY = 0.65
"""Likeness from which a key is suggested that no other section has, or many."""
TOP = "the top level"


@dataclass(frozen=True)
class Section:
    """A section of a study file.

    Parameters
    ----------
    header : str
        As it is written in TOML, ``[typology]``; `TOP` for the file itself.
    keys : tuple of str
    """

    header: str
    keys: tuple[str, ...]


def unknown_key(loc: Sequence[int | str]) -> str:
    """Say what to do about a key that its section does not know.

    Parameters
    ----------
    loc : sequence of int or str
        Where the key stands, as pydantic has it.

    Examples
    --------
    >>> unknown_key(["study", "min_observed"])
    'Unknown key. Belongs under [typology]. Move or remove it.'
    >>> unknown_key(["typology", "min_site"])
    "Unknown key. Did you mean 'min_sites'? Remove or rename it."
    """
    key, sections = str(loc[-1]), _sections()
    own = sections.get(_shape(loc[:-1]), Section("", ()))
    places = [each.header for each in sections.values() if key in each.keys]
    elsewhere = 0 < len(places) <= MOST_PLACES
    near = difflib.get_close_matches(key, own.keys, n=1, cutoff=SURELY if elsewhere else LIKELY)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    if not elsewhere:
        return f"Unknown key.{hint} Remove or rename it."
    under = f"at {TOP}" if places == [TOP] else f"under {' or '.join(places)}"
    if hint:
        return f"Unknown key.{hint} {key!r} belongs {under}. Rename, move or remove it."
    return f"Unknown key. Belongs {under}. Move or remove it."


def _shape(loc: Sequence[int | str]) -> tuple[str, ...]:
    """Place of a section, with * for names that the study gives: ``tables.*.columns.*``."""
    shape: list[str] = []
    for part in loc:
        if isinstance(part, int):
            continue
        named = shape and (*shape, "*") in _sections()
        shape.append("*" if named and (*shape, part) not in _sections() else part)
    return tuple(shape)


@cache
def _sections() -> dict[tuple[str, ...], Section]:
    return dict(_walk(StudyDeclaration, (), repeated=False))


def _walk(
    model: type[BaseModel], shape: tuple[str, ...], *, repeated: bool
) -> Iterator[tuple[tuple[str, ...], Section]]:
    name = ".".join("NAME" if part == "*" else part for part in shape)
    header = (f"[[{name}]]" if repeated else f"[{name}]") if shape else TOP
    yield shape, Section(header, tuple(model.model_fields))
    for key, field in model.model_fields.items():
        for inner, mapped, listed in _models(field.annotation):
            yield from _walk(inner, (*shape, key, *["*"] * mapped), repeated=listed)


def _models(annotation: Any) -> Iterator[tuple[type[BaseModel], bool, bool]]:
    """Sections that a key may hold, and whether by name or in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, False, False
        return
    for inner in get_args(annotation):
        for model, mapped, listed in _models(inner):
            origin = get_origin(annotation)
            yield model, mapped or origin is dict, listed or origin is tuple
