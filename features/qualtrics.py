"""Qualtrics exports: two or three header rows, survey previews."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import ClassVar

from site_typology.declaration import TableDeclaration
from site_typology.features.rawtable import PREVIEW_ROW, RawTable
from site_typology.features.text import TextReader

PREVIEW_STATUS = frozenset(
    {"Survey Preview", "Survey Test", "Spam Survey Preview", "Offline Survey Preview"}
    | {"1", "2", "9", "17"}
)
"""Values of ``Status`` that mark a try-out of the survey, as labels and as codes."""

_LEGACY_TITLES = frozenset({"ResponseID", "ResponseId", "Response ID", "StartDate", "Start Date"})


class QualtricsReader(TextReader):
    """A CSV or TSV export of Qualtrics, new (three header rows) or legacy (two)."""

    endings: ClassVar[tuple[str, ...]] = ()

    def read(self, path: Path, declaration: TableDeclaration) -> RawTable:
        """Read an export; previews are set aside and question texts become titles."""
        return set_previews_aside(super().read(path, declaration))

    def header_rows(self, cells: list[list[str]]) -> int:
        """Find out how many header rows an export has; see `header_rows`."""
        return header_rows(cells)


def header_rows(cells: list[list[str]]) -> int:
    """Find out how many header rows an export has.

    Examples
    --------
    >>> header_rows([["Q1"], ["How are you?"], ['{"ImportId":"QID1"}'], ["2"]])
    3
    """
    for at in (2, 1):
        if len(cells) > at and any('"ImportId"' in cell for cell in cells[at]):
            return at + 1
    if len(cells) > 1 and _LEGACY_TITLES.intersection(cell.strip() for cell in cells[1]):
        return 2
    return 1


def set_previews_aside(raw: RawTable) -> RawTable:
    """Set aside the rows whose ``Status`` (or column titled so) says survey preview."""
    status = next(
        (name for name in raw.frame if name == "Status" or raw.titles.get(name) == "Status"), None
    )
    if status is None:
        return raw
    previews = raw.frame[status].isin(PREVIEW_STATUS)
    return dataclasses.replace(raw, aside=raw.aside.mask(previews & (raw.aside == ""), PREVIEW_ROW))
