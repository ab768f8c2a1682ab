"""A whole study gives the same profiles wherever its rows stay."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from site_typology.profiles import SiteProfiles
from site_typology.simulation import simulate
from site_typology.study import Study

HAS_SPARK = importlib.util.find_spec("pyspark") is not None
NEEDS_SPARK = pytest.mark.skipif(not HAS_SPARK, reason="pyspark is absent")
ENGINES = ["pandas", "polars", "duckdb", pytest.param("spark", marks=NEEDS_SPARK)]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    return simulate(folder, scenario="well_measured", sites=24, seed=21)


@pytest.fixture(scope="module")
def memory(path: Path) -> tuple[Study, SiteProfiles]:
    study = Study.load(path)
    return study, study.profiles()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_whole_study_has_the_same_profiles_in_every_engine(
    path: Path,
    memory: tuple[Study, SiteProfiles],
    engine: Any,
    request: pytest.FixtureRequest,
) -> None:
    if engine == "spark":
        request.getfixturevalue("spark")
    study, expected = memory
    lazy = Study.load(path, engine=engine)
    pd.testing.assert_frame_equal(lazy.tables.ledger, study.tables.ledger)
    pd.testing.assert_frame_equal(lazy.tables.response, study.tables.response)
    mine = lazy.profiles()
    for part in ("values", "standard_errors", "counts", "reasons", "error_correlation"):
        pd.testing.assert_frame_equal(
            getattr(mine, part), getattr(expected, part), rtol=1e-9, atol=1e-9
        )
