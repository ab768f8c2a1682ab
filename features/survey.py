"""Features from informants: scale scores, means and shares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import narwhals as nw
from pydantic import Field

from site_typology.declaration import FeatureDeclaration, Kind, ScaleDeclaration
from site_typology.errors import Problem
from site_typology.features.answers import Answers
from site_typology.features.conditions import quoted
from site_typology.features.contract import Builder, BuilderArgs, Built, Code
from site_typology.features.informants import mean_over_informants
from site_typology.features.scalefigures import scale_figures
from site_typology.features.selection import (
    column_problems,
    is_among,
    place_of,
    range_problems,
    table_problems,
    value_problems,
    weight_problems,
    where_problems,
)
from site_typology.features.tables import StudyTables

TOLERANCE = 1e-9


class ScaleArgs(BuilderArgs):
    """Arguments of `Scale`."""

    scale: str = Field(description="Name of one of the [[scales]].")


class Scale(Builder[ScaleArgs]):
    """Site mean of a scale: each informant's mean over the items answered, reverse keys turned."""

    name: ClassVar[str] = "scale"
    kind: ClassVar[Kind] = "continuous"
    Args: ClassVar[type[BuilderArgs]] = ScaleArgs

    def problems(
        self, feature: FeatureDeclaration, args: ScaleArgs, tables: StudyTables
    ) -> Iterator[Problem]:
        """Check the scale, its items and their range."""
        scale = _scale(args.scale, tables)
        if scale is None:
            names = [scale.name for scale in tables.declaration.scales]
            found = f"Scales declared: {quoted(names)}." if names else "No [[scales]] are declared."
            yield Problem(place_of(feature, "scale"), f"There is no scale '{args.scale}'. {found}")
            return
        table = tables.tables.get(scale.table)
        if table is None:
            return
        yield from column_problems(feature, "scale", table, scale.items, numeric=True)
        yield from where_problems(feature, args.where, table)
        yield from weight_problems(feature, table, scale.items)
        yield from range_problems(feature, table, scale.items, scale.range)

    def build(self, feature: FeatureDeclaration, args: ScaleArgs, tables: StudyTables) -> Built:
        """Score every informant, then average by site and round."""
        scale = _scale(args.scale, tables)
        if scale is None:
            raise KeyError(args.scale)
        table = tables.tables[scale.table]
        round_ = tables.declaration.typology_round
        measured = scale_figures(table, scale, args.where, keyed_items(scale), round_)
        low, high = scale.range
        described = {
            "source": f"{table.name}: {', '.join(scale.items)}",
            "definition": _scale_definition(scale),
            "unit": f"score from {low:g} to {high:g}",
            "informant": scale.informant,
            "range": scale.range,
            "flags": measured.flags,
        }
        if not feature.label and scale.label:
            described["label"] = scale.label
        asked = self.answers(feature, args, tables)
        return mean_over_informants(self, feature, asked, tables, described, measured.figures)

    def answers(self, feature: FeatureDeclaration, args: ScaleArgs, tables: StudyTables) -> Answers:
        """Score of each informant."""
        scale = _scale(args.scale, tables)
        if scale is None:
            raise KeyError(args.scale)
        key = f"{feature.model_dump_json()} {scale.model_dump_json()}"
        table = tables.tables[scale.table]
        return Answers(feature.name, key, table, scale_score(scale), scale.items, args.where)


def _scale(name: str, tables: StudyTables) -> ScaleDeclaration | None:
    return next((scale for scale in tables.declaration.scales if scale.name == name), None)


def _scale_definition(scale: ScaleDeclaration) -> str:
    reverse = f", {len(scale.reverse)} of them reverse-keyed" if scale.reverse else ""
    one = "item" if len(scale.items) == 1 else "items"
    return (
        f"Mean over informants of their mean of {len(scale.items)} {one}{reverse}; "
        f"informants who answered at least {scale.min_share:.0%} of the items."
    )


def keyed_items(scale: ScaleDeclaration) -> dict[str, nw.Expr]:
    """Expression of each item with reverse keys turned: low + high - answer."""
    low, high = scale.range
    answers = {item: nw.col(item).cast(nw.Float64) for item in scale.items}
    return {
        item: low + high - answer if item in scale.reverse else answer
        for item, answer in answers.items()
    }


