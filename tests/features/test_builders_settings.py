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
    assert set(profiles.reasons.loc[("C", "all")]) == {"not applicable"}
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


def test_a_kind_without_pupils_is_said_not_to_show(study):
    """Both colleges but the sixth form of B, and one primary of two at A, give no number."""
    rows = [("A", "18", "Not applicable", "Open", np.nan), ("A", "01", "Primary", "Open", np.nan)]
    register_ = pd.concat([ROWS, register(rows)])
    args = {"table": "settings", "weight": "NumberOfPupils"}
    features = [{**MIX, "args": args}, {**DIVERSITY, "args": args}, {**MIX, "name": "n"}]
    profiles = build_profiles(study({"settings": register_}, features))
    assert profiles.values.loc[("A", "all"), "mix.post_16"] == 0
    info = profiles.info("mix.post_16")
    assert "The 3 settings of 11 without 'NumberOfPupils' count as none." in info.definition
    assert len(info.flags) == 1
    assert info.flags[0].startswith("2 of 3 settings of kind 'post_16' have no 'NumberOfPupils'")
    assert "'div' shows too little" in profiles.info("div").flags[0]
    assert profiles.info("n.post_16").flags == ()


def test_codes_read_as_numbers_are_the_same_codes(study):
    numbers = ROWS.assign(**{TYPE: ROWS[TYPE].astype(float)})
    one = build_profiles(study({"settings": ROWS}, [MIX]))
    two = build_profiles(study({"settings": numbers}, [MIX]))
    pd.testing.assert_frame_equal(one.values, two.values)


def test_a_register_without_its_columns_or_of_one_kind_is_refused(study):
    with pytest.raises(StudyError) as caught:
        build_profiles(study({"settings": ROWS.drop(columns=[TYPE, PHASE])}, [MIX, DIVERSITY]))
    neither = f"Table 'settings' has neither '{TYPE}' nor '{PHASE}'"
    assert str(caught.value).count(neither) == 2
    renamed = ROWS.rename(columns={TYPE: "TypeOfEstablishment code"})
    with pytest.raises(StudyError, match="Did you mean 'TypeOfEstablishment code'"):
        build_profiles(study({"settings": renamed}, [declared(type=TYPE)]))
    with pytest.raises(StudyError, match="found only 'primary'"):
        build_profiles(study({"settings": ROWS.iloc[:2]}, [MIX]))


def test_either_type_or_phase_is_enough_and_the_page_says_what_that_cannot_tell(study):
    by_phase = build_profiles(study({"settings": ROWS.drop(columns=TYPE)}, [MIX, DIVERSITY]))
    # The special school of A and all but the sixth form centre of B have no phase.
    assert by_phase.values.loc[("A", "all")].tolist() == pytest.approx([0.5, 0.25, 0, 0.25, 0.625])
    assert by_phase.values.loc[("B", "all")].tolist() == pytest.approx([0, 0, 0.2, 0.8, 0.32])
    assert by_phase.info("mix.other").source == f"settings: {PHASE}"
    assert by_phase.info("mix.other").flags == (
        f"Table 'settings' has no column '{TYPE}', so that 'mix' goes by phase alone and counts "
        "special schools, alternative provision and independent schools as 'other'.",
    )
    assert "'div' goes by phase alone" in by_phase.info("div").flags[0]
    by_type = build_profiles(study({"settings": ROWS.drop(columns=PHASE)}, [MIX]))
    names = [info.name.removeprefix("mix.") for info in by_type.features]
    assert names == ["post_16", "special", "alternative_provision", "independent", "other"]
    assert by_type.values.loc[("A", "all")].tolist() == pytest.approx([0, 0.25, 0, 0, 0.75])
    assert "goes by type alone" in by_type.info("mix.other").flags[0]


def test_a_column_of_types_that_holds_names_is_refused(study):
    names = ROWS.assign(**{TYPE: "Community school"})
    with pytest.raises(StudyError, match="holds 'Community school'; settings are classified by"):
        build_profiles(study({"settings": names}, [MIX]))


def declared(**args: object) -> dict:
    return {**MIX, "args": {"table": "settings", **args}}


