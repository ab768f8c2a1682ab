"""A reviewer's decision on a version of a model, and the history of them in MLflow."""

from __future__ import annotations

import dataclasses
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from site_typology.errors import Problem, Problems, StudyError
from site_typology.results import Verdict

Action = Literal["approved", "rejected", "retired"]
DECISION_TAG, OUTCOME_TAG = "decision.", "outcome."
DONE, WITHDRAWN, FAILED = "done", "withdrawn", "failed"
UNCLAIMED: tuple[Verdict, ...] = ("not supported", "insufficient")
"""Verdicts that can be approved only against the evidence."""
LONGEST_REASON, LONGEST_REVIEWER = 2000, 100


@dataclass(frozen=True)
class Decision:
    """One decision; never changed once it is written.

    Parameters
    ----------
    key : str
        Names it: the time, and characters that no other has.
    model, version : str
    action : {"approved", "rejected", "retired"}
        Retired: approval was taken back.
    reviewer, reason : str
    time : str
        UTC.
    verdict : str
        Of the version.
    override : bool
        Approved though the data support no typology.
    names : mapping of int to str
        Names given to types.
    retires : str
        Version that was approved until then; ``""`` where none was.
    outcome : str
        ``"done"``, ``"withdrawn"`` (another decision was made at the same time), ``"failed"`` or,
        where it was cut off, ``""``; not part of what is written.
    """

    key: str
    model: str
    version: str
    action: Action
    reviewer: str
    reason: str
    time: str
    verdict: str
    override: bool = False
    names: Mapping[int, str] = field(default_factory=dict)
    retires: str = ""
    outcome: str = ""

    def to_text(self) -> str:
        """JSON for a tag or a file."""
        content = dataclasses.asdict(self)
        del content["outcome"]
        return json.dumps(content, ensure_ascii=False)

    @classmethod
    def from_text(cls, text: str, outcome: str = "") -> Decision:
        """Read `to_text` output.

        Raises
        ------
        StudyError
            It is something else.
        """
        try:
            content: dict[str, Any] = json.loads(text)
            content["names"] = {int(number): name for number, name in content["names"].items()}
            return cls(**content, outcome=outcome)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            said = (
                f"Was not written by site-typology, or was changed since: {text[:80]!r}. Put the "
                "tag right in MLflow, or delete it there if it never was a decision."
            )
            raise StudyError("history of decisions", [Problem(DECISION_TAG, said)]) from error


def new_key(time: str) -> str:
    """Name a decision so that names sort by time and no two are alike.

    Examples
    --------
    >>> new_key("2026-03-01T10:20:30.456+00:00").rpartition("-")[0]
    '20260301T102030456'
    """
    when = datetime.fromisoformat(time)
    return f"{when:%Y%m%dT%H%M%S}{when.microsecond // 1000:03d}-{secrets.token_hex(4)}"


def history(tags: Mapping[str, str]) -> tuple[Decision, ...]:
    """Read every decision from the tags of a registered model, oldest first.

    Examples
    --------
    >>> history({"study": "x"})
    ()
    """
    keys = sorted(tag.removeprefix(DECISION_TAG) for tag in tags if tag.startswith(DECISION_TAG))
    return tuple(
        Decision.from_text(tags[f"{DECISION_TAG}{key}"], tags.get(f"{OUTCOME_TAG}{key}", ""))
        for key in keys
    )


def check_decision(
    *,
    action: Action,
    verdict: str,
    status: str,
    reviewer: str,
    reason: str,
    override: bool,
    found: Problems,
) -> None:
    """Note everything that keeps a decision from being made.

    Parameters
    ----------
    action : {"approved", "rejected", "retired"}
    verdict, status : str
        Of the version.
    reviewer, reason : str
        As given.
    override : bool
    found : Problems

    Examples
    --------
    >>> found = Problems("review")
    >>> check_decision(action="approved", verdict="insufficient", status="proposed",
    ...                reviewer="R. Lee", reason="For planning.", override=False, found=found)
    >>> [problem.where for problem in found]
    ['--override']
    """
    for option, text, longest in (
        ("--reviewer", reviewer, LONGEST_REVIEWER),
        ("--reason", reason, LONGEST_REASON),
    ):
        if not text.strip():
            found.add(option, "Is missing or empty. A decision has a name and a reason.")
        elif len(text) > longest:
            found.add(option, f"{len(text)} characters; {longest} at most. Shorten it.")
        elif not all(letter.isprintable() or letter in "\n\t" for letter in text):
            found.add(option, "Holds characters that cannot be printed. Leave them out.")
    if status == action:
        found.add("version", f"Is {status} already. Look at it: leave --approve and --reject out.")
    unclaimed = verdict in UNCLAIMED
    if action == "approved" and unclaimed and not override:
        found.add(
            "--override",
            f"The verdict is '{verdict}': no typology is claimed. To approve it all the same, "
            "give --override; the report will carry your reason on its first page.",
        )
    if override and not (action == "approved" and unclaimed):
        what = f"the verdict is '{verdict}'" if action == "approved" else "nothing is approved"
        found.add("--override", f"There is nothing to override: {what}. Leave it out.")
