"""Settings served: the mix of schools and colleges by type and phase, and its diversity."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import ClassVar, Literal

import narwhals as nw
import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from site_typology.declaration import FeatureDeclaration, Kind
from site_typology.errors import Problem
from site_typology.features.composition import placed_diversity, placed_shares
from site_typology.features.conditions import quoted
from site_typology.features.contract import BuilderArgs, Built
from site_typology.features.knownpart import unknown_part
from site_typology.features.parttotals import NO_NOTES, RowNotes
from site_typology.features.selection import column_problems, place_of
from site_typology.features.served import (
    Served,
    SettingBuilder,
    WeightedArgs,
    amount,
    named_columns,
    served_settings,
    setting_gaps,
    weight_rules,
)
from site_typology.features.settingkinds import (
    BY_PHASE,
    BY_TYPE,
    OTHER,
    in_order,
    merged,
    setting_kinds,
    type_code,
)
from site_typology.features.shares import USED, Shares, count_shares
from site_typology.features.tables import StudyTables, Table

_TYPE, _PHASE, _KIND, _AMOUNT = "type", "phase", "kind", "amount"
MANY = 0.5
"""Share of a kind without a weight from which its part is said to be too small."""
KINDS = frozenset({*BY_TYPE, *BY_PHASE.values(), OTHER})


class MixArgs(WeightedArgs):
    """Arguments of `SettingMix`; columns are the register's by default."""

    by: Literal["phase_type"] = Field(
        "phase_type", description="How settings are classified: by type, else by phase."
    )
    type: str = Field("TypeOfEstablishment (code)", description="Column with the type's code.")
    phase: str = Field("PhaseOfEducation (name)", description="Column with the phase.")
    merge: dict[str, str] = Field({}, description="Kind = the kind that it is counted with.")
    min_share: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Kinds with a smaller share of all sites' settings are counted as 'other'.",
    )
    error: Literal["draws", "census"] = Field(
        "draws",
        description="Settings as draws from those that the site might serve, or as all there are: "
        "then only settings of unknown kind or weight leave an error.",
    )

    @field_validator("merge")
    @classmethod
    def _kinds_are_known(cls, merge: dict[str, str]) -> dict[str, str]:
        if unknown := sorted(set(merge) - KINDS):
            raise ValueError(
                f"there is no kind {quoted(unknown)}; kinds: {quoted(in_order(KINDS))}"
            )
        return merge


class DiversityArgs(MixArgs):
    """Arguments of `SettingDiversity`."""

    index: Literal["simpson", "shannon"] = Field(
        "simpson", description="Gini-Simpson index, or Shannon entropy over its maximum."
    )


class _Kinds(SettingBuilder):
    """What both builders check and count."""

    def column_rules(
        self, feature: FeatureDeclaration, args: MixArgs, table: Table
    ) -> Iterator[Problem]:
        """Check the register's columns, and that some settings are open and of two kinds."""
        faults = list(_kind_problems(feature, args, table))
        yield from faults
        yield from weight_rules(feature, args, table)
        used = {condition.column for condition in args.where}
        used |= {args.weight} if args.weight else set()
        if not used <= set(table.columns) or (args.weight and args.weight not in table.numbers):
            return
        if faults:
            return
        kinds = in_order(kinds_of_rows(feature, args, table).rows[_KIND])
        if len(kinds) < 2:
            found = f"found only {quoted(kinds)}" if kinds else "found none"
            yield Problem(
                place_of(feature, "table"),
                f"A setting mix needs open settings of two kinds in table '{table.name}'; {found}. "
                f"Check columns '{args.type}', '{args.phase}' and '{args.status}', and merge.",
            )


def _kind_problems(feature: FeatureDeclaration, args: MixArgs, table: Table) -> Iterator[Problem]:
    """Type or phase must be there, both where the study names them, and types as codes."""
    named = named_columns(args, ("type", "phase"))
    for argument, column in (("type", args.type), ("phase", args.phase)):
        yield from column_problems(feature, argument, table, [column] if column in named else [])
    if not named and not _known_by(args, table):
        yield Problem(
            place_of(feature, "table"),
            f"Table '{table.name}' has neither '{args.type}' nor '{args.phase}', so that no "
            "setting can be classified. Take an extract with one of them, or name the columns "
            "with type and phase.",
        )
    if args.type not in table.columns or args.type in table.numbers:
        return
    names = [str(text) for text in table.values(args.type) if type_code(text) is None]
    if names:
        yield Problem(
            place_of(feature, "type"),
            f"Column '{args.type}' of table '{table.name}' holds {quoted(names)}; settings are "
            "classified by the register's codes of types. Name a column with codes, or leave type "
            "out to go by phase alone.",
        )


