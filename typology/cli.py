"""The command ``site-typology``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from site_typology import __version__, cli_review, cli_runs
from site_typology.cli_compare import compare
from site_typology.cli_page import page
from site_typology.cli_rounds import rounds
from site_typology.cli_serve import serve
from site_typology.cli_share import share
from site_typology.cli_short_form import short_form
from site_typology.cli_template import template
from site_typology.errors import SiteTypologyError, StudyError
from site_typology.system_errors import system_problem


class _Commands(TyperGroup):
    """The commands, each with its whole first paragraph in the overview."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        said = {
            name: (command.help or "").partition("\n\n")[0]
            for name, command in self.commands.items()
        }
        with formatter.section("Commands"):
            formatter.write_dl([(name, " ".join(text.split())) for name, text in said.items()])


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Rich would read "[as now, or 12]" as markup and swallow it.
    help="Site profiles, and a typology of sites only when the evidence holds.",
)

StudyFile = Annotated[
    Path, typer.Argument(help="The study file (study.toml), or its folder.", show_default=False)
]
Seed = Annotated[int, typer.Option(help="The same seed gives the same result.", min=0)]
Workers = Annotated[int, typer.Option(help="Processes; the result is the same.", min=1)]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def main(arguments: list[str] | None = None) -> None:
    """Run the command; a user's mistake ends in its message and exit status 2."""
    try:
        app(args=arguments)
    except SiteTypologyError as error:
        typer.echo(str(error), err=True)
        sys.exit(2)
    except OSError as error:
        # Without a number it is not the system that refuses something.
        if error.errno is None:
            raise
        given = sys.argv[1:] if arguments is None else arguments
        doing = " ".join(["site-typology", *given[:1], "ran"])
        problem = system_problem(error, doing, "system")
        typer.echo(str(StudyError("site-typology", [problem])), err=True)
        sys.exit(2)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"site-typology {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the studies and results.")] = Path(
        "demo-output"
    ),
    seed: Seed = 2021,
    workers: Workers = 2,
) -> None:
    """Simulate two studies, one too thin, one detailed enough, and run both."""
    from site_typology.demo import run_demo

    run_demo(out, seed=seed, workers=workers)


@app.command()
def simulate(
    folder: Annotated[Path, typer.Argument(help="Folder for the tables and study.toml.")],
    scenario: Annotated[
        str, typer.Option(help="'trailblazer' (as published) or 'well_measured'.")
    ] = "trailblazer",
    sites: Annotated[int | None, typer.Option(help="Number of sites.")] = None,
    types: Annotated[int | None, typer.Option(help="Types that exist, 0 to 5.")] = None,
    separation: Annotated[
        float | None, typer.Option(help="Distance between types, in within-type SDs.")
    ] = None,
    informants: Annotated[
        float | None, typer.Option(help="Key informants invited at a site, on average.")
    ] = None,
    response: Annotated[float | None, typer.Option(help="Share of them who answer.")] = None,
    missingness: Annotated[float | None, typer.Option(help="Share of answers missing.")] = None,
    seed: Seed = 0,
) -> None:
    """Write the tables of a simulated study, its study.toml, and the truth apart."""
    from site_typology.simulation import simulate as simulate_study

    path = simulate_study(
        folder,
        scenario=scenario,
        sites=sites,
        types=types,
        separation=separation,
        informants=informants,
        response=response,
        missingness=missingness,
        seed=seed,
    )
    typer.echo(f"Wrote {path}. The truth is in {path.parent / 'truth'}.")


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Folder with the tables of a study.")],
) -> None:
    """Write a commented study.toml from the tables found in a folder."""
    from site_typology.features.scaffold import write_study

    path = write_study(folder)
    typer.echo(f"Wrote {path}. Read it, correct it, then: site-typology check {path}")


@app.command()
def schema() -> None:
    """Print the JSON schema of study.toml, for editors."""
    from site_typology.features.scaffold import study_schema

    typer.echo(json.dumps(study_schema(), indent=2))


