"""Damaged tables and study files end in profiles with a true ledger, or in a clear error.

`make test` tries 600 cases; `make fuzz` 12,000 (`FUZZ_CASES`). A case is a number: the same one
makes the same damage, so that a failure can be looked at again. Each has one or two features and
the tables that they need, since a study with all of them takes five times as long to profile.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
import tomllib
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from site_typology import Study
from site_typology.errors import StudyError
from site_typology.profiles import SiteProfiles

CASES = int(os.environ.get("FUZZ_CASES", "600"))
BATCHES = max(6, CASES // 500)
SEED = 2003

HEAD = """\
[study]
name = "fuzz"
sites = "sites"
rounds = ["2021", "2022"]
unknown_sites = "drop"
"""

TABLES = {
    "sites": """
[tables.sites]
path = "sites.csv"
role = "sites"
site = "site"
unique = ["site"]
""",
    "survey": """
[tables.survey]
path = "survey.csv"
role = "survey"
site = "site"
round = "wave"
weight = "w"
eligible = { table = "sites", column = "asked" }
missing = { "99" = "don't know", "98" = "refused", "c" = "suppressed" }
personal = ["email"]

[tables.survey.columns.q1]
range = [1, 5]
""",
    "staff": """
[tables.staff]
path = "staff.csv"
role = "workforce"
site = "site"
""",
    "settings": """
[tables.settings]
path = "settings.csv"
site = "site"
unique = ["urn"]
""",
    "schools": """
[tables.schools]
path = "schools.csv"
link = { table = "settings", on = "URN", key = "urn" }
""",
}

SCALES = """
[[scales]]
name = "wsa"
table = "survey"
items = ["q1", "q2", "q3"]
reverse = ["q3"]
range = [1, 5]
"""

AREA = """
[[features]]
name = "area"
builder = "category"
use = "evaluate"
args = { table = "sites", column = "area" }
"""

FEATURES = {
    "scale": """
[[features]]
name = "wsa"
builder = "scale"
args = { scale = "wsa" }
""",
    "mean": """
[[features]]
name = "hours"
builder = "mean"
args = { table = "survey", column = "hours", where = [{ column = "role", values = ["lead"] }] }
""",
    "share": """
[[features]]
name = "leads"
builder = "share"
args = { table = "survey", column = "role", values = ["lead"] }
""",
    "time": """
[[features]]
name = "time"
builder = "composition"
args = { table = "survey", columns = { direct = "t1", whole = "t2" } }
""",
    "stability": """
[[features]]
name = "stability"
builder = "stability_index"
[features.args]
table = "staff"
person = "id"
start = "from"
end = "to"
window = ["2021-01-01", "2021-12-31"]
""",
    "load": """
[[features]]
name = "load"
builder = "rate"
args = { numerator = { table = "schools", column = "pupils" }, denominator = { table = "staff" } }
""",
    "mix": """
[[features]]
name = "mix"
builder = "composition"
[features.args]
table = "schools"
category = "phase"
parts = { primary = ["Primary"], secondary = ["Secondary"] }
""",
    "wait": """
