"""Callers that send nothing, half of it or take no answer: the others do not notice them."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from site_typology.page import Page
from site_typology.page_sites import offered
from site_typology.service import Service, listen, server_settings
from site_typology.service_connections import MOST_OPEN, Connection

pytestmark = pytest.mark.server

LONG = 3600.0
HEAD = b"POST /assign HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
SLOW = (b"", b"POST /ass", HEAD, HEAD + b'Content-Length: 900\r\n\r\n{"data')
ASKED = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
SITE = {"wsa": 7, "clinical": 0.5, "need": 1, "advice": 0.2, "reach": 0}
MUCH = 20_000_000


class Served:
    """An application behind real sockets."""

    def __init__(self, app, **limits) -> None:
        settings = server_settings(app, type("Limited", (Connection,), limits))
        self.server = uvicorn.Server(settings)
        self.place = listen("127.0.0.1", 0)
        self.port = self.place.getsockname()[1]
        self.thread = threading.Thread(target=self.server.run, args=([self.place],))
        self.thread.start()

    @property
    def open(self) -> int:
        return len(self.server.server_state.connections)

    def call(self, said: bytes = b"") -> socket.socket:
        caller = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        caller.sendall(said)
        return caller

    def ask(self, method="GET", path="/health", body=None, **headers) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def end(self) -> None:
        self.server.should_exit = True
        self.thread.join()
        self.place.close()


@contextlib.contextmanager
def served(app, **limits) -> Iterator[Served]:
    running = Served(app, **limits)
    try:
        until(lambda: running.server.started)
        yield running
    finally:
        running.end()


def until(holds) -> None:
    last = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < last
        time.sleep(0.01)


def ended(caller: socket.socket) -> bool:
    """Whether the server ends the connection without a word; waits for it."""
    try:
        return caller.recv(1) == b""
    except ConnectionResetError:
        return True


@contextlib.contextmanager
def slow_callers(running: Served, count: int) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(running.call(SLOW[at % len(SLOW)])) for at in range(count)]


def test_the_service_answers_while_a_hundred_callers_send_nothing_or_half(typed):
    with (
        served(Service(typed).app(), seconds_to_ask=LONG) as running,
        slow_callers(running, 100),
    ):
        until(lambda: running.open == 100)
        assert running.ask()[0] == 200
        asked = {"dataframe_records": [SITE]}
        content = {"Content-Type": "application/json"}
        status, body = running.ask("POST", "/assign", json.dumps(asked), **content)
        assert status == 200 and len(json.loads(body)["predictions"]) == 1
        assert running.open >= 100


def test_the_page_opens_while_a_hundred_callers_send_nothing_or_half(typed):
    with (
        served(Page(offered([typed]), None).app(), seconds_to_ask=LONG) as running,
        slow_callers(running, 100),
    ):
        until(lambda: running.open == 100)
        assert running.ask(path="/")[0] == 200


def test_beyond_the_limit_those_that_wait_longest_make_room(typed):
    with (
        served(Service(typed).app(), seconds_to_ask=LONG) as running,
        slow_callers(running, 3 * MOST_OPEN) as callers,
    ):
        silent = [caller for at, caller in enumerate(callers) if at % len(SLOW) < 3]
        # Three quarters sent no whole head: more than there is room for, so the first go.
        assert all(ended(caller) for caller in silent[:MOST_OPEN])
        assert running.ask()[0] == 200
        assert running.open <= MOST_OPEN


def test_half_sent_requests_stay_longer_than_connections_without_one():
    with (
        served(_Waiting(), most_open=3, seconds_to_ask=LONG) as running,
        contextlib.ExitStack() as stack,
    ):

        def call(said: bytes) -> socket.socket:
            before = running.open
            caller = stack.enter_context(running.call(said))
            until(lambda: running.open > before or before == 3)
            return caller

        half = call(SLOW[-1])
        until(lambda: any(one.asked for one in running.server.server_state.connections))
        silent = [call(b"") for _ in range(4)]
        assert ended(silent[0]) and ended(silent[1])
        half.sendall(b"x" * 894)
        running_app(running).go()
        assert half.recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize("said", [*SLOW[:3], ASKED, ASKED + b"GET /hea"])
def test_who_asks_nothing_for_long_is_cut_off(typed, said):
    with served(Service(typed).app(), seconds_to_ask=0.3) as running, running.call(said) as caller:
        got = b""
        with contextlib.suppress(ConnectionResetError):
            while part := caller.recv(10_000):
                got += part
        assert got.count(b"HTTP/1.1 200") == (ASKED in said)
        until(lambda: running.open == 0)


def test_one_letter_at_a_time_gains_no_time(typed):
    with (
        served(Service(typed).app(), seconds_to_ask=0.5) as running,
        running.call() as caller,
        pytest.raises((ConnectionResetError, BrokenPipeError)),
    ):
        for letter in b"GET /" + b"a" * 6000:
            caller.sendall(bytes([letter]))
            time.sleep(0.01)


def test_work_on_a_request_is_never_cut_off():
    with (
        served(_Waiting(), most_open=2, seconds_to_ask=0.1, seconds_to_take=0.1) as running,
        running.call(ASKED) as first,
        running.call(ASKED) as second,
    ):
        until(lambda: running_app(running).asked == 2)
        time.sleep(0.5)
        # Nobody waits who could make room.
        assert running.ask()[0] == 503
        running_app(running).go()
        for caller in (first, second):
            assert caller.recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize("times", [1, 3])
def test_who_takes_no_answer_is_cut_off(times):
    app = _Waiting(b"x" * MUCH)
    app.go()
    with served(app, seconds_to_take=0.3) as running, running.call(ASKED * times) as caller:
        until(lambda: app.asked)
        until(lambda: running.open == 0)
        got = 0
        with contextlib.suppress(ConnectionResetError):
            while part := caller.recv(1_000_000):
                got += len(part)
        assert 0 < got < MUCH


def test_who_takes_no_answer_makes_room():
    app = _Waiting(b"x" * MUCH)
    app.go()
    with (
        served(app, most_open=1, seconds_to_take=LONG) as running,
        running.call(ASKED * 3),
    ):
        # The first is answered but not taken, the second waits to be sent.
        until(lambda: app.asked == 2)
        assert running.ask()[0] == 200


def test_who_takes_a_long_answer_late_gets_it_whole():
    app = _Waiting(b"x" * MUCH)
    app.go()
    with (
        served(app, seconds_to_ask=0.2, seconds_to_take=LONG) as running,
        running.call(ASKED) as caller,
    ):
        until(lambda: app.asked)
        time.sleep(0.5)
        got = 0
        while part := caller.recv(1_000_000):
            got += len(part)
        assert got > MUCH


class _Waiting:
    """An application that answers once it may."""

    def __init__(self, body: bytes = b"") -> None:
        self.body = body
        self.asked = 0
        self._may = threading.Event()

    def go(self) -> None:
        self._may.set()

    async def __call__(self, scope, receive, send) -> None:
        while (await receive()).get("more_body"):
            pass
        self.asked += 1
        while not self._may.is_set():
            await asyncio.sleep(0.01)
        headers = [(b"content-length", b"%d" % len(self.body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def running_app(running: Served) -> _Waiting:
    app = running.server.config.app
    assert isinstance(app, _Waiting)
    return app
