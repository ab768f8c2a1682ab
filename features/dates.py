"""Dates in study files and tables, and what is wrong with them."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Annotated

import narwhals as nw
from pydantic import AfterValidator, BeforeValidator

from site_typology.declaration import FeatureDeclaration
from site_typology.errors import Problem
from site_typology.features.conditions import quoted_cells
from site_typology.features.dateformats import parse_dates
from site_typology.features.selection import bad_rows, place_of
from site_typology.features.tables import Table


def _iso(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime.date) else value


def _is_date(text: str) -> str:
    try:
        datetime.date.fromisoformat(text[:10])
    except ValueError:
        raise ValueError(f"{text!r} is not a date such as '2021-09-30'") from None
    return text[:10]


DateText = Annotated[str, BeforeValidator(_iso), AfterValidator(_is_date)]
"""A date in a study file: a TOML date, or text such as ``"2021-09-30"``."""


def date_problems(
    feature: FeatureDeclaration, argument: str, table: Table, column: str
) -> Iterator[Problem]:
    """Say which cells of a column that is there hold no date."""
    if column not in table.columns:
        return
    values = table.values(column)
    wrong = values[parse_dates(values).isna()]
    if len(wrong):
        bad = bad_rows(table, nw.col(column).is_in(wrong.tolist()), column)
        yield Problem(
            place_of(feature, argument),
            f"Column '{column}' of table '{table.name}' must hold dates such as 2021-09-30 or "
            f"30/09/2021; found {quoted_cells(bad.values)} in {bad.rows}. "
            "Mend them, or declare the codes missing with a reason.",
        )
