"""``site-typology run``: say what will be done, do it with live progress, and take it up again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import typer
from rich.console import Console

from site_typology.console import print_result, progress_bar, tell
from site_typology.study import Study

INTERRUPTED = 130
"""Exit status of a command that was interrupted, as shells have it."""
GOING_ON = "Going on from what is finished in {}; the times above are those of the whole."
NOTHING = "Nothing to go on from in {}; starting from the beginning. Was another --out meant?"
ANEW = "Starting anew; {} is given up (--resume would go on from it)."


def run_from_command(
    study: Path,
    out: Path,
    *,
    spec: str,
    seed: int,
    workers: int,
    resume: bool,
    threads: bool,
    scheduler: str | None,
    tracking_uri: str | None,
    as_json: bool,
) -> None:
    """Run a study from the command line.

    Parameters
    ----------
    study, out : Path
    spec : str
        As in `site_typology.experiments.spec.read_whole_spec`.
    seed, workers : int
    resume : bool
        Go on from what an interrupted run left in `out`.
    threads : bool
    scheduler : str or None
        As in `site_typology.experiments.pools.pool`.
    tracking_uri : str or None
    as_json : bool
        Print the result as JSON; what is done is then not told.

    Raises
    ------
    StudyError
        With every problem found.
    """
    from site_typology.experiments.pools import pool
    from site_typology.experiments.run_lock import check_free
    from site_typology.experiments.run_parts import FOLDER, IDENTITY, has_parts
    from site_typology.experiments.run_plan import expected_words
    from site_typology.experiments.runner import run_study
    from site_typology.experiments.spec import read_whole_spec

    loaded = Study.load(study)
    settings, grid = read_whole_spec(spec, loaded.declaration)
    console = Console(stderr=True, quiet=as_json)
    unfinished = out / FOLDER
    check_free(unfinished)  # Said before anything is timed; the run itself makes sure.
    with (
        _told_when_interrupted(unfinished),
        pool(workers, threads=threads, scheduler=scheduler) as number,
    ):
        kept = (unfinished / IDENTITY).is_file() and has_parts(unfinished)
        if resume and not kept:
            tell(console, NOTHING.format(out))
        if not as_json:
            with progress_bar(loaded.title) as progress:
                progress("timing a few fits", 0.0)
                lines = expected_words(loaded, settings, grid, seed, number)
            for line in lines:
                tell(console, line)
        if kept:
            tell(console, (GOING_ON if resume else ANEW).format(unfinished))
        with progress_bar(loaded.title, quiet=as_json) as bar:
            result = run_study(
                loaded,
                out=out,
                settings=settings,
                grid=grid,
                seed=seed,
                workers=number,
                resume=resume,
                specification=Path(spec).stem,
                tracking_uri=tracking_uri,
                progress=bar,
            )
    print_result(result, as_json=as_json)


@contextlib.contextmanager
def _told_when_interrupted(unfinished: Path) -> Iterator[None]:
    """Say what is kept when somebody stops the run."""
    from site_typology.experiments.run_parts import has_parts

    try:
        yield
    except KeyboardInterrupt:
        console = Console(stderr=True)
        if has_parts(unfinished):
            tell(
                console, f"Interrupted. What is finished is kept in {unfinished}; the same command"
            )
            tell(console, "with --resume goes on from there.")
        else:
            tell(console, "Interrupted before anything was finished; nothing was written.")
        raise typer.Exit(INTERRUPTED) from None
