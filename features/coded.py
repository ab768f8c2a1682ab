"""Columns of whole numbers with few different ones: what follows from a cell, read in a table.

Survey answers are codes. What a study makes of a code (missing, recoded, scored) is asked of the
engine once for each code instead of once for each row, by the same expressions; the rows then
come out of the engine as they are stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
from narwhals.exceptions import ColumnNotFoundError

from site_typology.features.engines import collected, duckdb_connection

if TYPE_CHECKING:
    import pyarrow as pa

FURTHEST = 9_999
"""Largest code, whatever its sign: a table has an entry for each number between the extremes."""


@dataclass(frozen=True)
class Codes:
    """The whole numbers that may stand in a column of a Parquet file.

    Parameters
    ----------
    low, high : int
        The lowest and the highest.
    type : pyarrow.DataType
        As the file stores them.
    """

    low: int
    high: int
    type: Any

    def entries(self, column: pa.Array) -> np.ndarray:
        """Place of each cell in a table, shape (n,); nulls have the last."""
        import pyarrow as pa

        codes = column.cast(pa.int16()).fill_null(self.high + 1).to_numpy()
        if len(codes) and not self.low <= codes.min() <= codes.max() <= self.high + 1:
            raise ValueError(
                f"A column holds numbers from {codes.min()} to {codes.max()}, but the statistics "
                f"of its file say {self.low} to {self.high}. Write the file again."
            )
        entries: np.ndarray = codes - np.int16(self.low)
        return entries


def extremes(metadata: pa.parquet.FileMetaData) -> dict[str, tuple[int, int]]:
    """The lowest and the highest whole number of each column of a Parquet file that tells them."""
    found: dict[str, tuple[int, int]] = {}
    untold = set()
    for group in range(metadata.num_row_groups):
        part = metadata.row_group(group)
        for at in range(part.num_columns):
            column = part.column(at)
            name, known = column.path_in_schema, column.statistics
            if known is not None and known.has_null_count and known.null_count == column.num_values:
                continue
            if known is None or not known.has_min_max or not isinstance(known.min, int):
                untold.add(name)
                continue
            low, high = found.get(name, (known.min, known.max))
            found[name] = min(low, known.min), max(high, known.max)
    return {name: pair for name, pair in found.items() if name not in untold}


@dataclass(frozen=True)
class CodedColumn:
    """A column of a table that follows from codes.

    Parameters
    ----------
    stored : str
        Column of the table's rows with the codes as they are stored.
    raw : str
        Name of the codes in `derived`.
    codes : Codes
    derived : tuple of narwhals.Expr
        Columns of the table's rows that follow from the codes alone.
    """

    stored: str
    raw: str
    codes: Codes
    derived: tuple[nw.Expr, ...]

    def tables(self, asked: Mapping[str, nw.Expr]) -> dict[str, np.ndarray]:
        """Numbers that follow from each code, and from null.

        Parameters
        ----------
        asked : mapping of str to narwhals.Expr
            Numbers of a row of the table.

        Returns
        -------
        dict of str to ndarray
            By name, as `Codes.entries` has the places; empty where an expression needs more of
            a row than its code.
        """
        import pyarrow as pa

        stored = pa.array([*range(self.codes.low, self.codes.high + 1), None], self.codes.type)
        every = nw.from_native(duckdb_connection().from_arrow(pa.table({self.raw: stored})))
        rows = every.select(*self.derived, nw.col(self.raw).alias(self.stored))
        try:
            chosen = rows.select(
                *(each.alias(name) for name, each in asked.items()), nw.col(self.stored)
            )
        except ColumnNotFoundError:
            return {}
        found = collected(chosen).sort_values(self.stored, na_position="last")
        return {name: found[name].to_numpy(dtype=float) for name in asked}
