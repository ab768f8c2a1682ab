"""The sums that features take from a table, formed for all of them in one query."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import narwhals as nw
import pandas as pd

from site_typology.features.aggregate import Moments, Part, summed
from site_typology.features.answers import Answers
from site_typology.features.gaps import reason_sums
from site_typology.features.selection import met
from site_typology.features.tables import Table

MOST_AT_ONCE = 50
"""Features of one query; more would hold too many sums a site in memory at once."""


def prepare(asked: Iterable[Answers]) -> None:
    """Form the sums of features that are not known yet, table by table.

    The tables remember them; `sums_of` finds them there.
    """
    by_table: dict[int, list[Answers]] = {}
    for each in asked:
        if each.table.recall(_key(each)) is None:
            by_table.setdefault(id(each.table), []).append(each)
    for answers in by_table.values():
        for some in _chunks(answers):
            _sum(some[0].table, some)


def sums_of(asked: Answers) -> tuple[Moments, pd.DataFrame]:
    """Sums of one feature, and its missing cells by reason.

    Returns
    -------
    Moments
        Of one column.
    DataFrame
        As `site_typology.features.gaps.reason_counts` gives it.
    """
    prepare([asked])
    found: tuple[Moments, pd.DataFrame] = asked.table.recall(_key(asked))
    return found


def _sum(table: Table, asked: Sequence[Answers]) -> None:
    weight = None if table.weight is None else nw.col(table.weight)
    parts = [
        Part(
            {each.name: each.value},
            met(table, each.where),
            each.where,
            reason_sums(table, each.columns),
            table.coded.get(each.columns[0]) if len(each.columns) == 1 else None,
        )
        for each in asked
    ]
    for each, found in zip(asked, summed(table.rows, weight, parts), strict=True):
        table.remember(_key(each), found)


def _key(asked: Answers) -> tuple[str, str]:
    return ("sums", asked.key)


def _chunks(answers: list[Answers]) -> Iterator[list[Answers]]:
    for start in range(0, len(answers), MOST_AT_ONCE):
        yield answers[start : start + MOST_AT_ONCE]
