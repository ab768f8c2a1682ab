"""The quality page and ``site-typology check``: whole, escaped, for any study."""

from __future__ import annotations

import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from site_typology import SiteProfiles
from site_typology.feature_info import FeatureInfo
from site_typology.features.assessment import Assessment, assess
from site_typology.features.finding import SECTIONS
from site_typology.features.findings import findings
from site_typology.figures_quality import reliability_drawing
from site_typology.quality_files import TABLES, quality_record, quality_tables
from site_typology.quality_page import quality_html
from site_typology.report_quality import quality_content
from site_typology.study import Study

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("SITE_TYPOLOGY_DATA", ROOT.parent / "shared" / "data"))
HOSTILE = '<script>alert(1)</script> & "quotes"'
VOID = {"meta", "br", "wbr"}


class Page(HTMLParser):
    """Elements, headings and words of a page; asserts that every element is closed in turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def having(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def flawed() -> SiteProfiles:
    """Thirty sites, two rounds, with one flaw of every kind, and hostile names everywhere."""
    random = np.random.default_rng(1)
    sites = [HOSTILE, *(f"S{at:02d}" for at in range(1, 30))]
    index = pd.MultiIndex.from_product([sites, ["1", "2"]], names=["site", "round"])
    true = np.repeat(random.normal(size=(30, 3)), 2, axis=0)
    values = pd.DataFrame(true + 0.3 * random.normal(size=true.shape), index, ["a", "b", "c"])
    values["twin"] = 3 * values["a"] + 0.01 * random.normal(size=60)
    values.loc[(HOSTILE, "2"), "b"] = 40.0
    values.loc[("S05", "2"), "c"] += 9
    values.loc[("S07", "2")] = np.nan
    errors = (values * 0 + 0.3).assign(twin=values["twin"] * 0)
    counts = values * 0 + 6
    counts.loc[(HOSTILE, "2"), "a"] = 1
    made = SiteProfiles.from_frame(
        values,
        errors,
        counts,
        {
            name: FeatureInfo(name, label=f"{HOSTILE} {name}", source=f"{HOSTILE}: q")
            for name in "abc"
        },
    )
    response = index.to_frame(index=False).assign(table=HOSTILE, eligible=12.0, responded=6)
    response.loc[response["site"] == "S07", "responded"] = 0
    return SiteProfiles(
        made.values,
        made.standard_errors,
        made.counts,
        made.reasons,
        made.features,
        None,
        None,
        response[["table", "site", "round", "eligible", "responded"]],
    )


@pytest.fixture(scope="module")
def assessment() -> Assessment:
    return assess(flawed())


@pytest.fixture(scope="module")
def text(assessment: Assessment) -> str:
    return quality_html(assessment, title=HOSTILE, sources={HOSTILE: HOSTILE})


def test_every_planted_flaw_is_found(assessment: Assessment) -> None:
    said = {found.section: found for found in findings(assessment)}
    assert tuple(said) == SECTIONS
    assert "S07" in said["response"].found and said["response"].level == "act"
    assert said["chase"].do.startswith("Ask first at S07")
    assert HOSTILE in said["few informants"].found
    assert "1 pair of features" in said["twice"].found
    assert HOSTILE in said["extreme"].found
    changed = assessment.changes[assessment.changes["flag"] != ""]
    assert {(HOSTILE, "b"), ("S05", "c")} <= set(
        zip(changed["site"], changed["feature"], strict=True)
    )
    assert assessment.moved[["site", "moved"]].values.tolist() == [["S07", "went"]]
    assert said["missing"].do == "Most could be had at S07."


def test_names_are_escaped_and_nothing_comes_from_outside(text: str) -> None:
    assert "<script" not in text and "alert(1)" in text
    page = Page(text)
    for tag in ("script", "link", "img", "iframe", "form"):
        assert not page.having(tag)
    assert not re.search(r"(src|href)=\"(?!#)", text)
    assert "url(http" not in text and "@import" not in text
    assert HOSTILE in page.text


def test_the_page_is_readable_by_ear_and_by_machine(text: str) -> None:
    page = Page(text)
    assert page.having("html")[0]["lang"] == "en-GB"
    named = [attributes["id"] for _, attributes in page.elements if attributes.get("id")]
    assert len(named) == len(set(named))
    assert {a["href"] for a in page.having("a")} <= {f"#{name}" for name in named}
    assert all(head.get("scope") for head in page.having("th"))
    assert len(page.having("caption")) == len(page.having("table"))
    drawings = page.having("svg")
    assert drawings and all(
        {str(label) for label in str(drawn["aria-labelledby"]).split()} <= set(named)
        for drawn in drawings
    )
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and max(np.diff(levels)) <= 1
    assert "Not for sharing" in page.text


def test_the_same_study_gives_the_same_page(assessment: Assessment, text: str) -> None:
    again = quality_html(assess(flawed()), title=HOSTILE, sources={HOSTILE: HOSTILE})
    assert again == text


def test_sections_without_a_finding_say_so() -> None:
    values = pd.DataFrame({"a": np.linspace(0, 1, 12)}, [f"S{at}" for at in range(12)])
    page = Page(quality_html(assess(SiteProfiles.from_frame(values)), title="Plain"))
    for words in (
        "there is nobody to chase",
        "No table of this study is declared a survey",
        "Every cell has a value.",
        "none has a reliability",
        "No feature rests on informants.",
        "No two features say the same thing.",
        "No value lies far from those of the other sites.",
        "The study has one round, so nothing is compared.",
        "none can disagree",
        "no account of rows read",
    ):
        assert words in page.text, words


def answered(eligible: float) -> SiteProfiles:
    """Twelve sites at which six people answered of those asked."""
    sites = [f"S{at}" for at in range(12)]
    values = pd.DataFrame({"a": np.arange(12.0)}, sites)
    made = SiteProfiles.from_frame(values, values * 0 + 1, values * 0 + 6)
    response = pd.DataFrame({"table": "survey", "site": sites, "round": "all"}).assign(
        eligible=eligible, responded=6
    )
    tables = (made.values, made.standard_errors, made.counts, made.reasons, made.features)
    return SiteProfiles(*tables, None, None, response)


def test_not_knowing_who_stayed_away_is_not_fine() -> None:
    said = {found.section: found for found in findings(assess(answered(20.0)))}["weights"]
    assert said.level == "look" and said.found.startswith("Not known")
    said = {found.section: found for found in findings(assess(answered(np.nan)))}
    assert said["weights"].level == "look"
    said = {found.section: found for found in findings(assess(answered(6.0)))}
    assert said["weights"].level == "fine"
    assert said["weights"].found == "Everybody who was asked has answered."


def test_correlations_are_written_alike() -> None:
    first = np.arange(20.0)
    values = pd.DataFrame({"a": first, "b": -first}, [f"S{at}" for at in range(20)])
    page = Page(quality_html(assess(SiteProfiles.from_frame(values)), title="x"))
    assert "−1.00" in page.text and "-1" not in page.text


def test_a_figure_that_is_the_same_everywhere_has_no_interval_on_the_page() -> None:
    names = [f"S{at}" for at in range(5)]
    values = pd.DataFrame({"a": [0.0] * 5, "b": [1.0, 2, 3, 4, 5]}, names)
    text = quality_html(assess(SiteProfiles.from_frame(values, values * 0 + 0.1)), title="x")
    assert '<b class="flag">0.00</b></td>' in text
    assert not re.search(r"\bnan\b", text)


@pytest.mark.parametrize(
    ("errors", "level", "found"),
    [
        (1.0, "look", "The one feature with an error that builds types does not reach a"),
        (0.1, "fine", "The one feature with an error that builds types reaches a reliability"),
        (3.0, "act", "reliability of 0.7; more noise than signal sets sites apart."),
    ],
)
def test_one_feature_is_spoken_of_as_one(errors: float, level: str, found: str) -> None:
    values = pd.DataFrame({"a": [1.0, 2, 3, 4, 5]}, [f"S{at}" for at in range(5)])
    profiles = SiteProfiles.from_frame(values, values * 0 + errors)
    (precision,) = [each for each in findings(assess(profiles)) if each.section == "reliability"]
    assert precision.level == level
    assert found in precision.found


def test_nobody_alone_is_said() -> None:
    values = pd.DataFrame({"a": np.arange(12.0)}, [f"S{at}" for at in range(12)])
    surveyed = FeatureInfo("a", measurement={"informants_per_site": 6.0})
    profiles = SiteProfiles.from_frame(values, values * 0 + 1, values * 0 + 6, {"a": surveyed})
    said = {found.section: found.found for found in findings(assess(profiles))}
    assert said["few informants"].startswith("No site rests on one informant")


def test_an_item_that_runs_against_the_others_is_named() -> None:
    values = pd.DataFrame({"a": np.arange(12.0)}, [f"S{at}" for at in range(12)])
    keyed = FeatureInfo("a", label="Support", measurement={"lowest_item_rest": -0.3, "alpha": 0.4})
    profiles = SiteProfiles.from_frame(values, values * 0 + 1, kinds={"a": keyed})
    said = {found.section: found for found in findings(assess(profiles))}
    assert "An item of Support runs against" in said["reliability"].do
    assert said["reliability"].level == "act"
    assert (
        "lowest item-rest correlation −0.3" in Page(quality_html(assess(profiles), title="x")).text
    )


def test_a_study_of_which_nothing_is_known_has_a_page() -> None:
    values = pd.DataFrame({"a": [np.nan] * 3, "kind": ["x", None, "y"]}, list("ABC"))
    page = Page(quality_html(assess(SiteProfiles.from_frame(values)), title="Empty"))
    assert "4 cells of 6" in page.text


def test_the_record_is_json_and_holds_every_table(assessment: Assessment) -> None:
    record = quality_record(assessment, study="made")
    assert tuple(record["tables"]) == TABLES
    again = json.loads(json.dumps(record, allow_nan=False))
    assert again["ready"] is True and len(again["findings"]) == len(SECTIONS)
    assert len(again["tables"]["missing"]) == len(assessment.missing)


def test_the_tables_are_whole(assessment: Assessment) -> None:
    tables = quality_tables(assessment)
    assert tuple(tables) == TABLES
    assert not [
        name for name, frame in tables.items() if frame.map(type).isin([dict, list]).any().any()
    ]


# --- The command -----------------------------------------------------------------------------


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["nyc2011", "pisa2003_nld", "talis2018_ita"])
def test_real_studies_have_a_page(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (DATA / name).is_dir():
        pytest.skip(f"The real data are not in {DATA}; set SITE_TYPOLOGY_DATA to where they are.")
    monkeypatch.setenv("SITE_TYPOLOGY_DATA", str(DATA))
    study = Study.load(ROOT / "examples" / name / "study.toml")
    page = Page(quality_html(study.assess(), title=study.title))
    expected = {
        # Parents' and teachers' scores go together so closely that four say nearly one thing.
        "nyc2011": "pairs of features that build types say nearly the same",
        "pisa2003_nld": "No two features that build types say the same thing",
        "talis2018_ita": "no return in use from 3127",
    }
    assert expected[name] in page.text


# --- What readers would trip over ------------------------------------------------------------


def test_a_correlation_corrected_past_one_has_no_interval_of_no_width() -> None:
    """Errors stated twice too large: the corrected correlation lies past -1 with its interval."""
    random = np.random.default_rng(3)
    true = random.normal(size=200)
    values = pd.DataFrame({"a": true, "b": -true + 0.05 * random.normal(size=200)})
    profiles = SiteProfiles.from_frame(values, values * 0 + 0.7)
    page = Page(quality_html(assess(profiles), title="x"))
    assert "−1.00 to −1.00" not in page.text
    assert "all past −1: the errors may be stated too large" in page.text
    same = pd.DataFrame({"a": true, "b": -2 * true})
    page = Page(quality_html(assess(SiteProfiles.from_frame(same)), title="x"))
    assert "−1.00 to −1.00" not in page.text and "exact" in page.text


def test_the_reliability_figure_writes_names_in_full(assessment: Assessment) -> None:
    from matplotlib.figure import Figure

    title = "Support of the whole-school approach by those who lead it in the school, every year"
    precision = assessment.precision.assign(
        title=["One", title, *assessment.precision["title"][2:]]
    )
    drawing = reliability_drawing(precision)
    assert drawing is not None
    axes = Figure(layout="constrained").subplots(squeeze=False)[:, 0]
    drawing.draw(list(axes))
    labels = [label.get_text() for label in axes[0].get_yticklabels()]
    assert title in [" ".join(label.split()) for label in labels]
    assert max(len(line) for label in labels for line in label.split("\n")) <= 32
    short = reliability_drawing(assessment.precision.assign(title="One"))
    assert short is not None and drawing.height > short.height


def test_a_survey_published_as_counts_has_a_response_map(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text("site,asked,n,y1,y0\nA,10,4,3,1\nB,5,,,\nC,0,,,\nD,8,8,2,6\n")
    (tmp_path / "study.toml").write_text(
        """
