"""A report in every format, written from one set of parts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from site_typology.document import Document
from site_typology.document_sheet import sheet_file
from site_typology.document_word import word_file

WORD, SHEET, RECORD = "report.docx", "report.xlsx", "report.json"


def report_files(
    document: Document, pictures: Mapping[str, bytes], about: Mapping[str, Any] | None = None
) -> dict[str, bytes]:
    """Write a report as a Word document, a spreadsheet and a record for machines.

    Parameters
    ----------
    document : Document
        From `site_typology.document_reading.read_page`, or made for sharing.
    pictures : mapping of str to bytes
        Figures as PNG by name, for the Word document.
    about : mapping of str to object, optional
        Plain values that stand first in the record.

    Returns
    -------
    dict of str to bytes
        ``report.docx``, ``report.xlsx`` and ``report.json``. Every number of the report stands in
        the record as a number too.
    """
    record = {**(about or {}), **document.to_dict()}
    text = json.dumps(record, indent=1, allow_nan=False, ensure_ascii=False)
    return {
        WORD: word_file(document, pictures),
        SHEET: sheet_file(document),
        RECORD: f"{text}\n".encode(),
    }
