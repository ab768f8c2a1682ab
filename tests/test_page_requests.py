"""What the page takes for its own form, and what it refuses."""

from __future__ import annotations

import pytest

from site_typology.page_requests import BadRequestError, Gate, read_sent

FORM = "application/x-www-form-urlencoded"
MULTI = "multipart/form-data; boundary=xyz"


def part(name: str, content: bytes, file: str | None = None) -> bytes:
    named = f'; filename="{file}"' if file is not None else ""
    head = f'--xyz\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def test_a_form_is_read_with_blank_fields_and_letters_beyond_ascii():
    sent = read_sent(FORM, b"site=M%C3%BCnster+West&cell.need=&cell.a%3Db=2&token=t")
    assert sent.fields["site"] == "Münster West"
    assert sent.cells == {"need": "", "a=b": "2"}


def test_a_file_comes_through_byte_by_byte():
    content = bytes(range(256)) * 40 + b"\r\n--xy\r\n\r\n--"
    sent = read_sent(MULTI, part("token", b"t") + part("file", content, "ü.csv") + b"--xyz--\r\n")
    assert (sent.fields, sent.file_name, sent.file) == ({"token": "t"}, "ü.csv", content)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{}"),
        ("text/plain", b"site=a"),
        ("multipart/form-data", part("a", b"") + b"--xyz--"),
        (FORM, b"site=a&site=b"),
        (FORM, b"site=%FF"),
        (FORM, "site=ü".encode()),
        (FORM, b"site"),
        (FORM, b"&".join(b"a%d=1" % at for at in range(5001))),
        (MULTI, part("a", b"1")),
        (MULTI, b"--xyz--trailing"),
        (MULTI, part("a", b"1") + part("a", b"2") + b"--xyz--"),
        (MULTI, part("file", b"1", "a") + part("file", b"2", "b") + b"--xyz--"),
        (MULTI, part("other", b"1", "a") + b"--xyz--"),
        (MULTI, b"--xyz\r\nContent-Type: text/plain\r\n\r\nx\r\n--xyz--"),
        (MULTI, part("a", b"\xff") + b"--xyz--"),
        (MULTI, b"--xyz\r\n" * 6000 + b"--xyz--"),
    ],
)
def test_what_no_page_of_ours_sends_is_refused(kind: str, body: bytes):
    with pytest.raises(BadRequestError):
        read_sent(kind, body)


@pytest.mark.parametrize("host", ["localhost:8765", "127.0.0.1:8765", "[::1]:8765"])
def test_the_page_itself_may_send(host: str):
    gate = Gate(8765)
    gate.check_place(host)
    gate.check_sender(host, f"http://{host}")
    gate.check_token(gate.token)


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "localhost:", "localhost:x"])
def test_another_port_is_not_the_page(host: str):
    with pytest.raises(BadRequestError):
        Gate(8765).check_place(host)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "http://localhost:8000",
        "http://evil.example",
        "file://localhost:8765",
        "//",
        "http://[",
    ],
)
def test_another_origin_may_not_send(origin: str):
    with pytest.raises(BadRequestError):
        Gate(8765).check_sender("localhost:8765", origin)


@pytest.mark.parametrize("token", ["", "guess", "ü"])
def test_a_form_needs_the_token_of_this_run(token: str):
    with pytest.raises(BadRequestError, match="Reload"):
        Gate(8765).check_token(token)
    assert Gate(8765).token != Gate(8765).token
    assert len(Gate(8765).token) >= 43
