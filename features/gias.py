"""Get Information About Schools (GIAS): extracts of the register of schools in England."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import ClassVar

from site_typology.declaration import TableDeclaration
from site_typology.features.rawtable import RawTable
from site_typology.features.text import TextReader

AREA_PREFIX = "(England/Wales) "


class GiasReader(TextReader):
    """An ``edubasealldata`` extract: Windows encoding, codes padded with zeros.

    The prefix that says which country's classification of rural and urban areas is meant is
    taken off, so that names are the same in all years.
    """

    endings: ClassVar[tuple[str, ...]] = ()
    encodings: ClassVar[tuple[str, ...]] = ("utf-8", "cp1252", "latin-1")

    def read(self, path: Path, declaration: TableDeclaration) -> RawTable:
        """Read an extract; see `site_typology.features.readers.Reader`."""
        raw = super().read(path, declaration)
        frame = raw.frame.copy()
        for name in frame.columns:
            if name.startswith("UrbanRural"):
                frame[name] = frame[name].str.removeprefix(AREA_PREFIX)
        return dataclasses.replace(raw, frame=frame)
