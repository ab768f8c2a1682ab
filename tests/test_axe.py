"""Accessibility of the pages, by axe-core in a real browser.

Skipped where the browser or axe-core is not there; ``make axe`` puts axe-core in ``build/axe``.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from site_typology import Typology
from site_typology.declaration import Disclosure
from site_typology.document_page import document_html
from site_typology.explain import explain
from site_typology.features.assessment import assess
from site_typology.figure_canvas import render
from site_typology.figures import figures
from site_typology.pseudonyms import pseudonyms
from site_typology.quality_page import quality_html
from site_typology.report import report_html
from site_typology.share_content import shareable

ROOT = Path(__file__).parents[1]
AXE = ROOT / "build" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
DIGEST = "880970c081707360e64f34cea25ff91892f5bc95675b0776925b9709dd8a68bb"
"""SHA-256 of axe.min.js of axe-core 4.10.3."""
BROWSER = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chrome") or ""
WIDTHS = (1280, 390)
RUN = """
<script>{axe}</script>
<script>
addEventListener("load", () => {{
  axe.run(document, {{resultTypes: ["violations"]}}).then((found) => {{
    parent.postMessage(JSON.stringify({{
      rules: found.passes.length,
      width: innerWidth,
      wide: document.documentElement.scrollWidth,
      violations: found.violations.map((each) => [
        each.id, each.help, each.nodes.slice(0, 3).map((node) => node.html.slice(0, 200))]),
    }}), "*");
  }});
}});
</script>
</body>"""
# A browser window is at least 500 pixels wide; a frame in it can be as narrow as a phone.
FRAME = """<!DOCTYPE html><html><body style="margin: 0"><script>
addEventListener("message", (event) => {{
  const told = document.createElement("pre");
  told.id = "axe-told";
  told.textContent = event.data;
  document.body.append(told);
}});
</script>
<iframe src="page.html" style="width: {width}px; height: 1000px; border: 0"></iframe>
</body></html>"""

pytestmark = [
    pytest.mark.skipif(not BROWSER, reason="no chromium; set CHROMIUM to one"),
    pytest.mark.skipif(not AXE.exists(), reason="axe-core is not there; make axe installs it"),
]


@pytest.fixture(scope="module")
def pages(typed: Typology, untyped: Typology) -> dict[str, str]:
    made = {}
    for name, typology in (("types", typed), ("one population", untyped)):
        explanation = explain(typology, seed=1)
        drawn = figures(typology, explanation, map_method="pca")
        made[name] = report_html(typology, explanation, figures=drawn)
        names = pseudonyms([str(site) for site in typology.profiles.sites], b"a secret")
        out = shareable(typology, names, Disclosure(unknown_counts="show"), "A study", b"a secret")
        svgs = {each: render(each, drawing) for each, drawing in out.drawings.items()}
        made[f"{name}, shared"] = document_html(out.document, svgs)
    made["quality"] = quality_html(assess(typed.profiles), title="A study")
    return made


def told_by_axe(page: str, folder: Path, width: int) -> dict:
    """Open a page with axe-core in it and read what axe says."""
    axe = AXE.read_text("utf-8")
    assert hashlib.sha256(axe.encode()).hexdigest() == DIGEST
    (folder / "page.html").write_text(page.replace("</body>", RUN.format(axe=axe)), "utf-8")
    outer = folder / "frame.html"
    outer.write_text(FRAME.format(width=width), "utf-8")
    command = [
        BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-extensions",
        f"--user-data-dir={folder / 'profile'}", "--window-size=1300,1000",
        "--virtual-time-budget=60000", "--dump-dom", outer.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    told = re.search(r'<pre id="axe-told">(.*?)</pre>', done.stdout, re.S)
    assert told, done.stderr[-2000:]
    text = told[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return json.loads(text)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "name",
    ["types", "one population", "types, shared", "one population, shared", "quality"],
)
def test_axe_finds_no_violation(name: str, width: int, pages: dict[str, str], tmp_path: Path):
    told = told_by_axe(pages[name], tmp_path, width)
    assert told["rules"] > 15 and told["width"] == width
    assert told["violations"] == []
    assert told["wide"] <= told["width"], "the page scrolls sideways"


def test_axe_does_find_what_is_wrong(pages: dict[str, str], tmp_path: Path):
    broken = pages["types, shared"].replace('<html lang="en-GB">', "<html>")
    broken = broken.replace('class="lead"', 'style="color: #ccc"')
    told = told_by_axe(broken, tmp_path, 1280)
    assert {each[0] for each in told["violations"]} == {"html-has-lang", "color-contrast"}
