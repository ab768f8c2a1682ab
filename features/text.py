"""Delimited text: encoding, separator, and rows that do not fit the header."""

from __future__ import annotations

import codecs
import csv
import dataclasses
import gc
import io
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd

from site_typology.declaration import TableDeclaration
from site_typology.features.rawtable import (
    BLANK_ROW,
    CUT_ROW,
    RawTable,
    UnreadableTableError,
    listed,
)

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHER_FILES = ((b"PK\x03\x04", "xlsx"), (b"PAR1", "parquet"), (b"$FL2", "sav"))
_SAMPLE_LINES = 30
_SEPARATOR_LINE = re.compile(r'"?sep=([^\r\n"])"?\r?\n', re.IGNORECASE)
_CONTROL = re.compile("[\x80-\x84\x86-\x9f]")


@dataclass(frozen=True)
class Records:
    """The records of a delimited file, with the line on which each one starts."""

    cells: list[list[str]]
    lines: list[int]
    separator: str


class TextReader:
    """Comma, semicolon, bar or tab separated text; names stand in the first header row."""

    endings: ClassVar[tuple[str, ...]] = (".csv", ".txt", ".tsv", ".tab")
    options: ClassVar[tuple[str, ...]] = ("encoding", "separator", "skip_rows", "header_rows")
    encodings: ClassVar[tuple[str, ...]] = ("utf-8", "cp1252", "latin-1")

    def __init__(self, likely_separator: str = ",") -> None:
        self.likely_separator = likely_separator

    def read(self, path: Path, declaration: TableDeclaration) -> RawTable:
        """Read a file; see `site_typology.features.readers.Reader`."""
        return self.table(self.records(path, declaration), declaration)

    def table(self, records: Records, declaration: TableDeclaration) -> RawTable:
        """Make a table of all records of a file."""
        rows = declaration.header_rows or self.header_rows(records.cells)
        if len(records.cells) < rows:
            raise UnreadableTableError(
                f"Expected {rows} header rows; the file has {len(records.cells)} in all. "
                "Correct header_rows."
            )
        raw = table_of(records.cells[0], records, rows)
        if rows == 1:
            return raw
        texts = zip(records.cells[0], records.cells[1], strict=False)
        titles = {name.strip(): text.strip() for name, text in texts if text.strip()}
        return dataclasses.replace(raw, titles=titles)

    def header_rows(self, cells: list[list[str]]) -> int:
        """Find out how many rows of a file are its header."""
        check_not_qualtrics(cells)
        return 1

    def records(self, path: Path, declaration: TableDeclaration) -> Records:
        """Read all records of a file, header rows included."""
        text = decode(path.read_bytes(), declaration.encoding, self.encodings)
        hint, skip = separator_line(text, declaration)
        table = "".join(text.splitlines(keepends=True)[skip:]) if skip else text
        if not table.strip():
            raise UnreadableTableError(
                f"Expected {skip} rows above the header; the file has no more. Correct skip_rows."
            )
        separator = find_separator(table, hint, self.likely_separator)
        records = split(table, separator)
        return dataclasses.replace(records, lines=[line + skip for line in records.lines])


def separator_line(text: str, declaration: TableDeclaration) -> tuple[str | None, int]:
    r"""Separator that is stated, and the lines above the header.

    The study states it, or a first line such as ``sep=;``, which Excel writes and reads.

    Examples
    --------
    >>> separator_line("sep=;\nsite;v\n", TableDeclaration(path="t.csv", site="site"))
    (';', 1)
    """
    skip = declaration.skip_rows or 0
    found = _SEPARATOR_LINE.match(text)
    if found is None or skip:
        return declaration.separator, skip
    return declaration.separator or found[1], 1


def check_not_qualtrics(cells: list[list[str]]) -> None:
    """Refuse an export of Qualtrics, of which the rows below the names would be answers.

    Raises
    ------
    UnreadableTableError
    """
    if any('"ImportId"' in cell for row in cells[1:3] for cell in row):
        raise UnreadableTableError(
            "This is an export of Qualtrics, with more than one header row. "
            "Set format = 'qualtrics'."
        )