def scale_score(scale: ScaleDeclaration) -> nw.Expr:
    """Expression of an informant's score: the mean of the items answered, reverse keys turned.

    Null where fewer than ``scale.min_share`` of the items are answered.
    """
    there = (
        nw.when(~nw.col(item).is_null()).then(nw.lit(1.0)).otherwise(nw.lit(0.0))
        for item in scale.items
    )
    needed = max(scale.min_share * len(scale.items) - TOLERANCE, TOLERANCE)
    answered = nw.sum_horizontal(*there)
    return nw.when(answered >= needed).then(nw.mean_horizontal(*keyed_items(scale).values()))


class MeanArgs(BuilderArgs):
    """Arguments of `Mean`."""

    table: str = Field(description="Table with one row an informant.")
    column: str = Field(description="Column with numbers.")


class Mean(Builder[MeanArgs]):
    """Site mean of one numeric column over informants."""

    name: ClassVar[str] = "mean"
    kind: ClassVar[Kind] = "continuous"
    Args: ClassVar[type[BuilderArgs]] = MeanArgs

    def problems(
        self, feature: FeatureDeclaration, args: MeanArgs, tables: StudyTables
    ) -> Iterator[Problem]:
        """Check the table, the column and its numbers."""
        yield from table_problems(feature, "table", args.table, tables)
        table = tables.tables.get(args.table)
        if table is None:
            return
        yield from column_problems(feature, "column", table, [args.column], numeric=True)
        yield from where_problems(feature, args.where, table)
        yield from weight_problems(feature, table, [args.column])

    def build(self, feature: FeatureDeclaration, args: MeanArgs, tables: StudyTables) -> Built:
        """Average by site and round."""
        table = tables.tables[args.table]
        rules = table.declaration.columns.get(args.column)
        described = {
            "source": f"{table.name}: {args.column}",
            "definition": f"Mean of '{args.column}' over the rows of table '{table.name}'.",
            "range": rules.range if rules is not None and not rules.values else None,
        }
        asked = self.answers(feature, args, tables)
        return mean_over_informants(self, feature, asked, tables, described)

    def answers(self, feature: FeatureDeclaration, args: MeanArgs, tables: StudyTables) -> Answers:
        """Number of each row."""
        key, table = feature.model_dump_json(), tables.tables[args.table]
        value = nw.col(args.column)
        return Answers(feature.name, key, table, value, (args.column,), args.where)


class ShareArgs(BuilderArgs):
    """Arguments of `Share`."""

    table: str = Field(description="Table with one row an informant.")
    column: str = Field(description="Column with the answer.")
    values: tuple[Code, ...] = Field(min_length=1, description="Codes that count towards it.")


class Share(Builder[ShareArgs]):
    """Share of the informants with an answer whose answer is one of some values."""

    name: ClassVar[str] = "share"
    kind: ClassVar[Kind] = "share"
    Args: ClassVar[type[BuilderArgs]] = ShareArgs

    def problems(
        self, feature: FeatureDeclaration, args: ShareArgs, tables: StudyTables
    ) -> Iterator[Problem]:
        """Check the table, the column and that its values are found."""
        yield from table_problems(feature, "table", args.table, tables)
        table = tables.tables.get(args.table)
        if table is None:
            return
        yield from column_problems(feature, "column", table, [args.column])
        yield from value_problems(feature, "values", table, args.column, args.values)
        yield from where_problems(feature, args.where, table)
        yield from weight_problems(feature, table, [args.column])

    def build(self, feature: FeatureDeclaration, args: ShareArgs, tables: StudyTables) -> Built:
        """Take the share by site and round."""
        table = tables.tables[args.table]
        described = {
            "source": f"{table.name}: {args.column}",
            "definition": (
                f"Share of rows of table '{table.name}' where '{args.column}' is "
                f"{quoted(args.values)}, among those with an answer."
            ),
            "unit": "share",
            "range": (0.0, 1.0),
        }
        asked = self.answers(feature, args, tables)
        return mean_over_informants(self, feature, asked, tables, described)

    def answers(self, feature: FeatureDeclaration, args: ShareArgs, tables: StudyTables) -> Answers:
        """1 where the answer is one of the values, 0 where it is another."""
        key, table = feature.model_dump_json(), tables.tables[args.table]
        among = is_among(table, args.column, args.values).cast(nw.Float64)
        value = nw.when(~nw.col(args.column).is_null()).then(among)
        return Answers(feature.name, key, table, value, (args.column,), args.where)
