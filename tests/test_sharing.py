"""The command ``share``: what it refuses, what it keeps, and that its rules are the study's."""

from __future__ import annotations

import dataclasses
import json
import re
import stat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from site_typology import FeatureInfo, SiteProfiles, StudyError, Typology, cli
from site_typology.declaration import Disclosure
from site_typology.disclosure_counts import COMPLEMENT, SMALL
from site_typology.disclosure_means import ONE_PERSON, UNKNOWN, safe_means
from site_typology.pseudonyms import kept_secret, pseudonyms
from site_typology.share_content import TOGETHER
from site_typology.sharing import SHARED, share_results


@pytest.fixture
def results(typed: Typology, tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    typed.save(folder / "typology")
    record = {"title": "A study", "disclosure": Disclosure().model_dump()}
    (folder / "report.json").write_text(json.dumps(record))
    return folder


def refused(*arguments: object) -> str:
    with pytest.raises(StudyError) as caught:
        share_results(*arguments)
    return str(caught.value)


def test_the_command_says_what_was_written_and_what_to_keep(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as left:
        cli.main(["share", str(results), "--to", str(tmp_path / "partner")])
    assert left.value.code == 0
    said = capsys.readouterr().out
    assert re.search(r"Wrote .*partner, with \d+ figures hidden", said)
    assert {path.name for path in (tmp_path / "partner").iterdir()} == set(SHARED)
    kept = {path.name for path in (results / "sharing").iterdir()}
    assert kept == {
        "partner.key",
        "partner-sites.csv",
        "partner-suppressed.csv",
        "partner-folder.txt",
    }


def test_every_suppression_is_listed_with_its_rule_and_the_team_alone_sees_which_are_small(
    results: Path, tmp_path: Path
):
    share = share_results(results, tmp_path / "partner")
    shared = pd.read_csv(share.folder / "suppressed.csv")
    kept = pd.read_csv(share.kept / "partner-suppressed.csv")
    assert list(shared.columns) == ["table", "cell", "rule", "reason"]
    assert shared[["table", "cell", "rule"]].equals(kept[["table", "cell", "rule"]])
    counts = kept["rule"].str.startswith("Small counts")
    assert set(kept.loc[counts, "reason"]) == {SMALL, COMPLEMENT}
    assert set(shared.loc[counts, "reason"]) == {TOGETHER}
    record = json.loads((share.folder / "report.json").read_text("utf-8"))
    assert record["internal"] is False
    hidden = sum(
        cell["text"] == "*"
        for section in record["sections"]
        for block in section["blocks"]
        for row in block.get("rows", ())
        for cell in row["cells"]
        if block.get("table", "").startswith(("Sites", "Means", "People"))
    )
    # A share of a hidden count is hidden with it and not listed apart.
    assert len(shared) <= hidden <= len(shared) + 12


def test_pseudonyms_are_the_same_in_one_share_and_others_in_another(results: Path, tmp_path: Path):
    def names(folder: str) -> list[str]:
        share_results(results, tmp_path / folder)
        return list(pd.read_csv(results / "sharing" / f"{folder}-sites.csv")["pseudonym"])

    first = names("partner")
    assert names("partner") == first
    assert not set(names("funder")) & set(first)
    mode = stat.S_IMODE((results / "sharing" / "partner.key").stat().st_mode)
    assert mode == 0o600


def test_a_list_of_sites_is_as_long_as_the_rounded_count_allows(
    results: Path, typed: Typology, tmp_path: Path
):
    share = share_results(results, tmp_path / "partner")
    listed = pd.read_csv(share.folder / "assignments.csv", dtype={"type": int})
    record = json.loads((share.folder / "report.json").read_text("utf-8"))
    sizes = next(b for s in record["sections"] for b in s["blocks"]
                 if b.get("table") == "Sites in each type")  # fmt: skip
    shown = {row["cells"][0]["text"]: row["cells"][1]["text"] for row in sizes["rows"]}
    counts = listed["type"].value_counts()
    for label in (1, 2, 3):
        text = shown[f"Type {label}"]
        assert counts.get(label, 0) == (0 if text == "*" else int(text) - 2)
    who = pd.read_csv(share.kept / "partner-sites.csv").set_index("pseudonym")["site"]
    assert list(typed.labels[listed["site"].map(who)]) == list(listed["type"])
    assert len(listed) > 10


def test_a_damaged_secret_is_told(tmp_path: Path):
    (tmp_path / "a.key").write_text("short")
    with pytest.raises(StudyError, match="Holds no secret"):
        kept_secret(tmp_path / "a.key")


def test_pseudonyms_of_many_sites_are_all_different():
    sites = [f"site {at}" for at in range(5000)]
    assert len(set(pseudonyms(sites, b"x" * 32).values())) == 5000


def test_folders_that_would_go_out_with_something_else_are_refused(results: Path, tmp_path: Path):
    assert "Lies in" in refused(results, results / "out")
    assert "around it" in refused(results, tmp_path)
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "memberships.csv").touch()
    assert "Holds memberships.csv" in refused(results, tmp_path / "used")
    assert not (results / "sharing").exists()


def test_a_study_of_few_sites_or_without_record_is_refused(results: Path, tmp_path: Path):
    rules = Disclosure(small_number=40)
    record = {"title": "A study", "disclosure": rules.model_dump()}
    (results / "report.json").write_text(json.dumps(record))
    assert "30 sites are a small number themselves" in refused(results, tmp_path / "partner")
    (results / "report.json").write_text("{}")
    assert "Run the study again" in refused(results, tmp_path / "partner")
    assert not (tmp_path / "partner").exists()


def test_a_text_that_names_a_site_stops_the_share(results: Path, typed: Typology, tmp_path: Path):
    site = typed.profiles.sites[3]
    typed.named({1: f"Like {site}"}).save(results / "typology")
    said = refused(results, tmp_path / "partner")
    assert f"The types       Says '{site}'" in said
    assert f"name of a type  Says '{site}'" in said
    record = {"title": f"A study of {site}", "disclosure": Disclosure().model_dump()}
    typed.save(results / "typology")
    (results / "report.json").write_text(json.dumps(record))
    assert f"title  Says '{site}'" in refused(results, tmp_path / "partner")
    assert not (tmp_path / "partner").exists()


def test_a_word_of_the_report_that_is_a_site_too_stops_nothing_but_a_label_does():
    from site_typology.share_guard import is_unmistakable, named_in

    texts = [("own words", "Agreement of types, Reading list"), ("feature x", "Time in Reading")]
    assert not is_unmistakable("Reading")
    assert named_in(texts[1:], ["Reading"]) == [("feature x", "Reading")]
    assert named_in(texts, ["Readin", "3", "x"]) == []


def test_rules_come_from_the_study_file_where_one_is_named(results: Path, tmp_path: Path):
    study = tmp_path / "study.toml"
    study.write_text(
        '[study]\nname = "s"\ntitle = "Named"\nsites = "sites"\n'
        "[study.disclosure]\nsmall_number = 4\n"
        '[tables.sites]\npath = "sites.csv"\nrole = "sites"\nsite = "site"\n'
        '[[features]]\nname = "x"\nbuilder = "column"\nargs = { table = "sites", column = "x" }\n'
    )
    share_results(results, tmp_path / "partner", study)
    record = json.loads((tmp_path / "partner" / "report.json").read_text("utf-8"))
    assert (record["title"], record["disclosure"]["small_number"]) == ("Named", 4)


def test_where_nothing_is_claimed_no_site_is_assigned(untyped: Typology, tmp_path: Path):
    untyped.save(tmp_path / "results" / "typology")
    record = {"title": "A study", "disclosure": Disclosure().model_dump()}
    (tmp_path / "results" / "report.json").write_text(json.dumps(record))
    share = share_results(tmp_path / "results", tmp_path / "partner")
    assert (share.folder / "assignments.csv").read_text() == "site,type\n"
    page = (share.folder / "report.html").read_text("utf-8")
    assert "No types are claimed, so there are none." in page


def study_of(values: list[float], people: list[float], **info: str) -> SiteProfiles:
    sites = [f"Site {at}" for at in range(len(values))]
    index = pd.MultiIndex.from_product([sites, ["all"]], names=["site", "round"])
    frame = pd.DataFrame({"x": values}, index)
    counts = pd.DataFrame({"x": people}, index)
    errors = pd.DataFrame({"x": [0.05] * len(values)}, index)
    return SiteProfiles(frame, errors, counts, features=[FeatureInfo("x", **info)])


def shown(untyped: Typology, profiles: SiteProfiles, **rules: object) -> tuple[str, str]:
    typology = dataclasses.replace(untyped, profiles=profiles)
    mean = safe_means(typology, Disclosure(**rules))[0].means["all"]
    return mean.text, mean.why


def test_a_mean_needs_enough_sites_with_enough_people(untyped: Typology):
    # The sites with 4 people are left out of the mean, not of the rule alone.
    assert shown(untyped, study_of([1.0, 2.0, 6.0, 50.0], [5, 5, 5, 4])) == ("3", "")
    text, why = shown(untyped, study_of([1.0, 2.0, 6.0, 50.0], [5, 5, 4, 4]))
    assert (text, why) == ("*", "fewer than 3 sites with 5 people or more")
    assert shown(untyped, study_of([1.0, 2.0, 6.0], [5, 5, 4]), min_informants=4)[1] == ""
    assert shown(untyped, study_of([1.0, 2.0, 6.0], [np.nan] * 3)) == ("*", UNKNOWN)
    assert shown(untyped, study_of([1.0, 2.0, 6.0], [np.nan] * 3), unknown_counts="show")[1] == ""


@pytest.mark.parametrize(
    ("people", "text"),
    [(200, "13%"), (20, "15%"), (8, "10%"), (5, "10%")],
)
def test_a_share_is_rounded_so_that_no_person_shows(people: int, text: str, untyped: Typology):
    profiles = study_of([0.125, 0.125, 0.125, 0.13], [people] * 4, kind="share")
    assert shown(untyped, profiles) == (text, "")


def test_a_share_of_too_few_people_is_hidden(untyped: Typology):
    profiles = study_of([0.5, 0.5, 0.25], [3.0] * 3, kind="share")
    assert shown(untyped, profiles, min_informants=2) == ("*", ONE_PERSON)


def test_staffing_of_small_teams_is_banded(untyped: Typology):
    def rate(people: float) -> str:
        return shown(
            untyped, study_of([0.25, 0.125, 0.28], [people] * 3, kind="rate", family="staffing")
        )[0]

    assert rate(9) == "0.2 to 0.3"
    assert rate(100) == "0.22"
    tenure = study_of([2.0, 3.0, 4.5], [9.0] * 3, family="staffing")
    assert shown(untyped, tenure) == ("2 to 4", "")
    # A team whose size nobody says may be a small one.
    unknown = study_of([0.25, 0.125, 0.28], [100, 100, np.nan], kind="rate", family="staffing")
    assert shown(untyped, unknown, unknown_counts="show")[0] == "0.2 to 0.3"


def test_a_name_stands_for_one_folder_and_a_dot_for_the_folder_it_is(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "one" / "partner").mkdir(parents=True)
    (tmp_path / "two").mkdir()
    monkeypatch.chdir(tmp_path / "one" / "partner")
    share_results(results, ".")
    assert (results / "sharing" / "partner.key").is_file()
    assert "The name partner stands for" in refused(results, tmp_path / "two" / "partner")
    assert not (tmp_path / "two" / "partner").exists()
    for path in (results / "sharing").glob("partner*.csv"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_secret_that_somebody_else_makes_first_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "a.key"
    monkeypatch.setattr(Path, "exists", lambda self: False)
    path.write_text("ab" * 32)
    assert kept_secret(path) == bytes.fromhex("ab" * 32)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Like NORTH END", "North End"),
        ("Like North\u00a0  End", "North End"),
        ("Cafe\u0301 team", "Caf\u00e9"),
        ("School 100482", "100482"),
    ],
)
def test_a_name_is_found_however_it_is_written(text: str, name: str):
    from site_typology.share_guard import named_in

    assert named_in([("title", text)], [name], codes=True) == [("title", name)]


