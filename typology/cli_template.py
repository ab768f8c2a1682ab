"""The command ``site-typology template``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def template(
    model: Annotated[
        str, typer.Option(help="A run's folder, its typology/ folder, or an MLflow model URI.")
    ],
    out: Annotated[Path, typer.Option(help="File to write, .xlsx or .csv.")],
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow store of the model.")] = None,
) -> None:
    """Write a file to fill new sites in, with lists, ranges and help for every column."""
    from site_typology.assigning import typology_of
    from site_typology.form import Form
    from site_typology.template import write_template

    write_template(Form.of(typology_of(model, tracking_uri)), out)
    typer.echo(f"Wrote {out}. Fill it in, then: site-typology assign --profiles {out} --model ...")
