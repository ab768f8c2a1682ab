"""Figure of the axis: where each site lies on it, and how surely."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from site_typology.figure_canvas import COLOURS, FAINT, Drawing, evenly, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from site_typology.results import Axis

MOST_SITE_ROWS = 60
MOST_DOTS = 300


def axis_drawing(axis: Axis) -> Drawing:
    """Place of each site along the axis with its interval, from the lowest."""
    rows = axis.scores.sort_values(["score", "site"], ignore_index=True)
    named = len(rows) <= MOST_SITE_ROWS
    shown = rows if named else rows.iloc[evenly(len(rows), MOST_DOTS)].reset_index(drop=True)

    def draw(axes: list[Axes]) -> None:
        _draw(axes[0], shown, named)

    ends = rows.iloc[[0, -1]]
    words = (
        f"{len(rows)} sites from {ends['score'].iloc[0]:.0f} ({ends['site'].iloc[0]}) to "
        f"{ends['score'].iloc[1]:.0f} ({ends['site'].iloc[1]}) of 100, each with its 95% interval; "
        f"half of the intervals are narrower than {(rows['high'] - rows['low']).median():.0f}."
    )
    height = 1.0 + 0.24 * len(shown) if named else 4.0
    return Drawing("Sites along the axis", words, max(height, 2.0), draw)


def _draw(axis: Axes, rows: pd.DataFrame, named: bool) -> None:
    places = range(len(rows))
    axis.hlines(places, rows["low"], rows["high"], color=FAINT, linewidth=3 if named else 1)
    axis.plot(rows["score"], places, "o", color=COLOURS[0], markersize=7 if named else 2)
    axis.set_xlim(-2, 102)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_xlabel("Place on the axis (0 to 100) with 95% interval")
    axis.grid(axis="x", color="#e7eaee")
    axis.tick_params(axis="y", length=0, labelsize=9)
    if named:
        axis.set_yticks(places, [shortened(str(name), 24) for name in rows["site"]])
    else:
        axis.set_yticks([])
        axis.set_ylabel(f"{len(rows)} sites, lowest first")
