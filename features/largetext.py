"""Delimited text of any size as a file that an engine can ask, by the rules of the text reader."""

# Names, paths and texts go through `quote` and `literal` before they stand in SQL.
# ruff: noqa: S608

from __future__ import annotations

import codecs
import csv
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from site_typology.declaration import TableDeclaration
from site_typology.features.engines import Engine, duckdb_connection
from site_typology.features.plainfiles import literal, scratch_file, typed_copy
from site_typology.features.rawtable import BLANK_ROW, CUT_ROW, UnreadableTableError, listed
from site_typology.features.scanning import (
    ASIDE,
    Scan,
    check_names,
    open_plain,
)
from site_typology.features.text import (
    SEPARATORS,
    check_not_qualtrics,
    column_names,
    decode,
    find_separator,
    name_notes,
    separator_line,
    swallowed_rows,
    unclosed,
)

SAMPLE = 1 << 20
"""Bytes from which the encoding and the separator are found out."""
_CHUNK = 100_000
_CUT_ENDS = 4
_BLANKS = "".join(character for character in map(chr, range(0x3001)) if character.isspace())
"""What ``str.strip`` takes off."""


@dataclass(frozen=True)
class _Text:
    """A text file and how it is to be read."""

    path: Path
    encoding: str
    separator: str
    header: list[str]
    titles: list[str]
    lines: int
    """Lines before the first row."""

    @property
    def cells(self) -> list[str]:
        """Names of its fields while it is read."""
        return [f"c{at}" for at in range(len(self.header))]


def scan_text(
    path: Path, declaration: TableDeclaration, engine: Engine, likely_separator: str = ","
) -> Scan:
    """Turn delimited text into a file of numbers and text, and open that in an engine.

    Parameters
    ----------
    path : Path
    declaration : TableDeclaration
        With encoding, separator and header rows, where the study states them.
    engine : {"pandas", "polars", "duckdb", "spark"}
    likely_separator : str

    Raises
    ------
    UnreadableTableError
        As `site_typology.features.text.TextReader` does.
    """
    text = _opened(path, declaration, likely_separator)
    made, filled = _written(text)
    names = column_names(text.header, filled)
    taken = {cell: name for cell, name in zip(text.cells, names, strict=True) if name is not None}
    kept: dict[str, str] = {}
    check_names(list(taken.values()), declaration.personal)
    for cell, name in taken.items():
        if name not in kept.values():
            kept[cell] = name
    scan = open_plain(made, engine, kept, aside=True)
    titles = {
        name.strip(): title.strip()
        for name, title in zip(text.header, text.titles, strict=False)
        if title.strip()
    }
    return replace(
        scan,
        decimal_comma=text.separator == ";",
        titles=titles,
        notes=name_notes(text.header),
    )


def _opened(path: Path, declaration: TableDeclaration, likely: str) -> _Text:
    with path.open("rb") as file:
        sample = file.read(SAMPLE)
        whole = not file.read(1)
    if not whole:
        # A sample may end within a character, or within a line.
        sample = sample[: sample.rfind(b"\n") + 1] or sample
    encoding = _encoding(path, sample, declaration.encoding)
    beginning = decode(sample, encoding)
    hint, skip = separator_line(beginning, declaration)
    start = beginning.splitlines(keepends=True)[skip:]
    if not "".join(start).strip():
        raise UnreadableTableError(
            f"Expected {skip} rows above the header; the file has no more. Correct skip_rows."
        )
    separator = find_separator("".join(start), hint, likely)
    reader = csv.reader(start, delimiter=separator)
    rows = declaration.header_rows or 1
    header = list(itertools.islice((record for record in reader if record), rows))
    if declaration.header_rows is None:
        check_not_qualtrics(
            [*header, *itertools.islice(csv.reader(start, delimiter=separator), 1, 3)]
        )
    if len(header) < rows:
        raise UnreadableTableError(
            f"Expected {rows} header rows; the file has {len(header)} in all. Correct header_rows."
        )
    titles = header[1] if rows > 1 else []
    return _Text(path, encoding, separator, header[0], titles, skip + reader.line_num)


def _encoding(path: Path, sample: bytes, declared: str | None) -> str:
    """The declared encoding if it fits, else the first one that the whole file is in."""
    if declared is not None:
        decode(sample, declared)
        candidates = [codecs.lookup(declared).name]
    elif sample.startswith(codecs.BOM_UTF8):
        candidates = ["utf-8-sig"]
    elif sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        candidates = ["utf-16"]
    else:
        decode(sample, None, ("utf-8", "cp1252", "latin-1"))
        candidates = ["utf-8", "cp1252", "latin-1"]
    if sample.startswith(codecs.BOM_UTF8) and candidates == ["utf-8"]:
        candidates = ["utf-8-sig"]
    for encoding in candidates:
        if _fits(path, encoding):
            return encoding
    raise UnreadableTableError(
        f"The file is not {candidates[0]!r} throughout. Correct or remove encoding."
    )


