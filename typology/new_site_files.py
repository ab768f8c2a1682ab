"""Files of new sites, read as they are: CSV, Excel and Parquet with one row a site."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from site_typology.cell_values import UnsavedFormula
from site_typology.errors import Problem, StudyError
from site_typology.new_sites import RawTable
from site_typology.profiles import LONG_COLUMNS

if TYPE_CHECKING:
    from openpyxl import Workbook

SHEET = "Sites"
"""Sheet that new sites stand in; the first one where there is none of this name."""
LARGEST_WORKBOOK = 300_000_000
"""Bytes that an Excel file may unpack to."""
BATCH = 4096


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
        raise _refused(path, "Not found. Give the path of a file of new sites.")
    readers = {".csv": csv_table, ".xlsx": workbook_table, ".parquet": parquet_table}
    if path.suffix.lower() not in readers:
        raise _refused(path, "Expected .csv, .xlsx or .parquet.")
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
    except (UnicodeDecodeError, csv.Error) as error:
        raise _refused(path, f"Not a CSV file in UTF-8: {error}.") from error


def csv_table(path: Path) -> RawTable:
    """Read a CSV file in UTF-8; commas or semicolons between fields."""
    headings, separator = csv_headings(path)
    if not headings:
        raise _refused(path, "Not a CSV file: it is empty.")

    def rows() -> Iterator[tuple[int, Sequence[object]]]:
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.reader(file, delimiter=separator)
                next(reader)
                for number, cells in enumerate(reader, start=2):
                    yield number, [cell if cell.strip() else None for cell in cells]
        except (UnicodeDecodeError, csv.Error) as error:
            raise _refused(path, f"Not a CSV file in UTF-8: {error}.") from error

    return RawTable(path.name, headings, rows(), address)


def workbook_table(path: Path) -> RawTable:
    """Read the sheet of new sites of an Excel workbook, results of formulas and not formulas."""
    values = list(_sheet_rows(path, data_only=True))
    formulas = _sheet_rows(path, data_only=False)
    kept = []
    for number, (row, typed) in enumerate(zip(values, formulas, strict=True), start=1):
        cells = [
            UnsavedFormula() if cell is None and formula is not None else cell
            for cell, formula in zip(row, typed, strict=True)
        ]
        kept.append((number, cells))
    if not kept:
        raise _refused(path, f"The sheet {SHEET!r}, or the first one, is empty.")
    headings = ["" if cell is None else str(cell) for cell in kept[0][1]]
    width = max(
        (
            at + 1
            for _, cells in kept
            for at, cell in enumerate(cells)
            if cell is not None and (not isinstance(cell, str) or cell.strip())
        ),
        default=0,
    )

    def full(cells: Sequence[object]) -> list[object]:
        blank = [None if isinstance(cell, str) and not cell.strip() else cell for cell in cells]
        return [*blank[:width], *[None] * (width - len(blank))]

    rows = ((number, full(cells)) for number, cells in kept[1:])
    return RawTable(path.name, headings[:width], rows, address)


def parquet_table(path: Path) -> RawTable:
    """Read a Parquet file with one row a site."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        headings = file.schema_arrow.names
    except (OSError, pa.ArrowInvalid) as error:
        raise _refused(path, f"Not a Parquet file: {error}.") from error

    def rows() -> Iterator[tuple[int, Sequence[object]]]:
        number = 1
        for batch in file.iter_batches(BATCH):
            columns = [column.to_pylist() for column in batch.columns]
            for cells in zip(*columns, strict=True):
                yield number, list(cells)
                number += 1

    return RawTable(path.name, headings, rows(), lambda row, _: f"row {row}")


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


def _sheet_rows(path: Path, *, data_only: bool) -> Iterator[tuple[Any, ...]]:
    book = _open_workbook(path, data_only)
    try:
        name = SHEET if SHEET in book.sheetnames else book.sheetnames[0]
        yield from book[name].iter_rows(values_only=True)
    finally:
        book.close()


def _open_workbook(path: Path, data_only: bool) -> Workbook:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        content = path.read_bytes()
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            if sum(part.file_size for part in parts.infolist()) > LARGEST_WORKBOOK:
                raise _refused(path, "Unpacks to more than 300 MB. Save the sites as CSV.")
        return load_workbook(
            io.BytesIO(content), read_only=True, data_only=data_only, keep_links=False
        )
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, OSError) as error:
        raise _refused(path, f"Not an Excel workbook (.xlsx): {error}.") from error


def _refused(path: Path, message: str) -> StudyError:
    return StudyError(path.name, [Problem("file", message)])
