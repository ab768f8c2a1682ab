"""A report made of parts as one HTML page that needs neither network nor script."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from site_typology.document import Bullets, Document, Heading, Picture, Table, number_of

TEMPLATE, STYLE = "document.html.j2", "report.css"


def document_html(document: Document, figures: Mapping[str, str]) -> str:
    """Write a report as a page.

    Parameters
    ----------
    document : Document
    figures : mapping of str to str
        ``<svg>`` elements by name, as `site_typology.figure_canvas.render` writes them.

    Returns
    -------
    str
        A whole HTML page; every text is escaped.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    folder = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests.update(
        {
            "heading": lambda block: isinstance(block, Heading),
            "bullets": lambda block: isinstance(block, Bullets),
            "table": lambda block: isinstance(block, Table),
            "picture": lambda block: isinstance(block, Picture),
            "numeric": lambda text: number_of(text) is not None,
        }
    )
    return environment.get_template(TEMPLATE).render(
        document=document,
        figures={name: Markup(svg) for name, svg in figures.items()},  # noqa: S704  # escaped where drawn
        style=Markup((folder / STYLE).read_text(encoding="utf-8")),  # noqa: S704  # our own file
    )
