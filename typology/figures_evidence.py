"""Figures of the evidence and the data: null test, power, missing cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from site_typology.figure_canvas import (
    COLOURS,
    FAINT,
    INK,
    MUTED,
    SHAPES,
    Drawing,
    shortened,
    whole,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from site_typology.profiles import SiteProfiles
    from site_typology.results import NullTest, Power

MOST_ROWS, MOST_COLUMNS = 60, 24


def null_drawing(test: NullTest) -> Drawing:
    """Strength of the grouping in data made without types, and the one observed."""
    most = max(float(test.reference_maxima.max()), test.observed)
    least = min(float(test.reference_maxima.min()), test.observed)

    def draw(axes: list[Axes]) -> None:
        from matplotlib.ticker import MaxNLocator

        axis = axes[0]
        axis.hist(test.reference_maxima, bins=np.linspace(least, most, 21).tolist(),
                  color=FAINT, edgecolor="white")  # fmt: skip
        axis.axvline(test.observed, color=COLOURS[1], linewidth=2.5)
        near_right = test.observed > (least + most) / 2
        axis.annotate(
            "this study", (test.observed, 1.0), (-5 if near_right else 5, -2),
            xycoords=("data", "axes fraction"), textcoords="offset points",
            ha="right" if near_right else "left", va="top", color=COLOURS[1], weight="bold",
        )  # fmt: skip
        axis.set_xlabel("How much better types fit than none\n(standardised; grey: no types)")
        axis.set_ylabel("Simulated data sets")
        axis.yaxis.set_major_locator(MaxNLocator(integer=True))
        axis.margins(y=0.2)

    return Drawing(
        "This study beside studies without types",
        f"Histogram of {test.draws} simulated data sets made from {test.against} without types. "
        f"{test.exceeding} of them look as grouped as this study or more (p = {test.p_value:.3g}).",
        3.1,
        draw,
    )


def power_drawing(power: Power) -> Drawing:
    """How often types would be found, by how far apart they are."""
    table = power.table.sort_values("separation")

    def draw(axes: list[Axes]) -> None:
        axis = axes[0]
        axis.axhline(power.target, color=MUTED, linestyle="--", linewidth=1)
        axis.errorbar(
            table["separation"], table["power"], yerr=table["standard_error"],
            color=COLOURS[0], marker="o", markersize=8, linewidth=2, capsize=3,
        )  # fmt: skip
        axis.set_xticks(table["separation"].tolist())
        axis.set_ylim(-0.02, 1.05)
        axis.set_xlabel("How far apart the types are\n(standard deviations within a type)")
        axis.set_ylabel(f"Share found (dashed: {power.target:g})")
        axis.grid(axis="y", color="#e7eaee")

    points = ", ".join(
        f"{row.power:.2f} at separation {row.separation:g}" for row in table.itertuples()
    )
    return Drawing(
        "Would types have been found?",
        f"Share of simulated studies like this one in which planted types are found: {points}. "
        f"Asked for: {power.target:g}.",
        3.1,
        draw,
    )


def missing_drawing(profiles: SiteProfiles) -> Drawing:
    """Cells without a value and why: a map of them, or shares where there are too many."""
    reasons = profiles.reasons.droplevel("round")
    counts = pd.Series(reasons.to_numpy().ravel()).value_counts().drop("", errors="ignore")
    kinds = [str(reason) for reason in counts.index]
    titles = [info.title for info in profiles.features]
    cells = int(counts.sum())
    listed = ", ".join(f"{reason} {count}" for reason, count in counts.items())
    words = (
        f"{cells} of {reasons.size} cells ({cells / max(reasons.size, 1):.0%}) have no value"
        + (f": {listed}." if listed else ".")
    )
    if reasons.shape[0] <= MOST_ROWS and reasons.shape[1] <= MOST_COLUMNS:

        def draw_cells(axes: list[Axes]) -> None:
            _draw_cells(axes[0], reasons, titles, kinds)

        height = 2.9 + 0.2 * len(reasons) + 0.24 * len(kinds)
        return Drawing("Missing cells, site by site", words, height, draw_cells)

    def draw_shares(axes: list[Axes]) -> None:
        _draw_shares(axes[0], reasons, titles, kinds)

    height = 1.2 + 0.26 * len(titles) + 0.24 * len(kinds)
    return Drawing("Missing cells, feature by feature", words, height, draw_shares)


def _draw_cells(axis: Axes, reasons: pd.DataFrame, titles: list[str], kinds: list[str]) -> None:
    grid = reasons.to_numpy()
    known = np.argwhere(grid == "")
    axis.plot(known[:, 1], known[:, 0], ".", color=FAINT, markersize=4, label="value known")
    for at, kind in enumerate(kinds):
        rows, columns = np.nonzero(grid == kind)
        axis.plot(columns, rows, SHAPES[(at + 1) % len(SHAPES)], linestyle="", markersize=7,
                  color=COLOURS[(at + 1) % len(COLOURS)], label=kind)  # fmt: skip
    axis.set_xticks(
        range(len(titles)), [shortened(title, 24) for title in titles], rotation=90, fontsize=9
    )
    axis.set_yticks(
        range(len(reasons)), [shortened(str(site), 18) for site in reasons.index], fontsize=9
    )
    axis.set_ylim(len(reasons) - 0.4, -0.6)
    axis.set_xlim(-0.6, len(titles) - 0.4)
    axis.tick_params(length=0)
    for side in ("left", "bottom"):
        axis.spines[side].set_visible(False)
    whole(axis).legend(loc="outside upper left")


def _draw_shares(axis: Axes, reasons: pd.DataFrame, titles: list[str], kinds: list[str]) -> None:
    left = np.zeros(len(titles))
    hatches = ("", "///", "...", "xx", "\\\\\\", "++", "oo", "--")
    for at, kind in enumerate(kinds):
        share = (reasons == kind).to_numpy().mean(axis=0)
        axis.barh(range(len(titles)), share, left=left, height=0.7, label=kind,
                  color=COLOURS[(at + 1) % len(COLOURS)], hatch=hatches[at % len(hatches)],
                  edgecolor="white")  # fmt: skip
        left += share
    axis.set_yticks(range(len(titles)), [shortened(title, 30) for title in titles], fontsize=9)
    axis.set_ylim(len(titles) - 0.4, -0.6)
    axis.set_xlim(0, 1)
    axis.set_xlabel("Share of sites without a value")
    axis.tick_params(axis="y", length=0)
    if kinds:
        whole(axis).legend(loc="outside upper left")
    else:
        axis.text(0.5, 0.5, "No cell is missing", transform=axis.transAxes, ha="center", color=INK)
