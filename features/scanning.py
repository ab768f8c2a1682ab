"""Large tables opened in an engine without reading them into memory.

A Parquet file of numbers and text is read where it stands, as often as it is asked. Everything
else (text files, queries, Parquet files with dates) is turned into such a file once, by DuckDB, in
a folder that only the user can read and that is removed when the process ends.
"""

# Names, paths and texts go through `quote` and `literal` before they stand in SQL.
# ruff: noqa: S608

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import narwhals as nw
import pandas as pd

from site_typology.features.coded import FURTHEST, Codes, extremes
from site_typology.features.engines import Engine, Rows, duckdb_connection
from site_typology.features.plainfiles import literal, plain_sql, quote, scratch_file
from site_typology.features.rawtable import UnreadableTableError, listed
from site_typology.features.tables import RESERVED, ROW

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

ASIDE = "__aside__"
"""Column of a scan: why the reader sets a row aside; ``""`` for rows to use."""

_LARGEST_EXACT = 2**53


@dataclass(frozen=True)
class Scan:
    """A table as its file has it, waiting in an engine.

    Parameters
    ----------
    rows : narwhals.LazyFrame
        Numbers or text, one column for each of `raw`, with `ROW`, and `ASIDE` if `has_aside`.
    raw : mapping of str to str
        Name of each column in the file, stripped and in its order, and in `rows`, where names
        are such that every engine takes them.
    texts : frozenset of str
        Columns of `rows` that hold text; the others hold numbers.
    floats : frozenset of str
        Columns of `rows` that hold floats, of which some may be NaN.
    has_aside : bool
    decimal_comma : bool
    titles : mapping of str to str
    notes : tuple of str
        See `site_typology.features.rawtable.RawTable`.
    codes : mapping of str to Codes
        Columns of `rows` in DuckDB that hold few different whole numbers.
    """

    rows: Rows
    raw: Mapping[str, str]
    texts: frozenset[str]
    floats: frozenset[str] = frozenset()
    has_aside: bool = False
    decimal_comma: bool = False
    titles: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    codes: Mapping[str, Codes] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, stripped, in the order of the file."""
        return tuple(self.raw)


def scan_parquet(path: Path, engine: Engine, personal: Sequence[str] = ()) -> Scan:
    """Open a Parquet file in an engine.

    Parameters
    ----------
    path : Path
    engine : {"pandas", "polars", "duckdb", "spark"}
    personal : sequence of str
        Columns that are dropped, so that repeats of them do no harm.

    Raises
    ------
    UnreadableTableError
        It is no Parquet file, or has columns of one name or with a reserved name.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            schema, metadata = file.schema_arrow, file.metadata
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            said = f"{path.name} cannot be opened: {error.strerror or error}."
            raise UnreadableTableError(said) from None
        raise UnreadableTableError(
            f"It cannot be read as Parquet: {str(error).splitlines()[0].rstrip('.')}. It may "
            "be cut short or in another format. Get the file again, or set format."
        ) from None
    names = _columns_in_order(schema)
    check_names([name.strip() for name in names], personal)
    fields = {each.name: each for each in reversed(list(schema)) if each.name in names}
    known = extremes(metadata)
    large = {
        name
        for name, each in fields.items()
        if pa.types.is_integer(each.type)
        and each.type.bit_width > 32
        and (name not in known or max(map(abs, known[name])) >= _LARGEST_EXACT)
    }
    if all(_is_plain(each.type) for each in fields.values()) and not large:
        return open_plain(path, engine, {name: name.strip() for name in names})
    made = scratch_file()
    written = ", ".join(
        f"{_as_plain(name, fields[name].type, name in large)} AS {quote(name.strip())}"
        for name in names
    )
    duckdb_connection().execute(
        f"COPY (SELECT {written} FROM read_parquet({literal(str(path))})) "
        f"TO {literal(str(made))} (FORMAT parquet)"
    )
    return open_plain(made, engine)


