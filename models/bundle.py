"""Model files: JSON, NumPy arrays and Parquet in one folder, checked on reading, never pickled."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from site_typology.errors import Problem, Problems, StudyError
from site_typology.system_errors import system_problem

MANIFEST = "manifest.json"
CONTENT = "content.json"
ARRAYS = "arrays.npz"
VERSION = 3
REMEDY = "Save the model again from its study, or take a fresh copy."


@dataclass(frozen=True)
class Bundle:
    """What a model folder holds.

    Parameters
    ----------
    content : mapping
        Plain values, kept as JSON.
    arrays : mapping of str to ndarray
        Numbers that are too many for JSON.
    folder : Path
        Where further files stand.
    """

    content: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]
    folder: Path


def write_bundle(
    folder: str | Path,
    kind: str,
    content: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray] | None = None,
    fill: Callable[[Path], None] | None = None,
) -> Path:
    """Write a model to a folder, whole or not at all.

    Parameters
    ----------
    folder : str or Path
        Made if needed; an earlier model there is replaced.
    kind : str
        What the model is, such as ``"typology"``; reading asks for the same.
    content : mapping
        Plain values that JSON can hold; NaN is not among them.
    arrays : mapping of str to ndarray, optional
        Arrays of numbers.
    fill : callable, optional
        Writes further files into the folder it is given.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    StudyError
        The folder holds something else, or cannot be written.

    Examples
    --------
    >>> folder = write_bundle(Path(tempfile.mkdtemp()) / "model", "example", {"k": 3})
    >>> read_bundle(folder, "example").content
    {'k': 3}
    """
    folder = Path(folder)
    _check_replaceable(folder)
    _check_arrays(arrays or {})
    staging: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        (staging / CONTENT).write_text(_json(content), encoding="utf-8")
        named: dict[str, Any] = dict(arrays or {})
        np.savez(staging / ARRAYS, **named)
        if fill is not None:
            fill(staging)
        manifest = {"kind": kind, "version": VERSION, "files": _checksums(staging)}
        (staging / MANIFEST).write_text(_json(manifest), encoding="utf-8")
        staging.chmod(0o755)
        _put_in_place(staging, folder)
    except OSError as error:
        apart = {} if staging is None else {staging: folder}
        problem = system_problem(error, "the model was written", str(folder), apart)
        raise StudyError(str(folder), [problem]) from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
    return folder


def read_bundle(folder: str | Path, kind: str, needed: Iterable[str] = ()) -> Bundle:
    """Read a model folder, after checking every file against its checksum.

    Checksums show damage and edits by hand; they do not prove who made a model. Nothing in the
    folder is executed.

    Parameters
    ----------
    folder : str or Path
        Written by `write_bundle`.
    kind : str
        What the model must be.
    needed : iterable of str, optional
        Further files that the model must have, as paths in the folder.

    Returns
    -------
    Bundle

    Raises
    ------
    StudyError
        No model of this kind and version, or damaged; lists every file concerned.

    Examples
    --------
    >>> read_bundle("nowhere", "example")
    Traceback (most recent call last):
    ...
    site_typology.errors.StudyError: nowhere: 1 problem
      manifest.json  Not found. Give a folder that holds a saved example.
    """
    folder = Path(folder)
    _check_files(folder, _manifest(folder, kind), {CONTENT, ARRAYS, *needed})
    content = json.loads((folder / CONTENT).read_text(encoding="utf-8"))
    with np.load(folder / ARRAYS, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    return Bundle(content, arrays, folder)


def _manifest(folder: Path, kind: str) -> Mapping[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        message = f"Not found. Give a folder that holds a saved {kind}."
        raise StudyError(str(folder), [Problem(MANIFEST, message)])
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        found_kind, version = manifest["kind"], manifest["version"]
        files = dict(manifest["files"])
    except (ValueError, KeyError, TypeError) as error:
        problem = Problem(MANIFEST, f"Damaged: not the manifest of a saved {kind}. {REMEDY}")
        raise StudyError(str(folder), [problem]) from error
    found = Problems(str(folder))
    if found_kind != kind:
        found.add(MANIFEST, f"Holds a {found_kind!s}, expected a {kind}.")
    if version != VERSION:
        found.add(
            MANIFEST,
            f"Format version {version!s}; this version of site-typology reads {VERSION}. "
            "Read it with the version that wrote it, or save it again from its study.",
        )
    found.raise_if_any()
    return files


def _check_files(folder: Path, files: Mapping[str, Any], needed: set[str]) -> None:
    found = Problems(str(folder))
    for name in sorted(needed - files.keys()):
        found.add(name, f"Not in the manifest. {REMEDY}")
    for name, checksum in files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            found.add(name, f"The manifest names a file outside the folder. {REMEDY}")
        elif not path.is_file():
            found.add(name, f"Not found. {REMEDY}")
        elif _checksum(path) != checksum:
            found.add(name, f"Changed or damaged since it was saved. {REMEDY}")
    found.raise_if_any()


def _check_replaceable(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise StudyError(str(folder), [Problem("folder", "Is a file. Name a folder.")])
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).is_file():
        message = "Holds other files. Name a new folder, or one with an earlier model."
        raise StudyError(str(folder), [Problem("folder", message)])


def _check_arrays(arrays: Mapping[str, np.ndarray]) -> None:
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise ValueError(f"Array {name!r} holds objects, which only a pickle could keep.")


def _put_in_place(staging: Path, folder: Path) -> None:
    """Swap folders, so that a reader finds the old model or the new one."""
    if not folder.exists():
        staging.rename(folder)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        folder.rename(aside / "old")
        staging.rename(folder)
    finally:
        if not folder.exists() and (aside / "old").exists():
            (aside / "old").rename(folder)
        shutil.rmtree(aside, ignore_errors=True)


def _checksums(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): _checksum(path) for path in files}


def _checksum(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
