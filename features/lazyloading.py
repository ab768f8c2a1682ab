"""One table whose rows stay in an engine: its different keys are read, and its rules wait.

Which rows are used and where they belong follows from a few columns: site, round, links and those
that `where` asks. Their different combinations are read with their numbers of rows, and go the same
way as rows in memory do; the other columns become expressions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import narwhals as nw
import pandas as pd

from site_typology.declaration import StudyDeclaration, TableDeclaration
from site_typology.errors import Problems
from site_typology.features.columns import explain_missing
from site_typology.features.database import scan_query
from site_typology.features.engines import Engine, collected
from site_typology.features.largetext import scan_text
from site_typology.features.lazyrules import LazyColumn
from site_typology.features.loading import (
    NO_RULES,
    LoadedTable,
    check_columns,
    check_personal,
    filtered,
    key_columns,
    new_names,
    site_columns,
)
from site_typology.features.personal import personal_columns
from site_typology.features.rawtable import UnreadableTableError, listed
from site_typology.features.readers import ENDINGS, is_pattern, located
from site_typology.features.scanning import ASIDE, Scan, scan_parquet
from site_typology.features.tables import ROW, code_text
from site_typology.study_file import resolve_path

LARGE_FILE = 256 * 2**20
"""Bytes from which a Parquet or text file stays in DuckDB unless the study names an engine."""

LAZY_FORMATS = ("parquet", "csv", "tsv", "sql")
"""Formats whose rows can stay in an engine; the others are read into memory first."""

_FIRST, _COUNT = "__first__", "__count__"
_MARKS = (".", '"', "`")


@dataclass(frozen=True)
class Waiting:
    """The rows of a table that stay in an engine.

    Parameters
    ----------
    scan : Scan
    engine : {"pandas", "polars", "duckdb", "spark"}
    rules : tuple of LazyColumn
        One for each column of the scan.
    keys : DataFrame
        Different combinations of the columns of the scan that decide where a row belongs; indexed
        as the table's `aside`.
    chosen : Series of bool
        Combinations that the reader and `where` keep.
    """

    scan: Scan
    engine: Engine
    rules: tuple[LazyColumn, ...]
    keys: pd.DataFrame
    chosen: pd.Series

    def rule(self, name: str) -> LazyColumn:
        """The rules of a column by its new name."""
        return next(rule for rule in self.rules if rule.name == name)


def engine_of(
    declaration: TableDeclaration, folder: Path, engine: Engine | None = None
) -> Engine | None:
    """Engine in which the rows of a table stay; None where they are read into memory.

    Parameters
    ----------
    declaration : TableDeclaration
    folder : Path
        Folder of the study file.
    engine : {"pandas", "polars", "duckdb", "spark"}, optional
        For tables that name none themselves.
    """
    path = resolve_path(declaration.path, folder)
    format_ = declaration.format or ENDINGS.get(path.suffix.lower())
    if format_ not in LAZY_FORMATS or (format_ != "sql" and is_pattern(path)):
        return None
    chosen = declaration.engine or engine
    if chosen is None and (format_ == "sql" or (path.is_file() and _is_large(path))):
        return "duckdb"
    return chosen


def _is_large(path: Path) -> bool:
    return path.stat().st_size >= LARGE_FILE


def load_waiting(
    name: str, study: StudyDeclaration, folder: Path, engine: Engine, found: Problems
) -> LoadedTable | None:
    """Open one table of a study in an engine and read its different keys.

    Parameters
    ----------
    name : str
        Name of the table in the study file.
    study : StudyDeclaration
    folder : Path
        Folder of the study file.
    engine : {"pandas", "polars", "duckdb", "spark"}
    found : Problems
        Takes every problem of the table.

    Returns
    -------
    LoadedTable or None
        None where the table cannot be used.
    """
    declaration = study.tables[name]
    place = f"tables.{name}"
    try:
        scan = _scan(declaration, folder, engine)
    except UnreadableTableError as error:
        for message in error.messages:
            found.add(place, message)
        return None
    if collected(scan.rows.select(ROW).head(1)).empty:
        found.add(place, f"{declaration.origin} has no rows. Give a file with rows, or remove it.")
        return None
    before = len(found)
    renamed = new_names(list(scan.columns), declaration, place, found)
    check_columns(name, [renamed.get(c, c) for c in scan.columns], study, found)
    if len(found) > before:
        return None
    rules = _rules(name, scan, renamed, study)
    _check_names(declaration, engine, rules, scan, found, place)
    if len(found) > before:
        return None
    table = _with_keys(name, scan, engine, rules, study)
    check_personal(table, found)
    if len(found) > before:
        return None
    table = filtered(table, found)
    if len(found) > before or table.waiting is None:
        return None
    return replace(table, waiting=replace(table.waiting, chosen=table.kept))


def _scan(declaration: TableDeclaration, folder: Path, engine: Engine) -> Scan:
    if declaration.format == "sql":
        return scan_query(declaration, folder, engine)
    path, format_ = located(declaration, folder)
    if format_ == "parquet":
        return scan_parquet(path, engine, declaration.personal)
    return scan_text(path, declaration, engine, "\t" if format_ == "tsv" else ",")


def _rules(
    name: str, scan: Scan, renamed: dict[str, str], study: StudyDeclaration
) -> tuple[LazyColumn, ...]:
    declaration = study.tables[name]
    keys = key_columns(name, study)
    rules = []
    for old in scan.columns:
        new = renamed.get(old, old)
        own = declaration.columns.get(new, NO_RULES)
        everywhere = {} if new in keys else declaration.missing
        missing = {code_text(c): why for c, why in {**everywhere, **own.missing}.items()}
        rules.append(
            LazyColumn(
                new,
                scan.raw[old],
                scan.raw[old] in scan.texts,
                scan.raw[old] in scan.floats,
                missing,
                {code_text(code): value for code, value in own.values.items()},
                scan.decimal_comma,
            )
        )
    return tuple(rules)


def _check_names(
    declaration: TableDeclaration,
    engine: Engine,
    rules: Sequence[LazyColumn],
    scan: Scan,
    found: Problems,
    place: str,
) -> None:
    """Refuse names that SQL engines, asked through narwhals, take for something else."""
    if engine in ("pandas", "polars"):
        return
    names = dict(zip((rule.name for rule in rules), scan.columns, strict=True))
    there = [name for name in names if name not in declaration.personal]
    folded = [name.casefold() for name in there]
    bad = [
        name
        for name in there
        if any(mark in name for mark in _MARKS) or folded.count(name.casefold()) > 1
    ]
    if bad:
        shown = listed([repr(name) for name in bad])
        found.add(
            place,
            f"The rows stay in {engine}, which does not take names with a dot or a quotation "
            f"mark, nor names that differ in capitals alone: {shown}. Rename the columns (rename."
            f'NEW = "{names[bad[0]]}"), leave them out with personal, or set engine = "polars".',
        )


def _with_keys(
    name: str,
    scan: Scan,
    engine: Engine,
    rules: tuple[LazyColumn, ...],
    study: StudyDeclaration,
) -> LoadedTable:
    declaration = study.tables[name]
    by_name = {rule.name: rule for rule in rules}
    renamed = dict(zip(scan.columns, by_name, strict=True))
    asked = _deciding(name, study)
    raw = list(dict.fromkeys(by_name[column].raw for column in asked))
    by = [*raw, ASIDE] if scan.has_aside else raw
    if name == study.study.sites:
        # One row a site, so that problems can name the rows.
        keys = collected(scan.rows.select(*by, ROW)).assign(**{_COUNT: 1})
        keys = keys.rename(columns={ROW: _FIRST}).sort_values(_FIRST).set_index(_FIRST)
        keys.index.name = None
    else:
        counted = scan.rows.select(*by, ROW).group_by(*by)
        keys = collected(counted.agg(nw.len().alias(_COUNT), nw.col(ROW).min().alias(_FIRST)))
        keys = keys.sort_values(_FIRST, ignore_index=True)
        keys.index = pd.RangeIndex(1, len(keys) + 1)
    blank = pd.Series("", index=keys.index, dtype="str")
    return LoadedTable(
        name,
        declaration,
        {
            column: explain_missing(
                keys[by_name[column].raw], by_name[column].missing, by_name[column].recode
            )
            for column in asked
        },
        keys[ASIDE].astype("str") if scan.has_aside else blank,
        {},
        {renamed[old]: title for old, title in scan.titles.items() if old in renamed},
        personal_columns(scan.columns, scan.titles, renamed, declaration),
        scan.decimal_comma,
        scan.notes,
        keys[_COUNT].astype(int),
        Waiting(scan, engine, rules, keys[raw], blank == ""),
    )


def _deciding(name: str, study: StudyDeclaration) -> list[str]:
    """Columns that decide whether a row is used and where it belongs."""
    table = study.tables[name]
    asked = linking_columns(table) + [condition.column for condition in table.where]
    for other in study.tables.values():
        if other.link is not None and other.link.table == name:
            asked.append(other.link.key or other.link.on)
    return list(dict.fromkeys(asked))


def linking_columns(table: TableDeclaration) -> list[str]:
    """Columns from which the site and the round of a row follow."""
    asked = site_columns(table.site or "")
    asked += [table.link.on] if table.link is not None else []
    return asked + ([table.round] if table.round is not None else [])
