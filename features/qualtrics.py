"""Qualtrics exports: two or three header rows, survey previews."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import ClassVar

import pandas as pd

from site_typology.declaration import TableDeclaration
from site_typology.features.rawtable import PREVIEW_ROW, RawTable
from site_typology.features.text import Records, TextReader

PREVIEW_STATUS = frozenset(
    {"Survey Preview", "Survey Test", "Spam Survey Preview", "Offline Survey Preview"}
    | {"1", "2", "9", "17"}
)
"""Values of ``Status`` that mark a try-out of the survey, as labels and as codes."""

PREVIEW_CHANNELS = frozenset({"preview", "test"})
"""Values of ``DistributionChannel`` that mark one."""

_IMPORT_ID = re.compile(r'"ImportId"\s*:\s*"([^"]*)"')
_LEGACY_TITLES = frozenset({"ResponseID", "ResponseId", "Response ID", "StartDate", "Start Date"})


class QualtricsReader(TextReader):
    """A CSV or TSV export of Qualtrics, new (three header rows) or legacy (two)."""

    endings: ClassVar[tuple[str, ...]] = ()

    def table(self, records: Records, declaration: TableDeclaration) -> RawTable:
        """Make a table; previews are set aside and question texts become titles."""
        raw = super().table(records, declaration)
        return set_previews_aside(raw, import_ids(records.cells))

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


def import_ids(cells: list[list[str]]) -> dict[str, str]:
    """Names that Qualtrics itself gives to columns, whatever the language of the headings.

    Examples
    --------
    >>> import_ids([["Antworttyp"], ["Status"], ['{"ImportId":"status"}']])
    {'Antworttyp': 'status'}
    """
    found = {}
    for row in cells[1:3]:
        for name, cell in zip(cells[0], row, strict=False):
            told = _IMPORT_ID.search(cell)
            if told:
                found[name.strip()] = told[1]
    return found


def set_previews_aside(raw: RawTable, ids: Mapping[str, str]) -> RawTable:
    """Set aside the rows that are try-outs of the survey.

    Their ``Status`` says so (or the column titled so), or their channel, which is written the same
    in every language.
    """
    previews = pd.Series(data=False, index=raw.frame.index)
    for name in raw.frame:
        if "Status" in (name, raw.titles.get(name)) or ids.get(name) == "status":
            previews |= raw.frame[name].isin(PREVIEW_STATUS)
        if name == "DistributionChannel" or ids.get(name) == "distributionChannel":
            previews |= raw.frame[name].isin(PREVIEW_CHANNELS)
    return dataclasses.replace(raw, aside=raw.aside.mask(previews & (raw.aside == ""), PREVIEW_ROW))
