"""The page for analysts, served on this machine: types in the browser, nothing kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from html import escape
from typing import TypeVar

import anyio
import pandas as pd
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from site_typology.errors import StudyError
from site_typology.page_files import csv_text_table, shown_name, upload_table
from site_typology.page_requests import BadRequestError, Gate, Sent, read_sent
from site_typology.page_sites import Answered, Offered
from site_typology.page_view import (
    Result,
    Typed,
    answer_html,
    file_content,
    file_problems,
    page_html,
    script,
    style_sheet,
)
from site_typology.service import MEDIA
from site_typology.service_body import Refused, read_body
from site_typology.service_guard import FAILED, LOOPBACK, Guard
from site_typology.spreadsheet import neutralise
from site_typology.template import FORMATS, template_bytes

MOST_BYTES = 5_000_000
MOST_DIGITS = 10
"""Of the number of a row; Python reads no number of thousands of digits."""
HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    # With no referrer at all, browsers keep the origin of a form back too.
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)
"""Of every answer: nothing from elsewhere, no inline script or style, no framing, no copies."""

Answer = TypeVar("Answer")


class Page:
    """Serves the page for typologies, which are read once.

    Parameters
    ----------
    offers : sequence of Offered
    port : int or None
        Where it will be served; None where a server in front may take another.
    most_bytes : int
        Largest form that is read.
    """

    def __init__(
        self, offers: Sequence[Offered], port: int | None, most_bytes: int = MOST_BYTES
    ) -> None:
        self.offers = tuple(offers)
        self.gate = Gate(port)
        self.most_bytes = most_bytes
        # One at a time: what draws the pictures does not work side by side.
        self._place = anyio.CapacityLimiter(1)

    def app(self, hosts: Collection[str] = LOOPBACK) -> Guard:
        """Make the application, for the host names that it may be called by."""
        forms = {
            "/answer": self._answer,
            "/site": self._site,
            "/site.csv": self._site_csv,
            "/file": self._file,
            "/rows": self._rows,
            "/rows.csv": self._rows_csv,
        }
        routes = [
            Route("/", self.start, methods=["GET"]),
            Route("/page.css", self.own_file(style_sheet(), "text/css"), methods=["GET"]),
            Route("/page.js", self.own_file(script(), "text/javascript"), methods=["GET"]),
            # Browsers ask for it by themselves.
            Route("/favicon.ico", _nothing, methods=["GET"]),
            *(Route(f"/template.{kind}", self.template, methods=["GET"]) for kind in FORMATS),
            *(Route(path, self._form(work), methods=["POST"]) for path, work in forms.items()),
        ]
        handlers = {HTTPException: _other, BadRequestError: _refused, Exception: _failed}
        return Guard(Starlette(routes=routes, exception_handlers=handlers), hosts, HEADERS)

    async def start(self, request: Request) -> Response:
        """Give the page with an empty form."""
        self._check_place(request)
        own = self._picked(request.query_params.get("model", self.offers[0].key))
        text = await self._work(lambda: page_html(self.offers, own, self.gate.token))
        return HTMLResponse(text)

    async def template(self, request: Request) -> Response:
        """Give the template to fill in."""
        self._check_place(request)
        own = self._picked(request.query_params.get("model", self.offers[0].key))
        kind = request.url.path.rpartition(".")[2]
        content = await self._work(lambda: template_bytes(own.form, kind))
        return _download(content, f"template.{kind}", MEDIA[kind])

    def own_file(self, text: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
        """Serve a file of the package, read once."""

        async def serve(request: Request) -> Response:
            self._check_place(request)
            return Response(text, media_type=kind)

        return serve

    def _form(
        self, work: Callable[[Offered, Sent], Response]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Take a form, once it is known to come from the page."""

        async def serve(request: Request) -> Response:
            self._check_place(request)
            host = request.headers.get("host", "")
            self.gate.check_sender(host, request.headers.get("origin", ""))
            body = await read_body(request, self.most_bytes)
            if isinstance(body, Refused):
                raise BadRequestError(body.status, body.message)
            sent = read_sent(request.headers.get("content-type", ""), body)
            self.gate.check_token(sent.fields.get("token", ""))
            own = self._picked(sent.fields.get("model", ""))
            return await self._work(lambda: work(own, sent))

        return serve

    def _check_place(self, request: Request) -> None:
        self.gate.check_place(request.headers.get("host", ""))

    def _picked(self, key: str) -> Offered:
        for own in self.offers:
            if own.key == key:
                return own
        raise BadRequestError(404, "There is no such typology here.")

    async def _work(self, work: Callable[[], Answer]) -> Answer:
        async with self._place:
            return await run_in_threadpool(work)

    def _answer(self, own: Offered, sent: Sent) -> Response:
        return HTMLResponse(answer_html(own, _result(own, sent)))

    def _site(self, own: Offered, sent: Sent) -> Response:
        typed = Typed(sent.site, sent.cells)
        text = page_html(self.offers, own, self.gate.token, typed=typed, result=_result(own, sent))
        return HTMLResponse(text)

    def _site_csv(self, own: Offered, sent: Sent) -> Response:
        result = _result(own, sent)
        return self._site(own, sent) if result.answered is None else _csv(result.answered)

    def _file(self, own: Offered, sent: Sent) -> Response:
        try:
            answered = own.answer_table(upload_table(sent.file_name, sent.file))
            file = file_content(shown_name(sent.file_name), own, answered)
        except StudyError as error:
            file = file_problems(error)
        return HTMLResponse(page_html(self.offers, own, self.gate.token, file=file))

    def _rows(self, own: Offered, sent: Sent) -> Response:
        answered = _again(own, sent)
        row = sent.fields.get("row", "")
        at = int(row) if row.isascii() and row.isdigit() and len(row) < MOST_DIGITS else -1
        if not 0 <= at < len(answered.chunk):
            raise BadRequestError(400, "There is no such row.")
        text = page_html(
            self.offers,
            own,
            self.gate.token,
            typed=Typed.of_row(own, answered, at),
            result=Result(answered, at),
            file=file_content(shown_name(sent.fields.get("source", "")), own, answered),
        )
        return HTMLResponse(text)

    def _rows_csv(self, own: Offered, sent: Sent) -> Response:
        return _csv(_again(own, sent))


