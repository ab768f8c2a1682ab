"""Size, need, rurality and spread of the settings served: worked by hand, laws, known truth."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from site_typology.errors import StudyError
from site_typology.features.profiler import build_profiles
from site_typology.features.tables import Table

STATUS, AREA = "EstablishmentStatus (name)", "UrbanRural (name)"
GONE = "Closed"


def feature(builder: str, **args: object) -> dict:
    name = builder.removeprefix("setting_")
    return {"name": name, "builder": builder, "args": {"table": "settings", **args}}


def register(rows: list[tuple]) -> pd.DataFrame:
    columns = ["site", STATUS, "NumberOfPupils", "FSM", "PercentageFSM", AREA]
    return pd.DataFrame(rows, columns=columns)


VILLAGE, TOWN = "Rural village", "(England/Wales) Urban city and town"
ROWS = register(
    [
        ("A", "Open", 100, 20, 20.0, VILLAGE),
        ("A", "Open, but proposed to close", 200, 30, 15.0, TOWN),
        # A college: the register gives neither pupils nor meals.
        ("A", "Open", np.nan, np.nan, np.nan, "Larger rural: Nearer to a major town or city"),
        ("A", GONE, 300, 300, 100.0, VILLAGE),
        ("B", "Open", 50, 10, 20.0, TOWN),
        ("B", "Open", 50, 10, 20.0, TOWN),
        ("C", GONE, 400, 10, 2.5, TOWN),
    ]
)


def built(study, declared: dict, rows: pd.DataFrame = ROWS, **more: object):
    profiles = build_profiles(study({"settings": rows}, [declared], **more))
    return profiles.values.iloc[:, 0].droplevel(1), profiles


# --- Worked by hand ----------------------------------------------------------------------------


def test_pupils_in_need_by_pupils_where_both_are_known(study):
    values, profiles = built(study, feature("setting_need"))
    assert values["A"] == pytest.approx(50 / 300)
    assert values["B"] == pytest.approx(20 / 100)
    assert np.isnan(values["C"])
    # Jackknife: without the first .15, without the second .2, so .025 from their mean, over two
    # degrees of freedom with B's zeros; two of three settings are known.
    errors = profiles.standard_errors["need"].droplevel(1)
    assert errors["A"] == pytest.approx(np.sqrt(0.025**2 / 2 * (1 - 2 / 3)))
    assert errors["B"] == 0
    assert profiles.counts["need"].droplevel(1)["A"] == 2
    measured = profiles.info("need").measurement
    assert measured["coverage"] == pytest.approx(4 / 5)
    assert measured["pupil_coverage"] == 1
    aside = profiles.ledger[profiles.ledger["entry"] == "feature need"]
    assert aside[["site", "outcome", "reason", "n"]].to_numpy().tolist() == [
        ["A", "set aside", "closed", 1],
        ["C", "set aside", "closed", 1],
    ]


@pytest.mark.parametrize("builder", ["setting_size", "setting_need", "setting_rurality"])
def test_settings_whose_status_nothing_tells_are_said_to_count_as_open(study, builder):
    _, profiles = built(study, feature(builder), ROWS.drop(columns=STATUS))
    (info,) = profiles.features
    assert [flag.partition(",")[0] for flag in info.flags] == [
        "Table 'settings' has no column 'EstablishmentStatus (name)'"
    ]
    said = profiles.ledger[profiles.ledger["entry"] == f"feature {info.name}"]
    assert said[["site", "outcome", "reason", "n"]].to_numpy().tolist() == [
        [site, "used", "status not known, taken as open", n]
        for site, n in (("A", 4), ("B", 2), ("C", 1))
    ]
    assert built(study, feature(builder))[1].features[0].flags == ()


def test_a_percentage_stands_in_for_a_number_that_is_missing(study):
    rows = ROWS.assign(FSM=[20, np.nan, np.nan, 300, np.nan, 10, 10])
    values, _ = built(study, feature("setting_need"), rows)
    full, _ = built(study, feature("setting_need"))
    pd.testing.assert_series_equal(values, full)
    without, _ = built(study, feature("setting_need"), ROWS.drop(columns="FSM"))
    pd.testing.assert_series_equal(without, full)


def test_special_needs_add_up_and_both_numbers_are_needed(study):
    rows = ROWS.assign(SENStat=[2, 4, np.nan, 1, 1, 1, 1], SENNoStat=[8, np.nan, 3, 1, 2, 4, 1])
    values, profiles = built(study, feature("setting_need", measure="sen"), rows)
    assert values["A"] == pytest.approx(10 / 100)
    assert values["B"] == pytest.approx(8 / 100)
    assert profiles.info("need").measurement["coverage"] == pytest.approx(3 / 5)
    assert profiles.info("need").measurement["pupil_coverage"] == pytest.approx(200 / 400)


def test_settings_without_pupils_have_no_part_in_need(study):
    empty = register([("B", "Open", 0, 0, 0.0, TOWN)])
    values, profiles = built(study, feature("setting_need"), pd.concat([ROWS, empty]))
    assert values["B"] == pytest.approx(0.2)
    assert profiles.counts["need"].droplevel(1)["B"] == 2


@pytest.mark.parametrize(
    ("measure", "a", "b", "c"),
    [("settings", 3, 2, 0), ("pupils", 450, 100, None), ("mean", 150, 50, None)],
)
def test_size_counts_settings_or_pupils(study, measure, a, b, c):
    values, profiles = built(study, feature("setting_size", measure=measure))
    assert values["A"] == a
    assert values["B"] == b
    assert values["C"] == c if c is not None else np.isnan(values["C"])
    errors = profiles.standard_errors["size"].droplevel(1)
    # Pupils: s² = (50² + 50²)/2 over 2 degrees of freedom with B's zeros; two of three are known.
    error = np.sqrt(2500 / 2 * (1 - 2 / 3))
    expected = {"settings": 0, "pupils": 3 * error, "mean": error}[measure]
    assert errors["A"] == pytest.approx(expected)
    assert errors["B"] == 0


def test_a_site_without_a_setting_in_use_counts_none_and_has_nothing_to_chase(study):
    """C's one setting has closed, with its pupils withheld; B has none that is rural."""
    rows = ROWS.assign(NumberOfPupils=ROWS["NumberOfPupils"].where(ROWS["site"] != "C"))
    gaps = {"settings": pd.DataFrame({"NumberOfPupils": ["", "", "unavailable", *[""] * 3, "c"]})}
    gaps["settings"] = gaps["settings"].replace("c", "suppressed")
    rural = [{"column": AREA, "values": [VILLAGE]}]
    declared = [
        {**feature("setting_size", measure="mean"), "name": "mean"},
        {**feature("setting_size", where=rural), "name": "rural"},
        feature("setting_need"),
        feature("setting_rurality"),
        {**feature("setting_size", measure="pupils", where=rural), "name": "pupils"},
    ]
    profiles = build_profiles(study({"settings": rows}, declared, reasons=gaps))
    assert profiles.values["rural"].tolist() == [1, 0, 0]
    reasons = profiles.reasons.droplevel("round")
    assert (reasons.loc["C"].drop("rural") == "not applicable").all()
    assert reasons.loc["B", "pupils"] == "not applicable"


