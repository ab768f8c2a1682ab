"""Parts of the quality report as rows of text: response map, gaps, reliability, oddities."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pandas as pd

from site_typology.declaration import ONE_ROUND
from site_typology.features.assessment import Assessment
from site_typology.features.chasing import NEXT_RETURNS
from site_typology.features.findings import findings
from site_typology.features.missingcells import NOTHING, missing_by
from site_typology.features.precision import CATEGORY, EXACT, POOR, TARGET, UNKNOWN
from site_typology.features.returns import left_out
from site_typology.figure_canvas import listed
from site_typology.figures_quality import reliability_drawing
from site_typology.report_data import NOT_SHOWN, measure_words
from site_typology.report_oddities import change_rows, extreme_rows, feature_units, same_rows
from site_typology.report_sources import agreement_rows, weight_rows
from site_typology.report_words import USES, figure

MOST_SITES, MOST_CHASED, MOST_ROWS, MOST_NAMED = 60, 15, 25, 8
LEVELS = {"fine": "Fine", "look": "Look", "act": "To do"}
LEFT_OUT = {"text": "left out", "rate": "", "band": "none"}
BANDS = (0.2, 0.4, 0.6, 0.8)
SHOWN_ELSEWHERE = ("reliability", "informants_per_site", "response_rate", "zeros", *NOT_SHOWN)
PARTS_OF_AN_INDEX = ("weight of ", "centre of ", "spread of ")


def quality_content(assessment: Assessment) -> dict[str, Any]:
    """Everything that the template ``quality_part.html.j2`` shows.

    Parameters
    ----------
    assessment : Assessment

    Returns
    -------
    dict
        Plain values; texts are not escaped, the template does that.
    """
    from site_typology.figure_canvas import render

    said = [
        {
            "section": found.section.replace(" ", "-"),
            "title": found.title,
            "level": found.level,
            "word": LEVELS[found.level],
            "found": found.found,
            "do": found.do,
        }
        for found in findings(assessment)
    ]
    drawing = reliability_drawing(assessment.precision)
    units = feature_units(assessment)
    return {
        "findings": said,
        "round": "" if assessment.round == ONE_ROUND else assessment.round,
        "minimum": assessment.minimum,
        "next": NEXT_RETURNS,
        "target": f"{TARGET:g}",
        "response": _response(assessment),
        "chase": _chase(assessment),
        "missing": _missing(assessment),
        "reliability": [_precision(row) for row in assessment.precision.itertuples()],
        "thin": _thin(assessment),
        "weights": weight_rows(assessment),
        "agreement": agreement_rows(assessment),
        "same": same_rows(assessment),
        "extremes": extreme_rows(assessment, units),
        "changes": change_rows(assessment, units),
        "figure": render("reliability", drawing) if drawing is not None else "",
    }


def _response(assessment: Assessment) -> dict[str, Any]:
    """Response map: one row a site, one column a table and round; lowest response first.

    The round that the report is about stands first, so that a narrow screen shows it.
    """
    aside = left_out(assessment.response)
    groups = [
        (str(table), str(round_), own[~aside[own.index]].set_index("site"))
        for (table, round_), own in assessment.response.groupby(["table", "round"], sort=False)
    ]
    keys = ["table", "round", "site"]
    kept_out = set(assessment.response.loc[aside, keys].itertuples(index=False, name=None))
    if not groups:
        return {"headings": [], "rows": [], "all": [], "left_out": 0}
    others = [each for each in assessment.profiles.rounds if each != assessment.round]
    order_of = {ONE_ROUND: 0, assessment.round: 0}
    order_of |= {round_: at for at, round_ in enumerate(reversed(others), start=1)}
    groups.sort(key=lambda group: order_of.get(group[1], len(order_of)))
    sites = [str(site) for site in assessment.profiles.sites]
    now = [own for _, round_, own in groups if round_ in (assessment.round, ONE_ROUND)]
    now = now or [own for _, _, own in groups]
    rates = pd.concat([own["rate"].reindex(sites) for own in now], axis=1).mean(axis=1)
    counts = pd.concat([own["responded"].reindex(sites) for own in now], axis=1)
    order = pd.DataFrame({"rate": rates, "n": counts.sum(axis=1)}, index=sites)
    order = order.sort_values(["rate", "n"], kind="stable", na_position="last")
    shown = [str(site) for site in order.index[:MOST_SITES]]
    totals = [
        own[own["eligible"].notna()] if own["eligible"].notna().any() else own
        for _, _, own in groups
    ]
    return {
        "headings": [
            {"table": table, "round": "" if round_ == ONE_ROUND else f"round {round_}"}
            for table, round_, _ in groups
        ],
        "key": _key() if assessment.response["eligible"].notna().any() else [],
        "all": [
            _answered(own["responded"].sum(), own["eligible"].sum(min_count=1)) for own in totals
        ],
        "rows": [
            {
                "site": site,
                "cells": [
                    LEFT_OUT
                    if (table, round_, site) in kept_out
                    else _answered(own["responded"].get(site, math.nan), own["eligible"].get(site))
                    for table, round_, own in groups
                ],
                "silent": site in assessment.silent,
            }
            for site in shown
        ],
        "left_out": len(sites) - len(shown),
    }


def _key() -> list[dict[str, str]]:
    """What each shade of the map means."""
    limits = [f"{limit:.0%}" for limit in BANDS]
    words = ["nobody", f"under {limits[0]}"]
    words += [f"{low} to under {high}" for low, high in pairwise(limits)]
    return [
        {"band": str(band), "text": text}
        for band, text in enumerate([*words, f"{limits[-1]} or more"])
    ]


def _answered(responded: float, eligible: float | None) -> dict[str, str]:
    """One cell of the response map: its words and how dark it is."""
    if responded is None or math.isnan(responded):
        return {"text": "–", "rate": "", "band": "none"}
    if eligible is None or math.isnan(eligible):
        return {"text": f"{int(responded):,}", "rate": "", "band": "none" if responded else "0"}
    if eligible == 0 and not responded:
        return {"text": "nobody asked", "rate": "", "band": "none"}
    if eligible == 0:
        return {"text": f"{int(responded):,} of 0", "rate": "", "band": "none"}
    rate = responded / eligible
    band = sum(rate >= limit for limit in BANDS) + 1 if responded else 0
    return {
        "text": f"{int(responded):,} of {int(eligible):,}",
        "rate": f"{rate:.0%}",
        "band": str(band),
    }


def _chase(assessment: Assessment) -> dict[str, Any]:
    rows = [
        {
            "rank": row.rank,
            "site": str(row.site),
            "table": str(row.table),
            "use": USES[str(row.use)],
            "answered": f"{row.responded:,.0f} of {row.eligible:,.0f}",
            "left": f"{row.left:,.0f}",
            "known": f"{row.known:.0%}",
            "known_next": f"{row.known_next:.0%}",
            "known_all": f"{row.known_all:.0%}",
        }
        for row in assessment.chase.head(MOST_CHASED).itertuples()
    ]
    return {"rows": rows, "left_out": len(assessment.chase) - len(rows)}


def _missing(assessment: Assessment) -> dict[str, Any]:
    cells = assessment.missing[assessment.missing["round"] == assessment.round]
    titles = {info.name: info.title for info in assessment.profiles.features}
    tables: dict[str, Any] = {}
    for by in ("feature", "site"):
        counted = missing_by(cells, by)
        tables[by] = [
            {
                "name": titles.get(row[by], row[by]),
                "cells": f"{row['cells']:,}",
                "to_chase": f"{row['to_chase']:,}",
                "reasons": [f"{reason}: {n:,}" for reason, n in row["reasons"].items()],
            }
            for row in counted.head(MOST_ROWS).to_dict("records")
        ]
        tables[f"{by}_left_out"] = max(0, len(counted) - MOST_ROWS)
    remedies = cells.groupby(["reason", "remedy"], sort=False).size().sort_values(ascending=False)
    tables["reasons"] = [
        {"reason": reason, "remedy": remedy, "cells": f"{n:,}", "chase": remedy != NOTHING}
        for (reason, remedy), n in remedies.items()
    ]
    return tables


def _precision(row: Any) -> dict[str, Any]:
    told = [
        measure_words(name, float(value))
        for name, value in row.measurement.items()
        if name not in SHOWN_ELSEWHERE and not name.startswith(PARTS_OF_AN_INDEX)
    ]
    known = not math.isnan(row.reliability)
    return {
        "title": row.title,
        "use": USES[row.use],
        "sites": f"{row.sites:,}",
        "n": figure(round(row.n, 1)) if not math.isnan(row.n) else "",
        "reliability": f"{row.reliability:.2f}" if known else "",
        "interval": "" if math.isnan(row.low) else f"{row.low:.2f} to {row.high:.2f}",
        "words": _words(row),
        "needed": _needed(row),
        "next": "" if math.isnan(row.reliability_next) else f"{row.reliability_next:.2f}",
        "measures": told,
        "poor": known and row.reliability < POOR,
    }


def _words(row: Any) -> str:
    """Say a reliability so that nobody needs to know what it is."""
    if row.error == CATEGORY:
        return "A category; no error is known."
    if row.error == EXACT:
        return "Taken as exact."
    if row.error == UNKNOWN:
        return "Its error is not known."
    if math.isnan(row.reliability):
        return "Too few sites to say."
    if row.reliability <= 0:
        return "Sites differ no more than chance makes them."
    if row.reliability < POOR:
        return "Mostly noise: single sites cannot be told apart."
    if row.reliability < TARGET:
        return "Signal and noise: groups of sites can be compared, single sites hardly."
    return "Tells sites apart."


def _needed(row: Any) -> str:
    if math.isnan(row.n) or row.error == EXACT:
        return ""
    if math.isnan(row.needed):
        return "cannot be said"
    if row.reliability >= TARGET:
        return "enough"
    return f"{row.needed:,.0f} ({row.needed - row.n:,.0f} more)"


def _thin(assessment: Assessment) -> list[dict[str, str]]:
    rows = []
    for (_, title), own in assessment.thin.groupby(["feature", "title"], sort=False):
        one = [str(site) for site in own.loc[own["n"] <= 1, "site"]]
        few = [str(site) for site in own.loc[own["n"] > 1, "site"]]
        rows.append(
            {
                "title": title,
                "one": listed(one, MOST_NAMED) or "none",
                "few": listed(few, MOST_NAMED) or "none",
                "number": str(len(own)),
            }
        )
    return rows
