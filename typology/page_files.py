"""What an analyst hands to the page, as tables: an uploaded file, one site typed in, one shown."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from site_typology.declaration import ONE_ROUND
from site_typology.errors import Problem, StudyError
from site_typology.form import Field, Form
from site_typology.new_site_files import (
    SheetLimits,
    address,
    csv_problem,
    delimiter_of,
    workbook_of,
)
from site_typology.new_sites import Chunk, RawTable
from site_typology.profile_checks import INDEX
from site_typology.template import template_columns

LIMITS = SheetLimits(unpacked=50_000_000, rows=1000, columns=1000)
"""What the page reads of a file; the command takes more."""
MOST_NAME = 80
UNNAMED = "New site"
"""What a site is called that was typed in without a name."""


def upload_table(name: str, content: bytes, limits: SheetLimits = LIMITS) -> RawTable:
    r"""Read an uploaded file, in memory and no further than the limits.

    Parameters
    ----------
    name : str
        As the browser gives it: its ending says what the file is, and messages call it so. It is
        never used as a path.
    content : bytes
    limits : SheetLimits

    Returns
    -------
    RawTable

    Raises
    ------
    StudyError
        Another kind of file, a damaged one, or one beyond the limits.

    Examples
    --------
    >>> table = upload_table("../new.csv", b"site,need\nNorth,2.5\n")
    >>> table.source, table.headings, list(table.rows)
    ('new.csv', ['site', 'need'], [(2, ['North', '2.5'])])
    """
    shown = shown_name(name)
    if name.lower().endswith(".xlsx"):
        return workbook_of(shown, content, limits)
    if name.lower().endswith(".csv"):
        try:
            return csv_text_table(shown, content.decode("utf-8-sig"), limits)
        except UnicodeDecodeError as error:
            said = "Not a CSV file in UTF-8. Save it as 'CSV UTF-8'."
            raise StudyError(shown, [Problem("file", said)]) from error
    raise StudyError(shown, [Problem("file", "Expected a file that ends in .csv or .xlsx.")])


def shown_name(name: str) -> str:
    r"""Name a file in a message: without folders and control signs, and not too long.

    Examples
    --------
    >>> shown_name("C:\\sites\\new.csv"), shown_name("../../etc/pass\twd")
    ('new.csv', 'pass wd')
    """
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    plain = "".join(sign if sign.isprintable() else " " for sign in last).strip()
    return (plain if len(plain) <= MOST_NAME else f"{plain[: MOST_NAME - 1]}…") or "file"


def csv_text_table(source: str, text: str, limits: SheetLimits = LIMITS) -> RawTable:
    """Read a CSV file that is in memory; commas or semicolons between fields."""
    lines = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter_of(text.partition("\n")[0])
    )
    kept: list[tuple[int, Sequence[object]]] = []
    number = 0
    try:
        headings = next(lines, [])
        for number, cells in enumerate(lines, start=2):
            if any(cell.strip() for cell in cells):
                kept.append((number, [cell if cell.strip() else None for cell in cells]))
            limits.check(source, len(kept), max(len(headings), len(cells)))
    except csv.Error as error:
        raise StudyError(source, [Problem("file", csv_problem(error, number))]) from error
    if not headings:
        raise StudyError(source, [Problem("file", "It is empty.")])
    return RawTable(source, headings, iter(kept), address)


def typed_table(form: Form, site: str, cells: Mapping[str, str]) -> RawTable:
    """Make a table of one site that was typed in.

    Parameters
    ----------
    form : Form
    site : str
    cells : mapping of str to str
        What was typed, by column (``FEATURE``, ``FEATURE__se``, ``FEATURE__n``).
    """
    columns = [field.name + ending for field, ending in form_columns(form)]
    row = [cells.get(column, "").strip() or None for column in columns]
    rows: Iterator[tuple[int, Sequence[object]]] = iter([(1, [site.strip() or UNNAMED, *row])])
    return RawTable("the form", ["site", *columns], rows, lambda row, column: "")


def form_columns(form: Form) -> list[tuple[Field, str]]:
    """Field and ending of every column of the template that a site is placed by."""
    return [(field, end) for _, field, end in template_columns(form) if field and field.used]


def chunk_text(chunk: Chunk) -> str:
    r"""Write sites as CSV text, so that a page can hand them back; nothing else keeps them.

    Examples
    --------
    >>> one = np.array(["North"], dtype=object), np.array(["all"], dtype=object)
    >>> chunk_text(Chunk(*one, {"need": np.array([2.5])}, {}))
    'site,round,need\r\nNorth,all,2.5\r\n'
    """
    text = io.StringIO()
    writer = csv.writer(text)
    columns = {**chunk.numbers, **chunk.categories}
    writer.writerow([*INDEX, *columns])
    for at in range(len(chunk)):
        cells = [cell_text(column[at]) for column in columns.values()]
        writer.writerow([chunk.sites[at], chunk.rounds[at] or ONE_ROUND, *cells])
    return text.getvalue()


def cell_text(value: object) -> str:
    """Write one value so that it reads back as the same; blank where there is none.

    Examples
    --------
    >>> cell_text(0.1), cell_text(2.0), cell_text(float("nan")), cell_text("NHS")
    ('0.1', '2', '', 'NHS')
    """
    if isinstance(value, float):
        return "" if np.isnan(value) else repr(float(value)).removesuffix(".0")
    return "" if value is None else str(value)
