"""The commands ``log`` and ``rerun``: results into MLflow, and a tracked run made again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from site_typology.experiments.rerun import Rerun

MOST_SHOWN = 50
"""Differences that are shown; ``--json`` lists all."""


def log(
    out: Annotated[Path, typer.Argument(help="Output folder of a run that has finished.")],
    tracking_uri: Annotated[
        str | None, typer.Option(help="MLflow store; a sqlite file in the folder by default.")
    ] = None,
) -> None:
    """Log finished results to MLflow, from their folder; what is there is not logged twice."""
    from site_typology.console import output_console, progress_bar, tell
    from site_typology.experiments.runner import log_results

    with progress_bar(str(out)) as progress:
        tracked = log_results(out, tracking_uri, progress)
    console = output_console()
    tell(console, f"Run:    {tracked.summary_run}")
    tell(console, f"Model:  {tracked.model}, version {tracked.model_version}")
    tell(console, f"MLflow: {tracked.command or tracked.page}")


def rerun(
    run_id: Annotated[str, typer.Argument(help="Id of the run in MLflow: summary or candidate.")],
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow store of the run.")] = None,
    study: Annotated[
        Path | None, typer.Option(help="Study file; that of the run if it is still there.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes; the result is the same.", min=1)] = 2,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Go on though data, study file or versions differ.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Make a tracked run again and say whether every figure agrees.

    Exit status 0 means that all agree, 1 that some do not, 2 that it was not run.
    """
    from site_typology.console import progress_bar
    from site_typology.experiments.rerun import rerun as run_again

    with progress_bar(run_id, quiet=as_json) as progress:
        result = run_again(
            run_id,
            tracking_uri=tracking_uri,
            study=study,
            workers=workers,
            anyway=anyway,
            progress=progress,
        )
    _print(result, as_json)
    if not result.agreement.holds:
        raise typer.Exit(1)


def _print(result: Rerun, as_json: bool) -> None:
    found = result.agreement
    if as_json:
        print(json.dumps(_plain(result), indent=1))
        return
    from site_typology.console import output_console, tell

    console = output_console()
    tell(console, f"{result.name}, made again from {result.source}")
    for unlike in result.unlike:
        tell(console, f"Differs here: {unlike}")
    compared = f"{found.figures:,} figures and {found.texts:,} texts compared"
    if found.holds:
        tell(
            console,
            f"All agree: {compared}; {found.identical:,} figures to the last digit.",
        )
        return
    tell(console, f"{len(found.differences):,} differ: {compared}.")
    for one in found.differences[:MOST_SHOWN]:
        tell(console, f"  {one.file}  {one.place}: {one.before} -> {one.now}")
    if len(found.differences) > MOST_SHOWN:
        tell(console, f"  and {len(found.differences) - MOST_SHOWN:,} more; --json lists all.")


def _plain(result: Rerun) -> dict[str, object]:
    found = result.agreement
    return {
        "run_id": result.run_id,
        "name": result.name,
        "source": result.source,
        "agrees": found.holds,
        "figures": found.figures,
        "identical": found.identical,
        "texts": found.texts,
        "unlike": list(result.unlike),
        "differences": [vars(one) for one in found.differences],
    }