def _fits(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    at = 0
    with path.open("rb") as file:
        size = path.stat().st_size
        while block := file.read(SAMPLE):
            at += len(block)
            try:
                decoder.decode(block, final=at >= size)
            except UnicodeDecodeError as error:
                # As in memory, a file cut within its last character is in this encoding.
                cut = error.reason in ("unexpected end of data", "truncated data")
                return cut and at >= size and len(error.object) - error.start < _CUT_ENDS
    return True


def _written(text: _Text) -> tuple[Path, list[bool]]:
    """Write the rows to a file; also which fields have content."""
    import duckdb

    made = None
    if text.encoding.startswith("utf-8") and len(text.header) > 1:
        try:
            made = _by_duckdb(text)
        except duckdb.Error:
            # The rules of the text reader decide what is wrong, or mend it: a trailing separator,
            # a cut last row, a quotation mark inside a field.
            made = None
    made = made or _by_hand(text)
    tests = ", ".join(f"bool_or({cell} IS NOT NULL AND {cell} <> '')" for cell in text.cells)
    asked = f"SELECT {tests} FROM read_parquet({literal(str(made))})"
    filled = duckdb_connection().execute(asked).fetchone() or ()
    query = f"SELECT * FROM read_parquet({literal(str(made))})"
    typed = typed_copy(query, text.cells, [*text.cells, ASIDE])
    made.unlink()
    return typed, [bool(each) for each in filled]


def _by_duckdb(text: _Text) -> Path:
    """Read with DuckDB, which is fast and refuses whatever does not fit."""
    made = scratch_file()
    types = ", ".join(f"{literal(cell)}: 'VARCHAR'" for cell in text.cells)
    source = (
        f"read_csv({literal(str(text.path))}, auto_detect = false, header = false, "
        f"skip = {text.lines}, delim = {literal(text.separator)}, quote = '\"', escape = '\"', "
        f"columns = {{{types}}}, strict_mode = true, null_padding = false, "
        "ignore_errors = false, parallel = true, nullstr = '')"
    )
    cells = ", ".join(
        f"coalesce(trim({cell}, {literal(_BLANKS)}), '') AS {cell}" for cell in text.cells
    )
    empty = " AND ".join(f"{cell} = ''" for cell in text.cells)
    duckdb_connection().execute(
        f"COPY (SELECT *, CASE WHEN {empty} THEN {literal(BLANK_ROW)} ELSE '' END AS {ASIDE} "
        f"FROM (SELECT {cells} FROM {source})) TO {literal(str(made))} (FORMAT parquet)"
    )
    return made


def _by_hand(text: _Text) -> Path:
    """Read record by record, as the text reader does, in little memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    made = scratch_file()
    schema = pa.schema([*((cell, pa.string()) for cell in text.cells), (ASIDE, pa.string())])
    misfits: list[str] = []
    with pq.ParquetWriter(made, schema) as writer:
        rows = _fitting(text, misfits)
        while chunk := list(itertools.islice(rows, _CHUNK)):
            columns = list(zip(*chunk, strict=True))
            writer.write_table(pa.table([pa.array(c, pa.string()) for c in columns], schema))
    if misfits:
        made.unlink()
        width = len(text.header)
        raise UnreadableTableError(
            f"Expected {width} field{'' if width == 1 else 's'} as in the header; found otherwise "
            f"in {len(misfits)} line{'' if len(misfits) == 1 else 's'}: {listed(misfits)}. "
            "Correct the lines, or set separator if it is not "
            f"a {SEPARATORS.get(text.separator, repr(text.separator))}."
        )
    return made


def _fitting(text: _Text, misfits: list[str]) -> Iterator[list[str]]:
    """Cells of each row, stripped, and why it is set aside; `misfits` takes those that do not fit.

    Raises
    ------
    UnreadableTableError
        A quotation mark is never closed.
    """
    width = len(text.header)
    records = _records(text)
    following = next(records, None)
    while following is not None:
        (record, line), following = following, next(records, None)
        aside = ""
        if following is None and swallowed_rows(record[-1], width, text.separator):
            raise UnreadableTableError(unclosed(line))
        if len(record) > width and not any(cell.strip() for cell in record[width:]):
            record = record[:width]
        elif len(record) < width and following is None:
            # Its last field may be cut as well, so it is not read.
            record, aside = record[:-1] + [""] * (width - len(record) + 1), CUT_ROW
        elif len(record) != width:
            misfits.append(f"{line} ({len(record)})")
            continue
        cells = [cell.strip() for cell in record]
        yield [*cells, aside or ("" if any(cells) else BLANK_ROW)]


def _records(text: _Text) -> Iterator[tuple[list[str], int]]:
    """Records after the header, with the line on which each one starts."""
    # `_fits` has seen that nothing but a last character that was cut can be left out.
    with text.path.open(encoding=text.encoding, errors="ignore", newline="") as file:
        for _ in range(text.lines):
            next(file)
        reader = csv.reader(file, delimiter=text.separator)
        start = text.lines + 1
        try:
            for record in reader:
                if record:
                    yield record, start
                start = text.lines + reader.line_num + 1
        except csv.Error:
            raise UnreadableTableError(unclosed(start)) from None
