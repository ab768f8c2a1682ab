"""What holds for every builder in the registry: laws over one study that uses them all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from site_typology.errors import StudyError
from site_typology.features.builders import BUILDERS
from site_typology.features.profiler import build_profiles

SITES = list("ABCDEF")
STAFF = {"table": "staff", "person": "id", "start": "from", "end": "to"}
WINDOW = {"window": ["2021-01-01", "2021-12-31"]}
SPLIT = {"table": "survey", "columns": {"direct": "d", "wsa": "w"}, "of": "informants"}
ARGS = {
    "scale": {"scale": "wsa"},
    "mean": {"table": "survey", "column": "q1"},
    "share": {"table": "survey", "column": "role", "values": ["lead"]},
    "median": {"table": "survey", "column": "q1"},
    "missing_rate": {"table": "survey", "columns": ["q1", "q2"], "reason": "not answered"},
    "composition": {"table": "staff", "category": "role", "parts": {"a": ["a"], "b": ["b"]}},
    "diversity": SPLIT,
    "rate": {"numerator": {"table": "staff"}, "denominator": {"table": "size", "column": "n"}},
    "banded_rate": {
        "numerator": {"table": "size", "column": "band", "bands": {"1": [0, 0], "2": [1, 5]}},
        "denominator": {"table": "size", "column": "n"},
    },
    "category": {"table": "staff", "column": "role"},
    "column": {"table": "size", "column": "n"},
    "tabulated": {
        "table": "size", "items": ["q"], "pattern": "{item}_{option}",
        "options": {"0": 0.0, "1": 1.0},
    },
    "orientation_time": SPLIT,
    "orientation_scale": {"scale": "wsa"},
    "stability_index": {**STAFF, **WINDOW},
    "leaver_rate": {**STAFF, **WINDOW},
    "joiner_rate": {**STAFF, **WINDOW},
    "leavers_per_year": {**STAFF, **WINDOW},
    "retention": {**STAFF, **WINDOW, "months": 6},
    "median_tenure": {**STAFF, "at": "2021-06-30"},
    "temporary_share": {
        **STAFF, "at": "2021-06-30", "temporary": {"column": "role", "values": ["a"]},
    },
    "vacancy_rate": {
        "table": "staff", "fte": "fte", "start": "from", "end": "to", "at": "2021-06-30",
        "funded": {"table": "size", "column": "n"},
    },
    "setting_mix": {"table": "settings"},
    "setting_diversity": {"table": "settings"},
    "setting_size": {"table": "settings"},
    "setting_need": {"table": "settings"},
    "setting_rurality": {"table": "settings"},
    "setting_spread": {"table": "settings"},
    "activity_mix": {
        "referrals": {"table": "referrals"}, "contacts": {"table": "contacts"},
        "indirect": {"table": "indirect"},
    },
    "activity_mechanism": {
        "referrals": {"table": "referrals"}, "contacts": {"table": "contacts"},
    },
    "orientation_index": {
        "sources": [
            {"feature": "orientation_time", "whole_school": ["wsa"]},
            {"feature": "orientation_scale", "weight": 2.0},
        ],
    },
    "combined": {"groups": {"one": "scale", "other": "orientation_scale"}},
}  # fmt: skip
DERIVED = ("orientation_index", "combined")
FAMILIES = {
    "orientation": [
        "orientation_time",
        "orientation_scale",
        "activity_mix",
        "activity_mechanism",
        "orientation_index",
    ],
    "staffing": [
        "stability_index",
        "leaver_rate",
        "joiner_rate",
        "leavers_per_year",
        "retention",
        "median_tenure",
        "temporary_share",
        "vacancy_rate",
    ],
    "settings": [
        "setting_mix",
        "setting_diversity",
        "setting_size",
        "setting_need",
        "setting_rurality",
        "setting_spread",
    ],
}


def frames(seed: int = 21) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    n = 120
    sites = np.concatenate([SITES, rng.choice(SITES, n - len(SITES))])
    survey = pd.DataFrame(rng.integers(1, 6, (n, 3)).astype(float), columns=["q1", "q2", "q3"])
    survey = survey.mask(rng.random((n, 3)) < 0.2)
    survey = survey.assign(d=rng.uniform(1, 9, n), w=rng.uniform(1, 9, n), site=sites)
    start = pd.Timestamp("2019-01-01") + pd.to_timedelta(rng.integers(0, 1000, n), unit="D")
    end = start + pd.to_timedelta(rng.integers(100, 1500, n), unit="D")
    staff = pd.DataFrame(
        {
            "site": sites, "id": [f"p{at // 2}" for at in range(n)],
            "role": rng.choice(["a", "b"], n), "fte": rng.choice([0.5, 1.0], n),
            "from": start.strftime("%Y-%m-%d"), "to": end.strftime("%Y-%m-%d"),
        }
    )  # fmt: skip
    size = pd.DataFrame({"site": SITES, "n": [20.0, 25, 30, 35, 22, 27], "band": list("122121")})
    size = size.assign(q_0=[3.0, 4, 2, 8, 5, 6], q_1=[4.0, 9, 3, 2, 7, 5])
    schools = pd.DataFrame(
        {
            "site": sites,
            "TypeOfEstablishment (code)": rng.choice(["01", "07"], n),
            "PhaseOfEducation (name)": rng.choice(["Primary", "Secondary"], n),
        }
    )
    pupils = np.arange(100.0, 100.0 + n)
    schools = schools.assign(
        **{
            "NumberOfPupils": pupils,
            "FSM": pupils // 5,
            "UrbanRural (code)": ["C1", "E1"] * (n // 2),
        },
        Easting=400_000 + 37.0 * np.arange(n) ** 2 % 9_000,
        Northing=300_000 + 53.0 * np.arange(n) ** 2 % 7_000,
    )
    survey["role"] = rng.choice(["lead", "other"], n)
    return {
        "survey": survey,
        "staff": staff,
        "size": size,
        "settings": schools,
        **activity(sites, rng),
    }


def activity(sites: np.ndarray, rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    """Referrals, contacts and indirect activity of the sites, as MHSDS has them."""
    n = len(sites)
    keys = {"site": sites, "RecordNumber": [f"r{at}" for at in range(n)], "UniqServReqID": "s"}
    month = 1450.0 + rng.integers(0, 24, n)
    contacts = pd.DataFrame({**keys, "UniqMonthID": month, "ClinContDurOfCareCont": 10.0})
    return {
        "referrals": pd.DataFrame({**keys, "ServTeamTypeRefToMH": rng.choice(["F01", "C02"], n)}),
        "contacts": contacts.assign(
            AttendOrDNACode=rng.choice(["5", "6", "7"], n),
            ConsMechanismMH=rng.choice(["01", "02", "03", "11"], n),
        ),
        "indirect": pd.DataFrame(
            {**keys, "UniqMonthID": month, "DurationIndirectAct": rng.uniform(5, 60, n)}
        ),
    }


def features() -> list[dict]:
    return [
        {
            "name": name,
            "builder": name,
            "use": "evaluate" if BUILDERS[name].kind == "category" or name in DERIVED else "build",
            "args": args,
        }
        for name, args in ARGS.items()
    ]


SCALE = {"name": "wsa", "table": "survey", "items": ["q1", "q2", "q3"], "range": [1, 5]}


def profiles_of(study, tables, sites=None):
    return build_profiles(study(tables, features(), scales=[SCALE], sites=sites or SITES))


@pytest.fixture(scope="module")
def base(study):
    return profiles_of(study, frames())


@pytest.fixture(scope="module")
def with_new(study):
    return profiles_of(study, frames(), [*SITES, "New"])


def test_every_builder_of_the_registry_is_tried_here():
    assert set(ARGS) == set(BUILDERS)
    assert all(BUILDERS[name].name == name for name in BUILDERS)


def test_every_builder_describes_its_feature(base):
    for info in base.features:
        builder = BUILDERS[info.builder]
        assert info.kind == builder.kind
        assert info.definition.endswith(".")
        assert ": " in info.source
        assert not info.name.startswith("_")
    for family, names in FAMILIES.items():
        assert all(BUILDERS[name].family == family for name in names)


SEEDS = st.sampled_from([5, 21])
lawful = settings(
    max_examples=2,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
MADE = {}
FIGURES = ("values", "standard_errors", "counts")


def as_made(study, seed):
    """Profiles of the unchanged tables, built once a seed."""
    if seed not in MADE:
        MADE[seed] = profiles_of(study, frames(seed))
    return MADE[seed]


def differences(one, two, but=()):
    """Features of two profiles that differ anywhere, at the sites that both have."""
    sites = [site for site in one.values.index if site in two.values.index]
    differing = []
    for name in one.values:
        for part in FIGURES if name.partition(".")[0] not in but else ():
            left, right = getattr(one, part).loc[sites, name], getattr(two, part).loc[sites, name]
            try:
                pd.testing.assert_series_equal(left, right, rtol=1e-7, atol=1e-9)
            except AssertionError:
                differing.append(f"{part} of {name}")
    return differing


@given(seed=SEEDS)
@lawful
def test_order_of_rows_and_columns_does_not_matter(study, seed):
    shuffled = {
        name: frame.sample(frac=1, random_state=seed).sample(frac=1, axis=1, random_state=seed)
        for name, frame in frames(seed).items()
    }
    one, two = as_made(study, seed), profiles_of(study, shuffled)
    assert differences(one, two) == []
    assert one.reasons.equals(two.reasons)


@given(seed=SEEDS, factor=st.sampled_from([0.5, 4.0, 60.0]))
@lawful
def test_a_unit_changes_what_is_measured_in_it_alone(study, seed, factor):
    tables = frames(seed)
    changed = {
        "survey": ["d", "w"],
        "staff": ["fte"],
        "size": ["n"],
        "settings": ["NumberOfPupils", "FSM"],
        "indirect": ["DurationIndirectAct"],
        "contacts": ["ClinContDurOfCareCont"],
    }
    other = {
        name: frame.assign(**{each: frame[each] * factor for each in changed.get(name, [])})
        for name, frame in tables.items()
    }
    one, two = as_made(study, seed), profiles_of(study, other)
    by_size = dict.fromkeys(("rate", "banded_rate"), 1 / factor)
    moved = {"column": factor, **by_size}
    assert differences(one, two, [*moved, "vacancy_rate"]) == []
    assert np.allclose(two.values["vacancy_rate"], one.values["vacancy_rate"])
    for name, by in moved.items():
        for part in ("values", "standard_errors"):
            left, right = getattr(one, part)[name] * by, getattr(two, part)[name]
            np.testing.assert_allclose(right.astype(float), left.astype(float), rtol=1e-5)


@given(seed=SEEDS)
@lawful
def test_a_site_without_rows_changes_no_other(study, seed):
    one = as_made(study, seed)
    two = profiles_of(study, frames(seed), ["0", *SITES, "New"])
    assert differences(one, two) == []
    assert two.values.loc[("New", "all")].isna().all()


INFORMANTS = (
    "scale", "mean", "share", "median", "missing_rate", "diversity", "orientation_time",
    "orientation_scale",
)  # fmt: skip


@given(seed=SEEDS)
@lawful
def test_informants_who_answer_twice_change_no_value_and_double_the_count(study, seed):
    tables = frames(seed)
    twice = {**tables, "survey": pd.concat([tables["survey"]] * 2, ignore_index=True)}
    one, two = as_made(study, seed), profiles_of(study, twice)
    assert differences(one, two, [*INFORMANTS, *DERIVED]) == []
    names = [name for name in one.values if name.partition(".")[0] in INFORMANTS]
    assert {name.partition(".")[0] for name in names} == set(INFORMANTS)
    for name in names:
        np.testing.assert_allclose(two.values[name].astype(float), one.values[name].astype(float))
        np.testing.assert_allclose(two.counts[name], one.counts[name] * 2)
        errors = one.standard_errors[name]
        assert not (two.standard_errors[name] > errors * (1 + 1e-9)).any()


@pytest.mark.parametrize(
    ("table", "columns", "emptied"),
    [
        ("survey", ["q1", "q2", "q3"], ["scale", "mean", "median", "orientation_scale"]),
        ("survey", ["d", "w"], ["diversity", "orientation_time"]),
        ("size", ["n"], ["column", "rate", "banded_rate", "vacancy_rate"]),
        ("size", ["q_0", "q_1"], ["tabulated"]),
        ("settings", ["Easting", "Northing"], ["setting_spread"]),
    ],
)
def test_columns_without_a_value_empty_their_features_with_a_reason(
    study, base, table, columns, emptied
):
    tables = frames()
    tables[table] = tables[table].assign(**dict.fromkeys(columns, np.nan))
    found = profiles_of(study, tables)
    for name in emptied:
        parts = [each for each in found.values if each.partition(".")[0] == name]
        assert parts
        assert found.values[parts].isna().all().all()
        assert (found.reasons[parts] != "").all().all()
    # `missing_rate` counts what is missing, `setting_need` weighs by pupils.
    touched = [*emptied, *DERIVED, "missing_rate", "setting_need"]
    assert differences(base, found, touched) == []


def test_names_of_sites_do_not_matter(study, base):
    new = dict(zip(SITES, ["Z9", "M", "b", "10", "2", "Q"], strict=True))
    renamed = {name: frame.assign(site=frame["site"].map(new)) for name, frame in frames().items()}
    second = profiles_of(study, renamed, [new[site] for site in SITES])
    pd.testing.assert_frame_equal(
        base.values.reset_index(drop=True), second.values.reset_index(drop=True)
    )
    np.testing.assert_allclose(base.error_correlation, second.error_correlation, atol=1e-12)


def test_a_site_without_rows_has_gaps_with_a_reason(with_new):
    profiles = with_new
    assert profiles.values.loc[("New", "all")].isna().all()
    assert set(profiles.reasons.loc[("New", "all")]) == {"not asked"}
    with_values = profiles.values.loc[SITES].notna().to_numpy()
    errors = profiles.standard_errors.loc[SITES].to_numpy()
    unexact = ["scale", "leaver_rate", "vacancy_rate", "setting_mix.special", "diversity"]
    assert with_values.all()
    assert (profiles.standard_errors.loc[SITES, unexact] > 0).all().all()
    assert (errors[~np.isnan(errors)] >= 0).all()


@pytest.mark.parametrize("name", sorted(ARGS))
def test_unknown_arguments_and_tables_are_refused(study, name):
    feature = next(each for each in features() if each["name"] == name)
    anchor = {"name": "anchor", "builder": "column", "args": ARGS["column"]}
    wrong = {**feature, "args": {**feature["args"], "colour": "red"}}
    with pytest.raises(StudyError, match=f"Builder '{name}' has no such argument"):
        build_profiles(study(frames(), [wrong, anchor], scales=[SCALE]))
    if "table" in feature["args"]:
        wrong = {**feature, "args": {**feature["args"], "table": "stafff"}}
        with pytest.raises(StudyError, match="There is no table 'stafff'"):
            build_profiles(study(frames(), [wrong, anchor], scales=[SCALE]))


def test_profiles_survive_saving(with_new, tmp_path):
    with_new.save(tmp_path)
    assert type(with_new).load(tmp_path).hash == with_new.hash
