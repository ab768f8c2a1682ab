"""The settings that sites serve: which rows of a register are in use, and features over them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import narwhals as nw
import numpy as np
import pandas as pd
from pydantic import Field

from site_typology.declaration import Condition, FeatureDeclaration
from site_typology.errors import Problem
from site_typology.features.contract import (
    Builder,
    BuilderArgs,
    Built,
    Code,
    Estimate,
    over_rounds,
    place,
    study_grid,
)
from site_typology.features.gaps import ABSENT, absent_sites, gap_reasons
from site_typology.features.ledger import SET_ASIDE, USED
from site_typology.features.selection import (
    column_problems,
    range_problems,
    row_values,
    table_problems,
    value_problems,
    where_problems,
)
from site_typology.features.tables import ROUND, SITE, StudyTables, Table, as_text
from site_typology.profile_checks import INDEX
from site_typology.profiles import LEDGER_COLUMNS

OPEN_STATUSES = ("Open", "Open, but proposed to close")
NOT_SERVED = {"proposed to open": "not yet open", "": "status not known"}
TAKEN_AS_OPEN = "status not known, taken as open"
UNAVAILABLE = "unavailable"
"""Reason of a feature whose column this release of the register does not have."""
_STATUS = "__status__"


class SettingArgs(BuilderArgs):
    """Arguments of all builders of settings; columns are the register's by default."""

    table: str = Field(description="Table with one row a setting.")
    status: str = Field(
        "EstablishmentStatus (name)",
        description="Column with the status, if there is one; settings not open are set aside.",
    )
    open: tuple[Code, ...] = Field(
        OPEN_STATUSES, min_length=1, description="Statuses of the settings to use."
    )


class WeightedArgs(SettingArgs):
    """Arguments of builders over settings, or over their pupils."""

    weight: str | None = Field(
        None, description="Column to weight settings by, such as NumberOfPupils."
    )


@dataclass(frozen=True)
class Served:
    """The settings that sites serve.

    Parameters
    ----------
    rows : DataFrame
        One row a setting in use: columns `SITE`, `ROUND`, `ROW`, `WEIGHT` and those asked for.
    aside : DataFrame
        Ledger entries of the settings set aside, and of those whose status nothing tells.
    listed : MultiIndex of (site, round)
        Sites that have settings at all, in use or not, sorted.
    flags : tuple of str
        Sentences for the quality page.
    """

    rows: pd.DataFrame
    aside: pd.DataFrame
    listed: pd.MultiIndex
    flags: tuple[str, ...] = ()


class SettingBuilder(Builder[Any]):
    """What the builders of settings share: checks, and features that the register cannot give."""

    family: ClassVar[str] = "settings"

    def problems(
        self, feature: FeatureDeclaration, args: Any, tables: StudyTables
    ) -> Iterator[Problem]:
        """Check table, statuses and columns; more in `column_rules`."""
        yield from table_problems(feature, "table", args.table, tables)
        table = tables.tables.get(args.table)
        if table is None:
            return
        yield from where_problems(feature, args.where, table)
        yield from status_problems(feature, args, table)
        yield from self.column_rules(feature, args, table)

    def column_rules(
        self, feature: FeatureDeclaration, args: Any, table: Table
    ) -> Iterator[Problem]:
        """Check the columns of this builder."""
        return iter(())

    def unavailable(
        self,
        feature: FeatureDeclaration,
        args: Any,
        tables: StudyTables,
        columns: Sequence[str],
        definition: str,
        **more: Any,
    ) -> Built:
        """Build a feature without a value anywhere, since the table has none of `columns`."""
        info = self.info(
            feature,
            source=f"{args.table}: {', '.join(columns)}",
            definition=definition,
            measurement={"coverage": 0.0},
            **more,
        )
        gaps = pd.Series(UNAVAILABLE, index=study_grid(tables), dtype=object)
        gaps[gaps.index.get_level_values(0).isin(absent_sites(feature, tables))] = ABSENT
        nowhere = pd.MultiIndex.from_arrays([[], []], names=INDEX)
        nothing = Estimate(nowhere, np.empty(0), np.empty(0), np.empty(0))
        return place({feature.name: nothing}, [info], tables, gaps)

    def placed(
        self,
        feature: FeatureDeclaration,
        args: Any,
        tables: StudyTables,
        estimate: Estimate,
        columns: Sequence[str],
        definition: str,
        served: Served,
        **more: Any,
    ) -> Built:
        """Put an estimate on the study's grid; `columns` explain its gaps."""
        info = self.info(
            feature,
            source=f"{args.table}: {', '.join(columns) or 'rows'}",
            definition=definition,
            flags=served.flags,
            **more,
        )
        gaps = setting_gaps(feature, args, tables, columns, served)
        return place({feature.name: estimate}, [info], tables, gaps, ledger=served.aside)


