"""The page without a browser: its answers, its downloads, and who gets none."""

from __future__ import annotations

import asyncio
import csv
import html
import io
import re
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from urllib.parse import urlencode

import pytest

from site_typology.page import HEADERS, Page
from site_typology.page_sites import offered
from site_typology.service_guard import Guard
from site_typology.typology import Typology

HOST = "127.0.0.1:8765"
SITE = {"wsa": "7", "clinical": "0.5", "need": "1", "advice": "0.2"}
EVIL = "<img src=x onerror=alert(1)>\"'</script>"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Caller:
    """Calls the application as a server would."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.app: Guard = page.app()

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        named = {"host": HOST, **{key.replace("_", "-"): value for key, value in headers.items()}}
        place, _, query = path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": place,
            "raw_path": place.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(key.encode(), value.encode()) for key, value in named.items() if value],
            "server": ("127.0.0.1", 8765),
            "client": ("127.0.0.1", 5000),
        }
        parts: list[dict] = []

        async def receive() -> dict:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict) -> None:
            parts.append(message)

        asyncio.run(self.app(scope, receive, send))
        told = {key.decode(): value.decode() for key, value in parts[0]["headers"]}
        return Answer(parts[0]["status"], told, b"".join(one.get("body", b"") for one in parts[1:]))

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, **headers)

    def post(self, path: str, fields: dict[str, str], **headers: str) -> Answer:
        sent = {"token": self.page.gate.token, "model": "0", **fields}
        kind = "application/x-www-form-urlencoded"
        own = {"origin": f"http://{HOST}", "content_type": kind, **headers}
        return self.ask("POST", path, urlencode(sent).encode(), **own)

    def site(
        self, path: str, values: dict[str, str], name: str = "North", **headers: str
    ) -> Answer:
        cells = {f"cell.{column}": value for column, value in values.items()}
        return self.post(path, {"site": name, **cells}, **headers)

    def upload(self, name: str, content: bytes, **fields: str) -> Answer:
        sent = {"token": self.page.gate.token, "model": "0", **fields}
        parts = [
            f'--b\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
            for key, value in sent.items()
        ]
        head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        parts.append(f"{head}Content-Type: text/csv\r\n\r\n".encode() + content + b"\r\n--b--\r\n")
        kind = "multipart/form-data; boundary=b"
        own = {"origin": f"http://{HOST}", "content_type": kind}
        return self.ask("POST", "/file", b"".join(parts), **own)


@pytest.fixture(scope="module")
def caller(typed: Typology, untyped: Typology) -> Caller:
    return Caller(Page(offered([typed, untyped]), 8765))


def hidden(page: str, name: str) -> str:
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)">', page)
    assert found
    return html.unescape(found[1])


def plain(page: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


class Tags(HTMLParser):
    """Every tag of a page as a browser reads it, with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def assert_safe(page: str) -> None:
    """Nothing that the Content-Security-Policy would have to stop."""
    for tag, given in Tags(page).found:
        assert tag not in ("img", "style", "iframe", "object", "base"), tag
        assert tag != "script" or given == {"src": "/page.js", "defer": None}
        assert not [name for name in given if name.startswith("on") or name == "style"], given
        for name in {"href", "src", "action", "formaction", "xlink:href"} & set(given):
            assert (given[name] or "").startswith(("/", "#")), given


# --- Answers ---------------------------------------------------------------------------------


def test_the_form_asks_for_each_feature_and_offers_every_typology(caller: Caller):
    page = caller.get("/").text
    for name in ("wsa", "clinical", "need", "advice", "reach"):
        assert f'name="cell.{name}"' in page
        assert f'name="cell.{name}__se"' in page
    assert 'name="cell.lead"' not in page
    assert re.findall(r'<option value="(\d)"( selected)?>', page) == [("0", " selected"), ("1", "")]
    assert 'need <span class="unit">(points)</span>' in page
    assert_safe(page)


def test_every_input_has_a_label_and_its_descriptions_exist(caller: Caller):
    page = caller.site("/site", SITE).text
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    labels = set(re.findall(r'<label for="([^"]+)"', page))
    inputs = re.findall(r"<(?:input|select)\s(?!type=\"hidden\")[^>]*?id=\"([^\"]+)\"", page)
    assert labels == set(inputs)
    for named in re.findall(r'aria-(?:labelledby|describedby)="([^"]+)"', page):
        assert set(named.split()) <= set(ids)


def test_a_site_gets_the_same_answer_with_and_without_script(caller: Caller, typed: Typology):
    whole, part = caller.site("/site", SITE).text, caller.site("/answer", SITE).text
    assert part in whole
    assert part.lstrip().startswith("<h2")
    own = caller.page.offers[0].answer_typed("North", SITE)
    answer = own.detail(0)
    assert answer.type is not None
    told = plain(part)
    for words in (answer.why, *(peer.words for peer in answer.peers), answer.possible_words):
        assert words in told
    assert all(f"{gap.title}" in told for gap in answer.gaps)
    assert part.count("<svg") >= 2 + typed.k
    assert_safe(whole)


