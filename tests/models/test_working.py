"""The working scale: links with delta-method errors, standardised, and back."""

import json

import numpy as np
import pandas as pd
import pytest

from site_typology.errors import StudyError
from site_typology.models.links import UNKNOWN_COUNT, contrasts
from site_typology.models.plain import plain_blocks
from site_typology.models.working import WorkingScale
from site_typology.profiles import FeatureInfo, SiteProfiles

SITES = [f"S{at}" for at in range(8)]


def make(values, errors=None, counts=None, kinds=None):
    def frame(table):
        return (
            None
            if table is None
            else pd.DataFrame(table, index=SITES[: len(next(iter(values.values())))])
        )

    return SiteProfiles.from_frame(frame(values), frame(errors), frame(counts), kinds)


def mixed(rng):
    parts = rng.dirichlet([4, 3, 2], size=8)
    values = {
        "score": rng.normal(3, 1, 8),
        "turnover": rng.uniform(0.1, 0.6, 8),
        "team": rng.uniform(2, 9, 8),
        **{f"mix.{at}": parts[:, at] for at in range(3)},
    }
    errors = {
        "score": np.full(8, 0.4),
        "turnover": np.full(8, 0.1),
        "team": np.full(8, 0.5),
        **{f"mix.{at}": np.sqrt(parts[:, at] * (1 - parts[:, at]) / 40) for at in range(3)},
    }
    kinds = {"turnover": "share", "team": "rate"} | {
        f"mix.{at}": "composition:mix" for at in range(3)
    }
    return make(values, errors, kinds=kinds)


