"""A comparison of typologies in words and files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from site_typology.comparison import Comparison
from site_typology.figure_canvas import render, save
from site_typology.figures_comparison import flow_drawing
from site_typology.output import write_csv, write_whole
from site_typology.report import render_page

TEMPLATE = "comparison.html.j2"


def summary(comparison: Comparison) -> str:
    """Say in two sentences how far two typologies agree."""
    figures = comparison.figures
    before, after = comparison.before.title, comparison.after.title
    placed = int(figures["placed_in_both"])
    counted = (
        f"{int(figures['sites_in_both'])} sites are in both, {placed} of them have a type in both."
    )
    if np.isnan(figures["adjusted_rand"]):
        without = [side.title for side in (comparison.before, comparison.after) if not side.names]
        why = f" {' and '.join(without)} claims no types." if without else ""
        return f"{before} and {after}: {counted}{why} There is nothing to compare."
    return (
        f"{before} and {after}: {counted} {figures['same_type']:.0%} of these are of the same "
        f"type (adjusted Rand index {figures['adjusted_rand']:.2f}, adjusted mutual information "
        f"{figures['adjusted_mutual_information']:.2f}; 1 is full agreement, 0 what chance gives)."
    )


def write_comparison(out: str | Path, comparison: Comparison) -> Path:
    """Write a comparison to a folder, whole or not at all.

    Parameters
    ----------
    out : str or Path
        Gets ``comparison.html``, ``comparison.json``, ``flow.csv``, ``sites.csv`` and
        ``flow.svg``.
    comparison : Comparison

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    StudyError
        The folder cannot be written.
    """
    picture = render("flow", flow_drawing(comparison))

    def fill(folder: Path) -> None:
        text = json.dumps(comparison.to_dict(), indent=1, allow_nan=False)
        (folder / "comparison.json").write_text(text + "\n", encoding="utf-8")
        (folder / "comparison.html").write_text(comparison_html(comparison), encoding="utf-8")
        (folder / "flow.svg").write_text(save(picture), encoding="utf-8")
        write_csv(comparison.flow, folder / "flow.csv")
        write_csv(comparison.sites, folder / "sites.csv")

    return write_whole(Path(out), fill)


def comparison_html(comparison: Comparison) -> str:
    """The comparison as one page, without network or script; every text is escaped."""
    rows = comparison.sites.astype(object).where(comparison.sites.notna(), "")
    moved = rows[rows["status"] != "same"]
    return render_page(
        TEMPLATE,
        {
            "before": comparison.before,
            "after": comparison.after,
            "summary": summary(comparison),
            "renumbered": {own: to for own, to in comparison.numbers.items() if own != to},
            "flow": _named(comparison),
            "moved": moved.to_dict("records"),
            "unmoved": len(rows) - len(moved),
            "figures": {"flow": render("flow", flow_drawing(comparison))},
        },
    )


def _named(comparison: Comparison) -> list[dict[str, object]]:
    rows = comparison.flow.to_dict("records")
    return [
        {
            **row,
            "from_name": comparison.before.names.get(row["from_type"], "no type"),
            "to_name": comparison.after.names.get(row["to_type"], "no type"),
        }
        for row in rows
    ]
