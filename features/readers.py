"""The registry of file formats, each read into a `RawTable`."""

from __future__ import annotations

import dataclasses
import difflib
import itertools
from pathlib import Path
from typing import ClassVar, Protocol

import pandas as pd

from site_typology.declaration import TableDeclaration
from site_typology.features.gias import GiasReader
from site_typology.features.labelled import SpssReader, StataReader
from site_typology.features.plain import plain
from site_typology.features.qualtrics import QualtricsReader
from site_typology.features.rawtable import (
    RawTable,
    UnreadableTableError,
    listed,
    untouched,
)
from site_typology.features.stacking import stacked
from site_typology.features.tables import RESERVED
from site_typology.features.text import TextReader
from site_typology.features.workbook import WorkbookReader
from site_typology.study_file import resolve_path

FILE = "file"
"""Column with the file of a row, where a table is read from several."""

OPTIONS = ("sheet", "encoding", "separator", "skip_rows", "header_rows", "header_join")
"""What a study may say about a file, where its format takes it."""


class Reader(Protocol):
    """Reads one file format.

    Attributes
    ----------
    endings : tuple of str
        Endings of files that are read so where the study names no format.
    options : tuple of str
        Those of `OPTIONS` that the format takes.
    """

    endings: ClassVar[tuple[str, ...]]
    options: ClassVar[tuple[str, ...]]

    def read(self, path: Path, declaration: TableDeclaration) -> RawTable:
        """Read a file that exists.

        Raises
        ------
        UnreadableTableError
            With what is wrong with the file and what to do.
        """
        ...