[[features]]
name = "wait"
builder = "median"
args = { table = "staff", start = "from", end = "to" }
""",
}
"""Features by a key of their own; a case has one or two of them."""

NEEDED = {
    "scale": {"survey"}, "mean": {"survey"}, "share": {"survey"}, "time": {"survey"},
    "stability": {"staff"}, "load": {"schools", "settings", "staff"},
    "mix": {"schools", "settings"}, "wait": {"staff"},
}  # fmt: skip
"""Tables that a feature reads, beside the sites."""


def study_text(features: Iterable[str]) -> str:
    """Write a study file with some of the features, and the tables that they need."""
    chosen = list(features)
    needed = {"sites"}.union(*(NEEDED[each] for each in chosen))
    parts = [HEAD, *(text for name, text in TABLES.items() if name in needed)]
    parts += [SCALES] if "scale" in chosen else []
    return "".join([*parts, *(FEATURES[each] for each in chosen), AREA])


NASTY = [
    "", " ", "NA", "nan", "inf", "-inf", "1e999", "-1", "99", "99.0", "0x1F", "1,234", "1.234,5",
    "1_000", "007", "٣", "１２", "²", "true", "=1+1", "@x", '"', "'", "a,b", "a\nb", "\x00",
    "\ufeff", "Š", "\u202e", "𝟗", "c", "z", "2021-02-30", "31/12/2021", "2021-13-01", "0001-01-01",
    "9999-12-31", "A", "a", "A ", "__site__", "all", "2021", "2023", "1" * 400, "x" * 5000, "%s",
    "{site}", "${HOME}", "[]", "None", "#N/A", "<b>", "1e-320", "1e15", "12345678901234567890",
]  # fmt: skip


def tables(rng: np.random.Generator) -> dict[str, list[list[str]]]:
    """Sound tables of one small study, header first."""
    sites = list("ABCDE")
    survey = [["site", "wave", "w", "role", "q1", "q2", "q3", "hours", "t1", "t2", "email"]]
    for _ in range(16):
        items = [str(rng.choice([1, 2, 3, 4, 5, 99])) for _ in range(3)]
        row = [
            rng.choice(sites),
            rng.choice(["2021", "2022"]),
            "1.5",
            rng.choice(["lead", "other"]),
        ]
        survey.append([*map(str, row), *items, str(rng.integers(1, 40)), "60", "40", "p@x.org"])
    staff = [["id", "site", "from", "to"]]
    for at in range(10):
        end = "" if at % 3 else f"2021-0{1 + at % 9}-15"
        staff.append([f"P{at}", str(rng.choice(sites)), "2020-05-01", end])
    settings = [["urn", "site"], *([f"10{at:02d}", sites[at % 5]] for at in range(8))]
    phases = ["Primary", "Secondary"]
    schools = [["URN", "phase", "pupils"]]
    schools += [[f"10{at:02d}", phases[at % 2], str(100 + at)] for at in range(8)]
    listing = [["site", "area", "asked"], *([site, "north", "20"] for site in sites)]
    return {
        "sites": listing, "survey": survey, "staff": staff, "settings": settings,
        "schools": schools,
    }  # fmt: skip


def one(rng: np.random.Generator, items: list) -> int:
    """A place in a list that has one."""
    return int(rng.integers(len(items)))


def damage_cells(rng: np.random.Generator, rows: list[list[str]]) -> None:
    """Put nasty values into a few cells, the header included now and then."""
    for _ in range(int(rng.integers(1, 6))):
        at = 0 if rng.random() < 0.1 else one(rng, rows)
        if rows[at]:
            rows[at][one(rng, rows[at])] = str(rng.choice(NASTY))


def change_cells(rng: np.random.Generator, rows: list[list[str]]) -> None:
    """Empty a few cells below the header, or give them another row's value."""
    for _ in range(int(rng.integers(1, 9))):
        at, other = int(rng.integers(1, len(rows) + 1)), int(rng.integers(1, len(rows) + 1))
        if max(at, other) < len(rows) and rows[at]:
            column = one(rng, rows[at])
            blank = rng.random() < 0.5 or column >= len(rows[other])
            rows[at][column] = "" if blank else rows[other][column]


def damage_column(rng: np.random.Generator, rows: list[list[str]]) -> None:
    """Fill a column with one nasty value."""
    column, value = one(rng, rows[0]), str(rng.choice(NASTY))
    for row in rows[1:]:
        if column < len(row):
            row[column] = value


