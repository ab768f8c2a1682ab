"""The table of a plan, the sites needed and the sentence."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import site_typology as st
from site_typology.planning_material import Design
from site_typology.planning_simulation import TEMPERATURES, Outcome, Task
from site_typology.planning_table import (
    COLUMNS,
    crossing,
    found_types,
    plan_table,
    site_range,
    sites_needed,
)
from site_typology.planning_words import placing, sentence


def test_found_types_lets_through_the_level_where_data_are_like_their_reference():
    rng = np.random.default_rng(3)
    rates = []
    for _ in range(50):
        gains = rng.normal(size=(40, 6, 2))
        outcomes = [outcome(one[0], one[1:]) for one in gains]
        rates.append(found_types(outcomes, 0.05).mean())
    error = np.std(rates) / np.sqrt(len(rates))
    assert abs(np.mean(rates) - 0.05) < 0.01 + 3 * error


def outcome(gains, reference):
    rows = tuple(map(tuple, np.asarray(reference).tolist()))
    every = (1.0,) * len(TEMPERATURES)
    observed = tuple(np.asarray(gains).tolist())
    return Outcome(observed, rows, 1.0, every, every, every, 1.0, 0.0, 0.5, 6.0)


def test_references_that_differ_between_data_sets_take_no_power():
    rng = np.random.default_rng(5)
    level = rng.normal(0, 20, size=(40, 1, 1))
    gains = rng.normal(size=(40, 11, 2)) + level
    gains[:, 0] += 6
    assert found_types([outcome(one[0], one[1:]) for one in gains], 0.05).mean() > 0.9


def test_sites_count_as_placed_by_memberships_as_sure_as_they_are_right():
    placed = tuple(1 - 0.05 * at for at in range(len(TEMPERATURES)))
    sureness = tuple(0.99 - 0.03 * at for at in range(len(TEMPERATURES)))
    rightly = tuple(0.9 * share for share in placed)
    settings = st.PlanSettings(sites=(9,), separations=(6.0,), replicates=2)
    design = Design(9)
    without = outcome([0.0], [[1.0]])
    outcomes = {Task(design, 0.0, at): without for at in range(2)}
    for at, right in enumerate((0.92, 0.88)):
        one = dataclasses.replace(without, placed=placed, rightly=rightly, sureness=sureness)
        outcomes[Task(design, 6.0, at)] = dataclasses.replace(one, right=right)
    # .90 of the sites are right: the fourth temperature, at which they are sure to .90.
    row = plan_table(outcomes, [design], settings).iloc[0]
    assert row["placed"] == pytest.approx(placed[3])
    assert row["rightly"] == pytest.approx(rightly[3])


def test_data_sets_in_which_nothing_could_be_looked_for_find_nothing():
    rng = np.random.default_rng(4)
    fine = [outcome([9.0], rng.normal(size=(5, 1))) for _ in range(8)]
    empty = [outcome([], [])] * 2
    assert found_types([*fine, *empty], 0.05).tolist() == [True] * 8 + [False] * 2
    assert not found_types(empty, 0.05).any()


def table_of(powers, sites=(25, 100), informants=(12.0,), separation=6.0):
    rows = [
        {
            **dict.fromkeys(COLUMNS, 0.5), "sites": n, "informants": m, "response": 0.5,
            "separation": separation, "power": powers[i][j], "answering": m / 2,
        }
        for i, m in enumerate(informants) for j, n in enumerate(sites)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def said(table, **given):
    settings = st.PlanSettings(separations=(6.0,), matters=6.0, **given)
    return sentence(table, sites_needed(table, settings), settings)


def test_the_sentence_reads_off_between_the_sites_tried():
    text = said(table_of([[0.6, 1.0]]))
    assert text.startswith("To find three types 6 SD apart with 80% power you need about 50 sites")
    assert "with 12 informants and 50% answering" in text
    assert "first" not in text and "Monte Carlo" in text


def test_fewer_informants_are_an_option_for_more_sites():
    text = said(table_of([[0.6, 1.0], [0.9, 1.0], [0.2, 0.9]], informants=(12.0, 30.0, 60.0)))
    assert "you need 25 sites, the fewest tried, or fewer" in text
    assert "or about 50 sites" in text
    assert "60 informants" not in text


def test_where_no_design_is_enough_it_says_so_and_what_would_be():
    low = table_of([[0.1, 0.3]])
    text = said(low)
    assert "No design tried finds three types" in text
    assert "the most was 30%" in text and "100 sites" in text
    assert "sites raised power most (by 20% from 25 to 100)" in text
    wider = pd.concat([low, table_of([[0.4, 0.9]], separation=9.0)])
    assert "Types 9 SD apart would be found at 100 sites" in said(wider)


def test_types_that_show_and_cannot_hold_sites_are_said_to_be_short_of_a_claim():
    settings = st.PlanSettings(separations=(6.0,), matters=6.0)
    words = {}
    for agreement in (0.79, 0.7969, 0.8):
        table = table_of([[0.5, 0.9]]).assign(agreement=agreement)
        words[agreement] = placing(sites_needed(table, settings), settings)
    assert words[0.79].endswith(
        "A claim needs an agreement of 0.8 (of three types, about 7 sites in 100 misplaced): "
        "types would show there and mostly not be claimed."
    )
    assert "by 0.797 (adjusted Rand index" in words[0.7969]
    assert "A claim needs" not in words[0.8]


def test_the_crossing_does_not_fall_for_a_dip_and_its_range_narrows():
    sites = np.array([25, 50, 100])
    assert np.isnan(crossing(sites, np.array([0.1, 0.85, 0.7]), 0.8))
    assert 25 < crossing(sites, np.array([0.1, 0.95, 0.9]), 0.8) < 50
    few, many = (site_range(sites, np.array([0.5, 0.75, 1.0]), n, 0.8) for n in (20, 2000))
    assert few[0] <= many[0] <= many[1] <= few[1]
    assert np.isnan(site_range(sites, np.array([0.1, 0.2, 0.75]), 40, 0.8)[1])


def test_settings_list_every_problem():
    with pytest.raises(st.StudyError) as refused:
        st.PlanSettings(
            sites=(4, 4), informants=(0,), response=(1.5,), separations=(-1.0,), k=3,
            replicates=1, reference_draws=0, alpha=0.0, target=1.0, min_observed=0.0, seed=-1,
        )  # fmt: skip
    where = {problem.where for problem in refused.value.problems}
    assert where == {
        "sites", "informants", "response", "separation", "replicates", "reference_draws",
        "alpha", "target", "min_observed", "seed",
    }  # fmt: skip


def test_too_few_replicates_for_the_level_are_refused():
    with pytest.raises(st.StudyError, match="cannot give a p-value"):
        st.PlanSettings(replicates=5, alpha=0.01)


def test_more_types_than_features_can_hold_are_refused():
    with pytest.raises(st.StudyError, match="At most 3 types"):
        st.plan(st.Assumptions(features=2), st.PlanSettings(k=4))


def test_types_that_would_never_be_looked_for_are_refused():
    with pytest.raises(st.StudyError, match="up to 4 types are looked for, so that 5"):
        st.plan(st.Assumptions(features=8), st.PlanSettings(k=5, sites=(25, 60)))


def test_types_of_many_sites_need_so_many():
    with pytest.raises(st.StudyError, match="24 or more, 8 for each of 3 types; found 23"):
        st.PlanSettings(sites=(23,), min_sites=8)
