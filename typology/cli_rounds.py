"""The command ``site-typology rounds``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from site_typology.profiles import SiteProfiles
    from site_typology.rounds import Rounds
    from site_typology.study import Study
    from site_typology.typology import Typology


def rounds(
    study: Annotated[
        Path, typer.Argument(help="The study file (study.toml), or its folder.", show_default=False)
    ],
    model: Annotated[
        str, typer.Option(help="A run's folder, its typology/ folder, or an MLflow model URI.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for rounds.html, its tables and pictures.")],
    earliest: Annotated[
        str | None,
        typer.Option("--from", help="The first round to look at; the study's first by default."),
    ] = None,
    later: Annotated[
        list[str] | None,
        typer.Option("--to", help="A later round; repeat it. All later rounds by default."),
    ] = None,
    replicates: Annotated[
        int,
        typer.Option(
            help="Rounds without change that are simulated; more where several rounds need it.",
            min=19,
        ),
    ] = 99,
    seed: Annotated[int, typer.Option(help="The same seed gives the same result.", min=0)] = 0,
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow store of the model.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Follow the sites over rounds: who really moved, what drifted, whether the types still fit."""
    from site_typology.assigning import typology_of
    from site_typology.console import progress_bar
    from site_typology.experiments.rounds_tracking import log_rounds, store_of
    from site_typology.output import check_writable
    from site_typology.rounds import follow_rounds
    from site_typology.rounds_files import write_rounds
    from site_typology.study import Study

    check_writable(out)
    typology = typology_of(model, tracking_uri)
    loaded = Study.load(study)
    profiles, base = _profiles(typology, loaded)
    with progress_bar(loaded.title, quiet=as_json) as progress:
        found = follow_rounds(
            typology.assigner,
            profiles,
            base=base,
            rounds=_chosen(profiles.rounds, base, earliest, later),
            seed=seed,
            replicates=replicates,
            error_correlation=typology.profiles.error_correlation,
            progress=progress,
        )
    write_rounds(out, found)
    tracked = log_rounds(
        found, typology, loaded.name, store_of(model, out, tracking_uri), folder=out
    )
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=1, allow_nan=False))
        return
    _show(found, out, tracked)


def _profiles(typology: Typology, study: Study) -> tuple[SiteProfiles, str]:
    """Profiles of every round, the typology's own in the place of its round, and that round.

    A study file of the new round alone goes after the typology's round; where both call their
    round alike, they are told apart by the names of the typology and the study.
    """
    from site_typology.rounds_sites import joined

    own, given = typology.profiles, study.profiles()
    base = own.rounds[0]
    parts = {round_: given.select(round=round_) for round_ in given.rounds}
    if base in parts and len(parts) > 1:
        return joined({**parts, base: own}), base
    if base not in parts:
        return joined({base: own, **parts}), base
    names = (typology.name, study.name) if typology.name != study.name else ("earlier", "later")
    return joined({names[0]: own, names[1]: parts[base]}), names[0]


def _chosen(
    known: list[str], base: str, earliest: str | None, later: list[str] | None
) -> list[str]:
    """Rounds in order of time, that of the typology always among them."""
    first = known[0] if earliest is None else earliest
    after = known[known.index(first) + 1 :] if first in known else []
    asked = [first, *(later or after)]
    if base in asked or base not in known or any(name not in known for name in asked):
        return asked
    return sorted([base, *asked], key=known.index)


def _show(found: Rounds, out: Path, tracked: str) -> None:
    from rich.markup import escape

    from site_typology.console import output_console
    from site_typology.rounds_files import summary

    console = output_console()
    for sentence in summary(found):
        console.print(escape(sentence), highlight=False)
    console.print(f"What would change it: {escape(found.advice.would_change)}", highlight=False)
    console.print(f"Wrote {out / 'rounds.html'} and its tables; run {tracked}.", highlight=False)
