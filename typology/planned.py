"""``site-typology plan``: read what is asked, simulate, print the table and write the files."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from site_typology.console import output_console, progress_bar, tell
from site_typology.declaration import StudyDeclaration
from site_typology.errors import Problems, StudyError
from site_typology.output import check_writable
from site_typology.planning import Plan, as_declared, plan
from site_typology.planning_profiles import declared_counts, only_declared
from site_typology.planning_settings import (
    Assumptions,
    PlanSettings,
    assumption_problems,
    setting_problems,
)
from site_typology.study import Study
from site_typology.study_file import STUDY_FILE, read_declaration

HEADS = (
    "sites", "informants", "response", "separation", "power", "false alarms", "agreement",
    "placed", "rightly", "reliability",
)  # fmt: skip
LISTS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "sites": ("sites", int),
    "informants": ("informants", int),
    "response": ("response", float),
    "separations": ("separation", float),
}


def plan_study(
    study: Path | None,
    out: Path,
    *,
    lists: Mapping[str, str | None],
    settings: Mapping[str, Any],
    assumptions: Mapping[str, Any],
    surveys: Sequence[str] = (),
    workers: int = 1,
    as_json: bool = False,
) -> Plan:
    """Plan from the command line.

    Parameters
    ----------
    study : Path or None
        A study file, or the folder that it stands in; its tables may not be there yet.
    out : Path
        Folder for the results.
    lists : mapping of str to str or None
        Values tried, separated by commas, by name of the setting.
    settings, assumptions : mapping of str
        Other fields of `PlanSettings` and `Assumptions`; None where nothing is said.
    surveys : sequence of str
        As in `site_typology.plan`.
    workers : int
    as_json : bool
        Print the result as JSON and nothing else.

    Raises
    ------
    StudyError
        With every problem found in what was asked, the study and the folder.
    """
    found = Problems("plan")
    stated = {name: value for name, value in settings.items() if value is not None}
    for name, text in lists.items():
        if text is not None:
            where, kind = LISTS[name]
            if numbers := _numbers(text, where, kind, found):
                stated[name] = numbers
    assumed = {name: value for name, value in assumptions.items() if value is not None}
    found.extend(setting_problems({**_defaults(PlanSettings), **stated}))
    declaration, loaded = _read(study, assumed, found)
    known = declared_counts(declaration) if declaration is not None and loaded is None else {}
    found.extend(assumption_problems({**_defaults(Assumptions), **known, **assumed}))
    try:
        check_writable(out)
    except StudyError as error:
        found.extend(error.problems)
    found.raise_if_any()
    asked = PlanSettings(**stated)
    if declaration is not None and loaded is None:
        asked = as_declared(asked, declaration.typology)
    title = loaded.title if loaded is not None else "plan"
    with progress_bar(title, quiet=as_json) as progress:
        result = plan(
            loaded or Assumptions(**{**known, **assumed}),
            asked,
            surveys=list(surveys) or None,
            separation=None if declaration is None else declaration.typology.separation,
            out=out,
            workers=workers,
            progress=progress,
        )
    result.save(out)
    print_plan(result, out, as_json=as_json)
    return result


def _defaults(settled: type[PlanSettings] | type[Assumptions]) -> dict[str, Any]:
    return dataclasses.asdict(settled())


def _numbers(
    text: str, where: str, kind: Callable[[str], Any], found: Problems
) -> tuple[int | float, ...]:
    """Read numbers separated by commas; note each that is none."""
    numbers = []
    for part in text.split(","):
        try:
            numbers.append(kind(part.strip()))
        except ValueError:
            what = "whole numbers" if kind is int else "numbers"
            found.add(where, f"Expected {what} separated by commas, found {part.strip()!r}.")
    return tuple(numbers)


def _read(
    path: Path | None, assumed: Mapping[str, Any], found: Problems
) -> tuple[StudyDeclaration | None, Study | None]:
    """Read a study, or only its file where none of its tables is there yet."""
    if path is None:
        return None, None
    path = path / STUDY_FILE if path.is_dir() else path
    try:
        declaration = read_declaration(path)
        if only_declared(declaration, path.parent):
            return declaration, None
        loaded = Study.load(path)
    except StudyError as error:
        for problem in error.problems:
            place = "" if problem.where == "file" else f": {problem.where}"
            found.add(f"{error.source}{place}", problem.message)
        return None, None
    for name in assumed:
        found.add(name, "Is known from the study's data. Leave it out, or plan without the study.")
    return declaration, loaded


def print_plan(result: Plan, out: Path, *, as_json: bool = False) -> None:
    """Print what was assumed, the table, the sentence and where the files are."""
    if as_json:
        print(json.dumps({**result.to_dict(), "out": str(out)}, indent=1, allow_nan=False))
        return
    console = output_console()
    tell(console, "Taken for granted:")
    for note in result.assumptions:
        tell(console, f"- {note}")
    table = Table(*HEADS, box=None, pad_edge=False)
    for row in result.table.to_dict("records"):
        table.add_row(
            f"{row['sites']:.0f}",
            "as now" if row["informants"] != row["informants"] else f"{row['informants']:.0f}",
            "as now" if row["response"] != row["response"] else f"{row['response']:.0%}",
            f"{row['separation']:g}",
            f"{row['power']:.2f} ({row['power_error']:.2f})",
            f"{row['false_alarms']:.2f} ({row['false_alarms_error']:.2f})",
            f"{row['agreement']:.2f} ({row['agreement_error']:.2f})",
            f"{row['placed']:.2f} ({row['placed_error']:.2f})",
            f"{row['rightly']:.2f} ({row['rightly_error']:.2f})",
            f"{row['reliability']:.2f}",
        )
    console.print(table)
    tell(console, f"In brackets: Monte Carlo error of {result.settings.replicates} data sets each.")
    tell(console, f"\n{result.sentence}")
    tell(console, result.placing)
    tell(console, f"\nFiles:   {out / 'plan.csv'}, plan.json, plan.svg")
