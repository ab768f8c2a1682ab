"""Names for sites that only those who hold a secret can trace back."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Sequence
from pathlib import Path

from site_typology.errors import Problem, StudyError

SHORTEST, BYTES = 8, 32


def pseudonyms(sites: Sequence[str], secret: bytes) -> dict[str, str]:
    """Give each site a name that says nothing of it.

    Parameters
    ----------
    sites : sequence of str
        Each once.
    secret : bytes
        As long as its keeper likes; the same secret gives the same names.

    Returns
    -------
    dict of str to str
        By site. HMAC-SHA-256 of the site under the secret, in capitals and digits: without the
        secret nobody can try names of sites until one fits, as they could with a plain hash.

    Examples
    --------
    >>> names = pseudonyms(["North", "South"], b"kept apart")
    >>> names == pseudonyms(["South", "North"], b"kept apart")
    True
    >>> names["North"] == pseudonyms(["North", "South"], b"another")["North"]
    False
    """
    digests = {
        site: base64.b32encode(hmac.new(secret, site.encode(), hashlib.sha256).digest()).decode()
        for site in sites
    }
    length = SHORTEST
    while len({digest[:length] for digest in digests.values()}) < len(digests):
        length += 1
    return {site: digest[:length] for site, digest in digests.items()}


def kept_secret(path: Path) -> bytes:
    """Read the secret of a share, or make one that only its owner can read.

    Raises
    ------
    StudyError
        The file is there and holds no secret.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _make_secret(path)
    text = path.read_text(encoding="utf-8").strip()
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        secret = b""
    if len(secret) < BYTES:
        said = "Holds no secret of 64 hexadecimal digits. Put the file back, or delete it: the "
        raise StudyError(str(path), [Problem("secret", f"{said}sites then get new pseudonyms.")])
    return secret


def _make_secret(path: Path) -> None:
    """Put a new secret in place whole, unless somebody else's is there first."""
    # A draft of mkstemp is readable by its owner alone; a link fails where the name is taken.
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as draft:
            draft.write(secrets.token_hex(BYTES) + "\n")
        with contextlib.suppress(FileExistsError):
            os.link(name, path)
    finally:
        Path(name).unlink()
