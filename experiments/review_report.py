"""The report of a version with the decision on its first page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from site_typology.errors import Problem, StudyError

if TYPE_CHECKING:
    from site_typology.experiments.decision import Decision

TEMPLATE = "review.html.j2"
MAIN, LINKS = "<main>", '<nav aria-label="Contents">\n<ul>'
LINK = '\n<li><a href="#review">Review</a></li>'
OUTCOMES = {
    "done": "",
    "withdrawn": "Took no effect: another decision was made at the same time.",
    "failed": "Took no effect: the store failed, or it was stopped, before it could.",
    "": "Took no effect: it was cut off.",
}


def reviewed_report(
    report: str,
    decision: Decision,
    earlier: Sequence[Decision],
    suggested: Mapping[int, str],
) -> str:
    """Put a decision on the first page of a report, before everything that it says.

    Parameters
    ----------
    report : str
        The report as it was reviewed; nothing else in it is changed.
    decision : Decision
    earlier : sequence of Decision
        Decisions on this and other versions of the model before it, oldest first.
    suggested : mapping of int to str
        Names of the types in the report.

    Returns
    -------
    str
        A whole HTML page. Everything that a reviewer wrote is escaped.

    Raises
    ------
    StudyError
        It is no report of site-typology.
    """
    if MAIN not in report:
        said = "Is no report of site-typology. Run the study again."
        raise StudyError("report.html", [Problem("report", said)])
    section = review_section(decision, earlier, suggested)
    before, main, after = report.partition(MAIN)
    linked = before.replace(LINKS, LINKS + LINK, 1)
    return f"{linked}{main}\n{section}\n{after.lstrip()}"


def review_section(
    decision: Decision, earlier: Sequence[Decision], suggested: Mapping[int, str]
) -> str:
    """Write the section that carries a decision: what, who, why, names, and those before it."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    jinja = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.filters["when"] = _when
    return jinja.get_template(TEMPLATE).render(
        decision=decision,
        history=[(one, OUTCOMES[one.outcome]) for one in reversed(earlier)],
        names=[
            (number, name, suggested.get(number, "")) for number, name in decision.names.items()
        ],
    )


def _when(time: str) -> str:
    return f"{datetime.fromisoformat(time):%d %B %Y, %H:%M} UTC"
