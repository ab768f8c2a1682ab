"""The study that a simulation writes, read and built like any other, against its truth."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from site_typology.errors import Problems
from site_typology.features.linking import read_tables
from site_typology.features.profiler import build_profiles
from site_typology.features.tables import StudyTables
from site_typology.profiles import SiteProfiles
from site_typology.simulation import simulate
from site_typology.study_file import read_declaration


def read(study: Path) -> StudyTables:
    found = Problems(study.name)
    tables = read_tables(read_declaration(study), study.parent, found)
    found.raise_if_any()
    return tables


def truth_of(study: Path, name: str) -> pd.DataFrame:
    frame = pd.read_csv(study.parent / "truth" / name, dtype={"site": str, "round": str})
    return frame.set_index(["site", "round"])


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(tmp_path_factory.mktemp("s") / "w", scenario="well_measured", seed=21)


@pytest.fixture(scope="module")
def tables(study: Path) -> StudyTables:
    return read(study)


@pytest.fixture(scope="module")
def profiles(tables: StudyTables) -> SiteProfiles:
    return build_profiles(tables)


def test_every_site_and_row_is_accounted_for(study: Path, tables: StudyTables) -> None:
    sites = pd.read_csv(study.parent / "sites.csv")["site"].tolist()
    assert list(tables.sites) == sites
    assert set(tables.tables) == set(tables.declaration.tables)
    ledger = tables.ledger
    for name in tables.tables:
        listed = ledger[(ledger["table"] == name) & (ledger["entry"] == "site")]
        assert sorted(listed["site"]) == sites
    rows = ledger[ledger["entry"] == "rows"].groupby("table")["n"].sum()
    for name, file in (("workforce", "workforce.csv"), ("activity", "activity.csv")):
        assert rows[name] == len(pd.read_csv(study.parent / file, dtype=str))


def test_what_is_left_out_of_the_survey_is_said(tables: StudyTables) -> None:
    ledger = tables.ledger[tables.ledger["table"] == "settings_survey"]
    aside = ledger[(ledger["entry"] == "rows") & (ledger["outcome"] == "set aside")]
    assert aside.groupby("reason")["n"].sum()["survey preview"] == 6
    assert "linked to nothing" in set(aside["reason"])
    dropped = set(ledger.loc[ledger["entry"] == "column", "reason"])
    assert any("IPAddress" in reason for reason in dropped)
    assert any("RecipientEmail" in reason for reason in dropped)


def test_reasons_of_missing_answers_survive(tables: StudyTables) -> None:
    for table, column in (("key_informants", "o1"), ("settings_survey", "Q2_1")):
        reasons = set(tables.tables[table].collect_reasons()[column])
        assert {"don't know", "not applicable"} < reasons


def test_profiles_have_every_site_and_round(study: Path, profiles: SiteProfiles) -> None:
    truth = truth_of(study, "profiles.csv")
    assert sorted(profiles.values.index) == sorted(truth.index)
    build = profiles.select(use="build", round="2")
    assert len(build.features) == 18
    assert build.values.isna().to_numpy().mean() < 0.03


def test_profiles_follow_the_truth(study: Path, profiles: SiteProfiles) -> None:
    truth = truth_of(study, "profiles.csv").reindex(profiles.values.index)
    build = profiles.select(use="build")
    assert [info.name for info in build.features if info.name not in truth] == []
    now = build.values.index.get_level_values("round") == "2"
    together = {
        info.name: build.values.loc[now, info.name].corr(truth.loc[now, info.name])
        for info in build.features
    }
    assert {name: round(r, 2) for name, r in together.items() if r <= 0.8} == {}


def test_errors_are_as_large_as_stated(study: Path, profiles: SiteProfiles) -> None:
    """Deviations from what everyone invited would have said, in standard errors."""
    census = truth_of(study, "census.csv").reindex(profiles.values.index)
    errors = profiles.standard_errors[census.columns]
    deviations = (profiles.values[census.columns] - census) / errors.where(errors > 0)
    spread = np.sqrt((deviations.astype(float) ** 2).mean())
    assert spread.between(0.75, 1.3).all(), spread.round(2).to_dict()


def test_types_can_be_told_from_true_profiles_only_where_they_exist(
    study: Path, tmp_path: Path
) -> None:
    """Share of a feature's variance that lies between the true types."""

    def between(path: Path, grouping: pd.Series) -> float:
        levels = pd.read_csv(path.parent / "truth" / "levels.csv", dtype={"round": str})
        levels = levels[levels["round"] == "2"].set_index("site").drop(columns="round")
        means = levels.groupby(grouping.reindex(levels.index)).transform("mean")
        return float((means.var() / levels.var()).mean())

    types = pd.read_csv(study.parent / "truth" / "types.csv", index_col="site")["type"]
    assert between(study, types) > 0.5
    none = simulate(tmp_path / "none", scenario="well_measured", types=0, seed=21)
    assert between(none, types) < 0.05


@pytest.mark.parametrize(("sites", "seed"), [(25, 1), (5, 2)])
def test_the_published_situation_loads_without_a_problem(
    tmp_path: Path, sites: int, seed: int
) -> None:
    tables = read(simulate(tmp_path / "t", sites=sites, seed=seed))
    profiles = build_profiles(tables)
    assert len(profiles.sites) == sites
    gaps = profiles.values.isna()
    assert not ((profiles.reasons == "") & gaps).to_numpy().any()
    response = profiles.response.groupby("table")[["responded", "eligible"]].sum()
    rate = response["responded"] / response["eligible"]
    assert 0.15 < rate["key_informants"] < 0.45
    assert 0.05 < rate["settings_survey"] < 0.25
