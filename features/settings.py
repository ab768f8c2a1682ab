"""Settings served: the mix of schools and colleges by type and phase, and its diversity.

Special schools, pupil referral units and independent schools have no phase in the register, so a
setting is classified by the code of its type first and by its phase otherwise. The mapping is
ours, not the department's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from site_typology.declaration import FeatureDeclaration, Kind
from site_typology.errors import Problem
from site_typology.features.composition import (
    CompositionArgs,
    placed_diversity,
    placed_shares,
    shares_by_site,
)
from site_typology.features.conditions import quoted
from site_typology.features.contract import Builder, BuilderArgs, Built
from site_typology.features.gaps import gap_reasons
from site_typology.features.selection import (
    chosen_rows,
    column_problems,
    place_of,
    range_problems,
    table_problems,
    where_problems,
)
from site_typology.features.tables import ROUND, SITE, StudyTables, Table, as_text
from site_typology.profiles import LEDGER_COLUMNS

BY_TYPE: dict[str, frozenset[int]] = {
    "special": frozenset({7, 8, 10, 12, 32, 33, 36, 44}),
    "alternative_provision": frozenset({14, 38, 42, 43}),
    "post_16": frozenset({18, 31, 39, 45, 46}),
    "independent": frozenset({6, 11}),
}
"""Codes of TypeOfEstablishment in the register (Get Information About Schools)."""

BY_PHASE = {
    "nursery": "nursery",
    "primary": "primary",
    "middle deemed primary": "primary",
    "secondary": "secondary",
    "middle deemed secondary": "secondary",
    "all-through": "all_through",
    "16 plus": "post_16",
}
NOT_SERVED = {"closed": "closed", "proposed to open": "not yet open"}
ORDER = (
    "nursery", "primary", "secondary", "all_through", "post_16",
    "special", "alternative_provision", "independent", "other",
)  # fmt: skip
CLASS = "__setting__"


class SettingArgs(BuilderArgs):
    """Arguments of the builders of settings; columns are the register's by default."""

    table: str = Field(description="Table with one row a setting.")
    weight: str | None = Field(
        None, description="Column to weight settings by, such as NumberOfPupils."
    )
    by: Literal["phase_type"] = Field(
        "phase_type", description="How settings are classified: by type, else by phase."
    )
    type: str = Field("TypeOfEstablishment (code)", description="Column with the type's code.")
    phase: str = Field("PhaseOfEducation (name)", description="Column with the phase.")
    status: str = Field(
        "EstablishmentStatus (name)",
        description="Column with the status, if there is one; settings not open are set aside.",
    )


class SettingDiversityArgs(SettingArgs):
    """Arguments of `SettingDiversity`."""

    index: Literal["simpson", "shannon"] = Field(
        "simpson", description="Gini-Simpson index, or Shannon entropy over its maximum."
    )


class _Settings(Builder[Any]):
    """What both builders check."""

    family: ClassVar[str] = "settings"

    def problems(
        self, feature: FeatureDeclaration, args: SettingArgs, tables: StudyTables
    ) -> Iterator[Problem]:
        """Check the register's columns, and that some settings are open and of two kinds."""
        yield from table_problems(feature, "table", args.table, tables)
        table = tables.tables.get(args.table)
        if table is None:
            return
        yield from column_problems(feature, "type", table, [args.type])
        yield from column_problems(feature, "phase", table, [args.phase])
        yield from where_problems(feature, args.where, table)
        if args.weight is not None:
            yield from column_problems(feature, "weight", table, [args.weight], numeric=True)
            yield from range_problems(feature, table, [args.weight], (0.0, np.inf))
        used = {args.type, args.phase, *(condition.column for condition in args.where)}
        if not used <= set(table.columns):
            return
        kinds = _kinds(classified(table, args)[0])
        if len(kinds) < 2:
            found = f"found only {quoted(kinds)}" if kinds else "found none"
            yield Problem(
                place_of(feature, "table"),
                f"A setting mix needs open settings of two kinds in table '{table.name}'; {found}. "
                f"Check columns '{args.type}', '{args.phase}' and '{args.status}'.",
            )


class SettingMix(_Settings):
    """Share of a site's open settings of each kind, of pupils where weighted by them."""

    name: ClassVar[str] = "setting_mix"
    kind: ClassVar[Kind] = "composition"
    Args: ClassVar[type[BuilderArgs]] = SettingArgs

    def build(self, feature: FeatureDeclaration, args: SettingArgs, tables: StudyTables) -> Built:
        """Take the shares by site and round."""
        table, mix, aside = _mix(feature, args, tables)
        weighted = f", weighted by '{args.weight}'" if args.weight else ""
        return placed_shares(
            self,
            feature,
            shares_by_site(mix, _with(tables, table)),
            tables,
            gap_reasons(feature, tables, tables.tables[args.table], _columns(args), args.where),
            _source(args),
            f"Share of the site's open settings by type, else by phase{weighted}.",
            ledger=aside,
        )


