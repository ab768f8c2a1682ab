"""Tables that are the answer of a query, from DuckDB and what it attaches."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from site_typology.errors import Problem, Problems, StudyError
from site_typology.features.linking import read_tables
from site_typology.features.profiler import build_profiles
from site_typology.features.tables import StudyTables
from site_typology.study_file import parse_declaration

ANSWERS = (
    "site,score,school,day,big\n"
    "A,1,0101,2021-01-31,9007199254740993\n"
    "A,9,0102,2021-02-28,2\n"
    "B,2.5,,,3\n"
    "C,4,0301,2021-03-31,4\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "answers.csv").write_text(ANSWERS)
    (tmp_path / "sites.csv").write_text("id\nA\nB\nC\n")
    with duckdb.connect(str(tmp_path / "store.duckdb")) as connection:
        connection.execute(
            f"CREATE TABLE answers AS FROM read_csv('{tmp_path}/answers.csv', "
            "types = {'school': 'VARCHAR'})"
        )
    return tmp_path


def study(**survey: Any) -> dict[str, Any]:
    return {
        "study": {"name": "sql", "sites": "sites"},
        "tables": {
            "sites": {"path": "sites.csv", "site": "id"},
            "survey": {
                "site": "site",
                "columns": {"score": {"missing": {"9": "refused"}}},
                **survey,
            },
        },
        "features": [
            {"name": "score", "builder": "mean", "args": {"table": "survey", "column": "score"}}
        ],
    }


def read(content: dict[str, Any], folder: Path) -> tuple[StudyTables, list[Problem]]:
    found = Problems("study")
    return read_tables(parse_declaration(content), folder, found), list(found)


def problem(folder: Path, **survey: Any) -> str:
    _, found = read(study(format="sql", **survey), folder)
    assert [each.where for each in found] == ["tables.survey"]
    return found[0].message


@pytest.mark.parametrize(
    "how",
    [
        {"path": "store.duckdb", "query": "SELECT * FROM answers"},
        {"path": "store.duckdb", "query": "FROM answers;", "engine": "polars"},
        {
            "query": "SELECT * FROM other.main.answers -- all of it",
            "attach": {"name": "other", "type": "duckdb", "source": "store.duckdb"},
        },
        {"query": "SELECT * FROM read_csv('answers.csv', types = {'school': 'VARCHAR'})"},
    ],
)
def test_a_query_gives_the_same_table_as_the_file(folder: Path, how: dict[str, Any]) -> None:
    expected, none = read(study(path="answers.csv"), folder)
    tables, problems = read(study(format="sql", **how), folder)
    assert none == problems == []
    table, file = tables.tables["survey"], expected.tables["survey"]
    assert table.columns == file.columns
    assert table.numbers == file.numbers == {"score"}
    pd.testing.assert_frame_equal(table.collect(), file.collect())
    pd.testing.assert_frame_equal(
        table.collect_reasons()[["score", "school", "day"]], file.collect_reasons()
    )
    pd.testing.assert_frame_equal(tables.ledger, expected.ledger)


def test_types_beyond_numbers_text_and_days_become_text(folder: Path) -> None:
    query = (
        "SELECT 'A' AS site, INTERVAL 1 DAY AS lasted, [1.5, 2] AS marks, 'x'::BLOB AS raw, "
        "{'point': 1::INTEGER} AS place, 1::UTINYINT AS score, "
        "TIMESTAMPTZ '2021-07-31 01:00:00+01' AS seen"
    )
    tables, problems = read(study(format="sql", query=query), folder)
    assert problems == []
    row = tables.tables["survey"].collect().iloc[0]
    assert row[["lasted", "marks", "raw", "seen"]].tolist() == [
        "1 day", "[1.5, 2.0]", "x", "2021-07-31",
    ]  # fmt: skip
    assert row["place"] == "{'point': 1}"
    assert row["score"] == 1.0


def test_reading_changes_no_database(folder: Path) -> None:
    before = (folder / "store.duckdb").read_bytes()
    read(study(format="sql", path="store.duckdb", query="SELECT * FROM answers"), folder)
    assert (folder / "store.duckdb").read_bytes() == before


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT 1; SELECT 2", "Expected one SELECT in query; found SELECT, SELECT."),
        ("DELETE FROM answers", "Expected one SELECT in query; found DELETE."),
        ("COPY answers TO 'stolen.csv'", "Expected one SELECT in query; found COPY."),
        ("-- nothing", "Expected one SELECT in query; found nothing."),
        ("SELEC * FROM answers", "The query is no SQL: Parser Error: syntax error"),
        ("SELECT * FROM answer", "The query fails: Catalog Error: Table with name answer does"),
        ("SELECT sco FROM answers", "The query fails: Binder Error: Referenced column"),
        ("SELECT site, 1 / score::INT, error('no') FROM answers", "The query fails: "),
    ],
)
def test_other_queries_are_refused_in_one_sentence(folder: Path, query: str, said: str) -> None:
    message = problem(folder, path="store.duckdb", query=query)
    assert message.startswith(said)
    assert "\n" not in message
    assert not (folder / "stolen.csv").exists()


def test_a_query_without_rows_and_a_column_that_is_not_in_it(folder: Path) -> None:
    query = "SELECT * FROM answers WHERE score > 99"
    message = problem(folder, path="store.duckdb", query=query)
    assert message == "store.duckdb has no rows. Give a file with rows, or remove it."
    message = problem(folder, query="SELECT 'A' AS sit, 1 AS score")
    assert message.startswith("column 'site' is not in the query; found 'sit'.")


def test_a_database_that_is_not_there(folder: Path) -> None:
    message = problem(folder, path="stor.duckdb", query="SELECT 1")
    assert message == "stor.duckdb is not found. Correct path, or leave it out."
    (folder / "text.duckdb").write_text("no database " * 99)
    message = problem(folder, path="text.duckdb", query="SELECT 1")
    assert message.startswith("Database 'study_database' cannot be opened: not a valid DuckDB")


def test_a_source_that_the_environment_lacks(folder: Path) -> None:
    attach = {"name": "shop", "type": "postgres", "source": "${NO_SUCH_VARIABLE}"}
    message = problem(folder, query="SELECT 1", attach=attach)
    assert message == "attach.source is empty. Set NO_SUCH_VARIABLE in the environment."


def test_an_extension_that_is_not_installed(folder: Path) -> None:
    if importlib.util.find_spec("duckdb_extension_sqlite_scanner"):
        pytest.skip("the extension is installed")
    attach = {"name": "old", "type": "sqlite", "source": "old.db"}
    message = problem(folder, query="SELECT 1", attach=attach)
    assert "pip install duckdb-extension-sqlite-scanner" in message


def test_the_extra_for_postgres_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    attach = {"name": "shop", "type": "postgres", "source": "host=nowhere"}
    message = problem(folder, query="SELECT 1", attach=attach)
    assert message.endswith("Run: pip install '.[postgres]' in a clone of this project.")


@pytest.mark.parametrize(
    "source",
    [
        "host=localhost password=hunter2",
        "host=localhost password = 'hunter2'",
        "postgresql://me:hunter2@localhost/survey",
        "host=localhost password=${SECRET:-hunter2}",
    ],
)
def test_a_password_in_a_study_file_is_refused_and_not_repeated(source: str) -> None:
    attach = {"name": "shop", "type": "postgres", "source": source}
    with pytest.raises(StudyError) as caught:
        parse_declaration(study(format="sql", query="SELECT 1", attach=attach))
    assert "Source holds a password" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_query_belongs_to_the_format_sql() -> None:
    for more, said in (
        ({"path": "a.csv", "query": "SELECT 1"}, "query goes with format = 'sql'."),
        ({"format": "sql"}, "format 'sql' needs 'query', one SELECT."),
        ({"format": "csv"}, "path is required, but not given."),
    ):
        with pytest.raises(StudyError, match=r"tables\.survey") as caught:
            parse_declaration(study(**more))
        assert said.lower() in str(caught.value).lower()


def _lacking() -> str:
    if importlib.util.find_spec("duckdb_extension_postgres_scanner") is None:
        return "DuckDB's extension for PostgreSQL is not installed"
    missing = [name for name in ("initdb", "pg_ctl", "psql") if shutil.which(name) is None]
    return f"PostgreSQL is not installed: {', '.join(missing)}" if missing else ""


needs_extension = pytest.mark.skipif(
    importlib.util.find_spec("duckdb_extension_postgres_scanner") is None,
    reason="DuckDB's extension for PostgreSQL is not installed",
)


@needs_extension
def test_no_message_shows_what_the_environment_holds(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP", "host=127.0.0.1 port=1 user=reader password=hunter2 dbname=shop")
    attach = {"name": "shop", "type": "postgres", "source": "${SHOP}"}
    message = problem(folder, query="SELECT 1", attach=attach)
    assert message == (
        "Database 'shop' cannot be opened: Connection refused. Correct its source, and see that "
        "it runs and lets you read."
    )


class Server:
    """A PostgreSQL server of its own on loopback, with a password."""

    def __init__(self, folder: Path) -> None:
        self.data, self.port, self.password = folder / "data", _free_port(), "s3cret-word"
        self.folder = folder
        # The server refuses to run as root.
        self.user = "nobody" if os.geteuid() == 0 else ""
        if self.user:
            shutil.chown(folder, self.user)
        (folder / "password").write_text(self.password)
        (folder / "password").chmod(0o644)
        self._run(
            f"initdb -D {self.data} -U reader -A scram-sha-256 --pwfile={folder}/password "
            "--no-sync -E UTF8 --locale=C"
        )
        options = f"-p {self.port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self._run(f'pg_ctl -D {self.data} -w -l {folder}/log -o "{options}" start')

    def _run(self, command: str) -> None:
        call = (
            ["su", "-s", "/bin/sh", self.user, "-c", command]
            if self.user
            else ["sh", "-c", command]
        )
        subprocess.run(call, check=True, capture_output=True, cwd="/")

    @property
    def source(self) -> str:
        return (
            f"host=127.0.0.1 port={self.port} user=reader password={self.password} dbname=postgres"
        )

    def ask(self, sql: str, *more: str) -> str:
        call = ["psql", "-v", "ON_ERROR_STOP=1", "-Atc", sql, *more, self.source]
        return subprocess.run(call, check=True, capture_output=True, text=True).stdout

    def stop(self) -> None:
        self._run(f"pg_ctl -D {self.data} -m immediate stop")


def _free_port() -> int:
    with socket.socket() as each:
        each.bind(("127.0.0.1", 0))
        return int(each.getsockname()[1])


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    if lacking := _lacking():
        pytest.skip(lacking)
    # Not among pytest's folders: those are closed to the user that the server runs as.
    with tempfile.TemporaryDirectory(prefix="site-typology-postgres-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        running = Server(folder)
        try:
            running.ask(
                "CREATE TABLE answers (site text, score numeric, school text, day date, big bigint)"
            )
            (folder / "answers.csv").write_text(ANSWERS)
            running.ask(f"\\copy answers FROM '{folder}/answers.csv' WITH (FORMAT csv, HEADER)")
            yield running
        finally:
            running.stop()


@pytest.mark.server
def test_postgresql_gives_the_same_profiles_as_the_file(
    folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP", server.source)
    attach = {"name": "shop", "type": "postgres", "source": "${SHOP}"}
    asked = {"query": "SELECT * FROM shop.public.answers ORDER BY day NULLS LAST, site"}
    content = study(format="sql", attach=attach, **asked)
    tables, problems = read(content, folder)
    assert problems == []
    expected, _ = read(study(path="answers.csv"), folder)
    mine, theirs = build_profiles(tables), build_profiles(expected)
    for part in ("values", "standard_errors", "counts", "reasons"):
        pd.testing.assert_frame_equal(getattr(mine, part), getattr(theirs, part))
    assert server.password not in tables.ledger.to_string()
    assert server.password not in str(tables.declaration)


@pytest.mark.server
def test_postgresql_is_only_read_and_its_errors_are_one_sentence(
    folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP", server.source)
    attach = {"name": "shop", "type": "postgres", "source": "${SHOP}"}
    for query in (
        "SELECT * FROM shop.public.nothing",
        "SELECT * FROM postgres_query('shop', 'DELETE FROM answers RETURNING site')",
        "SELECT * FROM postgres_query('shop', 'SELECT 1 AS WORD')".replace("WORD", server.password),
    ):
        message = problem(folder, query=query, attach=attach)
        assert message.startswith("The query fails: ")
        assert server.password not in message
    assert server.ask("SELECT count(*) FROM answers").strip() == "4"
    monkeypatch.setenv("SHOP", server.source.replace(server.password, "wrong-word"))
    message = problem(folder, query="SELECT 1", attach=attach)
    assert "password authentication failed" in message
    assert "wrong-word" not in message
