"""Assign a file of many sites in bounded memory: read, place and write a block at a time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from site_typology.answer_files import check_kind
from site_typology.answer_report import Summary, answer_report
from site_typology.batch_placing import Placement, Placer
from site_typology.batch_reading import (
    BLOCK_BYTES,
    Block,
    CarefulReader,
    FastReader,
    NotInOrderError,
    harmless,
)
from site_typology.differences import Difference
from site_typology.form import Form
from site_typology.new_site_files import read_raw
from site_typology.typology import Typology
from site_typology.whole_files import whole_files

CHUNK = 131_072
STREAMED = (".csv", ".parquet")


def assign_stream(
    typology: Typology,
    source: Path,
    out: Path,
    *,
    report: Path | None = None,
    chunk: int = CHUNK,
    block_bytes: int = BLOCK_BYTES,
) -> tuple[Summary, tuple[Difference, ...]]:
    """Assign every site of a CSV or Parquet file, and write the answer as it comes.

    The answers are those of `Typology.assign`, for any `chunk`: a site is placed by itself.
    Memory holds a block, and 8 bytes a site to see that none is named twice.

    Parameters
    ----------
    typology : Typology
    source : Path
        ``.csv`` or ``.parquet`` with one row a site.
    out : Path
        ``.csv`` or ``.parquet``; there whole, or not at all.
    report : Path, optional
        HTML file for a short report.
    chunk : int
        Sites that are placed at once.
    block_bytes : int
        Bytes of a CSV file that are read at once.

    Returns
    -------
    Summary
    tuple of Difference
        Worth a look, though they stop nothing.

    Raises
    ------
    StudyError
        With everything that does not fit, or a file that cannot be read or written.
    """
    check_kind(out, STREAMED)
    read_raw(source)  # Refuses a file that is not there or not what its name says.
    form, placer = Form.of(typology), Placer(typology)
    with whole_files({"--out": out, "--report": report}, [source]) as places:
        try:
            reader: Any = FastReader(form, source, chunk, block_bytes)
            summary = _copy(typology, placer, form, reader, places["--out"])
        except NotInOrderError:
            reader = CarefulReader(form, source, chunk)
            summary = _copy(typology, placer, form, reader, places["--out"])
        differences = reader.finish()
        if report is not None:
            page = answer_report(summary, differences, source.name)
            places["--report"].write_text(page, encoding="utf-8")
    return summary, differences


def _copy(typology: Typology, placer: Placer, form: Form, reader: Any, place: Path) -> Summary:
    summary = Summary(typology)
    with AnswerWriter(place, dict(typology.names)) as writer:
        for block in reader.blocks():
            placed = placer.place(block.numbers)
            rest = np.flatnonzero(~placed.plain)
            frame = typology.assign(block.some(rest).profiles(form)).frame if len(rest) else None
            chosen = placed.plain
            summary.add_types(
                placed.ranks[chosen, 0] + 1, placed.chances[chosen, placed.ranks[chosen, 0]]
            )
            if frame is not None:
                summary.add_frame(frame)
            writer.write(block, placed, rest, frame)
    return summary


class AnswerWriter:
    """Writes answers block by block, with the columns of `Assignment`.

    Parameters
    ----------
    place : Path
        ``.csv`` or ``.parquet``.
    names : mapping of int to str
        Names of the types; none where no typology is claimed.
    """

    def __init__(self, place: Path, names: Mapping[int, str]) -> None:
        self.names = names
        self.schema = pa.schema(
            [
                ("site", pa.string()),
                ("round", pa.string()),
                ("type", pa.int64()),
                ("name", pa.string()),
                ("confidence", pa.float64()),
                ("next_type", pa.int64()),
                ("next_confidence", pa.float64()),
                ("distance", pa.float64()),
                ("reason", pa.string()),
                *((f"p_{at + 1}", pa.float64()) for at in range(len(names))),
            ]
        )
        self._plain_text = place.suffix.lower() == ".csv"
        self._writer: Any = (
            pyarrow.csv.CSVWriter(place, self.schema)
            if self._plain_text
            else pq.ParquetWriter(place, self.schema, use_dictionary=["round", "name", "reason"])
        )

    def __enter__(self) -> AnswerWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()

    def write(self, block: Block, placed: Placement, rest: np.ndarray, frame: Any) -> None:
        """Write a block; `frame` is the answer for the places `rest`, None where there are none."""
        size = len(block)
        first, second = placed.ranks[:, 0] + 1, placed.ranks[:, 1] + 1
        rows = np.arange(size)
        chances = placed.chances[:, : len(self.names)]
        columns: dict[str, np.ndarray] = {
            "confidence": placed.chances[rows, placed.ranks[:, 0]],
            "next_confidence": placed.chances[rows, placed.ranks[:, 1]],
            "distance": placed.distance,
            **{f"p_{at + 1}": chances[:, at] for at in range(chances.shape[1])},
        }
        columns["next_confidence"] = np.where(second > 0, columns["next_confidence"], np.nan)
        reasons, which = [""], np.zeros(size, dtype=np.int32)
        if frame is not None:
            first[rest] = frame["type"].fillna(0).to_numpy(dtype=np.int64)
            second[rest] = frame["next_type"].fillna(0).to_numpy(dtype=np.int64)
            for name in columns:
                columns[name] = columns[name].copy()
                columns[name][rest] = frame[name].to_numpy(dtype=float)
            which[rest] = np.arange(1, len(rest) + 1)
            reasons += frame["reason"].tolist()
        titles = pa.array(["", *(self.names[at + 1] for at in range(len(self.names)))])
        ready: dict[str, Any] = {
            "site": block.sites,
            "round": block.rounds,
            "type": pa.array(first, mask=first == 0),
            "name": titles.take(pa.array(first)),
            "next_type": pa.array(second, mask=second == 0),
            "reason": pa.array(reasons, pa.string()).take(pa.array(which)),
            **{name: pa.array(values, from_pandas=True) for name, values in columns.items()},
        }
        if self._plain_text:
            for name in ("site", "round", "name", "reason"):
                ready[name] = harmless(ready[name])
        self._writer.write_batch(
            pa.RecordBatch.from_arrays(
                [ready[field.name] for field in self.schema], schema=self.schema
            )
        )
