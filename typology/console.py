"""Progress and results on the terminal."""

from __future__ import annotations

import contextlib
import json
import shlex
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from site_typology.experiments.runner import RunResult
    from site_typology.results import Evidence

ProgressCallback = Callable[[str, float], None]
PIPED_WIDTH = 120


def output_console() -> Console:
    """Return a console as wide as the terminal, or wide enough for tables when piped."""
    return Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)


@contextlib.contextmanager
def progress_bar(title: str, *, quiet: bool = False) -> Iterator[ProgressCallback]:
    """Show what a run is doing on the error stream, so that output can be piped."""
    console = Console(stderr=True, quiet=quiet)
    columns = (
        TextColumn("{task.fields[title]}"),
        BarColumn(bar_width=24),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("starting", total=1.0, title=title)

        def show(step: str, done: float) -> None:
            progress.update(task, description=step, completed=done)

        yield show


def print_result(result: RunResult, *, as_json: bool = False) -> None:
    """Print what a run found and where things are."""
    evidence = result.typology.evidence
    if as_json:
        print(json.dumps(summary(result), indent=1))
        return
    console = output_console()
    print_verdict(console, evidence)
    for name, value in places(result).items():
        tell(console, f"{name + ':':<9} {value}")


def places(result: RunResult) -> dict[str, str]:
    """Say where the results of a run are and what to do with them."""
    return {
        "Report": str(result.out / "report.html"),
        "Results": str(result.out),
        "MLflow": result.tracked.command or result.tracked.page,
        "Review": (
            f"site-typology review {shlex.quote(result.tracked.model)} "
            f"--tracking-uri {shlex.quote(result.tracking_uri)}"
        ),
        "Assign": f"site-typology assign --model {result.out} --study NEW_STUDY.toml",
    }


def tell(console: Console, text: str) -> None:
    """Print a line as it is: no colours, no markup, not broken, so that it can be copied."""
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def summary(result: RunResult) -> dict[str, object]:
    """Return what a run found as plain values."""
    evidence = result.typology.evidence
    return {
        "study": result.typology.name,
        "verdict": evidence.verdict,
        "k": evidence.k,
        "p_value": evidence.p_value,
        "why": evidence.why,
        "would_change": evidence.would_change,
        "out": str(result.out),
        "report": str(result.out / "report.html"),
        "tracking_uri": result.tracking_uri,
        "run_id": result.run_id,
    }


def print_verdict(console: Console, evidence: Evidence) -> None:
    """Print the verdict, why, what would change it, and the rules with their figures."""
    console.print(f"Verdict: [bold]{evidence.verdict}[/bold]", highlight=False)
    for sentence in (evidence.why, evidence.would_change):
        console.print(sentence, highlight=False, markup=False)
    table = Table("rule", "figure", "needed", "holds", box=None, pad_edge=False)
    for rule in evidence.rules:
        needed = f"{rule.relation} {rule.threshold:g}"
        table.add_row(rule.name, f"{rule.figure:.3g}", needed, "yes" if rule.holds else "no")
    console.print(table)
