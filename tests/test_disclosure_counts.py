"""Suppression of counts: what a reader can work out, by integer programmes and by enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from site_typology.declaration import Disclosure
from site_typology.disclosure_audit import Audit
from site_typology.disclosure_counts import (
    COMPLEMENT,
    SMALL,
    chance_rank,
    safe_counts,
    told_by,
)

RULES = Disclosure()
EXACT = Disclosure(round_to=1)
SECRET = b"kept apart"


def system(table: list[list[int]]):
    """Keys, counts and sums of a two-way table with totals."""
    grid = np.array(table)
    whole = np.zeros(np.add(grid.shape, 1), dtype=int)
    whole[:-1, :-1] = grid
    whole[-1, :-1], whole[:-1, -1], whole[-1, -1] = grid.sum(0), grid.sum(1), grid.sum()
    counts = {(str(r), str(c)): int(n) for (r, c), n in np.ndenumerate(whole)}
    rows, columns = (range(size) for size in whole.shape)
    last_row, last_column = whole.shape[0] - 1, whole.shape[1] - 1
    sums = [
        ((str(r), str(last_column)), tuple((str(r), str(c)) for c in columns[:-1])) for r in rows
    ]
    sums += [((str(last_row), str(c)), tuple((str(r), str(c)) for r in rows[:-1])) for c in columns]
    # Sums of inner cells first, so that enumeration can add up in this order.
    whole_key = (str(last_row), str(last_column))
    return counts, sorted(sums, key=lambda each: each[0] == whole_key)


def test_a_hidden_cell_and_its_complements_of_a_textbook_table():
    # One small cell with exact totals: a second one must go in its row, one in its column, and
    # the one where these two meet (the rectangle of Hundepool et al. 2012, section 4.2).
    counts, sums = system([[3, 20, 30], [25, 9, 40], [35, 45, 50]])
    safe = safe_counts(counts, sums, EXACT, SECRET)
    hidden = {key for key, shown in safe.shown.items() if shown is None}
    rows, columns = ({key[at] for key in hidden} for at in (0, 1))
    assert len(rows) == len(columns) == 2
    assert hidden == set(itertools.product(rows, columns))
    assert [key for key, why in safe.why.items() if why == SMALL] == [("0", "0")]
    assert [why for why in safe.why.values() if why == COMPLEMENT] == [COMPLEMENT] * 3


def test_without_complements_the_totals_tell():
    counts, sums = system([[3, 20], [25, 9]])
    open_rules = Disclosure(round_to=1, secondary=False)
    safe = safe_counts(counts, sums, open_rules, SECRET)
    ranges = {key: told_by(shown, open_rules) for key, shown in safe.shown.items()}
    assert Audit(sums, ranges).feasible(("0", "0")) == (3, 3)


def test_one_way_total_known_to_all_and_counts_in_falling_order():
    counts = {("a",): 12, ("b",): 4, ("c",): 4, ("all",): 20}
    sums = [(("all",), (("a",), ("b",), ("c",)))]
    order = [("a",), ("b",), ("c",)]
    plain = safe_counts(counts, sums, RULES, SECRET, {("all",): 20})
    # Two small ones do not hide each other: that they did would tell how large they are together.
    assert plain.why == {("b",): SMALL, ("c",): SMALL, ("a",): COMPLEMENT}
    ordered = safe_counts(counts, sums, RULES, SECRET, {("all",): 20}, order)
    assert ordered.why == plain.why


def test_shares_are_made_of_what_is_shown():
    safe = safe_counts({("a",): 12, ("b",): 3, ("all",): 15}, [], RULES, SECRET)
    assert safe.share(("a",), ("all",)) == "67%"  # 10 of 15, not 12 of 15
    assert safe.share(("b",), ("all",)) == "*"


def test_rounding_that_would_make_zeros_is_refused():
    with pytest.raises(ValueError, match="would turn a count of 3 into 0"):
        Disclosure(small_number=2, round_to=10)


def possible(ranges, counts, sums, key, most):
    """Every value that a cell can have, by trying every inner table up to `most` a cell."""
    totals = {total for total, _ in sums}
    inner = [each for each in counts if each not in totals]
    found = set()
    for values in itertools.product(range(most + 1), repeat=len(inner)):
        table = dict(zip(inner, values, strict=True))
        for total, parts in sums:
            if all(part in table for part in parts):
                table[total] = sum(table[part] for part in parts)
        if all(low <= table[each] <= high for each, (low, high) in ranges.items()):
            found.add(table[key])
    return found


@settings(max_examples=25, deadline=None)
@given(some.lists(some.lists(some.integers(0, 6), min_size=2, max_size=2), min_size=2, max_size=2))
def test_enumeration_finds_every_small_value_possible(table: list[list[int]]):
    """An independent attack: no programme, every table tried. Small means 1 to 2 here."""
    rules = Disclosure(small_number=2, round_to=3)
    counts, sums = system(table)
    safe = safe_counts(counts, sums, rules, SECRET)
    ranges = {key: told_by(shown, rules) for key, shown in safe.shown.items()}
    hidden_all = {key: told_by(None if n else 0, rules) for key, n in counts.items()}
    for key, why in safe.why.items():
        if why == SMALL:
            left = possible(ranges, counts, sums, key, 8)
            assert left >= possible(hidden_all, counts, sums, key, 8) & {1, 2}


@settings(max_examples=40, deadline=None)
@given(some.lists(some.lists(some.integers(0, 30), min_size=3, max_size=3), min_size=2, max_size=4))
def test_every_true_table_fits_what_is_published(table: list[list[int]]):
    counts, sums = system(table)
    safe = safe_counts(counts, sums, RULES, SECRET)
    for key, shown in safe.shown.items():
        low, high = told_by(shown, RULES)
        assert low <= counts[key] <= high
        assert shown is None or shown == 0 or (shown % 5 == 0 and shown >= 10)
    assert all(safe.shown[key] is None for key, n in counts.items() if 1 <= n <= 7)


@pytest.mark.parametrize(("sites", "in_order"), [(10, False), (13, False), (12, True)])
def test_trying_every_table_and_order_of_chance_leaves_every_small_value(
    sites: int, in_order: bool
):
    """Whoever runs the rules over all tables learns nothing of a small count. Small is 1 to 2."""
    rules, total, keys = Disclosure(small_number=2, round_to=3), ("all",), [("a",), ("b",), ("c",)]
    orders = {tuple(sorted(keys, key=lambda key: chance_rank(key, own))): own
              for own in (bytes([at]) for at in range(50))}  # fmt: skip
    assert len(orders) == 6
    found: dict[tuple[int | None, ...], set[tuple[int, ...]]] = {}
    for first, second in itertools.product(range(1, sites - 1), repeat=2):
        parts = (first, second, sites - first - second)
        if parts[2] < 1 or (in_order and list(parts) != sorted(parts, reverse=True)):
            continue
        counts = {total: sites, **dict(zip(keys, parts, strict=True))}
        for own in orders.values():
            order = keys if in_order else []
            safe = safe_counts(counts, [(total, tuple(keys))], rules, own, {total: sites}, order)
            found.setdefault(tuple(safe.shown[key] for key in keys), set()).add(parts)
    tables = set().union(*found.values())
    for shown, fit in found.items():
        for at in (at for at, count in enumerate(shown) if count is None):
            small, left = ({each[at] for each in some_ if each[at] <= 2} for some_ in (tables, fit))
            assert not left or left == small, (shown, sorted(fit))


def test_the_order_of_rows_changes_nothing():
    counts, sums = system([[3, 20, 30], [25, 9, 40], [35, 45, 50]])
    turned = dict(reversed(counts.items()))
    assert (
        safe_counts(turned, sums[::-1], RULES, SECRET).shown
        == safe_counts(counts, sums, RULES, SECRET).shown
    )
