"""Figure of a plan: power against the number of sites."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from site_typology.figure_canvas import MUTED, Drawing, colour, evenly, shape, whole
from site_typology.planning_words import under

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from site_typology.planning_settings import PlanSettings

MOST_LINES, MOST_PANELS = 8, 4


def plan_drawing(table: pd.DataFrame, settings: PlanSettings) -> Drawing:
    """Power by sites, a line for informants and response, a panel for each separation.

    Bars are one Monte Carlo standard error. Of more than 8 lines or 4 separations, some are drawn,
    spread evenly; the table has all.

    Parameters
    ----------
    table : DataFrame
        From `site_typology.planning_table.plan_table`.
    settings : PlanSettings
    """
    groups = [(key, rows) for key, rows in table.groupby(["informants", "response"], dropna=False)]
    lines = [groups[at] for at in evenly(len(groups), MOST_LINES)]
    tried = sorted(table["separation"].unique())
    panels = [float(tried[at]) for at in evenly(len(tried), MOST_PANELS)]

    def draw(axes: list[Axes]) -> None:
        for axis, separation in zip(axes, panels, strict=True):
            for at, ((informants, response), rows) in enumerate(lines, start=1):
                here = rows[rows["separation"] == separation].sort_values("sites")
                axis.errorbar(
                    here["sites"], here["power"], yerr=here["power_error"], color=colour(at),
                    marker=shape(at), markersize=7, linewidth=2, capsize=3,
                    label=under(informants, response),
                )  # fmt: skip
            _finish(axis, separation, settings.target, sorted(table["sites"].unique()))
        axes[-1].set_xlabel("Sites")
        whole(axes[0]).legend(*axes[0].get_legend_handles_labels(), loc="outside upper left")

    here = table[table["separation"] == settings.matters]
    points = "; ".join(
        f"{row.power:.2f} (Monte Carlo error {row.power_error:.2f}) with {row.sites} sites "
        f"{under(float(row.informants), float(row.response))}"
        for row in here.itertuples()
    )
    return Drawing(
        "How many sites it takes to find types",
        f"Share of simulated studies in which {settings.k} planted types {settings.matters:g} SD "
        f"apart are found: {points}. Asked for: {settings.target:g}.",
        0.6 + 0.27 * len(lines) + 2.3 * len(panels),
        draw,
        len(panels),
    )


def _finish(axis: Axes, separation: float, target: float, sites: list[int]) -> None:
    axis.axhline(target, color=MUTED, linestyle="--", linewidth=1)
    axis.set_title(f"Types {separation:g} SD apart", loc="left")
    axis.set_xscale("log")
    axis.set_xticks(sites, [f"{number}" for number in sites])
    axis.minorticks_off()
    axis.set_ylim(-0.02, 1.05)
    axis.set_ylabel(f"Share found\n(dashed: {target:g})")
    axis.grid(axis="y", color="#e7eaee")
