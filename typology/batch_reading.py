"""Read large files of new sites in blocks, fast where every cell is in order.

A block that holds anything out of order raises `NotInOrderError`; `site_typology.new_sites` then
reads the file cell by cell, and says what is wrong and where.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from site_typology.declaration import ONE_ROUND
from site_typology.differences import Difference
from site_typology.form import Form
from site_typology.headings import check_headings
from site_typology.new_site_files import csv_headings, read_raw
from site_typology.new_sites import EDGE, Checker, Chunk, compositions
from site_typology.profile_checks import INDEX, PARTS_SUM_TOLERANCE
from site_typology.range_tally import RangeTally
from site_typology.spreadsheet import FORMULA_STARTS

BLOCK_BYTES = 1 << 20
"""Bytes of a CSV file that are parsed at once; larger blocks are parsed more slowly."""
_STARTS = "".join(f"\\{sign}" for sign in FORMULA_STARTS if sign.isprintable()) + "\\t\\r"


class NotInOrderError(Exception):
    """The file has to be read cell by cell."""


@dataclass(frozen=True)
class Block:
    """Some sites of a large file; columns as in `Chunk`."""

    sites: Any
    rounds: Any
    numbers: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.sites)

    def some(self, rows: np.ndarray) -> Chunk:
        """Take some of the sites out."""
        return Chunk(
            self.sites.take(pa.array(rows)).to_numpy(zero_copy_only=False),
            self.rounds.take(pa.array(rows)).to_numpy(zero_copy_only=False),
            {name: column[rows] for name, column in self.numbers.items()},
            {},
        )


class FastReader:
    """Reads a CSV or Parquet file that is in order.

    Parameters
    ----------
    form : Form
    path : Path
    rows : int
        Sites a block, at most.
    block_bytes : int
        Bytes of a CSV file that are parsed at once.
    """

    def __init__(self, form: Form, path: Path, rows: int, block_bytes: int = BLOCK_BYTES) -> None:
        self.form = form
        self.path = path
        self.rows = rows
        self.block_bytes = block_bytes
        self.tally = RangeTally(form)
        self._hashes: list[np.ndarray] = []

    def blocks(self) -> Iterator[Block]:
        """Read the file.

        Raises
        ------
        NotInOrderError
            At the first thing that does not fit.
        """
        for batch, at in self._batches():
            for start in range(0, batch.num_rows, self.rows):
                yield self._block(batch.slice(start, self.rows), at)
        self._check_twice()

    def finish(self) -> tuple[Difference, ...]:
        """Give what is worth a look."""
        return tuple(self.tally.notes())

    def _batches(self) -> Iterator[tuple[pa.RecordBatch, dict[str, str]]]:
        try:
            if self.path.suffix.lower() == ".parquet":
                file = pq.ParquetFile(self.path)
                at = self._columns(file.schema_arrow.names)
                for batch in file.iter_batches(
                    self.rows, columns=[*at.values()], use_threads=False
                ):
                    yield batch, at
                return
            headings, separator = csv_headings(self.path)
            at = self._columns(headings)
            types = {
                heading: pa.string() if name in INDEX else pa.float64()
                for name, heading in at.items()
            }
            with pyarrow.csv.open_csv(
                self.path,
                pyarrow.csv.ReadOptions(use_threads=False, block_size=self.block_bytes),
                pyarrow.csv.ParseOptions(delimiter=separator, newlines_in_values=True),
                pyarrow.csv.ConvertOptions(
                    column_types=types, include_columns=[*at.values()], null_values=[""]
                ),
            ) as reader:
                for batch in _gathered(reader, self.rows):
                    yield batch, at
        except (pa.ArrowInvalid, pa.ArrowKeyError, pa.ArrowNotImplementedError, OSError) as error:
            raise NotInOrderError from error

    def _columns(self, headings: list[str]) -> dict[str, str]:
        """Headings by the names of the columns that are read: not those of categories."""
        found: list[Difference] = []
        at = check_headings(self.form, headings, found, whole=True)
        if found or len(set(headings)) < len(headings):
            raise NotInOrderError
        return {
            name: headings[place]
            for name, place in at.items()
            if name in INDEX or not self._is_category(name)
        }

    def _is_category(self, name: str) -> bool:
        field, ending = self.form.known[name]
        return field.category and not ending

    def _block(self, batch: pa.RecordBatch, at: Mapping[str, str]) -> Block:
        sites = _texts(batch.column(at["site"]))
        if "round" in at:
            rounds = _texts(batch.column(at["round"]), ONE_ROUND)
        else:
            rounds = pa.array([ONE_ROUND]).take(pa.array(np.zeros(len(batch), dtype=np.int8)))
        numbers = {
            name: self._numbers(name, batch.column(heading))
            for name, heading in at.items()
            if name not in INDEX
        }
        for parts in compositions(self.form).values():
            if all(part in numbers for part in parts):
                total = np.sum([numbers[part] for part in parts], axis=0)
                if (np.abs(total - 1) > PARTS_SUM_TOLERANCE).any():
                    raise NotInOrderError
        self.tally.add(numbers)
        self._hashes.append(_hashes(sites, _hashes(rounds)) if "round" in at else _hashes(sites))
        return Block(sites, rounds, numbers)

    def _numbers(self, name: str, column: pa.Array) -> np.ndarray:
        if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
            raise NotInOrderError
        numbers = column.to_numpy(zero_copy_only=False)
        numbers = np.ascontiguousarray(numbers, dtype=float)
        least, most = np.fmin.reduce(numbers), np.fmax.reduce(numbers)
        if np.isnan(least):
            return numbers
        field, ending = self.form.known[name]
        low, high = field.limits_of(ending)
        wrong = least < low - EDGE or most > high + EDGE or np.isinf(least) or np.isinf(most)
        if not ending:
            wrong |= self.tally.stops(field, float(least)) or self.tally.stops(field, float(most))
        if self.path.suffix.lower() == ".csv" and column.null_count < np.isnan(numbers).sum():
            wrong = True
        if wrong:
            raise NotInOrderError
        return numbers

    def _check_twice(self) -> None:
        if not self._hashes:
            raise NotInOrderError
        every = np.sort(np.concatenate(self._hashes))
        if (every[1:] == every[:-1]).any():
            raise NotInOrderError


class CarefulReader:
    """Reads any file of new sites cell by cell; `finish` raises everything that was wrong."""

    def __init__(self, form: Form, path: Path, rows: int) -> None:
        self._checker = Checker(form, read_raw(path), whole=True)
        self._rows = rows

    def blocks(self) -> Iterator[Block]:
        """Read the file; sites are given only as long as nothing was wrong."""
        for chunk in self._checker.chunks(self._rows):
            if not self._checker.wrong:
                sites, rounds = (pa.array(own, pa.string()) for own in (chunk.sites, chunk.rounds))
                yield Block(sites, rounds, chunk.numbers)

    def finish(self) -> tuple[Difference, ...]:
        """Give what is worth a look, or raise `MismatchError`."""
        return self._checker.finish()


def harmless(texts: pa.Array) -> pa.Array:
    """Put an apostrophe before text that a spreadsheet would run, as `neutralise` does.

    Examples
    --------
    >>> harmless(pa.array(["=1+1", "North"])).to_pylist()
    ["'=1+1", 'North']
    """
    risky = pc.match_substring_regex(texts, f"^[{_STARTS}]")
    if not pc.any(risky).as_py():
        return texts
    return pc.if_else(risky, pc.binary_join_element_wise("'", texts, ""), texts)


def _gathered(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Put small batches together: each block that is placed costs some time of its own."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        held.append(batch)
        count += len(batch)
        if count >= rows:
            table = pa.Table.from_batches(held).combine_chunks()
            whole = count - count % rows
            yield from table.slice(0, whole).to_batches()
            held, count = table.slice(whole).to_batches(), count - whole
    if held:
        yield from pa.Table.from_batches(held).combine_chunks().to_batches()


def _texts(column: pa.Array, blank: str = "") -> pa.Array:
    """Names without blanks around them and without the apostrophe of `harmless`."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        raise NotInOrderError
    texts = pc.utf8_trim_whitespace(column.cast(pa.string()))
    marked = pc.match_substring_regex(texts, f"^'[{_STARTS}]")
    if pc.any(marked).as_py():
        texts = pc.if_else(marked, pc.utf8_slice_codeunits(texts, 1), texts)
    if texts.null_count or pc.any(pc.equal(texts, "")).as_py():
        if not blank:
            raise NotInOrderError
        texts = pc.if_else(pc.equal(pc.fill_null(texts, ""), ""), blank, pc.fill_null(texts, ""))
    return texts


def _hashes(texts: pa.Array, before: np.ndarray | None = None) -> np.ndarray:
    from site_typology.models.text_hashes import text_hashes

    _, offsets, data = texts.buffers()
    start, size = texts.offset, len(texts)
    places = np.frombuffer(offsets, dtype=np.int32)[start : start + size + 1]
    content = np.frombuffer(data, dtype=np.uint8) if data else np.empty(0, dtype=np.uint8)
    first = np.zeros(size, dtype=np.uint64) if before is None else before
    return np.asarray(text_hashes(places, content, first))
