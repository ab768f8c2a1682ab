"""The files of a study, each read once however many tables are made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from site_typology.declaration import TableDeclaration
from site_typology.features.rawtable import RawTable
from site_typology.features.readers import OPTIONS, is_pattern, read_file, without_repeats
from site_typology.study_file import resolve_path


class RawFiles:
    """Reads files for the tables of a study, and lets go of each after its last table.

    A survey published as counts stands in one wide file, of which every group of informants is a
    table; reading is most of the work of loading it.

    Parameters
    ----------
    declarations : iterable of TableDeclaration
        Those that will be read, each once.
    folder : Path
        Folder that declared paths are relative to.
    """

    def __init__(self, declarations: Iterable[TableDeclaration], folder: Path) -> None:
        self._folder = folder
        self._to_come = Counter(self._key(each) for each in declarations)
        self._kept: dict[str, RawTable] = {}

    def read(self, declaration: TableDeclaration) -> RawTable:
        """Read the file of a table, or recall it; the answer is not to be changed in place.

        Raises
        ------
        UnreadableTableError
            With what is wrong with the file and what to do.
        """
        key = self._key(declaration)
        raw = self._kept.pop(key, None) or read_file(declaration, self._folder)
        self._to_come[key] -= 1
        if self._to_come[key] > 0:
            self._kept[key] = raw
        return without_repeats(raw, declaration.personal)

    def _key(self, declaration: TableDeclaration) -> str:
        """The file and all that a reader looks at; new names say what GIAS must leave alone."""
        said = [getattr(declaration, option) for option in OPTIONS]
        renamed = declaration.rename if declaration.format == "gias" else {}
        path = resolve_path(declaration.path, self._folder)
        personal = declaration.personal if is_pattern(path) else ()
        return repr((str(path), declaration.format, said, renamed, personal))
