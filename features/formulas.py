"""Formulas of a workbook that no program has calculated, of which no value can be read."""

from __future__ import annotations

import html
import posixpath
import re
import zipfile
from pathlib import Path

_SHEET = re.compile(r'<sheet\b[^>]*?\bname="([^"]*)"[^>]*?\br:id="([^"]*)"')
_TARGET = re.compile(r'<Relationship\b[^>]*?\b(Id|Target)="([^"]*)"[^>]*?\b(Id|Target)="([^"]*)"')
_EMPTY = re.compile(
    r'<c\b(?=[^>]*?\br="([A-Z]+\d+)")(?![^>]*?\bt="str")[^>]*>'
    r"<f\b[^<]*(?:</f>|(?<=/>))(?:<v\s*/>|<v></v>)?</c>"
)


def uncalculated(path: Path, sheet: str) -> list[str]:
    """Cells of a sheet of an ``.xlsx`` file with a formula and no value, such as ``B2``.

    A program that writes formulas without calculating them leaves the value out; where the value
    is an empty text, the file says so. Other kinds of workbooks have none here.

    Parameters
    ----------
    path : Path
    sheet : str
        Name of a sheet.
    """
    if not zipfile.is_zipfile(path):
        return []
    with zipfile.ZipFile(path) as book:
        there = set(book.namelist())
        if not {"xl/workbook.xml", "xl/_rels/workbook.xml.rels"} <= there:
            return []
        names = _SHEET.findall(book.read("xl/workbook.xml").decode("utf-8", "replace"))
        links = _TARGET.findall(book.read("xl/_rels/workbook.xml.rels").decode("utf-8", "replace"))
        targets = dict((b, d) if a == "Id" else (d, b) for a, b, _, d in links)
        own = next((id_ for name, id_ in names if html.unescape(name) == sheet), "")
        part = posixpath.normpath(posixpath.join("/xl", targets.get(own, ""))).lstrip("/")
        if part not in there:
            return []
        content = book.read(part).decode("utf-8", "replace")
    return [match[1] for match in _EMPTY.finditer(content)] if "<f" in content else []
