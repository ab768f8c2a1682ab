"""Accessibility of everything that is written as a page, by axe-core in a real browser.

The analysts' page, which a process serves, is looked at in ``test_page_browser.py``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser

import site_typology
from site_typology import SiteProfiles, Typology
from site_typology.answer_report import Summary, answer_report
from site_typology.comparison import Grouping, compare
from site_typology.comparison_files import comparison_html
from site_typology.declaration import Disclosure
from site_typology.differences import Difference
from site_typology.document_page import document_html
from site_typology.experiments.decision import Decision
from site_typology.experiments.review_report import reviewed_report
from site_typology.explain import explain
from site_typology.features.assessment import assess
from site_typology.figure_canvas import render
from site_typology.figures import figures
from site_typology.pseudonyms import pseudonyms
from site_typology.quality_page import quality_html
from site_typology.report import report_html
from site_typology.rounds import follow_rounds
from site_typology.rounds_files import rounds_html
from site_typology.rounds_sites import joined
from site_typology.share_content import shareable
from site_typology.short_files import curve_drawing, page, questionnaire_html
from site_typology.short_form import short_form

NAMES = (
    "report", "report, no types and reviewed", "document", "document, no types", "quality",
    "comparison", "rounds", "answer", "short_form", "questionnaire",
)  # fmt: skip


def reports(typology: Typology, name: str, ending: str) -> dict[str, str]:
    """Report and shared report of a typology."""
    explanation = explain(typology, seed=1)
    drawn = figures(typology, explanation, map_method="pca")
    names = pseudonyms([str(site) for site in typology.profiles.sites], b"a secret")
    out = shareable(typology, names, Disclosure(unknown_counts="show"), name, b"a secret")
    svgs = {each: render(each, drawing) for each, drawing in out.drawings.items()}
    return {
        f"report{ending}": report_html(typology, explanation, figures=drawn),
        f"document{ending}": document_html(out.document, svgs),
    }


def reviewed(report: str, typology: Typology) -> str:
    """Report on which somebody decided twice, the second time against the evidence."""
    first = Decision(
        "1", "untyped", "1", "rejected", "A. Roe", "One more look.", "2026-03-01T10:20:30+00:00",
        typology.verdict, outcome="done",
    )  # fmt: skip
    last = Decision(
        "2", "untyped", "1", "approved", "R. Lee", "For planning.", "2026-03-02T10:20:30+00:00",
        typology.verdict, override=True, names={1: "Whole school"}, retires="1",
    )  # fmt: skip
    return reviewed_report(report, last, [first], typology.names)


def later(profiles: SiteProfiles) -> SiteProfiles:
    """Return the sites measured again: two have changed places, one is gone, one is new."""
    numbers = profiles.values.droplevel("round").select_dtypes("number")
    numbers.iloc[[0, 1]] = numbers.iloc[[1, 0]].to_numpy()
    numbers += 0.3 * np.random.default_rng(9).normal(size=numbers.shape)
    numbers = numbers.rename(index={"Site 10": "Site 99"})
    errors = pd.DataFrame(0.5, numbers.index, numbers.columns)
    return SiteProfiles.from_frame(
        numbers, errors, kinds={info.name: info for info in profiles.features}
    )


@pytest.fixture(scope="module")
def pages(browser: Browser, typed: Typology, untyped: Typology) -> dict[str, str]:
    """Make pages of each kind, by the name of the template; without a browser, none."""
    made = {
        **reports(typed, "Types", ""),
        **reports(untyped, "One population", ", no types"),
        "quality": quality_html(assess(typed.profiles), title="A study"),
    }
    plain = made.pop("report, no types")
    made["report, no types and reviewed"] = reviewed(plain, untyped)
    before = Grouping.of_typology(typed, "2022")
    one_moved = before.labels.mask(before.labels.index == "Site 01", 1)
    after = dataclasses.replace(before, title="2024", labels=one_moved)
    made["comparison"] = comparison_html(compare(before, after))
    rounds = joined({"2022": typed.profiles, "2024": later(typed.profiles)})
    made["rounds"] = rounds_html(
        follow_rounds(typed.assigner, rounds, base="2022", seed=1, replicates=19)
    )
    summary = Summary(typed)
    summary.add_frame(typed.assign(typed.profiles).frame)
    odd = Difference("wsa", "0 to 9", "out of range", "Look at it.", (("Site 01", "45"),))
    made["answer"] = answer_report(summary, [odd], "new.csv")
    asked = short_form(typed, features=2, draws=200, studies=2)
    made["short_form"] = page(asked, render("curve", curve_drawing(asked)))
    made["questionnaire"] = questionnaire_html(asked, {})
    return made


@pytest.fixture
def look(browser: Browser, violations: Callable, tmp_path: Path) -> Callable:
    """Open a page, and say what axe-core finds, and by how many pixels it is too wide."""

    def found(text: str, width: int) -> tuple[dict[str, list[str]], int]:
        path = tmp_path / "page.html"
        path.write_text(text, "utf-8")
        opened = browser.new_page(viewport={"width": width, "height": 900})
        opened.goto(path.as_uri())
        told = violations(opened)
        beyond = opened.evaluate("document.documentElement.scrollWidth - innerWidth")
        opened.close()
        return told, beyond

    return found


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_no_violation_and_nothing_is_too_wide(
    name: str, width: int, look: Callable, pages: dict[str, str]
):
    assert look(pages[name], width) == ({}, 0)


def test_what_is_wrong_is_found(look: Callable, pages: dict[str, str]):
    broken = pages["document"].replace('<html lang="en-GB">', "<html>")
    broken = broken.replace('class="lead"', 'style="color: #ccc"')
    broken = broken.replace("</main>", '<div style="width: 2000px">Wide.</div></main>')
    told, beyond = look(broken, 1280)
    assert set(told) == {"html-has-lang", "color-contrast"}
    assert beyond > 500


def test_every_kind_of_page_is_looked_at():
    """A template of a whole page that nobody opens here fails."""
    folder = Path(site_typology.__file__).parent
    whole = [path for path in folder.glob("*.html.j2") if "<html" in path.read_text("utf-8")]
    kinds = {path.name.removesuffix(".html.j2") for path in whole}
    served = {"page"}
    assert kinds == {name.partition(",")[0] for name in NAMES} | served
