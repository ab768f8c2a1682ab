"""The page in a real browser: by mouse, by keyboard, on a phone, without script, under attack.

Skipped where there is no Chromium; Debian's package ``chromium`` is enough.
"""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from site_typology.typology import Typology

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
PATIENCE = 60_000
FILE = "site,wsa,clinical,need,advice,reach\nA,7,0.5,1,0.2,0\nB,,,3,,\nC,40,40,40,40,40\n"
EVIL = "<img src=x onerror='window.hit = 1'><script>window.hit = 1</script>"

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def address(
    typed: Typology, untyped: Typology, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Where the command serves the page, in a process of its own."""
    folder = tmp_path_factory.mktemp("models")
    typed.save(folder / "typed")
    untyped.save(folder / "untyped")
    words = [sys.executable, "-m", "site_typology.cli", "page", "--port", "0"]
    models = ["--model", str(folder / "typed"), "--model", str(folder / "untyped")]
    command = [*words, *models]
    # Unbuffered, so that the line with the address comes at once.
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=folder, env=environment
    ) as running:
        assert running.stdout is not None
        found = re.search(r"http://\S+/", running.stdout.readline())
        assert found, "the command ended without an address"
        yield found[0]
        running.terminate()
        running.wait(timeout=60)
    assert sorted(path.name for path in folder.iterdir()) == ["typed", "untyped"], "nothing is kept"


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Any]:
    """Open the page; at the end nothing may have been fetched from elsewhere, nor blocked."""
    contexts: list[BrowserContext] = []
    told: list[str] = []

    def opened(size: dict[str, int] = DESK, query: str = "", **settings: Any) -> Page:
        context = browser.new_context(viewport=size, **settings)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on(
            "request",
            lambda one: None if one.url.startswith(address) else told.append(one.url),
        )
        page.goto(address + query)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert told == []


def fill(page: Page, **values: str) -> None:
    for name, value in values.items():
        label = {"need": "need (points)", "site": "Name of the site"}.get(name, name)
        page.get_by_label(label, exact=True).fill(value)


def said(page: Page) -> Any:
    return expect(page.get_by_role("status"))


def result(page: Page) -> str:
    return page.locator("#result").inner_text()


def test_the_answer_follows_what_is_typed_without_a_new_page(open_page: Any):
    page = open_page()
    page.evaluate("window.kept = 1")
    fill(page, site="North", wsa="7", clinical="0.5", need="1")
    said(page).to_have_text(re.compile("North: Type 2 .*, over 99% sure"), timeout=PATIENCE)
    for words in ("Why", "What is unsure", "Nearest fitted sites", "Map", "Not known: advice"):
        assert words in result(page)
    assert page.locator("#result svg[role=img]").count() == 2
    fill(page, wsa="30")
    said(page).to_have_text("North: None of these", timeout=PATIENCE)
    fill(page, wsa="", clinical="")
    said(page).to_have_text("North: Not enough data", timeout=PATIENCE)
    assert page.evaluate("window.kept") == 1
    assert page.evaluate("location.href.includes('North')") is False


def test_the_picture_is_drawn_in_its_colours(open_page: Any):
    page = open_page()
    fill(page, wsa="7", clinical="0.5", need="1")
    said(page).to_contain_text("sure", timeout=PATIENCE)
    tones = page.evaluate(
        "[...document.querySelectorAll('#result figure svg:not(.map) path')]"
        ".map((path) => getComputedStyle(path).fill)"
    )
    assert "rgb(213, 94, 0)" in tones, "type 2"
    size = page.evaluate(
        "parseFloat(getComputedStyle(document.querySelector('#result figure text')).fontSize)"
    )
    assert 9 <= size <= 12


def test_without_script_the_same_answer_comes_from_the_button(open_page: Any):
    live, still = open_page(), open_page(java_script_enabled=False)
    for page in (live, still):
        fill(page, site="North", wsa="7", clinical="0.5", need="1,5")
    page.get_by_role("button", name="Show the answer", exact=True).click()
    assert "A decimal comma (1,5)" in result(still)
    fill(still, need="1")
    fill(live, need="1")
    still.get_by_role("button", name="Show the answer", exact=True).click()
    still.wait_for_url("**/site#result-heading")
    said(live).to_contain_text("sure", timeout=PATIENCE)
    assert result(still) == result(live)


def test_mistakes_are_marked_where_they_stand(open_page: Any):
    page = open_page()
    fill(page, wsa="about 3")
    said(page).to_have_text("No answer: 1 entry to correct.", timeout=PATIENCE)
    entry = page.get_by_label("wsa", exact=True)
    expect(entry).to_have_attribute("aria-invalid", "true")
    expect(entry).to_have_accessible_description(re.compile(r"Not a number \(about 3\)"))
    page.locator("#result").get_by_role("link", name="wsa").click()
    expect(entry).to_be_focused()
    fill(page, wsa="3")
    expect(entry).not_to_have_attribute("aria-invalid", "true", timeout=PATIENCE)
    expect(entry).not_to_have_accessible_description(re.compile("Not a number"))


def test_keys_are_enough(open_page: Any):
    page = open_page()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the forms")).to_be_focused()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "site":
            break
    page.keyboard.type("North")
    for value in ("7", "0.5", "1"):
        page.keyboard.press("Tab")
        page.keyboard.type(value)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    page.keyboard.press("Enter")
    expect(page.get_by_label("Standard error of need")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.type("0.5")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Answer for North")).to_be_focused(timeout=PATIENCE)
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "the focus is seen"


def test_what_a_screen_reader_is_told(open_page: Any):
    page = open_page()
    fill(page, site="North", wsa="7", clinical="0.5", need="1")
    said(page).to_contain_text("sure", timeout=PATIENCE)
    told = page.locator("body").aria_snapshot()
    for role, name in (
        ("combobox", "Typology"),
        ("textbox", "need (points)"),
        ("heading", "What type is a site?"),
        ("heading", "Answer for North"),
        ("region", "Answer for North"),
        ("group", "Other"),
        ("img", "Map of the fitted sites with North"),
        ("table", "Probability of each type"),
    ):
        assert re.search(rf"- '?{role} \"{re.escape(name)}", told), (role, name)
    assert re.search(r"- status: .*North: Type 2", told)
    levels = [int(level) for level in re.findall(r"heading .*\[level=(\d)\]", told)]
    assert levels[0] == 1 and all(b - a <= 1 for a, b in pairwise(levels))


def test_a_file_is_answered_shown_and_downloaded(open_page: Any, tmp_path: Path):
    page = open_page()
    path = tmp_path / "new sites.csv"
    path.write_text(FILE)
    page.get_by_label("Filled template").set_input_files(path)
    page.get_by_role("button", name="Show the answers").click()
    heading = page.get_by_role("heading", name="Sites of new sites.csv")
    expect(heading).to_be_focused()
    page.get_by_role("button", name="Show the answer for A").click()
    expect(page.get_by_role("heading", name="Answer for A")).to_be_focused()
    first = page.get_by_role("status").inner_text()
    fill(page, wsa="7.0")
    page.get_by_role("button", name="Show the answer", exact=True).click()
    expect(page.get_by_role("heading", name="Answer for A")).to_be_focused(timeout=PATIENCE)
    assert page.get_by_role("status").inner_text() == first
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download these answers (CSV)").click()
    assert waiting.value.suggested_filename == "site-types.csv"
    with Path(waiting.value.path()).open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["site"], row["type"]) for row in rows] == [("A", "2"), ("B", ""), ("C", "")]
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download the answer (CSV)").click()
    assert waiting.value.path().read_text("utf-8-sig").splitlines()[1].startswith("A,")


def test_a_template_is_filled_in_and_comes_back(open_page: Any, tmp_path: Path):
    from openpyxl import load_workbook

    page = open_page()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Excel").click()
    empty = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(empty)
    book = load_workbook(empty)
    headings = [cell.value for cell in book["Sites"][1]]
    for name, value in {"site": "North", "wsa": 7, "clinical": 0.5, "need [points]": 1}.items():
        book["Sites"].cell(2, headings.index(name) + 1, value)
    filled = tmp_path / "filled.xlsx"
    book.save(filled)
    page.get_by_label("Filled template").set_input_files(filled)
    page.get_by_role("button", name="Show the answers").click()
    expect(page.get_by_role("row", name=re.compile("North Type 2"))).to_be_visible()


def test_what_was_typed_before_the_script_came_is_answered(open_page: Any):
    page = open_page()
    held: list[Any] = []
    page.route("**/page.js", lambda route: held.append(route))
    page.reload(wait_until="commit")
    fill(page, site="North", wsa="7", clinical="0.5", need="1")
    assert "the answer appears here" in result(page), "no script has run"
    held[0].continue_()
    said(page).to_contain_text("North: Type 2", timeout=PATIENCE)


def test_another_typology_is_picked(open_page: Any):
    page = open_page()
    page.get_by_label("Typology").select_option("untyped")
    page.get_by_role("button", name="Use it").click()
    expect(page.get_by_text("No typology is claimed")).to_be_visible()
    fill(page, wsa="7", clinical="0.5", need="1")
    said(page).to_have_text("New site: No typology claimed", timeout=PATIENCE)


def test_on_a_phone_nothing_is_cut_off(open_page: Any, tmp_path: Path):
    page = open_page(PHONE, has_touch=True, is_mobile=True)
    fill(page, site="N" * 120, wsa="7", clinical="0.5", need="1")
    said(page).to_contain_text("sure", timeout=PATIENCE)
    path = tmp_path / "new.csv"
    path.write_text(FILE)
    for step in ("answer", "file"):
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= PHONE["width"], step
        for box in page.locator("input:visible, button.main:visible, .actions button").all():
            assert (box.bounding_box() or {})["height"] >= 44
        page.get_by_label("Filled template").set_input_files(path)
        page.get_by_role("button", name="Show the answers").click()
        expect(page.get_by_role("heading", name="Sites of new.csv")).to_be_focused()


def test_no_name_runs_as_script(open_page: Any, tmp_path: Path):
    page = open_page()
    fill(page, site=EVIL, wsa="7", clinical="0.5", need="1")
    said(page).to_contain_text("<img src=x onerror", timeout=PATIENCE)
    fill(page, wsa=EVIL[:40])
    said(page).to_contain_text("No answer", timeout=PATIENCE)
    path = tmp_path / f"{EVIL.replace('/', '')}.csv"
    path.write_text(FILE.replace("A,", f"{EVIL},"))
    page.get_by_label("Filled template").set_input_files(path)
    page.get_by_role("button", name="Show the answers").click()
    expect(page.locator("#file-result-heading")).to_contain_text("<img src=x")
    page.get_by_role("button", name="Show the answer for <img").click()
    expect(page.locator("#result-heading")).to_contain_text("<script>")
    assert page.evaluate("window.hit") is None
    assert page.locator("img, script:not([src='/page.js'])").count() == 0


def test_a_page_of_another_origin_gets_nothing(browser: Browser, address: str):
    """Another site in the same browser sends a form and reads with fetch; both are refused."""
    attack = f"""<!DOCTYPE html><form method="post" action="{address}site">
      <input name="token" value="x"><input name="model" value="0"><button>Win</button></form>"""
    context = browser.new_context()
    page = context.new_page()
    statuses: dict[str, int] = {}
    page.on("response", lambda one: statuses.__setitem__(one.url, one.status))
    elsewhere = "http://localhost:1/"
    page.route(elsewhere, lambda route: route.fulfill(body=attack, content_type="text/html"))
    page.goto(elsewhere)
    read = page.evaluate(
        "(address) => fetch(address).then((got) => got.text(), (error) => 'refused')", address
    )
    assert read == "refused"
    page.get_by_role("button", name="Win").click()
    page.wait_for_url(f"{address}site")
    assert statuses[f"{address}site"] == 403
    context.close()


def test_a_name_that_was_made_to_point_here_is_refused(browser: Browser, address: str):
    """As in DNS rebinding: the foreign name leads to this machine, and is not served."""
    page = browser.new_page()
    port = address.rstrip("/").rpartition(":")[2]
    answer = page.goto(f"http://rebound.example:{port}/")
    assert answer is not None and answer.status == 403
    assert "wsa" not in page.content()
    page.close()


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_finds_no_violation(
    open_page: Any, size: dict[str, int], violations: Any, tmp_path: Path
):
    page = open_page(size, bypass_csp=True)
    assert violations(page) == {}
    fill(page, site="North", wsa="7", clinical="0.5", need="1")
    said(page).to_contain_text("sure", timeout=PATIENCE)
    assert violations(page) == {}
    fill(page, need="1,5")
    said(page).to_contain_text("No answer", timeout=PATIENCE)
    assert violations(page) == {}
    path = tmp_path / "new.csv"
    for text, heading in ((FILE, "Sites of new.csv"), ("site,x\nA,1\n", "Not read: new.csv")):
        path.write_text(text)
        page.get_by_label("Filled template").set_input_files(path)
        page.get_by_role("button", name="Show the answers").click()
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        assert violations(page) == {}
