"""Assignment from the command line: find the model, read the new sites, write the answer."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
from rich.markup import escape
from rich.table import Table

from site_typology.assign import Assignment
from site_typology.console import output_console
from site_typology.errors import Problem, StudyError
from site_typology.output import write_csv
from site_typology.profile_files import read_profiles_file
from site_typology.study import Study
from site_typology.typology import Typology, load

SHOWN = ["site", "type", "name", "confidence", "next_type", "reason"]


def assign_sites(
    model: str,
    *,
    study: Path | None,
    profiles: Path | None,
    tracking_uri: str | None,
    out: Path | None = None,
) -> Assignment:
    """Assign the sites of a study, or of a profiles file, with a saved typology.

    Parameters
    ----------
    model : str
        Folder of a run or of a typology, or an MLflow model URI (``models:/...``, ``runs:/...``).
    study, profiles : Path, optional
        Exactly one of them.
    tracking_uri : str, optional
        MLflow store of the model.
    out : Path, optional
        File that the answer is meant for; one that cannot be written is refused before the work.

    Returns
    -------
    Assignment

    Raises
    ------
    StudyError
        With every problem found.
    """
    if out is not None:
        _check_file(out)
    typology = typology_of(model, tracking_uri)
    if study is not None and profiles is None:
        return typology.assign(Study.load(study).typology_profiles())
    if profiles is not None and study is None:
        return typology.assign(read_profiles_file(profiles, typology.profiles.features))
    raise StudyError("assign", [Problem("sites", "Give either --study or --profiles.")])


def typology_of(model: str, tracking_uri: str | None) -> Typology:
    """Load a typology from the folder of a run, its own folder, or an MLflow model URI."""
    if ":/" in model:
        from site_typology.experiments.logged_model import fetch_typology

        return fetch_typology(model, tracking_uri)
    folder = Path(model)
    nested = folder / "typology"
    return load(nested if nested.is_dir() else folder)


def print_assignment(assignment: Assignment, *, out: Path | None, as_json: bool) -> None:
    """Write the answer to a file, and show it.

    Raises
    ------
    StudyError
        The file cannot be written; an earlier one is kept.
    """
    frame = assignment.answers
    if out is not None:
        _write_whole(frame, out)
    if as_json:
        print(json.dumps(json.loads(frame.to_json(orient="records")), indent=1))
        return
    console = output_console()
    table = Table(*SHOWN, box=None, pad_edge=False)
    for row in frame[SHOWN].itertuples(index=False):
        table.add_row(*(_shown(value) for value in row))
    console.print(table)
    if out is not None:
        console.print(f"Wrote {out}.", highlight=False)


def _write_whole(frame: pd.DataFrame, out: Path) -> None:
    """Write beside the file, then replace it: a reader finds the old answer or the new one."""
    _check_file(out)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as staging:
            write_csv(frame, Path(staging) / out.name)
            (Path(staging) / out.name).replace(out)
    except OSError as error:
        raise _unwritable(out, f"Cannot be written: {error.strerror or error}.") from error


def _check_file(out: Path) -> None:
    if out.is_dir():
        raise _unwritable(out, "Is a folder. Name a CSV file.")
    if not out.parent.is_dir():
        raise _unwritable(out, f"There is no folder {out.parent}. Make it, or name another.")
    try:
        tempfile.TemporaryDirectory(dir=out.parent).cleanup()
    except OSError as error:
        raise _unwritable(out, f"Cannot be written: {error.strerror or error}.") from error


def _unwritable(out: Path, message: str) -> StudyError:
    return StudyError("assign", [Problem("--out", f"{out}: {message}")])


def _shown(value: Any) -> str:
    if pd.isna(value):
        return ""
    return f"{value:.2f}" if isinstance(value, float) else escape(str(value))
