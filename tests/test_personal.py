"""Personal values that stand in a study's tables reach no file and no message."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyreadstat
import pytest
from typer.testing import CliRunner

from site_typology.cli import app
from site_typology.errors import StudyError
from site_typology.study import Study

PLANTED = ("Zyxwina", "Quorbleson", "zyx@quorble.example", "203.0.113.77", "77.123456")
"""A first name, a last name, an e-mail address, an IP address and a latitude."""

STUDY = """\
[study]
name = "pilot"
sites = "sites"

[tables.sites]
path = "sites.csv"
site = "site"
personal = ["manager"]

[tables.people]
path = "people.csv"
site = "site"
unique = ["Email Address"]
engine = "ENGINE"

[tables.leads]
path = "leads.csv"
format = "qualtrics"
role = "survey"
site = "place"
engine = "ENGINE"
personal = ["note"]

[tables.informants]
path = "informants.sav"
role = "survey"
link = { table = "people", on = "email", key = "Email Address" }
personal = ["email"]

[tables.staff]
path = "staff.xlsx"
role = "workforce"
site = "site"
personal = ["surname"]

[tables.visits]
path = "visits.parquet"
site = "site"
engine = "ENGINE"
personal = ["who"]

[[features]]
name = "wsa"
builder = "mean"
args = { table = "leads", column = "Q1" }

[[features]]
name = "liaison"
builder = "mean"
args = { table = "informants", column = "q" }

[[features]]
name = "fte"
builder = "mean"
args = { table = "staff", column = "fte" }

[[features]]
name = "minutes"
builder = "mean"
args = { table = "visits", column = "minutes" }
"""

SPEC = """\
algorithms = ["ward"]
spaces = ["features"]
draws = 2
bootstraps = 10
reference_draws = 19
number_resamples = 10
agreement_replicates = 10
power_replicates = 10
separations = [6.0]
"""


def write_study(folder: Path, engine: str) -> Path:
    first, last, email, address, latitude = PLANTED
    rng = np.random.default_rng(8)
    sites = [f"T{at:02d}" for at in range(12)]
    every = np.repeat(sites, 4)
    numbers = rng.integers(1, 6, (4, len(every))).astype(float) + (every > "T05") * 3
    emails = [f"{at}.{email}" for at in range(len(every))]
    pd.DataFrame({"site": sites, "manager": f"{first} {last}"}).to_csv(
        folder / "sites.csv", index=False
    )
    pd.DataFrame({"site": every, "Email Address": emails, "First name": first}).to_csv(
        folder / "people.csv", index=False
    )
    names = ["V3", "V5", "IP Address", "LocationLatitude", "Status", "place", "note", "Q1"]
    titles = ["Name", "Email", "IP Address", "Location Latitude", "Response Type", "", "", "How?"]
    rows = [
        [f"{first} {last}", e, address, latitude, "0", site, f"ask {first}", q]
        for e, site, q in zip(emails, every, numbers[0], strict=True)
    ]
    imports = [json.dumps({"ImportId": name}) for name in names]
    pd.DataFrame([titles, imports, *rows], columns=names).to_csv(folder / "leads.csv", index=False)
    pyreadstat.write_sav(
        pd.DataFrame({"email": emails, "ip": address, "q": numbers[1]}),
        folder / "informants.sav",
        column_labels=["", "IP Address", "Liaison"],
    )
    pd.DataFrame({"site": every, "surname": last, "fte": numbers[2]}).to_excel(
        folder / "staff.xlsx", index=False
    )
    pd.DataFrame({"site": every, "who": emails, "minutes": numbers[3]}).to_parquet(
        folder / "visits.parquet"
    )
    (folder / "spec.toml").write_text(SPEC)
    (folder / "study.toml").write_text(STUDY.replace("ENGINE", engine))
    return folder / "study.toml"


def contents(path: Path) -> Iterator[bytes]:
    """What stands in a file, compressed or not."""
    yield path.read_bytes()
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        yield table.to_pandas().to_csv().encode() + repr(table.schema.metadata).encode()
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            yield from (packed.read(name) for name in packed.namelist())


def leaks(folder: Path) -> list[str]:
    return [
        f"{word} in {path.relative_to(folder)}"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        for content in contents(path)
        for word in PLANTED
        if word.encode() in content
    ]


def shown(text: str) -> list[str]:
    return [word for word in PLANTED if word in text]


@pytest.fixture(params=["pandas", "duckdb"])
def study(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    (tmp_path / "study").mkdir()
    return write_study(tmp_path / "study", request.param)


def said_by(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


def test_no_output_holds_a_personal_value(study: Path, tmp_path: Path) -> None:
    assert len(leaks(study.parent)) >= len(PLANTED), "the values are planted and would be found"
    out = tmp_path / "profiles"
    assert not shown(said_by("check", study) + said_by("profile", study, "--out", out))
    assert len(list(out.iterdir())) == 3
    assert leaks(out) == []
    ledger = Study.load(study).profiles().ledger
    dropped = ledger.loc[ledger["entry"] == "column", ["table", "reason"]].groupby("table").size()
    assert dropped.to_dict() == {
        "sites": 1, "people": 2, "leads": 5, "informants": 2, "staff": 1, "visits": 1,
    }  # fmt: skip


def test_no_result_of_a_run_holds_a_personal_value(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    study, out = write_study(tmp_path / "study", "duckdb"), tmp_path / "out"
    spec = study.parent / "spec.toml"
    words = ["run", study, "--out", out, "--spec", spec, "--workers", 1]
    # In a process of its own, whose warnings and log would be seen as well.
    done = subprocess.run(
        [sys.executable, "-m", "site_typology.cli", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not shown(done.stdout + done.stderr)
    assert (out / "report.html").is_file()
    assert list(out.rglob("*.db")), "the store of runs is there"
    assert leaks(out) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('unique = ["Email Address"]', 'unique = ["First name"]', "stands more than once"),
        ('on = "email", key', 'on = "email", key = "First name" } # key', "None of 48 rows"),
        ('key = "Email Address"', 'key = "First name"', "stand for more than one site"),
        ('site = "place"', 'site = "note"', "'note' is a personal column"),
        ('site = "place"', 'site = "place"\nweight = "V5"', "'V5' is a personal column"),
        ('site = "place"', 'site = "place"\nround = "V5"', "'V5' is a personal column"),
        ('site = "place"', 'site = "place"\ncolumns.V5.range = [1, 2]', ""),
        (
            'column = "Q1"',
            'column = "V5"',
            "Column 'V5' of table 'leads' is personal",
        ),
        (
            'site = "place"',
            'site = "place"\nwhere = [{ column = "V5", values = ["none"] }]',
            "are personal and not shown",
        ),
    ],
)
def test_no_message_holds_a_personal_value(study: Path, old: str, new: str, said: str) -> None:
    text = study.read_text()
    assert old in text
    study.write_text(text.replace(old, new))
    message = ""
    try:
        Study.load(study).profiles()
    except StudyError as error:
        message = str(error)
    assert said in message
    assert bool(said) == bool(message)
    assert not shown(message)


def test_a_first_study_file_holds_no_personal_value(study: Path) -> None:
    study.unlink()
    assert not shown(said_by("init", study.parent) + study.read_text())
