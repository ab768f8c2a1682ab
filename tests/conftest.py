"""Small studies with known types, and typologies proposed for them once a session."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from site_typology import FeatureInfo, ProposeSettings, SiteProfiles, Typology, propose

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

QUICK = ProposeSettings(
    algorithms=("kmeans", "hdbscan"),
    spaces=("features",),
    draws=3,
    bootstraps=8,
    stability_references=2,
    reference_draws=19,
    number_resamples=4,
    agreement_replicates=4,
    power_replicates=3,
    separations=(8.0,),
)


def simulate_profiles(
    types: int, n: int = 30, apart: float = 12.0, seed: int = 1
) -> tuple[SiteProfiles, pd.Series]:
    """Sites with five measured features, gaps, one poorly observed site and a lead organisation."""
    random = np.random.default_rng(seed)
    truth = np.arange(n) % types
    centres = np.eye(max(types, 2), 5)[:types] * apart / np.sqrt(2)
    true = centres[truth] + random.normal(size=(n, 5))
    sites = [f"Site {at:02d}" for at in range(n)]
    names = ["wsa", "clinical", "need", "advice", "reach"]
    error = 0.5
    values = pd.DataFrame(true + error * random.normal(size=true.shape), sites, names)
    values = values.mask(random.random(true.shape) < 0.05)
    values.loc["Site 07", ["wsa", "clinical", "need", "advice"]] = np.nan
    errors = pd.DataFrame(error, sites, names)
    values["lead"] = np.where(random.random(n) < 0.5, "NHS", "charity")
    kinds = {"need": FeatureInfo("need", unit="points"), "lead": "category"}
    profiles = SiteProfiles.from_frame(values, errors, kinds=kinds)
    return profiles, pd.Series(truth + 1, sites)


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """The one Spark session of all tests, on one core; it starts slowly."""
    sql = pytest.importorskip("pyspark.sql")
    builder = sql.SparkSession.builder.master("local[1]")
    for name, value in {
        "spark.sql.shuffle.partitions": "1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, or the one that ``CHROMIUM`` names; without one, the test is skipped."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chrome")
    if not chromium:
        pytest.skip("no chromium; set CHROMIUM to one")
    from playwright.sync_api import sync_playwright

    # A name that somebody had made point to this machine.
    rules = "--host-resolver-rules=MAP rebound.example 127.0.0.1"
    with sync_playwright() as driver:
        running = driver.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", rules]
        )
        yield running
        running.close()


@pytest.fixture(scope="session")
def violations() -> Callable[[Page], dict[str, list[str]]]:
    """Have axe-core look at a page: what breaks each of its rules, by rule."""
    from axe_playwright_python.sync_playwright import Axe

    axe = Axe()

    def found(page: Page) -> dict[str, list[str]]:
        told = axe.run(page).response
        assert len(told["passes"]) > 15, "axe-core did not look at the page"
        return {
            rule["id"]: [node["html"][:200] for node in rule["nodes"]]
            for rule in told["violations"]
        }

    return found


@pytest.fixture(scope="session")
def quick() -> ProposeSettings:
    """Few draws: for tests of the road, not of its figures."""
    return QUICK


@pytest.fixture(scope="session")
def typed_profiles() -> SiteProfiles:
    """Thirty sites of three types far apart."""
    return simulate_profiles(3)[0]


@pytest.fixture(scope="session")
def true_types() -> pd.Series:
    """Types behind `typed_profiles`."""
    return simulate_profiles(3)[1]


@pytest.fixture(scope="session")
def many_profiles() -> tuple[SiteProfiles, pd.Series]:
    """A hundred and fifty sites of three types far apart, and their types."""
    return simulate_profiles(3, n=150)


@pytest.fixture(scope="session")
def typed(typed_profiles: SiteProfiles) -> Typology:
    """Typology of `typed_profiles`, supported."""
    return propose(typed_profiles, seed=5, settings=QUICK, name="typed")


@pytest.fixture(scope="session")
def unsure() -> Typology:
    """Forty-five sites of three types nearer to each other: some sites are not sure of theirs."""
    profiles = simulate_profiles(3, n=45, apart=4.5)[0]
    settings = dataclasses.replace(QUICK, agreement_replicates=30)
    typology = propose(profiles, seed=1, settings=settings, name="unsure")
    assert typology.evidence.claimed and typology.model.temperature > 1.3
    return typology


@pytest.fixture(scope="session")
def unplaced() -> Typology:
    """Ninety sites of three types near each other: they show, and sites cannot be placed."""
    profiles = simulate_profiles(3, n=90, apart=4.0, seed=2)[0]
    return propose(profiles, seed=5, settings=QUICK, name="unplaced")


@pytest.fixture(scope="session")
def untyped() -> Typology:
    """Typology of thirty sites without types: none is claimed."""
    return propose(simulate_profiles(1, seed=4)[0], seed=5, settings=QUICK, name="untyped")
