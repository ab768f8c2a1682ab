"""Figure of a comparison: how many sites flow from which type to which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from site_typology.comparison import NOT_PLACED, Comparison
from site_typology.figure_canvas import FAINT, INK, Drawing, colour, shortened

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

GAP = 0.08
"""Space between two bars, as a share of the height."""
BAR = 0.06
Band = dict[int, tuple[float, float]]


def flow_drawing(comparison: Comparison) -> Drawing:
    """Sites as bands from the types of one side to those of the other (an alluvial diagram)."""
    flow = comparison.flow
    moved = flow.loc[flow["from_type"] != flow["to_type"], "sites"].sum()
    words = "; ".join(
        f"{_name(comparison, 'from_type', row.from_type)} to "
        f"{_name(comparison, 'to_type', row.to_type)}: {row.sites}"
        for row in flow.itertuples()
    )
    groups = max(flow["from_type"].nunique(), flow["to_type"].nunique())
    return Drawing(
        f"From {comparison.before.title} to {comparison.after.title}",
        f"{flow['sites'].sum()} sites are in both, {moved} of them not under the same type. "
        f"{words}.",
        1.4 + 0.75 * groups,
        lambda axes: _draw(axes[0], comparison),
    )


def _draw(axis: Axes, comparison: Comparison) -> None:
    flow = comparison.flow
    left, right = _bars(flow, "from_type"), _bars(flow, "to_type")
    _bands(axis, comparison, left, right)
    for side, bars, x in (("from_type", left, 0.0), ("to_type", right, 1.0)):
        for kind, (low, high) in bars.items():
            edge = x if x == 0 else x - BAR
            axis.fill_between([edge, edge + BAR], low, high, color=_shade(kind), linewidth=0)
            count = int(flow.loc[flow[side] == kind, "sites"].sum())
            axis.annotate(
                f"{shortened(_name(comparison, side, kind), 26)} ({count})",
                (x, high),
                (0, 3), textcoords="offset points", fontsize=9, color=INK,
                ha="left" if x == 0 else "right", va="bottom",
            )  # fmt: skip
    axis.set_xlim(0, 1)
    axis.set_ylim(-0.02, 1.12)
    axis.set_xticks([BAR / 2, 1 - BAR / 2], [comparison.before.title, comparison.after.title])
    first, second = axis.get_xticklabels()
    first.set_horizontalalignment("left")
    second.set_horizontalalignment("right")
    axis.tick_params(length=0)
    axis.set_yticks([])
    axis.spines[["left", "bottom"]].set_visible(False)


def _bars(flow: pd.DataFrame, side: str) -> Band:
    """From where to where the bar of each type reaches, the first type on top."""
    sizes = flow.groupby(side)["sites"].sum()
    kinds = sorted(sizes.index, key=lambda kind: (kind == NOT_PLACED, kind))
    scale = (1 - GAP * (len(kinds) - 1)) / sizes.sum()
    top, bars = 1.0, {}
    for kind in kinds:
        bars[int(kind)] = (top - sizes[kind] * scale, top)
        top -= sizes[kind] * scale + GAP
    return bars


def _bands(axis: Axes, comparison: Comparison, left: Band, right: Band) -> None:
    import numpy as np

    along = np.linspace(0, 1, 60)
    bend = 3 * along**2 - 2 * along**3
    x = BAR + (1 - 2 * BAR) * along
    used: dict[tuple[str, int], float] = {}
    rows = sorted(
        comparison.flow.itertuples(),
        key=lambda row: (row.from_type == NOT_PLACED, row.from_type, row.to_type == 0, row.to_type),
    )
    for row in rows:
        ends = []
        for side, bars, kind in (("left", left, row.from_type), ("right", right, row.to_type)):
            low, high = bars[kind]
            total = comparison.flow.loc[
                comparison.flow["from_type" if side == "left" else "to_type"] == kind, "sites"
            ].sum()
            top = high - used.get((side, kind), 0.0)
            depth = (high - low) * row.sites / total
            used[side, kind] = used.get((side, kind), 0.0) + depth
            ends.append((top - depth, top))
        (a, b), (c, d) = ends
        axis.fill_between(
            x, a + (c - a) * bend, b + (d - b) * bend,
            color=_shade(row.from_type), alpha=0.35, linewidth=0,
        )  # fmt: skip


def _shade(kind: int) -> str:
    return FAINT if kind == NOT_PLACED else colour(kind)


def _name(comparison: Comparison, side: str, kind: int) -> str:
    if kind == NOT_PLACED:
        return "No type"
    found = comparison.before if side == "from_type" else comparison.after
    name = found.names[kind]
    return name if str(kind) in name else f"{kind} {name}"
