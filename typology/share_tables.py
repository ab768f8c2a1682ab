"""Tables of counts in a shared report, protected together: types, categories, gaps, response."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from site_typology.declaration import ONE_ROUND, Disclosure
from site_typology.describe import is_claimed, site_groups, type_sizes
from site_typology.disclosure_audit import Key, Sum
from site_typology.disclosure_counts import SafeCounts, safe_counts
from site_typology.document import Row, Table
from site_typology.feature_info import FeatureInfo

if TYPE_CHECKING:
    from site_typology.typology import Typology

ALL_SITES, NO_TYPE, NOT_KNOWN, OTHER = "All sites", "No type", "Not known", "Other"
ALL: Key = ("sites",)
_MISSING = "\0"
"""Stands for a category that is not known; no value read from a file is this."""


@dataclass(frozen=True)
class Grid:
    """A table of counts before it is protected.

    Parameters
    ----------
    caption, corner : str
        What the table is of, and what its rows are.
    columns, rows : list of (str, Key)
        Headings, each with the part of a cell's key that it stands for.
    cells : list of list of Key
        The count of each cell, row by row.
    shares : bool
        Whether the share of the last row follows, in a column of its own.
    """

    caption: str
    corner: str
    columns: list[str]
    rows: list[str]
    cells: list[list[Key]]
    shares: str = ""


@dataclass
class CountTables:
    """Every count of a shared report, its relations, and the tables that show it."""

    counts: dict[Key, int] = field(default_factory=dict)
    sums: list[Sum] = field(default_factory=list)
    order: list[Key] = field(default_factory=list)
    grids: dict[str, list[Grid]] = field(default_factory=dict)
    safe: SafeCounts = field(default_factory=lambda: SafeCounts({}, {}))

    def protect(self, rules: Disclosure, secret: bytes) -> None:
        """Hide and round; everybody is taken to know how many sites a programme has."""
        known = {ALL: self.counts[ALL]}
        self.safe = safe_counts(self.counts, self.sums, rules, secret, known, self.order)

    def tables(self, section: str) -> list[Table]:
        """Tables of one section as they may be shown."""
        return [self._table(grid) for grid in self.grids.get(section, ())]

    def hidden(self) -> list[tuple[str, str, str]]:
        """Every hidden cell: its table, its place, and why."""
        return [
            (grid.caption, f"{row}, {column}", self.safe.why[key])
            for grids in self.grids.values()
            for grid in grids
            for row, keys in zip(grid.rows, grid.cells, strict=True)
            for column, key in zip(grid.columns, keys, strict=True)
            if key in self.safe.why
        ]

    def _table(self, grid: Grid) -> Table:
        rows = []
        for name, keys in zip(grid.rows, grid.cells, strict=True):
            cells = [name, *map(self.safe.text, keys)]
            if grid.shares:
                whole = grid.cells[-1][0] if len(keys) == 1 else keys[-1]
                cells.append(self.safe.share(keys[0], whole))
            rows.append(Row(tuple(cells)))
        columns = (grid.corner, *grid.columns, *((grid.shares,) if grid.shares else ()))
        return Table(grid.caption, columns, tuple(rows))


def count_tables(typology: Typology, rules: Disclosure, secret: bytes) -> CountTables:
    """Count everything that a shared report shows, and protect it as one system.

    Parameters
    ----------
    typology : Typology
    rules : Disclosure
    secret : bytes
        Of this share, see `safe_counts`.

    Returns
    -------
    CountTables
        Sections ``types`` and ``data``. A category that fewer than ``min_sites`` sites have is
        not named: such categories are counted together as "Other".
    """
    made = CountTables()
    groups = pd.Series(site_groups(typology), index=typology.profiles.sites)
    made.counts[ALL] = len(groups)
    labels = _type_counts(made, typology, groups)
    for info in typology.profiles.features:
        if info.kind == "category":
            _category_counts(made, typology, info, groups, labels, rules)
    _gap_counts(made, typology)
    _response_counts(made, typology)
    made.protect(rules, secret)
    return made


def _type_counts(made: CountTables, typology: Typology, groups: pd.Series) -> dict[str, int]:
    """Count sites by type; returns the group of each row that other tables divide sites by."""
    if not is_claimed(typology):
        return {}
    labels = {f"Type {label}": int(label) for label in type_sizes(typology)} | {NO_TYPE: 0}
    for name, group in labels.items():
        made.counts["type", name] = int((groups == group).sum())
    keys: list[Key] = [("type", name) for name in labels]
    made.sums.append((ALL, tuple(keys)))
    sizes = [made.counts[key] for key in keys[:-1]]
    made.order = keys[:-1] if sizes == sorted(sizes, reverse=True) else []
    made.grids["types"] = [
        Grid(
            "Sites in each type",
            "Type",
            ["Sites"],
            [*labels, ALL_SITES],
            [*([key] for key in keys), [ALL]],
            "Share of sites",
        )
    ]
    return labels


def _category_counts(
    made: CountTables,
    typology: Typology,
    info: FeatureInfo,
    groups: pd.Series,
    labels: dict[str, int],
    rules: Disclosure,
) -> None:
    named = _named(typology.profiles.values[info.name].droplevel("round"), rules.min_sites)
    columns = [*sorted(set(named) - {OTHER, _MISSING}), OTHER, _MISSING]
    columns = [column for column in columns if (named == column).any()]
    headings = [_heading(column) for column in columns]
    # Sites without the category stand among the gaps too: one count, so one key.
    margins: list[Key] = [
        ("not known", info.name) if column == _MISSING else ("category", info.name, column)
        for column in columns
    ]
    for column, key in zip(columns, margins, strict=True):
        made.counts[key] = int((named == column).sum())
    made.sums.append((ALL, tuple(margins)))
    grid: list[list[Key]] = []
    for name, group in labels.items():
        cells: list[Key] = [("category", info.name, column, name) for column in columns]
        for column, key in zip(columns, cells, strict=True):
            made.counts[key] = int(((named == column) & (groups == group)).sum())
        made.sums.append((("type", name), tuple(cells)))
        grid.append([*cells, ("type", name)])
    for at, key in enumerate(margins if labels else ()):
        made.sums.append((key, tuple(cells[at] for cells in grid)))
    made.grids.setdefault("types", []).append(
        Grid(
            f"Sites by type and {info.title}" if labels else f"Sites by {info.title}",
            "Type" if labels else "Sites",
            [*headings, ALL_SITES],
            [*labels, ALL_SITES],
            [*grid, [*margins, ALL]],
        )
    )


def _named(values: pd.Series, least: int) -> pd.Series:
    """Category of each site; those of fewer than `least` sites without their name."""
    text = values.astype(object).where(values.notna(), _MISSING).astype(str)
    rare = text.map(text.value_counts()) < least
    return text.where(~rare | (text == _MISSING), OTHER)


def _heading(column: str) -> str:
    """Head a column; a category called like one of the table's own columns says that it is one."""
    if column == _MISSING:
        return NOT_KNOWN
    return f"{column} (category)" if column in (NOT_KNOWN, ALL_SITES) else column


