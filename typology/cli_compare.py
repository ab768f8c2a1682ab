"""The command ``site-typology compare``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from site_typology.comparison import Comparison, Grouping

Side = Annotated[
    str,
    typer.Argument(
        help="A run's folder, its typology/ folder, or an MLflow model URI; '#CANDIDATE' after it "
        "takes one of its candidates, such as OUT#ward/features/3.",
        show_default=False,
    ),
]


def compare(
    before: Side,
    after: Side,
    out: Annotated[
        Path | None, typer.Option(help="Folder for comparison.json, its tables and picture.")
    ] = None,
    titles: Annotated[
        tuple[str, str] | None, typer.Option(help="What to call the two, such as 2022 2024.")
    ] = None,
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow store of the models.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Say how far two typologies agree, and which sites change: runs, rounds or algorithms."""
    from site_typology.comparison import compare as compare_groupings
    from site_typology.comparison_files import write_comparison

    own = titles or _titles(before, after)
    sides = [
        _side(given, title, tracking_uri) for given, title in zip((before, after), own, strict=True)
    ]
    found = compare_groupings(*sides)
    if out is not None:
        write_comparison(out, found)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=1, allow_nan=False))
        return
    _show(found, out)


def _titles(before: str, after: str) -> tuple[str, str]:
    """Short names that tell the sides apart: the candidate, the folder, or all of it."""

    def short(given: str) -> str:
        place, _, candidate = given.partition("#")
        name = place if ":/" in place else Path(place).resolve().name
        return f"{name} {candidate}".strip()

    first, second = short(before), short(after)
    return (first, second) if first != second else (before, after)


def _side(given: str, title: str, tracking_uri: str | None) -> Grouping:
    from site_typology.assigning import typology_of
    from site_typology.comparison import Grouping

    place, _, candidate = given.partition("#")
    typology = typology_of(place, tracking_uri)
    if candidate:
        return Grouping.of_candidate(typology, candidate, title)
    return Grouping.of_typology(typology, title)


def _show(found: Comparison, out: Path | None) -> None:
    from rich.markup import escape
    from rich.table import Table

    from site_typology.comparison import STATUSES
    from site_typology.comparison_files import summary
    from site_typology.console import output_console

    console = output_console()
    console.print(escape(summary(found)), highlight=False)
    table = Table("", "sites", box=None, pad_edge=False)
    for status in STATUSES:
        table.add_row(status, str(int((found.sites["status"] == status).sum())))
    console.print(table)
    if out is not None:
        console.print(f"Wrote {out}.", highlight=False)
