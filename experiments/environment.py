"""What the figures of a run hang on beside data and seed: code, versions, machine, threads."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import site_typology

FIGURES = (
    "duckdb",
    "hdbscan",
    "joblib",
    "llvmlite",
    "narwhals",
    "numba",
    "numpy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "scipy",
    "shap",
    "statsmodels",
    "stepmix",
    "threadpoolctl",
    "umap-learn",
)
"""Packages whose version may change a figure."""
OTHERS = ("jinja2", "matplotlib", "mlflow", "openpyxl", "pydantic", "pyreadstat", "typer")
"""Packages that read, draw and log; kept for the record."""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
FOLDERS = ("", "features", "models", "experiments")
CODE = ("*.py", "*.toml", "*.j2", "*.css")


def environment() -> dict[str, Any]:
    """Describe what runs here.

    Returns
    -------
    dict
        ``site_typology`` and ``git_commit``, ``code_hash``, ``python``, ``packages`` by name,
        ``platform``, ``threads``; plain values. No name of a machine or a user is among them.

    Examples
    --------
    >>> sorted(environment())[:3]
    ['code_hash', 'git_commit', 'packages']
    """
    return {
        "site_typology": site_typology.__version__,
        "git_commit": commit_of(Path(site_typology.__file__).resolve()),
        "code_hash": code_hash(),
        "python": platform.python_version(),
        "packages": {name: version_of(name) for name in (*FIGURES, *OTHERS)},
        "platform": {
            "system": platform.system(),
            "release": platform.release(),
            "machine": platform.machine(),
            "processors": os.cpu_count() or 1,
        },
        "threads": {
            **{name: os.environ[name] for name in THREADS if name in os.environ},
            "pools": _pools(),
        },
    }


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Compare two environments.

    Parameters
    ----------
    before, now : mapping
        From `environment`.

    Returns
    -------
    list of str
        What may change figures, in words: code, Python, packages that compute.
    list of str
        What should not, but is worth knowing: platform, packages that draw and log.

    Examples
    --------
    >>> old = {"python": "3.11.4", "packages": {"numpy": "2.0.0"}, "platform": {}}
    >>> new = {"python": "3.11.4", "packages": {"numpy": "2.1.0"}, "platform": {}}
    >>> differences(old, new)[0]
    ['numpy 2.0.0, here 2.1.0']
    """
    firm = [
        f"{words} {before.get(key)}, here {now.get(key)}"
        for key, words in (("site_typology", "site-typology"), ("python", "Python"))
        if before.get(key) != now.get(key)
    ]
    if before.get("code_hash") != now.get("code_hash"):
        old, new = (str(side.get("code_hash", "unknown"))[:12] for side in (before, now))
        firm.append(f"the code of site-typology {old}, here {new}")
    firm += _unlike(before.get("packages", {}), now.get("packages", {}), FIGURES)
    loose = _unlike(before.get("packages", {}), now.get("packages", {}), OTHERS)
    loose += _unlike(before.get("platform", {}), now.get("platform", {}))
    return firm, loose


def _unlike(
    before: Mapping[str, Any], now: Mapping[str, Any], names: Iterable[str] = ()
) -> list[str]:
    return [
        f"{name} {before.get(name)}, here {now.get(name)}"
        for name in names or {**before, **now}
        if before.get(name) != now.get(name)
    ]


def code_hash() -> str:
    """SHA-256 of the package's own files: the same for the same code, kept in git or not."""
    root, digest = Path(site_typology.__file__).parent, hashlib.sha256()
    for folder in FOLDERS:
        files = (path for pattern in CODE for path in (root / folder).glob(pattern))
        for path in sorted(files, key=lambda path: path.name):
            digest.update(f"{folder}/{path.name}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def commit_of(file: Path) -> str:
    """Return the git commit that `file` is kept in, with ``-dirty`` where anything has changed.

    Returns
    -------
    str
        ``""`` where git does not keep the file, or is not installed.
    """
    known = ["ls-files", "--error-unmatch", file.name]
    described = ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    return _git(described, file.parent) if _git(known, file.parent) else ""


def _git(arguments: Iterable[str], folder: Path) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - a fixed list of words and a file name, no shell
            ["git", *arguments],  # noqa: S607 - git stands elsewhere on every machine
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def version_of(name: str) -> str:
    """Version of an installed package."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _pools() -> list[dict[str, Any]]:
    """Numerical libraries that are loaded, with their threads."""
    from threadpoolctl import threadpool_info

    kept = ("internal_api", "version", "num_threads", "architecture")
    return [{key: pool[key] for key in kept if key in pool} for pool in threadpool_info()]
