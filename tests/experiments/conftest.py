"""One real proposal, logged once, for the tests of tracking."""

import os

import numpy as np
import pandas as pd
import pytest

from site_typology.experiments.origin import Origin
from site_typology.experiments.review import decide
from site_typology.experiments.runner import run_study
from site_typology.experiments.spec import read_spec
from site_typology.experiments.store import choose_store
from site_typology.experiments.tracking import log_typology
from site_typology.explain import explain
from site_typology.grid import Grid
from site_typology.output import write_outputs, write_tables
from site_typology.profiles import SiteProfiles
from site_typology.proposal import propose
from site_typology.report import report_html
from site_typology.settings import ProposeSettings
from site_typology.study import Study

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

FEATURES = ("wsa", "activity", "need")
SPEC = """
algorithms = ["ward"]
spaces = ["features"]
draws = 3
bootstraps = 10
reference_draws = 19
number_resamples = 10
agreement_replicates = 10
power_replicates = 10
separations = [6.0]
"""


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
def outputs(typology, tmp_path_factory):
    """Stand for the folder of a run: its tables, and a report and a figure that say nothing."""
    folder = tmp_path_factory.mktemp("run") / "out"
    (folder / "figures").mkdir(parents=True)
    write_tables(folder, typology)
    report = "<!doctype html><title>Report</title><main>\n</main>"
    (folder / "report.html").write_text(report, encoding="utf-8")
    (folder / "figures" / "map.svg").write_text("<svg/>", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def tracked(typology, origin, outputs):
    """The proposal in a local database."""
    assert "MLFLOW_TRACKING_URI" not in os.environ
    return log_typology(typology, origin, choose_store(outputs), folder=outputs)


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """24 sites of three kinds in one table of columns."""
    folder = tmp_path_factory.mktemp("study")
    rng = np.random.default_rng(1)
    centres = np.array([[2.0, 3.0, 0.1], [5.0, 3.0, 0.5], [2.0, 9.0, 0.9]])[np.arange(24) % 3]
    frame = pd.DataFrame(centres + rng.normal(scale=[0.2, 0.3, 0.02], size=(24, 3)))
    frame.columns = FEATURES
    frame.insert(0, "site", [f"T{at:02d}" for at in range(24)])
    frame.loc[3, "activity"] = np.nan
    frame.to_csv(folder / "sites.csv", index=False)
    features = "".join(
        f'[[features]]\nname = "{name}"\nbuilder = "column"\n'
        f'args = {{ table = "sites", column = "{name}" }}\n'
        for name in FEATURES
    )
    (folder / "study.toml").write_text(
        '[study]\nname = "Three kinds"\nsites = "sites"\n'
        '[tables.sites]\npath = "sites.csv"\nrole = "sites"\nsite = "site"\n' + features
    )
    (folder / "small.toml").write_text(SPEC)
    return Study.load(folder / "study.toml")


@pytest.fixture(scope="session")
def settings(study):
    return read_spec(study.path.parent / "small.toml", study.declaration)


@pytest.fixture(scope="session")
def result(study, settings, tmp_path_factory):
    out = tmp_path_factory.mktemp("result") / "out"
    grid = Grid(algorithms=("mixture", "ward"), k=(3,), draws=2, bootstraps=2)
    return run_study(study, out=out, settings=settings, grid=grid, seed=1)


@pytest.fixture(scope="session")
def registry(tmp_path_factory):
    """A database for models that are decided on."""
    return choose_store(tmp_path_factory.mktemp("registry"))


@pytest.fixture(scope="session")
def unclaimed(small, tmp_path_factory):
    """A proposal without types, and its output folder."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(rng.normal(size=(12, 3)), columns=["wsa", "activity", "need"])
    nothing = propose(SiteProfiles.from_frame(frame), seed=1, settings=small, name="Cloud")
    assert not nothing.evidence.claimed
    why = explain(nothing, seed=1)
    report = report_html(nothing, why)
    out = tmp_path_factory.mktemp("unclaimed") / "out"
    return nothing, write_outputs(out, nothing, nothing.profiles, report, {}, why)


@pytest.fixture
def logged(result, unclaimed, registry, request):
    """Log a proposal under a study of this test's own; return the name of its model."""

    def log(claimed=True, typology=None):
        made, folder = (result.typology, result.out) if claimed else unclaimed
        name = request.node.name[:60].replace("[", " ").replace("]", "")
        return log_typology(typology or made, Origin(name), registry, folder=folder).model

    return log


@pytest.fixture
def decided(registry):
    def call(model, version="", *, approve=True, **more):
        given = {"reviewer": "R. Lee", "reason": "Fits what site leads say.", **more}
        return decide(model, version, approve=approve, tracking_uri=registry.uri, **given)

    return call
