"""Sums of products of rows: as NumPy has them, in order, and what compiled code may hand over."""

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

from site_typology.models.row_products import LANES, take_products


@njit
def take(total, at, left, left_at, left_step, right, right_at, right_step, count):
    take_products(total, at, left, left_at, left_step, right, right_at, right_step, count)


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_products_are_taken_one_after_another_from_one_row(count):
    rng = np.random.default_rng(count)
    total, left = rng.normal(size=(3, LANES)), rng.normal(size=(8, LANES))
    right = rng.normal(size=(8, 2, LANES))
    expected = total.copy()
    for at in range(count):
        expected[1] -= left[1 + at] * right[at, 1]
    take(total, LANES, left, LANES, LANES, right, LANES, 2 * LANES, count)
    assert total.tobytes() == expected.tobytes(), "to the last digit"


def test_other_rows_of_the_same_array_may_be_read():
    rows = np.random.default_rng(1).normal(size=(4, LANES))
    expected = rows[3] - rows[0] * rows[0] - rows[1] * rows[1]
    take(rows, 3 * LANES, rows, 0, LANES, rows, 0, LANES, 2)
    np.testing.assert_array_equal(rows[3], expected)


@pytest.mark.parametrize(
    ("total", "at"),
    [
        (np.zeros((2, LANES), order="F"), 0),
        (np.zeros((2, LANES), dtype=np.float32), 0),
        (np.zeros((2, LANES)), 0.5),
    ],
)
def test_what_it_cannot_read_is_refused_when_compiled(total, at):
    rows = np.zeros((2, LANES))
    with pytest.raises(TypingError, match="Expected"):
        take(total, at, rows, 0, LANES, rows, 0, LANES, 1)