def decode(data: bytes, declared: str | None, encodings: tuple[str, ...] = ("utf-8",)) -> str:
    r"""Turn bytes into text with the declared encoding, or the first that fits.

    Parameters
    ----------
    data : bytes
    declared : str or None
        Encoding in the study file.
    encodings : tuple of str
        Tried in this order when none is declared and there is no byte order mark.

    Raises
    ------
    UnreadableTableError
        The file is empty, not text, or in another encoding than the declared one.

    Examples
    --------
    >>> decode("Caf\xe9".encode("cp1252"), None, ("utf-8", "cp1252"))
    'Café'
    """
    if not data.strip():
        raise UnreadableTableError("The file is empty. Give a file with a header and rows.")
    for start, name in _OTHER_FILES:
        if data.startswith(start):
            raise UnreadableTableError(f"This is not text; it looks like {name}. Set format.")
    marked = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), None)
    if declared is not None:
        return _decode_declared(data, declared, marked)
    for encoding in [marked] if marked else encodings:
        text = _try(data, encoding)
        if text is not None:
            if "\0" in text:
                break
            return text
    half = len(data) // 8
    for at, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if marked is None and data[at::2].count(0) > half and _try(data, encoding) is not None:
            raise UnreadableTableError(
                f"This looks like UTF-16 without its mark. Set encoding = {encoding!r}."
            )
    raise UnreadableTableError("This is not text in a known encoding. Set encoding or format.")


def _decode_declared(data: bytes, declared: str, marked: str | None) -> str:
    try:
        name = codecs.lookup(declared).name
    except LookupError:
        raise UnreadableTableError(
            f"Encoding {declared!r} is not known. Write 'utf-8', 'cp1252' or 'latin-1'."
        ) from None
    if marked is not None and name not in ("utf-8", "utf-8-sig", "utf-16"):
        raise UnreadableTableError(
            f"Declared encoding is {declared!r}, but the file says that it is {marked!r}. "
            "Remove encoding."
        )
    text = _try(data, marked if marked and name in ("utf-8", "utf-8-sig") else name)
    if text is None:
        fits = next(n for n in ("utf-8", "cp1252", "latin-1") if _try(data, n) is not None)
        raise UnreadableTableError(
            f"The file is not {declared!r}: {_first_misfit(data, name)}. It can be read as "
            f"{fits!r}. Correct or remove encoding."
        )
    control = _CONTROL.search(text) if name == "iso8859-1" else None
    if control is not None and _try(data, "cp1252") is not None:
        meant = control[0].encode("latin-1").decode("cp1252")
        raise UnreadableTableError(
            f"Declared encoding is {declared!r}, but the file is 'cp1252': it has {meant!r}, which "
            f"{declared!r} lacks. Correct or remove encoding."
        )
    single_byte = not name.startswith("utf") and not data.isascii()
    if single_byte and (actual := _try(data, "utf-8")) is not None:
        at = next(at for at, character in enumerate(actual) if ord(character) > 127)
        wrong = actual[at].encode().decode(name, errors="replace")
        raise UnreadableTableError(
            f"Declared encoding is {declared!r}, but the file is 'utf-8': {actual[at]!r} would "
            f"be read as {wrong!r}. Correct or remove encoding."
        )
    return text


