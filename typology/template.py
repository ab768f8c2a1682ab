"""A file to fill new sites in: columns, lists, ranges and help as the typology needs them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from site_typology.answer_files import fill_sheet, put
from site_typology.document import clean
from site_typology.errors import Problem, StudyError
from site_typology.form import Field, Form, shown_list
from site_typology.new_site_files import SHEET
from site_typology.new_sites import expected_number
from site_typology.profile_files import COUNT, ERROR
from site_typology.spreadsheet import neutralise
from site_typology.workbook_bytes import workbook_bytes

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

HELP_HEADINGS = (
    "column",
    "what it is",
    "unit",
    "allowed",
    "smallest at fitted sites",
    "median at fitted sites",
    "largest at fitted sites",
    "what to leave blank",
)
LAST_ROW = 1_048_576
MOST_PROMPT, MOST_TITLE = 255, 32
"""Letters that Excel shows in a cell's input message, and in its title."""
MOST_NUMBER = 1e300
DIGITS = 6
FORMATS = ("csv", "xlsx")


def template_bytes(form: Form, kind: str) -> bytes:
    r"""Make a template.

    Parameters
    ----------
    form : Form
    kind : {"csv", "xlsx"}
        A CSV file has the headings only.

    Returns
    -------
    bytes
        Of the file.

    Examples
    --------
    >>> from site_typology.feature_info import FeatureInfo
    >>> wait = Field(FeatureInfo("wait", unit="weeks"), True, True, False, None, (), None)
    >>> template_bytes(Form("Wave 1", (wait,)), "csv").decode("utf-8-sig")
    'site,wait [weeks],wait__se\r\n'
    """
    if kind == "csv":
        headings = [heading for heading, _, _ in template_columns(form)]
        table = neutralise(pd.DataFrame(columns=headings))
        # The mark at the start lets spreadsheets read letters beyond ASCII as they are.
        text: str = table.to_csv(index=False, lineterminator="\r\n")
        return text.encode("utf-8-sig")
    return _workbook(form)


def write_template(form: Form, out: Path) -> None:
    """Write a template to a ``.csv`` or ``.xlsx`` file, see `template_bytes`."""
    from site_typology.whole_files import whole_files

    kind = out.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        said = f"{out}: Expected a name that ends in .xlsx or .csv."
        raise StudyError("template", [Problem("--out", said)])
    with whole_files({"--out": out}, command="template") as places:
        places["--out"].write_bytes(template_bytes(form, kind))


def template_columns(form: Form) -> list[tuple[str, Field | None, str]]:
    """Heading, field and ending of every column; features that place a site come first.

    Of the others, categories are asked for and no more: they say what kind of site it is.
    """
    columns: list[tuple[str, Field | None, str]] = [("site", None, "")]
    for field in form.fields:
        if not field.used and not field.category:
            continue
        columns.append((field.heading, field, ""))
        if field.used and field.uncertain:
            columns.append((field.name + ERROR, field, ERROR))
        if field.used and field.counted:
            columns.append((field.name + COUNT, field, COUNT))
    return columns


def _workbook(form: Form) -> bytes:
    from openpyxl import Workbook
    from openpyxl.comments import Comment

    book = Workbook()
    sheet, lists = book.active, book.create_sheet("Lists")
    sheet.title = SHEET
    columns = template_columns(form)
    fill_sheet(sheet, _safe([heading for heading, _, _ in columns]), [], width=20)
    for at, (heading, field, ending) in enumerate(columns, start=1):
        told = _help(field, ending)
        comment = Comment(clean(told), "site-typology", width=360, height=160)
        sheet.cell(1, at).comment = comment
        _validate(sheet, lists, at, heading, field, ending)
    _explain(book.create_sheet("Help", 1), form, columns)
    lists.sheet_state = "hidden"
    return workbook_bytes(book)


def _safe(texts: Sequence[str]) -> list[str]:
    cleaned = [clean(text) for text in texts]
    return [str(text) for text in neutralise(pd.DataFrame({"text": cleaned}))["text"]]


