"""Site means from published counts of answers per option, where single answers are not given."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import ClassVar

import narwhals as nw
import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from site_typology.declaration import FeatureDeclaration, Kind
from site_typology.errors import Problem
from site_typology.features.contract import Builder, BuilderArgs, Built, Estimate, place
from site_typology.features.engines import grouped
from site_typology.features.gaps import eligible_numbers, gap_reasons
from site_typology.features.measurement import known, population_factor
from site_typology.features.selection import (
    column_problems,
    lazy_rows,
    range_problems,
    table_problems,
    where_problems,
)
from site_typology.features.tables import ROUND, SITE, StudyTables, Table
from site_typology.profile_checks import INDEX

LEAST_ITEMS = 0.5
"""Share of the items that need answers at a site for it to have a mean."""

ITEM_CORRELATION = 0.5
"""An assumption: ten items that correlate by this have an alpha of .91, as climate scales do."""


class TabulatedArgs(BuilderArgs):
    """Arguments of `Tabulated`."""

    table: str = Field(description="Table with one row a site, counts in columns.")
    items: tuple[str, ...] = Field(min_length=1, description="Items, as they stand in the pattern.")
    pattern: str = Field(description="Name of a count's column, with {item} and {option}.")
    options: dict[str, float] = Field(min_length=2, description="Option = its score.")
    eligible: str | None = Field(None, description="Column with the number of people asked.")
    item_correlation: float = Field(
        ITEM_CORRELATION,
        ge=0,
        le=1,
        description="Correlation of two items within a site's informants, which counts hide.",
    )

    @field_validator("pattern")
    @classmethod
    def _names_item_and_option(cls, pattern: str) -> str:
        if "{item}" not in pattern or "{option}" not in pattern:
            raise ValueError("a pattern needs {item} and {option}")
        return pattern

    def column(self, item: str, option: str) -> str:
        """Column with the count of one option of one item."""
        return self.pattern.replace("{item}", item).replace("{option}", option)

    @property
    def count_columns(self) -> list[str]:
        """All columns with counts, item by item."""
        return [self.column(item, option) for item in self.items for option in self.options]


class Tabulated(Builder[TabulatedArgs]):
    """Mean over items of the mean answer, from the number of answers per option."""

    name: ClassVar[str] = "tabulated"
    kind: ClassVar[Kind] = "continuous"
    Args: ClassVar[type[BuilderArgs]] = TabulatedArgs

    def problems(
        self, feature: FeatureDeclaration, args: TabulatedArgs, tables: StudyTables
    ) -> Iterator[Problem]:
        """Check the table, and that every count is there and not negative."""
        yield from table_problems(feature, "table", args.table, tables)
        table = tables.tables.get(args.table)
        if table is None:
            return
        yield from column_problems(feature, "pattern", table, args.count_columns, numeric=True)
        yield from range_problems(feature, table, args.count_columns, (0.0, np.inf))
        if args.eligible is not None:
            yield from column_problems(feature, "eligible", table, [args.eligible], numeric=True)
        yield from where_problems(feature, args.where, table)

    def build(self, feature: FeatureDeclaration, args: TabulatedArgs, tables: StudyTables) -> Built:
        """Rebuild each item's mean and variance, then average the items."""
        table = tables.tables[args.table]
        index, counts = _sums(table, args, args.count_columns)
        counts = counts.reshape(len(index), len(args.items), len(args.options))
        scores = np.array(list(args.options.values()))
        eligible = (
            eligible_numbers(tables, table.name, index)
            if args.eligible is None
            else _sums(table, args, [args.eligible])[1][:, 0]
        )
        estimate = tabulated_mean(index, counts, scores, eligible, args.item_correlation)
        scored = ", ".join(f"{option} = {score:g}" for option, score in args.options.items())
        there = estimate.n[~np.isnan(estimate.value)]
        figures = {"informants_per_site": float(there.mean()) if len(there) else np.nan}
        low, high = float(scores.min()), float(scores.max())
        info = self.info(
            feature,
            source=f"{table.name}: {args.pattern} of {', '.join(args.items)}",
            definition=f"Mean over {len(args.items)} items of the mean answer ({scored}).",
            unit=f"score from {low:g} to {high:g}",
            range=(low, high),
            measurement=known(figures),
        )
        gaps = gap_reasons(feature, tables, table, args.count_columns, args.where)
        built = place({feature.name: estimate}, [info], tables, gaps, table=table.name)
        shrunk = shared_variance(args.item_correlation, len(args.items))
        return dataclasses.replace(
            built,
            answered_by=f"{table.name}: {args.pattern}",
            common_error=float(np.sqrt(args.item_correlation / shrunk)) if shrunk > 0 else 0.0,
        )


