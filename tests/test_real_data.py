"""The three studies of real data, end to end; expected figures were computed by plain pandas."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from site_typology.study import Study

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("SITE_TYPOLOGY_DATA", ROOT.parent / "shared" / "data"))
NAMES = ("nyc2011", "pisa2003_nld", "talis2018_ita")

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(
        not all((DATA / name).is_dir() for name in NAMES),
        reason=f"The real data are not in {DATA}; set SITE_TYPOLOGY_DATA to where they are.",
    ),
]


def study_file(name: str) -> Path:
    return ROOT / "examples" / name / "study.toml"


@functools.cache
def load(name: str) -> Study:
    os.environ.setdefault("SITE_TYPOLOGY_DATA", str(DATA))
    return Study.load(study_file(name))


def cells(study: Study, feature: str) -> pd.DataFrame:
    """One feature, one row a site: value, standard_error, n, reason."""
    long = study.profiles().to_long()
    return long[long["feature"] == feature].set_index("site")


def rows(study: Study, table: str) -> dict[str, int]:
    """Rows of a table by outcome."""
    ledger = study.profiles().ledger
    ledger = ledger[(ledger["table"] == table) & (ledger["entry"] == "rows")]
    return {str(k): int(v) for k, v in ledger.groupby("outcome")["n"].sum().items()}


def icc1(study: Study, feature: str) -> float:
    return study.profiles().info(feature).measurement["icc1"]


def survey() -> pd.DataFrame:
    """The city's survey as text, without the row that is cut."""
    path = DATA / "nyc2011" / "survey_all.txt"
    frame = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, encoding="utf-8-sig")
    return frame.set_index("dbn").iloc[:-1]


# --- New York City ---------------------------------------------------------------------------


def test_nyc_links_and_sets_aside() -> None:
    study = load("nyc2011")
    assert len(study.tables.sites) == 454
    assert "09X404" not in study.tables.sites  # the row in which the file ends
    assert rows(study, "schools") == {"used": 454, "set aside": 1}
    # 1,498 rows of 2010-11, of which 450 are of schools in the survey (one of them 09X404).
    assert rows(study, "demographics") == {"used": 449, "set aside": 10_075 - 449}
    assert sum(rows(study, "classes").values()) == 27_611


def test_nyc_pupils_are_absent_where_they_are_not_surveyed() -> None:
    reasons = cells(load("nyc2011"), "pupils_safety")["reason"]
    counts = reasons.value_counts().to_dict()
    assert counts == {"": 298, "structurally absent": 153, "not answered": 3}
    assert set(reasons.index[reasons == "not answered"]) == {"01M450", "02M545", "08X269"}
    silent = cells(load("nyc2011"), "parents_safety")["reason"]
    assert silent[silent != ""].to_dict() == {"03M577": "not answered", "05M410": "not answered"}


def test_nyc_scores_are_those_of_the_city() -> None:
    """Item means rebuilt from counts differ from the city's by its rounding to one decimal."""
    published = survey()
    declared = tomllib.loads(study_file("nyc2011").read_text(encoding="utf-8"))
    for feature in declared["features"]:
        if feature["builder"] != "tabulated" or feature.get("kind") == "share":
            continue
        group = feature["args"]["pattern"][0]
        items = [f"{group}_{item}" for item in feature["args"]["items"]]
        numbers = published[items].apply(pd.to_numeric, errors="coerce")
        ours = cells(load("nyc2011"), feature["name"])["value"].astype(float)
        difference = (ours - numbers.mean(axis=1)).abs()
        assert difference.median() < 0.03, feature["name"]
        assert difference.quantile(0.95) < 0.1, feature["name"]


def test_nyc_class_size_reads_thousands_and_padded_keys() -> None:
    """Independent: seats over sections, of which 231 cells are written like 1,013."""
    frame = pd.read_csv(DATA / "nyc2011" / "class_size.csv", dtype=str, encoding="utf-8-sig")
    frame = frame[frame["PROGRAM TYPE"].isin(["GEN ED", "CTT", "G&T"])]
    key = frame["CSD"].str.zfill(2) + frame["SCHOOL CODE"]
    seats = frame["NUMBER OF STUDENTS / SEATS FILLED"].str.replace(",", "").astype(float)
    sections = frame["NUMBER OF SECTIONS"].astype(float)
    expected = seats.groupby(key).sum() / sections.groupby(key).sum()
    ours = cells(load("nyc2011"), "class_size")["value"].astype(float).dropna()
    assert len(ours) == 442
    np.testing.assert_allclose(ours, expected[ours.index], rtol=1e-9)


def test_nyc_response_keeps_to_what_the_city_states() -> None:
    """At 5 schools more parents answered than were eligible; no share may pass 1 for that."""
    response = cells(load("nyc2011"), "response_parents")["value"].astype(float)
    assert response.min() == 0
    assert response.max() <= 100


# --- Netherlands -----------------------------------------------------------------------------


def test_pisa_links_every_key() -> None:
    study = load("pisa2003_nld")
    assert len(study.tables.sites) == 154
    assert rows(study, "roll") == {"used": 3992}
    assert rows(study, "pupils") == {"used": 3908, "set aside": 84}
    reasons = cells(study, "belonging")["reason"]
    unasked = dict.fromkeys(["95", "97", "111", "127"], "not asked")
    assert reasons[reasons != ""].to_dict() == unasked
    ratio = cells(study, "pupils_per_teacher")
    assert (ratio["reason"] != "").sum() == 23  # 15 %
    track = cells(study, "track")["value"].value_counts().to_dict()
    assert track == {"general": 62, "vocational": 59, "pre-vocational": 33}


