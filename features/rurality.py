"""Rurality of the settings that a site serves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

import narwhals as nw
import numpy as np
from pydantic import Field

from site_typology.declaration import FeatureDeclaration, Kind
from site_typology.errors import Problem
from site_typology.features.aggregate import moments
from site_typology.features.conditions import quoted
from site_typology.features.contract import BuilderArgs, Built, Estimate
from site_typology.features.knownpart import by_amount, coverage_of, unknown_part
from site_typology.features.measurement import half_count_variance
from site_typology.features.selection import column_problems, place_of
from site_typology.features.served import (
    SettingBuilder,
    WeightedArgs,
    amount,
    named_columns,
    served_settings,
    weight_rules,
)
from site_typology.features.tables import StudyTables, Table, as_text

_RURAL, _AREA, _AMOUNT = "rural", "area", "amount"
_COUNTRY = re.compile(r"^\((?!pseudo)[^)]*\)\s*")
_RURAL_NAME = re.compile(r"^((larger|smaller) )?rural\b|^[d-f][12]$|^r[ls][nf]1$")
_URBAN_NAME = re.compile(r"^urban\b|^[a-c][12]$|^u[nf]1$")
_NOWHERE = re.compile(r"^\(pseudo\)|^not applicable$|^unknown$")


class RuralityArgs(WeightedArgs):
    """Arguments of `SettingRurality`."""

    column: str = Field(
        "UrbanRural (name)",
        description="Column with the name or code of the rural-urban classification.",
    )


class SettingRurality(SettingBuilder):
    """Share of a site's open settings, or of their pupils, that lie in a rural area.

    Names and codes of the rural-urban classifications of 2011 (A1 to F2) and of 2021 (UN1 to RSF1)
    for England and Wales. The register's code stands in where it has no name.
    """

    name: ClassVar[str] = "setting_rurality"
    kind: ClassVar[Kind] = "share"
    Args: ClassVar[type[BuilderArgs]] = RuralityArgs

    def column_rules(
        self, feature: FeatureDeclaration, args: RuralityArgs, table: Table
    ) -> Iterator[Problem]:
        """Check that every area is rural, urban or nowhere, and the weights."""
        yield from column_problems(feature, "column", table, named_columns(args, ("column",)))
        yield from weight_rules(feature, args, table)
        column = _area_column(args, table)
        if column is None:
            return
        strange = [name for name in as_text(table.values(column)) if rural(name) is None]
        if strange:
            yield Problem(
                place_of(feature, "column"),
                f"{quoted(strange)} in column '{column}' of table '{table.name}' is neither rural "
                "nor urban in the classifications of 2011 and 2021 for England and Wales. Mend "
                "the values, or declare them missing with a reason.",
            )

    def build(self, feature: FeatureDeclaration, args: RuralityArgs, tables: StudyTables) -> Built:
        """Take the share by site and round."""
        table = tables.tables[args.table]
        of = f"settings, weighted by '{args.weight}'," if args.weight else "settings"
        definition = f"Share of the site's open {of} that lie in a rural area."
        described: dict[str, Any] = {"unit": "share of settings", "range": (0.0, 1.0)}
        column = _area_column(args, table)
        if column is None:
            return self.unavailable(feature, args, tables, [args.column], definition, **described)
        wanted = {_AREA: nw.col(column), _AMOUNT: amount(args)}
        served = served_settings(feature, args, table, wanted)
        texts = as_text(served.rows[_AREA])
        shares = texts.map({name: rural(name) for name in texts.dropna().unique()}).astype(float)
        sums = moments(by_amount(served.rows, _AMOUNT, {_RURAL: shares}), [_RURAL])
        share, n = sums.mean[:, 0], sums.effective[:, 0]
        error = np.sqrt(half_count_variance(share, n) * unknown_part(sums))
        estimate = Estimate(sums.index, share, error, sums.n[:, 0])
        described["measurement"] = coverage_of(sums)
        columns = [column, *([args.weight] if args.weight else [])]
        return self.placed(
            feature, args, tables, estimate, columns, definition, served, **described
        )


def rural(area: str) -> float | None:
    """1 for a rural area, 0 for an urban one, NaN for none, None for what is not known.

    Parameters
    ----------
    area : str
        Name or code of the rural-urban classification of 2011 or 2021 (Office for National
        Statistics), with or without the country before it.

    Examples
    --------
    >>> rural("(England/Wales) Rural village in a sparse setting"), rural("C1"), rural("RSF1")
    (1.0, 0.0, 1.0)
    >>> rural("Urban: Further from a major town or city"), rural("Larger rural: Nearer to ...")
    (0.0, 1.0)
    >>> rural("(pseudo) Channel Islands/Isle of Man"), rural("Seaside")
    (nan, None)
    """
    name = _COUNTRY.sub("", area.strip().casefold())
    if _RURAL_NAME.search(name):
        return 1.0
    if _URBAN_NAME.search(name):
        return 0.0
    return float("nan") if _NOWHERE.search(name) else None


def _area_column(args: RuralityArgs, table: Table) -> str | None:
    """The column asked for; the register's code where the name is not in this release."""
    for column in (args.column, "UrbanRural (code)"):
        if column in table.columns:
            return column
        if "column" in args.model_fields_set:
            break
    return None