def test_the_answer_moves_with_a_value(caller: Caller):
    first, second = (caller.site("/answer", {**SITE, "wsa": value}).text for value in ("7", "30"))
    said = [re.search(r'<p id="said-source" hidden>(.*?)</p>', page)[1] for page in (first, second)]
    assert "Type 2" in said[0] and "None of these" in said[1]


def test_more_error_makes_the_answer_less_sure(caller: Caller):
    between = {"wsa": "4.2", "clinical": "0.1", "need": "4.6"}

    def sure(error: str) -> float:
        own = caller.page.offers[0]
        cells = {**between, **{f"{name}__se": error for name in between}}
        return max(one.probability for one in own.answer_typed("x", cells).detail(0).probabilities)

    assert sure("5") < sure("0.2") - 0.05


def test_a_site_with_too_little_gets_no_type_and_is_told_what_to_collect(caller: Caller):
    told = plain(caller.site("/site", {"wsa": "7"}).text)
    assert "Not enough data" in told
    assert "needed" in told


def test_where_no_typology_is_claimed_the_page_says_so(caller: Caller):
    page = caller.site("/site", SITE, model="").text
    assert "No typology is claimed" not in page
    page = caller.post("/site", {"model": "1", "site": "N", "cell.wsa": "1", "cell.need": "2"}).text
    assert "No typology is claimed" in page


def test_mistakes_are_named_beside_the_entry_and_give_no_answer(caller: Caller):
    page = caller.site("/site", {"wsa": "1,5", "need__se": "-1", "reach": "about 3"}).text
    assert page.count('aria-invalid="true"') == 3
    told = plain(page)
    for words in ("A decimal comma (1,5)", "Negative (-1)", "Not a number (about 3)"):
        assert told.count(words) == 2, "in the list and beside the entry"
    assert "Answer for" not in told
    assert 'value="1,5"' in page, "what was typed stays"
    assert caller.site("/site.csv", {"wsa": "1,5"}).headers["content-type"].startswith("text/html")


def test_one_answer_is_downloaded_as_csv(caller: Caller):
    answer = caller.site("/site.csv", SITE, name="=1+1")
    assert answer.headers["content-disposition"] == 'attachment; filename="site-types.csv"'
    row = next(csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"))))
    assert row["site"] == "'=1+1"
    assert row["type"] == "2" and row["why"] and row["peers"]


# --- Files -----------------------------------------------------------------------------------

FILE = b"site,wsa,clinical,need,advice,reach\r\nA,7,0.5,1,0.2,0\r\nB,,,3,,\r\nC,40,40,40,40,40\r\n"


def test_a_file_is_answered_shown_and_downloaded_and_is_nowhere_kept(caller: Caller):
    page = caller.upload("new.csv", FILE).text
    told = plain(page)
    assert "Sites of new.csv" in told and "1 of 3 sites have a type" in told
    assert "not enough data" in told and "none of these" in told
    table = hidden(page, "table")
    shown = caller.post("/rows", {"table": table, "source": "new.csv", "row": "0"}).text
    assert "Answer for A" in shown and "Sites of new.csv" in shown
    done = caller.post("/rows.csv", {"table": table, "source": "new.csv"})
    rows = list(csv.DictReader(io.StringIO(done.body.decode("utf-8-sig"))))
    assert [row["site"] for row in rows] == ["A", "B", "C"]
    assert "Sites of" not in caller.get("/").text
    assert_safe(page)


def test_a_site_of_a_file_fills_the_form_so_that_it_gives_the_same_answer(caller: Caller):
    table = hidden(caller.upload("new.csv", FILE).text, "table")
    page = caller.post("/rows", {"table": table, "source": "new.csv", "row": "0"}).text
    names = re.findall(r'name="cell\.([^"]+)" value="([^"]*)"', page)
    assert dict(names)["wsa__se"] == "0", "a file without errors has exact values"
    again = caller.site("/answer", dict(names), name="A").text
    assert again in page


def test_what_does_not_fit_is_shown_as_a_table_of_differences(caller: Caller):
    page = caller.upload("new.csv", b"site,WSA,need [km]\r\nA,1,2\r\nA,3,x\r\n").text
    told = plain(page)
    assert "Not read: new.csv" in told
    for words in ("Rename it to 'wsa'", "unit km", "not a number: x", "named twice"):
        assert words in told


@pytest.mark.parametrize(
    "change", [{"row": "3"}, {"row": "-1"}, {"row": "²"}, {"row": "9" * 5000}, {"table": "site\n"}]
)
def test_rows_that_are_not_there_are_refused(caller: Caller, change: dict[str, str]):
    table = hidden(caller.upload("new.csv", FILE).text, "table")
    assert caller.post("/rows", {"table": table, "row": "0", **change}).status == 400


def test_templates_can_be_had(caller: Caller):
    assert caller.get("/template.csv").text.startswith("\ufeffsite,")
    assert caller.get("/template.xlsx?model=1").body.startswith(b"PK")


# --- Attacks ---------------------------------------------------------------------------------


def test_no_name_becomes_markup(caller: Caller):
    file = (
        f'site,wsa,clinical,need,advice,reach\n"{EVIL.replace(chr(34), chr(34) * 2)}",7,0,1,0,0\n'
    )
    name = EVIL.replace('"', "%22") + ".csv"
    listed = caller.upload(name, file.encode()).text
    table = hidden(listed, "table")
    pages = [
        listed,
        caller.upload(f"{name}.exe", b"").text,
        caller.upload("x.csv", f"site,{EVIL}\nA,1\n".encode()).text,
        caller.upload("x.csv", f"site,wsa\nA,{EVIL}\n".encode()).text,
        caller.site("/site", SITE, name=EVIL).text,
        caller.site("/answer", SITE, name=EVIL).text,
        caller.site("/site", {"wsa": EVIL}, name=EVIL).text,
        caller.post("/rows", {"table": table, "source": EVIL, "row": "0"}).text,
    ]
    for page in pages:
        assert_safe(page)
    assert html.escape("<img src=x onerror=alert(1)>") in pages[4]


def test_no_name_of_a_typology_becomes_markup(typed: Typology):
    evil = replace(
        typed.named(dict.fromkeys(typed.names, EVIL)),
        name=EVIL,
        assigner=replace(
            typed.assigner,
            names=dict.fromkeys(typed.names, EVIL),
            features=tuple(replace(info, label=EVIL) for info in typed.assigner.features),
        ),
    )
    caller = Caller(Page(offered([evil, evil]), 8765))
    for page in (caller.get("/").text, caller.site("/site", SITE).text):
        assert_safe(page)
        assert html.escape("<img src=x onerror=alert(1)>") in page


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8765", "127.0.0.1:1", "localhost", "127.0.0.1.x:8765", ""],
)
@pytest.mark.parametrize("path", ["/", "/page.js", "/page.css", "/template.csv"])
def test_another_host_is_refused(caller: Caller, host: str, path: str):
    answer = caller.get(path, host=host)
    assert answer.status == 403
    assert "wsa" not in answer.text


