"""A rate from counts that were asked in bands, such as joiners "1 to 5"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import narwhals as nw
import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, field_validator

from site_typology.declaration import Condition, FeatureDeclaration, Kind
from site_typology.errors import Problem
from site_typology.features.bandedcounts import expected_counts, worth_of_exposure
from site_typology.features.conditions import quoted
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
from site_typology.features.gaps import gap_reasons, reasons_of_either
from site_typology.features.rates import Quantity, quantity_problems, totals
from site_typology.features.selection import (
    column_problems,
    place_of,
    row_values,
    table_problems,
    where_problems,
)
from site_typology.features.tables import ROUND, ROW, SITE, StudyTables, as_text
from site_typology.profile_checks import INDEX

BAND = "band"


class Banded(BaseModel):
    """Counts in bands: a column of codes, and the lowest and highest count of each code."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str
    column: str
    bands: dict[Code, tuple[int, int]] = Field(
        min_length=1, description="Code = [lowest, highest]; assume a highest for an open band."
    )
    where: tuple[Condition, ...] = ()

    @field_validator("bands")
    @classmethod
    def _are_ordered(cls, bands: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
        for code, (low, high) in bands.items():
            if not 0 <= low <= high:
                raise ValueError(f"band '{code}' must be [lowest, highest]; found [{low}, {high}]")
        return bands


class BandedRateArgs(BuilderArgs):
    """Arguments of `BandedRate`."""

    numerator: Banded = Field(description="Table, column of codes, and the bands they stand for.")
    denominator: Quantity = Field(description="Table, and column to sum; rows if no column.")
    per: float = Field(1.0, gt=0, description="Units of the denominator that the rate is for.")


class BandedRate(Builder[BandedRateArgs]):
    """A count known by its band over a total.

    The count expected in its band stands for it, given how counts are spread over all sites; the
    error is that of a Poisson count and of the place in the band (`expected_counts`). The
    denominator is taken as known; `n` is the part of it whose exact count would say as much
    (`worth_of_exposure`), from which the interval is formed.
    """

    name: ClassVar[str] = "banded_rate"
    kind: ClassVar[Kind] = "rate"
    Args: ClassVar[type[BuilderArgs]] = BandedRateArgs

    def problems(
        self, feature: FeatureDeclaration, args: BandedRateArgs, tables: StudyTables
    ) -> Iterator[Problem]:
        """Check both tables, and that every code has its band."""
        yield from quantity_problems(feature, "denominator", args.denominator, tables)
        top = args.numerator
        yield from table_problems(feature, "numerator", top.table, tables)
        table = tables.tables.get(top.table)
        if table is None:
            return
        yield from column_problems(feature, "numerator", table, [top.column])
        for argument, where in (("where", args.where), ("numerator.where", top.where)):
            yield from where_problems(feature, where, table, argument)
        if top.column not in table.columns:
            return
        found = as_text(table.values(top.column).dropna()).unique()
        unknown = sorted(code for code in found if code not in top.bands)
        if unknown:
            yield Problem(
                place_of(feature, "numerator.bands"),
                f"Column '{top.column}' of table '{top.table}' has the codes {quoted(unknown)}, "
                f"which have no band. Bands: {quoted(list(top.bands))}. Add them, or declare the "
                "codes missing with a reason.",
            )

    def build(
        self, feature: FeatureDeclaration, args: BandedRateArgs, tables: StudyTables
    ) -> Built:
        """Divide the middles by the denominator."""
        top = args.numerator
        grid = study_grid(tables)
        bottom = totals(args.denominator, tables)["total"].reindex(grid)
        rows = banded_rows(top, tables, args.where)
        counts = by_site(rows, bottom, tables).reindex(grid)
        known = bottom.where(bottom > 0).to_numpy(dtype=float)
        value = args.per * counts["count"].to_numpy(dtype=float) / known
        error = args.per * np.sqrt(counts["variance"].to_numpy(dtype=float)) / known
        nothing = np.where((bottom <= 0).to_numpy(), "not applicable", "").astype(object)
        words = "; ".join(f"{code}: {low} to {high}" for code, (low, high) in top.bands.items())
        scaled = "" if args.per == 1 else f", times {args.per:g}"
        info = self.info(
            feature,
            source=f"{top.table}: {top.column}; {args.denominator.source}",
            definition=f"Expected count in the band of '{top.column}' in table '{top.table}' "
            f"({words}), as counts are spread over all sites, by {args.denominator.words}{scaled}.",
            measurement={"from_counts": 1 / args.per},
        )
        below = tables.tables[args.denominator.table]
        gaps = reasons_of_either(
            counts["count"].where((bottom > 0).to_numpy(), 0.0),
            gap_reasons(
                feature, tables, tables.tables[top.table], [top.column], (*args.where, *top.where)
            ),
            bottom,
            gap_reasons(feature, tables, below, args.denominator.columns, args.denominator.where),
        )
        n = known * worth_of_exposure(
            counts["count"].to_numpy(dtype=float), counts["place"].to_numpy(dtype=float)
        )
        estimate = Estimate(grid, value, error, n, nothing)
        return place({feature.name: estimate}, [info], tables, gaps)


def banded_rows(
    banded: Banded, tables: StudyTables, where: tuple[Condition, ...] = ()
) -> pd.DataFrame:
    """Lowest and highest count of each row: ``SITE, ROUND, ROW, low, high``, NaN without a code."""
    table = tables.tables[banded.table]
    rows = row_values(table, (*where, *banded.where), {BAND: nw.col(banded.column)})
    limits = pd.DataFrame(
        {code: (float(low), float(high)) for code, (low, high) in banded.bands.items()},
        index=["low", "high"],
    ).T
    own = limits.reindex(as_text(rows[BAND]).to_numpy())
    return rows[[SITE, ROUND, ROW]].assign(low=own["low"].to_numpy(), high=own["high"].to_numpy())


def by_site(rows: pd.DataFrame, total: pd.Series, tables: StudyTables) -> pd.DataFrame:
    """Expected count, the variance of its error and of its place in the band, at each site.

    Parameters
    ----------
    rows : DataFrame
        As `banded_rows` gives them.
    total : Series
        Denominator by (site, round); several rows of a site share it.

    Returns
    -------
    DataFrame
        Index (site, round) of the study; ``count``, ``variance`` and ``place``, NaN where a row
        has no code or the denominator is not known or 0.
    """
    keys = [SITE, ROUND]
    # Ones that hold for every round are spread over rounds first, as the denominator is.
    each = pd.concat(
        [
            over_rounds(part.set_index(keys).rename_axis(INDEX), tables).dropna(subset=[ROW])
            for _, part in rows.groupby(rows.groupby(keys).cumcount())
        ]
        or [pd.DataFrame(columns=[ROW, "low", "high"], index=total.index[:0], dtype=float)]
    )
    several = each.groupby(level=INDEX)[ROW].transform("size")
    exposure = (total.where(total > 0).reindex(each.index) / several).to_numpy(dtype=float)
    low, high = each["low"].to_numpy(dtype=float), each["high"].to_numpy(dtype=float)
    known = ~np.isnan(low) & ~np.isnan(exposure)
    names = ["count", "variance", "place"]
    found = pd.DataFrame(np.nan, index=each.index, columns=names)
    if known.any():
        expected = expected_counts(low[known], high[known], exposure[known])
        found.loc[known] = np.stack(expected, axis=1)
    # A row that is not known leaves the sum of its site unknown.
    unknown = pd.Series(np.isnan(low), index=each.index).groupby(level=INDEX).any()
    sums = found.groupby(level=INDEX).sum(min_count=1)
    return sums.mask(unknown.reindex(sums.index))