def shared_variance(correlation: float, items: int) -> float:
    """Variance of a mean of items over the mean of their variances, r + (1 - r) / k.

    For k items of one variance that correlate by r (Lord & Novick 1968, section 5.10).

    Examples
    --------
    >>> shared_variance(0.5, 10), shared_variance(1.0, 4)
    (0.55, 1.0)
    """
    return correlation + (1 - correlation) / items


def _sums(
    table: Table, args: TabulatedArgs, columns: Sequence[str]
) -> tuple[pd.MultiIndex, np.ndarray]:
    """Sums of columns by site and round, shape (g, columns); NaN where a row lacks its number."""
    names = [f"y{at}" for at in range(len(columns))]
    numbers = {name: nw.col(column) for column, name in zip(columns, names, strict=True)}
    asked = [
        nw.len().alias("rows"),
        *(nw.col(name).sum() for name in names),
        *(nw.col(name).count().alias(f"n_{name}") for name in names),
    ]
    sums = grouped(lazy_rows(table, args.where, numbers), [SITE, ROUND], asked)
    index = pd.MultiIndex.from_frame(sums[[SITE, ROUND]], names=INDEX)
    there = sums[[f"n_{name}" for name in names]].to_numpy(dtype=float)
    complete = there == sums["rows"].to_numpy()[:, None]
    return index, np.where(complete, sums[names].to_numpy(dtype=float), np.nan)


def tabulated_mean(
    index: pd.MultiIndex,
    counts: np.ndarray,
    scores: Sequence[float] | np.ndarray,
    eligible: np.ndarray,
    item_correlation: float = ITEM_CORRELATION,
) -> Estimate:
    """Mean and standard error from counts of answers.

    An item's variance is pooled over sites, and not known where no site has two answers. How
    items correlate within people cannot be seen in counts and is assumed. Taking the upper bound
    instead (a correlation of 1) is no safe choice: errors that are overstated, or whose share in
    common is overlooked, let the null test find types among schools where there are none.

    Parameters
    ----------
    counts : ndarray, shape (g, items, options)
        NaN where a count is not known. A published count that is suppressed is no 0, so an item
        that lacks one of its counts has no mean at that site.
    scores : ndarray, shape (options,)
    eligible : ndarray, shape (g,)
        People asked; NaN where it is not known.
    item_correlation : float
        See `shared_variance`.
    """
    scores = np.asarray(scores, dtype=float)
    known_items = ~np.isnan(counts).any(axis=2)
    counts = np.where(known_items[:, :, None], counts, 0.0)
    n = counts.sum(axis=2)
    answered = n > 0
    means = np.divide(counts @ scores, n, out=np.full(n.shape, np.nan), where=answered)
    departures = np.nan_to_num((scores - means[:, :, None]) ** 2)
    freedom = np.maximum(n - 1, 0).sum(axis=0)
    squares = (counts * departures).sum(axis=(0, 2))
    blank = np.full(len(freedom), np.nan)
    variance = np.divide(squares, freedom, out=blank, where=freedom > 0)
    factors = np.stack([population_factor(each, eligible) for each in n.T], axis=1)
    errors = np.sqrt(np.divide(variance * factors, n, out=np.full(n.shape, np.nan), where=answered))
    # With one answer a site nothing is known of an item's variance; it is not 0.
    unknown = (answered & np.isnan(errors)).any(axis=1)
    enough = answered.mean(axis=1) >= LEAST_ITEMS
    several = np.maximum(answered.sum(axis=1), 1)
    value = np.where(enough, np.nansum(means, axis=1) / several, np.nan)
    common = item_correlation * np.nansum(errors, axis=1) ** 2
    own = (1 - item_correlation) * np.nansum(errors**2, axis=1)
    error = np.where(enough & ~unknown, np.sqrt(common + own) / several, np.nan)
    people = n.sum(axis=1) / several
    return Estimate(index, value, error, people)
