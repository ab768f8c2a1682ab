"""Ordinal features: levels of a normal variable, in the scale, the reference and the test."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from site_typology.models.links import SingleBlock, block_from_dict
from site_typology.models.ordinal import OrdinalBlock
from site_typology.models.plausible import Population, posterior
from site_typology.models.unimodal import UnimodalPopulation, add_errors
from site_typology.models.working import WorkingScale, exact_data
from site_typology.profiles import SiteProfiles

KINDS = dict.fromkeys(("a", "b", "c"), "ordinal")


def cut(values, levels=3):
    return np.digitize(values, np.linspace(-0.8, 0.8, levels - 1)) + 1.0


def coarse_profiles(n, seed, levels=3, correlation=0.5):
    rng = np.random.default_rng(seed)
    root = np.linalg.cholesky(correlation * np.ones((3, 3)) + (1 - correlation) * np.eye(3))
    frame = pd.DataFrame(cut(rng.normal(size=(n, 3)) @ root.T, levels), columns=list(KINDS))
    frame["size"] = rng.normal(size=n)
    return SiteProfiles.from_frame(frame, kinds=KINDS)


def test_a_level_stands_for_a_truncated_normal_variable():
    """Values and errors against means and variances integrated over each level."""
    block = OrdinalBlock("need", (1.0, 2.0, 3.0), (-0.5, 1.2))
    draws = np.random.default_rng(1).normal(size=1_000_000)
    for at, level in enumerate(np.digitize(draws, block.cuts) == at for at in range(3)):
        own = draws[level]
        prior = Population(np.zeros(1), np.eye(1))
        one = exact_data(block.values[[at]][:, None], block.variances[[at]][:, None, None])
        mean, variance = posterior(prior, one)
        assert mean[0, 0] == pytest.approx(own.mean(), abs=0.005)
        assert variance[0, 0, 0] == pytest.approx(own.var(), abs=0.005)


def test_cuts_are_where_the_shares_ask_for_them():
    known = np.repeat([1.0, 2.0, 4.0], [500, 300, 200])
    block = OrdinalBlock.fit("need", known)
    assert block.levels == (1.0, 2.0, 4.0)
    np.testing.assert_allclose(stats.norm.cdf(block.cuts), [0.5, 0.8], atol=0.001)


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.9, 0.1), (0.05, 0.9, 0.05), (0.2,) * 5])
def test_what_stands_for_a_level_lies_in_it(shares):
    counts = [round(1000 * share) for share in shares]
    known = np.repeat(np.arange(len(shares), dtype=float), counts)
    block = OrdinalBlock.fit("need", known)
    np.testing.assert_array_equal(block.unlink(block.values), block.levels)


def test_steps_of_the_codes_do_not_matter():
    frame = pd.DataFrame({"a": [1.0, 2, 3, 3, 2, 1, 2], "b": [1.0, 5, 90, 90, 5, 1, 5]})
    profiles = SiteProfiles.from_frame(frame, kinds=dict.fromkeys("ab", "ordinal"))
    data = WorkingScale.fit(profiles).transform(profiles)
    np.testing.assert_allclose(data.values[:, 0], data.values[:, 1])
    np.testing.assert_allclose(data.errors[:, 0, 0], data.errors[:, 1, 1])


def test_a_scale_brings_levels_back_and_survives_being_saved():
    profiles = coarse_profiles(40, 2)
    scale = WorkingScale.fit(profiles)
    data = scale.transform(profiles)
    back = scale.to_natural(data.values)
    np.testing.assert_array_equal(back["a"], profiles.values["a"])
    again = WorkingScale.from_dict(scale.to_dict())
    np.testing.assert_array_equal(again.transform(profiles).values, data.values)
    assert [own.column for own in data.levels] == [0, 1, 2]


def test_a_code_never_seen_counts_as_the_nearest_level():
    block = OrdinalBlock("a", (1.0, 2.0, 4.0), (-0.5, 0.5))
    frame = pd.DataFrame({"a": [0.0, 1.4, 1.6, 3.5, 9.0, np.nan]})
    profiles = SiteProfiles.from_frame(frame, kinds={"a": "ordinal"})
    expected = [*block.values[[0, 0, 1, 2, 2]], np.nan]
    np.testing.assert_array_equal(block.link(profiles)[:, 0], expected)
    assert block.error(profiles)[5, 0, 0] == 0


def test_an_ordinal_figure_with_an_error_is_a_measured_number():
    frame = pd.DataFrame({"a": [1.0, 2.5, 3.0]})
    profiles = SiteProfiles.from_frame(frame, frame * 0 + 0.3, kinds={"a": "ordinal"})
    assert isinstance(WorkingScale.fit(profiles).blocks[0], SingleBlock)


def test_blocks_are_read_back():
    block = OrdinalBlock("a", (1.0, 2.0), (0.3,))
    assert block_from_dict(block.to_dict()) == block


def test_the_reference_has_the_levels_errors_and_gaps_of_the_data():
    profiles = coarse_profiles(200, 3)
    data = WorkingScale.fit(profiles).transform(profiles)
    data = data.with_values(np.where(np.random.default_rng(1).random((200, 4)) < 0.1,
                                     np.nan, data.values))  # fmt: skip
    drawn = UnimodalPopulation.fit(data).simulate(data, np.random.default_rng(2))
    np.testing.assert_array_equal(drawn.observed, data.observed)
    for own in data.levels:
        at = own.column
        seen = drawn.observed[:, at]
        assert set(drawn.values[seen, at]) == set(own.values)
        error_of = dict(zip(own.values, own.variances, strict=True))
        wanted = [error_of[value] for value in drawn.values[seen, at]]
        np.testing.assert_array_equal(drawn.errors[seen, at, at], wanted)
        assert (drawn.errors[~seen, at, at] == 0).all()
        shares = [np.mean([data.values[:, at] == v, drawn.values[:, at] == v], axis=1)
                  for v in own.values]  # fmt: skip
        np.testing.assert_allclose(*np.array(shares).T, atol=0.13)


def test_thinning_leaves_levels_alone():
    profiles = coarse_profiles(30, 4)
    data = WorkingScale.fit(profiles).transform(profiles)
    less = data.scaled(1.25)
    np.testing.assert_array_equal(less.errors[:, :3, :3], data.errors[:, :3, :3])
    np.testing.assert_array_equal(data.measured(data.values).values, data.values)


def test_a_level_is_measured_without_noise_of_its_own():
    profiles = coarse_profiles(50, 5)
    data = WorkingScale.fit(profiles).transform(profiles)
    truth = np.random.default_rng(1).normal(size=(50, 4))
    drawn = add_errors(truth, data, np.random.default_rng(2))
    for own in data.levels:
        at = np.searchsorted(own.cuts, truth[:, own.column])
        np.testing.assert_array_equal(drawn.values[:, own.column], own.values[at])
