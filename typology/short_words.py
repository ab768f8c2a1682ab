"""A short form in words: what to ask, and how far its answers can be trusted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from site_typology.document import clean
from site_typology.form import KIND_LIMITS
from site_typology.models.ordinal import OrdinalBlock

if TYPE_CHECKING:
    from site_typology.feature_info import FeatureInfo
    from site_typology.short_form import ShortForm
    from site_typology.short_question import Question
    from site_typology.study import Study

HEADINGS = ("question", "what it is", "answer", "at the fitted sites", "reversed")
MARKING = (
    "Internal: the smallest and largest value of a fitted site are shown. Take them out before it "
    "leaves the evaluation team."
)
_MARKS = re.compile(r"([\\`*_\[\]<>|#])")


@dataclass(frozen=True)
class Item:
    """One item of a survey scale.

    Parameters
    ----------
    column : str
        Its name in the survey.
    text : str
        The question as it was put; the column's name where the file does not have it.
    low, high : float
        Lowest and highest answer.
    reverse : bool
        Whether it is worded the other way round.
    """

    column: str
    text: str
    low: float
    high: float
    reverse: bool


Items = Mapping[str, Sequence[Item]]


def items_of(study: Study) -> dict[str, list[Item]]:
    """Items behind every feature of a study that is built from one of its scales."""
    scales = {scale.name: scale for scale in study.declaration.scales}
    found = {}
    for feature in study.declaration.features:
        scale = scales.get(str(feature.args.get("scale", "")))
        if scale is None:
            continue
        titles = study.tables.tables[scale.table].titles
        low, high = scale.range
        found[feature.name] = [
            Item(item, clean(titles.get(item, "")) or item, low, high, item in scale.reverse)
            for item in scale.items
        ]
    return found


def limits_of(info: FeatureInfo) -> tuple[float | None, float | None]:
    """Lowest and highest value that a feature can have, where known."""
    limits = KIND_LIMITS.get(info.kind, info.range)
    return limits if limits is not None else (None, None)


def asked_rows(
    questions: Sequence[Question], items: Items
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headings and rows of the table of questions: features, and under each its items."""
    rows: list[tuple[str, ...]] = []
    for question in questions:
        for info, (low, high) in zip(question.infos, question.seen, strict=True):
            said = clean(info.definition).rstrip(".")
            told = f"{clean(info.title)}: {said}." if said else f"{clean(info.title)}."
            rows.append((info.name, told, _allowed(question, info), f"{low:.4g} to {high:.4g}", ""))
        for item in items.get(question.name, ()):
            answer = f"{item.low:g} to {item.high:g}"
            turned = (
                f"yes: {item.low + item.high:g} less the answer counts" if item.reverse else "no"
            )
            rows.append((f"item {item.column}", item.text, answer, "", turned))
    return HEADINGS, rows


def _allowed(question: Question, info: FeatureInfo) -> str:
    low, high = limits_of(info)
    if low is None and isinstance(question.block, OrdinalBlock):
        return "one of " + ", ".join(f"{level:g}" for level in question.block.levels)
    unit = f" ({clean(info.unit)})" if info.unit else ""
    if low is None or high is None:
        return f"a number{unit}"
    return f"a number from {low:g} to {high:g}{unit}"


def summary(found: ShortForm) -> list[str]:
    """Say what was chosen and what it costs."""
    row, every = found.chosen, found.curve.iloc[-1]
    named = ", ".join(question.title for question in found.rule.questions)
    within = (
        f"the fewest whose loss is at most {found.max_loss:.1%}"
        if found.max_loss is not None
        else "the number asked for"
    )
    count, total = int(row["features"]), int(every["features"])
    return [
        f"{count} of {total} features ({within}): {named}.",
        f"Of new sites from the typology's own population, measured as a typical fitted site and "
        f"without gaps, {row['accuracy']:.1%} get their true type; with all features "
        f"{every['accuracy']:.1%}. The loss is {row['loss']:.1%} (Monte Carlo error "
        f"{row['loss_error']:.2%}). So it is in {found.studies} simulated studies of as many "
        "sites, where types and features are found anew.",
        f"Were the types known for certain, the loss would be {row['apparent_loss']:.1%}, which "
        f"is too good. {row['agreement']:.1%} of new sites get the type that all features would "
        "give.",
        f"Of {row['fitted']} fitted sites with a type, {row['fitted_agree']} get the same one from "
        "the short form. These sites helped to make the types and to choose the features, so "
        "this is no test of it.",
    ]


def notes(found: ShortForm) -> list[str]:
    """Say how the short form answers, and what its figures do not cover."""
    rule = found.rule
    return [
        *summary(found),
        MARKING,
        "The figures are those of the typology's model: if its types are not as the model has "
        "them, new sites will do worse. Every new site is taken to get an answer: those that are "
        "called none of these come on top. Only sites seen later can tell.",
        "A value has the error of a typical fitted site. Give the number of informants or records "
        "where it is asked for, and the error follows from it.",
        f"Cells may be blank; a site needs {rule.least} of {len(rule.features)} values, and parts "
        "of a composition count where all are there. Otherwise the answer is: not enough data.",
        "Farther from every type than members would be, the answer is: none of these. Where a cell "
        "holds a text, or a number that cannot be, it is: check the values.",
        "Survey items are asked of informants: turn the reversed ones, take each informant's mean, "
        "then the site's mean. Single items were not chosen apart from their scale.",
    ]


def questionnaire_markdown(found: ShortForm, items: Items) -> str:
    """Write the questionnaire as plain text that prints."""
    headings, rows = asked_rows(found.rule.questions, items)
    lines = [f"# {marked(found.title)}: short form", "", "Site: ______________________", ""]
    lines += ["| " + " | ".join((*headings, "your answer")) + " |"]
    lines += ["|" + "---|" * (len(headings) + 1)]
    lines += ["| " + " | ".join([*map(marked, row), "______"]) + " |" for row in rows]
    lines += ["", "## What to know", ""]
    lines += [f"- {marked(note)}" for note in notes(found)]
    return "\n".join(lines) + "\n"


def marked(text: str) -> str:
    r"""Keep a text from being read as Markdown or HTML.

    Examples
    --------
    >>> print(marked("a|b <i>"))
    a\|b \<i\>
    """
    return _MARKS.sub(r"\\\1", clean(text))
