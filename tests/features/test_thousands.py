"""Numbers written with grouping commas, as in the class sizes of New York City."""

from __future__ import annotations

import pandas as pd
import pytest

from site_typology.features.columns import cells, explain_missing, settle


def settled(texts: list[str], *, decimal_comma: bool = False) -> list[object]:
    column = explain_missing(pd.Series(texts), {}, {})
    return list(cells(*settle(column, decimal_comma=decimal_comma)))


def test_a_comma_groups_thousands_where_hundreds_show_it() -> None:
    assert settled(["1,013", "999", "12"]) == [1013.0, 999.0, 12.0]
    assert settled(["1,234,567.5", "250"]) == [1234567.5, 250.0]


@pytest.mark.parametrize(
    "texts",
    [
        ["1,013", "3"],  # may as well be a decimal comma
        ["1,013", "1200", "100"],  # thousands are written without it
        ["1,013", "3,5", "200"],
        ["1,013"],
    ],
)
def test_a_comma_that_may_mean_something_else_is_left_alone(texts: list[str]) -> None:
    assert settled(texts) == texts


def test_a_decimal_comma_stays_one() -> None:
    assert settled(["1,013", "500"], decimal_comma=True) == [1.013, 500.0]


def test_points_beside_decimal_commas_may_group_thousands_so_that_all_stays_text() -> None:
    assert settled(["1.234", "2,5"], decimal_comma=True) == ["1.234", "2,5"]
    assert settled(["1.5", "2"], decimal_comma=True) == [1.5, 2.0]
