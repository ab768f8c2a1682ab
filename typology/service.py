"""A typology as a service on this machine: assigns sites, keeps nothing, repeats no values."""

from __future__ import annotations

import json
import socket
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from site_typology import __version__
from site_typology.differences import MismatchError
from site_typology.errors import Problem, StudyError
from site_typology.form import MOST_UNKNOWN, Form
from site_typology.new_sites import Checker, Chunk, RawTable
from site_typology.service_body import Refused, read_body
from site_typology.service_connections import Connection
from site_typology.service_guard import FAILED, LOOPBACK, Guard
from site_typology.service_requests import SOURCE, read_request
from site_typology.template import FORMATS, template_bytes

if TYPE_CHECKING:
    from site_typology.typology import Typology

MOST_BYTES = 5_000_000
AT_ONCE = 2
"""Requests that are worked on at the same time; further ones wait."""
OUTPUT = ("type", "confidence", "next_type", "distance", "reason")
MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class Service:
    """Answers requests by one typology, which is read once.

    Parameters
    ----------
    typology : Typology
    most_bytes : int
        Largest body that is read.
    """

    def __init__(self, typology: Typology, most_bytes: int = MOST_BYTES) -> None:
        self.typology = typology
        self.form = Form.of(typology)
        self.most_bytes = most_bytes
        self._places = anyio.CapacityLimiter(AT_ONCE)

    def app(self, hosts: Collection[str] = LOOPBACK) -> Guard:
        """Make the application, for the host names that it may be called by."""
        routes = [
            Route("/assign", self.assign, methods=["POST"]),
            Route("/health", self.health, methods=["GET"]),
            Route("/template", self.template, methods=["GET"]),
        ]
        handlers = {HTTPException: _other, Exception: _failed}
        app = Starlette(routes=routes, exception_handlers=handlers)
        return Guard(app, hosts)

    async def health(self, request: Request) -> Response:
        """Say that the service runs, and by which typology."""
        return JSONResponse(
            {
                "status": "ok",
                "model": self.typology.name,
                "verdict": self.typology.verdict,
                "types": self.typology.k if self.typology.evidence.claimed else 0,
                "site_typology": __version__,
            }
        )

    async def template(self, request: Request) -> Response:
        """Give the template to fill in, ``?format=csv`` or ``xlsx``."""
        kind = request.query_params.get("format", "xlsx")
        if kind not in FORMATS:
            return _problems(400, [Problem("format", "Expected csv or xlsx.")])
        content = await run_in_threadpool(template_bytes, self.form, kind)
        named = {"content-disposition": f'attachment; filename="template.{kind}"'}
        return Response(content, media_type=MEDIA[kind], headers=named)

    async def assign(self, request: Request) -> Response:
        """Assign the sites of a request."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            return _problems(415, [Problem("content-type", "Expected application/json.")])
        body = await read_body(request, self.most_bytes)
        if isinstance(body, Refused):
            return _problems(body.status, [Problem("body", body.message)])
        async with self._places:
            return await run_in_threadpool(self._answer, body)

    def _answer(self, body: bytes) -> Response:
        try:
            return JSONResponse({"predictions": self.predictions(read_request(body))})
        except MismatchError as error:
            problems = [
                Problem(own.column, own.without_values) for own in error.differences if own.stops
            ]
            return _problems(400, problems)
        except StudyError as error:
            if error.source != SOURCE:
                raise
            return _problems(400, list(error.problems))

    def predictions(self, table: RawTable) -> list[dict[str, Any]]:
        """Assign the rows of a table, in their order; columns `OUTPUT`."""
        form = Form(self.form.title, self.form.used)
        most = len(form.known) + MOST_UNKNOWN
        if len(table.headings) > most:
            said = f"Found {len(table.headings):,} columns; at most {most:,} are read."
            raise StudyError(SOURCE, [Problem("body", said)])
        checker = Checker(form, table, named=False, whole=True)
        chunks = list(checker.chunks())
        checker.finish()
        frame = self.typology.assign(Chunk.joined(chunks).profiles(form)).frame
        text = frame[list(OUTPUT)].to_json(orient="records", double_precision=15)
        rows: list[dict[str, Any]] = json.loads(text)
        return rows


def listen(host: str, port: int) -> socket.socket:
    """Take a place to listen at; port 0 is any free one.

    Raises
    ------
    StudyError
        It is taken, or no place of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    place = socket.socket(family, socket.SOCK_STREAM)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        place.bind((host, port))
        place.listen(128)
    except (OSError, OverflowError) as error:
        place.close()
        said = f"Cannot listen at {host}, port {port}: {error}. Name another."
        raise StudyError("serve", [Problem("--port", said)]) from error
    return place


def run(service: Service, place: socket.socket, hosts: Collection[str]) -> None:
    """Serve until interrupted. Requests are not logged."""
    serve_app(service.app(hosts), place)


def serve_app(app: Guard, place: socket.socket) -> None:
    """Serve an application until interrupted. Requests are not logged."""
    uvicorn.Server(server_settings(app)).run(sockets=[place])


def server_settings(app: Guard, connection: type[Connection] = Connection) -> uvicorn.Config:
    """Return how an application is served."""
    return uvicorn.Config(
        app,
        http=connection,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
        log_level="warning",
        # Reached only where every connection but the new one is worked on.
        limit_concurrency=connection.most_open + 1,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=5,
    )


def _problems(status: int, problems: list[Problem]) -> Response:
    told = [{"where": own.where, "message": own.message} for own in problems]
    return JSONResponse({"problems": told}, status_code=status)


async def _other(request: Request, error: Exception) -> Response:
    """Answer what there is no answer to, such as another address or method."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    said = "There is POST /assign, GET /health and GET /template."
    return _problems(status, [Problem("address", said)])


async def _failed(request: Request, error: Exception) -> Response:
    """Say that there was a failure; the framework raises it again, and `Guard` logs it."""
    return _problems(500, [Problem("service", FAILED)])
