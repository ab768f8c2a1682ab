"""Names of types: which are taken, and which go over to a later run."""

import numpy as np
import pandas as pd
import pytest

from site_typology.errors import Problems
from site_typology.type_naming import LONGEST_NAME, carry_names, check_names

SITES = [f"T{at:02d}" for at in range(24)]


def types(*sizes, names=SITES):
    """Types of so many sites each, in order of site."""
    labels = np.repeat(np.arange(1, len(sizes) + 1), sizes)
    return pd.Series(labels, index=names[: len(labels)], dtype="Int64")


def test_names_follow_their_sites_not_their_numbers():
    before = types(10, 8, 6)
    after = before.map({1: 3, 2: 1, 3: 2}).astype("Int64")
    found = carry_names({1: "A", 3: "C"}, before, after)
    assert found.names == {3: "A", 2: "C"}
    assert found.notes[0].startswith("The name 'A' was carried over to type 3: 100%")


def test_order_of_sites_does_not_matter():
    before = types(10, 8, 6)
    after = before.map({1: 3, 2: 1, 3: 2}).astype("Int64").sample(frac=1, random_state=1)
    assert carry_names({2: "B"}, before, after).names == {1: "B"}


def test_a_type_that_fell_apart_keeps_its_name_only_with_most_of_its_sites():
    before = types(12, 12)
    seven = pd.Series([1] * 7 + [3] * 5 + [2] * 12, index=SITES, dtype="Int64")
    assert carry_names({1: "A"}, before, seven).names == {1: "A"}
    six = pd.Series([1] * 6 + [3] * 6 + [2] * 12, index=SITES, dtype="Int64")
    found = carry_names({1: "A", 2: "B"}, before, six)
    assert found.names == {2: "B"}
    assert "'A' of type 1 could not be carried over" in found.notes[0]
    assert "50% of the sites of either type are in both (6)" in found.notes[0]


def test_assignment_gives_no_two_names_to_one_type():
    before = types(12, 12)
    merged = pd.Series(1, index=SITES, dtype="Int64")
    found = carry_names({1: "A", 2: "B"}, before, merged)
    assert not found.names and len(found.notes) == 2


def test_sites_that_are_new_or_have_no_type_do_not_count():
    before = types(8, 8)
    after = pd.concat([before, pd.Series(1, index=[f"N{at}" for at in range(40)], dtype="Int64")])
    after.iloc[0] = pd.NA
    assert carry_names({1: "A", 2: "B"}, before, after).names == {1: "A", 2: "B"}


def test_two_sites_in_common_are_not_enough():
    before, after = types(2, 3), types(2, 3)
    found = carry_names({1: "A", 2: "B"}, before, after)
    assert found.names == {2: "B"}
    assert carry_names({1: "A"}, types(5), types(5).rename(lambda site: f"x{site}")).names == {}


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({4: "A"}, "There is no type 4. Types: 1, 2."),
        ({1: "  "}, "The name is empty"),
        ({1: "x" * (LONGEST_NAME + 1)}, "81 characters"),
        ({1: "a\x1b[31mb"}, "cannot be printed"),
        ({1: "same", 2: "Same"}, "Two types would be called"),
        ({1: "type 2"}, "Two types would be called"),
    ],
)
def test_names_that_cannot_be_given(names, said):
    found = Problems("review")
    check_names(names, {1: "Type 1", 2: "Type 2"}, found)
    assert any(said in problem.message for problem in found)


def test_names_may_hold_any_printable_text():
    found = Problems("review")
    check_names({1: "=1+1 <b>", 2: "Schule „ganz“"}, {1: "Type 1", 2: "Type 2"}, found)
    assert not found
