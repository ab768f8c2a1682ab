"""Connections of the servers: one that waits for its caller costs the other callers nothing."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_OPEN = 128
"""Connections that are open at the same time."""
SECONDS_TO_ASK = 10.0
"""Until the head of a request is there, from the opening or from the answer before."""
SECONDS_TO_TAKE = 60.0
"""Until an answer is taken, where it is more than the network holds."""


class Connection(H11Protocol):
    """A connection that ends when its caller keeps it waiting, or others need its place.

    The server's own limits count a connection that sends nothing like one that is worked on, and
    its time limit begins after an answer and ends with the first byte. `read_body` limits how
    long a body may take; this limits what comes before and after it.
    """

    most_open = MOST_OPEN
    seconds_to_ask = SECONDS_TO_ASK
    seconds_to_take = SECONDS_TO_TAKE
    _since = 0.0
    _end: asyncio.TimerHandle | None = None

    @property
    def asked(self) -> bool:
        """Whether the head of a request is there that has no whole answer yet."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def waiting(self) -> bool:
        """Whether it is the caller's turn: to ask, to send the rest, to take the answer."""
        return not self.asked or self.cycle.more_body or self.flow.write_paused

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the server has it
        """Begin to wait for a request, and make room if there are too many connections."""
        super().connection_made(transport)
        self._wait(self.seconds_to_ask)
        others = [one for one in self.connections if isinstance(one, Connection)]
        over = len(others) - self.most_open
        free = sorted(
            (one for one in others if one.waiting and one is not self),
            key=lambda one: (one.asked, one._since),
        )
        for one in free[: max(over, 0)]:
            one.drop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._wait(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Wait no longer once the head of a request is there."""
        super().data_received(data)
        self._stop_waiting()

    def resume_writing(self) -> None:
        """Note that the caller took an answer that had to wait."""
        super().resume_writing()
        self._wait(None if self.asked else self.seconds_to_ask)

    def on_response_complete(self) -> None:
        """Wait for the next request, which may be there already."""
        untaken = self.transport.get_write_buffer_size() > 0
        self._wait(self.seconds_to_take if untaken else self.seconds_to_ask)
        super().on_response_complete()
        self._stop_waiting()

    def drop(self) -> None:
        """End the connection, whatever is still to be sent."""
        # The server counts it until the transport has told, which is later.
        self.connections.discard(self)
        self.transport.abort()

    def _stop_waiting(self) -> None:
        if self._end is not None and self.asked and not self.flow.write_paused:
            self._wait(None)

    def _wait(self, seconds: float | None) -> None:
        self._since = self.loop.time()
        if self._end is not None:
            self._end.cancel()
        self._end = None if seconds is None else self.loop.call_later(seconds, self.drop)