def damage_shape(rng: np.random.Generator, rows: list[list[str]]) -> None:
    """Repeat, lose, shorten, lengthen or move rows; repeat, lose or swap columns."""
    at, kind = one(rng, rows), int(rng.integers(8))
    if kind == 0:
        rows.insert(at, list(rows[at]))
    elif kind == 1:
        del rows[at]
    elif kind == 2:
        rows[at] = rows[at][: one(rng, rows[at])] if rows[at] else []
    elif kind == 3:
        rows[at] = [*rows[at], "more"]
    elif kind == 4:
        rows.insert(at, [""] * len(rows[0]))
    else:
        column, other = one(rng, rows[0]), one(rng, rows[0])
        for row in rows:
            if max(column, other) < len(row):
                if kind == 5:
                    row.append(row[column])
                elif kind == 6:
                    del row[column]
                else:
                    row[column], row[other] = row[other], row[column]


DAMAGES: list[Callable[[np.random.Generator, list[list[str]]], None]] = [
    change_cells, change_cells, change_cells, damage_cells, damage_column, damage_shape,
]  # fmt: skip


def written(rng: np.random.Generator, rows: list[list[str]]) -> bytes:
    """Write a table in one of many ways."""
    text = io.StringIO()
    separator = str(rng.choice([",", ",", ",", ";", "\t", "|"]))
    ending = str(rng.choice(["\n", "\r\n"]))
    csv.writer(text, delimiter=separator, lineterminator=ending).writerows(rows)
    encoding = str(rng.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"]))
    return text.getvalue().encode(encoding, errors="replace")


def damage_bytes(rng: np.random.Generator, data: bytes) -> bytes:
    """Flip, lose or cut bytes."""
    content = bytearray(data)
    kind = int(rng.integers(4))
    if kind == 0 and content:
        for _ in range(int(rng.integers(1, 8))):
            content[one(rng, list(content))] = int(rng.integers(256))
    elif kind == 1:
        content = content[: int(rng.integers(len(content) + 1))]
    elif kind == 2 and content:
        start = int(rng.integers(len(content)))
        del content[start : start + int(rng.integers(1, 40))]
    else:
        content = content + content[: int(rng.integers(200))]
    return bytes(content)


def damage_study(rng: np.random.Generator, text: str) -> str:
    """Lose, repeat, change or garble lines and words of the study file."""
    lines = text.splitlines()
    at, kind = one(rng, lines), int(rng.integers(6))
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(at, lines[one(rng, lines)])
    elif kind == 2 and "=" in lines[at]:
        values = ['"x"', "[]", "{}", "-1", "true", '""', "[1, 1]", "1979-05-27", "nan", '["site"]']
        lines[at] = f"{lines[at].split('=')[0]}= {rng.choice(values)}"
    elif kind == 3:
        words = ["survey", "site", "q1", "where", "wsa", "urn", "staff", "2021", "share", "mean"]
        first, second = str(rng.choice(words)), str(rng.choice(words))
        lines = "\n".join(lines).replace(first, second, 1).splitlines()
    elif kind == 4:
        cut = int(rng.integers(len(lines[at]) + 1))
        lines[at] = lines[at][:cut] + str(rng.choice(NASTY)) + lines[at][cut + 1 :]
    else:
        lines = lines[:at]
    return "\n".join(lines) + "\n"


def drawn(rng: np.random.Generator) -> list[str]:
    """Keys of the one or two features of a case."""
    return [str(key) for key in rng.choice(list(FEATURES), int(rng.integers(1, 3)), replace=False)]


def make_case(case: int, folder: Path) -> Path:
    """Write the study of one case with one to three kinds of damage."""
    rng = np.random.default_rng([SEED, case])
    chosen = drawn(rng)
    study = study_text(chosen)
    content = {name: rows for name, rows in tables(rng).items() if f"[tables.{name}]" in study}
    for _ in range(int(rng.integers(1, 3))):
        if rng.random() < 0.2:
            study = damage_study(rng, study)
        else:
            rows = content[str(rng.choice(list(content)))]
            if rows and rows[0]:
                DAMAGES[one(rng, DAMAGES)](rng, rows)
    torn = str(rng.choice(list(content))) if rng.random() < 0.1 else ""
    for name, rows in content.items():
        data = written(rng, rows)
        (folder / f"{name}.csv").write_bytes(damage_bytes(rng, data) if name == torn else data)
    (folder / "study.toml").write_text(study, encoding="utf-8", errors="replace", newline="")
    return folder / "study.toml"


def records(path: Path) -> int | None:
    """Rows below the header, where plain reading leaves no doubt how many there are."""
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    if "\x00" in text:
        return None
    # A quotation mark amid a cell splits rows in ways of which none is the right one.
    rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    return None if '"' in text else len(rows) - 1


def faults(study: Study, profiles: SiteProfiles) -> list[str]:
    """What is untrue of a ledger, or unexplained in a profile."""
    wrong = []
    for name, declared in study.declaration.tables.items():
        ledger = profiles.ledger[profiles.ledger["table"] == name]
        counted = int(ledger.loc[ledger["entry"] == "rows", "n"].sum())
        there = records(study.path.parent / declared.path)
        if there is not None and counted != there:
            wrong.append(f"{name}: {counted} rows in the ledger, {there} in the file")
    sites = profiles.values.index.get_level_values("site")
    listed = profiles.ledger.query("entry == 'site'")["site"]
    if set(listed) != set(sites):
        wrong.append(f"sites of the ledger {set(listed)}, of the profiles {set(sites)}")
    missing = profiles.values.isna()
    if ((profiles.reasons == "") & missing).any().any():
        wrong.append("a missing cell without a reason")
    if ((profiles.reasons != "") & ~missing).any().any():
        wrong.append("a reason beside a value")
    categories = [info.name for info in profiles.features if info.kind == "category"]
    numbers = profiles.values.drop(columns=categories).astype(float)
    if np.isinf(numbers.to_numpy()).any():
        wrong.append("an infinite value")
    if (profiles.standard_errors < 0).any().any() or (profiles.counts < 0).any().any():
        wrong.append("a negative error or count")
    if "p@x.org" in profiles.ledger.to_csv() + profiles.values.to_csv():
        wrong.append("a personal value in the output")
    return wrong


def outcome(case: int, folder: Path) -> tuple[str, str]:
    """Kind of end of one case, and what is wrong with it."""
    path = make_case(case, folder)
    try:
        study = Study.load(path)
        profiles = study.profiles()
    except StudyError as error:
        unclear = [p for p in error.problems if len(p.message) < 15 or not p.where]
        return "refused", f"unclear: {unclear}" if unclear or not error.problems else ""
    except Exception:  # noqa: BLE001 - any other exception is what is looked for
        return "traceback", traceback.format_exc(limit=-6)
    return "profiled", "; ".join(faults(study, profiles))


@pytest.mark.parametrize("features", [list(FEATURES), *([each] for each in FEATURES)])
def test_the_sound_study_is_profiled(features, tmp_path):
    study = study_text(features)
    tomllib.loads(study)
    for name, rows in tables(np.random.default_rng(0)).items():
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        (tmp_path / f"{name}.csv").write_text(text.getvalue())
    (tmp_path / "study.toml").write_text(study)
    read = Study.load(tmp_path / "study.toml")
    assert faults(read, read.profiles()) == []


@pytest.mark.parametrize("batch", range(BATCHES))
def test_damage_ends_in_profiles_or_in_a_clear_error(batch, tmp_path):
    ends, wrong, profiled = [], [], set()
    for case in range(batch, CASES, BATCHES):
        folder = tmp_path / str(case)
        folder.mkdir()
        end, what = outcome(case, folder)
        ends.append(end)
        profiled |= set(drawn(np.random.default_rng([SEED, case]))) if end == "profiled" else set()
        if what:
            wrong.append(f"case {case} {end}: {what}")
        shutil.rmtree(folder)
    assert not wrong, f"{len(wrong)} of {len(ends)} cases\n" + "\n".join(wrong[:20])
    # Damage that is always refused, or never, would try half of the code.
    assert 0.2 < ends.count("profiled") / len(ends) < 0.8
    assert profiled == set(FEATURES)
