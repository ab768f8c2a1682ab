"""Rounds in words and files: tables, a page and a picture a step."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from site_typology.figure_canvas import render, save
from site_typology.figures_comparison import flow_drawing
from site_typology.output import write_csv, write_whole
from site_typology.report import render_page
from site_typology.rounds import Rounds
from site_typology.rounds_replays import MATTERS
from site_typology.rounds_sites import FOLLOWED

TEMPLATE = "rounds.html.j2"
FILES = ("rounds.json", "rounds.html", "sites.csv", "transitions.csv", "steps.csv", "drift.csv")
"""Every file that is always written; beside them ``flow-FROM-TO.svg``, one a step."""


def summary(found: Rounds) -> list[str]:
    """Say in a few sentences what was found: the advice, who moved, whether the types fit."""
    said = [f"Advice: {found.advice.counsel}. {found.advice.why}"]
    for row in found.steps.itertuples():
        said.append(step_words(row))
    for test in found.fit:
        said.append(
            f"Round {test.round}, {test.sites} sites: the types as they were would look as unlike "
            f"it with probability {test.p_types:.2f}; the shares of the types too, "
            f"{test.p_shares:.2f}. {test.none_of_these:.0%} of the sites lie beyond all types "
            f"({test.none_expected:.1%} expected). Types moved by {MATTERS:g} within-type SDs "
            f"would have been seen with probability {test.power:.2f}."
        )
    for round_, names in found.repeated.items():
        if names:
            said.append(
                f"Round {round_} has the same values as another round in {', '.join(names)}: one "
                "table serves both. They say nothing of moves or fit and are left out of round "
                f"{round_}."
            )
    return said


def step_words(row: Any) -> str:
    """Say how many sites moved in one step, and how sure that is."""
    if not row.followed:
        return (
            f"Round {row.from_round} to {row.to_round}: no site has enough data in both, so none "
            "is followed."
        )
    said = (
        f"Round {row.from_round} to {row.to_round}: {row.followed} sites are followed. About "
        f"{row.movers:.1f} moved to another type (95 % interval {row.movers_low:.0f} to "
        f"{row.movers_high:.0f}); comparing the types of each round would say "
        f"{row.naive_movers}. "
    )
    if row.movers_found:
        return said + (
            f"{row.called} are named as having moved, {row.unclear} are unclear. If nobody moved, "
            f"so many would seem to with probability {row.p_movers:.2f}."
        )
    return said + (
        "No site is named as having moved: measurement error alone would often show as many "
        f"(probability {row.p_movers:.2f}; {row.alone_expected:.1%} of the sites on average, up to "
        f"{row.alone_most:.1%})."
    )


def write_rounds(out: str | Path, found: Rounds) -> Path:
    """Write rounds to a folder, whole or not at all.

    Parameters
    ----------
    out : str or Path
        Gets `FILES` and a picture a step.
    found : Rounds

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    StudyError
        The folder cannot be written.
    """

    def fill(folder: Path) -> None:
        text = json.dumps(found.to_dict(), indent=1, allow_nan=False)
        (folder / "rounds.json").write_text(text + "\n", encoding="utf-8")
        (folder / "rounds.html").write_text(rounds_html(found), encoding="utf-8")
        for name in ("sites", "transitions", "steps", "drift"):
            write_csv(getattr(found, name), folder / f"{name}.csv")
        for flow in found.flows:
            name = re.sub(r"[^\w-]+", "_", f"flow-{flow.before.title}-{flow.after.title}")
            drawn = render("flow", flow_drawing(flow))
            (folder / f"{name}.svg").write_text(save(drawn), encoding="utf-8")

    return write_whole(Path(out), fill)


def rounds_html(found: Rounds) -> str:
    """Rounds as one page, without network or script; every text is escaped."""
    figures = {
        f"flow{at}": render(f"flow{at}", flow_drawing(flow)) for at, flow in enumerate(found.flows)
    }
    sites = found.sites[(found.sites["status"] == FOLLOWED) & (found.sites["call"] != "stayed")]
    apart = found.sites[found.sites["status"] != FOLLOWED]
    drift = found.drift.assign(
        sure=(found.drift["p_holm"] <= 0.05).to_numpy(dtype=bool),
    )
    return render_page(
        TEMPLATE,
        {
            "rounds": found.rounds,
            "base": found.base,
            "summary": summary(found),
            "advice": found.advice,
            "names": found.names,
            "flows": [(flow.before.title, flow.after.title) for flow in found.flows],
            "transitions": _records(found.transitions),
            "sites": _records(sites.sort_values("p_moved", ascending=False)),
            "stayed": int((found.sites["call"] == "stayed").sum()),
            "apart": _records(apart),
            "drift": _records(drift),
            "figures": figures,
        },
    )


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows with None where a figure is not known."""
    plain = table.astype(object)
    plain = plain.where(table.notna().to_numpy(dtype=bool), None)
    rows = plain.to_dict("records")
    return [
        {
            str(key): value.item() if isinstance(value, np.generic) else value
            for key, value in row.items()
        }
        for row in rows
    ]
