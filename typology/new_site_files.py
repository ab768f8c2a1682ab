"""Files of new sites, read as they are: CSV, Excel and Parquet with one row a site."""

from __future__ import annotations

import contextlib
import csv
import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from site_typology.cell_values import UnsavedFormula
from site_typology.errors import Problem, StudyError
from site_typology.new_sites import RawTable
from site_typology.profiles import LONG_COLUMNS
from site_typology.system_errors import no_file

SHEET = "Sites"
"""Sheet that new sites stand in; else the first with a heading ``site``, else the first one."""
BATCH = 4096


@dataclass(frozen=True)
class SheetLimits:
    """How much of an Excel file is read; more is refused.

    Parameters
    ----------
    unpacked : int
        Bytes that it may unpack to.
    rows, columns : int
        Cells that are read, blank ones too, are as many as fit in both.
    """

    unpacked: int
    rows: int
    columns: int

    def check(self, source: str, rows: int, columns: int) -> None:
        """Raise `StudyError` where there is more."""
        if rows > self.rows:
            raise _refused(source, f"More than {self.rows:,} rows. Give fewer sites at a time.")
        if columns > self.columns:
            raise _refused(source, f"More than {self.columns:,} columns. Remove those not needed.")

    def check_read(self, source: str, cells: int, row: int) -> None:
        """Raise `StudyError` where so many cells have been read, or a row so far down."""
        if cells > self.rows * self.columns or row > LAST_ROW:
            said = "Blank cells reach too far. Copy the sites into a new workbook."
            raise _refused(source, said)


LAST_ROW = 1_048_576
"""Of a sheet."""
WHOLE_SHEET = SheetLimits(300_000_000, LAST_ROW, 16_384)


def read_raw(path: Path) -> RawTable:
    """Read a file of new sites, whatever its kind; rows are read as they are asked for.

    Parameters
    ----------
    path : Path
        ``.csv``, ``.xlsx`` or ``.parquet``.

    Returns
    -------
    RawTable

    Raises
    ------
    StudyError
        No such file, of another kind, or damaged.
    """
    if not path.is_file():
        raise no_file(path, "Give the path of a file of new sites.")
    readers = {".csv": csv_table, ".xlsx": workbook_table, ".parquet": parquet_table}
    if path.suffix.lower() not in readers:
        raise _refused(path.name, "Expected .csv, .xlsx or .parquet.")
    return readers[path.suffix.lower()](path)


def address(row: int, column: int) -> str:
    """Name a cell as a spreadsheet does.

    Examples
    --------
    >>> address(2, 0), address(7, 27)
    ('A2', 'AB7')
    """
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return f"{letters}{row}"


def delimiter_of(heading: str) -> str:
    """Say what separates the fields of a CSV file, by its first line."""
    return ";" if heading.count(";") > heading.count(",") else ","


def csv_headings(path: Path) -> tuple[list[str], str]:
    """Headings of a CSV file and what separates its fields."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            separator = delimiter_of(first)
            file.seek(0)
            return next(csv.reader(file, delimiter=separator), []), separator
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise _refused(path.name, csv_problem(error)) from error


def csv_problem(error: Exception, row: int = 0) -> str:
    """Say why a CSV file cannot be read on after a row.

    Examples
    --------
    >>> csv_problem(csv.Error("field larger than field limit (131072)"), 7)
    'A field after row 7 has more than 131,072 letters: is a quotation mark not closed?'
    """
    if "field limit" in str(error):
        most = csv.field_size_limit()
        after = f" after row {row}" if row else ""
        return f"A field{after} has more than {most:,} letters: is a quotation mark not closed?"
    if isinstance(error, OSError):
        return f"Cannot be read: {error.strerror or error}."
    if isinstance(error, UnicodeDecodeError):
        return f"Not a CSV file in UTF-8: {error}. Save it again as CSV UTF-8."
    return f"Not a CSV file: {error}."


def csv_table(path: Path) -> RawTable:
    """Read a CSV file in UTF-8; commas or semicolons between fields."""
    headings, separator = csv_headings(path)
    if not headings:
        raise _refused(path.name, "Not a CSV file: it is empty.")

    def rows() -> Iterator[tuple[int, Sequence[object]]]:
        number = 1
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.reader(file, delimiter=separator)
                next(reader)
                for number, cells in enumerate(reader, start=2):
                    yield number, [cell if cell.strip() else None for cell in cells]
        except (UnicodeDecodeError, csv.Error, OSError) as error:
            raise _refused(path.name, csv_problem(error, number)) from error

    return RawTable(path.name, headings, rows(), address)


def workbook_table(path: Path) -> RawTable:
    """Read the sheet of new sites of an Excel workbook, results of formulas and not formulas."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _refused(path.name, f"Cannot be read: {error.strerror or error}.") from error
    return workbook_of(path.name, content)


