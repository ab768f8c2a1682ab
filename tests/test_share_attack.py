"""An attack on one shared folder: all its files together must not tell what is hidden.

The attacker reads every file, knows the rules (they are printed), the number of sites and their
names, that types are numbered by size, and how this software works. They know no secret.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import hmac
import itertools
import json
import math
import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import docx
import numpy as np
import openpyxl
import pandas as pd
import pytest
from scipy.optimize import linprog

from site_typology import FeatureInfo, ProposeSettings, SiteProfiles, Typology, propose
from site_typology.declaration import Disclosure
from site_typology.describe import site_groups
from site_typology.sharing import SHARED, share_results

SIZES = (13, 10, 4)
N = sum(SIZES)
OPEN = Disclosure(
    small_number=0, round_to=1, secondary=False, min_sites=1, min_informants=1, min_staff=1,
    unknown_counts="show",
)  # fmt: skip
LEAD = {
    "NHS trust": (9, 2, 2),
    "Council": (3, 7, 1),
    "Abbey House": (1, 0, 0),
    "Charity": (0, 1, 1),
}


def a_study() -> SiteProfiles:
    """27 sites of three types far apart, the smallest of 4; one lead organisation of one site."""
    random = np.random.default_rng(5)
    truth = np.repeat(range(3), SIZES)
    centres = np.eye(3, 5) * 9
    sites = [f"Ward {chr(65 + at)}{at}" for at in range(N)]
    names = ["wsa", "clinical", "need", "advice", "reach"]
    values = pd.DataFrame(centres[truth] + random.normal(size=(N, 5)), sites, names)
    values["leavers"] = random.integers(0, 4, N) / 8
    values["trained"] = random.integers(1, 9, N) / 9
    values["lead"] = [
        name for at in range(3) for name, sizes in LEAD.items() for _ in range(sizes[at])
    ]
    values.iloc[2, 0] = values.iloc[20, 0] = np.nan
    counts = pd.DataFrame(20.0, sites, values.columns).assign(leavers=8.0, trained=9.0)
    counts.iloc[:3, 1] = 2.0
    counts = counts.where(values.notna())
    errors = pd.DataFrame(0.3, sites, values.columns).where(values.notna())
    errors["lead"] = np.nan
    response = pd.DataFrame(
        {"table": "informants", "site": sites, "round": "all", "eligible": 5.0, "responded": 5.0}
    )
    response.loc[0, "responded"] = 1.0
    infos = [FeatureInfo(name, label=f"Score of {name}") for name in names]
    infos += [
        FeatureInfo("leavers", "rate", "evaluate", family="staffing", label="Leaver rate"),
        FeatureInfo("trained", "share", "evaluate", label="Staff trained"),
        FeatureInfo("lead", "category", "evaluate", label="Lead organisation"),
    ]
    index = pd.MultiIndex.from_product([sites, ["all"]], names=["site", "round"])
    values.index = counts.index = errors.index = index
    return SiteProfiles(values, errors, counts, features=infos, response=response)


@pytest.fixture(scope="module")
def typology(quick: ProposeSettings) -> Typology:
    found = propose(a_study(), seed=3, settings=quick, name="attacked")
    assert found.verdict == "supported"
    assert tuple(found.labels.value_counts().sort_index()) == SIZES
    return found


@pytest.fixture(scope="module")
def results(typology: Typology, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("team") / "results"
    typology.save(folder / "typology")
    return folder


def shared(results: Path, to: Path, rules: Disclosure) -> Path:
    record = {"title": "A study", "disclosure": rules.model_dump()}
    (results / "report.json").write_text(json.dumps(record))
    return share_results(results, to).folder


@pytest.fixture(scope="module")
def safe(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared(results, tmp_path_factory.mktemp("safe") / "partner", Disclosure())


@pytest.fixture(scope="module")
def unsafe(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared(results, tmp_path_factory.mktemp("unsafe") / "open", OPEN)


# --- Reading everything ------------------------------------------------------------------------

Grid = tuple[str, list[list[str]]]
"""A table as an attacker reads it: its caption, and its rows, headings first."""


class Tables(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[Grid] = []
        self.into = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self.found.append(("", []))
        elif tag == "tr":
            self.found[-1][1].append([])
        elif tag in ("th", "td"):
            self.found[-1][1][-1].append("")
        self.into = tag

    def handle_data(self, data):
        if self.into == "caption":
            self.found[-1] = (self.found[-1][0] + data.strip(), self.found[-1][1])
        elif self.into in ("th", "td") and data.strip():
            self.found[-1][1][-1][-1] += data

    def handle_endtag(self, tag):
        self.into = ""


def html_tables(folder: Path) -> list[Grid]:
    return Tables((folder / "report.html").read_text("utf-8")).found


def word_tables(folder: Path) -> list[Grid]:
    word = docx.Document(str(folder / "report.docx"))
    captions = [each.text for each in word.paragraphs if each.style.name == "Caption"]
    return [
        (caption, [[cell.text for cell in row.cells] for row in table.rows])
        for caption, table in zip(captions, word.tables, strict=True)
    ]


def sheet_tables(folder: Path) -> list[Grid]:
    found = []
    for sheet in openpyxl.load_workbook(folder / "report.xlsx").worksheets[1:]:
        rows = [
            ["" if cell is None else f"{cell:g}" if isinstance(cell, int | float) else cell
             for cell in row]
            for row in sheet.iter_rows(values_only=True)
        ]  # fmt: skip
        found.append((rows[0][0], rows[2:]))
    return found


def json_tables(folder: Path) -> list[Grid]:
    record = json.loads((folder / "report.json").read_text("utf-8"))
    blocks = [block for section in record["sections"] for block in section["blocks"]]
    return [
        (
            block["table"],
            [[each["text"] for each in cells]
             for cells in (block["columns"], *(row["cells"] for row in block["rows"]))],
        )
        for block in blocks
        if "table" in block
    ]  # fmt: skip


READERS = (html_tables, word_tables, sheet_tables, json_tables)


def every_text(folder: Path) -> dict[str, str]:
    """Each file, and each part of the files that are archives, as text."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in (".docx", ".xlsx"):
            with zipfile.ZipFile(path) as archive:
                found |= {
                    f"{path.name}/{name}": archive.read(name).decode("utf-8", "replace")
                    for name in archive.namelist()
                }
                found[f"{path.name}, comment"] = archive.comment.decode()
        else:
            found[path.name] = path.read_text("utf-8")
    return found