def test_columns_are_standardised_and_name_the_features_behind_them(rng):
    profiles = mixed(rng)
    data = WorkingScale.fit(profiles).transform(profiles)
    assert data.columns == ("score", "turnover", "team", "mix.ilr1", "mix.ilr2")
    assert data.natural[3] == ("mix.0", "mix.1", "mix.2")
    assert data.sites == tuple(SITES)
    np.testing.assert_allclose(data.values.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(data.values.std(axis=0, ddof=1), 1)


def test_error_of_an_arcsine_root_does_not_depend_on_the_share():
    share = np.array([0.05, 0.2, 0.5, 0.9])
    smooth = (share * 50 + 0.5) / 51
    errors = {"p": np.sqrt(smooth * (1 - smooth) / 50)}
    profiles = make({"p": share}, errors, kinds={"p": "share"})
    scale = WorkingScale.fit(profiles)
    deviations = np.sqrt(scale.transform(profiles).errors[:, 0, 0]) * scale.spread[0]
    np.testing.assert_allclose(deviations, 1 / (2 * np.sqrt(50)), rtol=1e-3)


def test_error_of_a_square_root_does_not_depend_on_the_rate():
    events, exposure = np.array([0, 1, 4, 30]), 12.0
    profiles = make(
        {"r": events / exposure}, {"r": np.sqrt(events + 0.5) / exposure}, kinds={"r": "rate"}
    )
    scale = WorkingScale.fit(profiles)
    deviations = np.sqrt(scale.transform(profiles).errors[:, 0, 0]) * scale.spread[0]
    np.testing.assert_allclose(deviations, 1 / (2 * np.sqrt(exposure)), rtol=1e-6)


def test_composition_error_agrees_with_simulated_counts():
    rng = np.random.default_rng(5)
    truth, units, parts = np.array([0.5, 0.3, 0.15, 0.05]), 40, 4
    draws = rng.multinomial(units, truth, size=4000)
    names = [f"mix.{at}" for at in range(parts)]
    share = pd.DataFrame(draws / units, columns=names, index=[f"D{at}" for at in range(4000)])
    smooth = (draws + 0.5) / (units + 1)
    errors = pd.DataFrame(np.sqrt(smooth * (1 - smooth) / units), columns=names, index=share.index)
    profiles = SiteProfiles.from_frame(share, errors, kinds=dict.fromkeys(names, "composition:mix"))
    scale = WorkingScale.fit(profiles)
    stated = np.einsum("ijj->ij", scale.transform(profiles).errors).mean(axis=0)
    # The sites do not differ: all of their (unit) spread is error.
    np.testing.assert_allclose(stated, 1.0, atol=0.2)


def test_contrasts_of_a_published_composition():
    # Egozcue and others (2003), equation 18: x = (x1, x2) has ilr = ln(x1 / x2) / sqrt(2).
    assert np.log([0.8, 0.2]) @ contrasts(2)[0] == pytest.approx(np.log(4) / np.sqrt(2))


def test_natural_units_come_back(rng):
    profiles = mixed(rng)
    scale = WorkingScale.fit(profiles)
    back = scale.to_natural(scale.transform(profiles).values)
    for name in ("score", "turnover", "team"):
        np.testing.assert_allclose(back[name], profiles.values[name])
    mix = back[["mix.0", "mix.1", "mix.2"]].to_numpy()
    np.testing.assert_allclose(mix.sum(axis=1), 1)
    assert np.abs(mix - profiles.values[["mix.0", "mix.1", "mix.2"]].to_numpy()).max() < 0.06


def test_units_do_not_matter(rng):
    profiles = mixed(rng)
    again = mixed(np.random.default_rng(0))
    again.values["score"] = again.values["score"] * 100 - 7
    again.standard_errors["score"] = again.standard_errors["score"] * 100
    one = WorkingScale.fit(profiles).transform(profiles)
    two = WorkingScale.fit(again).transform(again)
    np.testing.assert_allclose(one.values, two.values, atol=1e-9)
    np.testing.assert_allclose(one.errors, two.errors, atol=1e-9)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_shared_error_is_carried_over(rng):
    profiles = mixed(rng)
    profiles.error_correlation.loc["score", "turnover"] = 0.4
    profiles.error_correlation.loc["turnover", "score"] = 0.4
    errors = WorkingScale.fit(profiles).transform(profiles).errors
    ratio = errors[:, 0, 1] / np.sqrt(errors[:, 0, 0] * errors[:, 1, 1])
    np.testing.assert_allclose(ratio, 0.4)
    assert np.linalg.eigvalsh(errors).min() > -1e-12


def test_a_gap_has_no_error_and_a_gap_in_one_part_is_a_gap_in_all():
    values = {"a": [1.0, np.nan, 3.0], "m.x": [0.2, 0.5, np.nan], "m.y": [0.8, 0.5, 0.4]}
    profiles = make(
        values, {"a": [0.1, 0.1, 0.1]}, kinds={"m.x": "composition:m", "m.y": "composition:m"}
    )
    data = WorkingScale.fit(profiles).transform(profiles)
    assert data.observed.tolist() == [[True, True], [False, True], [True, False]]
    assert data.errors[1, 0, 0] == 0
    assert data.errors[0, 0, 0] > 0


def test_shares_of_0_and_1_have_finite_errors():
    profiles = make({"p": [0.0, 0.5, 1.0]}, {"p": [0.05, 0.1, 0.05]}, kinds={"p": "share"})
    errors = WorkingScale.fit(profiles).transform(profiles).errors
    assert np.isfinite(errors).all()
    assert (errors > 0).all()


def test_an_exact_value_stays_exact():
    values = {"p": [0.0, 0.5, 1.0], "r": [0.0, 1.0, 2.0]}
    profiles = make(values, kinds={"p": "share", "r": "rate"})
    assert (WorkingScale.fit(profiles).transform(profiles).errors == 0).all()


@pytest.mark.parametrize("kind", ["continuous", "share", "rate"])
def test_a_value_without_an_error_is_refused_and_never_exact(kind):
    values = {"a": [0.1, 0.2, 0.4], "b": [1.0, 2.0, 4.0]}
    exact = make(values, kinds={"a": kind})
    scale = WorkingScale.fit(exact)
    unknown = make(values, {"a": [0.5, np.nan, 0.5], "b": [np.nan] * 3}, kinds={"a": kind})
    for use in (scale.transform, WorkingScale.fit):
        with pytest.raises(StudyError) as caught:
            use(unknown)
        assert [problem.where for problem in caught.value.problems] == ["a", "b"]
        assert "Value without a standard error at S1." in str(caught.value)
    with pytest.raises(StudyError, match="without a standard error"):
        scale.blocks[0].error(unknown)


def test_new_sites_use_the_fitted_scale(rng):
    profiles = mixed(rng)
    scale = WorkingScale.fit(profiles)
    some = profiles.select(sites=["S5", "S2"])
    whole, part = scale.transform(profiles), scale.transform(some)
    assert part.sites == ("S5", "S2")
    np.testing.assert_allclose(part.values, whole.values[[5, 2]])
    np.testing.assert_allclose(part.errors, whole.errors[[5, 2]])


def test_scale_survives_json(rng):
    profiles = mixed(rng)
    scale = WorkingScale.fit(profiles)
    again = WorkingScale.from_dict(json.loads(json.dumps(scale.to_dict())))
    np.testing.assert_array_equal(
        again.transform(profiles).values, scale.transform(profiles).values
    )


def test_evaluation_features_build_nothing():
    kinds = {"b": FeatureInfo("b", use="evaluate")}
    profiles = make({"a": [1.0, 2.0, 4.0], "b": [1.0, 1.0, 5.0]}, kinds=kinds)
    assert WorkingScale.fit(profiles).columns == ("a",)


def test_every_constant_or_empty_feature_is_refused_at_once():
    profiles = make({"a": [1.0, 1.0, 1.0], "b": [1.0, 2.0, 4.0], "c": [np.nan, np.nan, 2.0]})
    with pytest.raises(StudyError) as caught:
        WorkingScale.fit(profiles)
    assert [problem.where for problem in caught.value.problems] == ["a", "c"]


def test_a_missing_feature_is_named():
    scale = WorkingScale.fit(make({"a": [1.0, 2.0, 4.0], "b": [0.0, 1.0, 5.0]}))
    with pytest.raises(StudyError, match="b  The typology was built from this feature"):
        scale.transform(make({"a": [1.0, 2.0, 4.0]}))


def test_a_composition_known_exactly_is_smoothed_by_its_count():
    kinds = {"m.x": "composition:m", "m.y": "composition:m"}
    values = {"m.x": [0.0, 0.5, 1.0], "m.y": [1.0, 0.5, 0.0]}
    scale = WorkingScale.fit(make(values, kinds=kinds))
    few = scale.transform(make(values, counts={"m.x": [5.0] * 3, "m.y": [5.0] * 3}, kinds=kinds))
    none = scale.transform(make(values, kinds=kinds))
    assert UNKNOWN_COUNT > 5
    assert (few.errors == 0).all()
    assert np.ptp(few.values) < np.ptp(none.values)


def test_plain_blocks_take_every_kind_as_it_is():
    frame = pd.DataFrame(
        {
            "turnover": [0.1, 0.2, 0.4],
            "contacts": [3.0, 9.0, 16.0],
            "time.a": [0.2, 0.5, 0.6],
            "time.b": [0.8, 0.5, 0.4],
        },
        index=["A", "B", "C"],
    )
    kinds = {
        "turnover": "share", "contacts": "rate",
        "time.a": "composition:time", "time.b": "composition:time",
    }  # fmt: skip
    errors = frame * 0 + 0.05
    profiles = SiteProfiles.from_frame(frame, errors, kinds=kinds)
    scale = WorkingScale.fit(profiles, plain_blocks(profiles))
    data = scale.transform(profiles)
    assert scale.columns == tuple(frame)
    np.testing.assert_allclose(data.values, (frame - frame.mean()) / frame.std(ddof=1))
    np.testing.assert_allclose(np.sqrt(data.errors[0].diagonal()), 0.05 / frame.std(ddof=1))
    np.testing.assert_allclose(scale.to_natural(data.values), frame)
    again = WorkingScale.from_dict(scale.to_dict())
    np.testing.assert_array_equal(again.transform(profiles).values, data.values)
