"""The report: verdict first, whole without network or script, readable by machine and by ear."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import site_typology
from site_typology import SiteProfiles, Typology
from site_typology.declaration import Disclosure
from site_typology.explain import Explanation, explain
from site_typology.figures import figures
from site_typology.report import report_html
from site_typology.report_method import stability_words
from site_typology.report_types import one_population, profile_table
from site_typology.report_words import Unit, key_figures

VOID = {"meta", "br", "hr", "img", "input", "link"}
HOSTILE = '<script>alert(1)</script> & "quotes"'


class Page(HTMLParser):
    """What the tests ask of a page: elements in order, headings, tables, and that all is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[tuple[int, str]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)
        if any(re.fullmatch("h[1-6]", tag) for tag in self.open):
            level, text = self.headings[-1]
            self.headings[-1] = (level, text + data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def having(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def with_sources(profiles: SiteProfiles, name: str) -> SiteProfiles:
    """Rename the first site, label a feature, and add counts, a ledger and the response."""
    first = profiles.sites[0]

    def renamed(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.rename(index={first: name}, level="site")

    values = renamed(profiles.values)
    counts = renamed(profiles.counts).assign(wsa=4.0).where(values.notna())
    infos = [
        dataclasses.replace(info, label=name) if info.name == "wsa" else info
        for info in profiles.features
    ]
    entries = [
        ("informants", "rows", "", "all", "used", "", 120),
        ("informants", "rows", "", "all", "set aside", f"unknown site: {name}", 3),
        ("informants", "site", "Site 01", "all", "linked", "", 1),
        ("informants", "site", name, "all", "no rows", "", 1),
        ("informants", "column", "", "all", "dropped", "email", 123),
        ("informants", "column", "", "all", "dropped", "name", 123),
    ]
    columns = ["table", "entry", "site", "round", "outcome", "reason", "n"]
    response = pd.DataFrame(
        {
            "table": "informants",
            "site": ["Site 01", "Site 02"],
            "round": "all",
            "eligible": [10.0, 20.0],
            "responded": [4.0, 14.0],
        }
    )
    return SiteProfiles(
        values,
        renamed(profiles.standard_errors),
        counts,
        renamed(profiles.reasons),
        infos,
        pd.DataFrame(entries, columns=columns),
        None,
        response,
    )


def with_hostile_names(typology: Typology) -> Typology:
    first = typology.profiles.sites[0]
    memberships = typology.memberships
    renamed = dataclasses.replace(
        typology,
        profiles=with_sources(typology.profiles, HOSTILE),
        memberships=memberships.assign(site=memberships["site"].replace({first: HOSTILE})),
        posterior_means=typology.posterior_means.rename(index={first: HOSTILE}),
    )
    return renamed.named({1: HOSTILE}) if typology.k > 1 else renamed


@pytest.fixture(scope="module")
def explanation(typed: Typology) -> Explanation:
    return explain(typed, seed=3)


@pytest.fixture(scope="module")
def claimed_text(typed: Typology, explanation: Explanation) -> str:
    hostile = with_hostile_names(typed)
    drawn = figures(hostile, explanation, map_method="pca")
    return report_html(
        hostile,
        explanation,
        title=HOSTILE,
        sources={"informants": "informants.sav"},
        figures=drawn,
    )


@pytest.fixture(scope="module")
def unclaimed_text(untyped: Typology) -> str:
    nothing = explain(untyped, seed=1)
    return report_html(untyped, nothing, figures=figures(untyped, nothing, map_method="pca"))


@pytest.fixture(scope="module")
def claimed(claimed_text: str) -> Page:
    return Page(claimed_text)


@pytest.fixture(scope="module")
def unclaimed(unclaimed_text: str) -> Page:
    return Page(unclaimed_text)


def test_the_verdict_comes_first_with_the_figures_behind_it(claimed: Page, unclaimed: Page):
    for page in (claimed, unclaimed):
        assert next(text for level, text in page.headings if level == 2) == "Verdict"
        assert "simulated studies like this one but without types" in page.text
        assert "The rules, fixed before the data were looked at" in page.text
    assert "The 30 sites fall into 3 types." in claimed.text
    assert [text for level, text in claimed.headings if level == 2] == [
        "Verdict",
        "The types",
        "Profiles",
        "Map of the sites",
        "Borderline sites",
        "What goes with membership",
        "The types in a few rules",
        "Features that did not build the types",
        "Every site",
        "How good are the data",
        "The data, and what is missing",
        "How it was done",
        "Glossary",
    ]


def test_without_types_it_says_what_the_sites_look_like_and_what_would_be_enough(
    unclaimed: Page, untyped: Typology
):
    titles = [text for _, text in unclaimed.headings]
    assert "The sites as one population" in titles
    assert "What would be enough" in titles
    assert "Where sites differ most, measurement error apart" in titles
    assert "The types" not in titles
    assert "What goes with membership" not in titles
    assert untyped.evidence.would_change[:60] in unclaimed.text
    assert not any("class" in a and a["class"] == "card" for a in unclaimed.having("article"))


def test_only_a_verdict_against_types_says_that_there_are_none(untyped: Typology):
    nothing = explain(untyped, seed=1)
    said = {}
    for verdict in ("not supported", "insufficient"):
        evidence = dataclasses.replace(untyped.evidence, verdict=verdict)
        judged = dataclasses.replace(untyped, evidence=evidence)
        said[verdict] = Page(report_html(judged, nothing, figures={})).text
    for words in ("draw lines through a cloud", "Sites differ by degrees on several features"):
        assert words in said["not supported"]
        assert words not in said["insufficient"]
    for words in ("by hand would be a guess", "these data cannot tell."):
        assert words in said["insufficient"]
        assert words not in said["not supported"]


def test_features_left_out_of_the_figure_are_counted(
    typed: Typology, explanation: Explanation, monkeypatch: pytest.MonkeyPatch
):
    drawn = {"profile": "<svg></svg>"}
    assert "drawn; all are" not in Page(report_html(typed, explanation, figures=drawn)).text
    monkeypatch.setattr("site_typology.figures_types.MOST_FEATURES", 2)
    every = sum(info.kind != "category" for info in typed.profiles.features)
    assert (
        f"2 of {every} features are drawn; all are in the table below."
        in Page(report_html(typed, explanation, figures=drawn)).text
    )


def test_a_feature_of_unknown_error_is_not_called_noise(untyped: Typology):
    profiles = untyped.profiles
    name = profiles.features[0].name
    errors = profiles.standard_errors.copy()
    errors.iloc[0, errors.columns.get_loc(name)] = np.nan
    unsure = copy.copy(profiles)
    object.__setattr__(unsure, "standard_errors", errors)
    rows = profile_table(dataclasses.replace(untyped, profiles=unsure), Disclosure())
    row = next(row for group in rows for row in group["features"])
    assert row["true"] == "–"
    told = one_population(rows)
    assert row["title"] not in [*told["noisy"], *(each["title"] for each in told["differing"])]


def test_one_average_for_a_feature_of_one_population(untyped: Typology):
    # With unlike errors the modelled mean is not the plain one.
    profiles = copy.copy(untyped.profiles)
    errors = profiles.standard_errors.copy()
    errors.iloc[:10] = errors.iloc[:10] * 20
    object.__setattr__(profiles, "standard_errors", errors)
    for group in profile_table(dataclasses.replace(untyped, profiles=profiles), Disclosure()):
        for row in group["features"]:
            assert row["cells"][0]["text"].split(" (")[0] == row["all"]


def test_a_flag_is_explained_only_where_it_stands(claimed_text: str, unclaimed_text: str):
    for text in (claimed_text, unclaimed_text):
        for name in ("profiles", "sites", "data"):
            section = text.split(f'<section id="{name}"')[1].split("</section>")[0]
            assert ("† " in section) == ("†</span>" in section)


def test_nothing_from_the_network_and_no_script(claimed_text: str, claimed: Page):
    assert not claimed.having("script")
    for tag, attributes in claimed.elements:
        for name in ("src", "href", "xlink:href", "action", "data"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, attributes)
        assert not any(name.startswith("on") for name in attributes)
    assert not re.search(r"@import|url\((?!#)", claimed_text)


def test_names_and_labels_of_the_study_are_escaped(claimed_text: str, claimed: Page):
    assert "<script" not in claimed_text
    assert claimed.headings[0] == (1, HOSTILE)
    table_heads = re.findall(r'<th scope="row">([^\n]*?)</th>', claimed_text)
    escaped = "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#34;quotes&#34;"
    assert escaped in table_heads
    assert f"Type 1</span>: {escaped}" in claimed_text


@pytest.mark.parametrize("which", ["claimed", "unclaimed"])
def test_it_can_be_read_without_seeing_it(which: str, request: pytest.FixtureRequest):
    page: Page = request.getfixturevalue(which)
    levels = [level for level, _ in page.headings]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert all("scope" in attributes for attributes in page.having("th"))
    assert len(page.having("caption")) == len(page.having("table"))
    identifiers = [a["id"] for _, a in page.elements if "id" in a]
    assert len(identifiers) == len(set(identifiers))
    links = [str(a["href"])[1:] for a in page.having("a")]
    assert set(links) <= set(identifiers)
    assert page.having("a")[0]["class"] == "skip"
    assert page.having("html")[0]["lang"] == "en-GB"
    for attributes in page.having("svg"):
        assert attributes.get("aria-hidden") == "true" or attributes.get("role") == "img"
    for attributes in page.elements:
        for name in ("aria-labelledby", "aria-describedby"):
            assert set((attributes[1].get(name) or "").split()) <= set(identifiers)


def test_it_is_marked_internal_and_flags_thin_figures(claimed: Page, typed: Typology):
    assert claimed.text.startswith(f"{HOSTILE}: typology report")
    assert "Internal: names sites" in claimed.text
    assert "Figures from fewer than 5" in claimed.text
    known = int(typed.profiles.values["wsa"].notna().sum())
    assert f"{known} †" in claimed.text
    assert "Sites with fewer than 5" in claimed.text


def test_the_rules_of_disclosure_can_be_set(untyped: Typology, unclaimed: Page):
    strict = report_html(
        untyped, explain(untyped, seed=1), disclosure=Disclosure(min_informants=11), figures={}
    )
    assert "Figures from fewer than 11" in Page(strict).text
    assert "fewer than 11" not in unclaimed.text


def test_every_row_and_reason_is_accounted_for(claimed: Page):
    words = claimed.text
    assert "informants informants.sav" in words
    for told in ("123", "120", f"unknown site: {HOSTILE}: 3 rows", "2 columns", "18", "60%"):
        assert told in words
    assert "40% to 70%" in words
    assert "not answered:" in words


def test_how_it_was_done_can_be_repeated(claimed: Page, typed: Typology):
    assert f"seed {typed.seed}" in claimed.text
    assert f"site-typology {site_typology.__version__}" in claimed.text
    for candidate in typed.candidates:
        assert candidate.name in claimed.text
    for rule in typed.evidence.rules:
        assert rule.meaning in claimed.text
    assert "GRoLTS" in claimed.text


def test_it_describes_and_does_not_rank_or_say_why(claimed: Page, unclaimed: Page):
    for page in (claimed, unclaimed):
        assert not re.search(r"\b(best|worst|rank(ed|ing)?|caus(e|ed|es)|perform\w*)\b", page.text)


def test_it_bends_to_a_phone_and_to_paper():
    style = (Path(site_typology.__file__).parent / "report.css").read_text(encoding="utf-8")
    assert "@media print" in style
    assert "@media (max-width" in style


def test_key_figures_count_the_simulated_studies(typed: Typology, untyped: Typology):
    test = typed.evidence.null_test
    assert key_figures(typed.evidence)[0].startswith(f"Of {test.draws} simulated studies")
    power = untyped.evidence.power
    assert power is not None
    told = " ".join(key_figures(untyped.evidence))
    for row in power.table.itertuples():
        assert f"{row.separation:g} standard deviations apart" in told


def test_values_are_written_as_finely_as_sites_differ():
    info = site_typology.FeatureInfo("x")
    coarse = Unit.of(info, pd.Series([100.0, 300.0, np.nan]))
    fine = Unit.of(info, pd.Series([0.101, 0.104]))
    share = Unit.of(dataclasses.replace(info, kind="share"), pd.Series([0.2, 0.6]))
    assert coarse.interval(212.4, -3.6, 350.0) == "212 (−4 to 350)"
    assert fine.write(0.1026) == "0.1026"
    assert share.interval(0.127, 0.0, np.nan) == "13% (0% to –)"
    assert coarse.write(-0.3) == "0"


def test_stability_stands_beside_that_of_studies_without_types(typed, untyped):
    for typology in (typed, untyped):
        page = Page(report_html(typology, explain(typology, seed=0)))
        assert "Stability, and how it looks without types" in page.text
        assert "Hennig 2007" in page.text and "prediction strength of" in page.text
        row = typology.evidence.type_stability.iloc[0]
        assert f"{row['reference_mean']:.2f} ({row['reference_low']:.2f} to" in page.text
    told = " ".join(key_figures(typed.evidence))
    assert "In simulated studies without types it is" in told
    bare = dataclasses.replace(
        typed.evidence,
        type_stability=typed.evidence.type_stability.assign(reference_mean=np.nan),
        figures={},
    )
    assert "without types it is" not in " ".join(key_figures(bare))
    assert stability_words(bare) == []
