"""Windows of each round, which tell the rounds of a table whose rows have dates but no round."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import narwhals as nw
from pydantic import BaseModel

from site_typology.declaration import ONE_ROUND, Condition
from site_typology.features.engines import Rows
from site_typology.features.tables import ROUND


def by_round(where: Sequence[Condition]) -> dict[str, tuple[Condition, ...]]:
    """The conditions of each round; empty where no condition has a window of each round.

    Examples
    --------
    >>> days = {"1": ("2020-01-01", "2020-12-31"), "2": ("2020-07-01", "2021-06-30")}
    >>> found = by_round([Condition(column="seen", window=days)])
    >>> list(found), found["2"][0].window[0].isoformat()
    (['1', '2'], '2020-07-01')
    """
    windows = [each.window for each in where if isinstance(each.window, dict)]
    if not windows:
        return {}
    rounds = [round_ for round_ in windows[0] if all(round_ in each for each in windows)]
    return {
        round_: tuple(
            each.model_copy(update={"window": each.window[round_]})
            if isinstance(each.window, dict)
            else each
            for each in where
        )
        for round_ in rounds
    }


def in_rounds(rows: Mapping[str, Rows]) -> Rows:
    """Put rows chosen for each round together under that round.

    A row of no round of its own may stand in several, since windows may overlap.
    """
    return nw.concat(
        [
            chosen.filter(nw.col(ROUND).is_in([round_, ONE_ROUND])).with_columns(
                nw.lit(round_).alias(ROUND)
            )
            for round_, chosen in rows.items()
        ]
    )


def window_faults(args: BaseModel, rounds: Sequence[str], taken: bool) -> Iterator[str]:
    """Say what is wrong with the windows of rounds among arguments.

    Parameters
    ----------
    taken : bool
        Whether the builder takes rounds from windows.
    """
    found = list(_conditions(args))
    common = set(rounds)
    for condition in found:
        if not isinstance(condition.window, dict):
            continue
        common &= set(condition.window)
        if not taken:
            yield (
                f"The window of '{condition.column}' differs by round, which this builder does "
                "not take. Give one window, or the table a column with the round."
            )
        unknown = [f"'{each}'" for each in condition.window if each not in rounds]
        if unknown:
            yield (
                f"{', '.join(unknown)} in the window of '{condition.column}' is no round of the "
                f"study. Rounds: {', '.join(rounds)}."
            )
    windows = [each for each in found if isinstance(each.window, dict)]
    if len(windows) > 1 and not common:
        names = ", ".join(dict.fromkeys(f"'{each.column}'" for each in windows))
        yield f"The windows of {names} have no round in common, so that they choose no row."


def _conditions(value: Any) -> Iterator[Condition]:
    """Conditions among arguments, however deep."""
    if isinstance(value, Condition):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _conditions(getattr(value, name))
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _conditions(each)
