"""Settings by type first and phase next, closed ones set aside."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from site_typology.errors import StudyError
from site_typology.features.profiler import build_profiles

TYPE, PHASE, STATUS = (
    "TypeOfEstablishment (code)",
    "PhaseOfEducation (name)",
    "EstablishmentStatus (name)",
)
MIX = {"name": "mix", "builder": "setting_mix", "args": {"table": "settings"}}
DIVERSITY = {"name": "div", "builder": "setting_diversity", "args": {"table": "settings"}}


def register(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["site", TYPE, PHASE, STATUS, "NumberOfPupils"])


ROWS = register(
    [
        ("A", "01", "Primary", "Open", 200),
        ("A", "02", "Middle deemed primary", "Open, but proposed to close", 300),
        ("A", "28", "Secondary", "Open", 900),
        ("A", "07", "Not applicable", "Open", 100),
        ("A", "01", "Primary", "Closed", 250),
        ("B", "14", "Not applicable", "Open", 40),
        ("B", "18", "Not applicable", "Open", np.nan),
        ("B", "01", "16 plus", "Open", 500),
        ("B", "11", "Not applicable", "Open", 60),
        ("B", "6", "Not applicable", "Open", 60),
        ("B", "28", "Secondary", "Proposed to open", np.nan),
        ("C", "28", "Secondary", "Closed", 700),
    ]
)


def test_type_first_then_phase_and_open_settings_only(study):
    profiles = build_profiles(study({"settings": ROWS}, [MIX, DIVERSITY]))
    assert [info.name for info in profiles.features[:-1]] == [
        "mix.primary", "mix.secondary", "mix.post_16",
        "mix.special", "mix.alternative_provision", "mix.independent",
    ]  # fmt: skip
    assert profiles.values.loc[("A", "all")].tolist() == pytest.approx(
        [0.5, 0.25, 0, 0.25, 0, 0, 0.625]
    )
    assert profiles.values.loc[("B", "all")].tolist() == pytest.approx(
        [0, 0, 0.4, 0, 0.2, 0.4, 0.64]
    )
    assert profiles.values.loc[("C", "all")].isna().all()
    assert profiles.counts.loc[("A", "all"), "mix.primary"] == 4
    aside = profiles.ledger[profiles.ledger["entry"] == "feature mix"]
    found = aside[["site", "reason", "n"]].to_numpy().tolist()
    assert found == [["A", "closed", 1], ["B", "not yet open", 1], ["C", "closed", 1]]
    assert set(aside["outcome"]) == {"set aside"}


def test_pupils_weight_settings_and_coverage_is_said(study):
    weighted = {**MIX, "args": {"table": "settings", "weight": "NumberOfPupils"}}
    profiles = build_profiles(study({"settings": ROWS}, [weighted]))
    assert profiles.values.loc[("A", "all"), "mix.primary"] == pytest.approx(500 / 1500)
    # The college has no number of pupils, so the sixth form centre stands alone.
    assert profiles.values.loc[("B", "all"), "mix.post_16"] == pytest.approx(500 / 660)
    assert profiles.info("mix.primary").measurement["coverage"] == pytest.approx(8 / 9)


def test_codes_read_as_numbers_are_the_same_codes(study):
    numbers = ROWS.assign(**{TYPE: ROWS[TYPE].astype(float)})
    one = build_profiles(study({"settings": ROWS}, [MIX]))
    two = build_profiles(study({"settings": numbers}, [MIX]))
    pd.testing.assert_frame_equal(one.values, two.values)


def test_a_register_without_its_columns_or_of_one_kind_is_refused(study):
    renamed = ROWS.rename(columns={TYPE: "TypeOfEstablishment code"})
    with pytest.raises(StudyError, match="Did you mean 'TypeOfEstablishment code'"):
        build_profiles(study({"settings": renamed}, [MIX]))
    with pytest.raises(StudyError, match="found only 'primary'"):
        build_profiles(study({"settings": ROWS.iloc[:2]}, [MIX]))
