"""Sphinx settings, and the reference pages that are written from the code itself."""

from __future__ import annotations

import datetime
import re
import types
from collections.abc import Iterable
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from site_typology.declaration import Reason

project = "site-typology"
author = "site-typology maintainers"
copyright = "2026, site-typology maintainers"
release = version = installed_version("site-typology")

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
]
html_theme = "furo"
html_title = "site-typology"
html_static_path: list[str] = []
templates_path: list[str] = []
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
autosummary_generate = True
autodoc_typehints = "none"
default_role = "py:obj"
numpydoc_show_class_members = False

WORDS = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    datetime.date: "date",
    type(None): "",
    Any: "any value",
}


def builders_page() -> str:
    """Write the page of builders from their registry, so that it cannot fall behind."""
    from site_typology.features.builders import BUILDERS

    lines = ["# Builders", "", "Each feature of a study file names one; `args` are its arguments."]
    lines += ["`kind` and `family` are what a feature has unless the study says otherwise.", ""]
    for name, builder in BUILDERS.items():
        lines += [f"## `{name}`", "", _summary(type(builder)), ""]
        lines += [f"Kind `{builder.kind}`, family `{builder.family}`.", ""]
        lines += [*_table(builder.Args), ""]
    return "\n".join(lines)


def study_page() -> str:
    """Write every section and key of a study file from its declaration."""
    from site_typology import declaration as declared
    from site_typology.weighting_declaration import WeightFrame, Weighting

    sections: dict[str, type[BaseModel]] = {
        "[study]": declared.StudySection,
        "[study.disclosure]": declared.Disclosure,
        "[typology]": declared.TypologySection,
        "[tables.NAME]": declared.TableDeclaration,
        "[tables.NAME.columns.COLUMN]": declared.ColumnRules,
        "link": declared.Link,
        "eligible": declared.Eligible,
        "where, absent": declared.Condition,
        "[[scales]]": declared.ScaleDeclaration,
        "[[features]]": declared.FeatureDeclaration,
        "[weights.NAME]": Weighting,
        "[weights.NAME.frame]": WeightFrame,
    }
    lines = ["# Keys of a study file", "", "`site-typology schema` prints the same for editors."]
    lines += ["Reasons for missing are listed with [the study file](../study-file.md).", ""]
    for section, model in sections.items():
        lines += [f"## `{section}`", "", _summary(model), "", *_table(model), ""]
    return "\n".join(lines)


def commands_page() -> str:
    """Write every command with its arguments and options from the command line itself."""
    import typer

    from site_typology.cli import app

    group: Any = typer.main.get_command(app)
    lines = ["# Commands", "", "A user's mistake ends in a message that lists the problems, and"]
    lines += ["exit status 2; nothing is written then. Problems of a study file's form come first,"]
    lines += ["those of its tables and features once there are none. `--help` after any command"]
    lines += ["shows this.", ""]
    for name, command in group.commands.items():
        lines += [f"## `site-typology {name}`", "", command.help, ""]
        options = [option for option in command.params if option.name != "help"]
        rows = [(_named(option), _shown(option.default), option.help) for option in options]
        lines += [*_rows(("argument", "default", "meaning"), rows), ""]
    return "\n".join(lines)


PAGES = {
    "builders.md": builders_page,
    "study-keys.md": study_page,
    "commands.md": commands_page,
}
"""Pages of the reference that are written when the documentation is built."""


def write_pages(app: object) -> None:
    """Write every page that comes from the code."""
    for name, page in PAGES.items():
        path = Path(__file__).parent / "reference" / name
        path.write_text(page(), encoding="utf-8")


def _summary(documented: type) -> str:
    first = (documented.__doc__ or "").strip().split("\n\n")[0]
    sentence = re.sub(r"^``\S+``: ", "", " ".join(first.split())).replace("``", "`")
    return sentence[:1].upper() + sentence[1:]


def _table(model: type[BaseModel]) -> list[str]:
    rows = []
    for name, field in model.model_fields.items():
        default = "*required*" if field.is_required() else _shown(field.default)
        rows.append((f"`{name}`", _type_in_words(field.annotation), default, field.description))
    return _rows(("key", "value", "default", "meaning"), rows)


def _rows(head: tuple[str, ...], rows: Iterable[tuple[str | None, ...]]) -> list[str]:
    body = [[(cell or "").replace("|", "\\|") for cell in row] for row in rows]
    table = [list(head), ["---"] * len(head), *body]
    return ["| " + " | ".join(row) + " |" for row in table] if body else []


def _named(option: Any) -> str:
    if option.param_type_name == "argument":
        return f"`{option.name.upper()}`"
    return f"`{option.opts[0]}`" + (" (required)" if option.required else "")


def _shown(default: object) -> str:
    empty = default is None or default is False or default in ("", (), {})
    if empty or isinstance(default, BaseModel):
        return ""
    return f"`{default:.3g}`" if isinstance(default, float) else f"`{default}`"


def _type_in_words(kind: Any) -> str:
    """Say in words what a key takes."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _type_in_words(inside[0])
    if kind == Reason:
        return "a reason for missing"
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inside)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(filter(None, map(_type_in_words, inside))))
    if origin is tuple:
        several = inside[-1] is Ellipsis
        words = [_type_in_words(item) for item in inside if item is not Ellipsis]
        return f"list of {words[0]}" if several else f"[{', '.join(words)}]"
    if origin is dict:
        return f"table of {_type_in_words(inside[1])}"
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return f"table ({', '.join(f'`{name}`' for name in kind.model_fields)})"
    return WORDS[kind]


def setup(app: object) -> None:
    """Connect to Sphinx."""
    app.connect("builder-inited", write_pages)  # type: ignore[attr-defined]  # Sphinx's own object
