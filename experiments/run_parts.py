"""Finished parts of a run that has not ended: kept on the disk, and taken up by a resumed run."""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from site_typology import __version__
from site_typology.errors import Problem, StudyError
from site_typology.grid import Grid
from site_typology.system_errors import told

if TYPE_CHECKING:
    from site_typology.settings import ProposeSettings
    from site_typology.study import Study
    from site_typology.typology import Typology

FOLDER = "unfinished"
IDENTITY, TYPOLOGY = "identity.json", "typology"
WORDS = {
    "study": "name of the study",
    "study_hash": "study file",
    "data_hash": "profiles, and so the data",
    "spec_hash": "specification",
    "seed": "seed",
    "code": "version of site-typology",
}
"""What a resumed run must have in common with the interrupted one, in words."""


@dataclass(frozen=True)
class RunParts:
    """The folder of what a run has finished.

    Parameters
    ----------
    folder : Path
        Made when the first part is kept.
    identity : mapping of str to str
        What the parts depend on, by the names of `WORDS`.
    """

    folder: Path
    identity: Mapping[str, str]

    @property
    def key(self) -> str:
        """Hash of the identity: lines of other runs are not read."""
        return hashlib.sha256(json.dumps(dict(self.identity), sort_keys=True).encode()).hexdigest()

    def begin(self, *, resume: bool) -> None:
        """Take up what is there, or clear it away.

        Raises
        ------
        StudyError
            `resume`, and what is there belongs to another study, data, specification, seed or
            version, with every difference; or the folder holds something else.
        """
        path = self.folder / IDENTITY
        if self.folder.exists() and not path.is_file():
            self._refuse_other_files()
        if resume and path.is_file():
            self._refuse_another(path)
        elif self.folder.is_dir():
            shutil.rmtree(self.folder)

    def _refuse_other_files(self) -> None:
        """Leave alone what no run has written."""
        if self.folder.is_dir():
            here = {path.name for path in self.folder.iterdir()}
            if here <= {f"{IDENTITY}.new"}:  # A run that was killed at its very start.
                return
        said = (
            "Is not of a run of site-typology, which would keep its parts there. Move it away, or "
            "name another folder for the results."
        )
        raise StudyError(str(self.folder.parent), [Problem(self.folder.name, said)])

    def _refuse_another(self, path: Path) -> None:
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            found = {}
        wrong = [
            Problem(name, f"The {words} differs: {_short(found.get(name, 'unknown'))} when the run "
                    f"was interrupted, {_short(self.identity[name])} now.")
            for name, words in WORDS.items()
            if found.get(name) != self.identity[name]
        ]  # fmt: skip
        if wrong:
            remedy = (
                f"Nothing was taken from {self.folder}. Run with what it was begun with, or "
                "without --resume to start anew."
            )
            raise StudyError("--resume", [*wrong, Problem("remedy", remedy)])

    def typology(self) -> Typology | None:
        """Read the proposal, where it is finished."""
        from site_typology.typology import load

        folder = self.folder / TYPOLOGY
        return load(folder) if folder.is_dir() else None

    def keep(self, typology: Typology) -> Typology:
        """Write the proposal down and read it back.

        What was read goes on, so that a resumed run and one that was not interrupted have the
        same in hand.
        """
        self.claim()
        typology.save(self.folder / TYPOLOGY)
        kept = self.typology()
        return typology if kept is None else kept

    def claim(self) -> None:
        """Make the folder and say what it belongs to."""
        with told(str(self.folder.parent), "parts of the run were kept", where=str(self.folder)):
            self.folder.mkdir(parents=True, exist_ok=True)
            draft = self.folder / f"{IDENTITY}.new"
            draft.write_text(json.dumps(dict(self.identity), indent=1) + "\n", encoding="utf-8")
            draft.replace(self.folder / IDENTITY)

    def clear(self) -> None:
        """Remove the parts of a run that has ended."""
        if self.folder.is_dir():
            shutil.rmtree(self.folder)


def run_parts(
    out: Path, study: Study, settings: ProposeSettings, grid: Grid | None, seed: int
) -> RunParts:
    """Say what a run of a study depends on, and where its parts stand.

    Parameters
    ----------
    out : Path
        Output folder of the run.
    study : Study
    settings : ProposeSettings
    grid : Grid or None
    seed : int
    """
    spec = {"settings": settings.to_dict(), "grid": grid.model_dump() if grid else None}
    data = [study.profiles().hash]
    if grid is not None and (plain := study.unweighted_profiles()) is not None:
        data.append(plain.hash)
    identity = {
        "study": study.name,
        "study_hash": study.hash,
        "data_hash": hashlib.sha256(" ".join(data).encode()).hexdigest(),
        "spec_hash": hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest(),
        "seed": str(seed),
        "code": f"{__version__} {_code_digest()}",
    }
    return RunParts(out / FOLDER, identity)


@functools.cache
def _code_digest() -> str:
    """Hash of the package's own source, which changes before its version does."""
    import site_typology

    digest = hashlib.sha256()
    root = Path(site_typology.__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _short(value: str) -> str:
    return value if len(value) < 30 else f"{value[:12]}…"
