"""Every builder of the registry gives the same numbers wherever the rows of its tables are."""

from __future__ import annotations

import dataclasses
import importlib.util
from typing import Any

import numpy as np
import pandas as pd
import pytest

from site_typology.features.builders import BUILDERS
from site_typology.features.profiler import build_profiles
from site_typology.features.tables import StudyTables, Table
from site_typology.profiles import SiteProfiles

HAS_SPARK = importlib.util.find_spec("pyspark") is not None
NEEDS_SPARK = pytest.mark.skipif(not HAS_SPARK, reason="pyspark is absent")
ENGINES = ["polars", "duckdb", pytest.param("spark", marks=NEEDS_SPARK)]

STATUS = "EstablishmentStatus (name)"
STAFF = {"table": "staff", "person": "id", "start": "from", "end": "to"}
WINDOW = {"window": ["2021-01-01", "2021-12-31"]}
SPLIT = {"table": "survey", "columns": {"direct": "d", "wsa": "w"}}
ENDED = {"not_leavers": {"column": "why", "values": ["End of training"]}}
RULES = {
    "bank": {"column": "kind", "values": ["Bank"]},
    "secondment": {"column": "why", "values": ["Seconded"], "counts_as": "absent"},
    "career_break": {"column": "why", "values": ["Break"], "counts_as": "in post"},
}
IN_FTE = {"measure": "fte", "fte": "fte"}
LEAD = [{"column": "role", "values": ["lead", ""]}]
AT = {"at": "2021-06-30"}
ROLE_A = [{"column": "role", "values": ["a"]}]
SERVED = {"table": "settings", "weight": "NumberOfPupils"}
REFERRED = {"referrals": {"table": "referrals"}, "contacts": {"table": "contacts"}}
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("mean", {"table": "survey", "column": "q2", "where": LEAD}),
    ("share", {"table": "survey", "column": "q2", "values": [4, 5], "where": LEAD}),
    ("missing_rate", {"table": "survey", "columns": ["q1", "q3"], "reason": "don't know"}),
    ("median", {"table": "staff", "start": "from", "end": "to", "where": ROLE_A}),
    ("composition", {**SPLIT, "of": "total"}),
    ("composition", {
        "table": "staff", "category": "role", "parts": {"a": ["a"], "b": ["b"]}, "amount": "fte",
    }),
    ("diversity", {**SPLIT, "index": "shannon"}),
    ("rate", {
        "numerator": {"table": "staff", "column": "fte", "where": ROLE_A}, "per": 10,
        "denominator": {"table": "settings", "column": "NumberOfPupils"},
    }),
    ("column", {"table": "size", "column": "q_0", "divide_by": "n", "n": "n"}),
    ("stability_index", {**STAFF, **WINDOW, **IN_FTE, **RULES, **ENDED}),
    ("leaver_rate", {**STAFF, **WINDOW, **IN_FTE, "where": ROLE_A, "other_posts": "stay"}),
    ("joiner_rate", {**STAFF, **WINDOW, **RULES, "scope": ["role"]}),
    ("leavers_per_year", {**STAFF, **WINDOW, **IN_FTE, **ENDED, "gap_days": 40}),
    ("retention", {**STAFF, **WINDOW, **RULES, **ENDED, "months": 6, "since": "window"}),
    ("retention", {**STAFF, **WINDOW, **IN_FTE, **ENDED, "months": 9}),
    ("median_tenure", {**STAFF, **AT, **RULES, "scope": ["site", "role"]}),
    ("median_tenure", {**STAFF, **AT, **IN_FTE, **RULES}),
    ("temporary_share", {**STAFF, **AT, **IN_FTE, "temporary": {
        "column": "role", "values": ["a"]}, "bank": RULES["bank"]}),
    ("vacancy_rate", {
        "table": "staff", "person": "id", "measure": "heads", "start": "from", "end": "to", **AT,
        "where": ROLE_A, "funded": {"table": "size", "column": "n"},
    }),
    ("setting_mix", {**SERVED, "merge": {"special": "primary"}, "error": "census"}),
    ("setting_diversity", {"table": "settings", "index": "shannon"}),
    ("setting_size", {"table": "settings", "measure": "median"}),
    ("setting_size", {"table": "settings", "measure": "pupils"}),
    ("setting_need", {"table": "settings", "measure": "sen"}),
    ("setting_rurality", SERVED),
    ("setting_spread", {**SERVED, "measure": "mean_distance"}),
    ("activity_mix", {
        **REFERRED, "groups": {"table": "groups"}, "drop_ins": {"table": "drop_ins"},
    }),
    ("activity_mix", {**REFERRED, "indirect": {"table": "indirect"}, "count": "rows"}),
    ("activity_mechanism", {**REFERRED, "count": "minutes", "change_month": 1460}),
]  # fmt: skip
PARTS = ("values", "standard_errors", "counts", "reasons", "error_correlation", "ledger")


