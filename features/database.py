"""Tables that are the answer to an SQL query, asked of DuckDB and any database it attaches.

A query is asked once and its answer kept in a file, so that every feature is built from the same
rows. Databases are attached to be read only, extensions come from installed packages and never
over the network, and what the environment holds (passwords) stands in no message.
"""

# Names, paths and texts go through `quote` and `literal` before they stand in SQL.
# ruff: noqa: S608

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from site_typology.declaration import Attach, TableDeclaration
from site_typology.features.engines import Engine
from site_typology.features.plainfiles import literal, plain_sql, quote, scratch_file, typed_copy
from site_typology.features.rawtable import UnreadableTableError
from site_typology.features.scanning import (
    Scan,
    check_names,
    open_plain,
)
from site_typology.study_file import filled_in, resolve_path

if TYPE_CHECKING:
    import duckdb

SCANNERS = {"postgres": "postgres_scanner", "sqlite": "sqlite_scanner"}
"""DuckDB's extension for each type of database, duckdb itself apart."""

_LONGEST = 300
_HIDDEN = "***"
_CAUSES = (
    "Connection refused",
    "password authentication failed",
    "no password supplied",
    "could not translate host name",
    "timeout expired",
    "database .* does not exist",
    "role .* does not exist",
    "No such file or directory",
    "Permission denied",
    "not a valid DuckDB database file",
    "file is not a database",
)


def scan_query(declaration: TableDeclaration, folder: Path, engine: Engine) -> Scan:
    """Ask the query of a table and open its answer in an engine.

    Parameters
    ----------
    declaration : TableDeclaration
        With a `query`, and perhaps a DuckDB file as `path` and a database to `attach`.
    folder : Path
        Folder of the study file, in which files that the query names are looked for.
    engine : {"pandas", "polars", "duckdb", "spark"}

    Raises
    ------
    UnreadableTableError
        The query is more than one SELECT or fails, or a database cannot be opened.
    """
    secrets = _secrets(declaration)
    with _connected(declaration, folder, secrets) as connection:
        import duckdb

        query = _one_select(connection, declaration.query or "", secrets)
        answer = scratch_file()
        try:
            described = connection.execute(f"DESCRIBE SELECT * FROM (\n{query}\n)").fetchall()
            columns = {str(name): str(type_) for name, type_, *_ in described}
            check_names([name.strip() for name, *_ in described], declaration.personal)
            cells = ", ".join(
                f"{plain_sql(name, type_)} AS {quote(name.strip())}"
                for name, type_ in columns.items()
            )
            connection.execute(
                f"COPY (SELECT {cells} FROM (\n{query}\n)) "
                f"TO {literal(str(answer))} (FORMAT parquet)"
            )
        except duckdb.Error as error:
            raise UnreadableTableError(
                f"The query fails: {_said(error, secrets)}. Correct query."
            ) from None
    return open_plain(_with_numbers(answer), engine)


def _with_numbers(answer: Path) -> Path:
    """The same file, its columns of text that all are plain numbers as numbers."""
    scan = open_plain(answer, "duckdb")
    texts = [name for name in scan.columns if scan.raw[name] in scan.texts]
    source = f"read_parquet({literal(str(answer))})"
    filled = ", ".join(
        f"coalesce({quote(name)}, '') AS {quote(name)}" if name in texts else quote(name)
        for name in scan.columns
    )
    made = typed_copy(f"SELECT {filled} FROM {source}", texts, scan.columns)
    answer.unlink()
    return made


