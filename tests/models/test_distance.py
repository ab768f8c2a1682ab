"""Gower's distance: worked by hand, lawful, and kind by kind."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from site_typology import FeatureInfo, SiteProfiles
from site_typology.models.distance import GowerScale, NaturalProfiles, gower, trimmed_range

KINDS = {
    "rate": "rate",
    "share": "share",
    "grade": "ordinal",
    "mix.a": "composition:mix",
    "mix.b": "composition:mix",
    "mix.c": "composition:mix",
    "lead": FeatureInfo("lead", kind="category", use="build"),
    "told": "category",
}


def table(n: int = 12, seed: int = 1) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "wsa": random.normal(size=n),
            "rate": random.gamma(3.0, size=n),
            "share": random.random(n),
            "grade": random.integers(1, 5, n).astype(float),
            "lead": random.choice(["NHS", "charity", "council"], n),
            "told": random.choice(["x", "y"], n),
        },
        index=[f"S{at:02d}" for at in range(n)],
    )
    mix = random.dirichlet([2.0, 3.0, 4.0], n)
    frame[["mix.a", "mix.b", "mix.c"]] = mix
    gaps = random.random((n, 5)) < 0.2
    for at, name in enumerate(["wsa", "rate", "share", "grade", "lead"]):
        frame[name] = frame[name].mask(gaps[:, at])
    return frame


def distances(frame: pd.DataFrame, kinds: dict | None = None) -> np.ndarray:
    profiles = SiteProfiles.from_frame(frame, kinds=kinds or KINDS)
    return gower(GowerScale.fit(profiles).lay_out(profiles.values, profiles.values))


def test_worked_by_hand():
    frame = pd.DataFrame(
        {
            "wsa": [0.0, 2.0, 4.0, np.nan],  # range 4, fewer than five values: not trimmed
            "grade": [1.0, 2.0, 2.0, 3.0],  # mid-ranks 1, 2.5, 2.5, 4: range 3
            "mix.a": [0.5, 0.2, 0.5, 0.1],  # range 0.4
            "mix.b": [0.3, 0.3, 0.1, 0.5],  # range 0.4
            "mix.c": [0.2, 0.5, 0.4, 0.4],  # range 0.3: half the sum of ranges 0.55
            "lead": ["NHS", "NHS", "charity", None],
        },
        index=list("ABCD"),
    )
    kinds = {name: KINDS[name] for name in frame if name in KINDS}
    # Half the sum of differences of the mix: A and B 0.3, A and C 0.2, A and D 0.4.
    expected = {
        (0, 1): (0.5 + 0.5 + 0.3 / 0.55 + 0) / 4,
        (0, 2): (1.0 + 0.5 + 0.2 / 0.55 + 1) / 4,
        (0, 3): (1.0 + 0.4 / 0.55) / 2,
        (1, 2): (0.5 + 0.0 + 0.3 / 0.55 + 1) / 4,
    }
    found = distances(frame, kinds)
    for pair, value in expected.items():
        assert found[pair] == pytest.approx(value), pair


def test_symmetric_from_zero_to_one_and_zero_on_the_diagonal():
    found = distances(table(30))
    np.testing.assert_array_equal(found, found.T)
    assert (np.diag(found) == 0).all()
    assert found.min() >= 0 and found.max() <= 1
    assert not np.isnan(found).any()


def test_units_do_not_matter():
    frame = table()
    other = frame.assign(wsa=frame["wsa"] * -7 + 3, rate=frame["rate"] * 1000)
    np.testing.assert_allclose(distances(other), distances(frame), atol=1e-12)


def test_any_increasing_change_of_an_ordinal_feature_does_not_matter():
    frame = table()
    other = frame.assign(grade=np.exp(frame["grade"]))
    np.testing.assert_allclose(distances(other), distances(frame), atol=1e-12)


def test_names_of_categories_do_not_matter():
    frame = table()
    names = {"NHS": "z", "charity": "b", "council": "a"}
    other = frame.assign(lead=frame["lead"].map(names))
    np.testing.assert_allclose(distances(other), distances(frame), atol=1e-12)


def test_order_of_sites_and_features_does_not_matter():
    frame = table()
    order = np.random.default_rng(0).permutation(len(frame))
    turned = distances(frame.iloc[order, ::-1])
    np.testing.assert_allclose(turned, distances(frame)[np.ix_(order, order)], atol=1e-12)


def test_a_feature_that_only_describes_plays_no_part():
    frame = table()
    np.testing.assert_array_equal(distances(frame.drop(columns="told")), distances(frame))


def test_one_outlier_does_not_press_the_others_together():
    values = np.arange(10.0)[:, None]
    spoiled = values.copy()
    spoiled[9] = 1e6
    calm = gower(NaturalProfiles.of_numbers(values))[:9, :9]
    assert np.abs(gower(NaturalProfiles.of_numbers(spoiled))[:9, :9] - calm).max() < 1e-12
    assert trimmed_range(spoiled[:, 0]) == trimmed_range(values[:, 0]) == 7.0


def test_a_composition_of_two_parts_counts_as_the_share_of_one():
    share = table()["share"].fillna(0.4)
    other = table()["wsa"]
    one = pd.DataFrame({"s": share, "wsa": other})
    two = pd.DataFrame({"m.s": share, "m.t": 1 - share, "wsa": other})
    kinds = {"m.s": "composition:m", "m.t": "composition:m"}
    np.testing.assert_allclose(distances(two, kinds), distances(one, {"s": "share"}), atol=1e-12)


def test_sites_with_nothing_in_common_get_the_mean_of_the_others():
    gaps = np.array([[0.0, np.nan], [np.nan, 1.0], [1.0, 0.0], [0.5, 0.5]])
    found = gower(NaturalProfiles.of_numbers(gaps))
    known = [found[0, 2], found[0, 3], found[1, 2], found[1, 3], found[2, 3]]
    assert known == pytest.approx([1.0, 0.5, 1.0, 0.5, 0.5])
    assert found[0, 1] == pytest.approx(np.mean(known))
    nothing = gower(NaturalProfiles.of_numbers(np.full((3, 2), np.nan)))
    assert nothing.tolist() == (1 - np.eye(3)).tolist()


def test_a_new_category_is_unlike_those_that_were_there():
    frame = pd.DataFrame({"lead": ["a", "b", "a"], "x": [1.0, 2, 3]}, index=list("ABC"))
    profiles = SiteProfiles.from_frame(frame, kinds={"lead": KINDS["lead"]})
    scale = GowerScale.fit(profiles)
    new = profiles.values.assign(lead=["a", "other", "a"], x=1.0)
    assert gower(scale.lay_out(new, new))[0].tolist() == [0.0, 0.5, 0.0]