def _result(own: Offered, sent: Sent) -> Result:
    found = own.answer_typed(sent.site, sent.cells)
    if isinstance(found, Answered):
        return Result(found, notes=found.notes)
    return Result(mistakes=found)


def _again(own: Offered, sent: Sent) -> Answered:
    """Answer the sites that the page handed back, checked as if they were new."""
    source = shown_name(sent.fields.get("source", ""))
    try:
        return own.answer_table(csv_text_table(source, sent.fields.get("table", "")))
    except StudyError as error:
        raise BadRequestError(400, "The sites were changed. Choose the file again.") from error


def _csv(answered: Answered) -> Response:
    table: pd.DataFrame = neutralise(answered.assignment.answers)
    # The mark at the start lets spreadsheets read letters beyond ASCII as they are.
    content = table.to_csv(index=False, lineterminator="\r\n").encode("utf-8-sig")
    return _download(content, "site-types.csv", MEDIA["csv"])


def _download(content: bytes, name: str, kind: str) -> Response:
    named = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=kind, headers=named)


async def _nothing(request: Request) -> Response:
    """Answer that there is nothing to see."""
    return Response(status_code=204)


async def _refused(request: Request, error: Exception) -> Response:
    """Say why a request was refused."""
    if not isinstance(error, BadRequestError):
        raise error
    return _words(error.status, error.message)


async def _other(request: Request, error: Exception) -> Response:
    """Answer what there is no answer to, such as another address or method."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _words(status, "There is nothing here.")


async def _failed(request: Request, error: Exception) -> Response:
    """Say that there was a failure; the framework raises it again, and `Guard` logs it."""
    return _words(500, FAILED)


def _words(status: int, message: str) -> Response:
    text = (
        '<!DOCTYPE html><html lang="en-GB"><head><title>Refused</title>'
        f'<link rel="stylesheet" href="/page.css"></head><body><main><h1>{escape(message)}</h1>'
        '<p><a href="/">To the page</a></p></main></body></html>'
    )
    return HTMLResponse(text, status_code=status)