def _gap_counts(made: CountTables, typology: Typology) -> None:
    values = typology.profiles.values
    rows: list[str] = []
    cells: list[list[Key]] = []
    done: set[str] = set()
    for info in typology.profiles.features:
        name = info.composition or info.name
        if name in done:
            continue
        done.add(name)
        known: Key = ("known", name)
        gap: Key = ("not known", name)
        made.counts[known] = int(values[info.name].notna().sum())
        made.counts[gap] = made.counts[ALL] - made.counts[known]
        made.sums.append((ALL, (known, gap)))
        rows.append(f"{name} (its parts are known together)" if info.composition else info.title)
        cells.append([known, gap, ALL])
    columns = ["Known", NOT_KNOWN, ALL_SITES]
    made.grids["data"] = [Grid("Sites that have each feature", "Feature", columns, rows, cells)]


def _response_counts(made: CountTables, typology: Typology) -> None:
    response = typology.profiles.response
    response = response[response["round"].isin([ONE_ROUND, *typology.profiles.rounds])]
    rows: list[str] = []
    cells: list[list[Key]] = []
    for table, own in response.groupby("table", sort=False):
        if own["eligible"].isna().any() or (own["responded"] > own["eligible"]).any():
            continue
        name = str(table)
        keys: list[Key] = [(kind, name) for kind in ("answered", "not answered", "asked")]
        asked, answered = int(own["eligible"].sum()), int(own["responded"].sum())
        made.counts |= dict(zip(keys, (answered, asked - answered, asked), strict=True))
        made.sums.append((keys[2], (keys[0], keys[1])))
        rows.append(name)
        cells.append(keys)
    if rows:
        columns = ["Answered", "Did not answer", "Asked"]
        caption = "People asked and answers, over all sites"
        made.grids["data"].append(Grid(caption, "Table", columns, rows, cells, "Response"))


def listed_sites(typology: Typology, made: CountTables, rules: Disclosure) -> dict[str, int]:
    """Say how many sites of each type a list may name, so that counting them tells nothing.

    The number hangs on the rounded count alone: as many as there are in any case.
    """
    found = {}
    for label in type_sizes(typology) if is_claimed(typology) else ():
        shown = made.safe.shown["type", f"Type {label}"]
        found[str(label)] = max((shown or 0) - rules.round_to // 2, 0)
    return found


def unnamed_categories(typology: Typology, rules: Disclosure) -> list[tuple[str, str]]:
    """Categories that a shared report does not name, each with its feature's title."""
    found: list[tuple[str, str]] = []
    for info in typology.profiles.features:
        if info.kind == "category":
            values = typology.profiles.values[info.name]
            counts = values.dropna().astype(str).value_counts()
            found += [(info.title, str(name)) for name in counts[counts < rules.min_sites].index]
    return found