def test_kinds_merge_as_declared_and_rare_ones_into_other(study):
    merged = declared(merge={"special": "send", "alternative_provision": "send"})
    profiles = build_profiles(study({"settings": ROWS}, [merged]))
    names = [info.name.removeprefix("mix.") for info in profiles.features]
    assert names == ["primary", "secondary", "post_16", "independent", "send"]
    assert profiles.values.loc[("A", "all")].tolist() == pytest.approx([0.5, 0.25, 0, 0, 0.25])
    assert profiles.values.loc[("B", "all")].tolist() == pytest.approx([0, 0, 0.4, 0.4, 0.2])
    # Of nine open settings two are of each kind but the secondary, special and alternative ones.
    rare = build_profiles(study({"settings": ROWS}, [declared(min_share=0.2)]))
    assert [info.name for info in rare.features][-1] == "mix.other"
    assert rare.values.loc[("A", "all")].tolist() == pytest.approx([0.5, 0, 0, 0.5])
    # By pupils, independent schools and alternative provision are rare, and secondaries are not.
    of_pupils = declared(min_share=0.2, weight="NumberOfPupils")
    found = build_profiles(study({"settings": ROWS}, [of_pupils]))
    assert [info.name for info in found.features] == [
        "mix.primary", "mix.secondary", "mix.post_16", "mix.other",
    ]  # fmt: skip
    np.testing.assert_allclose(found.values.dropna().sum(axis=1), 1)


def test_a_census_has_an_error_only_where_settings_are_not_known(study):
    census = [
        declared(error="census"),
        {**DIVERSITY, "args": {**DIVERSITY["args"], "error": "census"}},
    ]
    exact = build_profiles(study({"settings": ROWS}, census))
    draws = build_profiles(study({"settings": ROWS}, [MIX, DIVERSITY]))
    pd.testing.assert_frame_equal(exact.values, draws.values)
    assert (exact.standard_errors.loc[["A", "B"]] == 0).all().all()
    unknown = ROWS.assign(**{PHASE: ROWS[PHASE].where(ROWS.index != 1)})
    unknown[TYPE] = unknown[TYPE].where(ROWS.index != 1)
    partly = build_profiles(study({"settings": unknown}, census[:1]))
    as_draws = build_profiles(study({"settings": unknown}, [MIX]))
    ratio = partly.standard_errors.loc[("A", "all")] / as_draws.standard_errors.loc[("A", "all")]
    # Three of A's four open settings are known.
    np.testing.assert_allclose(ratio, np.sqrt(1 - 3 / 4))
    assert (partly.standard_errors.loc[("B", "all")] == 0).all()


def test_statuses_to_use_are_declared(study):
    strict = build_profiles(study({"settings": ROWS}, [declared(open=["Open"])]))
    assert strict.values.loc[("A", "all"), "mix.primary"] == pytest.approx(1 / 3)
    aside = strict.ledger[strict.ledger["entry"] == "feature mix"]
    assert aside["reason"].tolist()[:2] == ["closed", "open, but proposed to close"]
    everything = declared(open=["Open", "Open, but proposed to close", "Closed"])
    every = build_profiles(study({"settings": ROWS}, [everything]))
    assert every.values.loc[("C", "all"), "mix.secondary"] == 1
    blank = ROWS.assign(**{STATUS: ROWS[STATUS].where(ROWS.index != 0)})
    ledger = build_profiles(study({"settings": blank}, [MIX])).ledger
    assert "status not known" in set(ledger["reason"])


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"merge": {"primry": "other"}}, "There is no kind 'primry'; kinds: 'nursery'"),
        ({"min_share": 1.5}, "min_share"),
        ({"weight": "Pupils"}, "Column 'Pupils' is not in table 'settings'"),
        ({"open": ["Opened"]}, "'Opened' matches no value of column"),
        ({"merge": dict.fromkeys(
            ["primary", "secondary", "post_16", "special", "alternative_provision", "independent"],
            "school",
        )}, "found only 'school'"),
    ],
)  # fmt: skip
def test_arguments_that_leave_no_mix_are_refused(study, args, message):
    with pytest.raises(StudyError, match=message):
        build_profiles(study({"settings": ROWS}, [declared(**args)]))