def open_plain(
    path: Path,
    engine: Engine,
    names: Mapping[str, str] | None = None,
    aside: bool = False,
) -> Scan:
    """Open a Parquet file of numbers and text in an engine, rows numbered from 1.

    Parameters
    ----------
    names : mapping of str to str, optional
        Columns to take and their new names; all by default.
    aside : bool
        Whether it has a column `ASIDE`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        schema, metadata = file.schema_arrow, file.metadata
    if names is None:
        names = {name: name for name in schema.names if name != ASIDE}
    types = {new: schema.field(old).type for old, new in names.items()}
    raw = {new: f"c{at}" for at, new in enumerate(names.values())}
    taken = {old: raw[new] for old, new in names.items()} | ({ASIDE: ASIDE} if aside else {})
    known = extremes(metadata)
    codes = {
        raw[new]: Codes(*known[old], types[new])
        for old, new in names.items()
        if old in known
        and pa.types.is_integer(types[new])
        and max(map(abs, known[old])) <= FURTHEST
    }
    return Scan(
        _open(path, engine, taken).with_columns(nw.col(ROW).cast(nw.Int64)),
        raw,
        frozenset(raw[name] for name, type_ in types.items() if _is_text(type_)),
        frozenset(raw[name] for name, type_ in types.items() if pa.types.is_floating(type_)),
        aside,
        codes=codes if engine == "duckdb" else {},
    )


def _open(path: Path, engine: Engine, names: Mapping[str, str]) -> Rows:
    """Columns of a Parquet file under other names, with `ROW`."""
    if engine == "duckdb":
        columns = ", ".join(f"{quote(old)} AS {quote(new)}" for old, new in names.items())
        relation = duckdb_connection().sql(
            f"SELECT {columns}, file_row_number + 1 AS {ROW} "
            f"FROM read_parquet({literal(str(path))}, file_row_number = true)"
        )
        return nw.from_native(relation)
    if engine == "polars":
        import polars as pl

        lazy = pl.scan_parquet(path, row_index_name=ROW, row_index_offset=1, glob=False)
        return nw.from_native(lazy.select(ROW, **_polars(names)))
    if engine == "spark":
        from pyspark.sql import SparkSession
        from pyspark.sql import functions as sf

        frame = SparkSession.builder.getOrCreate().read.parquet(str(path))
        chosen = [sf.col(f"`{old.replace('`', '``')}`").alias(new) for old, new in names.items()]
        row = (sf.expr("_metadata.row_index") + 1).alias(ROW)
        return cast("Rows", nw.from_native(frame.select(*chosen, row)))
    import pyarrow.parquet as pq

    # Without what pandas says of its index: the columns as they stand in the file.
    content = pq.read_table(path, columns=list(names)).to_pandas(ignore_metadata=True)
    content = content.rename(columns=names)
    texts = {name: "str" for name in content if not pd.api.types.is_numeric_dtype(content[name])}
    content = content.astype(texts)
    content[ROW] = range(1, len(content) + 1)
    return cast("Rows", nw.from_native(content, eager_only=True).lazy())


def _polars(names: Mapping[str, str]) -> dict[str, pl.Expr]:
    import polars as pl

    return {new: pl.col(old) for old, new in names.items()}


def check_names(names: Sequence[str], personal: Sequence[str] = ()) -> None:
    """Refuse columns of one name and reserved names, as all readers do.

    Raises
    ------
    UnreadableTableError
    """
    problems = [
        f"Column {name!r} has a reserved name. Rename it in the file."
        for name in names
        if name in RESERVED
    ]
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        if name not in personal:
            places = [str(at + 1) for at, other in enumerate(names) if other == name]
            problems.append(
                f"Column {name!r} stands {len(places)} times (columns {listed(places)}). Rename "
                "all but one in the file, or leave them out with personal."
            )
    if problems:
        raise UnreadableTableError(*problems)


def _as_plain(name: str, type_: pa.DataType, large: bool) -> str:
    import pyarrow as pa

    column = quote(name)
    if large:
        return f"CAST({column} AS VARCHAR)"
    if pa.types.is_timestamp(type_):
        return plain_sql(name, "TIMESTAMP", type_.tz)
    if pa.types.is_integer(type_):
        return column
    if pa.types.is_binary(type_) or pa.types.is_large_binary(type_):
        return plain_sql(name, "BLOB")
    if pa.types.is_boolean(type_) or pa.types.is_decimal(type_):
        return f"CAST({column} AS DOUBLE)"
    return plain_sql(name, "DOUBLE" if pa.types.is_floating(type_) else "VARCHAR")


def _is_plain(type_: pa.DataType) -> bool:
    import pyarrow as pa

    numbers = (pa.types.is_integer, pa.types.is_floating)
    return _is_text(type_) or any(test(type_) for test in numbers)


def _is_text(type_: pa.DataType) -> bool:
    import pyarrow as pa

    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    return bool(
        pa.types.is_string(type_)
        or pa.types.is_large_string(type_)
        or pa.types.is_string_view(type_)
    )


def _columns_in_order(schema: pa.Schema) -> list[str]:
    """Columns as pandas reads them: a named index first, an unnamed one not at all."""
    stored = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
    index = [name for name in stored.get("index_columns", []) if isinstance(name, str)]
    named = [name for name in index if not name.startswith("__index_level_")]
    return [*named, *(name for name in schema.names if name not in index)]