class SettingMix(_Kinds):
    """Share of a site's open settings of each kind, of pupils where weighted by them."""

    name: ClassVar[str] = "setting_mix"
    kind: ClassVar[Kind] = "composition"
    Args: ClassVar[type[BuilderArgs]] = MixArgs

    def build(self, feature: FeatureDeclaration, args: MixArgs, tables: StudyTables) -> Built:
        """Take the shares by site and round."""
        table = tables.tables[args.table]
        served = kinds_of_rows(feature, args, table)
        weighted = f", weighted by '{args.weight}'" if args.weight else ""
        notes = _notes(feature.name, served, args, table)
        meaning = f"Share of the site's open settings by type, else by phase{weighted}."
        return placed_shares(
            self,
            feature,
            _shares(served.rows, args),
            tables,
            setting_gaps(feature, args, tables, _columns(args, table), served),
            _source(args, table),
            f"{meaning} {notes.words}".strip(),
            notes=notes,
            ledger=served.aside,
        )


class SettingDiversity(_Kinds):
    """How diverse a site's open settings (or their pupils) are in type and phase."""

    name: ClassVar[str] = "setting_diversity"
    kind: ClassVar[Kind] = "continuous"
    Args: ClassVar[type[BuilderArgs]] = DiversityArgs

    def build(self, feature: FeatureDeclaration, args: DiversityArgs, tables: StudyTables) -> Built:
        """Take the diversity by site and round."""
        table = tables.tables[args.table]
        served = kinds_of_rows(feature, args, table)
        return placed_diversity(
            self,
            feature,
            _shares(served.rows, args),
            tables,
            setting_gaps(feature, args, tables, _columns(args, table), served),
            _source(args, table),
            args.index,
            _notes(feature.name, served, args, table),
            ledger=served.aside,
        )


def kinds_of_rows(feature: FeatureDeclaration, args: MixArgs, table: Table) -> Served:
    """Open settings with their kind, and the ledger's entries of the others.

    Returns
    -------
    Served
        Its rows have ``kind`` after merging (NaN where not known) and ``amount``.
    """
    there = _known_by(args, table)
    columns = {
        key: nw.col(name) if name in there else nw.lit("")
        for key, name in ((_TYPE, args.type), (_PHASE, args.phase))
    }
    columns[_AMOUNT] = amount(args)
    served = served_settings(feature, args, table, columns)
    kinds = setting_kinds(served.rows[_TYPE], served.rows[_PHASE])
    joined = merged(kinds, served.rows[_AMOUNT], args.merge, args.min_share)
    rows = served.rows.drop(columns=[_TYPE, _PHASE]).assign(**{_KIND: joined})
    return dataclasses.replace(served, rows=rows)


def _shares(rows: pd.DataFrame, args: MixArgs) -> Shares:
    """Shares of the kinds over a site's settings, or over their pupils."""
    kinds = in_order(rows[_KIND])
    usable = rows[_KIND].notna() & (rows[_AMOUNT] > 0)
    parts = {kind: (rows[_AMOUNT] * (rows[_KIND] == kind)).where(usable) for kind in kinds}
    shares = count_shares(rows.assign(**parts, **{USED: usable}), kinds)
    if args.error == "draws":
        return shares
    unknown = unknown_part(shares.sums)
    covariance = np.where(unknown[:, None, None] > 0, shares.covariance, 0.0)
    return dataclasses.replace(shares, covariance=covariance * unknown[:, None, None])


def _notes(name: str, served: Served, args: MixArgs, table: Table) -> RowNotes:
    """What is said of the settings: by what they are classified, and what has no weight."""
    notes = _without_weight(name, served.rows, args)
    flags = served.flags
    for missing, other, kinds in (
        (args.type, "phase", "special schools, alternative provision and independent schools"),
        (args.phase, "type", "nurseries, primary, secondary and all-through schools"),
    ):
        if missing not in table.columns:
            said = f"Table '{table.name}' has no column '{missing}', so that '{name}' goes by"
            flags = (*flags, f"{said} {other} alone and counts {kinds} as '{OTHER}'.")
    return dataclasses.replace(notes, flags=(*flags, *notes.flags))


def _without_weight(name: str, rows: pd.DataFrame, args: MixArgs) -> RowNotes:
    """Say which kinds are made too small by settings that give no weight, such as colleges."""
    known = rows[rows[_KIND].notna()]
    none = known[~(known[_AMOUNT] > 0)]
    if none.empty:
        return NO_NOTES
    settings, without = known[_KIND].value_counts(), none[_KIND].value_counts()
    kinds = [kind for kind in in_order(none[_KIND]) if without[kind] >= MANY * settings[kind]]
    words = f"The {len(none)} settings of {len(known)} without '{args.weight}' count as none."
    flags = tuple(
        f"{without[kind]} of {settings[kind]} settings of kind '{kind}' have no '{args.weight}', "
        f"so that '{name}' shows too little of it, or none. Weight by another column, count "
        "settings, or leave the kind out with where."
        for kind in kinds
    )
    return RowNotes(words, flags=flags)


def _known_by(args: MixArgs, table: Table) -> list[str]:
    """Columns of the table that settings are classified by."""
    return [column for column in (args.type, args.phase) if column in table.columns]


def _columns(args: MixArgs, table: Table) -> list[str]:
    return _known_by(args, table) + ([args.weight] if args.weight else [])


def _source(args: MixArgs, table: Table) -> str:
    return f"{args.table}: {', '.join(_columns(args, table))}"
