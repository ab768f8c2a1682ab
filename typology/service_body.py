"""The body of a request, read no further than allowed and no longer than it may take."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request

SECONDS_TO_SEND = 30


@dataclass(frozen=True)
class Refused:
    """Why a body was not read: a status of HTTP and a message."""

    status: int
    message: str


async def read_body(
    request: Request, most_bytes: int, seconds: float = SECONDS_TO_SEND
) -> bytes | Refused:
    """Read the body of a request.

    Parameters
    ----------
    request : Request
    most_bytes : int
        Larger ones are refused, by what is stated and by what arrives.
    seconds : float
        How long it may take to arrive.

    Returns
    -------
    bytes or Refused
    """
    too_large = Refused(413, f"Larger than {most_bytes:,} bytes. Send fewer sites at a time.")
    stated = request.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > most_bytes:
        return too_large
    parts, size = [], 0
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                size += len(part)
                if size > most_bytes:
                    return too_large
                parts.append(part)
    except TimeoutError:
        return Refused(408, "It took too long to arrive.")
    except ClientDisconnect:
        return Refused(400, "It did not arrive whole.")
    return b"".join(parts)
