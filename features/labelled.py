"""SPSS and Stata files: value labels, and codes that the file declares missing, with a reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

from site_typology.declaration import TableDeclaration
from site_typology.features.plain import plain
from site_typology.features.rawtable import RawTable, UnreadableTableError, untouched
from site_typology.features.tables import code_text

REASON_WORDS: tuple[tuple[str, str], ...] = (
    (r"not (administered|asked|presented|shown|in (this )?(form|version|round))", "not asked"),
    (r"(logically|does) not appl|not applicable|\bn/?a\b|inapplicable", "not applicable"),
    (r"don.?t know|do not know|not sure|unsure|\bdk\b", "don't know"),
    (r"refus|prefer not|rather not|decline", "refused"),
    (r"rout|filter", "routed"),
    (r"skip", "skipped"),
    (r"suppress|confidential", "suppressed"),
    (r"unavailable|not available", "unavailable"),
)
"""Words in the label of a missing code, and the reason they stand for."""


class SpssReader:
    """An SPSS file (``.sav``, ``.zsav``)."""

    endings: ClassVar[tuple[str, ...]] = (".sav", ".zsav")
    options: ClassVar[tuple[str, ...]] = ("encoding",)

    def read(self, path: Path, declaration: TableDeclaration) -> RawTable:
        """Read a file; see `site_typology.features.readers.Reader`."""
        import pyreadstat

        frame, meta = _read(pyreadstat.read_sav, path, declaration, "SPSS")
        return _raw_table(frame, meta)


class StataReader:
    """A Stata file (``.dta``), extended missing codes ``.a`` to ``.z`` kept apart."""

    endings: ClassVar[tuple[str, ...]] = (".dta",)
    options: ClassVar[tuple[str, ...]] = ("encoding",)

    def read(self, path: Path, declaration: TableDeclaration) -> RawTable:
        """Read a file; see `site_typology.features.readers.Reader`."""
        import pyreadstat

        frame, meta = _read(pyreadstat.read_dta, path, declaration, "Stata")
        return _raw_table(frame, meta)


def reason_of(label: str) -> str:
    """Say why a code means missing, from its value label.

    Examples
    --------
    >>> reason_of("Don't know"), reason_of("Not administered"), reason_of("Not Reached")
    ("don't know", 'not asked', 'not answered')
    """
    for words, reason in REASON_WORDS:
        if re.search(words, label, flags=re.IGNORECASE):
            return reason
    return "not answered"


def _read(
    reader: Callable[..., Any], path: Path, declaration: TableDeclaration, kind: str
) -> tuple[pd.DataFrame, Any]:
    import pyreadstat

    if path.stat().st_size == 0:
        raise UnreadableTableError("The file is empty. Give a file with rows.")
    try:
        frame, meta = reader(path, user_missing=True, encoding=declaration.encoding)
    except (pyreadstat.ReadstatError, ValueError) as error:
        raise UnreadableTableError(
            f"It cannot be read as {kind}: {str(error).rstrip('.')}. It may be cut short, in "
            "another format or in another encoding. Get the file again, or set format or encoding."
        ) from None
    return frame, meta


def _raw_table(frame: pd.DataFrame, meta: Any) -> RawTable:
    labels = {
        name: {code_text(code): str(label) for code, label in given.items()}
        for name, given in meta.variable_value_labels.items()
    }
    frame = plain(frame.rename(columns=str.strip))
    return RawTable(
        frame,
        untouched(frame),
        missing={
            name: _missing_codes(frame[name], meta, name, labels.get(name, {}))
            for name in frame.columns
            if name in meta.missing_ranges or name in meta.missing_user_values
        },
        labels=labels,
        titles={name: text for name, text in meta.column_names_to_labels.items() if text},
    )


def _missing_codes(
    column: pd.Series, meta: Any, name: str, labels: Mapping[str, str]
) -> dict[str, str]:
    """Codes found in the column that the file declares missing, singly or by a range."""
    ranges = meta.missing_ranges.get(name, [])
    single = {code_text(code) for code in meta.missing_user_values.get(name, [])}
    codes = {}
    for value in column.dropna().unique():
        code = code_text(value)
        if code in single or any(_within(value, each["lo"], each["hi"]) for each in ranges):
            codes[code] = reason_of(labels.get(code, ""))
    return codes


def _within(value: Any, low: Any, high: Any) -> bool:
    if isinstance(low, str) or isinstance(high, str):
        return isinstance(value, str) and str(low).strip() <= value.strip() <= str(high).strip()
    return not isinstance(value, str) and bool(low <= value <= high)
