"""Tables with the same columns, such as sheets or one file a wave, one below the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import pandas as pd

from site_typology.features.plain import plain
from site_typology.features.rawtable import RawTable, UnreadableTableError, listed


def stacked(tables: Sequence[RawTable], names: Sequence[str], column: str) -> RawTable:
    """Put tables with the same columns one below the other, their rows numbered through.

    Parameters
    ----------
    tables : sequence of RawTable
    names : sequence of str
        Name of each table, for messages and for the new column.
    column : {"sheet", "file"}
        What a table is, and the name of the new column.

    Raises
    ------
    UnreadableTableError
        Columns differ, or what the tables say about their codes.

    Examples
    --------
    >>> one = RawTable(pd.DataFrame({"site": ["A"]}), pd.Series([""]))
    >>> stacked([one, one], ["2021", "2022"], "sheet").frame.to_numpy().tolist()
    [['A', '2021'], ['A', '2022']]
    """
    problems = _problems(tables, names, column)
    if problems:
        raise UnreadableTableError(*problems)
    order = list(tables[0].frame.columns)
    pairs = list(zip(tables, names, strict=True))
    frames = [table.frame[order].assign(**{column: name}) for table, name in pairs]
    return dataclasses.replace(
        tables[0],
        frame=plain(pd.concat(frames, ignore_index=True)),
        aside=pd.concat([table.aside for table in tables], ignore_index=True),
        missing=_together([table.missing for table in tables]),
        labels=_together([table.labels for table in tables]),
        titles={name: text for table in reversed(tables) for name, text in table.titles.items()},
        notes=tuple(dict.fromkeys(note for table in tables for note in table.notes)),
        software={**{k: v for table in tables for k, v in table.software.items()}, column: column},
    )


def _problems(tables: Sequence[RawTable], names: Sequence[str], column: str) -> list[str]:
    """Say why tables cannot stand one below the other."""
    first, what = tables[0], column.capitalize()
    order = list(first.frame.columns)
    problems = []
    if column in order:
        problems.append(
            f"Column {column!r} is the place for the name of a row's {column}. Rename it in the "
            "file."
        )
    for table, name in zip(tables, names, strict=True):
        own = list(table.frame.columns)
        if sorted(own) != sorted(order):
            problems.append(
                f"{what} {name!r} has other columns than {names[0]!r}: {_difference(order, own)}. "
                "Read it as a table of its own, or make the headers alike."
            )
        if table.decimal_comma != first.decimal_comma:
            problems.append(
                f"{what} {name!r} and {names[0]!r} write decimals differently, as one is separated "
                "by semicolons. Save them alike."
            )
        for kind, mine, theirs in (
            ("label", table.labels, first.labels),
            ("missing code", table.missing, first.missing),
        ):
            problems += [
                f"{what} {name!r} says {mine[each][code]!r} of code {code!r} of column {each!r}, "
                f"{names[0]!r} says {theirs[each][code]!r} ({kind}). Read it as a table of its "
                "own, or make them alike."
                for each in mine
                for code in mine[each]
                if mine[each][code] != theirs.get(each, {}).get(code, mine[each][code])
            ]
    return problems


def _together(parts: Sequence[Mapping[str, Mapping[str, str]]]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for part in parts:
        for name, codes in part.items():
            found.setdefault(name, {}).update(codes)
    return found


def _difference(first: list[str], own: list[str]) -> str:
    lacks = [repr(name) for name in first if name not in own]
    more = [repr(name) for name in own if name not in first]
    said = [f"lacks {listed(lacks)}"] if lacks else []
    return " and ".join([*said, f"has {listed(more)} besides"] if more else said)
