"""The command ``review``: what it prints, and what it asks for."""

import json

import pytest

from site_typology.cli import main
from site_typology.experiments.origin import Origin
from site_typology.experiments.tracking import log_typology

MODEL = "Command line"


@pytest.fixture(scope="module")
def uri(typology, outputs, tracked):
    log_typology(typology, Origin(MODEL), tracked.store, folder=outputs)
    return tracked.store.uri


@pytest.fixture
def command(uri, capsys):
    def call(*arguments):
        with pytest.raises(SystemExit) as left:
            main(["review", *arguments, "--tracking-uri", uri])
        shown = capsys.readouterr()
        return left.value.code or 0, shown.out, shown.err

    return call


def test_it_lists_proposals_with_verdict_rules_and_what_would_change_it(command, typology):
    code, shown, _ = command()
    words = " ".join(shown.split())
    assert code == 0 and f"{MODEL}, version 1 (proposed): 24 sites, 3 types" in words
    assert "Verdict: supported" in words and "null_test" in words
    assert " ".join(typology.evidence.would_change.split()) in words


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--reviewer", "R"), "--reviewer  Belongs to a decision"),
        ((MODEL, "--override"), "--override  Belongs to a decision"),
        (("--approve",), "Give --approve or --reject, and the model"),
        ((MODEL, "--approve", "--reject"), "Give --approve or --reject, and the model"),
        ((MODEL, "--approve"), "--reviewer  Is missing or empty"),
        ((MODEL, "--approve", "--name", "one=A"), "Expected the number of a type"),
        ((MODEL, "--approve", "--name", "1=A", "--name", "1=B"), "Type 1 is named twice"),
        ((MODEL, "7"), "has no version 7"),
        (("Nowhere",), "There is no registered model 'Nowhere'"),
    ],
)
def test_mistakes_end_in_a_message_and_status_2(command, arguments, said):
    code, _, told = command(*arguments)
    assert code == 2 and said in told and "Traceback" not in told


def test_an_approval_is_printed_and_its_report_copied(command, tmp_path):
    copy = tmp_path / "approved.html"
    code, shown, _ = command(
        MODEL, "--approve", "--reviewer", "R. Lee", "--reason", "[bold]Fits[/bold]",
        "--name", "1=Whole=school", "--report", str(copy),
    )  # fmt: skip
    assert code == 0 and f"{MODEL}, version 1: approved by R. Lee" in shown
    assert "[bold]Fits[/bold]" in copy.read_text(encoding="utf-8")
    _, shown, _ = command(MODEL)
    assert "Type 1 is called 'Whole=school'" in shown
    assert "version 1 approved by R. Lee: [bold]Fits[/bold]" in shown
    _, shown, _ = command(MODEL, "--json")
    (found,) = json.loads(shown)
    assert found["status"] == "approved" and found["names"] == {"1": "Whole=school"}
    assert [one["reviewer"] for one in found["decisions"]] == ["R. Lee"]
    _, shown, _ = command("--json")
    assert MODEL not in {one["model"] for one in json.loads(shown)}
    code, shown, _ = command(
        MODEL, "1", "--reject", "--reviewer", "S", "--reason", "Other data.", "--json"
    )
    assert code == 0 and json.loads(shown)["action"] == "retired"
