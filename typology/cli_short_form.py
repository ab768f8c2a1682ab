"""The command ``site-typology short-form``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def short_form(
    model: Annotated[
        str, typer.Option(help="A run's folder, its typology/ folder, or an MLflow model URI.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for questionnaire, spreadsheet and curve.")],
    study: Annotated[
        Path | None, typer.Option(help="Study file, for the items behind survey scales.")
    ] = None,
    features: Annotated[
        int | None, typer.Option(help="Number of features; the fewest good enough by default.")
    ] = None,
    max_loss: Annotated[
        float | None, typer.Option(help="Share of new sites that may lose their true type [.02].")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same result.", min=0)] = 0,
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow store of the model.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Find the fewest features that place new sites nearly as well, and write a form for them.

    The spreadsheet assigns by formulas alone and needs no other software.
    """
    from site_typology.assigning import typology_of
    from site_typology.output import check_writable
    from site_typology.short_files import write_short_form
    from site_typology.short_form import short_form as choose
    from site_typology.short_words import items_of, summary
    from site_typology.study import Study

    check_writable(out)
    typology = typology_of(model, tracking_uri)
    found = choose(typology, features=features, max_loss=max_loss, seed=seed)
    items = {} if study is None else items_of(Study.load(study))
    write_short_form(out, found, items)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=1, allow_nan=False))
        return
    for sentence in summary(found):
        typer.echo(sentence)
    typer.echo(f"Wrote {out / 'short-form.xlsx'}, questionnaire.html and short-form.html.")
