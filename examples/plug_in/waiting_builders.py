"""A builder of one's own: a percentile of a site's rows, such as the wait that nine in ten beat."""

import narwhals as nw
import numpy as np
import pandas as pd
from pydantic import Field

from site_typology.features.contract import Builder, BuilderArgs, Estimate, place
from site_typology.features.gaps import gap_reasons
from site_typology.features.selection import (
    column_problems,
    row_values,
    table_problems,
    where_problems,
)
from site_typology.features.tables import ROUND, SITE


class PercentileArgs(BuilderArgs):
    """Arguments as a study file gives them; each has a description."""

    table: str = Field(description="Table with several rows a site.")
    column: str = Field(description="Column with numbers.")
    share: float = Field(0.9, gt=0, lt=1, description="Share of the rows below the value.")


class Percentile(Builder[PercentileArgs]):
    """The value that a share of a site's rows stays below."""

    name = "percentile"
    kind = "continuous"
    Args = PercentileArgs
    takes_windows = True

    def problems(self, feature, args, tables):
        """Say everything that is wrong, before anything is built."""
        yield from table_problems(feature, "table", args.table, tables)
        if args.table in tables.tables:
            table = tables.tables[args.table]
            yield from column_problems(feature, "column", table, [args.column], numeric=True)
            yield from where_problems(feature, args.where, table)

    def build(self, feature, args, tables):
        """Take the percentile by site and round; its error is not known."""
        table = tables.tables[args.table]
        rows = row_values(table, args.where, {"value": nw.col(args.column).cast(nw.Float64)})
        groups = rows.dropna(subset=["value"]).groupby([SITE, ROUND])["value"]
        values, n = groups.quantile(args.share), groups.size().to_numpy(dtype=float)
        index = pd.MultiIndex.from_tuples(list(values.index), names=["site", "round"])
        estimate = Estimate(index, values.to_numpy(dtype=float), np.full(len(n), np.nan), n)
        info = self.info(
            feature,
            source=f"{table.name}: {args.column}",
            definition=f"Value of '{args.column}' that {args.share:.0%} of the rows stay below.",
        )
        gaps = gap_reasons(feature, tables, table, [args.column], args.where)
        return place({feature.name: estimate}, [info], tables, gaps)
