"""Rules of three splits: known trees, gaps, words in natural units, honest accuracy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from site_typology import FeatureInfo, SiteProfiles, Typology
from site_typology.report_words import Unit
from site_typology.rule_list import (
    COLUMNS,
    Condition,
    RuleLine,
    fit_rules,
    rule_words,
    rules_table,
    unit_of,
)


def sites(rng: np.random.Generator, n: int) -> pd.DataFrame:
    index = [f"S{at:03d}" for at in range(n)]
    return pd.DataFrame(rng.random((n, 3)), index, ["need", "size", "other"])


def test_it_finds_the_rule_that_made_the_types():
    values = sites(np.random.default_rng(1), 200)
    types = np.where(values["need"] > 0.5, np.where(values["size"] > 0.3, 3, 2), 1)
    rules = fit_rules(values, pd.Series(types, values.index), seed=1)
    assert [line.type for line in rules.lines] == [1, 2, 3]
    assert len({each.feature for line in rules.lines for each in line.conditions}) == 2
    need = rules.lines[0].conditions
    assert [(each.feature, each.above) for each in need] == [("need", False)]
    assert need[0].threshold == pytest.approx(0.5, abs=0.02)
    assert sum(line.sites for line in rules.lines) == 200
    assert all(line.right == line.sites for line in rules.lines)
    assert rules.fitted == 1.0
    assert rules.accuracy > 0.97
    assert rules.unreached == ()


def test_there_are_at_most_three_splits_and_types_without_a_rule_are_told():
    values = sites(np.random.default_rng(2), 300)
    types = pd.Series((values["need"] * 6).astype(int) + 1, values.index)
    rules = fit_rules(values, types, seed=1)
    assert len(rules.lines) <= 4
    assert len(rules.unreached) == 2
    assert rules.fitted < 0.8


def test_types_without_a_rule_behind_them_are_told_no_better_than_by_guessing():
    fitted, told = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        values = sites(rng, 60)
        rules = fit_rules(values, pd.Series(rng.integers(1, 3, 60), values.index), seed=1)
        fitted.append(rules.fitted)
        told.append(rules.accuracy)
    # On the sites it was made from a rule always looks better than it is.
    assert np.mean(fitted) > 0.62
    assert abs(np.mean(told) - 0.5) < 4 * np.std(told, ddof=1) / np.sqrt(20)


def test_gaps_go_to_one_side_and_the_words_say_so():
    rng = np.random.default_rng(4)
    values = sites(rng, 100)
    types = pd.Series(np.where(values["need"] > 0.5, 2, 1), values.index)
    low = types.index[types == 1]
    values.loc[low[:10], "need"] = np.nan
    rules = fit_rules(values, types, seed=1)
    assert [each.unknown for line in rules.lines for each in line.conditions] == [True, False]
    assert rules.lines[0].sites == len(low)


def test_order_of_sites_and_features_does_not_matter():
    values = sites(np.random.default_rng(5), 60)
    types = pd.Series(np.where(values["need"] + values["size"] > 1, 2, 1), values.index)
    turned = values[["size", "other", "need"]][::-1]
    assert fit_rules(turned, types[::-1], seed=1) == fit_rules(values, types, seed=1)


def test_accuracy_of_a_type_of_one_site_is_not_known():
    values = sites(np.random.default_rng(6), 20)
    types = pd.Series(1, values.index)
    types.iloc[0] = 2
    assert np.isnan(fit_rules(values, types, seed=1).accuracy)
    assert fit_rules(values, pd.Series(1, values.index), seed=1) is None


def test_rules_read_in_natural_units(typed: Typology):
    line = RuleLine(
        (Condition("need", True, 3.21987, False), Condition("wsa", False, 1, True)), 1, 9, 8
    )
    unit = rule_words(line, typed)
    assert unit == "need above 3.2 (points) and wsa up to 1.0 or not known"
    assert rule_words(RuleLine((), 1, 9, 8), typed) == "every site"


def test_counts_are_those_of_the_threshold_as_it_is_written():
    """The split lies between 0.523 and 0.529; written as 0.5, four sites of type 1 lie above it."""
    need = np.concatenate(
        [np.linspace(0.1, 0.49, 16), [0.505, 0.51, 0.52, 0.523], np.linspace(0.529, 0.9, 20)]
    )
    values = pd.DataFrame({"need": need}, [f"S{at:02d}" for at in range(40)])
    types = pd.Series([1] * 20 + [2] * 20, values.index)
    exact = fit_rules(values, types, seed=1)
    assert [(line.sites, line.right) for line in exact.lines] == [(20, 20), (20, 20)]
    rules = fit_rules(values, types, seed=1, units={"need": Unit(False, 1)})
    assert {each.threshold for line in rules.lines for each in line.conditions} == {0.5}
    assert [(line.sites, line.right) for line in rules.lines] == [(16, 16), (24, 20)]
    assert rules.fitted == pytest.approx((0.8 + 1) / 2)
    assert rules.accuracy == pytest.approx((0.8 + 1) / 2)


def test_rules_of_a_typology_count_what_they_say(typed: Typology):
    placed = typed.labels.dropna()
    values = typed.profiles.values.droplevel("round").loc[placed.index]
    for line in typed.explain(seed=1).rules.lines:
        meet = pd.Series(True, values.index)
        for each in line.conditions:
            unit = unit_of(typed, each.feature)
            assert each.threshold == unit.rounded(each.threshold)
            side = (values[each.feature] > each.threshold) == each.above
            meet &= side.where(values[each.feature].notna(), each.unknown)
        assert (meet.sum(), (placed[meet] == line.type).sum()) == (line.sites, line.right)


def test_shares_read_as_percent():
    import dataclasses

    frame = pd.DataFrame({"share": np.linspace(0.1, 0.9, 10)}, [f"S{at}" for at in range(10)])
    kinds = {"share": FeatureInfo("share", kind="share", label="Staff trained")}
    profiles = SiteProfiles.from_frame(frame, kinds=kinds)

    @dataclasses.dataclass
    class Held:
        profiles: SiteProfiles

    line = RuleLine((Condition("share", False, 0.5, False),), 1, 5, 5)
    assert rule_words(line, Held(profiles)) == "Staff trained up to 50%"


def test_the_table_has_one_row_a_rule(typed: Typology):
    placed = typed.labels.dropna()
    values = typed.profiles.values.droplevel("round").loc[placed.index, list(typed.scale.features)]
    rules = fit_rules(values.astype(float), placed, seed=1)
    table = rules_table(typed, rules)
    assert list(table.columns) == COLUMNS
    assert table["sites"].sum() == len(placed)
    assert set(table["type"]) == {1, 2, 3}
    assert rules.accuracy > 0.8
    assert rules_table(typed, None).empty