def features(every) -> list[dict[str, Any]]:
    """Each builder of the registry once, then the variants."""
    more = [every.feature(f"v{at}", *variant) for at, variant in enumerate(VARIANTS)]
    return [*every.features(), *more]


def frames_with_gaps(every) -> dict[str, pd.DataFrame]:
    """The registry's study with blanks, weights, rounds, breaks and sessions."""
    rng = np.random.default_rng(5)
    tables = every.frames()
    n = len(tables["staff"])
    survey, settings = tables["survey"], tables["settings"]
    survey["weight"] = rng.choice([0.5, 1.0, 2.0], n)
    survey["round"] = np.where(np.arange(n) % 2 == 0, "r1", "r2")
    survey.loc[::11, "role"] = None
    why = np.array(["Moved", "End of training", "Seconded", "Break", None], dtype=object)
    tables["staff"] = staff = tables["staff"].assign(why=rng.choice(why, n))
    staff["kind"] = np.where(np.arange(n) % 9 == 0, "Bank", "Permanent")
    staff.loc[::7, "to"] = None
    settings[STATUS] = "Open"
    settings.loc[::13, STATUS] = "Closed"
    settings["PercentageFSM"], settings["SENStat"], settings["SENNoStat"] = 12.5, 3.0, 9.0
    settings.loc[::5, ["FSM", "SENStat"]] = np.nan
    settings.loc[::6, ["Easting", "UrbanRural (code)"]] = None
    sites = {"site": staff["site"], "UniqMonthID": 1450.0 + rng.integers(0, 24, n)}
    groups = {"ServTeamTypeMH": rng.choice(["F01", "D05", "A02"], n)}
    groups["ClinContDurOfGroupSess"] = rng.uniform(30, 90, n)
    drop_ins = {"MHDropInContactServiceType": rng.choice(["F01", "A02"], n)}
    drop_ins |= {"StartTimeDropInContact": "09:30", "EndTimeDropInContact": "10:15:30"}
    tables["contacts"].loc[::8, ["ClinContDurOfCareCont", "AttendOrDNACode"]] = None
    added = {"groups": groups, "drop_ins": drop_ins}
    return tables | {name: pd.DataFrame({**sites, **more}) for name, more in added.items()}


def moved(tables: StudyTables, engine: Any) -> StudyTables:
    """The same study, its rows in another engine."""
    there = {
        name: Table.of(
            name, table.declaration, table.collect(), table.collect_reasons(), engine=engine
        )
        for name, table in tables.tables.items()
    }
    return dataclasses.replace(tables, tables=there)


@pytest.fixture(scope="module")
def tables(study, every_builder) -> StudyTables:
    frames = frames_with_gaps(every_builder)
    survey = frames["survey"]
    because = np.where(survey.index % 2 == 0, "don't know", "not answered")
    reasons = {q: np.where(survey[q].isna(), because, "") for q in ("q1", "q2", "q3")}
    return study(
        frames,
        features(every_builder),
        sites=every_builder.sites,
        rounds=["r1", "r2"],
        scales=[every_builder.scale],
        declared={"survey": {"weight": "weight", "role": "survey"}},
        reasons={"survey": pd.DataFrame(reasons)},
    )


@pytest.fixture(scope="module")
def in_pandas(tables) -> SiteProfiles:
    return build_profiles(tables)


def test_the_study_uses_every_builder_and_has_gaps(tables, in_pandas):
    used = {feature.builder for feature in tables.declaration.features}
    assert used == set(BUILDERS)
    assert in_pandas.values.notna().any().all()
    assert {"used", "set aside"} <= set(in_pandas.ledger["outcome"])


@pytest.mark.parametrize("engine", ENGINES)
def test_every_builder_gives_the_same_in_every_engine(tables, in_pandas, engine, request):
    if engine == "spark":
        request.getfixturevalue("spark")
    found = build_profiles(moved(tables, engine))
    for part in PARTS:
        pd.testing.assert_frame_equal(
            getattr(found, part), getattr(in_pandas, part), rtol=1e-9, atol=1e-9
        )
    pd.testing.assert_frame_equal(
        found.source_agreement, in_pandas.source_agreement, rtol=1e-9, atol=1e-9
    )
    for mine, expected in zip(found.features, in_pandas.features, strict=True):
        assert mine.measurement == pytest.approx(expected.measurement, rel=1e-9, nan_ok=True)
        assert dataclasses.replace(mine, measurement={}) == dataclasses.replace(
            expected, measurement={}
        )
