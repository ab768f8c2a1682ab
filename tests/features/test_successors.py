"""Settings that closed and what came after them: chains, splits, mergers, circles and dates."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from site_typology.errors import Problems
from site_typology.features.linkfile import read_successors
from site_typology.features.linking import read_tables
from site_typology.features.profiler import build_profiles
from site_typology.features.rawtable import UnreadableTableError
from site_typology.features.successors import Followed, follow, status_of
from site_typology.features.tables import StudyTables
from site_typology.study_file import parse_declaration

HEADER = "URN,LinkURN,LinkName,LinkType,LinkEstablishedDate\n"


def followed(
    listed: dict[str, str], states: dict[str, str], links: dict[str, tuple[str, ...]]
) -> Followed:
    settings = pd.DataFrame({"key": list(listed), "site": list(listed.values())})
    return follow(settings, states, links)


def sites(found: Followed) -> dict[str, str]:
    return dict(found.sites.itertuples(index=False))


def account(found: Followed) -> dict[tuple[str, str], int]:
    rows = found.account[["site", "reason", "n"]].itertuples(index=False)
    return {(site, reason): n for site, reason, n in rows}


# --- What stands for a setting -----------------------------------------------------------------


def test_a_chain_of_closures_ends_at_the_open_setting():
    # 1 became 2, 2 became 3, and 3 is open; 2 is no longer in the register at all.
    found = followed({"1": "A"}, {"1": "closed", "3": "open"}, {"1": ("2",), "2": ("3",)})
    assert sites(found) == {"1": "A", "3": "A"}
    assert account(found) == {("A", "followed to its successor"): 1}


def test_a_split_is_followed_to_all_parts_unless_the_setting_goes_on():
    links = {"1": ("2", "3")}
    states = {"2": "open", "3": "open"}
    found = followed({"1": "A"}, {**states, "1": "closed"}, links)
    assert sites(found) == {"1": "A", "2": "A", "3": "A"}
    assert account(found) == {("A", "followed to several successors"): 1}
    going_on = followed({"1": "A"}, {**states, "1": "open"}, links)
    assert sites(going_on) == {"1": "A"}
    assert account(going_on) == {("A", "open in the register"): 1}


def test_a_merger_is_counted_once():
    states = {"1": "closed", "2": "closed", "9": "open"}
    found = followed({"1": "A", "2": "A"}, states, {"1": ("9",), "2": ("9",)})
    assert sites(found) == {"1": "A", "2": "A", "9": "A"}
    assert account(found) == {
        ("A", "followed to its successor"): 1,
        ("A", "merged into a setting that is counted already"): 1,
    }
    listed_itself = followed({"1": "A", "9": "A"}, states, {"1": ("9",)})
    assert account(listed_itself) == {
        ("A", "open in the register"): 1,
        ("A", "merged into a setting that is counted already"): 1,
    }


def test_a_merger_across_sites_is_for_the_list_to_settle():
    states = {"1": "closed", "2": "closed", "9": "open"}
    links = {"1": ("9",), "2": ("9",)}
    found = followed({"1": "A", "2": "B"}, states, links)
    assert found.problems == (
        "Settings of different sites became one: 9 (after 1 of A, 2 of B). Say whose each is by "
        "adding its number to the list of settings with its site.",
    )
    settled = followed({"1": "A", "2": "B", "9": "B"}, states, links)
    assert settled.problems == ()
    assert sites(settled)["9"] == "B"
    assert account(settled)["A", "its successor is listed at another site"] == 1


def test_every_listed_setting_is_accounted_for():
    listed = {str(number): "A" for number in range(1, 8)}
    states = {"1": "open", "2": "closed", "3": "closed", "4": "not yet open", "5": "closed"}
    states |= {"20": "open", "50": "not yet open", "60": "open"}
    found = followed(listed, states, {"2": ("20",), "5": ("50",), "6": ("60",)})
    assert account(found) == {
        ("A", "open in the register"): 1,
        # The sixth is not in the register, but the links say what became of it.
        ("A", "followed to its successor"): 2,
        ("A", "closed without an open successor"): 1,
        ("A", "not yet open"): 1,
        ("A", "its successor is not yet open"): 1,
        ("A", "not in the register"): 1,
    }
    assert found.account["n"].sum() == len(listed)


@pytest.mark.parametrize(
    ("links", "circle"),
    [
        ({"1": ("2",), "2": ("1",)}, {"1", "2"}),
        ({"1": ("1",)}, {"1"}),
        ({"1": ("5", "2"), "2": ("3",), "3": ("4",), "4": ("2",), "5": ("3",)}, {"2", "3", "4"}),
    ],
)
def test_a_circle_is_refused_however_it_is_reached(links, circle):
    found = followed({"1": "A"}, {}, links)
    assert len(found.problems) == 1
    assert "run in a circle" in found.problems[0]
    shown = found.problems[0].split(": ")[1].split(". ")[0].split(" to ")
    assert shown[0] == shown[-1]
    assert set(shown) == circle
    assert all(after in links[before] for before, after in itertools.pairwise(shown))
    elsewhere = followed({"7": "A"}, {"7": "open"}, links)
    assert elsewhere.problems == ()


def test_order_and_strangers_do_not_matter():
    rng = np.random.default_rng(5)
    numbers = [str(number) for number in range(200)]
    states = dict(zip(numbers, rng.choice(["open", "closed"], 200, p=[0.4, 0.6]), strict=True))
    links = {
        number: tuple(sorted({str(n) for n in rng.integers(int(number) + 1, 200, 2)}))
        for number in numbers[:150:2]
    }
    listed = {number: "ABC"[int(number) // 25] for number in numbers[:75]}
    first = followed(listed, states, links)
    again = followed(
        dict(reversed(listed.items())), {**states, "x": "open"}, {**links, "x": ("y",)}
    )
    assert first.problems == again.problems
    pd.testing.assert_frame_equal(first.sites, again.sites)
    pd.testing.assert_frame_equal(first.account, again.account)
    assert first.account["n"].sum() == len(listed)


def test_statuses_are_those_of_the_register():
    names = ["Open", "Open, but proposed to close", "Closed", "Proposed to open", None]
    states = status_of(pd.Series(list("12345")), pd.Series(names, dtype="str"))
    assert list(states.values()) == ["open", "open", "closed", "not yet open", "closed"]
    assert status_of(pd.Series([None], dtype="str"), pd.Series(["Open"])) == {}


def test_without_statuses_a_setting_goes_by_all_its_later_numbers():
    settings = pd.DataFrame({"key": ["1", "4"], "site": ["A", "B"]})
    found = follow(settings, None, {"1": ("2",), "2": ("3", "4"), "7": ("8",)})
    assert sites(found) == {"1": "A", "2": "A", "3": "A", "4": "B"}
    assert found.account.empty


# --- The file of links --------------------------------------------------------------------------


def write(tmp_path: Path, rows: str, header: str = HEADER) -> Path:
    path = tmp_path / "links_edubasealldata20210930.csv"
    path.write_bytes((header + rows).encode("cp1252"))
    return path


ROWS = (
    "100001,200001,Café Academy,Successor,01-09-2020\n"
    "100002,200001,Café Academy,Successor - amalgamated,01-09-2020\n"
    "100003,200003,Brontë,successor - Merged,\n"
    "100004,200005,East,Successor - Split School,01-01-2022\n"
    "100004,200004,West,Successor - Split School,01-01-2022\n"
    "200001,100001,Old,Predecessor,01-09-2020\n"
    "200003,100003,Old,Result of Amalgamation,\n"
    "100005,100006,Near,Sixth Form Centre Link,\n"
    "100007,100008,Wider,Expansion,01-09-2019\n"
    "100009,,Nobody,Successor,01-09-2020\n"
)


def test_only_links_to_successors_are_followed(tmp_path: Path) -> None:
    assert read_successors(write(tmp_path, ROWS)) == {
        "100001": ("200001",),
        "100002": ("200001",),
        "100003": ("200003",),
        "100004": ("200004", "200005"),
    }


def test_links_after_a_date_are_left_out_and_those_without_one_kept(tmp_path: Path) -> None:
    found = read_successors(write(tmp_path, ROWS), until="2021-12-31")
    assert sorted(found) == ["100001", "100002", "100003"]
    assert sorted(read_successors(write(tmp_path, ROWS), until="2022-01-01")) == [
        "100001", "100002", "100003", "100004",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "header", "until", "message"),
    [
        ("1,2,x\n", "URN,LinkURN,Head\n", None, "Columns LinkType are not in links_edu"),
        ("1,2,n,Predecessor,\n", HEADER, None, "is to a successor; types found: Predecessor"),
        ("1,2,n,Successor,soon\n", HEADER, "2021-01-01", "dates such as 30-09-2021; found 'soon'"),
    ],
)
def test_another_file_is_refused(
    tmp_path: Path, rows: str, header: str, until: str | None, message: str
) -> None:
    with pytest.raises(UnreadableTableError, match=message):
        read_successors(write(tmp_path, rows, header), until)
    with pytest.raises(UnreadableTableError, match="Correct successors"):
        read_successors(tmp_path / "nowhere.csv")


# --- A whole study ------------------------------------------------------------------------------

REGISTER = (
    "URN,EstablishmentStatus (name),TypeOfEstablishment (code),PhaseOfEducation (name),"
    "NumberOfPupils\n"
    "100001,Closed,01,Primary,\n"
    "200001,Open,34,Primary,200\n"
    "100002,Closed,01,Primary,\n"
    "100003,Open,01,Secondary,900\n"
    "100004,Closed,01,Primary,\n"
    "200004,Open,01,Secondary,50\n"
    "200005,Open,01,Primary,60\n"
    "300000,Open,01,Primary,999\n"
    "300001,Open,07,Not applicable,80\n"
)
PARTICIPATION = "URN,site\n100001,A\n100002,A\n100003,A\n100004,B\n300001,B\n999999,B\n"
FEATURES = [
    {"name": "size", "builder": "setting_size", "args": {"table": "gias"}},
    {"name": "mix", "builder": "setting_mix", "args": {"table": "gias"}},
]


def read_study(
    tmp_path: Path, link: dict[str, object], **files: str
) -> tuple[StudyTables, list[str]]:
    texts = {
        "sites.csv": "site\nA\nB\n",
        "list.csv": PARTICIPATION,
        "edubasealldata20210930.csv": REGISTER,
        "links_edubasealldata20210930.csv": HEADER + ROWS,
        **{f"{name}.csv": text for name, text in files.items()},
    }
    for name, text in texts.items():
        (tmp_path / name).write_bytes(text.encode("cp1252"))
    through = {"table": "list", "on": "URN", **link}
    tables = {
        "sites": {"path": "sites.csv", "site": "site"},
        "list": {"path": "list.csv", "site": "site"},
        "gias": {"path": "edubasealldata20210930.csv", "format": "gias", "link": through},
        **{name: {"path": f"{name}.csv", "link": through} for name in files if name == "survey"},
    }
    content = {"study": {"name": "t", "sites": "sites"}, "tables": tables, "features": FEATURES}
    found = Problems("study.toml")
    result = read_tables(parse_declaration(content), tmp_path, found)
    return result, [f"{problem.where}  {problem.message}" for problem in found]


LINKS = {"successors": "links_edubasealldata20210930.csv"}


def test_a_study_follows_its_settings_and_accounts_for_each(tmp_path: Path) -> None:
    tables, problems = read_study(tmp_path, LINKS)
    assert problems == []
    profiles = build_profiles(tables)
    # A: the academy that two became, and the secondary. B: two of a split, and the special one.
    assert profiles.values["size"].tolist() == [2, 3]
    assert profiles.values.loc[("B", "all")].tolist() == pytest.approx([3, 1 / 3, 1 / 3, 1 / 3])
    ledger = profiles.ledger
    entries = ledger[ledger["entry"] == "settings of list"]
    assert entries[["table", "site", "outcome", "reason", "n"]].to_numpy().tolist() == [
        ["gias", "A", "set aside", "merged into a setting that is counted already", 1],
        ["gias", "A", "used", "followed to its successor", 1],
        ["gias", "A", "used", "open in the register", 1],
        ["gias", "B", "set aside", "not in the register", 1],
        ["gias", "B", "used", "followed to several successors", 1],
        ["gias", "B", "used", "open in the register", 1],
    ]
    assert entries["n"].sum() == PARTICIPATION.count("\n") - 1
    rows = ledger[(ledger["table"] == "gias") & (ledger["entry"] == "rows")]
    assert rows["n"].sum() == REGISTER.count("\n") - 1
    closed = ledger[(ledger["entry"] == "feature size") & (ledger["reason"] == "closed")]
    assert closed["n"].sum() == 3


def test_links_after_the_study_are_not_followed(tmp_path: Path) -> None:
    tables, problems = read_study(tmp_path, {**LINKS, "until": "2021-12-31"})
    assert problems == []
    assert build_profiles(tables).values["size"].tolist() == [2, 1]
    without = build_profiles(read_study(tmp_path, {})[0])
    assert without.values["size"].tolist() == [1, 1]
    assert "settings of list" not in set(without.ledger["entry"])


def test_a_row_of_the_register_that_is_no_one_elses_changes_nothing(tmp_path: Path) -> None:
    first = build_profiles(read_study(tmp_path, LINKS)[0])
    path = tmp_path / "edubasealldata20210930.csv"
    tables, _ = read_study(tmp_path, LINKS)
    path.write_text(REGISTER + "400000,Open,01,Primary,10\n", encoding="cp1252")
    found = Problems("study.toml")
    more = build_profiles(read_tables(tables.declaration, tmp_path, found))
    pd.testing.assert_frame_equal(first.values, more.values)
    assert more.ledger["n"].sum() == first.ledger["n"].sum() + 1


def test_a_register_without_the_status_cannot_follow_anything(tmp_path: Path) -> None:
    rows = [line.split(",") for line in REGISTER.splitlines()]
    at = rows[0].index("EstablishmentStatus (name)")
    without = "".join(",".join([*row[:at], *row[at + 1 :]]) + "\n" for row in rows)
    _, problems = read_study(tmp_path, LINKS, edubasealldata20210930=without)
    assert [text.partition(", which")[0] for text in problems] == [
        "tables.gias.link.successors  edubasealldata20210930.csv has no column "
        "'EstablishmentStatus (name)'"
    ]
    assert read_study(tmp_path, {}, edubasealldata20210930=without)[1] == []


def test_a_survey_may_name_any_of_a_settings_numbers(tmp_path: Path) -> None:
    answers = "URN,q\n100001,1\n200001,2\n200005,3\n300000,4\n"
    tables, problems = read_study(tmp_path, LINKS, survey=answers)
    assert problems == []
    rows = tables.tables["survey"].collect()
    assert rows["__site__"].tolist() == ["A", "A", "B"]
    assert "settings of list" not in set(tables.ledger.query("table == 'survey'")["entry"])


@pytest.mark.parametrize(
    ("link", "message"),
    [
        ({"successors": "nowhere.csv"}, "tables.gias.link.successors  nowhere.csv is not found."),
        ({"successors": "list.csv"}, "tables.gias.link.successors  Columns LinkURN, LinkType are"),
        ({"until": "2021-01-01"}, "tables.gias.link  until goes with successors."),
    ],
)
def test_a_file_of_links_that_cannot_be_used_is_a_problem(
    tmp_path: Path, link: dict[str, object], message: str
) -> None:
    _, problems = read_study(tmp_path, link)
    assert len(problems) == 1
    assert problems[0].startswith(message)


def test_a_merger_across_sites_and_a_circle_are_problems_of_the_study(tmp_path: Path) -> None:
    moved = PARTICIPATION.replace("100002,A", "100002,B")
    _, problems = read_study(tmp_path, LINKS, list=moved)
    assert any("200001 (after 100001 of A, 100002 of B)" in problem for problem in problems)
    circle = f"{HEADER}100001,100001,Same,Successor,\n"
    _, problems = read_study(tmp_path, LINKS, links_edubasealldata20210930=circle)
    assert any("100001 to 100001" in problem for problem in problems)