def test_the_median_size_is_exact_where_all_are_known(study):
    rows = register([("A", "Open", n, 0, 0.0, TOWN) for n in (10, 20, 900)] * 2)
    values, profiles = built(study, feature("setting_size", measure="median"), rows)
    assert values["A"] == 20
    assert profiles.standard_errors["size"].iloc[0] == 0
    blank = pd.concat([rows, register([("A", "Open", np.nan, 0, 0.0, TOWN)])])
    values, profiles = built(study, feature("setting_size", measure="median"), blank)
    assert values["A"] == 20
    assert profiles.standard_errors["size"].iloc[0] > 0


def test_rural_by_name_of_either_classification_and_by_pupils(study):
    values, profiles = built(study, feature("setting_rurality"))
    assert values["A"] == pytest.approx(2 / 3)
    assert values["B"] == 0
    assert (profiles.standard_errors["rurality"].droplevel(1)[["A", "B"]] == 0).all()
    by_pupils, profiles = built(study, feature("setting_rurality", weight="NumberOfPupils"))
    assert by_pupils["A"] == pytest.approx(100 / 300)
    assert profiles.standard_errors["rurality"].droplevel(1)["A"] > 0
    assert profiles.info("rurality").measurement["coverage"] == pytest.approx(4 / 5)


CODES = [("A1", 0.0), ("C2", 0.0), ("D1", 1.0), ("F2", 1.0), ("UF1", 0.0), ("RLN1", 1.0)]


def test_the_code_stands_in_where_this_release_has_no_name(study):
    codes, expected = zip(*CODES, strict=True)
    rows = pd.DataFrame({"site": [*"ABCDEF"], "UrbanRural (code)": codes})
    values, _ = built(study, feature("setting_rurality"), rows)
    assert values.tolist() == list(expected)