def with_lead(typed: Typology, first: str, second: str) -> Typology:
    values = typed.profiles.values.copy()
    lead = values["lead"].astype(object).where(values["lead"] != "NHS", first)
    values["lead"] = lead.where(lead != "charity", second)
    values.iloc[:4, values.columns.get_loc("lead")] = np.nan
    own = typed.profiles
    profiles = SiteProfiles(values, own.standard_errors, own.counts, features=own.features)
    return dataclasses.replace(typed, profiles=profiles)


def test_categories_called_not_known_or_with_control_characters_are_shared(typed: Typology):
    from site_typology.report_files import report_files
    from site_typology.share_content import shareable

    study = with_lead(typed, "Not known", "NHS\x0btrust")
    names = pseudonyms([str(site) for site in study.profiles.sites], b"s")
    made = shareable(study, names, Disclosure(), "A study", b"s")
    columns = {name for _, table in made.document.tables() for name in table.columns}
    assert {"Not known (category)", "Not known", "NHStrust"} <= columns
    assert report_files(made.document, {})["report.docx"][:2] == b"PK"


def test_a_label_that_names_a_category_of_too_few_sites_stops_the_share(
    results: Path, typed: Typology, tmp_path: Path
):
    values = typed.profiles.values.copy()
    values.iloc[:2, values.columns.get_loc("lead")] = "Abbey House"
    own = typed.profiles
    labelled = tuple(
        dataclasses.replace(info, label="Reach, but for ABBEY  house")
        if info.name == "reach"
        else info
        for info in own.features
    )
    profiles = SiteProfiles(values, own.standard_errors, own.counts, features=labelled)
    dataclasses.replace(typed, profiles=profiles).save(results / "typology")
    assert "Says 'Abbey House'" in refused(results, tmp_path / "partner")
    assert not (tmp_path / "partner").exists()
