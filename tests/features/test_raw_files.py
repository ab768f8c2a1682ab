"""A file is read once for all the tables that are made of it, and let go afterwards."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from site_typology.declaration import TableDeclaration
from site_typology.errors import Problems
from site_typology.features.linking import read_tables
from site_typology.features.rawfiles import RawFiles
from site_typology.features.rawtable import RawTable
from site_typology.features.readers import READERS
from site_typology.features.text import TextReader
from site_typology.study_file import parse_declaration

COUNTS = "site,asked,said,old,old\nA,10,4,x,x\nB,8,,y,y\n"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file is read."""
    found: Counter[str] = Counter()

    class Counting(TextReader):
        def read(self, path: Path, declaration: TableDeclaration) -> RawTable:
            found[path.name] += 1
            return super().read(path, declaration)

    monkeypatch.setitem(READERS, "csv", Counting(","))
    return found


def declared(**tables: dict[str, Any]) -> Any:
    return parse_declaration(
        {
            "study": {"name": "counts", "sites": "sites"},
            "tables": {name: {"site": "site", **table} for name, table in tables.items()},
            "features": [{"name": "asked", "builder": "column"}],
        }
    )


def test_tables_of_one_file_share_its_reading_and_keep_their_own_rules(
    tmp_path: Path, reads: Counter[str]
) -> None:
    (tmp_path / "counts.csv").write_text(COUNTS)
    (tmp_path / "other.csv").write_text("site\nA\n")
    study = declared(
        sites={"path": "counts.csv"},
        staff={"path": "./counts.csv", "missing": {"": "refused"}, "rename": {"n": "said"}},
        pupils={"path": "counts.csv", "personal": ["old"], "columns": {"said": {"range": [0, 9]}}},
        other={"path": "other.csv"},
    )
    found = Problems("study.toml")
    tables = read_tables(study, tmp_path, found).tables
    found.raise_if_any()
    assert reads == {"counts.csv": 1, "other.csv": 1}
    assert tables["sites"].columns == ("site", "asked", "said", "old")
    assert tables["staff"].columns == ("site", "asked", "n", "old")
    assert tables["pupils"].columns == ("site", "asked", "said")
    assert tables["staff"].missing_counts() == {"n": {"refused": 1}}
    assert tables["pupils"].missing_counts() == {"said": {"not answered": 1}}


def test_what_a_reader_is_told_counts_as_another_file(tmp_path: Path, reads: Counter[str]) -> None:
    (tmp_path / "counts.csv").write_text(f"a title\n{COUNTS}")
    plain = TableDeclaration(path="counts.csv", site="site", skip_rows=1)
    other = TableDeclaration(path="counts.csv", site="site", skip_rows=1, separator=",")
    files = RawFiles([plain, other, plain], tmp_path)
    first, second, third = (files.read(each) for each in (plain, other, plain))
    assert reads == {"counts.csv": 2}
    assert first.frame.equals(second.frame) and first.frame.equals(third.frame)


def test_a_file_is_let_go_after_its_last_table(tmp_path: Path, reads: Counter[str]) -> None:
    (tmp_path / "counts.csv").write_text(COUNTS)
    table = TableDeclaration(path="counts.csv", site="site")
    files = RawFiles([table, table], tmp_path)
    for expected in (1, 1, 2):  # a third table was not announced, so nothing is kept for it
        files.read(table)
        assert reads["counts.csv"] == expected


def test_missing_cells_counted_on_loading_are_those_of_a_query(tmp_path: Path) -> None:
    (tmp_path / "counts.csv").write_text("site,a,b\nA,9,\nB,,\nC,9,1\n")
    study = declared(sites={"path": "counts.csv", "missing": {"9": "refused"}})
    table = read_tables(study, tmp_path, Problems("study.toml")).tables["sites"]
    asked_anew = dataclasses.replace(table)  # remembers nothing
    assert asked_anew.recall("missing") is None
    assert table.missing_counts() == asked_anew.missing_counts()
    assert table.missing_counts() == {
        "a": {"refused": 2, "not answered": 1},
        "b": {"not answered": 2},
    }
