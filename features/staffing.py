"""Staffing stability: the stability index, leavers and joiners over a window."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import pandas as pd

from site_typology.declaration import FeatureDeclaration, Kind
from site_typology.errors import Problem
from site_typology.features.assignments import (
    assignment_problems,
    outside_rounds,
    round_problems,
)
from site_typology.features.contract import (
    Builder,
    BuilderArgs,
    Built,
    Estimate,
    place,
    study_rounds,
)
from site_typology.features.gaps import gap_reasons
from site_typology.features.measurement import half_count_variance
from site_typology.features.movements import StaffingArgs, movements, person_problems
from site_typology.features.selection import (
    column_problems,
    table_problems,
    value_problems,
    where_problems,
)
from site_typology.features.tables import StudyTables


class StaffingRate(Builder[StaffingArgs]):
    """What the builders over a window of staff movements share."""

    family: ClassVar[str] = "staffing"
    Args: ClassVar[type[BuilderArgs]] = StaffingArgs
    meaning: ClassVar[str]
    measured_in: ClassVar[str]

    def problems(
        self, feature: FeatureDeclaration, args: StaffingArgs, tables: StudyTables
    ) -> Iterator[Problem]:
        """Check columns, dates, rounds and the codes of those who are no leavers."""
        yield from table_problems(feature, "table", args.table, tables)
        yield from round_problems(feature, "window", args.window, tables)
        table = tables.tables.get(args.table)
        if table is None:
            return
        yield from column_problems(feature, "table", table, [args.person])
        yield from where_problems(feature, args.where, table)
        yield from assignment_problems(feature, table, args.start, args.end, args.where)
        yield from person_problems(feature, table, args)
        if args.not_leavers is not None:
            column, values = args.not_leavers.column, args.not_leavers.values
            yield from column_problems(feature, "not_leavers", table, [column])
            yield from value_problems(feature, "not_leavers", table, column, values)

    def build(self, feature: FeatureDeclaration, args: StaffingArgs, tables: StudyTables) -> Built:
        """Count heads over the window of each round, then form the rate."""
        table = tables.tables[args.table]
        heads = []
        for round_ in study_rounds(tables.declaration):
            window = args.window.get(round_) if isinstance(args.window, dict) else args.window
            if window is not None:
                heads.append(movements(table, args, window, round_))
        counts = pd.concat(heads)
        value, error, n = self.rate(counts)
        nothing = np.where(np.isnan(value), "not applicable", "").astype(object)
        estimate = Estimate(counts.index, value, error, n, nothing)
        info = self.info(
            feature,
            source=f"{table.name}: {args.person}, {args.start}, {args.end}",
            definition=f"{self.meaning} Window: {_window_words(args.window)}.",
            unit=self.measured_in,
        )
        gaps = gap_reasons(feature, tables, table, [], args.where)
        gaps = outside_rounds(gaps, args.window)
        return place({feature.name: estimate}, [info], tables, gaps)

    @abstractmethod
    def rate(self, heads: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Value, standard error and n of each row of `movements`."""


class StabilityIndex(StaffingRate):
    """Staff in post at the start who are still there at the end, by headcount at the start.

    Those whose end is no leaving (`not_leavers`) stand in neither. Error: binomial with half a
    count added.
    """

    name: ClassVar[str] = "stability_index"
    kind: ClassVar[Kind] = "share"
    meaning: ClassVar[str] = (
        "Staff in post at the start of the window who are still in post at its end, by headcount "
        "at the start (without those whose fixed term ended)."
    )
    measured_in: ClassVar[str] = "share of staff in post at the start"

    def rate(self, heads: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Stayed by headcount at the start."""
        base = (heads["at_start"] - heads["completed_from_start"]).to_numpy(dtype=float)
        n = np.where(base > 0, base, np.nan)
        value = heads["stayed"].to_numpy(dtype=float) / n
        return value, np.sqrt(half_count_variance(value, n)), n


class MovementRate(StaffingRate):
    """Movements by the mean of the headcounts at the start and the end; may pass 1.

    Error: Poisson, of the count plus a half, so that no leaver of eight is not exact.
    """

    kind: ClassVar[Kind] = "rate"
    counted: ClassVar[str]

    def rate(self, heads: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Movements by mean headcount."""
        mean = (heads["at_start"] + heads["at_end"]).to_numpy(dtype=float) / 2
        n = np.where(mean > 0, mean, np.nan)
        count = heads[self.counted].to_numpy(dtype=float)
        return count / n, np.sqrt(count + 0.5) / n, n


class LeaverRate(MovementRate):
    """Leavers over the window by mean headcount (NHS Digital; Nuffield Trust)."""

    name: ClassVar[str] = "leaver_rate"
    counted: ClassVar[str] = "leavers"
    meaning: ClassVar[str] = (
        "People who left during the window and are not in post at its end, by the mean of the "
        "headcounts at start and end (those whose fixed term ended are not leavers)."
    )
    measured_in: ClassVar[str] = "leavers per head over the window"


class JoinerRate(MovementRate):
    """Joiners over the window by mean headcount."""

    name: ClassVar[str] = "joiner_rate"
    counted: ClassVar[str] = "joiners"
    meaning: ClassVar[str] = (
        "People who were not in post at the start and joined during the window, by the mean of the "
        "headcounts at start and end."
    )
    measured_in: ClassVar[str] = "joiners per head over the window"


def _window_words(window: tuple[str, str] | dict[str, tuple[str, str]]) -> str:
    if isinstance(window, dict):
        return "; ".join(f"{round_}: {days[0]} to {days[1]}" for round_, days in window.items())
    return f"{window[0]} to {window[1]}"
