"""What the page is sent: forms, read strictly; and who may send them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

MOST_FIELDS = 5000
MOST_LETTERS = 1000
"""Of the name of a site that is typed in, and of each of its values."""
CELL = "cell."
"""Begins the names of inputs that hold a value of a site."""


class BadRequestError(Exception):
    """A request that no page of ours sends; the message repeats nothing of it.

    Parameters
    ----------
    status : int
        Of HTTP.
    message : str
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


@dataclass(frozen=True)
class Sent:
    """A form that was sent.

    Parameters
    ----------
    fields : dict of str to str
    file_name : str
        Of an uploaded file; ``""`` where there is none.
    file : bytes
    """

    fields: dict[str, str]
    file_name: str = ""
    file: bytes = field(default=b"", repr=False)

    @property
    def site(self) -> str:
        """Name of a site that was typed in."""
        return _not_long(self.fields.get("site", ""))

    @property
    def cells(self) -> dict[str, str]:
        """Values of a site, by column."""
        mine = (name for name in self.fields if name.startswith(CELL))
        return {name.removeprefix(CELL): _not_long(self.fields[name]) for name in mine}


def _not_long(text: str) -> str:
    if len(text) > MOST_LETTERS:
        raise BadRequestError(400, f"An entry has more than {MOST_LETTERS:,} letters.")
    return text


def read_sent(content_type: str, body: bytes) -> Sent:
    """Read the body of a form.

    Parameters
    ----------
    content_type : str
        ``application/x-www-form-urlencoded``, or ``multipart/form-data`` with a boundary.
    body : bytes

    Raises
    ------
    BadRequestError
        Anything that a browser would not send for the forms of the page.

    Examples
    --------
    >>> read_sent("application/x-www-form-urlencoded", b"site=North&cell.need=2").cells
    {'need': '2'}
    """
    kind, _, rest = content_type.partition(";")
    if kind.strip().lower() == "application/x-www-form-urlencoded":
        return Sent(_once(_pairs(body)))
    boundary = re.fullmatch(r"\s*boundary=\"?([0-9A-Za-z'()+_,./:=?-]{1,70})\"?\s*", rest)
    if kind.strip().lower() == "multipart/form-data" and boundary:
        return _read_parts(boundary[1].encode(), body)
    raise BadRequestError(415, "Expected a form of the page.")


def _pairs(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError as error:
        raise BadRequestError(400, "Not a form as browsers send it.") from error


def _once(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise BadRequestError(400, "A field was sent twice.")
    return fields


def _read_parts(boundary: bytes, body: bytes) -> Sent:
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if len(pieces) < 2 or pieces[0] or pieces[-1] not in (b"--", b"--\r\n"):
        raise BadRequestError(400, "The form did not arrive whole.")
    if len(pieces) > MOST_FIELDS:
        raise BadRequestError(400, "Too many fields.")
    pairs, files = [], []
    for piece in pieces[1:-1]:
        head, blank, content = piece.partition(b"\r\n\r\n")
        named = re.search(rb'\r\ncontent-disposition: form-data; name="([^"\r\n]*)"', head, re.I)
        if not blank or not named:
            raise BadRequestError(400, "A part of the form has no name.")
        file = re.search(rb'; filename="([^"\r\n]*)"', head)
        name = _text(named[1])
        if file is None:
            pairs.append((name, _text(content)))
        elif name == "file":
            files.append((_text(file[1]), content))
        else:
            raise BadRequestError(400, "A file in an unknown field.")
    if len(files) > 1:
        raise BadRequestError(400, "Send one file at a time.")
    file_name, file_content = files[0] if files else ("", b"")
    return Sent(_once(pairs), file_name, file_content)


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequestError(400, "A field is not in UTF-8.") from error


@dataclass(frozen=True)
class Gate:
    """Who may ask: only a page that came from here, at the place where it was served.

    Parameters
    ----------
    port : int or None
        Where the page is served; None where a server in front may take another.
    token : str
        Stands in every form of the page; other sites cannot read it.
    """

    port: int | None
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    def check_place(self, host: str) -> None:
        """Refuse another port than the page's own; names are checked by `Guard`.

        Raises
        ------
        BadRequestError
        """
        try:
            port = urlsplit(f"//{host}").port
        except ValueError:
            port = -1
        if self.port is not None and (80 if port is None else port) != self.port:
            raise BadRequestError(403, "Not the address of this page.")

    def check_sender(self, host: str, origin: str) -> None:
        """Refuse what a page of another origin sent, or no page.

        Raises
        ------
        BadRequestError
        """
        try:
            parts = urlsplit(origin)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or parts.netloc.lower() != host.lower():
            raise BadRequestError(403, "Only the page itself may send this.")

    def check_token(self, token: str) -> None:
        """Refuse a form that does not hold the token.

        Raises
        ------
        BadRequestError
        """
        if not secrets.compare_digest(token.encode(), self.token.encode()):
            said = "This form is from an earlier run of the program. Reload the page."
            raise BadRequestError(403, said)