def _validate(
    sheet: Worksheet, lists: Worksheet, at: int, heading: str, field: Field | None, ending: str
) -> None:
    """Let a column take what its field allows, with a message where a cell is chosen."""
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    letter = get_column_letter(at)
    if field is not None and field.codes and not ending:
        codes: list[Any] = _safe([str(code) for code in field.codes if isinstance(code, str)])
        codes = codes or list(field.codes)
        for row, code in enumerate(codes, start=1):
            put(lists, row, at, code)
        place = f"Lists!${letter}$1:${letter}${len(codes)}"
        rule = DataValidation("list", formula1=place, allow_blank=True)
    elif field is not None:
        low, high = (field.limits or (None, None)) if not ending else (0.0, None)
        rule = _number_rule(DataValidation, low, high)
    else:
        rule = DataValidation("textLength", "0", operator="greaterThan", allow_blank=True)
    rule.promptTitle = clean(heading)[:MOST_TITLE]
    rule.prompt = clean(_help(field, ending))[:MOST_PROMPT]
    rule.errorTitle = "Not what this column takes"
    expected = f"Expected {_allowed(field, ending)}. Leave it blank if not known."
    rule.error = clean(expected)[:MOST_PROMPT]
    # A category may be new; everything else would be refused when the sites are assigned.
    category = field is not None and field.category
    rule.errorStyle = "warning" if category else "stop"
    rule.showErrorMessage = rule.showInputMessage = True
    rule.add(f"{letter}2:{letter}{LAST_ROW}")
    sheet.add_data_validation(rule)


def _number_rule(validation: Any, low: float | None, high: float | None) -> Any:
    least = f"{low:g}" if low is not None and low > -MOST_NUMBER else f"-{MOST_NUMBER:g}"
    most = f"{high:g}" if high is not None and high < MOST_NUMBER else f"{MOST_NUMBER:g}"
    return validation("decimal", least, most, operator="between", allow_blank=True)


def _allowed(field: Field | None, ending: str) -> str:
    if field is None:
        return "a name, each site once"
    if field.codes and not ending:
        return f"one of: {shown_list(field.codes)}"
    return expected_number(field, ending)


def _blank(field: Field | None, ending: str) -> str:
    if field is None:
        return "Never: every site needs a name."
    if ending == ERROR:
        return "Where the error is not known: that of the fitted sites is taken. 0 means exact."
    if ending == COUNT:
        return "Where it is not known how many informants or records stand behind the value."
    if not field.used:
        return "Anywhere: it describes sites, and no site is placed by it."
    return "Where the value is not known: 0 or a code for missing would count as a value."


def _help(field: Field | None, ending: str) -> str:
    """What to know of a column, in a few sentences."""
    parts = [_meaning(field, ending), f"Allowed: {_allowed(field, ending)}."]
    if field is not None and field.seen is not None and not ending:
        parts.append(f"At the fitted sites {field.seen[0]:g} to {field.seen[2]:g}.")
    return (
        " ".join([*parts, f"Leave blank: {_blank(field, ending)[:1].lower()}"])
        + (_blank(field, ending)[1:])
    )


def _shown(value: float) -> float:
    """A figure to compare with: as many digits as can be read."""
    return float(f"{value:.{DIGITS}g}")


def _meaning(field: Field | None, ending: str) -> str:
    if field is None:
        return "What the site is called."
    if ending == ERROR:
        return f"Standard error of {field.info.title}, in its unit."
    if ending == COUNT:
        return f"Number of informants or records behind {field.info.title}."
    said = field.info.definition.rstrip(".")
    return f"{field.info.title}: {said}." if said else f"{field.info.title}."


def _explain(
    sheet: Worksheet, form: Form, columns: Sequence[tuple[str, Field | None, str]]
) -> None:
    """Write the sheet that explains every column."""
    rows = []
    for heading, field, ending in columns:
        plain = field if field is not None and not ending else None
        seen: tuple[float | None, ...] = (None,) * 3
        if plain is not None and plain.seen is not None:
            seen = tuple(_shown(value) for value in plain.seen)
        unit = plain.info.unit if plain is not None else ""
        told = (_meaning(field, ending), unit, _allowed(field, ending))
        rows.append((heading, *told, *seen, _blank(field, ending)))
    table = neutralise(pd.DataFrame(rows, columns=list(HELP_HEADINGS)))
    fill_sheet(sheet, HELP_HEADINGS, table.itertuples(index=False, name=None), width=28)
    last = len(rows) + 3
    put(sheet, last, 1, f"Template of the typology {form.title!r}: one row a site.")
    put(sheet, last + 1, 1, "Units stand in brackets; another unit there is refused.")
