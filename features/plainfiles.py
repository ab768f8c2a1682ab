"""Parquet files of plain numbers and text that DuckDB writes for an engine to read.

They stand in a folder that only the user can read and that is removed when the process ends.
"""

# Names, paths and texts go through `quote` and `literal` before they stand in SQL.
# ruff: noqa: S608

from __future__ import annotations

import atexit
import shutil
import tempfile
import uuid
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from site_typology.features.engines import duckdb_connection

# A number that is written as `code_text` writes the float, so that its codes stay the same.
_SAME_AS_FLOAT = r"(0|-?[1-9]\d{0,14})(\.0+)?|-?(0|[1-9]\d{0,9})\.\d{0,3}[1-9]"
_SMALL = {"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER"}


@lru_cache(maxsize=1)
def scratch_folder() -> Path:
    """The process's own folder for large intermediate files; removed when the process ends."""
    folder = tempfile.mkdtemp(prefix="site-typology-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def scratch_file() -> Path:
    """A new Parquet file in `scratch_folder`."""
    return scratch_folder() / f"{uuid.uuid4().hex}.parquet"


def typed_copy(query: str, texts: Iterable[str], order: Iterable[str]) -> Path:
    """Write a query to a file, columns of text that all are plain numbers as numbers.

    Parameters
    ----------
    query : str
        SQL for DuckDB.
    texts : iterable of str
        Columns of stripped text without nulls that may become numbers.
    order : iterable of str
        All columns of the query.

    Returns
    -------
    Path
        A `scratch_file`.
    """
    connection = duckdb_connection()
    first, made = scratch_file(), scratch_file()
    connection.execute(f"COPY ({query}) TO {literal(str(first))} (FORMAT parquet)")
    source = f"read_parquet({literal(str(first))})"
    names = list(texts)
    tests = ", ".join(
        f"coalesce(bool_and({quote(name)} = '' OR regexp_full_match({quote(name)}, "
        f"{literal(_SAME_AS_FLOAT)})), true)"
        for name in names
    )
    found = connection.execute(f"SELECT {tests} FROM {source}").fetchone() if names else ()
    numeric = {name for name, met in zip(names, found or (), strict=True) if met}
    cells = ", ".join(
        f"CAST(nullif({quote(name)}, '') AS DOUBLE) AS {quote(name)}"
        if name in numeric
        else quote(name)
        for name in order
    )
    connection.execute(
        f"COPY (SELECT {cells} FROM {source}) TO {literal(str(made))} (FORMAT parquet)"
    )
    first.unlink()
    return made


def quote(name: str) -> str:
    """Write a name in SQL.

    Examples
    --------
    >>> print(quote('a "b" c'))
    "a ""b"" c"
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Write a text in SQL.

    Examples
    --------
    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def plain_sql(name: str, type_: str, zone: str | None = None) -> str:
    """SQL for one column of DuckDB type `type_` as a number or text, as `plain` has it.

    Parameters
    ----------
    name, type_ : str
    zone : str, optional
        Time zone in which a file states its times; UTC where the type has one and names none.
    """
    column, kind = quote(name), type_.upper()
    if kind.endswith("]"):
        return f"CAST({column} AS VARCHAR)"
    if kind in ("HUGEINT", "UHUGEINT", "BIGINT", "UBIGINT"):
        # Whole numbers too large for a float become text; that is settled over all rows.
        return f"CAST({column} AS VARCHAR)"
    if kind in _SMALL or kind.startswith("DECIMAL"):
        return f"CAST({column} AS DOUBLE)"
    if kind in ("DOUBLE", "FLOAT"):
        return f"CASE WHEN NOT isnan({column}) THEN CAST({column} AS DOUBLE) END"
    if kind.startswith("TIMESTAMP"):
        # Midnight is a date; a fraction of a second has six digits, as Python writes it.
        # With a zone it is the time on the clock there, as other files have it.
        there = f" AT TIME ZONE {literal(zone or 'UTC')}" if zone or "ZONE" in kind else ""
        text = f"CAST({column}{there} AS VARCHAR)"
        return (
            f"CASE WHEN {text} LIKE '% 00:00:00' THEN left({text}, length({text}) - 9) "
            f"WHEN {text} LIKE '%.%' THEN rpad({text}, 26, '0') ELSE {text} END"
        )
    if kind == "BLOB":
        return f"trim(coalesce(try(decode({column})), CAST({column} AS VARCHAR)))"
    return f"trim(CAST({column} AS VARCHAR))"