[study]
name = "made"
sites = "q"
[tables.q]
path = "q.csv"
site = "site"
eligible = { table = "q", column = "asked", answered = "n" }
[[features]]
name = "yes"
builder = "tabulated"
args = { table = "q", pattern = "{item}{option}", items = ["y"], options = { "1" = 1, "0" = 0 } }
"""
    )
    assessment = Study.load(tmp_path / "study.toml").assess()
    shown = quality_content(assessment)["response"]
    cells = {row["site"]: row["cells"][0] for row in shown["rows"]}
    assert cells["A"] == {"text": "4 of 10", "rate": "40%", "band": "3"}
    assert cells["B"] == {"text": "0 of 5", "rate": "0%", "band": "0"}
    assert cells["C"] == {"text": "nobody asked", "rate": "", "band": "none"}
    assert shown["all"][0]["text"] == "12 of 23"
    page = Page(quality_html(assessment, title="x"))
    assert "Response map, site by table" in page.text and "4 of 10, 40%" in page.text
    assert assessment.silent == ("B",)


def test_the_round_of_the_report_leads_the_map_and_shades_are_explained(
    assessment: Assessment,
) -> None:
    shown = quality_content(assessment)["response"]
    assert [heading["round"] for heading in shown["headings"]] == ["round 2", "round 1"]
    row = next(row for row in shown["rows"] if row["site"] == "S07")
    assert [cell["text"] for cell in row["cells"]] == ["0 of 12", "0 of 12"]
    assert [each["text"] for each in shown["key"]] == [
        "nobody", "under 20%", "20% to under 40%", "40% to under 60%", "60% to under 80%",
        "80% or more",
    ]  # fmt: skip


def test_changes_say_what_builds_types_and_what_cannot_change() -> None:
    index = pd.MultiIndex.from_product([[*"ABCDEFGH"], ["1", "2"]], names=["site", "round"])
    random = np.random.default_rng(2)
    values = pd.DataFrame(random.normal(size=(16, 2)), index, ["view", "told"])
    values["size"] = np.repeat(np.arange(8.0), 2)
    values.loc[pd.IndexSlice[:, "2"], "view"] += 5
    infos = {
        "told": FeatureInfo("told", label="Told", use="evaluate"),
        "size": FeatureInfo("size", label="Size"),
        "view": FeatureInfo("view", label="View"),
    }
    profiles = SiteProfiles.from_frame(
        values[["told", "size", "view"]], values[["told", "size", "view"]] * 0 + 0.3, kinds=infos
    )
    changes = quality_content(assess(profiles))["changes"]
    assert changes["still"] == ["Size"]
    assert [(row["title"], row["use"]) for row in changes["features"]] == [
        ("View", "builds types"), ("Told", "describes only"),
    ]  # fmt: skip
    assert changes["features"][0]["leaves_zero"] and changes["features"][0]["mean"][0] == "+"
    page = Page(quality_html(assess(profiles), title="x"))
    assert "The same in every round, because one table serves all: Size." in page.text
