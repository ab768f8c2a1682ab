"""Finished parts of a run that has not ended: kept on the disk, and taken up by a resumed run."""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from site_typology import __version__
from site_typology.errors import Problem, StudyError
from site_typology.experiments.environment import FIGURES, code_hash, version_of
from site_typology.experiments.run_lock import LOCK, only_run
from site_typology.grid import Grid
from site_typology.kept_tasks import KeptTasks
from site_typology.system_errors import told

if TYPE_CHECKING:
    from site_typology.settings import ProposeSettings
    from site_typology.study import Study
    from site_typology.typology import Typology

FOLDER = "unfinished"
IDENTITY, EVIDENCE, TYPOLOGY = "identity.json", "evidence-tasks.jsonl", "typology"
NO_PARTS = (LOCK, IDENTITY, f"{IDENTITY}.new")
"""What stands in the folder of parts before anything is finished."""
WORDS = {
    "study": "name of the study",
    "study_hash": "study file",
    "data_hash": "profiles, and so the data",
    "spec_hash": "specification",
    "seed": "seed",
    "code": "version of site-typology",
    "python": "version of Python",
    **{name: f"version of {name}" for name in FIGURES},
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

    @contextlib.contextmanager
    def begun(self, *, resume: bool) -> Iterator[None]:
        """Take up what is there, or clear it away, and keep other runs out meanwhile.

        Raises
        ------
        StudyError
            `resume`, and what is there belongs to another study, data, specification, seed or
            version, with every difference; the folder holds something else; or another process
            runs into it.
        """
        self._refuse_other_files()
        with only_run(self.folder):
            path = self.folder / IDENTITY
            if resume and path.is_file():
                self._refuse_another(path)
            else:
                self.clear()
                self._claim()
            try:
                yield
            finally:
                if not has_parts(self.folder):
                    self.clear()

    def _refuse_other_files(self) -> None:
        """Leave alone what no run has written."""
        if not self.folder.exists() or (self.folder / IDENTITY).is_file():
            return
        # A run that was killed at its very start leaves no more than this.
        if self.folder.is_dir() and not has_parts(self.folder):
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

    @property
    def evidence(self) -> KeptTasks:
        """Finished tasks of the evidence behind a proposal that is not."""
        return KeptTasks(self.folder / EVIDENCE, self.key)

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
        from site_typology.typology import load

        typology.save(self.folder / TYPOLOGY)
        return load(self.folder / TYPOLOGY)

    def _claim(self) -> None:
        """Say what the folder belongs to."""
        with told(str(self.folder.parent), "parts of the run were kept", where=str(self.folder)):
            draft = self.folder / f"{IDENTITY}.new"
            draft.write_text(json.dumps(dict(self.identity), indent=1) + "\n", encoding="utf-8")
            draft.replace(self.folder / IDENTITY)

    def clear(self) -> None:
        """Remove the parts; what says whose they are goes last, lest they become nobody's.

        A folder gets a hidden name first: half of it must not be taken for the whole.
        """
        for path in sorted(self.folder.iterdir()):
            if path.is_dir() and not path.is_symlink():
                hidden = self.folder / f".{path.name.lstrip('.')}"
                shutil.rmtree(path.replace(hidden))
            elif path.name not in (LOCK, IDENTITY):
                path.unlink()
        (self.folder / IDENTITY).unlink(missing_ok=True)


def has_parts(folder: Path) -> bool:
    """Whether anything that a run has finished stands in the folder of its parts."""
    return folder.is_dir() and any(path.name not in NO_PARTS for path in folder.iterdir())


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
        "code": f"{__version__} {code_hash()[:12]}",
        "python": platform.python_version(),
        **{name: version_of(name) for name in FIGURES},
    }
    return RunParts(out / FOLDER, identity)


def _short(value: str) -> str:
    return value if len(value) < 30 else f"{value[:12]}…"
