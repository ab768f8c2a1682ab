"""The wheel of this very installation, to be logged with a model that needs it."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from importlib import metadata
from pathlib import Path

import site_typology

NAME = "site-typology"
_STAMP = (1980, 1, 1, 0, 0, 0)
_WHEEL = "Wheel-Version: 1.0\nGenerator: site-typology\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_METADATA = ("METADATA", "entry_points.txt", "top_level.txt", "licenses/LICENSE")


def wheel_name() -> str:
    """File name of the wheel.

    Examples
    --------
    >>> wheel_name().startswith("site_typology-") and wheel_name().endswith("-py3-none-any.whl")
    True
    """
    return f"site_typology-{metadata.version(NAME)}-py3-none-any.whl"


def write_own_wheel(folder: Path) -> Path:
    """Write a wheel of the package as it is installed here.

    The package is on no index, so that a version number alone would not bring it to a fresh
    environment. Laid out as the binary distribution format says (PEP 427); the same files give
    the same bytes.

    Parameters
    ----------
    folder : Path
        Where the wheel goes.

    Returns
    -------
    Path
        Of the wheel.
    """
    own = metadata.distribution(NAME)
    root = Path(site_typology.__file__).parent
    contents = {
        f"site_typology/{path.relative_to(root).as_posix()}": path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    info = f"site_typology-{own.version}.dist-info"
    told = {name: own.read_text(name) for name in _METADATA}
    contents |= {f"{info}/{name}": text.encode() for name, text in told.items() if text}
    contents[f"{info}/WHEEL"] = _WHEEL.encode()
    contents[f"{info}/RECORD"] = _record(contents, info).encode()
    path = folder / wheel_name()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name in sorted(contents, key=lambda name: (name.startswith(info), name)):
            entry = zipfile.ZipInfo(name, _STAMP)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            wheel.writestr(entry, contents[name])
    return path


def _record(contents: dict[str, bytes], info: str) -> str:
    lines = []
    for name in sorted(contents):
        digest = base64.urlsafe_b64encode(hashlib.sha256(contents[name]).digest()).rstrip(b"=")
        lines.append(f"{name},sha256={digest.decode()},{len(contents[name])}")
    return "\n".join([*lines, f"{info}/RECORD,,", ""])
