"""Figure of the quality report: how well each feature tells sites apart."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from site_typology.features.precision import MEASURED, POOR, TARGET
from site_typology.figure_canvas import COLOURS, FAINT, MUTED, Drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_FEATURES = 40
LABEL_WIDTH = 32
ROW, LINE = 0.27, 0.15
"""Inches for a feature, and for each further line of its name."""


def reliability_drawing(precision: pd.DataFrame) -> Drawing | None:
    """Reliability of each feature with its interval, and what more returns would bring.

    Parameters
    ----------
    precision : DataFrame
        As `site_typology.features.assessment.Assessment` holds it.

    Returns
    -------
    Drawing or None
        None where no feature has a reliability.
    """
    measured = precision[(precision["error"] == MEASURED) & precision["reliability"].notna()]
    if measured.empty:
        return None
    shown = measured.sort_values("reliability", ascending=False, kind="stable")
    shown = shown.iloc[:MOST_FEATURES].reset_index(drop=True)
    labels = [wrap(" ".join(title.split()), LABEL_WIDTH) for title in shown["title"]]
    heights = np.array([ROW + LINE * (len(lines) - 1) for lines in labels])
    ends = heights.cumsum()
    places = ends - heights / 2
    later = bool(shown["reliability_next"].notna().any())

    def draw(axes: list[Axes]) -> None:
        axis = axes[0]
        axis.axvspan(0, POOR, color="#f3e9e4", linewidth=0)
        axis.axvline(TARGET, color=MUTED, linestyle="--", linewidth=1)
        axis.hlines(places, shown["low"], shown["high"], color=FAINT, linewidth=4)
        axis.plot(shown["reliability"], places, "o", color=COLOURS[0], markersize=8, label="now")
        if later:
            axis.plot(
                shown["reliability_next"], places, "D", markersize=7, color=COLOURS[1],
                markerfacecolor="none", markeredgewidth=1.6, label="with three more returns a site",
            )  # fmt: skip
        axis.set_yticks(places, ["\n".join(lines) for lines in labels], fontsize=9)
        axis.set_ylim(ends[-1], 0)
        axis.set_xlim(-0.02, 1.02)
        axis.set_xlabel("Reliability")
        axis.tick_params(axis="y", length=0)
        if later:
            figure = axis.get_figure(root=True)
            if figure is not None:
                figure.legend(loc="outside upper left")

    points = ", ".join(f"{row.title} {row.reliability:.2f}" for row in shown.itertuples())
    return Drawing(
        "How well each feature tells sites apart",
        f"Reliability of {len(shown)} features, from 0 (all noise) to 1 (no noise), with 95% "
        f"intervals: {points}. A dashed line stands at {TARGET:g}.",
        1.0 + float(ends[-1]) + (0.5 if later else 0),
        draw,
    )
