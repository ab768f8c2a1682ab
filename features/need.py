"""Need in the settings that a site serves: pupils on free school meals or with special needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import narwhals as nw
import numpy as np
import pandas as pd
from pydantic import Field

from site_typology.declaration import FeatureDeclaration, Kind
from site_typology.errors import Problem
from site_typology.features.contract import BuilderArgs, Built
from site_typology.features.knownpart import coverage_of, ratio_by_site
from site_typology.features.served import (
    SettingArgs,
    SettingBuilder,
    named_columns,
    number_problems,
    served_settings,
)
from site_typology.features.tables import StudyTables, Table


@dataclass(frozen=True)
class Need:
    """Where the register says how many pupils have a need."""

    words: str
    count: tuple[str, ...]
    percent: str | None


NEEDS: dict[str, Need] = {
    "fsm": Need("on free school meals", ("FSM",), "PercentageFSM"),
    "sen": Need("with special educational needs", ("SENStat", "SENNoStat"), None),
}
"""Needs by name. The register calls SENStat the number of special pupils under a statement or plan
(EHCP) and SENNoStat that of those not under one; both are blank for many maintained schools."""

_IN_NEED, _PUPILS, _PERCENT = "in need", "pupils", "percent"


class NeedArgs(SettingArgs):
    """Arguments of `SettingNeed`."""

    measure: Literal["fsm", "sen"] = Field(
        "fsm", description="Free school meals, or special educational needs."
    )
    count: tuple[str, ...] | None = Field(
        None, description="Columns that add up to the pupils in need; the register's by default."
    )
    percent: str | None = Field(
        None, description="Column with their percentage, where there is no number."
    )
    pupils: str = Field("NumberOfPupils", description="Column with the number of pupils.")

    @property
    def counted(self) -> tuple[str, ...]:
        """Columns with numbers of pupils in need."""
        return NEEDS[self.measure].count if self.count is None else self.count

    @property
    def rated(self) -> str | None:
        """Column with their percentage."""
        if self.percent is None and self.count is not None:
            return None
        return self.percent or NEEDS[self.measure].percent


class SettingNeed(SettingBuilder):
    """Share of the pupils of a site's open settings who are in need.

    Pupils in need by pupils, summed over the settings that the register gives both of: large
    settings weigh more, and a college without a number of pupils has no part in it. Where a
    setting's number in need is missing, its percentage stands in. Measurement: ``coverage`` is
    the share of settings known, ``pupil_coverage`` that of pupils in settings of known size.
    """

    name: ClassVar[str] = "setting_need"
    kind: ClassVar[Kind] = "share"
    Args: ClassVar[type[BuilderArgs]] = NeedArgs

    def column_rules(
        self, feature: FeatureDeclaration, args: NeedArgs, table: Table
    ) -> Iterator[Problem]:
        """Check numbers of pupils and percentages."""
        required = named_columns(args, ("count", "percent", "pupils"))
        yield from number_problems(feature, "pupils", table, [args.pupils], required)
        yield from number_problems(feature, "count", table, args.counted, required)
        rated = [args.rated] if args.rated else []
        yield from number_problems(feature, "percent", table, rated, required, (0.0, 100.0))

    def build(self, feature: FeatureDeclaration, args: NeedArgs, tables: StudyTables) -> Built:
        """Sum pupils over the settings known."""
        table = tables.tables[args.table]
        words = NEEDS[args.measure].words if args.count is None else "in need"
        described: dict[str, Any] = {"unit": "share of pupils", "range": (0.0, 1.0)}
        definition = f"Pupils {words} by pupils, over the site's open settings that give both."
        columns = _sources(args, table)
        if not columns:
            wanted = [*args.counted, args.pupils]
            return self.unavailable(feature, args, tables, wanted, definition, **described)
        served = served_settings(feature, args, table, _expressions(args, table))
        rows = in_need(served.rows)
        estimate, left = ratio_by_site(rows, _IN_NEED, _PUPILS)
        known = rows[_IN_NEED].notna() & rows[_PUPILS].notna()
        sized = rows[_PUPILS].sum()
        figures = coverage_of(left)
        if sized > 0:
            figures["pupil_coverage"] = float(rows.loc[known, _PUPILS].sum() / sized)
        described["measurement"] = figures
        return self.placed(
            feature, args, tables, estimate, columns, definition, served, **described
        )


def in_need(rows: pd.DataFrame) -> pd.DataFrame:
    """Fill a missing number in need from its percentage; leave settings without pupils out.

    Parameters
    ----------
    rows : DataFrame
        Columns ``in need``, ``pupils`` and ``percent``, NaN where not known.

    Examples
    --------
    >>> rows = {"in need": [12.0, None, 3.0], "pupils": [60.0, 200.0, 0.0], "percent": 25.0}
    >>> in_need(pd.DataFrame(rows))["in need"].tolist()
    [12.0, 50.0]
    """
    stated = rows[_PERCENT] / 100 * rows[_PUPILS]
    filled = rows.assign(**{_IN_NEED: rows[_IN_NEED].fillna(stated)})
    return filled[filled[_PUPILS].isna() | (filled[_PUPILS] > 0)].reset_index(drop=True)


def _sources(args: NeedArgs, table: Table) -> list[str]:
    """Columns of the table that the feature can come from; none if it cannot."""
    there = set(table.columns)
    if args.pupils not in there:
        return []
    columns = list(args.counted) if set(args.counted) <= there else []
    columns += [args.rated] if args.rated in there else []
    return [*columns, args.pupils] if columns else []


def _expressions(args: NeedArgs, table: Table) -> dict[str, nw.Expr]:
    used = _sources(args, table)
    nothing = nw.lit(np.nan)
    counted = set(args.counted) <= set(used)
    total = nw.lit(0.0)
    for name in args.counted if counted else ():
        # A sum with `+` is missing where one of its terms is.
        total = total + nw.col(name).cast(nw.Float64)
    return {
        _IN_NEED: total if counted else nothing,
        _PUPILS: nw.col(args.pupils).cast(nw.Float64),
        _PERCENT: nw.col(args.rated).cast(nw.Float64) if args.rated in used else nothing,
    }
