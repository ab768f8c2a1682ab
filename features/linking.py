"""All tables of a study, read and linked to its sites."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from site_typology.declaration import ONE_ROUND, StudyDeclaration
from site_typology.errors import Problems
from site_typology.features.columns import cells, range_problem, settle
from site_typology.features.engines import Engine
from site_typology.features.following import account_of_successors, with_successors
from site_typology.features.lazyloading import engine_of, load_waiting
from site_typology.features.lazytables import finish_waiting
from site_typology.features.ledger import (
    column_entries,
    ledger_of,
    note_entries,
    row_entries,
    site_entries,
)
from site_typology.features.loading import LoadedTable, load_table
from site_typology.features.personal import personal_notes
from site_typology.features.rawfiles import RawFiles
from site_typology.features.rawtable import listed
from site_typology.features.response import count_response
from site_typology.features.returned import own_returns
from site_typology.features.selection import too_large
from site_typology.features.sitekeys import (
    linked_sites,
    listed_keys,
    own_sites,
    repeated_rows,
    set_unknown_aside,
    set_unlinked_aside,
    sites_written_alike,
)
from site_typology.features.tables import ROUND, ROW, SITE, StudyTables, Table
from site_typology.features.valuechecks import check_values

NO_ROUND = "no round"


def read_tables(
    declaration: StudyDeclaration, folder: Path, found: Problems, engine: Engine | None = None
) -> StudyTables:
    r"""Read every table of a study and link its rows to sites.

    Parameters
    ----------
    declaration : StudyDeclaration
    folder : Path
        Folder that the paths of the tables are relative to.
    found : Problems
        Takes every problem of every table; tables that failed are left out of the result.
    engine : {"pandas", "polars", "duckdb", "spark"}, optional
        Where the rows go; tables read into memory stay there (pandas) by default.

    Returns
    -------
    StudyTables

    Examples
    --------
    >>> import tempfile
    >>> from site_typology.study_file import parse_declaration
    >>> study = parse_declaration({
    ...     "study": {"name": "tiny", "sites": "sites"},
    ...     "tables": {"sites": {"path": "sites.csv", "site": "id"}},
    ...     "features": [{"name": "size", "builder": "column"}],
    ... })
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "sites.csv").write_text("id,size\nA,3\nB,4\n")
    ...     tables = read_tables(study, Path(folder), Problems("study.toml"))
    >>> tables.sites
    ('A', 'B')
    """
    loaded = {}
    stays = {name: engine_of(each, folder, engine) for name, each in declaration.tables.items()}
    in_memory = [each for name, each in declaration.tables.items() if stays[name] is None]
    files = RawFiles(in_memory, folder)
    for name, stay in stays.items():
        table = (
            load_table(name, declaration, files, found)
            if stay is None
            else load_waiting(name, declaration, folder, stay, found)
        )
        if table is not None:
            table = own_returns(table, declaration)
            loaded[name] = with_successors(table, folder, found)
    sites = _sites_of_rows(loaded, declaration, found)
    known = _known_sites(loaded, sites, declaration.study.sites, found)
    tables: dict[str, Table] = {}
    entries: list[pd.DataFrame] = []
    for name in loaded:
        if name not in sites:
            continue
        table = _link(loaded[name], sites[name], known, declaration, found)
        rounds = _rounds_of_rows(table, declaration.study.rounds, found)
        table = table.set_aside(rounds.isna(), NO_ROUND)
        repeats, tables[name] = (
            (repeated_rows(table), _finished(table, sites[name], rounds, engine or "pandas"))
            if table.waiting is None
            else finish_waiting(table, table.waiting, sites[name], rounds)
        )
        if repeats:
            columns = ", ".join(table.declaration.unique)
            found.add(table.place, f"{columns}: {repeats}. Remove repeats, or correct unique.")
        check_values(tables[name], found)
        entries += _entries(table, sites[name], rounds, known)
        entries.append(note_entries(name, personal_notes(tables[name])))
        link = table.declaration.link
        if link is not None:
            listing = listed_keys(link, loaded[link.table], sites[link.table])
            more, current = account_of_successors(table, listing.drop_duplicates("key"))
            entries += more
            if current:
                tables[name] = dataclasses.replace(tables[name], current=current)
    _check_eligible(tables, found)
    return StudyTables(
        declaration,
        known,
        tables,
        ledger_of(entries),
        count_response(tables, known, declaration.study.rounds),
    )


def _sites_of_rows(
    loaded: Mapping[str, LoadedTable], declaration: StudyDeclaration, found: Problems
) -> dict[str, pd.Series]:
    """Site of each row of each table; a table follows the one that it is linked through."""
    sites: dict[str, pd.Series] = {}
    for name, table in loaded.items():
        own = None if table.declaration.link is not None else own_sites(table, found)
        if own is not None:
            sites[name] = own
    waiting = [name for name, table in loaded.items() if table.declaration.link is not None]
    while waiting:
        ready = [name for name in waiting if _linked_through(loaded[name]) in sites]
        if not ready:
            break
        for name in ready:
            link = loaded[name].declaration.link
            if link is not None:
                through = link.table
                sites[name] = linked_sites(
                    loaded[name], link, loaded[through], sites[through], found
                )
        waiting = [name for name in waiting if name not in ready]
    for name in _in_a_circle(declaration):
        found.add(
            f"tables.{name}.link", "The links run in a circle. Give one of its tables a site."
        )
    return sites


def _linked_through(table: LoadedTable) -> str:
    return table.declaration.link.table if table.declaration.link else ""


def _in_a_circle(declaration: StudyDeclaration) -> list[str]:
    names = []
    for name in declaration.tables:
        seen = [name]
        link = declaration.tables[name].link
        while link is not None and link.table not in seen:
            seen.append(link.table)
            link = declaration.tables[link.table].link
        if link is not None and link.table == name:
            names.append(name)
    return names


def _known_sites(
    loaded: Mapping[str, LoadedTable],
    sites: Mapping[str, pd.Series],
    name: str,
    found: Problems,
) -> tuple[str, ...]:
    """Sites of the study in the order of the sites table, each once."""
    if name not in sites:
        return ()
    own = sites[name][loaded[name].kept].dropna()
    twice = own[own.duplicated(keep=False)]
    if len(twice):
        shown = [
            f"{site} (rows {listed([str(row) for row in rows], 5)})"
            for site, rows in twice.groupby(twice, sort=False).groups.items()
        ]
        found.add(
            f"tables.{name}",
            f"The sites table has one row a site; found more for {len(shown)}: {listed(shown)}. "
            "Correct site, keep one row of each with where, or remove the others.",
        )
    if alike := sites_written_alike(own):
        found.add(
            f"tables.{name}",
            f"Sites that differ in case or blanks only are taken for one another: {listed(alike)}. "
            "Write them alike and keep one row a site, or give them names that differ.",
        )
    return tuple(str(site) for site in own.unique())


def _link(
    table: LoadedTable,
    sites: pd.Series,
    known: Sequence[str],
    declaration: StudyDeclaration,
    found: Problems,
) -> LoadedTable:
    table = set_unlinked_aside(table, sites, found)
    if known and table.name != declaration.study.sites:
        policy = table.declaration.unknown_sites or declaration.study.unknown_sites
        table = set_unknown_aside(table, sites, known, policy, found)
    if not table.kept.any():
        reasons = table.counted(table.aside)
        shown = listed([f"{reason} ({n})" for reason, n in reasons.items()])
        found.add(table.place, f"No row is left; set aside: {shown}. Correct what sets them aside.")
    return table


def _rounds_of_rows(table: LoadedTable, rounds: Sequence[str], found: Problems) -> pd.Series:
    """Round of each row; NaN where the row names none."""
    index = table.aside.index
    declared = table.declaration
    if declared.round is None:
        return pd.Series(declared.at_round or ONE_ROUND, index=index, dtype="str")
    own = table.text(declared.round)
    if not rounds:
        found.add(
            table.place,
            f"round = {declared.round!r} is given, but study.rounds lists none. List them in order "
            f"of time: {listed([repr(name) for name in sorted(own.dropna().unique())])}.",
        )
        return own
    unknown = own[table.kept & own.notna() & ~own.isin(list(rounds))]
    if len(unknown):
        shown = [f"{name!r} ({n} rows)" for name, n in table.counted(unknown).items()]
        found.add(
            table.place,
            f"{table.count(unknown.index)} rows name rounds that are not in study.rounds "
            f"{list(rounds)}: {listed(shown)}. Add them, recode them with "
            f"columns.{declared.round}.values, or leave them out with where.",
        )
    return own


def _finished(table: LoadedTable, sites: pd.Series, rounds: pd.Series, engine: Engine) -> Table:
    """Make the final table of the rows in use."""
    keep = table.kept.to_numpy()
    rows = pd.Series(table.aside.index[keep])
    values: dict[str, Any] = {}
    gaps: dict[str, np.ndarray] = {}
    for name, column in table.columns.items():
        if name in table.personal:
            continue
        settled, numeric = settle(column.rows(keep), decimal_comma=table.decimal_comma)
        values[name] = cells(settled, numeric)
        reasons = settled.missing_reasons()
        if reasons is not None:
            gaps[name] = reasons
    values |= {SITE: sites[keep].array, ROUND: rounds[keep].array, ROW: rows.array}
    frame = pd.DataFrame(values)
    reasons_frame = pd.DataFrame(gaps, index=frame.index, dtype="str")
    return Table.of(
        table.name,
        table.declaration,
        frame,
        reasons_frame,
        table.labels,
        table.titles,
        engine,
        table.decimal_comma,
    )


def _check_eligible(tables: Mapping[str, Table], found: Problems) -> None:
    for name, table in tables.items():
        eligible = table.declaration.eligible
        if eligible is None or eligible.table not in tables:
            continue
        other = tables[eligible.table]
        counted = [(eligible.column, "asked")]
        counted += [(eligible.answered, "who answered")] if eligible.answered is not None else []
        for column, who in counted:
            if column not in other.columns:
                message = f"{column!r} is a personal column of tables.{eligible.table}."
                found.add(f"tables.{name}.eligible", f"{message} Keep it, or name another.")
                continue
            frame = other.collect([column, ROW])
            if problem := range_problem(frame[column], frame[ROW], (0.0, float("inf"))):
                found.add(
                    f"tables.{name}.eligible",
                    f"{column!r} of tables.{eligible.table} counts those {who}: {problem}. "
                    "Correct them, or declare them missing.",
                )
            elif column in other.numbers and (message := too_large(other, column)):
                found.add(f"tables.{name}.eligible", message)


def _entries(
    table: LoadedTable, sites: pd.Series, rounds: pd.Series, known: Sequence[str]
) -> list[pd.DataFrame]:
    return [
        row_entries(table.name, table.aside, sites, rounds, table.counts),
        site_entries(table.name, known, sites[table.kept], table.counts[table.kept]),
        column_entries(table.name, table.personal, int(table.counts.sum())),
        note_entries(table.name, table.notes),
    ]
