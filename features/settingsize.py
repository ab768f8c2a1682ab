"""How many settings a site serves, and how large they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import narwhals as nw
import numpy as np
from pydantic import Field

from site_typology.declaration import FeatureDeclaration, Kind
from site_typology.errors import Problem
from site_typology.features.aggregate import moments
from site_typology.features.contract import BuilderArgs, Built, Estimate
from site_typology.features.knownpart import coverage_of, remaining_error, unknown_part
from site_typology.features.medianerror import pooled_residuals, variance_of_medians
from site_typology.features.served import (
    Served,
    SettingArgs,
    SettingBuilder,
    named_columns,
    number_problems,
    served_settings,
)
from site_typology.features.tables import ROUND, SITE, StudyTables, Table
from site_typology.profile_checks import INDEX

_PUPILS = "pupils"
MEANINGS = {
    "settings": ("Number of the site's open settings.", "settings"),
    "pupils": (
        "Pupils of the site's open settings; a setting of unknown size counts as their mean.",
        "pupils",
    ),
    "mean": ("Mean number of pupils over the site's open settings of known size.", "pupils"),
    "median": ("Median number of pupils over the site's open settings of known size.", "pupils"),
}


class SizeArgs(SettingArgs):
    """Arguments of `SettingSize`."""

    measure: Literal["settings", "pupils", "mean", "median"] = Field(
        "settings", description="Number of settings; total, mean or median number of pupils."
    )
    pupils: str = Field("NumberOfPupils", description="Column with the number of pupils.")


class SettingSize(SettingBuilder):
    """Number of a site's open settings, or the total, mean or median of their pupils.

    The number of settings is known exactly, 0 where a site has some but none that is chosen.
    Pupils have an error only where some settings give no number (most colleges): those that do
    are taken for a random part of the site's. Leave colleges out with `where` if that will not do.
    """

    name: ClassVar[str] = "setting_size"
    kind: ClassVar[Kind] = "continuous"
    Args: ClassVar[type[BuilderArgs]] = SizeArgs

    def column_rules(
        self, feature: FeatureDeclaration, args: SizeArgs, table: Table
    ) -> Iterator[Problem]:
        """Check the number of pupils."""
        if args.measure != "settings":
            required = named_columns(args, ("pupils",))
            yield from number_problems(feature, "pupils", table, [args.pupils], required)

    def build(self, feature: FeatureDeclaration, args: SizeArgs, tables: StudyTables) -> Built:
        """Count settings, or add up their pupils."""
        table = tables.tables[args.table]
        definition, unit = MEANINGS[args.measure]
        if args.measure == "settings":
            served = served_settings(feature, args, table, {})
            estimate = _numbers(served)
            return self.placed(feature, args, tables, estimate, [], definition, served, unit=unit)
        columns = [args.pupils]
        if args.pupils not in table.columns:
            return self.unavailable(feature, args, tables, columns, definition, unit=unit)
        pupils = nw.col(args.pupils).cast(nw.Float64)
        served = served_settings(feature, args, table, {_PUPILS: pupils})
        estimate, figures = _sizes(served, args.measure)
        return self.placed(
            feature,
            args,
            tables,
            estimate,
            columns,
            definition,
            served,
            unit=unit,
            measurement=figures,
        )


def _numbers(served: Served) -> Estimate:
    """Number of settings in use at each site that has settings at all."""
    index = served.listed
    counts = served.rows.groupby([SITE, ROUND]).size().rename_axis(INDEX)
    n = counts.reindex(index, fill_value=0).to_numpy(dtype=float)
    return Estimate(index, n, np.zeros(len(n)), n)


def _sizes(served: Served, measure: str) -> tuple[Estimate, dict[str, float]]:
    """Total, mean or median number of pupils at each site."""
    sums = moments(served.rows, [_PUPILS])
    value, error = sums.mean[:, 0], remaining_error(sums)
    if measure == "pupils":
        value, error = value * sums.rows, error * sums.rows
    if measure == "median":
        known = served.rows[served.rows[_PUPILS].notna()]
        group = known.groupby([SITE, ROUND])
        value = group[_PUPILS].median().rename_axis(INDEX).reindex(sums.index).to_numpy(dtype=float)
        spread = variance_of_medians(pooled_residuals(known[_PUPILS], group.ngroup()), sums.n[:, 0])
        unknown = unknown_part(sums)
        # A median's error shrinks by the part that is known as a mean's does (Woodruff 1952).
        error = np.where(unknown > 0, np.sqrt(spread * unknown), 0.0)
    return Estimate(sums.index, value, error, sums.n[:, 0]), coverage_of(sums)
