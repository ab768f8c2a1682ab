"""How far apart the settings that a site serves lie."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import narwhals as nw
import numpy as np
import pandas as pd
from pydantic import Field

from site_typology.declaration import FeatureDeclaration, Kind
from site_typology.errors import Problem
from site_typology.features.aggregate import Moments, moments
from site_typology.features.contract import BuilderArgs, Built, Estimate
from site_typology.features.knownpart import by_amount, coverage_of, unknown_part
from site_typology.features.measurement import pooled_variance
from site_typology.features.served import (
    Served,
    SettingBuilder,
    WeightedArgs,
    amount,
    named_columns,
    number_problems,
    served_settings,
    weight_rules,
)
from site_typology.features.tables import ROUND, SITE, StudyTables, Table

_AMOUNT = "amount"


class SpreadArgs(WeightedArgs):
    """Arguments of `SettingSpread`."""

    measure: Literal["standard_distance", "mean_distance"] = Field(
        "standard_distance", description="Standard distance, or mean distance to the centre."
    )
    easting: str = Field("Easting", description="Column with metres east on the national grid.")
    northing: str = Field("Northing", description="Column with metres north.")


class SettingSpread(SettingBuilder):
    """How far a site's open settings lie from their centre, in kilometres.

    The standard distance is the root mean square of the distances to the mean centre (Bachi 1963);
    the mean distance gives one far-off setting less say. A site needs two settings with a place; a
    blank or 0 is none.
    """

    name: ClassVar[str] = "setting_spread"
    kind: ClassVar[Kind] = "continuous"
    Args: ClassVar[type[BuilderArgs]] = SpreadArgs

    def column_rules(
        self, feature: FeatureDeclaration, args: SpreadArgs, table: Table
    ) -> Iterator[Problem]:
        """Check that places are metres on the national grid, and the weights."""
        required = named_columns(args, ("easting", "northing"))
        grid = (("easting", args.easting, 700_000.0), ("northing", args.northing, 1_300_000.0))
        for argument, column, last in grid:
            limits = (0.0, last)
            yield from number_problems(feature, argument, table, [column], required, limits)
        yield from weight_rules(feature, args, table)

    def build(self, feature: FeatureDeclaration, args: SpreadArgs, tables: StudyTables) -> Built:
        """Measure distances to each site's centre."""
        table = tables.tables[args.table]
        words = {
            "standard_distance": "Standard distance (root mean square distance to their centre)",
            "mean_distance": "Mean distance to their centre",
        }[args.measure]
        definition = f"{words} of the site's open settings."
        columns = [args.easting, args.northing, *([args.weight] if args.weight else [])]
        if not set(columns) <= set(table.columns):
            return self.unavailable(feature, args, tables, columns, definition, unit="km")
        east, north = (nw.col(name).cast(nw.Float64) for name in (args.easting, args.northing))
        wanted = {"east": east, "north": north, _AMOUNT: amount(args)}
        served = served_settings(feature, args, table, wanted)
        estimate, figures = _spread(served, args.measure)
        described = {"unit": "km", "measurement": figures}
        return self.placed(
            feature, args, tables, estimate, columns, definition, served, **described
        )


def _spread(served: Served, measure: str) -> tuple[Estimate, dict[str, float]]:
    """Spread in kilometres at each site, its error and coverage.

    Distances from the centre of some settings are shorter than from that of all: the mean square
    is widened by n/(n - 1) (N - 1)/N, which leaves it as it is where all are known (Cochran 1977,
    theorem 2.4).
    """
    placed = (served.rows["east"] > 0) & (served.rows["north"] > 0)
    kilometres = {name: served.rows[name].where(placed) / 1000 for name in ("east", "north")}
    rows = by_amount(served.rows, _AMOUNT, kilometres)
    centre = moments(rows, ["east", "north"])
    at = centre.index.get_indexer(pd.MultiIndex.from_frame(rows[[SITE, ROUND]]))
    apart = np.hypot(*(rows[["east", "north"]].to_numpy() - centre.mean[at]).T)
    power = 2 if measure == "standard_distance" else 1
    sums = moments(rows.assign(apart=apart**power), ["apart"])
    n, everyone = sums.n[:, 0], sums.rows
    several = n > 1
    widened = np.where(several, n / np.maximum(n - 1, 1) * (everyone - 1) / everyone, np.nan)
    value = sums.mean[:, 0] ** (1 / power) * np.sqrt(widened)
    error = value * _relative_error(rows.assign(apart=apart**power), sums) / power
    nothing = np.where(several | (n == 0), "", "not applicable").astype(object)
    return Estimate(sums.index, value, error, n, nothing), coverage_of(sums)


def _relative_error(rows: pd.DataFrame, sums: Moments) -> np.ndarray:
    """Error of each site's mean of ``apart``, as a part of it, shape (g,).

    What a distance is of its site's mean one varies alike at near and wide sites, so that its
    variance is pooled. Since every setting draws the centre to itself, its departure counts
    (n - 1)/(n - 2) times, as leaving it out would show (the jackknife of a variance).
    """
    at = sums.index.get_indexer(pd.MultiIndex.from_frame(rows[[SITE, ROUND]]))
    mean, n = sums.mean[at, 0], sums.n[at, 0]
    usable = (n > 2) & (mean > 0)
    wide = np.divide(n - 1, n - 2, out=np.full(len(n), np.nan), where=usable)
    relative = np.divide(rows["apart"], mean, out=np.full(len(n), np.nan), where=usable)
    departures = moments(rows.assign(relative=(relative - 1) * wide), ["relative"])
    unknown = unknown_part(sums)
    share = np.divide(
        pooled_variance(departures)[0],
        sums.effective[:, 0],
        out=np.full(len(unknown), np.nan),
        where=sums.n[:, 0] > 0,
    )
    return np.where(unknown > 0, np.sqrt(share * unknown), 0.0)
