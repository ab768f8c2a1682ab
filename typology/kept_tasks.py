"""Finished tasks of the evidence, kept on the disk for a run that goes on from them."""

from __future__ import annotations

import base64
import io
import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from site_typology.run_file import RunFile


class KeptTasks:
    """Results of finished tasks by name: arrays, or tuples of arrays, to the last bit.

    Parameters
    ----------
    path : Path
        A file of lines, as `RunFile` writes it.
    key : str
        Hash of everything that results depend on beside the task; what stands there under
        another key is not read.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "tasks.jsonl"
    >>> KeptTasks(path, "key").append({"null test 0": np.array([0.1, np.nan])})
    >>> KeptTasks(path, "key").read(["null test 0", "null test 1"])
    {'null test 0': array([0.1, nan])}
    >>> KeptTasks(path, "another").read(["null test 0"])
    {}
    """

    def __init__(self, path: Path, key: str) -> None:
        self._file: RunFile[Any] = RunFile(path, key, packed, unpacked)
        self._found: dict[str, Any] | None = None

    def read(self, wanted: Collection[str]) -> dict[str, Any]:
        """Give the results that stood there when this was first asked, each of them once."""
        if self._found is None:
            self._found = self._file.read()
        return {name: self._found.pop(name) for name in wanted if name in self._found}

    def append(self, found: Mapping[str, Any]) -> None:
        """Write results down, on the disk before this returns."""
        self._file.append(found)


def packed(result: Any) -> dict[str, Any]:
    """Write an array, or a tuple of arrays, as text: NumPy's own format, nothing executable.

    Raises
    ------
    TypeError
        It is something else, which would not come back as what it was.
    """
    arrays = result if isinstance(result, tuple) else (result,)
    if not all(isinstance(one, np.ndarray) and one.dtype != object for one in arrays):
        raise TypeError(f"Expected an array or a tuple of arrays, found {result!r}.")
    file = io.BytesIO()
    np.savez_compressed(file, *arrays)
    text = base64.b64encode(file.getvalue()).decode("ascii")
    return {"npz": text, "tuple": isinstance(result, tuple)}


def unpacked(content: Mapping[str, Any]) -> Any:
    """Read what `packed` wrote.

    Raises
    ------
    ValueError
        The text is damaged.

    Examples
    --------
    >>> unpacked(packed((np.array("why"), np.array([1, 2]))))
    (array('why', dtype='<U3'), array([1, 2]))
    """
    file = io.BytesIO(base64.b64decode(content["npz"], validate=True))
    try:
        with np.load(file, allow_pickle=False) as arrays:
            found = tuple(arrays[f"arr_{at}"] for at in range(len(arrays.files)))
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise ValueError("The arrays are damaged.") from error
    return found if content["tuple"] else found[0]