# --- Working counts out --------------------------------------------------------------------------

TOTALS = {"All sites", "Asked", "Sites"}
TYPES = [f"Type {number}" for number in range(1, len(SIZES) + 1)]


def number(text: str) -> int | None:
    plain = text.replace(",", "")
    return int(plain) if plain.isdigit() else None


def key_of(caption: str, row: str, column: str) -> frozenset[str]:
    """One name for one count, in whatever table it stands."""
    scope = "" if row in TYPES or row == "No type" else caption if row not in TOTALS else ""
    named = {f"{scope}{row}"} if row not in TOTALS else set()
    if column not in TOTALS:
        named.add(f"{caption}: {column}")
    return frozenset(named)


def equations(folder: Path, blind: bool):
    """What all count tables of all files say: ranges of counts, and sums of them.

    Blind, as if every count that is not 0 were hidden: what no rule for small numbers can prevent.
    """
    rules = dict(row[:2] for c, rows in html_tables(folder) for row in rows if "Rules of" in c)
    small, base = int(rules["small_number"]), int(rules["round_to"])
    ranges, sums = {}, []

    def learn(key, text):
        shown = number(text)
        if shown is None or (blind and shown):
            low, high = 1, math.inf
        elif shown == 0:
            low, high = 0, 0
        else:
            low = max(shown - base // 2, small + 1)
            high = shown + base - 1 - base // 2
        before = ranges.get(key, (0, math.inf))
        ranges[key] = (max(low, before[0]), min(high, before[1]))

    for reader in READERS:
        for caption, (head, *rows) in reader(folder):
            if not set(head[1:]) & TOTALS:
                continue
            columns = [each for each in head[1:] if each not in ("Share of sites", "Response")]
            keys = [[key_of(caption, row[0], column) for column in columns] for row in rows]
            for row, own in zip(rows, keys, strict=True):
                for key, text in zip(own, row[1:], strict=False):
                    learn(key, text)
            if columns[-1] in TOTALS and len(columns) > 1:
                sums += [(own[-1], own[:-1]) for own in keys]
            if rows[-1][0] in TOTALS and len(rows) > 1:
                sums += [(down[-1], list(down[:-1])) for down in zip(*keys, strict=True)]
    listed = {} if blind else pd.read_csv(folder / "assignments.csv")["type"].value_counts()
    for label, rows in listed.items():
        key = frozenset({f"Type {label}"})
        ranges[key] = (max(ranges[key][0], rows), ranges[key][1])
    ranges[frozenset()] = (N, N)
    return ranges, sums


def worked_out(folder: Path, blind: bool = False) -> dict[frozenset[str], tuple[float, float]]:
    """Least and most of every count, by linear programming over everything that is published."""
    ranges, sums = equations(folder, blind)
    at = {key: place for place, key in enumerate(ranges)}
    equal = np.zeros((len(sums), len(at)))
    for row, (total, parts) in enumerate(sums):
        equal[row, at[total]] += 1
        for part in parts:
            equal[row, at[part]] -= 1
    order = np.zeros((len(TYPES) - 1, len(at)))
    for row, (more, less) in enumerate(itertools.pairwise(TYPES)):
        order[row, at[frozenset({more})]], order[row, at[frozenset({less})]] = -1, 1
    bounds = [(low, None if math.isinf(high) else high) for low, high in ranges.values()]
    found = {}
    for key, place in at.items():
        limits = []
        for sign in (1, -1):
            cost = np.zeros(len(at))
            cost[place] = sign
            solved = linprog(
                cost, A_ub=order, b_ub=np.zeros(len(order)), A_eq=equal, b_eq=np.zeros(len(sums)),
                bounds=bounds,
            )  # fmt: skip
            limits.append(math.inf if solved.status == 3 else solved.fun * sign)
        found[key] = (math.ceil(limits[0] - 1e-6), limits[1] if math.isinf(limits[1]) else
                      math.floor(limits[1] + 1e-6))  # fmt: skip
    return found


def truth(typology: Typology) -> dict[frozenset[str], int]:
    """Small counts, as the attacker would name them."""
    groups = pd.Series(site_groups(typology), typology.profiles.sites)
    lead = typology.profiles.values["lead"].droplevel("round").astype(str)
    caption = "Sites by type and Lead organisation: "
    counts = {frozenset({f"Type {t}"}): int((groups == t).sum()) for t in (1, 2, 3)}
    for name in ("NHS trust", "Council"):
        counts[frozenset({caption + name})] = int((lead == name).sum())
        for t in (1, 2, 3):
            inside = int(((lead == name) & (groups == t)).sum())
            counts[frozenset({f"Type {t}", caption + name})] = inside
    for name in ("Score of wsa",):
        caption = "Sites that have each feature"
        counts[frozenset({f"{caption}{name}", f"{caption}: Not known"})] = 2
    counts[frozenset({"People asked and answers, over all sitesinformants",
                      "People asked and answers, over all sites: Did not answer"})] = 4  # fmt: skip
    return {key: count for key, count in counts.items() if 1 <= count <= 7}


def test_no_small_count_can_be_worked_out(safe: Path, typology: Typology):
    """Each can be 1 to 7, but for what the zeros tell: three hidden parts are 3 or more."""
    found, blind = worked_out(safe), worked_out(safe, blind=True)
    for key, count in truth(typology).items():
        low, high = found[key]
        said = (sorted(key), count, low, high)
        assert low <= max(1, blind[key][0]) and high >= 7, said
        assert high - low >= 4, said


def test_the_same_attack_works_out_every_count_of_an_unprotected_share(
    unsafe: Path, typology: Typology
):
    found = worked_out(unsafe)
    assert len(truth(typology)) >= 8
    assert {key: found[key] for key in truth(typology)} == {
        key: (count, count) for key, count in truth(typology).items()
    }


def test_the_same_attack_gets_through_where_complements_are_shown(
    results: Path, typology: Typology, tmp_path: Path
):
    folder = shared(results, tmp_path / "exact", Disclosure(secondary=False, round_to=1))
    found = worked_out(folder)
    exact = [key for key, count in truth(typology).items() if found[key] == (count, count)]
    assert frozenset({"Type 3"}) in exact and len(exact) >= 3
    rounded = worked_out(shared(results, tmp_path / "other", Disclosure(secondary=False)))
    narrowed = [key for key in truth(typology) if rounded[key][0] > 1 or rounded[key][1] < 7]
    assert narrowed


# --- Means ------------------------------------------------------------------------------------


def sizes_from_means(types: np.ndarray, every: np.ndarray) -> np.ndarray:
    """The mean of all sites is the types' means weighted by size: solve for the sizes."""
    weights = np.linalg.lstsq(types, every, rcond=None)[0]
    return np.round(weights / weights.sum() * N)


def means(folder: Path) -> list[list[str]]:
    return next(rows for caption, rows in html_tables(folder) if caption.startswith("Means"))


def test_no_mean_over_all_types_tells_their_sizes(safe: Path, typology: Typology):
    groups = site_groups(typology)
    own = typology.profiles.values.drop(columns="lead").astype(float)
    own = own.drop(columns="wsa")
    by_type = np.array([own[groups == t].mean().to_numpy() for t in (1, 2, 3)]).T
    # With such a column the attack would succeed, also after rounding to two decimals.
    assert tuple(sizes_from_means(by_type.round(2), own.mean().to_numpy().round(2))) == SIZES
    assert means(safe)[0] == ["Feature", *TYPES, "Use"]


def test_staffing_of_small_teams_is_a_band_and_shares_hide_a_person(safe: Path, unsafe: Path):
    cells = {row[0]: row[1:4] for row in means(safe)}
    for text in cells["Leaver rate"]:
        assert re.fullmatch(r"0(\.\d)? to 0\.\d(, (higher|lower))?", text)
    for text in cells["Staff trained"]:
        assert re.fullmatch(r"\d*[05]%(, (higher|lower))?", text)
    assert re.fullmatch(
        r"0\.\d\d.*", {row[0]: row[-3] for row in means(unsafe) if len(row) > 1}["Leaver rate"]
    )


STEP = {1: 0.05, 2: 0.05, 3: 0.1}
"""Rounding of a share of 9 people a site: two of 117, 90 and 36 are 2, 2 and 6 points."""


def test_a_mean_share_fits_more_than_one_number_of_people(safe: Path, typology: Typology):
    """From a share shown, try every number of people trained at the sites of the type."""
    groups = site_groups(typology)
    shares = typology.profiles.values["trained"].to_numpy(dtype=float)
    for label, text in zip((1, 2, 3), {r[0]: r[1:4] for r in means(safe)}["Staff trained"],
                           strict=True):  # fmt: skip
        people = 9 * int((groups == label).sum())
        shown, step = int(re.match(r"\d+", text)[0]) / 100, STEP[label]
        fits = [n for n in range(people + 1) if abs(n / people - shown) <= step / 2 + 1e-9]
        assert round(shares[groups == label].sum() * 9) in fits
        assert len(fits) >= 2


# --- Names, metadata, leftovers ---------------------------------------------------------------


def test_no_file_names_a_site_or_a_unique_organisation(
    safe: Path, unsafe: Path, typology: Typology
):
    names = [str(site) for site in typology.profiles.sites]
    for place, text in every_text(safe).items():
        for name in [*names, "Abbey House", "Charity"]:
            assert name not in text, (place, name)
    # The unprotected share names every category; pseudonyms are not a matter of the rules.
    assert any("Abbey House" in text for text in every_text(unsafe).values())


def test_the_folder_holds_what_a_share_is_and_nothing_else(safe: Path):
    assert {path.name for path in safe.iterdir()} == set(SHARED)


def test_the_properties_of_the_files_say_nothing(safe: Path, results: Path):
    about = docx.Document(str(safe / "report.docx")).core_properties
    assert (about.author, about.comments, about.last_modified_by, about.keywords) == ("",) * 4
    assert about.created.year == about.modified.year == 2000
    book = openpyxl.load_workbook(safe / "report.xlsx")
    assert book.properties.creator == "site-typology"
    assert all(sheet.sheet_state == "visible" for sheet in book.worksheets)
    for sheet in book.worksheets:
        assert all(cell.comment is None for row in sheet.iter_rows() for cell in row)
    for place, text in every_text(safe).items():
        assert str(results) not in text, place


def test_texts_outside_the_tables_tell_no_count_of_sites(safe: Path, unsafe: Path):
    def counted(folder: Path) -> set[int]:
        text = re.sub(r"<table.*?</table>|<style.*?</style>", " ",
                      (folder / "report.html").read_text("utf-8"), flags=re.S)  # fmt: skip
        return {int(n) for n in re.findall(r"(\d+)(?: of \d+)? sites", text)}

    assert counted(safe) <= {25, 30}
    assert N in counted(unsafe)


def digests(site: str, key: bytes) -> set[str]:
    """Names that an attacker could make of a site, in the forms that software writes them."""
    import base64

    raw = [hashlib.new(name, site.encode()).digest() for name in ("md5", "sha1", "sha256")]
    raw += [hmac.new(key, site.encode(), hashlib.sha256).digest()]
    forms = [digest.hex() for digest in raw] + [base64.b32encode(d).decode() for d in raw]
    return {form.upper()[:8] for form in forms}


def unmasked(folder: Path, sites: list[str]) -> set[str]:
    with (folder / "assignments.csv").open() as file:
        names = {row["site"] for row in csv.DictReader(file)}
    keys = [b"", b"attacked", b"A study", b"partner"]
    return {site for site in sites for key in keys if digests(site, key) & names}


def test_pseudonyms_cannot_be_tried_out_without_the_secret(
    safe: Path, unsafe: Path, results: Path, typology: Typology, tmp_path: Path, monkeypatch
):
    sites = [str(site) for site in typology.profiles.sites]
    assert unmasked(safe, sites) == unmasked(unsafe, sites) == set()
    monkeypatch.setattr("site_typology.sharing.kept_secret", lambda path: b"attacked")
    guessed = shared(results, tmp_path / "partner2", OPEN)
    assert unmasked(guessed, sites) == set(sites)


def test_rows_of_assignments_are_a_matter_of_the_rounded_counts_alone(
    safe: Path, unsafe: Path, typology: Typology
):
    listed = pd.read_csv(safe / "assignments.csv")
    # Of 27 sites as 13, 10 and 4: what is hidden to protect the 4 is not listed either.
    shown = {row[0]: number(row[1]) for row in html_tables(safe)[1][1][1:]}
    expected = {t: max((shown[f"Type {t}"] or 0) - 2, 0) for t in (1, 2, 3)}
    assert listed["type"].value_counts().to_dict() == {t: n for t, n in expected.items() if n}
    assert list(listed["site"]) == sorted(listed["site"])
    assert len(pd.read_csv(unsafe / "assignments.csv")) == N


def test_two_studies_that_differ_in_what_is_hidden_alone_look_alike(
    results: Path, safe: Path, typology: Typology, tmp_path: Path
):
    """Move one site's category between two hidden cells of a type and back in another.

    All four counts are small before and after: which counts are small is what a reader may learn.
    """
    values = typology.profiles.values.copy()
    lead = values["lead"].astype(str).to_numpy()
    groups = site_groups(typology)
    council = int(np.flatnonzero((lead == "Council") & (groups == 2))[0])
    trust = int(np.flatnonzero((lead == "NHS trust") & (groups == 3))[0])
    place = values.columns.get_loc("lead")
    values.iloc[council, place], values.iloc[trust, place] = "NHS trust", "Council"
    changed = SiteProfiles(
        values, typology.profiles.standard_errors, typology.profiles.counts,
        features=typology.profiles.features, response=typology.profiles.response,
    )  # fmt: skip
    other = tmp_path / "other"
    dataclasses.replace(typology, profiles=changed).save(other / "typology")
    (other / "sharing").mkdir()
    key = (results / "sharing" / "partner.key").read_text()
    (other / "sharing" / "partner.key").write_text(key)
    folder = shared(other, tmp_path / "partner", Disclosure())
    for name in ("report.html", "report.json", "assignments.csv", "suppressed.csv"):
        assert (folder / name).read_text("utf-8") == (safe / name).read_text("utf-8"), name