@app.command()
def check(
    study: StudyFile,
    out: Annotated[
        Path | None, typer.Option(help="Folder for quality.html, its tables and ledger.csv.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit status 1 if types cannot be looked for.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say how good the data are: what was read, linked, missing and why, response, reliability.

    Exit status 0 means that the study was read, whatever was found in it.
    """
    from site_typology.checking import check_study

    ready = check_study(study, out=out, as_json=as_json)
    if strict and not ready:
        raise typer.Exit(1)


@app.command()
def profile(
    study: StudyFile,
    out: Annotated[Path, typer.Option(help="Folder for profiles and ledger.")],
) -> None:
    """Build the site profiles and write them, without looking for types."""
    from site_typology.output import write_profiles
    from site_typology.study import Study

    write_profiles(out, Study.load(study).profiles())
    typer.echo(f"Wrote {out / 'profiles.csv'}, profiles.parquet and ledger.csv.")


@app.command()
def run(
    study: StudyFile,
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    spec: Annotated[
        str, typer.Option(help="quick, default, thorough, or the path of a specification.")
    ] = "default",
    seed: Seed = 0,
    workers: Workers = 2,
    tracking_uri: Annotated[
        str | None, typer.Option(help="MLflow store; a sqlite file in the folder by default.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from an interrupted run in the folder.")
    ] = False,
    threads: Annotated[
        bool, typer.Option("--threads", help="Workers are threads, not processes.")
    ] = False,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler whose workers do the work.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Profiles, types, evidence, other choices, report, model and MLflow runs, in one go.

    It says first what it will do and how long that should take. What an interrupted run has
    finished stays in the folder, and the same command with --resume goes on from there.
    """
    from site_typology.running import run_from_command

    run_from_command(
        study,
        out,
        spec=spec,
        seed=seed,
        workers=workers,
        resume=resume,
        threads=threads,
        scheduler=scheduler,
        tracking_uri=tracking_uri,
        as_json=as_json,
    )


@app.command()
def plan(
    out: Annotated[Path, typer.Option(help="Folder for the table, the curve and the runs.")],
    study: Annotated[
        Path | None,
        typer.Argument(help="The study file, or its folder; its tables may not be there yet."),
    ] = None,
    sites: Annotated[str | None, typer.Option(help="Numbers of sites [25,60,150].")] = None,
    informants: Annotated[
        str | None, typer.Option(help="Numbers of informants asked a site [as now, or 12].")
    ] = None,
    response: Annotated[
        str | None, typer.Option(help="Shares of them who answer [as now, or .5].")
    ] = None,
    separation: Annotated[
        str | None, typer.Option(help="Distances between types, in within-type SDs [4,6,8].")
    ] = None,
    matters: Annotated[
        float | None, typer.Option(help="The separation to plan for; the study's by default.")
    ] = None,
    types: Annotated[int | None, typer.Option(help="Types planted [3].")] = None,
    replicates: Annotated[int | None, typer.Option(help="Data sets simulated a row [40].")] = None,
    target: Annotated[float | None, typer.Option(help="Power asked for [.8].")] = None,
    alpha: Annotated[float | None, typer.Option(help="Level of the null test [.05].")] = None,
    survey: Annotated[
        list[str] | None,
        typer.Option(help="Survey that informants and response are of; repeat it for several."),
    ] = None,
    features: Annotated[
        int | None, typer.Option(help="Without data: features to build types from [8].")
    ] = None,
    records: Annotated[
        int | None, typer.Option(help="Without data: how many come from records [0].")
    ] = None,
    icc1: Annotated[float | None, typer.Option(help="Without data: ICC(1) [.1].")] = None,
    reliability: Annotated[
        float | None, typer.Option(help="Without data, for ICC(1): reliability of a site's mean.")
    ] = None,
    record_reliability: Annotated[
        float | None, typer.Option(help="Without data: reliability of records [.8].")
    ] = None,
    missing: Annotated[
        float | None, typer.Option(help="Without data: share of cells missing [.05].")
    ] = None,
    correlation: Annotated[
        float | None, typer.Option(help="Without data: between features [.3].")
    ] = None,
    error_correlation: Annotated[
        float | None, typer.Option(help="Without data: between their errors [.3].")
    ] = None,
    seed: Seed = 0,
    workers: Workers = 2,
    as_json: Json = False,
) -> None:
    """Simulate how many sites, informants and answers it takes to find types.

    Values to try are separated by commas. Interrupted, the same command goes on where it was.
    """
    from site_typology.planned import plan_study

    plan_study(
        study,
        out,
        lists={
            "sites": sites,
            "informants": informants,
            "response": response,
            "separations": separation,
        },
        settings={
            "matters": matters,
            "k": types,
            "replicates": replicates,
            "target": target,
            "alpha": alpha,
            "seed": seed,
        },
        assumptions={
            "features": features,
            "records": records,
            "icc1": icc1,
            "reliability": reliability,
            "record_reliability": record_reliability,
            "missing": missing,
            "correlation": correlation,
            "error_correlation": error_correlation,
        },
        surveys=survey or (),
        workers=workers,
        as_json=as_json,
    )


@app.command()
def assign(
    model: Annotated[
        str, typer.Option(help="A run's folder, its typology/ folder, or an MLflow model URI.")
    ],
    study: Annotated[Path | None, typer.Option(help="Study file of the new sites.")] = None,
    profiles: Annotated[
        Path | None, typer.Option(help="Or a filled template or profiles, .xlsx, .csv, .parquet.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File for the answer, .csv, .xlsx or .parquet.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="HTML file for a short report.")] = None,
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow store of the model.")] = None,
    as_json: Json = False,
) -> None:
    """Give each new site its type, or the reason why it has none."""
    from site_typology.assigning import assign_sites, print_answer, show_mismatch
    from site_typology.differences import MismatchError

    try:
        answered = assign_sites(
            model,
            study=study,
            profiles=profiles,
            tracking_uri=tracking_uri,
            out=out,
            report=report,
        )
    except MismatchError as error:
        show_mismatch(error)
        raise
    print_answer(answered, out=out, as_json=as_json)


for command in (
    compare,
    rounds,
    share,
    template,
    serve,
    page,
    cli_runs.log,
    cli_runs.rerun,
    cli_review.review,
    short_form,
):
    app.command()(command)


if __name__ == "__main__":
    main()
