"""A spreadsheet that gives new sites their types by formulas alone."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from site_typology.answer_files import fill_sheet, put
from site_typology.models.ordinal import OrdinalBlock
from site_typology.short_cells import SHEET, Answer, Inputs, Row
from site_typology.short_formulas import CHECK, NONE, NOT_ENOUGH, WRONG, RuleFormulas
from site_typology.short_rule import FAR, PLACED, SHORT
from site_typology.short_words import asked_rows, limits_of, notes
from site_typology.spreadsheet import LINE_POINTS, harmless
from site_typology.workbook_bytes import workbook_bytes

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

    from site_typology.feature_info import FeatureInfo
    from site_typology.short_form import ShortForm
    from site_typology.short_question import Question
    from site_typology.short_words import Items

ROWS = 200
"""Sites that the sheet has room for."""
SITES, WORKING, QUESTIONS = "Sites", "Working", "Questions"
ANSWERS = ("type", "type number", "confidence", "next type", "next confidence")
WIDTH = 18
MOST_PROMPT, MOST_TITLE = 255, 32


@dataclass
class Asked:
    """Columns of the first sheet that are typed in: headings, and where each feature stands."""

    headings: list[str] = field(default_factory=lambda: ["site"])
    values: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, questions: Sequence[Question]) -> Asked:
        """Lay out the features, and after each the number of informants where it matters."""
        own = cls()
        for question in questions:
            for info in question.infos:
                own.headings.append(f"{info.name} [{info.unit}]" if info.unit else info.name)
                own.values[info.name] = len(own.headings)
            if question.counted:
                own.headings.append(f"{question.name}: number of informants or records")
                own.numbers[question.name] = len(own.headings)
        return own

    def inputs(self, row: int) -> Inputs:
        """Addresses of one site's cells."""
        from openpyxl.utils import get_column_letter

        def at(column: int) -> str:
            return f"{SITES}!${get_column_letter(column)}{row}"

        return Inputs(
            at(1),
            {name: at(column) for name, column in self.values.items()},
            {name: at(column) for name, column in self.numbers.items()},
        )


def sheet_bytes(found: ShortForm, items: Items, rows: int = ROWS) -> bytes:
    """Write the spreadsheet.

    Parameters
    ----------
    found : ShortForm
    items : mapping of str to list of Item
        Items behind features, see `site_typology.short_words.items_of`.
    rows : int
        Sites that there is room for.

    Returns
    -------
    bytes
        An ``.xlsx`` file: what to fill in and the answers, the questions, and two sheets with the
        figures and the steps in between. Cells with formulas are locked without a password.
    """
    from openpyxl import Workbook
    from openpyxl.utils import get_column_letter

    book = Workbook()
    book.properties.creator = "site-typology"
    sheet, questions = book.active, book.create_sheet(QUESTIONS)
    parameters, working = book.create_sheet(SHEET), book.create_sheet(WORKING)
    sheet.title = SITES
    asked, formulas = Asked.of(found.rule.questions), RuleFormulas(found.rule)
    fill_sheet(sheet, [str(harmless(text)) for text in (*asked.headings, *ANSWERS)], [], WIDTH)
    first = len(asked.headings) + 1
    for number in range(2, rows + 2):
        row = Row(number)
        answer = formulas.fill(row, asked.inputs(number))
        if number == 2:
            fill_sheet(working, [str(harmless(label)) for label in row.labels], [], WIDTH)
        for at, formula in enumerate(row.formulas, start=1):
            working.cell(number, at, formula)
        for at, formula in enumerate(_answers(answer), start=first):
            sheet.cell(number, at, formula)
        for at in (first + 2, first + 4):
            sheet.cell(number, at).number_format = "0.00"
    names = [len(str(name)) for name in (*found.rule.names.values(), NOT_ENOUGH)]
    for at in (first, first + 3):
        sheet.column_dimensions[get_column_letter(at)].width = max(names) + 2
    table = [(str(harmless(label)), harmless(value)) for label, value in formulas.parameters.rows]
    fill_sheet(parameters, ("what", "value"), table, 40)
    _ask(questions, found, items)
    _validate(sheet, found.rule.questions, asked, rows)
    _protect(sheet, len(asked.headings), rows)
    for other in (questions, parameters, working):
        other.protection.enable()
    working.sheet_state = "hidden"
    book.calculation.fullCalcOnLoad = True
    return workbook_bytes(book)