def test_a_server_in_front_may_call_it_by_the_name_that_was_allowed(typed: Typology):
    behind = Caller(Page(offered([typed]), None))
    behind.app = behind.page.app(["typology.example"])
    own = {"host": "typology.example", "origin": "https://typology.example"}
    assert behind.site("/answer", SITE, **own).status == 200
    assert behind.site("/answer", SITE).status == 403
    assert behind.site("/answer", SITE, **{**own, "origin": "https://other.example"}).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": ""},
        {"origin": "null"},
        {"origin": "http://["},
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_another_page_may_send_nothing(caller: Caller, headers: dict[str, str]):
    for path in ("/answer", "/site", "/site.csv", "/rows", "/rows.csv", "/file"):
        assert caller.site(path, SITE, **headers).status == 403


def test_a_form_without_the_token_is_refused(caller: Caller):
    for token in ("", "x" * 43):
        assert caller.post("/answer", {"token": token}).status == 403
        assert caller.upload("a.csv", FILE, token=token).status == 403


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/../../etc/passwd", 404),
        ("GET", "/page.py", 404),
        ("GET", "/page.html.j2", 404),
        ("GET", "/%2e%2e/page.py", 404),
        ("GET", "/answer", 405),
        ("POST", "/", 405),
        ("GET", "/?model=../../x", 404),
        ("GET", "/?model=7", 404),
        ("GET", "/template.csv?model=x", 404),
    ],
)
def test_other_addresses_lead_nowhere(caller: Caller, method: str, path: str, status: int):
    answer = caller.ask(method, path, origin=f"http://{HOST}")
    assert answer.status == status
    assert "passwd" not in answer.text and "model" not in answer.text


def test_a_form_that_is_too_large_is_not_read(typed: Typology):
    small = Caller(Page(offered([typed]), 8765, most_bytes=2000))
    assert small.upload("a.csv", b"x" * 3000).status == 413
    assert small.site("/answer", SITE, content_length="99999999").status == 413


def test_an_entry_that_is_too_long_is_refused(caller: Caller):
    for name, values in (("N" * 1001, SITE), ("N", {**SITE, "wsa": "1" * 1001})):
        for path in ("/answer", "/site", "/site.csv"):
            assert caller.site(path, values, name=name).status == 400


def test_every_answer_says_what_browsers_may_do(caller: Caller):
    answers = [
        caller.get("/"),
        caller.get("/page.js"),
        caller.get("/nowhere"),
        caller.get("/", host="x"),
    ]
    for answer in [*answers, caller.site("/site", SITE), caller.site("/site.csv", SITE)]:
        for name, value in HEADERS:
            assert answer.headers[name.decode()] == value.decode()
    policy = dict(HEADERS)[b"content-security-policy"].decode()
    assert "unsafe" not in policy and "*" not in policy


def test_a_failure_tells_nothing_of_what_was_sent(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def fail(*_: object) -> None:
        raise RuntimeError("a secret value")

    monkeypatch.setattr("site_typology.page.answer_html", fail)
    answer = caller.site("/answer", SITE, name="a secret site")
    assert answer.status == 500
    assert "secret" not in answer.text + caplog.text
    assert "RuntimeError" in caplog.text
