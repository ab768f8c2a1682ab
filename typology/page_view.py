"""What the page shows, as plain values for its templates, and the filled templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from site_typology.answer import SiteAnswer
from site_typology.answer_words import type_words
from site_typology.collecting import SURE, percent
from site_typology.differences import Difference, MismatchError
from site_typology.errors import StudyError
from site_typology.page_entries import field_ids, form_groups
from site_typology.page_files import LIMITS, UNNAMED, cell_text, chunk_text
from site_typology.page_map import type_marks
from site_typology.page_picture import plain_svg
from site_typology.page_sites import Answered, Mistakes, Offered
from site_typology.profile_files import ERROR

MOST_WORDS = 400
"""Letters of a difference that are shown; files with many odd cells name all of them."""
STYLES = ("report.css", "page.css")


@dataclass(frozen=True)
class Typed:
    """What stands in the form.

    Parameters
    ----------
    site : str
    cells : mapping of str to str
        By column.
    """

    site: str
    cells: Mapping[str, str]

    @classmethod
    def of_row(cls, own: Offered, answered: Answered, at: int) -> Typed:
        """Fill in a site of a file, so that the form gives the same answer.

        A column that a file may lack means 0: an error of a value that is known exactly, or a part
        of a composition that no site of the file has.
        """
        given = answered.cells(at)
        cells = {name: cell_text(value) for name, value in given.items()}
        parts = {
            field.info.composition for field in own.form.used if cells.get(field.name, "") != ""
        } - {""}
        for field in own.form.used:
            if field.name not in given and field.info.composition in parts:
                cells[field.name] = "0"
            if field.name + ERROR not in given and cells.get(field.name, "") != "":
                cells[field.name + ERROR] = "0"
        return cls(str(answered.chunk.sites[at]), cells)


@dataclass(frozen=True)
class Result:
    """What the form came to.

    Parameters
    ----------
    answered : Answered or None
    at : int
        Row of the site that is shown.
    mistakes : Mistakes or None
        Where there is no answer.
    notes : tuple of Difference
        What is worth a look about this site.
    """

    answered: Answered | None = None
    at: int = 0
    mistakes: Mistakes | None = None
    notes: tuple[Difference, ...] = ()


def page_html(
    offers: Sequence[Offered],
    own: Offered,
    token: str,
    *,
    typed: Typed | None = None,
    result: Result | None = None,
    file: Mapping[str, Any] | None = None,
) -> str:
    """Write the whole page.

    Parameters
    ----------
    offers : sequence of Offered
    own : Offered
        The typology that is picked.
    token : str
        Goes into every form.
    typed : Typed, optional
        What stands in the form.
    result : Result, optional
        What it came to.
    file : mapping of str to object, optional
        From `file_content` or `file_problems`.

    Returns
    -------
    str
    """
    result = result or Result()
    mistakes = result.mistakes.by_column if result.mistakes else {}
    typology = own.typology
    content = {
        "offers": [(each.key, each.typology.name) for each in offers],
        "own": own,
        "token": token,
        "verdict": typology.evidence.verdict,
        "why": typology.evidence.why,
        "claimed": typology.evidence.claimed,
        "sites": len(typology.memberships),
        "marks": type_marks(dict(typology.names)) if typology.evidence.claimed else [],
        "site": typed.site if typed else "",
        "groups": form_groups(own, typed.cells if typed else {}, mistakes),
        "file": file,
        "limits": LIMITS,
        "title": _page_title(result, file),
        **answer_content(own, result),
    }
    return _templates().get_template("page.html.j2").render(content)


def answer_html(own: Offered, result: Result) -> str:
    """Write only what the form came to, to be put in place of what stood there."""
    content = answer_content(own, result)
    return _templates().get_template("page_answer.html.j2").render(content)


def answer_content(own: Offered, result: Result) -> dict[str, Any]:
    """What the form came to, for the template."""
    content: dict[str, Any] = {"answer": None, "mistakes": [], "said": "", "notes": []}
    if result.mistakes is not None:
        told = [
            {"id": field_ids(own).get(column, "site"), "column": column, "words": words}
            for column, words in result.mistakes.by_column.items()
        ]
        count = f"{len(told)} {'entry' if len(told) == 1 else 'entries'}"
        return {**content, "mistakes": told, "said": f"No answer: {count} to correct."}
    if result.answered is None:
        return content
    answer = result.answered.detail(result.at)
    drawn = answer.status in ("type", "none of these")
    return {
        **content,
        "answer": answer,
        "headline": headline(answer),
        "next": type_words(answer.next.type, answer.next.name) if answer.next else "",
        "settled": answer.confidence is not None and answer.confidence >= SURE,
        "said": f"{answer.site}: {headline(answer)}",
        "chances": [
            (type_words(one.type, one.name), one.probability, percent(one.probability))
            for one in answer.probabilities
        ],
        "marks": type_marks(dict(own.typology.names)),
        # Escaped where it was drawn.
        "picture": Markup(plain_svg(answer.picture())),  # noqa: S704
        "map": own.map.drawing(result.answered.assignment, result.at, answer) if drawn else None,
        "notes": difference_rows(result.notes),
        "verdict": own.typology.evidence.verdict,
    }


def headline(answer: SiteAnswer) -> str:
    """Say the answer in a few words."""
    if answer.status == "type" and answer.type is not None and answer.confidence is not None:
        words = type_words(answer.type, answer.name)
        return f"{words[0].upper()}{words[1:]}, {percent(answer.confidence)} sure"
    return f"{answer.status[0].upper()}{answer.status[1:]}"


def file_content(source: str, own: Offered, answered: Answered) -> dict[str, Any]:
    """Sites of a file with their types, for the template."""
    frame = answered.assignment.frame
    rounds = frame["round"].nunique() > 1
    names = own.typology.names
    rows = [
        {
            "at": at,
            "site": row.site,
            "round": row.round if rounds else "",
            "type": "" if not row.name else type_words(int(row.type), names[int(row.type)]),
            "sure": "" if not row.name else percent(row.confidence),
            "reason": row.reason,
        }
        for at, row in enumerate(frame.itertuples(index=False))
    ]
    return {
        "source": source,
        "rounds": rounds,
        "rows": rows,
        "placed": int(frame["type"].notna().sum()),
        "table": chunk_text(answered.chunk),
        "notes": difference_rows(answered.notes),
        "problems": [],
    }


def file_problems(error: StudyError) -> dict[str, Any]:
    """Say why a file was not answered, for the template."""
    content = {"source": error.source, "rows": [], "notes": []}
    if isinstance(error, MismatchError):
        stopping = [own for own in error.differences if own.stops]
        return {**content, "notes": difference_rows(stopping), "problems": [""]}
    return {**content, "problems": [shortened(own.message) for own in error.problems]}


def difference_rows(differences: Sequence[Difference]) -> list[tuple[str, str, str, str]]:
    """Column, what is expected, what was found and what to do."""
    return [
        (own.column, shortened(own.expected), shortened(own.found), own.remedy)
        for own in differences
    ]


def shortened(words: str) -> str:
    """Cut long words."""
    return words if len(words) <= MOST_WORDS else f"{words[: MOST_WORDS - 1]}…"


def _page_title(result: Result, file: Mapping[str, Any] | None) -> str:
    if result.mistakes is not None or (file and file["problems"]):
        return "To correct"
    if result.answered is not None:
        return str(result.answered.assignment.frame["site"].iloc[result.at] or UNNAMED)
    return "Sites of a file" if file else ""


def style_sheet() -> str:
    """The style sheets of the page, in one."""
    return "\n".join((_folder() / name).read_text("utf-8") for name in STYLES)


def script() -> str:
    """The script of the page, without which it works as well."""
    return (_folder() / "page.js").read_text("utf-8")


def _folder() -> Path:
    return Path(__file__).parent


@lru_cache(maxsize=1)
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_folder()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["tenth"] = lambda number: format(number, ".1f")
    return environment