class SettingDiversity(_Settings):
    """How diverse a site's open settings are in type and phase."""

    name: ClassVar[str] = "setting_diversity"
    kind: ClassVar[Kind] = "continuous"
    Args: ClassVar[type[BuilderArgs]] = SettingDiversityArgs

    def build(
        self, feature: FeatureDeclaration, args: SettingDiversityArgs, tables: StudyTables
    ) -> Built:
        """Take the diversity by site and round."""
        table, mix, aside = _mix(feature, args, tables)
        return placed_diversity(
            self,
            feature,
            shares_by_site(mix, _with(tables, table)),
            tables,
            gap_reasons(feature, tables, tables.tables[args.table], _columns(args), args.where),
            _source(args),
            args.index,
            ledger=aside,
        )


def setting_kind(type_code: object, phase: object) -> str | float:
    """Kind of one setting: by the code of its type first, else by its phase.

    NaN where neither is known, ``"other"`` where both are but neither says.

    Examples
    --------
    >>> setting_kind("07", "Not applicable"), setting_kind(1, "Middle deemed primary")
    ('special', 'primary')
    >>> setting_kind("25", "Not applicable"), setting_kind(None, None)
    ('other', nan)
    """
    code = _whole(type_code)
    for kind, members in BY_TYPE.items():
        if code in members:
            return kind
    name = "" if pd.isna(phase) else str(phase).strip().lower()
    if name in BY_PHASE:
        return BY_PHASE[name]
    return "other" if code is not None or name else float("nan")


def classified(table: Table, args: SettingArgs) -> tuple[Table, pd.DataFrame]:
    """Open settings with their kind in column `CLASS`, and how many others each site had.

    Returns
    -------
    Table
        Without the settings that are closed or not yet open.
    DataFrame
        Columns `SITE`, `ROUND`, ``reason`` and ``n``.
    """
    rows = chosen_rows(table, args.where).to_native()
    reason = pd.Series("", index=rows.index, dtype=object)
    if args.status in table.columns:
        status = as_text(rows[args.status]).str.lower()
        reason = status.map(NOT_SERVED).astype(object).where(status.isin(list(NOT_SERVED)), "")
    aside = rows[[SITE, ROUND]].assign(reason=reason)[reason != ""]
    counts = aside.groupby([SITE, ROUND, "reason"]).size().rename("n").reset_index()
    served = rows[reason == ""]
    pairs = zip(served[args.type], served[args.phase], strict=True)
    kinds = pd.Series(
        [setting_kind(code, phase) for code, phase in pairs], index=served.index, dtype="str"
    )
    served = served.assign(**{CLASS: kinds})
    return dataclasses.replace(table, frame=served), counts


def _mix(
    feature: FeatureDeclaration, args: SettingArgs, tables: StudyTables
) -> tuple[Table, CompositionArgs, pd.DataFrame]:
    """The classified table, the composition over it, and ledger entries for what was set aside."""
    table, counts = classified(tables.tables[args.table], args)
    parts = {kind: (kind,) for kind in _kinds(table)}
    mix = CompositionArgs(table=args.table, category=CLASS, parts=parts, amount=args.weight)
    aside = pd.DataFrame(
        {
            "table": args.table,
            "entry": f"feature {feature.name}",
            "site": counts[SITE],
            "round": counts[ROUND],
            "outcome": "set aside",
            "reason": counts["reason"],
            "n": counts["n"],
        },
        columns=LEDGER_COLUMNS,
    )
    return table, mix, aside


def _kinds(table: Table) -> list[str]:
    found = set(table.frame[CLASS].dropna())
    return [kind for kind in ORDER if kind in found]


def _with(tables: StudyTables, table: Table) -> StudyTables:
    """The study with one table replaced."""
    return dataclasses.replace(tables, tables={**tables.tables, table.name: table})


def _columns(args: SettingArgs) -> list[str]:
    return [args.type, args.phase] + ([args.weight] if args.weight else [])


def _source(args: SettingArgs) -> str:
    return f"{args.table}: {', '.join(_columns(args))}"


def _whole(code: object) -> int | None:
    try:
        return int(float(str(code)))
    except ValueError:
        return None
