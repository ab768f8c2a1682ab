"""What holds for every builder in the registry: laws over one study that uses them all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from site_typology.errors import StudyError
from site_typology.features.builders import BUILDERS
from site_typology.features.profiler import build_profiles

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


@pytest.fixture(scope="module")
def profiles_of(study, every_builder):
    every = every_builder

    def of(tables, sites=None):
        declared = every.features()
        return build_profiles(
            study(tables, declared, scales=[every.scale], sites=sites or every.sites)
        )

    return of


@pytest.fixture(scope="module")
def base(profiles_of, every_builder):
    return profiles_of(every_builder.frames())


@pytest.fixture(scope="module")
def with_new(profiles_of, every_builder):
    return profiles_of(every_builder.frames(), [*every_builder.sites, "New"])


def test_every_builder_of_the_registry_is_tried_here(every_builder):
    assert set(every_builder.args) == set(BUILDERS)
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


def test_order_of_rows_does_not_matter(profiles_of, every_builder, base):
    frames = every_builder.frames()
    shuffled = {name: frame.sample(frac=1, random_state=4) for name, frame in frames.items()}
    second = profiles_of(shuffled)
    pd.testing.assert_frame_equal(base.values, second.values)
    pd.testing.assert_frame_equal(base.standard_errors, second.standard_errors)
    pd.testing.assert_frame_equal(base.counts, second.counts)


def test_names_of_sites_do_not_matter(profiles_of, every_builder, base):
    sites, frames = every_builder.sites, every_builder.frames()
    new = dict(zip(sites, ["Z9", "M", "b", "10", "2", "Q"], strict=True))
    renamed = {name: frame.assign(site=frame["site"].map(new)) for name, frame in frames.items()}
    second = profiles_of(renamed, [new[site] for site in sites])
    pd.testing.assert_frame_equal(
        base.values.reset_index(drop=True), second.values.reset_index(drop=True)
    )
    np.testing.assert_allclose(base.error_correlation, second.error_correlation, atol=1e-12)


def test_a_site_without_rows_has_gaps_with_a_reason(with_new, every_builder):
    profiles, sites = with_new, every_builder.sites
    assert profiles.values.loc[("New", "all")].isna().all()
    assert set(profiles.reasons.loc[("New", "all")]) == {"not asked"}
    with_values = profiles.values.loc[sites].notna().to_numpy()
    errors = profiles.standard_errors.loc[sites].to_numpy()
    unexact = ["scale", "leaver_rate", "vacancy_rate", "setting_mix.special", "diversity"]
    assert with_values.all()
    assert (profiles.standard_errors.loc[sites, unexact] > 0).all().all()
    assert (errors[~np.isnan(errors)] >= 0).all()


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_unknown_arguments_and_tables_are_refused(study, every_builder, name):
    feature = next(each for each in every_builder.features() if each["name"] == name)
    anchor = every_builder.feature("anchor", "column", every_builder.args["column"])
    frames, scales = every_builder.frames(), [every_builder.scale]
    wrong = {**feature, "args": {**feature["args"], "colour": "red"}}
    with pytest.raises(StudyError, match=f"Builder '{name}' has no such argument"):
        build_profiles(study(frames, [wrong, anchor], scales=scales))
    if "table" in feature["args"]:
        wrong = {**feature, "args": {**feature["args"], "table": "stafff"}}
        with pytest.raises(StudyError, match="There is no table 'stafff'"):
            build_profiles(study(frames, [wrong, anchor], scales=scales))


def test_profiles_survive_saving(with_new, tmp_path):
    with_new.save(tmp_path)
    assert type(with_new).load(tmp_path).hash == with_new.hash