def _try(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        # A file cut within its last character is in this encoding, if other characters show it.
        cut = error.reason in ("unexpected end of data", "truncated data")
        if cut and len(data) - error.start < 4 and not data[: error.start].isascii():
            return data[: error.start].decode(encoding)
    return None


def _first_misfit(data: bytes, encoding: str) -> str:
    try:
        data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return f"byte 0x{data[error.start]:02x} in line {line} does not fit"
    return "a byte does not fit"


def find_separator(text: str, declared: str | None, likely: str = ",") -> str:
    r"""Find what separates the columns of a text.

    Raises
    ------
    UnreadableTableError
        The declared separator does not stand in the first line.

    Examples
    --------
    >>> find_separator("a;b\n1,5;2\n", None)
    ';'
    """
    sample = text[:100_000].splitlines()[:_SAMPLE_LINES]
    candidates = sorted(SEPARATORS, key=lambda each: each != likely)
    scores = {each: _width(sample, each) for each in candidates}
    best = max(candidates, key=lambda each: scores[each])
    if declared is None:
        return best if scores[best] > 1 else likely
    if len(declared) != 1:
        raise UnreadableTableError(f"Separator {declared!r} is not one character.")
    if declared not in text.partition("\n")[0] and scores[best] > 1:
        raise UnreadableTableError(
            f"Separator {declared!r} is not in the first line; a {SEPARATORS[best]} is. "
            "Correct or remove separator."
        )
    return declared


def _width(sample: list[str], separator: str) -> int:
    """Fields of the header if most lines of the sample have as many, else 1."""
    widths = [len(record) for record in csv.reader(sample, delimiter=separator) if record]
    if not widths:
        return 1
    agreeing = Counter(widths)[widths[0]]
    return widths[0] if agreeing * 2 >= len(widths) else 1


def split(text: str, separator: str) -> Records:
    """Split a text into records; empty lines are no records.

    Raises
    ------
    UnreadableTableError
        A quotation mark is never closed.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    cells: list[list[str]] = []
    lines: list[int] = []
    start = 1
    with _collector_paused():
        try:
            for record in reader:
                if record:
                    cells.append(record)
                    lines.append(start)
                start = reader.line_num + 1
        except csv.Error:
            raise UnreadableTableError(unclosed(start)) from None
    if len(cells) > 1 and swallowed_rows(cells[-1][-1], len(cells[0]), separator):
        raise UnreadableTableError(unclosed(lines[-1]))
    return Records(cells, lines, separator)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Collect no garbage: among many records that all stay, looking for it takes longer than they.

    Where it was off before, it stays off.
    """
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def unclosed(line: int) -> str:
    """Say that a quotation mark is never closed."""
    return f"A quotation mark in line {line} is never closed. Close or remove it."


def swallowed_rows(last: str, width: int, separator: str) -> bool:
    """Whether the last cell of a file of `width` columns holds lines that are rows of their own."""
    inner = last.splitlines()[1:]
    return any(line.count(separator) >= width - 1 > 0 for line in inner)


def table_of(header: list[str], records: Records, header_rows: int) -> RawTable:
    """Make a table of records that fit its header.

    Parameters
    ----------
    header : list of str
        Names of the columns.
    records : Records
        All records of the file.
    header_rows : int
        Records before the first row.

    Raises
    ------
    UnreadableTableError
        Rows have another number of fields than the header, other than a cut last row.
    """
    cells, lines = records.cells[header_rows:], records.lines[header_rows:]
    width = len(header)
    aside = [""] * len(cells)
    misfits: list[str] = []
    for at, record in enumerate(cells):
        if len(record) > width and not any(cell.strip() for cell in record[width:]):
            cells[at] = record[:width]
        elif len(record) < width and at == len(cells) - 1:
            # Its last field may be cut as well, so it is not read.
            cells[at] = record[:-1] + [""] * (width - len(record) + 1)
            aside[at] = CUT_ROW
        elif len(record) != width:
            misfits.append(f"{lines[at]} ({len(record)})")
    if misfits:
        raise UnreadableTableError(
            f"Expected {width} field{'' if width == 1 else 's'} as in the header; found otherwise "
            f"in {len(misfits)} line{'' if len(misfits) == 1 else 's'}: {listed(misfits)}. "
            "Correct the lines, or set separator if it is not "
            f"a {SEPARATORS.get(records.separator, repr(records.separator))}."
        )
    # A column is one list for the garbage collector, where a million rows are a million.
    columns = [[record[at].strip() for record in cells] for at in range(width)]
    for at, row in enumerate(zip(*columns, strict=True)):
        if not aside[at] and not any(row):
            aside[at] = BLANK_ROW
    return _named(header, columns, aside, records.separator)


def _named(
    header: list[str], columns: list[list[str]], aside: list[str], separator: str
) -> RawTable:
    names = column_names(header, [any(column) for column in columns])
    kept = {at: columns[at] for at, name in enumerate(names) if name is not None}
    frame = pd.DataFrame(kept, index=range(len(aside)), dtype=object)
    frame.columns = pd.Index([name for name in names if name is not None], dtype=object)
    return RawTable(
        frame,
        pd.Series(aside, index=frame.index, dtype="str"),
        decimal_comma=separator == ";",
        notes=name_notes(header),
    )


def column_names(header: list[str], filled: list[bool]) -> list[str | None]:
    """Strip the names of columns; name those without one; None where there is nothing at all.

    Examples
    --------
    >>> column_names(["", " site ", ""], [True, True, False])
    ['column 1', 'site', None]
    """
    names: list[str | None] = []
    for at, (name, has_values) in enumerate(zip(header, filled, strict=True), start=1):
        names.append(name.strip() or (f"column {at}" if has_values else None))
    return names


def name_notes(header: list[str]) -> tuple[str, ...]:
    """Say which names of columns were stripped of blanks."""
    padded = [name for name in header if name.strip() and name != name.strip()]
    if not padded:
        return ()
    shown = listed([repr(name) for name in padded])
    return (f"Blanks around the name of a column were removed: {shown}.",)
