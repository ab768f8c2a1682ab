"""Types in natural units: sizes, means against the truth, names, typical and borderline sites."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from site_typology import FeatureInfo, SiteProfiles, Typology
from site_typology.describe import (
    borderline_sites,
    describe_types,
    suggest_names,
    type_names,
    type_profiles,
    typical_sites,
)

FIRST = ["type", "name", "sites", "share", "stability", "typical", "borderline"]


def with_memberships(typology: Typology, **columns: object) -> Typology:
    return dataclasses.replace(typology, memberships=typology.memberships.assign(**columns))


def renamed_feature(profiles: SiteProfiles, old: str, new: str) -> SiteProfiles:
    def columns(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.rename(columns={old: new})

    infos = [
        dataclasses.replace(info, name=new) if info.name == old else info
        for info in profiles.features
    ]
    tables = (profiles.values, profiles.standard_errors, profiles.counts, profiles.reasons)
    return SiteProfiles(*map(columns, tables), infos)


def test_types_csv_has_the_columns_of_the_contract(typed: Typology):
    types = describe_types(typed)
    features = [info.name for info in typed.profiles.features if info.kind != "category"]
    expected = [f"{name}{end}" for name in features for end in ("", "__low", "__high")]
    assert list(types.columns) == [*FIRST, *expected, "lead"]
    assert types["type"].tolist() == [str(at + 1) for at in range(typed.k)]
    assert types["sites"].sum() == typed.labels.notna().sum()
    assert types["lead"].str.fullmatch(r"(NHS|charity) \(\d+ of \d+\)").all()


def test_means_recover_the_truth_and_intervals_hold_them(typed: Typology, true_types: pd.Series):
    types = describe_types(typed).set_index("type")
    assert len(types) == 3
    centre = 12 / np.sqrt(2)
    for label in types.index:
        members = typed.labels.index[(typed.labels == int(label)).fillna(False)]
        truth = int(true_types[members].mode()[0])
        for at, feature in enumerate(["wsa", "clinical", "need"]):
            expected = centre if truth == at + 1 else 0.0
            low, high = types.loc[label, [f"{feature}__low", f"{feature}__high"]]
            assert low - 0.5 < expected < high + 0.5
            assert types.loc[label, feature] == pytest.approx(expected, abs=1.3)


def test_suggested_names_tell_types_apart_and_given_names_stay(typed: Typology):
    names = type_names(typed)
    assert len(set(names.values())) == 3
    assert all(name.startswith("Higher ") for name in names.values())
    named = typed.named({2: "Clinic-like"})
    assert type_names(named) == {**names, "2": "Clinic-like"}


def test_names_use_one_part_of_a_composition_and_only_features_that_build():
    infos = {
        "time.a": FeatureInfo(
            "time.a", kind="composition", composition="time", label="Direct time"
        ),
        "time.b": FeatureInfo("time.b", kind="composition", composition="time", label="Other time"),
        "size": FeatureInfo("size", label="FTE in post"),
        "score": FeatureInfo("score", use="evaluate"),
    }
    rows = [
        ("1", "time.a", 1.5, True), ("1", "time.b", -1.4, True), ("1", "size", 0.7, True),
        ("1", "score", 9.0, True), ("2", "size", 0.2, False), ("3", "size", -0.1, False),
    ]  # fmt: skip
    profile = pd.DataFrame(rows, columns=["type", "feature", "z", "apart"])
    assert suggest_names(profile, infos) == {
        "1": "Higher direct time; higher FTE in post",
        "2": "Close to the average site",
        "3": "Close to the average site (3)",
    }


def test_typical_sites_are_nearest_and_borderline_ones_least_sure(typed: Typology):
    first = typed.memberships[(typed.memberships["type"] == 1).fillna(False)]
    confidence = typed.memberships["confidence"].copy()
    confidence[first.index[0]], confidence[first.index[1]] = 0.55, 0.7
    changed = with_memberships(typed, confidence=confidence)
    assert borderline_sites(changed, "1") == first["site"].tolist()[:2]
    typical = typical_sites(changed, "1")
    assert not set(typical) & set(borderline_sites(changed, "1"))
    nearest = first.iloc[2:].sort_values("distance")["site"].tolist()[:3]
    assert typical == nearest


def test_one_row_for_all_sites_where_nothing_is_claimed(untyped: Typology):
    types = describe_types(untyped)
    assert types["type"].tolist() == ["all"]
    assert types.loc[0, ["name", "typical", "borderline"]].tolist() == ["All sites", "", ""]
    assert types.loc[0, "sites"] == 30
    known = untyped.profiles.values["wsa"].astype(float)
    assert types.loc[0, "wsa"] == pytest.approx(known.mean(), abs=0.05)
    assert not type_profiles(untyped)["apart"].any()


def test_a_feature_with_the_name_of_a_column_does_not_take_its_place(typed: Typology):
    profiles = renamed_feature(typed.profiles, "reach", "stability")
    types = describe_types(dataclasses.replace(typed, profiles=profiles))
    assert types["stability"].between(0, 1).all()
    assert {"stability__mean", "stability__low", "stability__high"} <= set(types.columns)


def test_order_of_sites_does_not_matter(typed: Typology):
    back = typed.profiles.select(sites=typed.profiles.sites[::-1])
    turned = dataclasses.replace(typed, profiles=back, memberships=typed.memberships[::-1])
    pd.testing.assert_frame_equal(describe_types(turned), describe_types(typed))