@pytest.mark.parametrize(
    ("name", "published", "from_items"),
    [
        ("belonging", 0.038, 0.036),
        ("attitude_school", 0.047, 0.045),
        ("teacher_support", 0.064, 0.067),
        ("relations", 0.077, 0.078),
        ("discipline", 0.101, 0.101),
    ],
)
def test_pisa_intraclass_correlations(name: str, published: float, from_items: float) -> None:
    """The OECD's own scores give the ICC(1) of the data README; item means come near it."""
    study = load("pisa2003_nld")
    assert icc1(study, f"oecd_{name}") == pytest.approx(published, abs=0.0006)
    assert icc1(study, name) == pytest.approx(from_items, abs=0.0006)
    ours, theirs = (cells(study, each)["value"].astype(float) for each in (name, f"oecd_{name}"))
    assert ours.corr(theirs) > 0.9  # so no key is reversed


def test_pisa_background_varies_between_schools() -> None:
    assert icc1(load("pisa2003_nld"), "background") == pytest.approx(0.228, abs=0.0006)


# --- Italy -----------------------------------------------------------------------------------


def test_talis_links_and_gaps() -> None:
    study = load("talis2018_ita")
    assert len(study.tables.sites) == 192
    assert rows(study, "principals") == {"used": 192}
    assert rows(study, "teachers") == {"used": 3612}
    found = cells(study, "work_environment")["reason"]
    assert found[found != ""].to_dict() == {"3127": "not asked"}  # the school without teachers
    leavers = cells(study, "leavers")["reason"]
    assert set(leavers.index[leavers == "not asked"]) == {"3049", "3082"}  # not administered
    sector = cells(study, "sector")["value"].value_counts().to_dict()
    assert sector == {"public": 179, "private": 11}


def test_talis_user_missing_codes_are_no_numbers() -> None:
    """999 teachers on roll, or 9 for a band, would be a missing code taken at its word."""
    study = load("talis2018_ita")
    roll = cells(study, "teachers_on_roll")["value"].astype(float)
    assert roll.notna().sum() == 187
    assert roll.max() < 990
    assert cells(study, "leavers")["value"].astype(float).max() < 1.5


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("work_environment", 0.088),
        ("profession", 0.026),
        ("stress_wellbeing", 0.053),
        ("stress_workload", 0.032),
        ("stress_behaviour", 0.048),
        ("self_efficacy", 0.037),
        ("cooperation", 0.046),
    ],
)
def test_talis_intraclass_correlations(name: str, expected: float) -> None:
    assert icc1(load("talis2018_ita"), name) == pytest.approx(expected, abs=0.0006)


# --- End to end ------------------------------------------------------------------------------


SPECIFICATION = """
algorithms = ["kmeans"]
spaces = ["features"]
draws = 4
bootstraps = 10
reference_draws = 19
number_resamples = 10
agreement_replicates = 10
power_replicates = 10
separations = [6.0]
"""
"""A look at whether it runs; `docs/real-data.md` has the figures of a full search."""

# One process for the three, because compiling what draws the map takes longer than the rest.
RUN_ALL = """
import sys
from site_typology.cli import main

spec, out, *studies = sys.argv[1:]
for study in studies:
    name = study.split("/")[-2]
    arguments = ["run", study, "--out", f"{out}/{name}", "--spec", spec, "--seed", "1"]
    try:
        main([*arguments, "--workers", "1"])
    except SystemExit as ended:
        if ended.code:
            raise
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the results of the command ``site-typology run``, one folder a study."""
    folder = tmp_path_factory.mktemp("runs")
    spec = folder / "look.toml"
    spec.write_text(SPECIFICATION, encoding="utf-8")
    studies = [study_file(name).as_posix() for name in NAMES]
    command = [sys.executable, "-c", RUN_ALL, str(spec), str(folder), *studies]
    environment = {**os.environ, "SITE_TYPOLOGY_DATA": str(DATA)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_runs_end_to_end(name: str, runs: Path) -> None:
    evidence = json.loads((runs / name / "evidence.json").read_text(encoding="utf-8"))
    assert evidence["verdict"] in ("supported", "tentative", "not supported", "insufficient")
    assert {rule["name"] for rule in evidence["rules"]} >= {"null_test", "stability"}
    members = pd.read_csv(runs / name / "memberships.csv", dtype={"site": str})
    assert list(members["site"]) == list(load(name).tables.sites)
    assert (members["type"].notna() | members["reason"].notna()).all()
    report = (runs / name / "report.html").read_text(encoding="utf-8")
    assert load(name).title in report


def test_climate_is_not_reported_as_a_typology_of_level(runs: Path) -> None:
    members = pd.read_csv(runs / "nyc2011" / "memberships.csv", dtype={"site": str})
    assert level_agreement(members) < 0.15


def test_sites_without_informants_are_not_placed(runs: Path) -> None:
    members = pd.read_csv(runs / "talis2018_ita" / "memberships.csv", dtype={"site": str})
    reason = members.set_index("site")["reason"]["3127"]
    assert reason.startswith("not enough data")


def level_agreement(members: pd.DataFrame) -> float:
    """Adjusted Rand index of the types and the level of the school; 0 without types."""
    from sklearn.metrics import adjusted_rand_score

    placed = members.dropna(subset=["type"])
    if placed.empty:
        return 0.0
    level = survey()["schooltype"][placed["site"]]
    return float(adjusted_rand_score(level, placed["type"]))


def test_paths_follow_the_environment() -> None:
    """Study files name no machine: data are beside the repository or where a variable says."""
    for name in NAMES:
        paths = re.findall(r'^path = "(.*)"', study_file(name).read_text(encoding="utf-8"), re.M)
        assert paths
        for path in paths:
            assert path.startswith("${SITE_TYPOLOGY_DATA:-../../../shared/data}/")
