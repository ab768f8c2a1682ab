"""Read a study file: TOML to a declaration, with every problem of its form."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from site_typology.declaration import RESERVED, RESERVED_ENDINGS, StudyDeclaration
from site_typology.errors import Problem, Problems, StudyError
from site_typology.study_keys import unknown_key
from site_typology.system_errors import no_file
from site_typology.weighting_declaration import weighting_problems

STUDY_FILE = "study.toml"
"""Name of the study file in a folder."""


def read_declaration(path: str | Path) -> StudyDeclaration:
    """Read and validate a study file.

    Parameters
    ----------
    path : str or Path
        A ``study.toml``.

    Returns
    -------
    StudyDeclaration

    Raises
    ------
    StudyError
        The file cannot be read as TOML, or says something it may not; lists every problem of its
        form.

    Examples
    --------
    >>> read_declaration("nowhere.toml")
    Traceback (most recent call last):
    ...
    site_typology.errors.StudyError: nowhere.toml: 1 problem
      file  Not found. Give the path of a study file.
    """
    path = Path(path)
    if not path.is_file():
        raise no_file(path, "Give the path of a study file.")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problem = Problem("file", f"Not valid TOML in UTF-8: {error}.")
        raise StudyError(path.name, [problem]) from error
    return parse_declaration(content, source=path.name)


_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


def resolve_path(path: str, folder: Path) -> Path:
    """Find a file named in a study: variables filled in, relative to the study's folder.

    Parameters
    ----------
    path : str
        As declared; ``${NAME}`` and ``${NAME:-default}`` stand for environment variables.
    folder : Path
        Folder of the study file.

    Examples
    --------
    >>> resolve_path("${NO_SUCH_VARIABLE:-data}/sites.csv", Path("study")).as_posix()
    'study/data/sites.csv'
    """
    return folder / filled_in(path)


def filled_in(text: str) -> str:
    """Fill in the variables of the environment that a text of a study file names.

    Examples
    --------
    >>> filled_in("host=${NO_SUCH_VARIABLE:-localhost} password=${NO_SUCH_VARIABLE}")
    'host=localhost password='
    """
    return _VARIABLE.sub(lambda match: os.environ.get(match[1]) or match[2] or "", text)


def parse_declaration(content: dict[str, Any], source: str = "study") -> StudyDeclaration:
    """Validate the content of a study file; see `read_declaration`."""
    found = Problems(source)
    try:
        declaration = StudyDeclaration.model_validate(content)
    except ValidationError as error:
        for detail in error.errors():
            found.add(_place(detail["loc"], content), _sentence(detail))
        raise StudyError(source, found._found) from None
    _check_names(declaration, found)
    found.raise_if_any()
    return declaration


def _place(loc: tuple[int | str, ...], content: Any) -> str:
    """Write ``features[2].args`` with the name that the study gives the feature."""
    words: list[str] = []
    for part in loc:
        if isinstance(part, int):
            try:
                content = content[part]
            except (LookupError, TypeError):
                content = None
            name = content.get("name") if isinstance(content, dict) else None
            words[-1] = f"{words[-1]}[{name or part + 1}]"
        else:
            content = content.get(part) if isinstance(content, dict) else None
            words.append(part)
    return ".".join(words) or "file"


def _sentence(detail: Any) -> str:
    if detail["type"] == "extra_forbidden":
        return unknown_key(detail["loc"])
    if detail["type"] == "missing":
        return "Required, but not given."
    return told(detail)


_EXPECTED = {
    "string_type": "Expected text, in quotes",
    "string_too_short": "Is empty; give it, or leave the key out",
    "int_type": "Expected a whole number",
    "int_parsing": "Expected a whole number",
    "int_from_float": "Expected a whole number",
    "float_type": "Expected a number",
    "float_parsing": "Expected a number",
    "bool_type": "Expected true or false",
    "bool_parsing": "Expected true or false",
    "list_type": "Expected a list, such as [1, 2]",
    "tuple_type": "Expected a list, such as [1, 2]",
    "dict_type": "Expected keys with values, such as { key = 1 }",
    "model_type": "Expected keys with values, such as { key = 1 }",
}


def told(detail: Any) -> str:
    """Write one complaint of pydantic in words of a study file.

    Examples
    --------
    >>> told({"type": "string_type", "msg": "Input should be a valid string", "input": 3})
    'Expected text, in quotes; found 3.'
    """
    text = _EXPECTED.get(detail["type"], detail["msg"].removeprefix("Value error, ").rstrip("."))
    value = detail.get("input")
    shown = "" if isinstance(value, dict | list) else f"; found {value!r}"
    return f"{text[0].upper()}{text[1:]}{shown}."


def _no_table(name: str, tables: Iterable[str]) -> str:
    """Say that a table is not declared, which ones are, and what to do."""
    near = difflib.get_close_matches(name, list(tables), n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return (
        f"There is no table {name!r}.{hint} Tables declared: {', '.join(sorted(tables))}. Name one "
        f"of them, or declare [tables.{name}]."
    )


def _check_names(declaration: StudyDeclaration, found: Problems) -> None:
    """Check the references between the parts of a study."""
    tables = declaration.tables
    if declaration.study.sites not in tables:
        found.add("study.sites", _no_table(declaration.study.sites, tables))
    for name, table in tables.items():
        if table.link is not None and table.link.table not in tables:
            found.add(f"tables.{name}.link", _no_table(table.link.table, tables))
        if table.link is not None and table.link.table == name:
            found.add(f"tables.{name}.link", "A table cannot be linked through itself.")
        if table.eligible is not None and table.eligible.table not in tables:
            found.add(f"tables.{name}.eligible", _no_table(table.eligible.table, tables))
        if table.at_round is not None and table.at_round not in declaration.study.rounds:
            found.add(
                f"tables.{name}.at_round",
                f"Round {table.at_round!r} is not among study.rounds: "
                f"{', '.join(declaration.study.rounds) or 'none declared'}.",
            )
    found.extend(weighting_problems(declaration.weights, tables))
    for scale in declaration.scales:
        if scale.table not in tables:
            found.add(f"scales[{scale.name}].table", _no_table(scale.table, tables))
    for feature in declaration.features:
        if feature.name in RESERVED or feature.name.endswith(RESERVED_ENDINGS):
            found.add(
                f"features[{feature.name}]",
                f"The name is taken by a column of the results ({', '.join(RESERVED)}, and names "
                f"that end in {' or '.join(RESERVED_ENDINGS)}). Give another.",
            )
    for where, names in (
        ("scales", [scale.name for scale in declaration.scales]),
        ("features", [feature.name for feature in declaration.features]),
    ):
        for name in sorted({name for name in names if names.count(name) > 1}):
            found.add(f"{where}[{name}]", "The name is used twice. Give each its own.")
    if not any(feature.use == "build" for feature in declaration.features):
        found.add("features", "None has use = 'build'. A typology needs features to build it from.")