def workbook_of(source: str, content: bytes, limits: SheetLimits = WHOLE_SHEET) -> RawTable:
    """Read the sheet of new sites of an Excel workbook that is in memory.

    Parameters
    ----------
    source : str
        What to call it.
    content : bytes
    limits : SheetLimits

    Returns
    -------
    RawTable
        Without blank rows; a formula without a saved result stands as `UnsavedFormula`.

    Raises
    ------
    StudyError
        No such file, a damaged one, or one beyond the limits.
    """
    sheet = _sheet_name(source, content, limits)
    if sheet != SHEET:
        source = f"{source}, sheet {sheet}"
    values = _sheet_rows(source, content, limits, sheet, data_only=True)
    formulas = _sheet_rows(source, content, limits, sheet, data_only=False)
    kept: list[tuple[int, list[object]]] = []
    read = 0
    for number, (row, typed) in enumerate(zip(values, formulas, strict=True), start=1):
        cells = [
            UnsavedFormula() if cell is None and formula is not None else cell
            for cell, formula in zip(row, typed, strict=True)
        ]
        cells = [None if isinstance(one, str) and not one.strip() else one for one in cells]
        while cells and cells[-1] is None:
            cells.pop()
        if cells or number == 1:
            kept.append((number, cells))
        limits.check(source, len(kept) - 1, len(cells))
        read += len(row)
        limits.check_read(source, read, number)
    if not kept:
        raise _refused(
            source, f"The sheet {sheet!r} is empty. Put the sites on one called {SHEET!r}."
        )
    headings = ["" if cell is None else str(cell) for cell in kept[0][1]]
    width = max(len(cells) for _, cells in kept)
    headings += [""] * (width - len(headings))
    rows = ((number, [*cells, *[None] * (width - len(cells))]) for number, cells in kept[1:])
    return RawTable(source, headings, rows, address)


def parquet_table(path: Path) -> RawTable:
    """Read a Parquet file with one row a site."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        headings = file.schema_arrow.names
    except (OSError, pa.ArrowInvalid) as error:
        raise _refused(path.name, parquet_problem(error, "Not a Parquet file")) from error

    def rows() -> Iterator[tuple[int, Sequence[object]]]:
        number = 1
        try:
            for batch in file.iter_batches(BATCH):
                columns = [column.to_pylist() for column in batch.columns]
                for cells in zip(*columns, strict=True):
                    yield number, list(cells)
                    number += 1
        except (OSError, pa.ArrowInvalid) as error:
            raise _refused(path.name, parquet_problem(error, "A damaged Parquet file")) from error

    return RawTable(path.name, headings, rows(), lambda row, _: f"row {row}")


def parquet_problem(error: Exception, otherwise: str) -> str:
    """Say why a Parquet file cannot be read: the system refuses it, or it is damaged."""
    if isinstance(error, OSError) and error.errno is not None:
        return f"Cannot be read: {error.strerror or error}."
    return f"{otherwise}: {error}."


def is_long(path: Path) -> bool:
    """Whether a file is the long Parquet of a run, one row a site and feature."""
    if path.suffix.lower() != ".parquet" or not path.is_file():
        return False
    return set(LONG_COLUMNS) <= set(parquet_table(path).headings)


def rows_table(source: str, headings: Sequence[str], rows: Sequence[Sequence[object]]) -> RawTable:
    """Make a table of rows that are in memory, named by their number from 1."""
    return RawTable(
        source, headings, iter(list(enumerate(rows, start=1))), lambda row, _: f"row {row}"
    )


def _sheet_name(source: str, content: bytes, limits: SheetLimits) -> str:
    """Name of the sheet that the sites stand in."""
    with contextlib.closing(_workbook(source, content, limits, data_only=True)) as book:
        names: list[str] = [sheet.title for sheet in book.worksheets]
        if not names:
            charts = ", ".join(map(repr, book.sheetnames)) or "none"
            said = f"No sheet has cells (sheets: {charts}). Put the sites on one called {SHEET!r}."
            raise _refused(source, said)
        if SHEET in names:
            return SHEET
        for sheet in book.worksheets:
            for row in _cells(source, sheet, last=1):
                if any(isinstance(cell, str) and cell.strip().lower() == "site" for cell in row):
                    return str(sheet.title)
        return names[0]


def _sheet_rows(
    source: str, content: bytes, limits: SheetLimits, name: str, *, data_only: bool
) -> Iterator[tuple[Any, ...]]:
    """Rows of a sheet, each as wide as its own cells."""
    with contextlib.closing(_workbook(source, content, limits, data_only=data_only)) as book:
        yield from _cells(source, book[name])


def _cells(source: str, sheet: Any, last: int | None = None) -> Iterator[tuple[Any, ...]]:
    """Cells of a sheet row by row, to the last row that is asked for."""
    # The size that a file states may be wrong: rows would be lost, or memory filled.
    sheet.reset_dimensions()
    with _damage(source):
        yield from sheet.iter_rows(max_row=last, values_only=True)


def _workbook(source: str, content: bytes, limits: SheetLimits, *, data_only: bool) -> Any:
    from openpyxl import load_workbook

    with _damage(source), zipfile.ZipFile(io.BytesIO(content)) as parts:
        unpacked = sum(part.file_size for part in parts.infolist())
    if unpacked > limits.unpacked:
        said = f"Unpacks to more than {limits.unpacked // 1_000_000} MB. Save the sites as CSV."
        raise _refused(source, said)
    with _damage(source):
        return load_workbook(
            io.BytesIO(content), read_only=True, data_only=data_only, keep_links=False
        )


@contextlib.contextmanager
def _damage(source: str) -> Iterator[None]:
    """Say that a file is damaged, whatever a reader stumbles over; around readers only."""
    try:
        yield
    except Exception as error:
        raise _refused(source, "Not an Excel workbook (.xlsx), or a damaged one.") from error


def _refused(source: str, message: str) -> StudyError:
    return StudyError(source, [Problem("file", message)])
