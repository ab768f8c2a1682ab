"""Assignment from the command line: where the answer goes, and what is said when it cannot."""

from __future__ import annotations

import json

import openpyxl
import pandas as pd
import pytest

from site_typology.answer_files import write_answer
from site_typology.assigning import assign_sites, print_answer
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


def test_a_report_that_cannot_be_written_is_refused_before_a_decision(
    tmp_path, monkeypatch, capsys
):
    given = ["review", "no-such-model", "--approve", "--reviewer", "A", "--reason", "B"]
    store = ["--tracking-uri", f"sqlite:///{tmp_path}/no.db"]
    report = str(tmp_path / "missing" / "report.html")
    assert exit_code([*given, *store, "--report", report], monkeypatch) == 2
    shown = " ".join(capsys.readouterr().err.split())
    assert "review: 1 problem --report" in shown and "There is no folder" in shown
    assert not list(tmp_path.iterdir())


def test_no_file_is_written_over_another_or_over_what_is_read(tmp_path, monkeypatch, capsys):
    (tmp_path / "new.csv").write_text("site")
    (tmp_path / "link.csv").symlink_to("new.csv")
    (tmp_path / "hard.csv").hardlink_to(tmp_path / "new.csv")
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    for given, words in (
        (["--out", "new.csv"], "--out new.csv: Is the file that is read"),
        (["--out", str(tmp_path / "link.csv")], "Is the file that is read"),
        (["--out", "hard.csv"], "Is the file that is read"),
        (["--report", "sub/../new.csv"], "--report sub/../new.csv: Is the file that is read"),
        (["--out", "a.csv", "--report", "./sub/../a.csv"], "Is the file of --out too"),
    ):
        assert exit_code(arguments(*given), monkeypatch) == 2
        assert words in " ".join(capsys.readouterr().err.split())
    assert (tmp_path / "new.csv").read_text() == "site" and not (tmp_path / "a.csv").exists()


def test_the_answer_is_written_whole_and_an_earlier_one_replaced(typed, tmp_path, capsys):
    model = typed.save(tmp_path / "typology")
    write_wide(typed.profiles, tmp_path / "new.csv")
    folder = tmp_path / "answers"
    folder.mkdir()
    (folder / "answer.csv").write_text("earlier")
    for name in ("answer.csv", "answer.xlsx", "answer.parquet"):
        answered = assign_sites(
            str(model),
            study=None,
            profiles=tmp_path / "new.csv",
            tracking_uri=None,
            out=folder / name,
            report=folder / "report.html",
        )
        assert answered.assignment is not None
        print_answer(answered, out=folder / name, as_json=False)
    found = [
        pd.read_csv(folder / "answer.csv"),
        pd.read_excel(folder / "answer.xlsx", engine="openpyxl"),
    ]
    for frame in [*found, pd.read_parquet(folder / "answer.parquet")]:
        assert frame["site"].tolist() == typed.profiles.sites
        assert frame["type"].fillna(0).tolist() == typed.labels.fillna(0).tolist()
    assert len(list(folder.iterdir())) == 4
    assert "Wrote" in capsys.readouterr().out


def test_names_of_sites_do_not_steer_the_terminal(typed, tmp_path, capsys):
    write_wide(typed.profiles, tmp_path / "new.csv")
    text = (tmp_path / "new.csv").read_text().replace("Site 07", "\x1b[31mRed\x07")
    (tmp_path / "new.csv").write_text(text)
    answered = assign_sites(
        str(typed.save(tmp_path / "typology")),
        study=None,
        profiles=tmp_path / "new.csv",
        tracking_uri=None,
    )
    print_answer(answered, out=None, as_json=False)
    shown = capsys.readouterr().out
    assert "[31mRed" in shown and "\x1b" not in shown and "\x07" not in shown


def test_the_report_counts_types_names_sites_without_one_and_escapes_them(typed, tmp_path):
    write_wide(typed.profiles, tmp_path / "new.csv")
    text = (tmp_path / "new.csv").read_text().replace("Site 07", "<script>alert(1)</script>")
    text = text.replace("NHS", "nhs")
    (tmp_path / "new.csv").write_text(text)
    answered = assign_sites(
        str(typed.save(tmp_path / "typology")),
        study=None,
        profiles=tmp_path / "new.csv",
        tracking_uri=None,
        report=tmp_path / "report.html",
    )
    page = (tmp_path / "report.html").read_text()
    assert "<script" not in page and "&lt;script&gt;alert(1)" in page
    assert "29 of 30 sites have a type" in page and "not enough data: 1" in page
    assert "Check the spelling" in page and "http" not in page
    assert [row["sites"] for row in answered.summary.rows()] == (
        typed.labels.value_counts().sort_index().tolist()
    )
    assert [own.column for own in answered.differences] == ["lead"]


def test_an_excel_answer_holds_no_formula(typed, tmp_path):
    frame = typed.assign(typed.profiles).frame.head(3)
    frame.loc[0, "site"] = "=HYPERLINK(1)"
    frame.loc[1, "reason"] = "@SUM(1)\x00"
    write_answer(frame, tmp_path / "answer.xlsx")
    cells = [
        cell for row in openpyxl.load_workbook(tmp_path / "answer.xlsx")["Sites"] for cell in row
    ]
    assert not [cell for cell in cells if cell.data_type == "f"]
    assert {"'=HYPERLINK(1)", "'@SUM(1) "} <= {cell.value for cell in cells}


def test_differences_are_shown_as_a_table_and_every_cell_in_the_error(
    typed, tmp_path, monkeypatch, capsys
):
    model = typed.save(tmp_path / "typology")
    path = tmp_path / "new.csv"
    path.write_text('site,wsa,clinical,need [weeks],advise,reach\nA,x,1,1,1,"0,5"\n')
    given = ["assign", "--model", str(model), "--profiles", str(path)]
    assert exit_code(given, monkeypatch) == 2
    shown = capsys.readouterr().err
    for words in ("what to do", "x in B2", "unit weeks", "'advice'", "0,5 in F2", "5 problems"):
        assert words in shown


def test_many_sites_need_a_file_and_are_streamed(typed, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("site_typology.assigning.STREAMED_FROM", 5)
    model = typed.save(tmp_path / "typology")
    write_wide(typed.profiles, tmp_path / "new.csv")
    given = ["assign", "--model", str(model), "--profiles", str(tmp_path / "new.csv")]
    assert exit_code(given, monkeypatch) == 2
    assert "Name a .csv or .parquet" in capsys.readouterr().err
    assert exit_code([*given, "--out", str(tmp_path / "out.csv"), "--json"], monkeypatch) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["sites"], told["with_a_type"]) == (30, 29)
    assert pd.read_csv(tmp_path / "out.csv")["site"].tolist() == typed.profiles.sites
