"""The command ``site-typology share``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def share(
    results: Annotated[
        Path, typer.Argument(help="Folder with the results of a run.", show_default=False)
    ],
    to: Annotated[Path, typer.Option(help="Folder to hand over; keep nothing else in it.")],
    study: Annotated[
        Path | None, typer.Option(help="Study file to take the rules from; the run's by default.")
    ] = None,
) -> None:
    """Write the report and the assignments of a run as they may leave the team.

    Sites get pseudonyms, small counts are hidden and others rounded, by [study.disclosure].
    """
    from site_typology.sharing import share_results

    made = share_results(results, to, study)
    count = len(made.hidden)
    typer.echo(f"Wrote {made.folder}, with {count} figures hidden; suppressed.csv says which.")
    typer.echo(f"Keep in the team: {made.kept} (who is who, and why each figure is hidden).")
