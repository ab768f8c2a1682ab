"""The simulated register and its file of links: features of settings equal sums by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from site_typology.errors import Problems
from site_typology.features.linking import read_tables
from site_typology.features.profiler import build_profiles
from site_typology.profiles import SiteProfiles
from site_typology.simulation import simulate
from site_typology.study_file import parse_declaration

FEATURES = {
    "size": {"builder": "setting_size"},
    "need": {"builder": "setting_need"},
    "sen": {"builder": "setting_need", "args": {"measure": "sen"}},
    "rural": {"builder": "setting_rurality"},
    "spread": {"builder": "setting_spread"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("register") / "study"
    return simulate(where, scenario="well_measured", sites=40, seed=5).parent


def text(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / name, dtype=str, encoding="cp1252", keep_default_na=False)


def profiles(folder: Path, **link: str) -> SiteProfiles:
    content = {
        "study": {"name": "register", "sites": "sites"},
        "tables": {
            "sites": {"path": "sites.csv", "site": "site"},
            "list": {"path": "participating_settings.csv", "site": "site"},
            "settings": {
                "path": "settings.csv",
                "format": "gias",
                "link": {"table": "list", "on": "URN", **link},
            },
        },
        "features": [
            {"name": name, **given, "args": {"table": "settings", **given.get("args", {})}}
            for name, given in FEATURES.items()
        ],
    }
    found = Problems("study.toml")
    tables = read_tables(parse_declaration(content), folder, found)
    found.raise_if_any()
    return build_profiles(tables)


def open_settings(folder: Path, *, followed: bool) -> pd.DataFrame:
    """Open settings of each site by a route of its own: merges of whole tables."""
    register, links = text(folder, "settings.csv"), text(folder, "settings_links.csv")
    listed = text(folder, "participating_settings.csv")[["URN", "site"]]
    if followed:
        after = links[links["LinkType"].str.startswith("Successor")]
        new = listed.merge(after, on="URN")[["LinkURN", "site"]].set_axis(["URN", "site"], axis=1)
        listed = pd.concat([listed, new]).drop_duplicates()
    rows = register.merge(listed, on="URN")
    return rows[rows["EstablishmentStatus (name)"] == "Open"]


@pytest.mark.parametrize("followed", [False, True])
def test_features_equal_sums_over_the_files(folder: Path, followed: bool) -> None:
    link = {"successors": "settings_links.csv"} if followed else {}
    values = profiles(folder, **link).values.droplevel(1)
    rows = open_settings(folder, followed=followed)
    names = ["NumberOfPupils", "FSM", "SENStat", "SENNoStat", "Easting", "Northing"]
    numbers = rows[names].apply(pd.to_numeric).assign(site=rows["site"])
    grouped = numbers.groupby("site")
    np.testing.assert_array_equal(values["size"], grouped.size())
    for name, columns in {"need": ["FSM"], "sen": ["SENStat", "SENNoStat"]}.items():
        known = numbers.dropna(subset=[*columns, "NumberOfPupils"]).groupby("site").sum()
        share = known[columns].sum(axis=1) / known["NumberOfPupils"]
        np.testing.assert_allclose(values[name], share)
    rural = rows["UrbanRural (name)"].str.contains("Rural").groupby(rows["site"]).mean()
    np.testing.assert_allclose(values["rural"], rural)
    variance = grouped[["Easting", "Northing"]].var(ddof=0).sum(axis=1)
    np.testing.assert_allclose(values["spread"], np.sqrt(variance) / 1000)


def test_following_finds_settings_that_closures_would_lose(folder: Path) -> None:
    without = open_settings(folder, followed=False).groupby("site").size()
    entries = profiles(folder, successors="settings_links.csv").ledger
    account = entries[entries["entry"] == "settings of list"]
    listed = text(folder, "participating_settings.csv")
    assert account.groupby("site")["n"].sum().to_dict() == listed.groupby("site").size().to_dict()
    found = account.groupby("reason")["n"].sum()
    assert found["open in the register"] == without.sum()
    assert found["followed to its successor"] > 10
    assert found["closed without an open successor"] > 0
    assert found["merged into a setting that is counted already"] > 0


def test_settings_lie_about_the_centre_of_their_site(folder: Path) -> None:
    spread = profiles(folder).values["spread"]
    # Widths are 3 to 15 km in either direction, so the standard distance is 1.4 times as much.
    assert spread.between(3, 25).all()
    assert spread.max() > 2.5 * spread.min()
