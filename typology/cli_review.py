"""The command ``review``: look at proposals, approve or reject them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from site_typology.errors import Problem, StudyError

if TYPE_CHECKING:
    from rich.console import Console

    from site_typology.experiments.review import Proposal
    from site_typology.experiments.review_steps import Reviewed


def review(
    model: Annotated[
        str | None, typer.Argument(help="Registered model: the name of the study.")
    ] = None,
    version: Annotated[
        str | None, typer.Argument(help="Its version; the latest proposal by default.")
    ] = None,
    approve: Annotated[bool, typer.Option("--approve", help="Approve the version.")] = False,
    reject: Annotated[
        bool, typer.Option("--reject", help="Reject it; retires one that is approved.")
    ] = False,
    reviewer: Annotated[str, typer.Option(help="Who decides.")] = "",
    reason: Annotated[str, typer.Option(help="Why; stands in the report.")] = "",
    name: Annotated[
        list[str] | None, typer.Option(help="Name of a type, as 1='Whole school'; repeat it.")
    ] = None,
    override: Annotated[
        bool, typer.Option("--override", help="Approve though no typology is claimed.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help="File for a copy of the report with the decision.")
    ] = None,
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow store of the model.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """List the proposals that await a decision, or look at, approve or reject one."""
    from site_typology.experiments.review import awaiting, decide, look_at
    from site_typology.whole_files import check_files

    if not (approve or reject):
        _refuse_without_decision(reviewer, reason, name, override, report)
        found = [look_at(model, version or "", tracking_uri)] if model else awaiting(tracking_uri)
        _print_proposals(found, one=model is not None, as_json=as_json)
        return
    if model is None or (approve and reject):
        said = "Give --approve or --reject, and the model that it is for."
        raise StudyError("review", [Problem("decision", said)])
    if report is not None:
        check_files({"--report": report}, command="review")
    done = decide(
        model,
        version or "",
        approve=approve,
        reviewer=reviewer,
        reason=reason,
        names=_names(name or []),
        override=override,
        tracking_uri=tracking_uri,
    )
    _print_decision(done, report, as_json)


def _refuse_without_decision(
    reviewer: str, reason: str, name: list[str] | None, override: bool, report: Path | None
) -> None:
    given = {
        "--reviewer": reviewer,
        "--reason": reason,
        "--name": name,
        "--override": override,
        "--report": report,
    }
    problems = [
        Problem(option, "Belongs to a decision. Add --approve or --reject.")
        for option, value in given.items()
        if value
    ]
    if problems:
        raise StudyError("review", problems)


def _names(given: Sequence[str]) -> dict[int, str]:
    """Read names given as ``1=Whole school``."""
    names: dict[int, str] = {}
    problems = []
    for text in given:
        number, sign, name = text.partition("=")
        if not (sign and number.strip().isdecimal()):
            said = (
                f"Expected the number of a type and its name, as 1='Whole school'; found {text!r}."
            )
            problems.append(Problem("--name", said))
        elif int(number) in names:
            problems.append(Problem("--name", f"Type {int(number)} is named twice. Name it once."))
        else:
            names[int(number)] = name
    if problems:
        raise StudyError("review", problems)
    return names


def _print_proposals(found: Sequence[Proposal], *, one: bool, as_json: bool) -> None:
    if as_json:
        print(json.dumps([_plain(proposal) for proposal in found], indent=1))
        return
    from site_typology.console import output_console, tell

    console = output_console()
    if not found:
        tell(console, "No proposal awaits a decision.")
    for proposal in found:
        _print_proposal(console, proposal)
    if found and not one:
        tell(console, 'Decide: site-typology review "MODEL" --approve --reviewer ... --reason ...')


def _print_proposal(console: Console, proposal: Proposal) -> None:
    from site_typology.console import print_verdict, tell
    from site_typology.results import Evidence

    evidence = Evidence.from_dict(proposal.evidence)
    types = f"{evidence.k} types" if evidence.claimed else "no types claimed"
    console.rule(align="left")
    tell(
        console,
        f"{proposal.model}, version {proposal.version} ({proposal.status}): "
        f"{proposal.sites} sites, {types}",
    )
    print_verdict(console, evidence)
    for number, name in proposal.names.items():
        tell(console, f"Type {number} is called {name!r}")
    for one in proposal.decisions:
        state = "" if one.outcome == "done" else f" ({one.outcome or 'cut off'})"
        if one.key == proposal.unfinished:
            state = ", which stands and is not written everywhere: give it again,"
        against = ", against the evidence" if one.override else ""
        tell(
            console,
            f"{one.time[:10]}  version {one.version} {one.action}{against}{state} "
            f"by {one.reviewer}: {one.reason}",
        )
    if proposal.undecided:
        tell(console, f"Also undecided: version {', '.join(proposal.undecided)}")
    tell(console, f"Report and figures: artifacts of run {proposal.run_id}")


def _plain(proposal: Proposal) -> dict[str, object]:
    content = dataclasses.asdict(proposal)
    return {
        **content,
        "verdict": proposal.verdict,
        "names": {str(number): name for number, name in proposal.names.items()},
    }


def _print_decision(done: Reviewed, report: Path | None, as_json: bool) -> None:
    if report is not None:
        try:
            report.write_text(done.report, encoding="utf-8")
        except OSError as error:
            said = f"The decision stands, but {report} cannot be written: {error.strerror}."
            raise StudyError("review", [Problem("--report", said)]) from error
    decision = done.decision
    if as_json:
        shown = {**dataclasses.asdict(decision), "run_id": done.run_id, "artifacts": done.folder}
        print(json.dumps({**shown, "outcome": "done"}, indent=1))
        return
    from site_typology.console import output_console, tell

    console = output_console()
    tell(
        console,
        f"{decision.model}, version {decision.version}: {decision.action} by {decision.reviewer}",
    )
    if decision.retires:
        tell(console, f"Version {decision.retires} is retired.")
    tell(console, f"Report with the decision: {done.folder}/report.html of run {done.run_id}")
    if report is not None:
        tell(console, f"Copy: {report}")
