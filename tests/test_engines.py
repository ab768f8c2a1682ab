"""A whole study gives the same profiles wherever its rows stay."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from site_typology.simulation import simulate
from site_typology.study import Study


def test_a_whole_study_has_the_same_profiles_in_duckdb(tmp_path: Path) -> None:
    study = simulate(tmp_path / "w", scenario="well_measured", seed=21)
    memory, lazy = Study.load(study), Study.load(study, engine="duckdb")
    pd.testing.assert_frame_equal(lazy.tables.ledger, memory.tables.ledger)
    pd.testing.assert_frame_equal(lazy.tables.response, memory.tables.response)
    mine, expected = lazy.profiles(), memory.profiles()
    for part in ("values", "standard_errors", "counts", "reasons", "error_correlation"):
        pd.testing.assert_frame_equal(
            getattr(mine, part), getattr(expected, part), rtol=1e-9, atol=1e-9
        )
