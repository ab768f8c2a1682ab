"""Get Information About Schools (GIAS): extracts of the register of schools in England."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import pandas as pd

from site_typology.declaration import TableDeclaration
from site_typology.features.rawtable import RawTable, listed
from site_typology.features.text import TextReader

AREA_PREFIX = "(England/Wales) "

REGISTER_COLUMNS: tuple[str, ...] = (
    "URN",
    "UKPRN",
    "LA (code)",
    "LA (name)",
    "EstablishmentNumber",
    "EstablishmentName",
    "TypeOfEstablishment (code)",
    "TypeOfEstablishment (name)",
    "EstablishmentTypeGroup (code)",
    "EstablishmentTypeGroup (name)",
    "EstablishmentStatus (code)",
    "EstablishmentStatus (name)",
    "OpenDate",
    "CloseDate",
    "PhaseOfEducation (code)",
    "PhaseOfEducation (name)",
    "StatutoryLowAge",
    "StatutoryHighAge",
    "FurtherEducationType (name)",
    "SchoolCensusDate",
    "NumberOfPupils",
    "PercentageFSM",
    "FSM",
    "SENStat",
    "SENNoStat",
    "UrbanRural (code)",
    "UrbanRural (name)",
    "Easting",
    "Northing",
    "LSOA (code)",
    "LSOA (name)",
    "MSOA (code)",
    "MSOA (name)",
    "LinkURN",
    "LinkName",
    "LinkType",
    "LinkEstablishedDate",
)
"""Columns of the register and of its file of links that features use, as the department writes
them today. Tools that pass extracts on change case and blanks (``establishment_status_name``)."""


class GiasReader(TextReader):
    """An ``edubasealldata`` extract: Windows encoding, codes padded with zeros.

    Names of columns that differ from `REGISTER_COLUMNS` in case, blanks or marks only are brought
    to that spelling, with a note in the ledger. The prefix that says which country's
    classification of rural and urban areas is meant is taken off, so that names are the same in
    all years.
    """

    endings: ClassVar[tuple[str, ...]] = ()
    encodings: ClassVar[tuple[str, ...]] = ("utf-8", "cp1252", "latin-1")

    def read(self, path: Path, declaration: TableDeclaration) -> RawTable:
        """Read an extract; see `site_typology.features.readers.Reader`."""
        raw = super().read(path, declaration)
        new_names = register_names(raw.frame.columns, kept=declaration.rename.values())
        frame = raw.frame.rename(columns=new_names)
        for name in frame.columns:
            column = frame[name]
            if name.startswith("UrbanRural") and isinstance(column, pd.Series):
                frame[name] = column.str.removeprefix(AREA_PREFIX)
        titles = {new_names.get(name, name): text for name, text in raw.titles.items()}
        notes = raw.notes + _note(new_names)
        return dataclasses.replace(raw, frame=frame, titles=titles, notes=notes)


def register_names(names: Iterable[str], kept: Iterable[str] = ()) -> dict[str, str]:
    """Map names of columns to the register's spelling.

    Parameters
    ----------
    names : iterable of str
        Names in a file.
    kept : iterable of str
        Names that the study itself renames, which stay as they are.

    Returns
    -------
    dict
        Only the names that change. A name stays where the file also has the register's own, or
        another that reads the same.

    Examples
    --------
    >>> register_names(["URN", "establishment_status_name", "Easting ", "Head"])
    {'establishment_status_name': 'EstablishmentStatus (name)', 'Easting ': 'Easting'}
    """
    names, kept = list(names), {name.strip() for name in kept}
    forms = [_form(name) for name in names]
    known = {_form(name): name for name in REGISTER_COLUMNS}
    return {
        name: known[form]
        for name, form in zip(names, forms, strict=True)
        if form in known
        and name != known[form]
        and known[form] not in names
        and forms.count(form) == 1
        and name not in kept
    }


def _form(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())


def _note(new_names: dict[str, str]) -> tuple[str, ...]:
    if not new_names:
        return ()
    shown = listed([f"{old!r} to {new!r}" for old, new in new_names.items()])
    return (f"Names of columns were brought to the register's spelling: {shown}.",)
