"""One table from its file to renamed columns with missing codes explained."""

from __future__ import annotations

import dataclasses
import difflib
import re
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import narwhals as nw
import pandas as pd

from site_typology.declaration import ColumnRules, StudyDeclaration, TableDeclaration
from site_typology.errors import Problems
from site_typology.features.columns import Column, cells, explain_missing, settle
from site_typology.features.conditions import fault_of, holds
from site_typology.features.ledger import LEFT_OUT
from site_typology.features.personal import personal_columns
from site_typology.features.rawfiles import RawFiles
from site_typology.features.rawtable import RawTable, UnreadableTableError, listed

if TYPE_CHECKING:
    from site_typology.features.lazyloading import Waiting

NO_RULES = ColumnRules()


@dataclass(frozen=True)
class LoadedTable:
    """A table with all the rows of its file, before they are linked to sites.

    Parameters
    ----------
    name : str
    declaration : TableDeclaration
    columns : mapping of str to Column
        By new name, personal columns included, because a link may need them.
    aside : Series of str
        Why a row is set aside; ``""`` for rows to use. The index counts data rows from 1.
    labels, titles : mapping
        See `site_typology.features.tables.Table`.
    personal : tuple of str
        Columns to drop once the rows are linked.
    decimal_comma : bool
    notes : tuple of str
        What was mended while reading.
    counts : Series of int
        How many rows of the file each of `aside` stands for: 1, or more where the rows stay in an
        engine and only their different keys were read.
    waiting : Waiting, optional
        The rows that stay in an engine.
    software : mapping of str to str
        See `site_typology.features.rawtable.RawTable`; by new name.
    successors : mapping of str to tuple of str, optional
        Numbers that came after each number of a setting, where the link names a file of them.
    """

    name: str
    declaration: TableDeclaration
    columns: Mapping[str, Column]
    aside: pd.Series
    labels: Mapping[str, Mapping[str, str]]
    titles: Mapping[str, str]
    personal: tuple[str, ...]
    decimal_comma: bool
    notes: tuple[str, ...]
    counts: pd.Series
    waiting: Waiting | None = None
    software: Mapping[str, str] = field(default_factory=dict)
    successors: Mapping[str, tuple[str, ...]] | None = None

    @property
    def place(self) -> str:
        """Where problems of this table belong."""
        return f"tables.{self.name}"

    @property
    def kept(self) -> pd.Series:
        """Whether a row is used."""
        return self.aside == ""

    def count(self, rows: pd.Series | pd.Index) -> int:
        """How many rows of the file some stand for: those true in `rows`, or named by it."""
        return int(self.counts[rows].sum())

    def counted(self, values: pd.Series) -> pd.Series:
        """How many rows of the file have each value, the most frequent first."""
        counts = self.counts[values.index].groupby(values, sort=False).sum()
        return counts.sort_values(ascending=False, kind="stable")

    def text(self, column: str) -> pd.Series:
        """Write the codes of a column as text, one for each row of the file."""
        return self.columns[column].text(self.aside.index).rename(column)

    def settled(self, column: str, rows: pd.Series) -> pd.Series:
        """Numbers or text of `column` on those of `rows` that are true, as features see them."""
        keep = rows.to_numpy()
        values = settle(self.columns[column].rows(keep), decimal_comma=self.decimal_comma)
        return pd.Series(cells(*values), index=self.aside.index[keep], name=column)

    def set_aside(self, rows: pd.Series, reason: str) -> LoadedTable:
        """Set aside those of `rows` that still are used."""
        return dataclasses.replace(self, aside=self.aside.mask(rows & self.kept, reason))