def _answers(answer: Answer) -> tuple[str, ...]:
    """Formulas of the cells that are read; blank in a row without a site."""

    def cell(address: str) -> str:
        return f"{WORKING}!{address}"

    state = cell(answer.state)
    said = f'IF({state}={FAR},"{NONE}",IF({state}={WRONG},"{CHECK}",""))'
    said = f'IF({state}={SHORT},"{NOT_ENOUGH}",{said})'

    def placed(value: str, otherwise: str = '""') -> str:
        return f"=IF({state}={PLACED},{value},{otherwise})"

    return (
        placed(f"INDEX({answer.names},{cell(answer.best)})", said),
        placed(cell(answer.best)),
        placed(cell(answer.confidence)),
        placed(f"INDEX({answer.names},{cell(answer.following)})"),
        placed(cell(answer.next_confidence)),
    )


def _ask(sheet: Worksheet, found: ShortForm, items: Items) -> None:
    """What to ask, and what to know of the answers."""
    from openpyxl.styles import Alignment
    from openpyxl.utils import get_column_letter

    headings, rows = asked_rows(found.rule.questions, items)
    fill_sheet(sheet, headings, [[harmless(text) for text in row] for row in rows], 30)
    letters = sum(sheet.column_dimensions[get_column_letter(at)].width for at in (1, 2, 3))
    for at, note in enumerate(notes(found), start=len(rows) + 3):
        put(sheet, at, 1, harmless(note)).alignment = Alignment(wrap_text=True, vertical="top")
        sheet.merge_cells(start_row=at, end_row=at, start_column=1, end_column=3)
        lines = len(textwrap.wrap(note, int(letters)))
        sheet.row_dimensions[at].height = LINE_POINTS * lines


def _validate(sheet: Worksheet, questions: Sequence[Question], asked: Asked, rows: int) -> None:
    for question in questions:
        for info in question.infos:
            _hold(sheet, asked.values[info.name], rows, info.title, _rule(question, info))
        if question.counted:
            at = asked.numbers[question.name]
            rule = _decimal(0.0, None)
            _hold(sheet, at, rows, question.title, (rule, "How many stand behind the value."))


def _rule(question: Question, info: FeatureInfo) -> tuple[Any, str]:
    """What a cell takes, and in words."""
    from openpyxl.worksheet.datavalidation import DataValidation

    low, high = limits_of(info)
    if low is None and isinstance(question.block, OrdinalBlock):
        levels = [f"{level:g}" for level in question.block.levels]
        if len(listed := ",".join(levels)) <= MOST_PROMPT - 2:
            rule = DataValidation("list", formula1=f'"{listed}"', allow_blank=True)
            return rule, f"One of: {', '.join(levels)}."
    said = f"From {low:g} to {high:g}." if low is not None and high is not None else "A number."
    return _decimal(low, high), said


def _decimal(low: float | None, high: float | None) -> Any:
    from openpyxl.worksheet.datavalidation import DataValidation

    least, most = (-1e300 if low is None else low), (1e300 if high is None else high)
    return DataValidation(
        "decimal", f"{least:.15g}", f"{most:.15g}", operator="between", allow_blank=True
    )


def _hold(sheet: Worksheet, at: int, rows: int, title: str, rule: tuple[Any, str]) -> None:
    """Let a column take what its rule allows, with a message where a cell is chosen."""
    from openpyxl.utils import get_column_letter

    validation, said = rule
    validation.promptTitle = title[:MOST_TITLE]
    validation.prompt = f"{title}. {said} Leave blank if not known."[:MOST_PROMPT]
    validation.errorTitle = "Not what this column takes"
    validation.error = f"{said} Leave it blank if not known."[:MOST_PROMPT]
    validation.errorStyle = "stop"
    validation.showErrorMessage = validation.showInputMessage = True
    letter = get_column_letter(at)
    validation.add(f"{letter}2:{letter}{rows + 1}")
    sheet.add_data_validation(validation)


def _protect(sheet: Worksheet, inputs: int, rows: int) -> None:
    """Lock all but what is typed in; without a password, so that it guards against slips only."""
    from openpyxl.styles import PatternFill, Protection

    fill = PatternFill("solid", fgColor="FFF7E0")
    for line in sheet.iter_rows(2, rows + 1, 1, inputs):
        for cell in line:
            cell.protection, cell.fill = Protection(locked=False), fill
    sheet.protection.enable()
