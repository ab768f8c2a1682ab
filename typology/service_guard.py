"""Stands before the service: which hosts and pages may ask, and what an answer may give away."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG = logging.getLogger("site_typology.service")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
FAILED = "Something went wrong in the service. Its log says where."
HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)


class Guard:
    """Refuses foreign hosts and pages, and keeps failures from telling what they were about.

    Parameters
    ----------
    app : ASGI application
    hosts : collection of str
        Names that the service may be called by; any other could be a foreign page that has its
        own name resolve to this machine.
    headers : sequence of tuple of bytes
        Added to every answer.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: Collection[str],
        headers: Sequence[tuple[bytes, bytes]] = HEADERS,
    ) -> None:
        self.app = app
        self.headers = tuple(headers)
        self.hosts = {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        begun = False

        async def guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message = {**message, "headers": [*message["headers"], *self.headers]}
            await send(message)

        try:
            if said := refusal(scope["headers"], self.hosts):
                await answer_problems(guarded, 403, "request", said)
                return
            await self.app(scope, receive, guarded)
        except Exception as error:  # noqa: BLE001  # a failure must not carry values to a client or log
            LOG.error("%s at %s", type(error).__name__, _places(error))
            if not begun:
                await answer_problems(guarded, 500, "service", FAILED)


def refusal(headers: Sequence[tuple[bytes, bytes]], hosts: Collection[str]) -> str:
    """Say why a request is refused; ``""`` where it is not.

    Examples
    --------
    >>> refusal([(b"host", b"localhost:8000")], LOOPBACK)
    ''
    >>> refusal([(b"host", b"evil.example")], LOOPBACK)
    'Not a host name of this service. Start it with --allow-host for further names.'
    """
    given = [value.decode("latin-1") for name, value in headers if name == b"host"]
    if len(given) != 1 or _host_name(f"//{given[0]}") not in hosts:
        return "Not a host name of this service. Start it with --allow-host for further names."
    for name, value in headers:
        text = value.decode("latin-1")
        if name == b"origin" and _place(text) != given[0].lower():
            return "Pages of other sites may not ask this service."
        if name == b"sec-fetch-site" and text not in ("same-origin", "none"):
            return "Pages of other sites may not ask this service."
    return ""


async def answer_problems(send: Send, status: int, where: str, message: str) -> None:
    """Send one problem."""
    body = json.dumps({"problems": [{"where": where, "message": message}]}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _place(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _host_name(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""


def _places(error: BaseException) -> str:
    """Files and lines that a failure went through; its message could repeat what was sent."""
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join(f"{frame.filename}:{frame.lineno}" for frame in reversed(frames[-6:]))
