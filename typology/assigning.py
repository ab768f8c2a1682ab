"""Assignment from the command line: find the model, read the new sites, write the answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from site_typology.answer_files import check_kind, write_answer
from site_typology.answer_report import Summary, answer_report
from site_typology.assign import Assignment
from site_typology.batch_stream import STREAMED, assign_stream
from site_typology.console import PIPED_WIDTH, output_console
from site_typology.differences import Difference, MismatchError
from site_typology.errors import Problem, StudyError
from site_typology.form import Form
from site_typology.new_site_files import is_long, read_raw
from site_typology.new_sites import Checker, Chunk
from site_typology.profile_files import read_profiles_file
from site_typology.study import Study
from site_typology.typology import Typology, load
from site_typology.typology_files import check_saved
from site_typology.whole_files import check_files, whole_files

SHOWN = ["site", "type", "name", "confidence", "next_type", "reason"]
MOST_SHOWN = 60
"""Sites that are listed on the terminal."""
GIVE = "Give the folder of a run (it holds typology/), that folder itself, or models:/NAME."
"""What names a typology."""
STREAMED_FROM = 10_000
"""From so many sites on, a file is assigned a block at a time, without the peers of each."""


@dataclass(frozen=True)
class Answered:
    """What came of an assignment.

    Parameters
    ----------
    summary : Summary
    assignment : Assignment or None
        None where the sites were streamed from file to file.
    differences : tuple of Difference
        Worth a look, though they stopped nothing.
    """

    summary: Summary
    assignment: Assignment | None
    differences: tuple[Difference, ...] = ()


def assign_sites(
    model: str,
    *,
    study: Path | None,
    profiles: Path | None,
    tracking_uri: str | None,
    out: Path | None = None,
    report: Path | None = None,
) -> Answered:
    """Assign the sites of a study, or of a file, with a saved typology, and write the answer.

    Parameters
    ----------
    model : str
        Folder of a run or of a typology, or an MLflow model URI (``models:/...``, ``runs:/...``).
    study, profiles : Path, optional
        Exactly one of them. A file is a filled template or a profiles file, CSV, Excel or Parquet.
    tracking_uri : str, optional
        MLflow store of the model.
    out : Path, optional
        ``.csv``, ``.xlsx`` or ``.parquet``; one that cannot be written, or
        is the file that is read, is refused before the work.
    report : Path, optional
        HTML file for a short report.

    Returns
    -------
    Answered

    Raises
    ------
    StudyError
        With every problem found; `MismatchError` where sites do not fit the typology.
    """
    asked = {"--out": out, "--report": report}
    source = study or profiles
    sources = [] if source is None else [source]
    check_files({name: path for name, path in asked.items() if path is not None}, sources)
    check_kind(out)
    typology = typology_of(model, tracking_uri)
    differences: tuple[Difference, ...] = ()
    if study is not None and profiles is None:
        assignment = typology.assign(Study.load(study).typology_profiles())
    elif profiles is not None and study is None:
        if is_large(profiles):
            return _streamed(typology, profiles, out, report)
        assignment, differences = assign_file(typology, profiles)
    else:
        raise StudyError("assign", [Problem("sites", "Give either --study or --profiles.")])
    summary = Summary(typology)
    summary.add_frame(assignment.frame)
    with whole_files(asked, sources) as places:
        if out is not None:
            write_answer(assignment.answers, places["--out"], differences)
        if report is not None and source is not None:
            page = answer_report(summary, differences, source.name)
            places["--report"].write_text(page, encoding="utf-8")
    return Answered(summary, assignment, differences)


def assign_file(typology: Typology, path: Path) -> tuple[Assignment, tuple[Difference, ...]]:
    """Assign the sites of one file, after checking it against the typology cell by cell."""
    if is_long(path):
        return typology.assign(read_profiles_file(path, typology.profiles.features)), ()
    form = Form.of(typology)
    checker = Checker(form, read_raw(path))
    chunks = list(checker.chunks())
    differences = checker.finish()
    return typology.assign(Chunk.joined(chunks).profiles(form)), differences


def is_large(path: Path) -> bool:
    """Whether a file has so many sites that it is assigned a block at a time."""
    if not path.is_file() or path.suffix.lower() not in STREAMED or is_long(path):
        return False
    if path.suffix.lower() == ".parquet":
        import pyarrow.parquet as pq

        return bool(pq.read_metadata(path).num_rows > STREAMED_FROM)
    lines = 0
    with path.open("rb") as file:
        while lines <= STREAMED_FROM and (part := file.read(1 << 20)):
            lines += part.count(b"\n")
    return lines > STREAMED_FROM + 1


def _streamed(
    typology: Typology, profiles: Path, out: Path | None, report: Path | None
) -> Answered:
    if out is None or out.suffix.lower() not in STREAMED:
        said = f"More than {STREAMED_FROM:,} sites go from file to file. Name a .csv or .parquet."
        raise StudyError("assign", [Problem("--out", said)])
    summary, differences = assign_stream(typology, profiles, out, report=report)
    return Answered(summary, None, differences)


def typology_of(model: str, tracking_uri: str | None) -> Typology:
    """Load a typology from the folder of a run, its own folder, or an MLflow model URI."""
    if ":/" in model:
        from site_typology.experiments.logged_model import fetch_typology

        return fetch_typology(model, tracking_uri)
    nested = Path(model) / "typology"
    folder = nested if nested.is_dir() else Path(model)
    check_saved(folder, model, GIVE)
    return load(folder)


def print_answer(answered: Answered, *, out: Path | None, as_json: bool) -> None:
    """Show what came of an assignment: each site where they are few, and how many of each type."""
    summary, assignment = answered.summary, answered.assignment
    if as_json:
        shown: Any = summary.to_dict()
        if assignment is not None:
            shown = json.loads(assignment.answers.to_json(orient="records"))
        print(json.dumps(shown, indent=1))
        return
    console = output_console()
    if assignment is not None:
        table = Table(*SHOWN, box=None, pad_edge=False)
        for row in assignment.frame[SHOWN].head(MOST_SHOWN).itertuples(index=False):
            table.add_row(*(_shown(value) for value in row))
        console.print(table)
    if assignment is None or summary.sites > MOST_SHOWN:
        for row in summary.rows():
            console.print(escape(f"{row['sites']:,} sites: {row['name']}"), highlight=False)
        for reason, count in summary.reasons():
            console.print(escape(f"{count:,} sites: {reason}"), highlight=False)
    if answered.differences:
        print_differences(answered.differences)
    if out is not None:
        console.print(f"Wrote {out}.", highlight=False)


def print_differences(differences: Sequence[Difference]) -> None:
    """Show how new sites differ from what the typology was fitted on, on the error stream."""
    console = Console(stderr=True, width=None if Console(stderr=True).is_terminal else PIPED_WIDTH)
    table = Table("column", "expected", "found", "what to do", pad_edge=False)
    for own in differences:
        cells = map(printable, (own.column, own.expected, own.found, own.remedy))
        table.add_row(*(escape(cell if len(cell) <= 300 else f"{cell[:297]}...") for cell in cells))
    console.print(table)


def show_mismatch(error: MismatchError) -> None:
    """Show the differences as a table, before the error tells every cell."""
    print_differences(error.differences)


def _shown(value: Any) -> str:
    if pd.isna(value):
        return ""
    return f"{value:.2f}" if isinstance(value, float) else escape(printable(str(value)))


def printable(text: str) -> str:
    r"""Blank out signs that a terminal would obey.

    Examples
    --------
    >>> printable("North\x1b[31m")
    'North [31m'
    """
    return "".join(sign if sign.isprintable() else " " for sign in text)
