"""Qualtrics exports: two or three header rows, survey previews, columns that are no questions."""

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

RESPONSE_ID, FINISHED, PROGRESS, EMBEDDED = "responseid", "finished", "progress", "embedded data"

OWN = frozenset(
    {"startdate", "enddate", "status", "responsetype", "ipaddress", PROGRESS, "duration"}
    | {"durationinseconds", FINISHED, "recordeddate", RESPONSE_ID, "recipientlastname"}
    | {"recipientfirstname", "recipientemail", "externalreference", "externaldatareference"}
    | {"locationlatitude", "locationlongitude", "distributionchannel", "userlanguage"}
    | {"responseset"}
)
"""Names, letters alone, of the columns that Qualtrics adds to the questions."""

_SYNONYMS = {"recordid": RESPONSE_ID}
_QUESTION_ID = re.compile(r"QID\d")
_IMPORT_ID = re.compile(r'"ImportId"\s*:\s*"([^"]*)"')
_LEGACY_TITLES = frozenset({"ResponseID", "ResponseId", "Response ID", "StartDate", "Start Date"})


class QualtricsReader(TextReader):
    """A CSV or TSV export of Qualtrics, new (three header rows) or legacy (two)."""

    endings: ClassVar[tuple[str, ...]] = ()

    def table(self, records: Records, declaration: TableDeclaration) -> RawTable:
        """Make a table; previews are set aside and question texts become titles."""
        raw = super().table(records, declaration)
        ids = import_ids(records.cells)
        raw = dataclasses.replace(raw, software=software_columns(raw, ids))
        return set_previews_aside(raw, ids)

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


def software_columns(raw: RawTable, ids: Mapping[str, str]) -> dict[str, str]:
    """Say what Qualtrics itself keeps in columns that are no questions.

    Where questions have the numbers of Qualtrics (``QID3_1``), columns with another are embedded
    data, such as what was known of a person before the survey.

    Examples
    --------
    >>> raw = RawTable(pd.DataFrame(columns=["V1", "team", "Q1"]), pd.Series(dtype="str"))
    >>> software_columns(raw, {"V1": "_recordId", "team": "team", "Q1": "QID1"})
    {'V1': 'responseid', 'team': 'embedded data'}
    """
    numbered = any(_QUESTION_ID.search(own) for own in ids.values())
    found = {}
    for name in raw.frame:
        told = (ids.get(name, ""), name, raw.titles.get(name, ""))
        known = [_SYNONYMS.get(plain, plain) for plain in map(_letters, told)]
        own = next((plain for plain in known if plain in OWN), None)
        if own is not None:
            found[str(name)] = own
        elif numbered and name in ids and not _QUESTION_ID.search(ids[name]):
            found[str(name)] = EMBEDDED
    return found


def _letters(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalpha())


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
