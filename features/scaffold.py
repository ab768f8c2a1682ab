"""A first study file, written from the tables in a folder; and the schema of study files."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from site_typology.declaration import StudyDeclaration
from site_typology.errors import Problem, Problems, StudyError
from site_typology.features.guesses import FoundTable, find_tables
from site_typology.features.guesslinks import Layout, guess_layout
from site_typology.features.linking import read_tables
from site_typology.features.rawtable import listed
from site_typology.features.studytext import study_text
from site_typology.study_file import STUDY_FILE, parse_declaration
from site_typology.system_errors import told

SCHEMA = "https://json-schema.org/draft/2020-12/schema"


def study_schema() -> dict[str, Any]:
    """Give the JSON schema of a study file, for editors.

    Returns
    -------
    dict
        JSON Schema, draft 2020-12.

    Examples
    --------
    >>> study_schema()["required"]
    ['study', 'tables']
    """
    schema = StudyDeclaration.model_json_schema()
    return {"$schema": SCHEMA, **schema, "title": "study.toml of site-typology"}


def write_study(folder: str | Path) -> Path:
    r"""Write a commented study file from the tables in a folder.

    Formats, roles, keys, links, rounds, answer scales and marks that mean missing are guessed; the
    file says so and is meant to be read and corrected.

    Parameters
    ----------
    folder : str or Path
        Folder with the tables of a study.

    Returns
    -------
    Path
        The study file, which reads as a `StudyDeclaration`.

    Raises
    ------
    StudyError
        There is a study file already, no table, or no table with one row a site.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "sites.csv").write_text("site,beds\nA,3\nB,4\nC,9\n")
    ...     write_study(folder).name
    'study.toml'
    """
    folder = Path(folder)
    found = Problems(str(folder.name or folder))
    if not folder.is_dir():
        found.add("folder", "Not found. Give a folder with the tables of a study.")
    elif (folder / STUDY_FILE).exists():
        found.add(STUDY_FILE, "There is one already. Rename or remove it to have one written.")
    found.raise_if_any()
    tables, failed = find_tables(folder)
    layout = _layout(tables, failed, found.source)
    name = re.sub(r"\W+", "-", folder.resolve().name).strip("-").lower() or "study"
    text = study_text(name, tables, layout, failed)
    text = _with_what_is_left(text, folder)
    path = folder / STUDY_FILE
    with (
        told(str(folder), "the study file was written", where=str(path)),
        path.open("x", encoding="utf-8", newline="\n") as file,
    ):
        file.write(text)
    return path


def _layout(tables: list[FoundTable], failed: dict[str, str], source: str) -> Layout:
    layout = guess_layout(tables)
    if layout is not None:
        return layout
    problems = [Problem(file, reason) for file, reason in failed.items()]
    if tables:
        files = listed([table.file for table in tables])
        message = (
            f"No table has a column that names every row once; found {files}. Add a table with "
            "one row a site, such as sites.csv."
        )
    else:
        message = "Holds no table that can be read. Put the tables of the study there."
    raise StudyError(source, [*problems, Problem("folder", message)])


def _with_what_is_left(text: str, folder: Path) -> str:
    """Put what the guesses could not settle at the top of the file."""
    declaration = parse_declaration(tomllib.loads(text), STUDY_FILE)
    found = Problems(STUDY_FILE)
    read_tables(declaration, folder, found)
    if not found:
        return text
    left = [f"#   {problem.where}: {' '.join(problem.message.split())}" for problem in found]
    return "\n".join(["# To be settled before this runs:", *left, "", text])
