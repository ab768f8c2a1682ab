"""The text of a first study file: what was guessed, and comments that say what to look at."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from site_typology.features.guesses import (
    FoundTable,
    Items,
    guess_items,
    guess_marks,
    guess_role,
)
from site_typology.features.guesslinks import Layout, Way
from site_typology.features.personal import is_personal
from site_typology.features.rawtable import listed
from site_typology.features.readers import ENDINGS

_ASKED = re.compile(r"invited|eligible|asked|surveyed", re.I)
_MOST_CATEGORIES = 12
_LONGEST_TITLE = 90
_MOST_DESCRIBED = 20

HEAD = """\
# A first study file, written from the tables in this folder. Formats, keys, scales and codes are
# guesses: read every line, correct what is wrong, and take out what is not needed.
# See what is read with: site-typology check study.toml
"""
FEATURES_HEAD = """\
# Features: what a site's profile is made of. State them before looking at results, and keep
# those with use = "build" to the dimensions that matter; "evaluate" only describes types.
"""


def study_text(
    name: str, tables: Sequence[FoundTable], layout: Layout, failed: dict[str, str]
) -> str:
    """Write a study file.

    Parameters
    ----------
    name : str
        Name of the study.
    tables : sequence of FoundTable
    layout : Layout
    failed : dict of str
        Files that could not be read, and why.

    Returns
    -------
    str
        TOML that validates as a `StudyDeclaration`.
    """
    placed = [layout.sites, *(table for table in tables if table.name in layout.ways)]
    items = {table.name: _items_of(table, layout) for table in placed}
    roles = {table.name: guess_role(table, items[table.name]) for table in placed}
    roles[layout.sites.name] = "sites"
    items[layout.sites.name] = []
    rounds = _rounds(table for table in placed if table is not layout.sites)
    blocks = [HEAD, _study(name, layout, rounds)]
    blocks += [_table(table, layout, roles[table.name], items[table.name]) for table in placed]
    blocks += [_unplaced(table) for table in tables if table not in placed]
    blocks += [f"# {_comment(f'{file} could not be read: {failed[file]}')}\n" for file in failed]
    scales = {table.name: _scales(table, items[table.name]) for table in placed}
    blocks += [text for texts in scales.values() for _, text in texts]
    names = [scale for texts in scales.values() for scale, _ in texts]
    blocks += [FEATURES_HEAD, *_features(names, layout, placed, roles)]
    return "\n".join(blocks)


def _study(name: str, layout: Layout, rounds: list[str]) -> str:
    lines = ["[study]", f"name = {_text(name)}", f"sites = {_text(layout.sites.name)}"]
    lines.append(f"rounds = {_list(rounds)}  # in order of time" if rounds else "rounds = []")
    return "\n".join(lines) + "\n"


def _rounds(tables: Iterable[FoundTable]) -> list[str]:
    found: set[str] = set()
    for table in tables:
        if table.round is not None:
            found |= table.codes[table.round]
    return sorted(found, key=lambda code: (not code.isdigit(), code.zfill(9)))


def _items_of(table: FoundTable, layout: Layout) -> list[Items]:
    way = layout.ways.get(table.name)
    keys = {layout.key if way is None else way.column, *table.personal}
    keys |= {table.round} if table.round else set()
    return guess_items(table, keys)


def _table(table: FoundTable, layout: Layout, role: str, items: list[Items]) -> str:
    way = layout.ways.get(table.name, Way(layout.key))
    lines = [f"# {_comment(table.file)}: {len(table.frame)} rows, {table.frame.shape[1]} columns."]
    lines += [f"[tables.{table.name}]", f"path = {_text(table.file)}"]
    if table.format != ENDINGS.get("." + table.file.rpartition(".")[2].lower()):
        lines.append(f"format = {_text(table.format)}")
    if table.skip_rows:
        lines.append(f"skip_rows = {table.skip_rows}  # a title above the header")
    if table.sheets:
        others = _comment(listed([_text(sheet) for sheet in table.sheets]))
        lines.append(f"# More sheets, each a table of its own with sheet = ...: {others}.")
    lines.append(f"role = {_text(role)}")
    lines += _way(way)
    if table is layout.sites:
        lines.append(f"unique = [{_text(layout.key)}]")
    elif table.round is not None:
        lines.append(f"round = {_text(table.round)}")
    if table is not layout.sites and table.response_id:
        lines.append(f"unique = {_list([table.response_id])}")
    lines += _eligible(table, layout, role)
    # The column of the site or round cannot be dropped.
    needed = {table.round} if way.through else {table.round, way.column}
    if personal := [column for column in table.personal if column not in needed]:
        lines.append(f"personal = {_list(personal)}  # dropped on load")
    lines += _missing(table, items)
    return "\n".join(lines) + "\n"


def _way(way: Way) -> list[str]:
    lines = [f"site = {_text(way.column)}"]
    if way.through:
        key = f", key = {_text(way.key)}" if way.key != way.column else ""
        lines = [f"link = {{ table = {_text(way.through)}, on = {_text(way.column)}{key} }}"]
    elif way.strangers:
        lines.append(f'unknown_sites = "drop"  # sites not in the sites table: {way.strangers}')
    if way.through and way.strangers:
        lines.append(f"# Keys linked to nothing, see ledger.csv of check --out: {way.strangers}.")
    return lines


def _eligible(table: FoundTable, layout: Layout, role: str) -> list[str]:
    """The column of the sites table that seems to count those asked to take part."""
    if role != "survey":
        return []
    stem = table.name.removesuffix("_survey")
    for column in layout.sites.frame:
        if _ASKED.search(column) and stem in column.lower():
            where = f"table = {_text(layout.sites.name)}, column = {_text(column)}"
            return [f"eligible = {{ {where} }}"]
    return ['# eligible = { table = "...", column = "..." }  # how many were asked at each site']


def _missing(table: FoundTable, items: list[Items]) -> list[str]:
    lines = []
    if marks := guess_marks(table):
        lines.append(f"missing = {_map(marks)}  # marks of suppression, guessed")
    for column, codes in table.raw.missing.items():
        if codes and any(column in each.columns for each in items):
            lines.append(
                f"# {column}: the file declares missing {_map(dict(sorted(codes.items())))}"
            )
    coded = [each for each in items if each.missing]
    if coded:
        lines.append("# Codes outside the answer scale, taken as missing. Say what they mean.")
    for each in coded:
        rule = _map(dict.fromkeys(each.missing, "not answered"))
        lines += [f"columns.{_key(column)} = {{ missing = {rule} }}" for column in each.columns]
    return lines


def _unplaced(table: FoundTable) -> str:
    columns = _comment(listed([str(column) for column in table.frame], 8))
    return (
        f"# {_comment(table.file)} has no column that matches the sites. Columns: {columns}.\n"
        "# If it belongs to the study, say how its rows find their site: by a column or pattern\n"
        "# (site) or through another table (link).\n"
        f"# [tables.{table.name}]\n# path = {_text(table.file)}\n"
        "# site = \"...\"  # such as '{AREA:0>2}{CODE}'\n"
    )


def _scales(table: FoundTable, items: list[Items]) -> list[tuple[str, str]]:
    """Name and text of each scale."""
    scales = []
    for each in items:
        name = _name(f"{table.name}_{each.stem}")
        lines = ["[[scales]]", f"name = {_text(name)}", f"table = {_text(table.name)}", "items = ["]
        for column in each.columns:
            title = " ".join(table.raw.titles.get(column, "").split())[:_LONGEST_TITLE]
            lines.append(f"  {_text(column)}," + (f"  # {_comment(title)}" if title else ""))
        lines.append("]")
        if each.reverse:
            lines.append(f"reverse = {_list(each.reverse)}  # by their correlations: check")
        lines.append(f"range = [{each.range[0]}, {each.range[1]}]  # check")
        scales.append((name, "\n".join(lines) + "\n"))
    return scales


def _features(
    scales: Sequence[str], layout: Layout, placed: Sequence[FoundTable], roles: dict[str, str]
) -> list[str]:
    blocks = [_feature(name, "scale", {"scale": name}) for name in scales]
    settings = [t for t in placed if roles[t.name] == "settings" and t.format == "gias"]
    blocks += [
        _feature(f"{_name(table.name)}_mix", "setting_mix", {"table": table.name})
        for table in settings
    ]
    blocks += _described(layout, set(scales), "evaluate" if blocks else "build")
    if not any('use = "build"' in block for block in blocks):
        blocks.append(_rows_per_site(layout, placed))
    return blocks


def _described(layout: Layout, taken: set[str], use: str) -> list[str]:
    """Columns of the sites table as features; the first ones of a wide table."""
    blocks: list[str] = []
    more: list[str] = []
    for column in layout.sites.frame:
        if column == layout.key or column in layout.sites.personal or is_personal(column):
            continue
        numeric = pd.api.types.is_numeric_dtype(layout.sites.frame[column])
        different = len(layout.sites.codes[column])
        if different < 2 or not (numeric or different <= _MOST_CATEGORIES):
            continue
        if len(blocks) >= _MOST_DESCRIBED:
            more.append(str(column))
            continue
        name = _name(str(column))
        while name in taken:
            name += "_2"
        taken.add(name)
        args = {"table": layout.sites.name, "column": str(column)}
        kind = ("column", use) if numeric else ("category", "evaluate")
        blocks.append(_feature(name, kind[0], args, kind[1]))
    if more:
        names = _comment(listed(more, 8))
        blocks.append(f"# More columns of {layout.sites.file} that could be features: {names}.\n")
    return blocks


def _rows_per_site(layout: Layout, placed: Sequence[FoundTable]) -> str:
    """A feature that always exists, so that the file is valid where nothing else was found."""
    table = placed[-1].name
    args = {"numerator": {"table": table}, "denominator": {"table": layout.sites.name}}
    note = "# Nothing to build from was found. This one only shows how a feature is written.\n"
    return note + _feature("rows_per_site", "rate", args)


def _feature(name: str, builder: str, args: dict[str, Any], use: str = "build") -> str:
    lines = ["[[features]]", f"name = {_text(name)}", f"builder = {_text(builder)}"]
    lines += [f"use = {_text(use)}", f"args = {_map(args)}"]
    return "\n".join(lines) + "\n"


def _name(words: str) -> str:
    name = re.sub(r"\W+", "_", words, flags=re.ASCII).strip("_").lower()
    return name if name[:1].isalpha() else f"f_{name}"


def _text(text: str) -> str:
    # A JSON string is a TOML basic string; 0x7f is the one control code that JSON lets through.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _list(texts: Iterable[str]) -> str:
    return f"[{', '.join(_text(text) for text in texts)}]"


def _map(given: dict[str, Any]) -> str:
    parts = [
        f"{_key(key)} = {_map(value) if isinstance(value, dict) else _text(str(value))}"
        for key, value in given.items()
    ]
    return f"{{ {', '.join(parts)} }}"


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _text(key)


def _comment(text: str) -> str:
    """Write text so that it stays within one comment."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f\u2028\u2029\x85]", " ", text).split())