def named_columns(args: SettingArgs, arguments: Iterable[str]) -> list[str]:
    """Columns that the study itself names in `arguments`, so that they must be there."""
    found: list[str] = []
    for argument in arguments:
        value = getattr(args, argument)
        if argument in args.model_fields_set and value is not None:
            found += [value] if isinstance(value, str) else list(value)
    return found


def number_problems(
    feature: FeatureDeclaration,
    argument: str,
    table: Table,
    columns: Iterable[str],
    required: Iterable[str] = (),
    limits: tuple[float, float] = (0.0, np.inf),
) -> Iterator[Problem]:
    """Check the columns with numbers that are there, and that those required are."""
    required = set(required)
    asked = [name for name in columns if name in required or name in table.columns]
    yield from column_problems(feature, argument, table, asked, numeric=True)
    yield from range_problems(feature, table, asked, limits)


def weight_rules(
    feature: FeatureDeclaration, args: WeightedArgs, table: Table
) -> Iterator[Problem]:
    """Check the column that settings are weighted by."""
    weights = [args.weight] if args.weight else []
    yield from number_problems(feature, "weight", table, weights, weights)


def amount(args: WeightedArgs) -> nw.Expr:
    """Expression for what a setting counts: 1, or its weight."""
    return nw.lit(1.0) if args.weight is None else nw.col(args.weight).cast(nw.Float64)


def status_problems(
    feature: FeatureDeclaration, args: SettingArgs, table: Table
) -> Iterator[Problem]:
    """Say that the statuses of open settings match none, or that a named column is not there."""
    if "status" in args.model_fields_set:
        yield from column_problems(feature, "status", table, [args.status])
    yield from value_problems(feature, "open", table, args.status, args.open)


def served_settings(
    feature: FeatureDeclaration,
    args: SettingArgs,
    table: Table,
    columns: Mapping[str, nw.Expr],
) -> Served:
    """Take the rows of open settings with `columns`, and account for the others.

    Parameters
    ----------
    columns : mapping of str to narwhals.Expr
        Values derived from each row.

    Returns
    -------
    Served
    """
    given = args.status in table.columns
    asked = {**columns, _STATUS: nw.col(args.status)} if given else dict(columns)
    rows = row_values(table, args.where, asked)
    # A site of which no setting is chosen still was looked at.
    listed = table.rows_by_site.index.set_names(INDEX)
    if not given:
        taken = rows[[SITE, ROUND]].assign(reason=TAKEN_AS_OPEN)
        flag = (
            f"Table '{table.name}' has no column '{args.status}', so that settings that have "
            "closed count as open ones. Take an extract with it, or name the column with status."
        )
        return Served(rows, _entries(feature, args.table, taken, USED), listed, (flag,))
    status = as_text(rows[_STATUS]).fillna("").str.strip().str.casefold()
    served = status.isin([name.strip().casefold() for name in args.open])
    reason = status.map(NOT_SERVED).astype(object).where(lambda said: said.notna(), status)
    rows = rows.drop(columns=_STATUS)
    aside = rows.loc[~served, [SITE, ROUND]].assign(reason=reason[~served])
    return Served(
        rows[served].reset_index(drop=True),
        _entries(feature, args.table, aside, SET_ASIDE),
        listed,
    )


def setting_gaps(
    feature: FeatureDeclaration,
    args: SettingArgs,
    tables: StudyTables,
    columns: Sequence[str],
    served: Served,
) -> pd.Series:
    """The reason that holds at each site and round, should its cell be empty.

    What the settings in use say, as `site_typology.features.gaps.gap_reasons`; "not applicable"
    where the site has settings and none of them is in use.
    """
    table, where = tables.tables[args.table], args.where
    if args.status in table.columns:
        where = (*where, Condition(column=args.status, values=args.open))
    gaps = gap_reasons(feature, tables, table, columns, where)
    in_use = served.rows.groupby([SITE, ROUND]).size().rename_axis(INDEX)
    numbers = in_use.reindex(served.listed, fill_value=0).rename("n").to_frame()
    none = over_rounds(numbers.astype(float), tables)["n"] == 0
    return gaps.mask(none & (gaps != ABSENT), "not applicable")


def _entries(
    feature: FeatureDeclaration, table: str, settings: pd.DataFrame, outcome: str
) -> pd.DataFrame:
    counts = settings.groupby([SITE, ROUND, "reason"]).size().rename("n").reset_index()
    return pd.DataFrame(
        {
            "table": table,
            "entry": f"feature {feature.name}",
            "site": counts[SITE],
            "round": counts[ROUND],
            "outcome": outcome,
            "reason": counts["reason"],
            "n": counts["n"],
        },
        columns=LEDGER_COLUMNS,
    )
