"""What ``site-typology check`` prints: what was read, linked, missing and why, and the response."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from site_typology.declaration import ONE_ROUND
from site_typology.features.assessment import Assessment
from site_typology.features.coverage import (
    empty_returns,
    features_by_round,
    missing_by_column,
    response_by_site,
    rows_by_table,
    rows_set_aside,
    stray_marks,
)
from site_typology.features.finding import ACT, FINE, LOOK
from site_typology.features.findings import findings
from site_typology.features.rawtable import cell_text, listed
from site_typology.features.tables import StudyTables
from site_typology.profiles import SiteProfiles

if TYPE_CHECKING:
    from rich.console import Console

_MOST_COLUMNS = 15
_MOST_SITES = 200
_NOTHING, _UNKNOWN = "-", "not known"


def print_check(
    console: Console, tables: StudyTables, profiles: SiteProfiles | None = None
) -> None:
    """Print what came in, table by table, and what of it reaches the profiles.

    Parameters
    ----------
    console : rich.console.Console
    tables : StudyTables
    profiles : SiteProfiles, optional
        Adds the features: sites with a value, gaps by reason, numbers behind.
    """
    study = tables.declaration.study
    rounds = f", rounds {', '.join(study.rounds)}" if study.rounds else ""
    _say(console, f"{study.title or study.name}: {len(tables.sites)} sites{rounds}")
    _print_rows(console, tables)
    _print_set_aside(console, tables)
    _print_files(console, tables)
    _print_missing(console, tables)
    _print_marks(console, tables)
    _print_response(console, tables)
    if profiles is not None:
        _print_features(console, profiles, tables.declaration.typology_round)


def _print_rows(console: Console, tables: StudyTables) -> None:
    rows = rows_by_table(tables)
    _grid(
        console,
        "Tables: rows read, and sites that have rows",
        ["table", "file", "rows", "used", "set aside", "sites linked", "without rows"],
        (
            (
                row.table, row.file, _count(row.rows), _count(row.used), _count(row.set_aside),
                _count(row.sites), _count(row.sites_without_rows),
            )
            for row in rows.itertuples()
        ),
        numbers=5,
    )  # fmt: skip
    ledger = tables.ledger
    without = ledger[(ledger["entry"] == "site") & (ledger["outcome"] == "no rows")]
    for name, group in without.groupby("table", sort=False):
        _say(console, f"Sites without rows in {name}: {listed(list(group['site']), 12)}.")


def _print_set_aside(console: Console, tables: StudyTables) -> None:
    aside = rows_set_aside(tables)
    if len(aside):
        _grid(
            console,
            "Rows set aside",
            ["table", "reason", "sites they name", "rows"],
            (
                (row.table, row.reason, listed(row.sites, 6) or _NOTHING, _count(row.n))
                for row in aside.itertuples()
            ),
            numbers=1,
        )


def _print_files(console: Console, tables: StudyTables) -> None:
    ledger = tables.ledger
    for name, group in ledger[ledger["entry"] == "column"].groupby("table", sort=False):
        dropped = [reason.removeprefix("personal column ") for reason in group["reason"]]
        _say(console, f"Personal columns of {name}, dropped: {', '.join(dropped)}.")
    for row in ledger[ledger["entry"] == "file"].itertuples():
        _say(console, f"{row.table}: {row.reason}")


def _print_missing(console: Console, tables: StudyTables) -> None:
    missing = missing_by_column(tables)
    lines = []
    more = []
    for name, group in missing.groupby("table", sort=False):
        by_column = group.groupby("column", sort=False).agg({"n": "sum", "in_study": "first"})
        order = by_column.sort_values(["in_study", "n"], ascending=False, kind="stable").index
        for column in order[:_MOST_COLUMNS]:
            own = group[group["column"] == column]
            reasons = _reasons(dict(zip(own["reason"], own["n"], strict=True)))
            mark = "*" if own["in_study"].any() else ""
            lines.append((str(name), f"{column}{mark}", _percent(own["share"].sum()), reasons))
        if len(order) > _MOST_COLUMNS:
            more.append(f"{len(order) - _MOST_COLUMNS} more columns of {name} have missing cells")
    if lines:
        title = "Missing cells among the rows in use (* named by a scale or feature)"
        _grid(console, title, ["table", "column", "missing", "reasons"], lines)
    for line in more:
        _say(console, f"{line}.")


def _print_marks(console: Console, tables: StudyTables) -> None:
    marks = stray_marks(tables)
    for (name, column), group in marks.groupby(["table", "column"], sort=False):
        shown = [f"{cell_text(row.mark)!r} ({row.n})" for row in group.itertuples()]
        _say(
            console,
            f"tables.{name}: {column!r} is read as text because of {listed(shown, 5)}. If "
            f"{'this means' if len(shown) == 1 else 'these mean'} missing, declare it under "
            "missing with its reason.",
        )


def _print_response(console: Console, tables: StudyTables) -> None:
    for row in empty_returns(tables).itertuples():
        _say(
            console,
            f"{row.table}: {row.empty:,} of {row.returns:,} returns have no answer in any column "
            "that a scale or feature takes, and count as returns. Leave them out with where if "
            "they are none.",
        )
    response = response_by_site(tables)
    if response.empty:
        return
    groups = list(response.groupby(["table", "round"], sort=False))
    headings = [
        name if round_ == ONE_ROUND else f"{name}, {round_}" for (name, round_), _ in groups
    ]
    by_site = [group.set_index("site") for _, group in groups]
    lowest = pd.concat([group["rate"] for group in by_site], axis=1).mean(axis=1)
    sites: Sequence[str] = tables.sites
    if len(sites) > _MOST_SITES:
        sites = [str(site) for site in lowest.sort_values(kind="stable").index[:_MOST_SITES]]
    body = [
        (
            "all",
            *(_answered(_in_all(group)) for group in by_site),
        )
    ]
    body += [(site, *(_answered(group.loc[site]) for group in by_site)) for site in sites]
    _grid(console, "Response: answered of asked", ["site", *headings], body, numbers=len(groups))
    if len(sites) < len(tables.sites):
        _say(console, f"The {len(sites)} sites with the lowest response of {len(tables.sites)}.")
    for heading, group in zip(headings, by_site, strict=True):
        over = [str(site) for site in group.index[group["rate"] > 1]]
        if over:
            _say(console, f"{heading}: more answered than were asked at {listed(over)}.")


def _in_all(group: pd.DataFrame) -> pd.Series:
    """Sums over the sites whose number asked is known, or over all where none is."""
    numbers = group[["eligible", "responded"]].astype(float)
    known = numbers[numbers["eligible"].notna()]
    return (numbers if known.empty else known).sum(min_count=1)


def _answered(row: pd.Series) -> str:
    responded, eligible = row["responded"], row["eligible"]
    if np.isnan(responded):
        return _UNKNOWN
    if np.isnan(eligible):
        return _count(responded)
    if eligible == 0:
        return f"{_count(responded)} of 0"
    return f"{_count(responded)} of {_count(eligible)} ({_percent(responded / eligible)})"


def _print_features(console: Console, profiles: SiteProfiles, typology_round: str) -> None:
    features = features_by_round(profiles, typology_round)
    _grid(
        console,
        "Features: sites with a value, the number behind it (median), and why others have none",
        ["feature", "use", "round", "sites", "n", "ICC(1)", "gaps"],
        (
            (
                row.feature,
                row.use,
                row.round,
                f"{row.with_value} of {row.sites}",
                _NOTHING if np.isnan(row.n) else f"{row.n:g}",
                _NOTHING if np.isnan(row.icc1) else f"{row.icc1:.3f}",
                _reasons(row.reasons) or _NOTHING,
            )
            for row in features.itertuples()
        ),
    )


def print_findings(console: Console, assessment: Assessment) -> None:
    """Print what an assessment found, a line or two a section, and what to do about it.

    Parameters
    ----------
    console : rich.console.Console
    assessment : Assessment
    """
    words = {FINE: "fine", LOOK: "look", ACT: "to do"}
    _grid(
        console,
        "How good the data are",
        ["", "question", "answer"],
        (
            (words[found.level], found.title, f"{found.found} {found.do}".strip())
            for found in findings(assessment)
        ),
    )


def _grid(
    console: Console,
    title: str,
    headings: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numbers: int = 0,
) -> None:
    """Print a table; the last `numbers` columns are set right."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for at, heading in enumerate(headings):
        right = at >= len(headings) - numbers
        grid.add_column(heading, justify="right" if right else "left", overflow="fold")
    for row in rows:
        # Text, not str: square brackets in a name are no markup.
        grid.add_row(*(Text(str(cell)) for cell in row))
    console.print(grid)


def _say(console: Console, sentence: str) -> None:
    console.print(sentence, markup=False, highlight=False)


def _reasons(counts: dict[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{reason} {_count(n)}" for reason, n in ordered)


def _count(number: float) -> str:
    return f"{int(number):,}"


def _percent(share: float) -> str:
    return f"{share:.0%}"
