"""Sphinx settings."""

from __future__ import annotations

from importlib.metadata import version as installed_version

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
numpydoc_show_class_members = False


def write_builders(app: object) -> None:
    """Write the page of builders from their registry, so that it cannot fall behind."""
    from pathlib import Path

    from site_typology.features.builders import BUILDERS

    lines = [
        "# Builders",
        "",
        "Each feature of a study names one. `kind` and `family` are defaults.",
        "",
    ]
    for name, builder in BUILDERS.items():
        summary = (type(builder).__doc__ or "").strip().split("\n\n")[0].replace("\n    ", " ")
        lines += [f"## `{name}`", "", summary, ""]
        lines += [f"Kind `{builder.kind}`, family `{builder.family}`.", ""]
        lines += ["| argument | default | meaning |", "|---|---|---|"]
        for argument, field in builder.Args.model_fields.items():
            default = "required" if field.is_required() else f"`{field.default!r}`"
            lines.append(f"| `{argument}` | {default} | {field.description or ''} |")
        lines.append("")
    page = Path(__file__).parent / "reference" / "builders.md"
    page.write_text("\n".join(lines), encoding="utf-8")


def setup(app: object) -> None:
    """Connect to Sphinx."""
    app.connect("builder-inited", write_builders)  # type: ignore[attr-defined]