PLACES = pd.DataFrame(
    {
        "site": ["A", "A", "B", "B", "B", "B", "C", "D", "D", "D"],
        "Easting": [400_000, 403_000, 0, 2_000, 0, 2_000, 5, 100, np.nan, 0],
        "Northing": [300_000, 304_000, 0, 0, 2_000, 2_000, 5, 200, 5, 7],
        "NumberOfPupils": [30.0, 10, 1, 1, 1, 1, 1, 1, 1, 1],
    }
)
PLACES.loc[2:5, ["Easting", "Northing"]] += 1_000


def test_standard_distance_and_mean_distance(study):
    # A: 3 and 4 km apart, so 2.5 km each from the centre. B: a square of 2 km.
    for measure in ("standard_distance", "mean_distance"):
        values, profiles = built(study, feature("setting_spread", measure=measure), PLACES)
        assert values["A"] == pytest.approx(2.5)
        assert values["B"] == pytest.approx(np.sqrt(2))
        # One setting, or one with a place, has no spread.
        assert values[["C", "D"]].isna().all()
        assert (profiles.reasons["spread"].droplevel(1)[["C", "D"]] == "not applicable").all()
        assert profiles.info("spread").measurement["coverage"] == pytest.approx(8 / 10)
    # Thrice the weight: the centre is 1.25 km from the one and 3.75 km from the other.
    values, _ = built(study, feature("setting_spread", weight="NumberOfPupils"), PLACES)
    assert values["A"] == pytest.approx(np.sqrt((3 * 1.25**2 + 3.75**2) / 4))


# --- Laws --------------------------------------------------------------------------------------


def many(seed: int = 3, sites: int = 600, settings: int = 20) -> pd.DataFrame:
    """Settings of many sites that differ in everything."""
    rng = np.random.default_rng(seed)
    at = np.repeat(np.arange(sites), settings)
    n = len(at)
    pupils = np.ceil(300 * np.exp(0.8 * rng.standard_normal(n)))
    need = np.clip(rng.beta(3, 9, sites)[at] + 0.1 * rng.standard_normal(n), 0, 1)
    width = 2_000 + 8_000 * rng.random(sites)[at]
    return pd.DataFrame(
        {
            "site": [f"{site:03d}" for site in at],
            "NumberOfPupils": pupils,
            "FSM": np.rint(pupils * need),
            AREA: np.where(rng.random(n) < rng.beta(2, 4, sites)[at], VILLAGE, TOWN),
            "Easting": np.rint(400_000 + width * rng.standard_normal(n)),
            "Northing": np.rint(300_000 + width * rng.standard_normal(n)),
        }
    )


ALL = [
    feature("setting_need"),
    feature("setting_rurality"),
    feature("setting_spread"),
    feature("setting_size", measure="mean"),
    {**feature("setting_spread", measure="mean_distance"), "name": "near"},
    {**feature("setting_size", measure="pupils"), "name": "total"},
    {**feature("setting_size", measure="median"), "name": "middle"},
]


def test_units_places_and_order_do_not_matter(study):
    rows = many(sites=6)
    rows.loc[::7, "FSM"] = np.nan
    rows.loc[::5, "Easting"] = np.nan
    first = build_profiles(study({"settings": rows}, ALL))
    turned = rows.assign(Easting=rows["Northing"] + 50_000, Northing=900_000 - rows["Easting"])
    shuffled = turned.sample(frac=1, random_state=2)[list(rows.columns)[::-1]]
    second = build_profiles(study({"settings": shuffled}, ALL))
    pd.testing.assert_frame_equal(first.values, second.values)
    pd.testing.assert_frame_equal(first.standard_errors, second.standard_errors)
    tenfold = rows.assign(NumberOfPupils=rows["NumberOfPupils"] * 10, FSM=rows["FSM"] * 10)
    third = build_profiles(study({"settings": tenfold}, ALL))
    pd.testing.assert_series_equal(first.values["need"], third.values["need"])
    for name in ("size", "total", "middle"):
        pd.testing.assert_series_equal(first.values[name] * 10, third.values[name])


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_every_engine_gives_the_same(study, engine):
    rows = many(sites=5).assign(**{STATUS: "Open", "TypeOfEstablishment (code)": "01"})
    rows["PhaseOfEducation (name)"] = np.where(rows.index % 3 == 0, "Primary", "Secondary")
    rows["SENStat"] = np.where(rows.index % 4 == 0, np.nan, 3.0)
    rows.loc[::7, ["FSM", AREA, "Easting", STATUS]] = np.nan
    sen = {**feature("setting_need", measure="sen", count=["SENStat"]), "name": "sen"}
    mix = feature("setting_mix", weight="NumberOfPupils", merge={"primary": "first"})
    declared = [*ALL, sen, mix, feature("setting_diversity", error="census")]
    tables = study({"settings": rows}, declared)
    first = build_profiles(tables)
    moved = {
        name: Table.of(name, table.declaration, table.collect(), engine=engine)
        for name, table in tables.tables.items()
    }
    second = build_profiles(dataclasses.replace(tables, tables=moved))
    assert first.values.notna().all().all()
    pd.testing.assert_frame_equal(first.values, second.values, rtol=1e-9)
    pd.testing.assert_frame_equal(first.standard_errors, second.standard_errors, rtol=1e-9)
    pd.testing.assert_frame_equal(first.ledger, second.ledger)