class ParquetReader:
    """An Apache Parquet file."""

    endings: ClassVar[tuple[str, ...]] = (".parquet", ".pq")
    options: ClassVar[tuple[str, ...]] = ()

    def read(self, path: Path, declaration: TableDeclaration) -> RawTable:
        """Read a file; see `Reader`."""
        import pyarrow

        try:
            frame = pd.read_parquet(path)
        except (pyarrow.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # The system's, such as a missing right; a damaged file has no number.
            raise UnreadableTableError(
                f"It cannot be read as Parquet: {str(error).splitlines()[0].rstrip('.')}. It may "
                "be cut short or in another format. Get the file again, or set format."
            ) from None
        if any(name is not None for name in frame.index.names):
            frame = frame.reset_index()
        frame = frame.reset_index(drop=True).rename(columns=lambda name: str(name).strip())
        return RawTable(plain(frame), untouched(frame))


READERS: dict[str, Reader] = {
    "csv": TextReader(","),
    "tsv": TextReader("\t"),
    "xlsx": WorkbookReader(),
    "parquet": ParquetReader(),
    "sav": SpssReader(),
    "dta": StataReader(),
    "qualtrics": QualtricsReader(),
    "gias": GiasReader(),
}
"""Every format by the name that a study file gives it."""

ENDINGS: dict[str, str] = {
    **{ending: name for name, reader in READERS.items() for ending in reader.endings},
    ".csv": "csv",
    ".txt": "csv",
}


def read_raw(declaration: TableDeclaration, folder: Path) -> RawTable:
    """Read the file of a table.

    Parameters
    ----------
    declaration : TableDeclaration
    folder : Path
        Folder that the declared path is relative to.

    Returns
    -------
    RawTable
        Plain columns only: numbers, or text with dates as ``YYYY-MM-DD``.

    Raises
    ------
    UnreadableTableError
        With what is wrong with the file and what to do.
    """
    return without_repeats(read_file(declaration, folder), declaration.personal)


def read_file(declaration: TableDeclaration, folder: Path) -> RawTable:
    """Read the file of a table as it is, columns that stand twice included; see `read_raw`.

    Of several files that make one table each has its columns once.
    """
    pattern = resolve_path(declaration.path, folder)
    if is_pattern(pattern):
        return _read_several(pattern, declaration)
    return _read_one(*located(declaration, folder), declaration)


def _read_one(path: Path, name: str, declaration: TableDeclaration) -> RawTable:
    try:
        return READERS[name].read(path, declaration)
    except OSError as error:
        raise UnreadableTableError(f"{path.name} cannot be opened: {error.strerror}.") from None


def is_pattern(path: Path) -> bool:
    """Whether a path stands for several files, as ``survey-*.csv`` does."""
    return any(mark in path.name for mark in "*?") and not path.is_file()


def _read_several(pattern: Path, declaration: TableDeclaration) -> RawTable:
    """Read the files that a pattern names, sorted by name, one below the other."""
    if declaration.engine is not None:
        raise UnreadableTableError(
            "Several files are read into memory. Remove engine, or put them into one file."
        )
    # A bracket is part of a name; programs that have a file open leave one that starts so.
    found = pattern.parent.glob(pattern.name.replace("[", "[[]"))
    paths = sorted(each for each in found if each.is_file() and each.name[:1] not in ".~")
    if not paths:
        raise UnreadableTableError(_not_found(pattern))
    tables, problems = [], []
    for path in paths:
        try:
            raw = _read_one(path, _format_of(path, declaration), declaration)
            tables.append(without_repeats(raw, declaration.personal))
        except UnreadableTableError as error:
            problems += [f"{path.name}: {message}" for message in error.messages]
    if problems:
        raise UnreadableTableError(*problems)
    whole = stacked(tables, [path.name for path in paths], FILE)
    ends = itertools.accumulate(len(table.frame) for table in tables)
    places = [
        f"Rows {end - len(table.frame) + 1} to {end} stand in {path.name}."
        for path, table, end in zip(paths, tables, ends, strict=True)
        if len(table.frame)
    ]
    return dataclasses.replace(whole, notes=(*whole.notes, *places))


def located(declaration: TableDeclaration, folder: Path) -> tuple[Path, str]:
    """Find the file of a table and its format.

    Raises
    ------
    UnreadableTableError
        There is no such file, or its format is not known or does not take what the study says.
    """
    path = resolve_path(declaration.path, folder)
    if not path.is_file():
        raise UnreadableTableError(_not_found(path))
    return path, _format_of(path, declaration)


def _format_of(path: Path, declaration: TableDeclaration) -> str:
    name = declaration.format or ENDINGS.get(path.suffix.lower())
    if name is None:
        raise UnreadableTableError(
            f"The ending of {path.name} says no format. Set format to one of: "
            f"{', '.join(READERS)}; or to sql, with a query, for a database."
        )
    reader = READERS[name]
    unused = [o for o in OPTIONS if getattr(declaration, o) is not None and o not in reader.options]
    if unused:
        raise UnreadableTableError(
            f"Format {name!r} does not take {' and '.join(unused)}. Remove it, or correct format."
        )
    return name


def _not_found(path: Path) -> str:
    if path.is_dir():
        return f"{path.name} is a folder. Give the path of a file."
    if not path.parent.is_dir():
        return f"{path.name} is not found; there is no folder {path.parent.name!r}. Correct path."
    there = sorted(each.name for each in path.parent.iterdir() if each.is_file())
    near = difflib.get_close_matches(path.name, there, n=1)
    hint = f"did you mean {near[0]}?" if near else f"files there: {listed(there)}."
    return f"{path.name} is not found; {hint} Correct path."


def without_repeats(raw: RawTable, personal: tuple[str, ...]) -> RawTable:
    """Keep one of columns that are the same, or that are left out anyway; refuse others."""
    frame = raw.frame
    names = list(frame.columns)
    problems = [
        f"Column {name!r} has a reserved name. Rename it in the file."
        for name in names
        if name in RESERVED
    ]
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        same = frame.loc[:, name]
        if name in personal or all(
            same.iloc[:, 0].equals(same.iloc[:, at]) for at in range(1, same.shape[1])
        ):
            continue
        places = [str(at + 1) for at, other in enumerate(names) if other == name]
        problems.append(
            f"Column {name!r} stands {len(places)} times (columns {listed(places)}). Rename all "
            "but one in the file, or leave them out with personal."
        )
    if problems:
        raise UnreadableTableError(*problems)
    return dataclasses.replace(raw, frame=frame.loc[:, ~frame.columns.duplicated()])
