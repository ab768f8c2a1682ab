"""One real proposal, logged once, for the tests of tracking."""

import os

import numpy as np
import pandas as pd
import pytest

from site_typology.experiments.origin import Origin
from site_typology.experiments.store import choose_store
from site_typology.experiments.tracking import log_typology
from site_typology.profiles import SiteProfiles
from site_typology.proposal import propose
from site_typology.settings import ProposeSettings

SMALL = ProposeSettings(
    algorithms=("ward",),
    spaces=("features",),
    max_types=3,
    draws=3,
    bootstraps=5,
    reference_draws=19,
    number_resamples=4,
    agreement_replicates=3,
    power_replicates=2,
    separations=(6.0,),
)


def three_types(sites=24, seed=1):
    """Profiles of three types far apart, with errors that two features share, and one gap."""
    rng = np.random.default_rng(seed)
    kinds = np.arange(sites) % 3
    centres = np.array([[2.0, 3.0, 0.1], [5.0, 3.0, 0.5], [2.0, 9.0, 0.9]])
    frame = pd.DataFrame(
        centres[kinds] + rng.normal(scale=[0.2, 0.3, 0.01], size=(sites, 3)),
        columns=["wsa", "activity", "leavers"],
        index=[f"T{at:02d}" for at in range(sites)],
    )
    frame.loc["T03", "activity"] = np.nan
    frame["lead"] = ["=trust", "school"] * (sites // 2)
    errors = pd.DataFrame({"wsa": 0.1, "activity": 0.1}, index=frame.index)
    counts = pd.DataFrame({"wsa": 6.0, "activity": 6.0}, index=frame.index)
    made = SiteProfiles.from_frame(frame, errors, counts, kinds={"leavers": "share"})
    made.error_correlation.loc["wsa", "activity"] = 0.5
    made.error_correlation.loc["activity", "wsa"] = 0.5
    return made


@pytest.fixture(scope="session")
def small():
    """Settings that take a second."""
    return SMALL


@pytest.fixture(scope="session")
def typology():
    return propose(three_types(), seed=3, settings=SMALL, name="Trailblazer: wave 1")


@pytest.fixture(scope="session")
def origin():
    return Origin("Trailblazer: wave 1", "f" * 64)


@pytest.fixture(scope="session")
def outputs(tmp_path_factory):
    """Stand for the folder of a run: some of its files."""
    folder = tmp_path_factory.mktemp("run") / "out"
    (folder / "figures").mkdir(parents=True)
    (folder / "report.html").write_text("<!doctype html><title>Report</title>", encoding="utf-8")
    (folder / "figures" / "map.svg").write_text("<svg/>", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def tracked(typology, origin, outputs):
    """The proposal in a local database."""
    assert "MLFLOW_TRACKING_URI" not in os.environ
    return log_typology(typology, origin, choose_store(outputs), folder=outputs)
