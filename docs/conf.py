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
