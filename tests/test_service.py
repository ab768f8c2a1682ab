"""The service on loopback: strict about what it is sent, silent about what it was sent."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from site_typology.cli import main
from site_typology.service_guard import LOOPBACK, refusal
from site_typology.service_requests import MOST_ROWS, read_request

SECRET = "Ms Secret"  # noqa: S105  # a value that must not come back
COLUMNS = ["wsa", "clinical", "need", "advice", "reach"]
JSON = {"Content-Type": "application/json"}
WATCHED = """
import sys
from site_typology import typology_files
from site_typology.cli import main
unpickled = []
def note(event, given):
    if event == "pickle.find_class":
        unpickled.append(given)
sys.addaudithook(note)
read = typology_files.load_typology
def watched(folder):
    before = len(unpickled)
    found = read(folder)
    print("UNPICKLED", len(unpickled) - before, flush=True)
    return found
typology_files.load_typology = watched
main(sys.argv[1:])
"""


class Running:
    """A service in a process of its own."""

    def __init__(self, model: Path, folder: Path) -> None:
        words = [sys.executable, "-c", WATCHED, "serve", "--model", str(model), "--port", "0"]
        self.errors = folder / "errors.txt"
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                [*words, "--max-bytes", "20000"],
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self.unpickled = self.process.stdout.readline()
        line = self.process.stdout.readline()
        assert "http://127.0.0.1:" in line, self.errors.read_text()
        self.port = int(line.rstrip("/\n").rpartition(":")[2])

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def assign(self, content):
        body = content if isinstance(content, bytes | str) else json.dumps(content)
        status, _, text = self.ask("POST", "/assign", body, JSON)
        return status, json.loads(text)


@pytest.fixture(scope="module")
def service(typed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("service")
    model = typed.save(folder / "typology")
    (folder / "here").mkdir()
    running = Running(model, folder / "here")
    yield running
    running.process.terminate()
    running.process.wait(timeout=30)
    running.process.stdout.close()


pytestmark = pytest.mark.server


def split(*rows, columns=COLUMNS):
    return {"dataframe_split": {"columns": list(columns), "data": list(rows)}}


def test_fitted_sites_get_their_own_types_in_both_shapes(service, typed):
    profiles = typed.profiles.select(use="build")
    wide = profiles.values.join(profiles.standard_errors.add_suffix("__se"))
    wide = wide.astype(object).where(wide.notna(), None)
    status, found = service.assign(split(*wide.to_numpy().tolist(), columns=wide.columns))
    records = service.assign({"dataframe_records": wide.to_dict("records")})
    assert status == 200 and records == (200, found)
    types = [row["type"] for row in found["predictions"]]
    assert types == [None if value is None else int(value) for value in _plain(typed.labels)]
    confidence = [row["confidence"] or np.nan for row in found["predictions"]]
    np.testing.assert_allclose(confidence, typed.memberships["confidence"], atol=1e-12)
    assert list(found["predictions"][0]) == [
        "type", "confidence", "next_type", "distance", "reason",
    ]  # fmt: skip


def _plain(labels):
    return labels.astype(object).where(labels.notna(), None)


@pytest.mark.parametrize(
    ("content", "where", "words"),
    [
        (split([1, 2, 3, 4, SECRET]), "reach", "Not a number in row 1"),
        (split([1, 2, 3, 4, "1.5"]), "reach", "Not a number in row 1"),
        (split([1, 2, 3, 4, True]), "reach", "True or false in row 1"),
        (split([1, 2, 3, 4, [SECRET]]), "reach", "Not a number"),
        ('{"dataframe_records": [{"wsa": Infinity}]}', "wsa", "Infinite in row 1"),
        ('{"dataframe_records": [{"wsa": NaN}]}', "wsa", "Not a number in row 1"),
        ('{"dataframe_records": [{"wsa": 1e999}]}', "wsa", "Infinite in row 1"),
        (split([1, 2, 3, 4, 5], columns=[*COLUMNS[:4], "reech"]), "reech", "Rename it to 'reach'"),
        (split([1, 2, 3, 4, 5, 6], columns=[*COLUMNS, "site"]), "site", "Remove the column"),
        (split([1, 2, 3, 4], columns=COLUMNS[:4]), "reach", "No such column"),
        (split([1, 2, 3, 4, 5, -6], columns=[*COLUMNS, "wsa__se"]), "wsa__se", "Negative in row 1"),
        (split([1, 2, 3]), "rows", "Cut or too long in row 1"),
        (split([1] * 5, columns=["wsa"] * 5), "wsa", "Keep one"),
        (split([1] * 6, columns=[*COLUMNS, "\ud800"]), "body", "half a sign"),
        (split([1] * 200, columns=["wsa"] * 200), "body", "Found 200 columns; at most 115"),
        ({"dataframe_split": {"columns": [1], "data": []}}, "body", "list of names"),
        ({"dataframe_records": []}, "body", "no rows"),
        ({"inputs": SECRET}, "body", "dataframe_split"),
        (f'{{"dataframe_records": [{{"{SECRET}": 1', "body", "Not JSON"),
        (b"\xff\xfe", "body", "Not JSON"),
        ("[" * 9000, "body", "Not JSON"),
        ('{"dataframe_records": [{"wsa": 1, "wsa": 2}]}', "body", "stands twice"),
    ],
)
def test_what_is_wrong_is_named_and_no_value_repeated(service, content, where, words):
    status, found = service.assign(content)
    assert status == 400 and list(found) == ["problems"]
    told = {problem["where"]: problem["message"] for problem in found["problems"]}
    assert words in told[where]
    assert SECRET not in str(found) and "Traceback" not in str(found)


def test_too_much_is_refused_whether_or_not_its_size_is_stated(service):
    body = b" " * 30_000
    assert service.ask("POST", "/assign", body, JSON)[0] == 413
    parts = (body[at : at + 1000] for at in range(0, len(body), 1000))
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    with contextlib.closing(connection):
        connection.request("POST", "/assign", parts, JSON, encode_chunked=True)
        assert connection.getresponse().status == 413
    rows = [{"wsa": 1}] * (MOST_ROWS + 1)
    with pytest.raises(Exception, match="10,001 rows; at most 10,000"):
        read_request(json.dumps({"dataframe_records": rows}).encode())


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_foreign_hosts_and_pages_are_refused(service, headers):
    status, _, body = service.ask("GET", "/health", None, headers)
    assert status in (400, 403)
    assert b"evil" not in body


def test_forms_of_web_pages_other_addresses_and_methods_are_refused(service):
    assert service.ask("POST", "/assign", "{}", {"Content-Type": "text/plain"})[0] == 415
    for method, path in (("GET", "/docs"), ("GET", "/openapi.json"), ("GET", "/assign")):
        status, _, body = service.ask(method, path)
        assert status in (404, 405)
        assert json.loads(body)["problems"]


def test_it_says_that_it_runs_and_gives_the_template(service, typed):
    status, headers, body = service.ask("GET", "/health")
    assert status == 200 and json.loads(body)["model"] == typed.name
    assert headers["cache-control"] == "no-store" and "server" not in headers
    assert "access-control-allow-origin" not in headers
    status, headers, body = service.ask("GET", "/template")
    assert status == 200 and "template.xlsx" in headers["content-disposition"]
    assert openpyxl.load_workbook(io.BytesIO(body)).sheetnames[0] == "Sites"
    assert service.ask("GET", "/template?format=csv")[2].decode("utf-8-sig").startswith("site,wsa")
    assert service.ask("GET", "/template?format=../x")[0] == 400


def test_loading_unpickles_nothing_and_nothing_is_stored_or_logged(service):
    service.assign(split([1, 2, 3, 4, SECRET]))
    assert service.unpickled == "UNPICKLED 0\n"
    folder = service.errors.parent
    assert [path.name for path in folder.iterdir()] == ["errors.txt"]
    assert service.errors.read_text() == ""


def test_a_failure_inside_tells_neither_client_nor_log_what_was_sent(typed, caplog):
    import asyncio

    from site_typology.service import Service

    def failing(profiles):
        raise RuntimeError(SECRET)

    service = Service(typed)
    object.__setattr__(service, "typology", type("Broken", (), {"assign": failing})())
    sent = []

    async def ask():
        async def receive():
            return {"type": "http.request", "body": json.dumps(split([1, 2, 3, 4, 5])).encode()}

        async def send(message):
            sent.append(message)

        headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": "/assign", "headers": headers}
        await service.app()({**scope, "query_string": b""}, receive, send)

    asyncio.run(ask())
    assert sent[0]["status"] == 500 and dict(sent[0]["headers"])[b"cache-control"] == b"no-store"
    (told,) = json.loads(sent[1]["body"])["problems"]
    assert told["where"] == "service" and "went wrong" in told["message"]
    assert SECRET not in str(sent) and SECRET not in caplog.text
    assert "TypeError" in caplog.text or "RuntimeError" in caplog.text


def test_a_tampered_model_is_refused(typed, tmp_path):
    model = typed.save(tmp_path / "typology")
    content = model / "content.json"
    content.write_text(content.read_text().replace('"name": "typed"', '"name": "other"'))
    words = [sys.executable, "-m", "site_typology.cli", "serve", "--model", str(model)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "Changed or damaged since it was saved" in done.stderr
    shutil.rmtree(model)


def test_a_place_that_is_taken_or_open_to_others_is_refused(typed, tmp_path, capsys):
    model = str(typed.save(tmp_path / "typology"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for given, words in (
            (["--port", port], "Name another"),
            (["--host", "0.0.0.0"], "allow-host"),  # noqa: S104  # refused
        ):
            with pytest.raises(SystemExit) as left:
                main(["serve", "--model", model, *given])
            assert left.value.code == 2 and words in capsys.readouterr().err


def test_hosts_are_compared_whole_and_given_once():
    assert refusal([(b"host", b"[::1]:80")], LOOPBACK) == ""
    assert (
        refusal([(b"host", b"localhost:80"), (b"origin", b"http://localhost:80")], LOOPBACK) == ""
    )
    for headers in (
        [],
        [(b"host", b"localhost"), (b"host", b"localhost")],
        [(b"host", b"localhost:80"), (b"origin", b"http://localhost:81")],
        [(b"host", b"[")],
        [(b"host", b"localhost"), (b"origin", b"http://[")],
    ):
        assert refusal(headers, LOOPBACK)
    assert os.sep not in refusal([], LOOPBACK)