def load_table(
    name: str, study: StudyDeclaration, files: RawFiles, found: Problems
) -> LoadedTable | None:
    """Read one table of a study and apply its renames, missing codes, recodings and `where`.

    Parameters
    ----------
    name : str
        Name of the table in the study file.
    study : StudyDeclaration
    files : RawFiles
        Reads the files of the study.
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
        raw = files.read(declaration)
    except UnreadableTableError as error:
        for message in error.messages:
            found.add(place, message)
        return None
    if raw.frame.empty:
        found.add(place, f"{declaration.origin} has no rows. Give a file with rows, or remove it.")
        return None
    before = len(found)
    renamed = new_names(list(raw.frame), declaration, place, found)
    check_columns(name, [renamed.get(c, c) for c in raw.frame], study, found)
    if len(found) > before:
        return None
    table = _explained(name, raw, renamed, study)
    check_personal(table, found)
    if len(found) > before:
        return None
    table = filtered(table, found)
    return None if len(found) > before else table


def key_columns(name: str, study: StudyDeclaration) -> set[str]:
    """Columns that name a row, a site or a round, so that codes for every column do not apply."""
    table = study.tables[name]
    keys = {*table.unique, *site_columns(table.site or "")}
    keys |= {table.round} if table.round else set()
    for other in study.tables.values():
        if other.link is not None and other.link.table == name:
            keys.add(other.link.key or other.link.on)
    if table.link is not None:
        keys.add(table.link.on)
    return keys


def site_columns(site: str) -> list[str]:
    """Columns behind the site of a row.

    Examples
    --------
    >>> site_columns("{CSD:0>2}{SCHOOL CODE}"), site_columns("dbn"), site_columns("")
    (['CSD', 'SCHOOL CODE'], ['dbn'], [])
    """
    if "{" not in site:
        return [site] if site else []
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(site)]
    except ValueError:
        return []
    return list(dict.fromkeys(field for field in fields if field))


def missing_column(column: str, there: Iterable[str], path: str, fix: str) -> str:
    """Say that a column is not in a file, what is, and what to do.

    Parameters
    ----------
    fix : str
        What to set, with ``{}`` for the column found in its place.
    """
    there = list(there)
    near = difflib.get_close_matches(column, there, n=1, cutoff=0.6)
    near = near or [name for name in there if name.casefold() == column.casefold()]
    if near:
        fix = fix.replace("{}", f'"{near[0]}"')
        return f"column {column!r} is not in {path}; found {near[0]!r}. {fix}"
    title = (
        " Its first row seems to be a title: set skip_rows to the rows above the header."
        if len(there) > 1 and all(re.fullmatch(r"column \d+", name) for name in there[1:])
        else ""
    )
    found = listed([repr(name) for name in there], 12)
    return f"column {column!r} is not in {path}; found {found}.{title}"


def new_names(
    there: list[str], declaration: TableDeclaration, place: str, found: Problems
) -> dict[str, str]:
    """Map names in the file to new names."""
    renamed = {}
    for new, old in declaration.rename.items():
        if old.strip() not in there:
            found.add(
                place, missing_column(old, there, declaration.origin, f"Set rename.{new} = {{}}.")
            )
        elif (
            new in there
            and new != old.strip()
            and new not in map(str.strip, declaration.rename.values())
        ):
            found.add(
                f"{place}.rename",
                f"{new!r} already is a column of {declaration.origin}. Choose another name.",
            )
        else:
            renamed[old.strip()] = new
    return renamed


def check_columns(name: str, there: list[str], study: StudyDeclaration, found: Problems) -> None:
    """Check that every column that the study names for this table is in its file."""
    table = study.tables[name]
    place = f"tables.{name}"
    wanted: list[tuple[str, str]] = []
    wanted += [(column, "site") for column in site_columns(table.site or "")]
    wanted += [(table.link.on, "link.on")] if table.link else []
    wanted += [
        (column, key)
        for column, key in ((table.round, "round"), (table.weight, "weight"))
        if column
    ]
    wanted += [(column, "unique") for column in table.unique]
    wanted += [(column, "columns") for column in table.columns]
    wanted += [(column, "personal") for column in table.personal]
    wanted += [(condition.column, "where") for condition in table.where]
    for other_name, other in study.tables.items():
        if other.link is not None and other.link.table == name:
            wanted.append((other.link.key or other.link.on, f"tables.{other_name}.link.key"))
        if other.eligible is not None and other.eligible.table == name:
            wanted.append((other.eligible.column, f"tables.{other_name}.eligible.column"))
            if other.eligible.answered is not None:
                wanted.append((other.eligible.answered, f"tables.{other_name}.eligible.answered"))
    for column, key in wanted:
        if column not in there:
            fix = f"Rename it, correct {key}, or set rename.{_toml_key(column)} = {{}}."
            message = missing_column(column, there, table.origin, fix)
            found.add(key if key.startswith("tables.") else place, message)


def _toml_key(name: str) -> str:
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else f'"{name}"'


def _explained(
    name: str, raw: RawTable, renamed: Mapping[str, str], study: StudyDeclaration
) -> LoadedTable:
    declaration = study.tables[name]
    keys = key_columns(name, study)
    rows = pd.RangeIndex(1, len(raw.frame) + 1)
    columns = {}
    for old in raw.frame.columns:
        new = renamed.get(old, old)
        rules = declaration.columns.get(new, NO_RULES)
        everywhere = {} if new in keys else declaration.missing
        missing = {**raw.missing.get(old, {}), **everywhere, **rules.missing}
        columns[new] = explain_missing(raw.frame[old], missing, rules.values)
    return LoadedTable(
        name,
        declaration,
        columns,
        raw.aside.set_axis(rows),
        {renamed.get(old, old): labels for old, labels in raw.labels.items()},
        {renamed.get(old, old): title for old, title in raw.titles.items()},
        personal_columns(raw.frame, raw.titles, renamed, declaration),
        raw.decimal_comma,
        raw.notes,
        pd.Series(1, index=rows),
        software={renamed.get(old, old): own for old, own in raw.software.items()},
    )


def check_personal(table: LoadedTable, found: Problems) -> None:
    """Refuse personal columns in places from which their values would reach the results."""
    declared = table.declaration
    places = [("site", name) for name in site_columns(declared.site or "")]
    places += [("round", declared.round)] if declared.round is not None else []
    places += [("weight", declared.weight)] if declared.weight is not None else []
    for key, name in places:
        if name in table.personal:
            found.add(
                f"{table.place}.{key}",
                f"{name!r} is a personal column and dropped on load. Name another, or link the "
                "rows through a table.",
            )


def filtered(table: LoadedTable, found: Problems) -> LoadedTable:
    """Set aside the rows that `where` leaves out, the first condition missed as the reason."""
    there = table.kept
    for condition in table.declaration.where:
        name, labels = condition.column, table.labels.get(condition.column, {})
        column = table.settled(name, there)
        named = f"{name!r} in {table.declaration.origin}"
        message = fault_of(column, labels, condition, named, personal=name in table.personal)
        if isinstance(condition.window, dict):
            message = "A table takes one window. Give those of the rounds in its features."
        if message:
            found.add(f"{table.place}.where", message)
        rows = nw.from_native(column.to_frame(), eager_only=True)
        kept = rows.filter(holds(column, labels, condition)).to_native().index
        left_out = there & ~there.index.isin(kept)
        table = table.set_aside(left_out, f"{LEFT_OUT}: {name}")
    return table
