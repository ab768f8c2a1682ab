"""Assignment from the command line: where the answer goes, and what is said when it cannot."""

from __future__ import annotations

import pandas as pd
import pytest

from site_typology import StudyError
from site_typology.assigning import assign_sites, print_assignment
from site_typology.cli import main
from site_typology.profile_files import write_wide


def arguments(*more: str) -> list[str]:
    return ["assign", "--model", "no-such-model", "--profiles", "new.csv", *more]


def exit_code(given: list[str], monkeypatch) -> int:
    monkeypatch.setattr("sys.argv", ["site-typology", *given])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code)


def test_a_file_that_cannot_be_written_is_refused_before_the_work(tmp_path, monkeypatch, capsys):
    for out, words in (
        (tmp_path / "missing" / "answer.csv", "There is no folder"),
        (tmp_path, "Is a folder"),
    ):
        assert exit_code(arguments("--out", str(out)), monkeypatch) == 2
        shown = " ".join(capsys.readouterr().err.split())
        assert words in shown
        assert "no-such-model" not in shown
    assert not list(tmp_path.iterdir())


def test_the_answer_is_written_whole_and_an_earlier_one_replaced(typed, tmp_path, capsys):
    model = typed.save(tmp_path / "typology")
    write_wide(typed.profiles, tmp_path / "new.csv")
    out = tmp_path / "answers" / "answer.csv"
    out.parent.mkdir()
    out.write_text("earlier")
    found = assign_sites(
        str(model), study=None, profiles=tmp_path / "new.csv", tracking_uri=None, out=out
    )
    assert out.read_text() == "earlier"
    print_assignment(found, out=out, as_json=False)
    assert pd.read_csv(out)["site"].tolist() == typed.profiles.sites
    assert [path.name for path in out.parent.iterdir()] == ["answer.csv"]
    out.unlink()
    out.mkdir()
    with pytest.raises(StudyError, match="Is a folder"):
        print_assignment(found, out=out, as_json=False)
