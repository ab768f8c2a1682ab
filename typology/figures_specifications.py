"""Figure of the specification curve: agreement in order, and under it the choices behind each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from site_typology.figure_canvas import FAINT, INK, MUTED, Drawing, colour, evenly, shortened
from site_typology.grid import CHOICES
from site_typology.models.clusterers import CLUSTERERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from site_typology.specification_curve import SpecificationCurve

MOST_DRAWN = 250
"""Specifications drawn; of more, so many are spread evenly over the curve."""
TITLES = {
    "features": "Features", "link": "Scale", "weights": "Response weights",
    "missing": "Gaps and errors", "space": "Space", "algorithm": "Algorithm",
    "k": "Number of types", "seed": "Random numbers",
}  # fmt: skip
"""Choices in words."""
LEVELS = {
    ("features", "all"): "all",
    ("algorithm", "mixture"): "mixture, with errors",
    ("algorithm", "kmedoids"): "k-medoids",
    ("algorithm", "stepmix"): "latent profiles",
    ("space", "features"): "all features",
    ("space", "pca"): "principal components",
    ("space", "famd"): "components, mixed data",
    ("space", "gower"): "Gower distance",
    ("space", "measured"): "as measured",
    ("link", "working"): "error-stabilising",
    ("link", "plain"): "plain numbers",
    ("weights", "declared"): "as declared",
    ("missing", "plausible"): "plausible values",
    ("missing", "conditional"): "one conditional mean",
    ("missing", "mean"): "column's mean",
    ("missing", "complete"): "complete cases",
    ("k", "auto"): "found by itself",
}
"""Levels in words, where their name does not say enough."""


def level_words(choice: str, level: object) -> str:
    """Say a level of a choice in words."""
    plain = CLUSTERERS[str(level)].title if choice == "algorithm" else str(level)
    text = LEVELS.get((choice, str(level)), plain)
    return text.replace("without:", "without ").replace("family:", "only ")


def specification_drawing(curve: SpecificationCurve) -> Drawing:
    """Agreement of every specification, lowest first, over ticks that say what each chose.

    Choices with one level are left out. Under each choice its levels stand in order of their
    median agreement, which the table has.

    Parameters
    ----------
    curve : SpecificationCurve
    """
    ordered = curve.table.dropna(subset=["agreement"]).sort_values("agreement", kind="stable")
    spread = np.zeros(len(ordered), dtype=bool)
    spread[evenly(len(ordered), MOST_DRAWN)] = True
    shown = ordered[spread | ordered["as_proposed"]].reset_index(drop=True)
    rows = _rows(ordered)

    def draw(axes: list[Axes]) -> None:
        upper, lower = axes
        grid = upper.get_subplotspec()
        if grid is not None:
            grid.get_gridspec().set_height_ratios([2.3, 0.2 * len(rows)])
        _draw_curve(upper, shown, curve)
        _draw_choices(lower, shown, rows)

    return Drawing(
        "How far the answer survives other choices",
        _description(curve, len(shown)),
        3.0 + 0.2 * len(rows),
        draw,
        2,
    )


def _draw_curve(axis: Axes, shown: pd.DataFrame, curve: SpecificationCurve) -> None:
    places = np.arange(len(shown))
    own = shown["as_proposed"].to_numpy(dtype=bool)
    axis.axhline(0, color=FAINT, linewidth=1)
    axis.plot(places, shown["agreement"], ".", color=MUTED, markersize=5, label="a specification")
    axis.plot(
        places[own], shown["agreement"][own], "D", color=colour(1), markersize=6,
        markerfacecolor="white", markeredgewidth=1.6,
        label="choices made beforehand, each number of types",
    )  # fmt: skip
    low = min(0.0, float(shown["agreement"].min()))
    axis.set_ylim(low - 0.05, 1.05)
    axis.set_xlim(-1, len(shown))
    axis.set_xticks([])
    whom = "the proposal" if curve.claimed else "the others"
    axis.set_ylabel(f"Agreement with\n{whom}")
    axis.grid(axis="y", color="#e7eaee")
    axis.legend(loc="lower right", fontsize=9, handletextpad=0.3)


def _draw_choices(axis: Axes, shown: pd.DataFrame, rows: list[tuple[str, str]]) -> None:
    """Draw one line of ticks a level, with a gap and a heading between choices."""
    marks: list[tuple[float, str]] = []
    place, before = 0.0, ""
    for choice, level in rows:
        if choice != before:
            marks.append((place, ""))
            axis.text(
                0, place, TITLES[choice], transform=axis.get_yaxis_transform(), fontsize=10,
                fontweight="bold", color=INK, va="center",
            )  # fmt: skip
            place, before = place + 1, choice
        at = np.flatnonzero(shown[choice].astype(str) == level)
        # One path a level: the ends of every tick, with a break after each.
        across = np.column_stack([at, at, np.full(len(at), np.nan)]).ravel()
        along = np.tile([place - 0.36, place + 0.36, np.nan], len(at))
        axis.plot(across, along, color=colour(1), linewidth=1.1, solid_capstyle="butt")
        marks.append((place, shortened(level_words(choice, level), 24)))
        place += 1
    named = [(at, words) for at, words in marks if words]
    axis.set_yticks([at for at, _ in named], [words for _, words in named], fontsize=9)
    axis.tick_params(axis="y", length=0)
    axis.set_ylim(place - 0.4, -0.6)
    axis.set_xlim(-1, len(shown))
    axis.set_xticks([])
    axis.set_xlabel("Specifications, lowest agreement first")
    for side in ("left", "bottom"):
        axis.spines[side].set_visible(False)


def _rows(ordered: pd.DataFrame) -> list[tuple[str, str]]:
    """Levels of the choices that vary, in order of median agreement, the highest first."""
    rows = []
    for choice in CHOICES:
        levels = ordered.groupby(ordered[choice].astype(str))["agreement"].median()
        if len(levels) > 1:
            highest = levels.sort_values(ascending=False, kind="stable")
            rows += [(choice, str(level)) for level in highest.index]
    return rows


def _description(curve: SpecificationCurve, drawn: int) -> str:
    agreement = curve.agreement
    whom = "the proposal" if curve.claimed else "the other specifications"
    text = (
        f"Adjusted Rand agreement of {len(agreement)} specifications with {whom}: from "
        f"{agreement.min():.2f} to {agreement.max():.2f}, median {agreement.median():.2f}."
    )
    if drawn < len(agreement):
        text += f" {drawn} of them are drawn, spread evenly over the curve."
    levels = curve.levels()
    for choice in CHOICES:
        own = levels[levels["choice"] == choice]
        if len(own) > 1:
            medians = ", ".join(
                f"{level_words(choice, row.level)} {row.median_agreement:.2f}"
                for row in own.itertuples()
            )
            text += f" {TITLES[choice]}, median agreement: {medians}."
    return text