@contextmanager
def _connected(
    declaration: TableDeclaration, folder: Path, secrets: list[str]
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection of its own with the databases of a table attached to be read."""
    import duckdb

    settings: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        # A table that is not there must not be looked for among Python's own variables.
        "python_enable_replacements": False,
    }
    connection = duckdb.connect(":memory:", config=settings)
    try:
        connection.execute(f"SET file_search_path = {literal(str(folder.resolve()))}")
        if declaration.path:
            path = resolve_path(declaration.path, folder)
            if not path.is_file():
                raise UnreadableTableError(
                    f"{path.name or 'The database'} is not found. Correct path, or leave it out."
                )
            _attach(connection, "study_database", "duckdb", str(path), secrets)
            connection.execute("USE study_database")
        if declaration.attach is not None:
            source = _source(declaration.attach, folder)
            given = declaration.attach
            _attach(connection, given.name, given.type, source, secrets)
        yield connection
    finally:
        connection.close()


def _source(attach: Attach, folder: Path) -> str:
    """Where a database is: for a file its path, for a server what PostgreSQL calls a DSN."""
    filled = filled_in(attach.source)
    if not filled.strip():
        names = ", ".join(re.findall(r"\$\{([A-Za-z_]\w*)", attach.source))
        raise UnreadableTableError(
            f"attach.source is empty. Set {names or 'it'}{' in the environment' if names else ''}."
        )
    return filled if attach.type == "postgres" else str(resolve_path(attach.source, folder))


def _attach(
    connection: duckdb.DuckDBPyConnection, name: str, type_: str, source: str, secrets: list[str]
) -> None:
    import duckdb

    if type_ in SCANNERS:
        _load_extension(connection, type_)
    try:
        connection.execute(f"ATTACH {literal(source)} AS {quote(name)} (TYPE {type_}, READ_ONLY)")
    except duckdb.Error as error:
        # The message itself repeats the source with its password, so only known causes are told.
        found = next((m[0] for cause in _CAUSES if (m := re.search(cause, str(error)))), "")
        reason = f": {_without(found, secrets)}" if found else ""
        raise UnreadableTableError(
            f"Database {name!r} cannot be opened{reason}. Correct its source, and see that it "
            "runs and lets you read."
        ) from None


def _load_extension(connection: duckdb.DuckDBPyConnection, type_: str) -> None:
    """Load DuckDB's extension for a type of database from an installed package."""
    import duckdb

    extension = SCANNERS[type_]
    found = importlib.util.find_spec(f"duckdb_extension_{extension}")
    folders = list(found.submodule_search_locations or []) if found is not None else []
    file = f"{extension}.duckdb_extension"
    paths = [Path(each, "extensions", f"v{duckdb.__version__}", file) for each in folders]
    path = next((each for each in paths if each.is_file()), None)
    if path is None:
        install = (
            "pip install '.[postgres]' in a clone of this project"
            if type_ == "postgres"
            else f"pip install duckdb-extension-{extension.replace('_', '-')}"
        )
        raise UnreadableTableError(
            f"Reading {type_} needs DuckDB's extension {extension!r} for version "
            f"{duckdb.__version__}, which is not installed. Run: {install}."
        )
    connection.load_extension(str(path))


def _one_select(connection: duckdb.DuckDBPyConnection, query: str, secrets: list[str]) -> str:
    """The query, if DuckDB's own parser finds that it is one SELECT."""
    import duckdb

    try:
        statements = connection.extract_statements(query)
    except duckdb.Error as error:
        raise UnreadableTableError(
            f"The query is no SQL: {_said(error, secrets)}. Correct query."
        ) from None
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        kinds = ", ".join(each.type.name for each in statements) or "nothing"
        raise UnreadableTableError(
            f"Expected one SELECT in query; found {kinds}. A study only reads: write one SELECT."
        )
    return query.strip().rstrip(";")


def _secrets(declaration: TableDeclaration) -> list[str]:
    """What the source of a database holds that no message may show, the longest first."""
    if declaration.attach is None:
        return []
    filled = filled_in(declaration.attach.source)
    values = re.findall(r"=\s*'([^']+)'|=\s*([^\s']+)|://[^:@/]*:([^@]+)@", filled)
    parts = {filled, *(part for groups in values for part in groups)}
    return sorted((part for part in parts if len(part) > 3), key=len, reverse=True)


def _said(error: duckdb.Error, secrets: list[str]) -> str:
    """What DuckDB says of an error, in one line, without what the environment holds."""
    text = str(error).partition("\nLINE ")[0].partition("\n\n")[0]
    text = " ".join(_without(text, secrets).split()).rstrip(".")
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def _without(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, _HIDDEN)
    return text