def test_a_closed_setting_changes_nothing_but_the_ledger(study):
    rows = many(sites=4).assign(**{STATUS: "Open"})
    gone = rows.iloc[::9].assign(**{STATUS: GONE, "NumberOfPupils": 9.0, "FSM": 9.0})
    first = build_profiles(study({"settings": rows}, ALL))
    second = build_profiles(study({"settings": pd.concat([gone, rows])}, ALL))
    pd.testing.assert_frame_equal(first.values, second.values)
    pd.testing.assert_frame_equal(first.standard_errors, second.standard_errors)
    assert first.ledger.empty
    assert second.ledger.groupby("entry")["n"].sum().tolist() == [len(gone)] * len(ALL)


# --- Known truth -------------------------------------------------------------------------------


def test_intervals_cover_what_all_settings_would_have_said(study):
    """Half of 20 settings known at each of 600 sites: Monte Carlo error of a coverage is .009."""
    rows = many()
    truth = build_profiles(study({"settings": rows}, ALL)).values
    rng = np.random.default_rng(8)
    order = rows.assign(draw=rng.random(len(rows))).groupby("site")["draw"].rank()
    unknown = (order <= 10).to_numpy()
    blank = rows.mask(unknown[:, None] & (rows.columns != "site"))
    found = build_profiles(study({"settings": blank}, ALL))
    assert (found.counts == 10).all().all()
    apart = found.values - truth
    covered = (apart.abs() <= 1.96 * found.standard_errors).mean()
    assert covered[["need", "size", "total"]].between(0.93, 0.97).all(), covered
    # The spread of ten settings is skewed, the more so the fewer there are; a median is rough.
    assert covered[["spread", "near", "middle"]].between(0.89, 0.97).all(), covered
    # Of ten settings a share takes eleven values, so that its error is judged by its size.
    ratio = np.sqrt((apart**2).mean() / (found.standard_errors**2).mean())
    assert ratio.between(0.9, 1.15).all(), ratio


# --- Refusals and drifting columns --------------------------------------------------------------


@pytest.mark.parametrize("builder", ["need", "rurality", "spread"])
def test_a_column_that_this_release_lacks_leaves_a_gap_with_its_reason(study, builder):
    rows = ROWS[["site", STATUS]]
    _, profiles = built(study, feature(f"setting_{builder}"), rows)
    assert profiles.values.isna().all().all()
    assert (profiles.reasons == "unavailable").all().all()
    assert profiles.info(builder).measurement["coverage"] == 0


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (feature("setting_need", count=["FMS"]), "Column 'FMS' is not in table 'settings'"),
        (feature("setting_need", percent="Percent"), "Column 'Percent' is not in table"),
        (feature("setting_size", measure="mean", pupils="Pupils"), "Column 'Pupils' is not in"),
        (feature("setting_rurality", column="Rural"), "Column 'Rural' is not in table"),
        (feature("setting_rurality", weight="Pupils"), "Column 'Pupils' is not in table"),
        (feature("setting_spread", easting="X"), "Column 'X' is not in table"),
        (feature("setting_size", status="State"), "Column 'State' is not in table"),
        (feature("setting_size", open=["Opened"]), "'Opened' matches no value of column"),
        (feature("setting_need", measure="pp"), "'fsm' or 'sen'"),
    ],
)
def test_what_the_study_names_must_be_there(study, declared, message):
    with pytest.raises(StudyError, match=message):
        built(study, declared)


def test_values_that_cannot_be_are_refused(study):
    with pytest.raises(StudyError, match="'Seaside' in column 'UrbanRural "):
        built(study, feature("setting_rurality"), ROWS.replace(TOWN, "Seaside"))
    with pytest.raises(StudyError, match="must be 0 to 100; found '120' in row 2"):
        built(study, feature("setting_need"), ROWS.replace({"PercentageFSM": {15.0: 120.0}}))
    with pytest.raises(StudyError, match="must be 0 to 700000; found '3000000'"):
        far = PLACES.assign(Easting=PLACES["Easting"].replace(403_000, 3_000_000))
        built(study, feature("setting_spread"), far)
