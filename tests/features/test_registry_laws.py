"""Laws that hold for every builder of the registry, over one study that uses them all.

`test_builders_registry.py` has those on names of sites and on sites without rows.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from site_typology.errors import Problems
from site_typology.features.linking import read_tables
from site_typology.features.profiler import build_profiles
from site_typology.study_file import parse_declaration

SEED = 5
FIGURES = ("values", "standard_errors", "counts")
INFORMANTS = (
    "scale", "mean", "share", "median", "missing_rate", "diversity", "orientation_time",
    "orientation_scale",
)  # fmt: skip
PUPILS = "pupils"
"""A second feature of `setting_size`, which by itself counts settings."""


@pytest.fixture(scope="module")
def declared(every_builder):
    args = {"table": "settings", "measure": "pupils"}
    return [*every_builder.features(), every_builder.feature(PUPILS, "setting_size", args)]


@pytest.fixture(scope="module")
def profiles_of(study, every_builder, declared):
    every = every_builder

    def of(tables, sites=None):
        return build_profiles(
            study(tables, declared, scales=[every.scale], sites=sites or every.sites)
        )

    return of


@pytest.fixture(scope="module")
def base(profiles_of, every_builder):
    return profiles_of(every_builder.frames(SEED))


def differences(one, two, but=()):
    """Features of two profiles that differ anywhere, at the sites that the first has."""
    differing = []
    for name in one.values:
        for part in FIGURES if name.partition(".")[0] not in but else ():
            left = getattr(one, part)[name]
            right = getattr(two, part)[name].reindex(left.index)
            try:
                pd.testing.assert_series_equal(left, right, rtol=1e-7, atol=1e-9)
            except AssertionError:
                differing.append(f"{part} of {name}")
    return differing


def test_the_same_tables_give_the_same_profiles(profiles_of, every_builder, base):
    assert profiles_of(every_builder.frames(SEED)).hash == base.hash


def test_order_of_columns_and_rows_does_not_matter(profiles_of, every_builder, base):
    shuffled = {
        name: frame.sample(frac=1, random_state=SEED).sample(frac=1, axis=1, random_state=SEED)
        for name, frame in every_builder.frames(SEED).items()
    }
    found = profiles_of(shuffled)
    assert differences(base, found) == []
    pd.testing.assert_frame_equal(base.reasons, found.reasons)
    np.testing.assert_allclose(base.error_correlation, found.error_correlation, atol=1e-9)


@pytest.mark.parametrize("factor", [0.5, 60.0])
def test_a_unit_changes_what_is_measured_in_it_alone(profiles_of, every_builder, base, factor):
    measured = {
        "survey": ["d", "w"],
        "staff": ["fte"],
        "size": ["n"],
        "settings": ["NumberOfPupils", "FSM"],
        "indirect": ["DurationIndirectAct"],
        "contacts": ["ClinContDurOfCareCont"],
    }
    found = profiles_of(
        {
            name: frame.assign(**{each: frame[each] * factor for each in measured.get(name, [])})
            for name, frame in every_builder.frames(SEED).items()
        }
    )
    # `setting_size` counts settings, whatever their size; the pupils in them move.
    moved = {"column": factor, PUPILS: factor, "rate": 1 / factor, "banded_rate": 1 / factor}
    # Posts that are funded and filled are both in the unit, so that only the count beside moves.
    assert differences(base, found, [*moved, "vacancy_rate"]) == []
    np.testing.assert_allclose(found.values["vacancy_rate"], base.values["vacancy_rate"])
    for name, by in moved.items():
        # The likelihood's numerical derivative carries its rounding on, to the seventh figure.
        near = 1e-5 if name == "banded_rate" else 1e-9
        for part in ("values", "standard_errors"):
            left, right = getattr(base, part)[name] * by, getattr(found, part)[name]
            np.testing.assert_allclose(right.astype(float), left.astype(float), rtol=near)


def test_a_site_without_rows_changes_no_other(profiles_of, every_builder, base):
    found = profiles_of(every_builder.frames(SEED), ["0", *every_builder.sites, "New"])
    assert differences(base, found) == []
    assert found.values.loc["0"].isna().all().all()


def test_informants_who_answer_twice_change_no_value_and_double_the_count(
    profiles_of, every_builder, base
):
    tables = every_builder.frames(SEED)
    tables["survey"] = pd.concat([tables["survey"]] * 2, ignore_index=True)
    found = profiles_of(tables)
    assert differences(base, found, [*INFORMANTS, *every_builder.derived]) == []
    names = [name for name in base.values if name.partition(".")[0] in INFORMANTS]
    assert {name.partition(".")[0] for name in names} == set(INFORMANTS)
    for name in names:
        np.testing.assert_allclose(
            found.values[name].astype(float), base.values[name].astype(float)
        )
        np.testing.assert_allclose(found.counts[name], base.counts[name] * 2)
        errors = base.standard_errors[name]
        assert not (found.standard_errors[name] > errors * (1 + 1e-9)).any()


@pytest.mark.parametrize(
    ("emptied", "features"),
    [
        (
            {"survey": ["q1", "q2", "q3"], "size": ["q_0", "q_1"]},
            ["scale", "mean", "median", "orientation_scale", "tabulated"],
        ),
        (
            {"survey": ["d", "w"], "settings": ["Easting", "Northing"]},
            ["diversity", "orientation_time", "setting_spread"],
        ),
        ({"size": ["n"]}, ["column", "rate", "banded_rate", "vacancy_rate"]),
    ],
)
def test_columns_without_a_value_empty_their_features_with_a_reason(
    profiles_of, every_builder, base, emptied, features
):
    tables = every_builder.frames(SEED)
    for table, columns in emptied.items():
        tables[table] = tables[table].assign(**dict.fromkeys(columns, np.nan))
    found = profiles_of(tables)
    for name in features:
        parts = [each for each in found.values if each.partition(".")[0] == name]
        assert parts
        assert found.values[parts].isna().all().all()
        assert (found.reasons[parts] != "").all().all()
    # `missing_rate` counts what is missing.
    assert differences(base, found, [*features, *every_builder.derived, "missing_rate"]) == []


def test_tables_in_two_files_give_the_same_as_in_one(tmp_path, every_builder, declared, base):
    tables = {"sites": pd.DataFrame({"site": every_builder.sites}), **every_builder.frames(SEED)}
    paths = {}
    for name, frame in tables.items():
        half = len(frame) // 2
        frame.iloc[:half].to_csv(tmp_path / f"{name}-1.csv", index=False)
        frame.iloc[half:].to_csv(tmp_path / f"{name}-2.csv", index=False)
        paths[name] = {"path": f"{name}-*.csv", "site": "site"}
    content = {
        "study": {"name": "split", "sites": "sites"},
        "tables": paths,
        "scales": [every_builder.scale],
        "features": declared,
    }
    problems = Problems("study")
    read = read_tables(parse_declaration(content), tmp_path, problems)
    assert list(problems) == []
    assert differences(base, build_profiles(read)) == []
    rows = read.ledger[read.ledger["entry"] == "rows"].groupby("table")["n"].sum()
    assert rows.to_dict() == {name: len(frame) for name, frame in tables.items()}
