"""Files of a short form: questionnaire, spreadsheet, and the curve with its page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from site_typology.figure_canvas import Drawing, colour, render, save
from site_typology.output import write_csv, write_whole
from site_typology.report import render_page
from site_typology.short_sheet import sheet_bytes
from site_typology.short_words import MARKING, asked_rows, notes, questionnaire_markdown, summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from site_typology.short_form import ShortForm
    from site_typology.short_words import Items

PAGE, QUESTIONNAIRE = "short_form.html.j2", "questionnaire.html.j2"
FILES = (
    "short-form.json",
    "short-form.html",
    "short-form.xlsx",
    "questionnaire.md",
    "questionnaire.html",
    "curve.csv",
    "curve.svg",
)


def write_short_form(out: Path, found: ShortForm, items: Items) -> Path:
    """Write `FILES` to a folder, whole or not at all.

    Raises
    ------
    StudyError
        The folder cannot be written.
    """

    def fill(folder: Path) -> None:
        drawn = render("curve", curve_drawing(found))
        texts = {
            "short-form.json": json.dumps(found.to_dict(), indent=1, allow_nan=False) + "\n",
            "short-form.html": page(found, drawn),
            "questionnaire.md": questionnaire_markdown(found, items),
            "questionnaire.html": questionnaire_html(found, items),
            "curve.svg": save(drawn),
        }
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        (folder / "short-form.xlsx").write_bytes(sheet_bytes(found, items))
        write_csv(found.curve, folder / "curve.csv")

    return write_whole(out, fill)


def page(found: ShortForm, drawn: str) -> str:
    """The curve as one page, without network or script; every text is escaped."""
    content = {
        "title": found.title,
        "summary": summary(found),
        "notes": [note for note in notes(found)[len(summary(found)) :] if note != MARKING],
        "curve": found.curve.to_dict("records"),
        "marking": "Internal: not for sharing outside the evaluation team.",
        "figures": {"curve": drawn},
    }
    return render_page(PAGE, content)


def questionnaire_html(found: ShortForm, items: Items) -> str:
    """The questionnaire as a page that prints."""
    headings, rows = asked_rows(found.rule.questions, items)
    content = {
        "title": found.title,
        "headings": headings,
        "rows": rows,
        "notes": [note for note in notes(found) if note != MARKING],
        "marking": MARKING,
        "figures": {},
    }
    return render_page(QUESTIONNAIRE, content)


def curve_drawing(found: ShortForm) -> Drawing:
    """Accuracy by number of features; bars are two Monte Carlo standard errors."""
    curve = found.curve

    def draw(axes: list[Axes]) -> None:
        axis = axes[0]
        for at, (name, label) in enumerate(
            (("accuracy", "get their true type"), ("agreement", "get the type of all features")),
            start=1,
        ):
            axis.errorbar(
                curve["features"], curve[name], yerr=2 * curve[f"{name}_error"], color=colour(at),
                marker="os"[at - 1], markersize=6, linewidth=2, capsize=3, label=label,
            )  # fmt: skip
        axis.axvline(float(found.chosen["features"]), color="#6b7280", linestyle="--", linewidth=1)
        axis.set_xticks(curve["features"], [f"{number}" for number in curve["features"]])
        axis.set_xlabel("Features asked for (dashed: chosen)")
        axis.set_ylabel("Share of new sites")
        axis.set_ylim(top=1.002)
        axis.legend(loc="lower right", frameon=False)
        axis.grid(axis="y", color="#e7eaee")

    points = "; ".join(
        f"{row.features}: {row.accuracy:.3f} and {row.agreement:.3f}" for row in curve.itertuples()
    )
    return Drawing(
        "How many features it takes to place new sites",
        "Share of simulated new sites that get their true type, and the type that all features "
        f"give, by number of features: {points}.",
        3.6,
        draw,
    )
