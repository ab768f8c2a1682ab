"""Guesses about how the tables in a folder belong together: the sites table, keys and links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from site_typology.features.guesses import FoundTable, plain_name
from site_typology.features.tables import as_text

_KEY_WORDS = ("site", "id", "code", "key", "urn", "number")
_MOSTLY = 0.8
_OFTEN = 0.5
_SOME = 0.3
_LETTERS_OR_MANY = 10


@dataclass(frozen=True)
class Way:
    """How the rows of a table find their site.

    Parameters
    ----------
    column : str
        Column with the site, or with the key of the link.
    through, key : str
        Table and column of a link; ``""`` where the column holds the site.
    strangers : int
        Different codes of the column that lead to no site.
    """

    column: str
    through: str = ""
    key: str = ""
    strangers: int = 0


@dataclass(frozen=True)
class Layout:
    """The sites table and the way of each other table to a site; tables without one left out."""

    sites: FoundTable
    key: str
    ways: dict[str, Way] = field(default_factory=dict)


def guess_layout(tables: Sequence[FoundTable]) -> Layout | None:
    """Guess the sites table as the one through which most tables find their sites.

    Returns
    -------
    Layout or None
        None where no table names its rows once.
    """
    layouts = [_layout(table, key, tables) for table in tables for key in table.unique]
    return max(layouts, key=_plausible, default=None)


def _plausible(layout: Layout) -> tuple[int, bool, bool, bool, int]:
    names = plain_name(layout.key), layout.sites.name
    named = any("site" in name for name in names)
    keyed = any(word in names[0] for word in _KEY_WORDS)
    code = "name" not in names[0]
    return len(layout.ways), named, code, keyed, -list(layout.sites.frame).index(layout.key)


def _layout(sites: FoundTable, key: str, tables: Sequence[FoundTable]) -> Layout:
    ways: dict[str, Way] = {}
    known = sites.codes[key]
    others = [table for table in tables if table is not sites]
    for table in others:
        way = _own_way(table, key, known)
        if way is not None:
            ways[table.name] = way
    linked = {table.name: table for table in others if table.name in ways}
    for table in others:
        if table.name not in ways:
            way = _way_through(table, linked, ways)
            if way is not None:
                ways[table.name] = way
    return Layout(sites, key, ways)


def _own_way(table: FoundTable, key: str, known: frozenset[str]) -> Way | None:
    """The column of a table that best matches the sites, if any does."""
    best: tuple[tuple[bool, float], Way] | None = None
    for column in table.frame:
        codes = table.codes[column]
        shared = len(codes & known)
        if shared < 2:
            continue
        alike = _alike(str(column), key)
        inside, covered = shared / len(codes), shared / len(known)
        telling = len(known) >= _LETTERS_OR_MANY or any(not code.isdigit() for code in known)
        if (alike and (inside >= _SOME or covered >= _MOSTLY)) or (
            telling and inside >= _MOSTLY and covered >= _OFTEN
        ):
            rank = (alike, covered)
            if best is None or rank > best[0]:
                best = rank, Way(str(column), strangers=len(codes) - shared)
    return best[1] if best is not None else None


def _way_through(
    table: FoundTable, linked: dict[str, FoundTable], ways: dict[str, Way]
) -> Way | None:
    """A key that this table shares with one whose rows name sites, such as setting to site."""
    best: tuple[float, Way] | None = None
    for other in linked.values():
        site = ways[other.name].column
        for key in other.frame:
            codes = other.codes[key]
            if (
                key == site
                or len(codes) <= len(other.codes[site])
                or not _settles(other, str(key), site)
            ):
                continue
            for column in table.frame:
                own = table.codes[column]
                shared = len(own & codes)
                if shared < 2 or not _alike(str(column), str(key)):
                    continue
                inside = shared / len(own)
                if inside >= _OFTEN and (best is None or inside > best[0]):
                    best = inside, Way(str(column), other.name, str(key), len(own) - shared)
    return best[1] if best is not None else None


def _settles(table: FoundTable, key: str, site: str) -> bool:
    """Whether every code of a column stands for one site."""
    pairs = table.frame[[key, site]].apply(as_text).dropna().drop_duplicates()
    return not pairs[key].duplicated().any()


def _alike(first: str, second: str) -> bool:
    short, long = sorted((plain_name(first), plain_name(second)), key=len)
    return short == long or (len(short) >= 4 and (long.startswith(short) or long.endswith(short)))
